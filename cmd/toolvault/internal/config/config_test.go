package config

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"toolvault/auth"
	"toolvault/auth/scope"
	"toolvault/vault"
)

var update = flag.Bool("update", false, "write what the files in testdata/bad lead to into them")

// known is what a program of four services would know. In its rules "@@" is a
// mistake.
func known() Known {
	return Known{
		Catalogs: scope.Catalogs{
			"slack": scope.NewCatalog("slack", scope.Def{Name: "chat:write", Write: true}, scope.Def{Name: "channels:read"}),
			"hubspot": scope.NewCatalog("hubspot",
				scope.Def{Name: "crm.objects.contacts.read", Aliases: []string{"contacts.read"}},
				scope.Def{Name: "crm.objects.deals.read", Aliases: []string{"deals.read"}}),
			"pinecone": scope.NewCatalog("pinecone", scope.Def{Name: "record.read"}),
			"metabase": scope.NewCatalog("metabase", scope.Def{Name: "dashboard.write", Write: true}),
		},
		Types: map[string][]string{
			"slack": {vault.TypeOAuthToken, vault.TypeServiceToken}, "hubspot": {vault.TypeOAuthToken, vault.TypeServiceToken},
			"pinecone": {vault.TypeAPIKey}, "metabase": append(vault.Everywhere(), vault.TypeAPIKey, vault.TypeServiceToken, vault.TypeSession),
		},
		Tools: map[string]bool{"slack_post_message": false, "slack_list_channels": false, "slack_delete_message": true},
		Rules: func(_ string, rules []auth.Rule) error {
			for i, r := range rules {
				for field, text := range map[string]string{"tools": r.Tools, "allow": r.Allow, "deny": r.Deny} {
					for line, s := range strings.Split(text, "\n") {
						if before, _, ok := strings.Cut(s, "@@"); ok {
							return &auth.RuleError{Index: i, Field: field, Line: line + 1, Column: len([]rune(before)) + 1, Message: "there is no @@"}
						}
					}
				}
			}
			return nil
		},
	}
}

// Each file holds a config and the errors that it leads to.
func TestMistakesAreReportedAtTheirPlace(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.txtar")
	if err != nil || len(files) < 20 {
		t.Fatalf("only %d files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if len(a.Files) != 2 || a.Files[1].Name != "errors" {
				t.Fatal("want two files, a config and its errors")
			}
			_, err = Parse(a.Files[0].Name, a.Files[0].Data, known())
			if err == nil {
				t.Fatal("no error")
			}
			got := err.Error() + "\n"
			if strings.Contains(got, "canary") {
				t.Errorf("a secret is shown:\n%s", got)
			}
			if *update {
				a.Files[1].Data = []byte(got)
				if err := os.WriteFile(file, txtar.Format(a), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if want := string(a.Files[1].Data); got != want {
				t.Errorf("got\n%swant\n%s", got, want)
			}
			checkPlaces(t, err, a.Files[0].Data)
		})
	}
}

// checkPlaces fails if an error stands outside the file, or two out of order.
func checkPlaces(t *testing.T, err error, content []byte) {
	t.Helper()
	var es Errors
	if !errors.As(err, &es) || len(es) == 0 || len(es) > maxErrors {
		t.Fatalf("%T with %d errors", err, len(es))
	}
	lines := strings.Split(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(strings.TrimPrefix(string(content), "\ufeff")), "\n")
	last := Position{}
	for i, e := range es {
		if e.Line == 0 && (len(es) == 1 || i == len(es)-1) {
			continue
		}
		if e.Line < 1 || e.Line > len(lines) || e.Column < 1 || e.Column > len([]rune(lines[e.Line-1]))+1 {
			t.Errorf("no such place: %v", e)
		}
		if e.Line < last.Line || e.Line == last.Line && e.Column < last.Column {
			t.Errorf("out of order: %v", e)
		}
		last = Position{e.Line, e.Column}
	}
}

