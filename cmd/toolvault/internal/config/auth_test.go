package config

import (
	"strings"
	"testing"
	"time"

	"toolvault/auth/issuer"
)

const wholeAuth = `
auth:
  token_ttl: 20m
  refresh_ttl: 48h
  registration: true
  client_metadata: ["claude.ai", "*.example.com"]
  dpop: required
  login: { issuer: https://login.example.com, client_id: toolvault, client_secret: "env:LOGIN", label: Example, scopes: "openid email", groups_claim: roles }
  people:
    - { name: ada, password_hash: "env:ADA", groups: [support] }
    - { name: bob }
  admins:
    - { who: "group:ops", scopes: "admin:agents audit:read" }
  clients:
    - { client_id: ide, name: My IDE, redirect_uris: ["http://127.0.0.1/cb", "com.example.ide:/cb"], agents: [bot], trusted: true }
    - { client_id: night, secret: ["env:A", "env:B"], admin: "audit:read" }
  issuers:
    - issuer: https://ci.example.com
      use: [workloads]
      rules: [{ subject: "repo:acme/support:**", claims: { environment: production }, agent: bot, scope: "slack:read-only", ttl: 10m }]
agents:
  - agentId: bot
    users: [ada, "group:support", "*"]
    client: { key: "file:bot.pem" }
    delegates: [helper]
    credentials: []
  - agentId: helper
    credentials: []
`

func TestAuthSection(t *testing.T) {
	c, err := Parse("/etc/tv/c.yaml", []byte(wholeAuth), known())
	if err != nil {
		t.Fatal(err)
	}
	a := c.Auth
	switch {
	case a.TokenTTL != 20*time.Minute || a.RefreshTTL != 48*time.Hour || !a.Registration || !a.RequireDPoP || len(a.ClientMetadata) != 2:
		t.Errorf("%+v", a)
	case a.Login == nil || a.Login.ClientSecret != "env:LOGIN" || a.Login.GroupsClaim != "roles" || len(a.Login.Scopes) != 2:
		t.Errorf("login %+v", a.Login)
	case len(a.People) != 2 || a.People[0].PasswordHash != "env:ADA" || a.People[0].Groups[0] != "support":
		t.Errorf("people %+v", a.People)
	case len(a.Admins) != 1 || a.Admins[0].Who != "group:ops" || len(a.Admins[0].Scopes) != 2:
		t.Errorf("admins %+v", a.Admins)
	case len(a.Clients) != 2 || !a.Clients[0].Trusted || len(a.Clients[0].Redirects) != 2 || len(a.Clients[1].Secrets) != 2 || a.Clients[1].Admin[0] != "audit:read":
		t.Errorf("clients %+v", a.Clients)
	case len(a.Issuers) != 1 || a.Issuers[0].Uses[0] != issuer.Workloads || a.Issuers[0].Rules[0].TTL != 10*time.Minute:
		t.Errorf("issuers %+v", a.Issuers)
	case len(c.Agents[0].Users) != 3 || c.Agents[0].Client.Key != "file:/etc/tv/bot.pem" || c.Agents[0].Delegates[0] != "helper":
		t.Errorf("agent %+v", c.Agents[0])
	}
	var refs []string
	for _, r := range c.References() {
		refs = append(refs, r.Where+"="+r.String())
	}
	for _, want := range []string{"auth.login.client_secret=env:LOGIN", "auth.people[0].password_hash=env:ADA", "auth.clients[1].secret[1]=env:B", "agents[0].client.key=file:/etc/tv/bot.pem"} {
		if !strings.Contains(strings.Join(refs, " "), want) {
			t.Errorf("%s is not among the references: %q", want, refs)
		}
	}
}

func TestMistakesOfAuth(t *testing.T) {
	agents := "\nagents:\n  - agentId: bot\n    credentials: []\n"
	for yaml, want := range map[string]string{
		"auth: { token_ttl: 1s }":                            "duration from",
		"auth: { dpop: requird }":                            "did you mean \"required\"",
		"auth: { client_metadata: [\"https://x.example\"] }": "must be a host",
		"auth: { login: { client_id: x } }":                  "give its issuer",
		"auth: { login: { issuer: \"https://l.example\" } }": "give the client_id",
		"auth: { login: { issuer: \"https://l.example\", client_id: x, client_secret: hunter2hunter2 } }":                                    "a secret never stands in the file",
		"auth: { people: [{ name: ada, password_hash: hunter2 }] }":                                                                          "no hash of a password",
		"auth: { people: [{ name: ada }, { name: ADA }] }":                                                                                   "two people",
		"auth: { admins: [{ who: ada, scopes: \"admin:agent\" }] }":                                                                          "did you mean \"admin:agents\"",
		"auth: { admins: [{ who: ada }] }":                                                                                                   "what may they do",
		"auth: { clients: [{ client_id: x }] }":                                                                                              "can do nothing",
		"auth: { clients: [{ client_id: x, admin: \"audit:read\" }] }":                                                                       "proves who it is",
		"auth: { clients: [{ client_id: x, redirect_uris: [\"http://evil.example/cb\"] }] }":                                                 "https with a host",
		"auth: { clients: [{ client_id: x, redirect_uris: [\"https://a.example/cb#f\"] }] }":                                                 "fragment",
		"auth: { clients: [{ client_id: x, redirect_uris: [\"https://a.example/cb\"], agents: [bott] }] }" + agents:                          "did you mean \"bot\"",
		"auth: { clients: [{ client_id: x, secret: \"env:A\", key: \"file:x\", admin: \"audit:read\" }] }":                                   "in one way",
		"auth: { clients: [{ client_id: \"https://x.example/c\", admin: \"audit:read\", secret: \"env:A\" }] }":                              "describes itself",
		"auth: { issuers: [{ issuer: \"https://ci.example.com\" }] }":                                                                        "give use",
		"auth: { issuers: [{ issuer: \"https://ci.example.com\", use: [workload] }] }":                                                       "did you mean \"workloads\"",
		"auth: { issuers: [{ issuer: \"https://ci.example.com\", use: [workloads], rules: [{ agent: bott, subject: \"a:*\" }] }] }" + agents: "did you mean \"bot\"",
		"auth: { issuers: [{ issuer: \"https://ci.example.com\", use: [workloads], rules: [{ agent: bot }] }] }" + agents:                    "give a subject, or a claim",
		"agents:\n  - { agentId: bot, delegates: [bot], credentials: [] }":                                                                   "to itself",
		"agents:\n  - { agentId: bot, delegates: [other], credentials: [] }":                                                                 "no agent",
		"agents:\n  - { agentId: bot, client: { }, credentials: [] }":                                                                        "proves who it is",
		"agents:\n  - { agentId: bot, users: [\"group:\"], credentials: [] }":                                                                "name of a group",
	} {
		_, err := Parse("c.yaml", []byte(yaml), known())
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\n%v\nwant %q", yaml, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("a secret is shown: %v", err)
		}
	}
}
