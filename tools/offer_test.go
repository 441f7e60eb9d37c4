package tools_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"toolvault/auth"
	"toolvault/schemas"
	"toolvault/tools"
	"toolvault/tools/fault"
)

// newDiscovery is newWorld with toolvault's own tools, and one of the shelf's that
// burns books.
func newDiscovery(t *testing.T, rules ...auth.Rule) *world {
	t.Helper()
	return newWorldOf(t, nil, append(ownFiles(t), burning(t)), rules...)
}

func ownFiles(t *testing.T) []schemas.Tool {
	t.Helper()
	all, err := schemas.Load()
	must(t, err)
	return slices.DeleteFunc(all, func(s schemas.Tool) bool { return s.Service != "toolvault" })
}

func burning(t *testing.T) schemas.Tool {
	t.Helper()
	file, err := schemas.Parse([]byte(`{"name":"shelf_burn","title":"Burn","service":"shelf","scope":"book.write","description":"Burns a book for ever.",
		"annotations":{"readOnly":false,"destructive":true,"idempotent":true,"irreversible":true},"words":"destroy",
		"input":{"type":"object","additionalProperties":false,"required":["title"],"properties":{"title":{"type":"string"},"box":{"type":"string","default":"book"}}}}`))
	must(t, err)
	return file
}

func (w *world) listed() (names []string) {
	for _, s := range w.List(w.id) {
		names = append(names, s.Name)
	}
	return names
}

func TestOffers(t *testing.T) {
	reading := tools.Toolsets{{Service: "shelf", Read: true}}
	for _, c := range []struct {
		name   string
		all    tools.Offer
		agent  tools.Offer
		listed []string
		known  []string
	}{
		{"nothing said", tools.Offer{}, tools.Offer{}, []string{"shelf_get", "shelf_put", "toolvault_whoami"}, nil},
		{"read only, for all", tools.Offer{ReadOnly: true}, tools.Offer{}, []string{"shelf_get", "toolvault_whoami"}, nil},
		{"read only, for the agent", tools.Offer{}, tools.Offer{ReadOnly: true}, []string{"shelf_get", "toolvault_whoami"}, nil},
		{"read only is not brought back", tools.Offer{ReadOnly: true}, tools.Offer{Irreversible: []string{"shelf_burn"}}, []string{"shelf_get", "toolvault_whoami"}, nil},
		{"a part of a service", tools.Offer{Toolsets: reading}, tools.Offer{}, []string{"shelf_get", "toolvault_whoami"}, nil},
		{"two parts meet", tools.Offer{Toolsets: reading}, tools.Offer{Toolsets: tools.Toolsets{{Service: "shelf", Write: true}}}, []string{"toolvault_whoami"}, nil},
		{"another service", tools.Offer{Toolsets: tools.Toolsets{{Service: "slack", Read: true, Write: true}}}, tools.Offer{}, []string{"toolvault_whoami"}, nil},
		{"for good, named", tools.Offer{}, tools.Offer{Irreversible: []string{"shelf_burn"}}, []string{"shelf_burn", "shelf_get", "shelf_put", "toolvault_whoami"}, nil},
		{"discovery", tools.Offer{Discovery: true}, tools.Offer{}, []string{"call_tool", "describe_tool", "find_tools"}, []string{"shelf_get", "shelf_put", "toolvault_whoami"}},
		{"discovery with a pin", tools.Offer{}, tools.Offer{Discovery: true, Pins: []string{"shelf_get"}}, []string{"call_tool", "describe_tool", "find_tools", "shelf_get"}, []string{"shelf_put"}},
		{"a pin gives nothing", tools.Offer{ReadOnly: true, Discovery: true}, tools.Offer{Pins: []string{"shelf_put"}}, []string{"call_tool", "describe_tool", "find_tools"}, []string{"shelf_get"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newDiscovery(t)
			w.SetOffers(c.all, map[string]tools.Offer{"a1": c.agent})
			if got := w.listed(); !slices.Equal(got, c.listed) {
				t.Errorf("listed %v, want %v", got, c.listed)
			}
			for _, name := range []string{"shelf_get", "shelf_put", "shelf_burn", "toolvault_whoami", "find_tools"} {
				_, known := w.Knows(w.id, name)
				want := slices.Contains(c.listed, name) || slices.Contains(c.known, name) || name == "toolvault_whoami"
				if known != want {
					t.Errorf("%s is known: %v, want %v", name, known, want)
				}
				args := `{"title":"x","box":"book"}`
				if strings.HasPrefix(name, "toolvault") {
					args = `{}`
				}
				if name == "find_tools" {
					continue
				}
				if r := w.call(t, name, args); (kind(r) == fault.NotFound) == want {
					t.Errorf("%s: %v", name, r.Failure)
				}
			}
		})
	}
}