const design = `
server:  { listen: 127.0.0.1:8765, public_url: https://tools.example.com/, allowed_hosts: [Tools.example.com], allowed_origins: ["https://app.example.com"], tool_call_id_keys: [my/id] }
storage: { url: "file:./data" }
keys:    { master: "env:TOOLVAULT_MASTER_KEY" }
services:
  hubspot:  { oauth: { client_id: "env:HUBSPOT_CLIENT_ID", client_secret: "env:HUBSPOT_CLIENT_SECRET" }, timeout: 20s }
  metabase: { base_url: https://metabase.internal.example.com/ }
agents:
  - agentId: support-agent-1
    credentials:
      - { service: pinecone, type: api_key,       source: "env:PINECONE_API_KEY",             scope: read-only }
      - { service: hubspot,  type: oauth_token,   source: "vault:hubspot/support-agent-1",    scope: contacts.read }
      - { service: metabase, type: service_token, source: "vault:metabase/svc-token",         scope: dashboard.write }
      - { service: slack,    type: oauth_token,   source: "vault:slack/support-agent-1",      scope: "chat:write channels:read" }
      - { service: slack,    type: service_token, source: "file:keys/ana", scope: read-only, user: ana@example.com }
    tasks:
      weekly-follow-up: "hubspot:contacts.read pinecone:read-only slack:chat:write"
    policy:
      - { tools: "slack_post_message", allow: 'args.channel in ["#support-updates"]' }
      - { tools: "*", deny: 'now.getHours("Europe/Berlin") < 6' }
`

func TestTheConfigOfTheDesignIsRead(t *testing.T) {
	c, err := Parse("/etc/toolvault/toolvault.yaml", []byte(design), known())
	if err != nil {
		t.Fatal(err)
	}
	for name, got := range map[string][2]string{
		"listen":    {c.Server.Listen, "127.0.0.1:8765"},
		"public":    {c.Server.PublicURL, "https://tools.example.com"},
		"hosts":     {strings.Join(c.Server.AllowedHosts, " "), "tools.example.com"},
		"origins":   {strings.Join(c.Server.AllowedOrigins, " "), "https://app.example.com"},
		"call ids":  {strings.Join(c.Server.ToolCallIDKeys, " "), "my/id"},
		"storage":   {c.Storage.URL, "file:/etc/toolvault/data"},
		"master":    {c.Keys.Master, "env:TOOLVAULT_MASTER_KEY"},
		"client id": {c.Services["hubspot"].OAuth.ClientID, "env:HUBSPOT_CLIENT_ID"},
		"base url":  {c.Services["metabase"].BaseURL, "https://metabase.internal.example.com"},
		"agent":     {c.Agents[0].ID, "support-agent-1"},
		"task":      {c.Agents[0].Tasks["weekly-follow-up"].String(), "hubspot:crm.objects.contacts.read pinecone:read-only slack:chat:write"},
		"rule":      {c.Agents[0].Rules[1].Deny, `now.getHours("Europe/Berlin") < 6`},
		"timeout":   {c.Services["hubspot"].Timeout.String(), (20 * time.Second).String()},
	} {
		if got[0] != got[1] {
			t.Errorf("%s: %q, want %q", name, got[0], got[1])
		}
	}
	want := []struct{ id, typ, source, scope, user string }{
		{"pinecone/support-agent-1", "api_key", "env:PINECONE_API_KEY", "read-only", ""},
		{"hubspot/support-agent-1", "oauth_token", "vault:hubspot/support-agent-1", "crm.objects.contacts.read", ""},
		{"metabase/svc-token", "service_token", "vault:metabase/svc-token", "dashboard.write", ""},
		{"slack/support-agent-1", "oauth_token", "vault:slack/support-agent-1", "chat:write channels:read", ""},
		{"slack/support-agent-1/ana@example.com", "service_token", "file:/etc/toolvault/keys/ana", "read-only", "ana@example.com"},
	}
	for i, w := range want {
		d := c.Agents[0].Credentials[i]
		if d.ID != w.id || d.Type != w.typ || d.Source != w.source || d.Scope.String() != w.scope || d.Owner != (vault.Owner{Agent: "support-agent-1", User: w.user}) {
			t.Errorf("credential %d is %+v, want %+v", i, d, w)
		}
	}
	refs := c.References()
	if len(refs) != 8 {
		t.Fatalf("%d references: %v", len(refs), refs)
	}
	first := refs[0]
	if first.String() != "env:TOOLVAULT_MASTER_KEY" || first.Where != "keys.master" || first.Line != 4 || first.Column != 20 {
		t.Errorf("the first reference is %+v", first)
	}
	if e := c.Errorf("agents[0].credentials[2].source", "vault:metabase/svc-token does not exist"); e.Line != 13 || e.Column != 59 {
		t.Errorf("a later error is at the wrong place: %v", e)
	}
}

func TestOneAgentAloneIsAConfig(t *testing.T) {
	c, err := Parse("agent.json", []byte(`{ "agentId": "a1", "credentials": [
	{ "service": "pinecone", "type": "api_key", "source": "env:K", "scope": "read-only" } ] }`), known())
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Agents) != 1 || c.Agents[0].ID != "a1" || c.Agents[0].Credentials[0].ID != "pinecone/a1" || c.Server.Listen != DefaultListen {
		t.Errorf("%+v", c)
	}
	if r := c.References()[0]; r.Where != "credentials[0].source" || r.Line != 2 || r.Column != 56 {
		t.Errorf("%+v", r)
	}
}

func TestSmallAndOddFilesThatAreRight(t *testing.T) {
	for name, text := range map[string]string{
		"only a server":       "server: { listen: ':9000' }",
		"empty sections":      "server:\nagents:\nservices:\n",
		"json with tabs":      "{\n\t\"agents\": [\n\t\t{ \"agentId\": \"a\" }\n\t]\n}\r\n",
		"a byte order mark":   "\ufeffagents: []",
		"one document marker": "---\nagents: []\n",
		"http nearby":         "services: { metabase: { base_url: 'http://metabase:3000' } }",
		"http on loopback":    "server: { public_url: 'http://localhost:8765' }",
		"a literal client id": "services: { slack: { oauth: { client_id: '1234567890.1234567890' } } }",
		"a uuid client id":    "services: { hubspot: { oauth: { client_id: '0f8fad5b-d9cb-469f-a165-70867728950e' } } }",
		"redis":               "storage: { url: 'rediss://tools@redis.example.com:6380/1' }",
		"sentinels":           "storage: { url: 'redis-sentinel://s1:26379,s2,s3/main/0' }",
		"redis with more":     "storage: { url: 'rediss://tools@redis.example.com:6380/1?namespace=staging-2&replicas=1&tls_ca=/etc/toolvault/redis-ca.pem&tls_cert=/etc/toolvault/redis.pem&tls_key=/etc/toolvault/redis.key' }",
		"redis by reference":  "storage: { url: 'env:REDIS_URL' }",
		"file url":            "storage: { url: 'file:///var/lib/toolvault' }",
		"a shared credential": "agents:\n- {agentId: a, credentials: [{service: metabase, type: api_key, source: 'vault:m', scope: read-only}]}\n- {agentId: b, credentials: [{service: metabase, type: api_key, source: 'vault:m', scope: read-write}]}",
		"two for one service": "agents: [{agentId: a, credentials: [{service: slack, type: service_token, source: 'env:R', scope: read-only}, {service: slack, type: service_token, source: 'env:W', scope: 'chat:write', id: slack/writer}]}]",
	} {
		if _, err := Parse("c.yaml", []byte(text), known()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTheDefaultIsOneThatCanBeParsed(t *testing.T) {
	c, err := Parse("c.yaml", []byte("agents: []"), known())
	if err != nil || c.Server.Listen != Default().Server.Listen || c.Storage != Default().Storage || c.Keys != Default().Keys {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestErrorsAreBounded(t *testing.T) {
	_, err := Parse("c.yaml", []byte(strings.Repeat("x: 1\ny: 1\nz: 1\n", 100)), known())
	var es Errors
	if !errors.As(err, &es) || len(es) != maxErrors || !strings.Contains(es[maxErrors-1].Message, "281 more") {
		t.Errorf("%d: %v", len(es), err)
	}
	var one *Error
	if !errors.As(err, &one) || one.Line != 1 {
		t.Errorf("%v", one)
	}
}

func TestHostileFilesAreRefusedFast(t *testing.T) {
	for name, text := range map[string]string{
		"too large":     "# " + strings.Repeat("x", maxSize),
		"deep lists":    strings.Repeat("- ", 400_000),
		"deep flow":     strings.Repeat("[", 900_000),
		"many lists":    strings.Repeat("- a: b\n  c: d\n", 60_000),
		"deep mappings": strings.Repeat("{a: ", 200_000),
		"deep keys": func() string {
			var b strings.Builder
			for i := range 1000 {
				b.WriteString(strings.Repeat(" ", i) + "a:\n")
			}
			return b.String()
		}(),
		"aliases":  "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]",
		"not text": "a: \xff",
		"a zero":   "a: \x00",
		"many keys": func() string {
			var b strings.Builder
			for range 100_000 {
				b.WriteString("a: b\n")
			}
			return b.String()
		}(),
	} {
		t.Run(name, func(t *testing.T) {
			if len(text) > maxSize+2 {
				t.Fatal("larger than what is read at all")
			}
			done := make(chan error, 1)
			go func() { _, err := Parse("c.yaml", []byte(text), known()); done <- err }()
			select {
			case err := <-done:
				if err == nil || len(err.Error()) > 5000 {
					t.Errorf("%v", err)
				}
			case <-time.After(15 * time.Second):
				t.Fatal("takes more than 15 s")
			}
		})
	}
}