func TestParseToolsets(t *testing.T) {
	services := []string{"slack", "hubspot"}
	got, err := tools.ParseToolsets("slack:read, hubspot", services)
	if want := (tools.Toolsets{{Service: "slack", Read: true}, {Service: "hubspot", Read: true, Write: true}}); err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v", got, err)
	}
	for text, says := range map[string]string{"": "names no service", " ,": "names no service", "slak": `did you mean "slack"?`, "xyz": "there are slack, hubspot", "slack:all": "write slack:read, slack:write or slack", "slack:": "is no part"} {
		if _, err := tools.ParseToolsets(text, services); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// All that can be reached by name can be reached through call_tool, and nothing
// else: the same checks, the same records.
func TestCallToolIsTheCallItself(t *testing.T) {
	w := newDiscovery(t, auth.Rule{Tools: "shelf_put", Deny: `args.title == "forbidden"`})
	through := func(t *testing.T, args string) tools.Result {
		t.Helper()
		call := w.Direct(w.id, tools.Call{Tool: "call_tool", Arguments: json.RawMessage(args), Transport: "http"})
		return w.Call(t.Context(), w.id, call)
	}
	if r := through(t, `{"name":"shelf_get","arguments":{"title":"x"}}`); kind(r) != fault.NotFound {
		t.Errorf("where discovery is off there is no call_tool: %v", r.Failure)
	}
	w.SetOffers(tools.Offer{Discovery: true}, nil)
	for _, c := range []struct {
		args string
		kind fault.Kind
		tool string // in the record
	}{
		{`{"name":"shelf_get","arguments":{"title":"x"}}`, "", "shelf_get"},
		{`{"name":"shelf_put","arguments":{"title":"x"}}`, "", "shelf_put"},
		{`{"name":"shelf_put","arguments":{"title":"forbidden"}}`, fault.NotPermitted, "shelf_put"},
		{`{"name":"shelf_get","arguments":{"titel":"x"}}`, fault.InvalidArguments, "shelf_get"},
		{`{"name":"shelf_get"}`, fault.InvalidArguments, "shelf_get"},
		{`{"name":"shelf_burn","arguments":{"title":"x"}}`, fault.NotFound, "shelf_burn"},
		{`{"name":"shelf_gett","arguments":{"title":"x"}}`, fault.NotFound, "shelf_gett"},
		{`{"name":"toolvault_whoami"}`, "", "toolvault_whoami"},
		{`{"name":"call_tool","arguments":{"name":"call_tool"}}`, fault.InvalidArguments, "call_tool"},
		{`{"nam":"shelf_get"}`, fault.InvalidArguments, "call_tool"},
		{`{"name":"shelf_get","arguments":[]}`, fault.InvalidArguments, "call_tool"},
		{`not json`, fault.InvalidArguments, "call_tool"},
	} {
		before := len(w.log.records())
		if r := through(t, c.args); kind(r) != c.kind {
			t.Errorf("%s: %v", c.args, r.Failure)
		}
		written := w.log.records()[before:]
		if len(written) == 0 || len(written) > 2 || written[len(written)-1].Tool != c.tool {
			t.Errorf("%s: %d records: %+v", c.args, len(written), written)
		}
	}
	// Once more for what the token does not grant.
	narrow := w.id
	grants, err := w.parse("shelf:book.read")
	must(t, err)
	narrow.Grants = grants
	call := w.Direct(narrow, tools.Call{Tool: "call_tool", Arguments: json.RawMessage(`{"name":"shelf_put","arguments":{"title":"x"}}`)})
	if needed, missing := w.Missing(narrow, call); !missing || needed != "shelf:book.write" {
		t.Errorf("missing %q %v", needed, missing)
	}
}

func TestFindAndDescribe(t *testing.T) {
	w := newDiscovery(t)
	w.SetOffers(tools.Offer{Discovery: true}, nil)
	size := 0
	for _, s := range w.List(w.id) {
		size += len(s.Listing())
		if s.Name == "find_tools" && !strings.Contains(s.Description, "tools here for Shelf:") {
			t.Errorf("it does not say for what there are tools: %s", s.Description)
		}
	}
	if size > 3000 {
		t.Errorf("the three take %d bytes", size)
	}
	var found struct {
		Tools []struct{ Name, Does, Arguments string } `json:"tools"`
	}
	r := w.call(t, "find_tools", `{"query":"get me a book"}`)
	must(t, json.Unmarshal(r.Structured, &found))
	if len(found.Tools) == 0 || found.Tools[0].Name != "shelf_get" || found.Tools[0].Arguments != "title, box?" {
		t.Errorf("%+v %v", found, r.Failure)
	}
	if r := w.call(t, "find_tools", `{"query":"destroy"}`); strings.Contains(r.Text, "shelf_burn") {
		t.Errorf("it finds what is not offered: %s", r.Text)
	}
	if r := w.call(t, "find_tools", `{"query":"book","service":"Shelve"}`); kind(r) != fault.NotFound || !strings.Contains(r.Failure.Message, `Did you mean "Shelf"?`) {
		t.Errorf("%v", r.Failure)
	}
	r = w.call(t, "describe_tool", `{"name":"shelf_put"}`)
	if r.Failure != nil || !strings.Contains(string(r.Structured), `"inputSchema":{"type":"object"`) || !strings.Contains(string(r.Structured), `"writes":true`) {
		t.Errorf("%s %v", r.Structured, r.Failure)
	}
	if r := w.call(t, "describe_tool", `{"name":"toolvault_whoami"}`); strings.Contains(string(r.Structured), "outputSchema") {
		t.Errorf("%s", r.Structured)
	}
	if r := w.call(t, "describe_tool", `{"name":"toolvault_whoami","output":true}`); !strings.Contains(string(r.Structured), `"outputSchema":{"type":"object"`) {
		t.Errorf("%s", r.Structured)
	}
	if r := w.call(t, "describe_tool", `{"name":"shelf_pit"}`); kind(r) != fault.NotFound || !strings.Contains(r.Failure.Message, "shelf_put") && !strings.Contains(r.Failure.Message, "shelf_get") {
		t.Errorf("%v", r.Failure)
	}
	if r := w.call(t, "describe_tool", `{"name":"shelf_burn"}`); kind(r) != fault.NotFound || strings.Contains(r.Failure.Message, "burn") {
		t.Errorf("%v", r.Failure)
	}
}

func TestWhoami(t *testing.T) {
	w := newDiscovery(t)
	r := w.call(t, "toolvault_whoami", `{}`)
	if r.Failure != nil {
		t.Fatal(r.Failure)
	}
	var me struct {
		Agent    string `json:"agent"`
		Tools    int    `json:"tools"`
		Services []struct {
			Service, Credential, State, Scopes, Ask string
			Reads                                   int `json:"read_tools"`
			Writes                                  int `json:"write_tools"`
		} `json:"services"`
		Not []string `json:"not_connected"`
	}
	must(t, json.Unmarshal(r.Structured, &me))
	if me.Agent != "a1" || me.Tools != 2 || len(me.Services) != 1 || me.Services[0].State != "ok" || me.Services[0].Reads != 1 || me.Services[0].Writes != 1 || me.Services[0].Scopes != "book.write" || me.Not != nil {
		t.Errorf("%s", r.Structured)
	}
	if !strings.Contains(r.Text, "Off, since nobody can undo what they do: shelf_burn.") {
		t.Errorf("it does not say what an admin could name: %s", r.Text)
	}
	if len(w.requests) > 0 {
		t.Error("it asked the service")
	}
	if all := string(r.Structured) + r.Text; strings.Contains(all, secret[:12]) {
		t.Errorf("it tells a secret: %s", all)
	}
	records := w.log.records()
	if n := len(records); n != 1 || records[0].Tool != "toolvault_whoami" || records[0].Service != "toolvault" || records[0].CredentialID != "" {
		t.Errorf("%+v", records)
	}

	for _, all := range []tools.Offer{{ReadOnly: true}, {Irreversible: []string{"shelf_burn"}}} {
		w.SetOffers(all, nil)
		if r := w.call(t, "toolvault_whoami", `{}`); strings.Contains(r.Text, "shelf_burn") {
			t.Errorf("%+v: %s", all, r.Text)
		}
	}
	w.SetOffers(tools.Offer{Discovery: true}, nil)
	if r := newDiscovery(t, auth.Rule{Tools: "shelf_burn", Deny: "true"}).call(t, "toolvault_whoami", `{}`); strings.Contains(r.Text, "shelf_burn") {
		t.Errorf("a rule hides it: %s", r.Text)
	}
	must(t, w.vault.Delete(t.Context(), "shelf/a1"))
	if r := w.call(t, "toolvault_whoami", `{}`); !strings.Contains(r.Text, "broken") || !strings.Contains(r.Text, "toolvault credential put shelf/a1") {
		t.Errorf("%s", r.Text)
	}
	w.vault.Configure(nil, nil)
	if r := w.call(t, "toolvault_whoami", `{}`); !strings.Contains(r.Text, "Not connected: Shelf") || !strings.Contains(r.Text, "admin has to register") {
		t.Errorf("%s", r.Text)
	}
	w.active = false
	if r := w.call(t, "toolvault_whoami", `{}`); kind(r) != fault.NotPermitted {
		t.Errorf("a suspended agent is told: %s", r.Text)
	}
}

// The rules of an agent's policy are about toolvault's own tools too.
func TestPolicyHidesOwnTools(t *testing.T) {
	w := newDiscovery(t, auth.Rule{Tools: "toolvault_whoami", Deny: "true"})
	if slices.Contains(w.listed(), "toolvault_whoami") {
		t.Error("it is listed")
	}
	if r := w.call(t, "toolvault_whoami", `{}`); kind(r) != fault.NotFound && kind(r) != fault.NotPermitted {
		t.Errorf("%s", r.Text)
	}
}
