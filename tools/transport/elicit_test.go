package transport

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

const (
	canURL   = `{"elicitation":{"form":{},"url":{}}}`
	justURL  = `{"elicitation":{"url":{}}}`
	justForm = `{"elicitation":{}}`
)

// call is the body of a tools/call of a client with these capabilities; retry, if
// any, is more of params.
func (a ask) as(capabilities, retry string) ask {
	a = a.orDefaults()
	a.version = modernVersion
	a.body = fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"method":"tools/call","params":{%s%s,"_meta":{
		"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":%s}}}`, a.id, a.params, retry, capabilities)
	return a
}

// retry is what a client adds when it calls again.
func retry(state, action string) string {
	return fmt.Sprintf(`,"requestState":%q,"inputResponses":{"consent":{"action":%q}}`, state, action)
}

// question is the answer that asks, in either form.
type question struct {
	Result struct {
		ResultType    string
		InputRequests map[string]struct {
			Method string
			Params map[string]string
		}
		RequestState string
		Content      json.RawMessage
		Meta         map[string]json.RawMessage `json:"_meta"`
	}
	Error *struct {
		Code    int
		Message string
		Data    struct {
			Elicitations []map[string]string
			CallID       string `json:"call_id"`
		}
	}
}

func (r *reply) question(t *testing.T) (q question) {
	t.Helper()
	if err := json.Unmarshal(r.body, &q); err != nil {
		t.Fatalf("%v: %s", err, r.body)
	}
	return q
}

const (
	toUser   = "Agent alice needs access to Notes (Title of get). Open the page to see what it asks for, and agree or refuse there."
	askModel = "A person has to connect Notes for agent alice first (credential notes/alice)."
	asText   = askModel + " Ask them to open this page, then call again with the same arguments: " + consentPage + "\n(needs_consent)"
)

// get is the call that lacks a grant.
var get = ask{params: `"name":"get","arguments":{"text":"hi"}`}

// asksModern reports whether the answer asks as 2026-07-28 does, and holds it to
// that form.
func (r *reply) asksModern(t *testing.T) bool {
	t.Helper()
	q := r.question(t)
	if q.Result.ResultType != "input_required" {
		return false
	}
	one := q.Result.InputRequests["consent"]
	if r.status != 200 || q.Error != nil || len(q.Result.InputRequests) != 1 || one.Method != "elicitation/create" ||
		len(one.Params) != 3 || one.Params["mode"] != "url" || one.Params["url"] != consentPage || one.Params["message"] == "" ||
		q.Result.RequestState == "" || q.Result.Content != nil || q.Result.Meta["call_id"] == nil || q.Result.Meta["io.modelcontextprotocol/serverInfo"] == nil {
		t.Fatalf("%d %s", r.status, r.body)
	}
	return true
}

// asksBefore is the same for 2025-11-25.
func (r *reply) asksBefore(t *testing.T) bool {
	t.Helper()
	q := r.question(t)
	if q.Error == nil || q.Error.Code != -32042 {
		return false
	}
	all := q.Error.Data.Elicitations
	if r.status != 200 && r.status != 0 || len(all) != 1 || len(all[0]) != 4 || all[0]["mode"] != "url" || all[0]["url"] != consentPage ||
		all[0]["elicitationId"] != q.Error.Data.CallID || all[0]["message"] != toUser ||
		q.Error.Message != askModel+" Open the page that is shown with this, then call again with the same arguments." {
		t.Fatalf("%d %s", r.status, r.body)
	}
	return true
}

func TestAClientIsAskedOnlyWhatItDeclared(t *testing.T) {
	w := newWhole(t)
	for capabilities, asks := range map[string]bool{
		canURL: true, justURL: true, `{"sampling":{},"elicitation":{"url":{"x":1}}}`: true,
		`{}`: false, justForm: false, `{"elicitation":{"form":{}}}`: false, `{"sampling":{}}`: false,
		`{"elicitation":{"url":null}}`: false, `{"elicitation":{"url":true}}`: false, `{"elicitation":{"URL":{}}}`: false,
		`{"Elicitation":{"url":{}}}`: false, `{"elicitation":null}`: false, `{"elicitation":["url"]}`: false,
		`{"experimental":{"elicitation":{"url":{}}}}`: false, `{"elicitation":{},"url":{}}`: false,
	} {
		r := w.do(get.as(capabilities, ""))
		if r.asksModern(t) != asks {
			t.Errorf("%s: %s", capabilities, r.body)
		}
		if !asks && (r.Result.Type != "complete" || !r.Result.IsError || r.text() != asText ||
			r.link() != consentPage) {
			t.Errorf("%s: %q", capabilities, r.text())
		}
	}
	// Not in the wrong place either.
	if r := w.do(get.as(`{}`, `,"capabilities":`+canURL)); r.asksModern(t) {
		t.Error("the capabilities of a handshake count in a call")
	}
}

// link is the one in _meta, for programs.
func (r *reply) link() string {
	var of struct{ Link string }
	_ = json.Unmarshal(r.Result.Meta["toolvault/error"], &of)
	return of.Link
}

// flipped is a text with one character changed.
func flipped(s string) string {
	other := "A"
	if s[40] == 'A' {
		other = "B"
	}
	return s[:40] + other + s[41:]
}

// initialize is the handshake; it returns the header of later requests.
func (w *whole) initialize(version, capabilities string) http.Header {
	w.t.Helper()
	r := w.do(ask{call: "initialize", params: fmt.Sprintf(`"protocolVersion":%q,"capabilities":%s,"clientInfo":{"name":"desk","version":"7"}`, version, capabilities)})
	id := r.header.Get("Mcp-Session-Id")
	if r.status != 200 || id == "" {
		w.t.Fatalf("%d %s", r.status, r.body)
	}
	return http.Header{"Mcp-Session-Id": {id}}
}

func TestAClientBefore2026IsAskedWhatItDeclaredAtInitialize(t *testing.T) {
	w := newWhole(t)
	for _, c := range []struct {
		version, capabilities string
		asks                  bool
	}{
		{"2025-11-25", canURL, true}, {"2025-11-25", justURL, true}, {"2025-11-25", justForm, false}, {"2025-11-25", `{}`, false},
		{"2025-06-18", canURL, false}, {"2025-03-26", canURL, false}, {"2024-11-05", canURL, false}, // who did not know of it
		{"2030-01-01", canURL, true}, // is offered 2025-11-25
	} {
		header := w.initialize(c.version, c.capabilities)
		version := c.version
		if version > "2026" {
			version = "2025-11-25"
		}
		a := get
		a.version, a.header = version, header
		r := w.do(a)
		if r.asksBefore(t) != c.asks {
			t.Errorf("%+v: %s", c, r.body)
		}
		if !c.asks && (r.text() != asText || !r.Result.IsError) {
			t.Errorf("%+v: %q", c, r.text())
		}
		if got := w.last().ClientName; got != "desk" {
			t.Errorf("client %q", got)
		}
	}
	for name, header := range map[string]http.Header{
		"no session":      nil,
		"another's":       {"Mcp-Session-Id": {"e9a1c0de-0000-4000-8000-000000000000"}},
		"an older one":    {"Mcp-Session-Id": {"c1.WyJkZXNrIiwiNyJd.00"}},
		"a name that is":  {"Mcp-Session-Id": {sessionID(client{Name: sessionURLs, Version: sessionURLs}, false)}},
		"much too long":   {"Mcp-Session-Id": {sessionID(client{Name: strings.Repeat("x", 2000)}, true)}},
		"_meta of a call": nil,
	} {
		a := get
		a.version, a.header = "2025-11-25", header
		if name == "_meta of a call" {
			a.meta = `"io.modelcontextprotocol/clientCapabilities":` + canURL
		}
		if r := w.do(a); r.asksBefore(t) || r.text() != asText {
			t.Errorf("%s: %s", name, r.body)
		}
	}
	if c := sessionClient("c1.WyJkZXNrIiwiNyJd.00"); c != (client{Name: "desk", Version: "7"}) {
		t.Errorf("a session id from before: %+v", c)
	}
}

func TestAfterConsentTheSameCallSucceeds(t *testing.T) {
	t.Run("2026-07-28", func(t *testing.T) {
		w := newWhole(t)
		first := w.do(get.as(canURL, ""))
		if !first.asksModern(t) {
			t.Fatalf("%s", first.body)
		}
		q := first.question(t)
		if got := q.Result.InputRequests["consent"].Params["message"]; got != toUser {
			t.Errorf("to the user: %q", got)
		}
		again := get
		again.id = `"two"`

		early := w.do(again.as(canURL, retry(q.Result.RequestState, "accept")))
		if !early.asksModern(t) || !strings.HasPrefix(early.question(t).Result.InputRequests["consent"].Params["message"], "Notes is not connected for agent alice yet.") {
			t.Fatalf("too early: %s", early.body)
		}
		w.grant("alice")
		state := early.question(t).Result.RequestState
		r := w.do(again.as(canURL, retry(state, "accept")))
		if r.status != 200 || r.Result.Type != "complete" || r.Result.IsError || string(r.Result.Structured) != `{"echo":"hi for Bearer [redacted]"}` || string(r.ID) != `"two"` {
			t.Fatalf("%d %s", r.status, r.body)
		}
		if got := w.last(); got.Outcome != "ok" || got.Message != "asked by "+early.callID(t) {
			t.Errorf("%s %q", got.Outcome, got.Message)
		}
		if r := w.do(again.as(canURL, "")); r.Result.IsError {
			t.Errorf("a new call: %s", r.body)
		}
		if r := w.do(again.as(canURL, retry(state, "accept"))); r.status != 400 || r.Error == nil || r.Error.Code != -32602 || !strings.Contains(r.Error.Message, "was used before") {
			t.Errorf("again: %d %s", r.status, r.body)
		}
	})
	t.Run("2025-11-25", func(t *testing.T) {
		w := newWhole(t)
		a := get
		a.version, a.header = "2025-11-25", w.initialize("2025-11-25", justURL)
		if r := w.do(a); !r.asksBefore(t) {
			t.Fatalf("%s", r.body)
		}
		w.grant("alice")
		if r := w.do(a); r.status != 200 || r.Result.IsError || r.Error != nil {
			t.Errorf("%d %s", r.status, r.body)
		}
	})
	t.Run("no elicitation", func(t *testing.T) {
		each(t, func(t *testing.T, version string) {
			w := newWhole(t)
			a := get
			a.version = version
			if r := w.do(a); r.text() != asText || r.status != 200 || !r.Result.IsError {
				t.Fatalf("%d %s", r.status, r.body)
			}
			w.grant("alice")
			if r := w.do(a); r.Result.IsError || r.Error != nil {
				t.Errorf("%s", r.body)
			}
		})
	})
}

// callID is the id that the answer has.
func (r *reply) callID(t *testing.T) (id string) {
	t.Helper()
	if err := json.Unmarshal(r.Result.Meta["call_id"], &id); err != nil || id == "" {
		t.Fatalf("no call id: %s", r.body)
	}
	return id
}

func TestOneWhoSaidNo(t *testing.T) {
	for action, said := range map[string]string{"decline": "declined", "cancel": "closed the question"} {
		w := newWhole(t)
		state := w.do(get.as(canURL, "")).question(t).Result.RequestState
		r := w.do(get.as(canURL, retry(state, action)))
		if r.Result.Type != "complete" || !r.Result.IsError || !strings.Contains(r.text(), said) || strings.Contains(string(r.body), consentPage) {
			t.Errorf("%s: %s", action, r.body)
		}
	}
	// What is no answer is asked about once more.
	for _, responses := range []string{`{}`, `{"consent":{}}`, `{"consent":{"action":"yes"}}`, `{"consent":{"Action":"decline"}}`, `{"Consent":{"action":"decline"}}`, `{"other":{"action":"decline"}}`, `[]`, `null`, `7`} {
		w := newWhole(t)
		state := w.do(get.as(canURL, "")).question(t).Result.RequestState
		if r := w.do(get.as(canURL, fmt.Sprintf(`,"requestState":%q,"inputResponses":%s`, state, responses))); !r.asksModern(t) {
			t.Errorf("%s: %s", responses, r.body)
		}
	}
}

// Whoever lacks the permission is not asked for consent: that is decided first.
func TestAScopeThatIsMissingComesFirst(t *testing.T) {
	w := newWhole(t)
	a := ask{params: `"name":"add","arguments":{"text":"hi"}`}
	if r := w.do(a.as(canURL, "")); r.status != 403 || strings.Contains(string(r.body), consentPage) {
		t.Errorf("%d %s", r.status, r.body)
	}
}

func TestStdioAsks(t *testing.T) {
	w := newWhole(t)
	line := func(id, more, capabilities string) string {
		return callLine(id, get.params+more+`,"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":`+capabilities+`}`)
	}
	initialize := func(version, capabilities string) string {
		return fmt.Sprintf(`{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":%q,"capabilities":%s,"clientInfo":{"name":"desk","version":"7"}}}`, version, capabilities)
	}
	t.Run("2026-07-28", func(t *testing.T) {
		p := w.pipe(t)
		p.send(line("1", "", `{}`), "")
		if r := p.next(); r.text() != asText {
			t.Errorf("%s", r.body)
		}
		p.send(line("2", "", canURL))
		q := p.next().question(t)
		if q.Result.ResultType != "input_required" || q.Result.RequestState == "" {
			t.Fatalf("%+v", q)
		}
		w.grant("alice")
		defer w.revoke("alice")
		p.send(line("3", retry(q.Result.RequestState+"A", "accept"), canURL))
		if r := p.next(); r.Error == nil || r.Error.Code != -32602 {
			t.Errorf("%s", r.body)
		}
		p.send(line("4", retry(q.Result.RequestState, "accept"), canURL))
		if r := p.next(); r.Result.IsError || r.Result.Type != "complete" {
			t.Errorf("%s", r.body)
		}
	})
	t.Run("2025-11-25", func(t *testing.T) {
		p := w.pipe(t)
		p.send(initialize("2025-11-25", canURL))
		p.next()
		p.send(callLine("1", get.params))
		if r := p.next(); !r.asksBefore(t) {
			t.Errorf("%s", r.body)
		}
		w.grant("alice")
		defer w.revoke("alice")
		p.send(callLine("2", get.params))
		if r := p.next(); r.Result.IsError || r.Error != nil {
			t.Errorf("%s", r.body)
		}
	})
	for _, c := range [][2]string{{"2025-11-25", justForm}, {"2025-11-25", `{}`}, {"2025-06-18", canURL}} {
		p := w.pipe(t)
		p.send(initialize(c[0], c[1]))
		p.next()
		p.send(callLine("1", get.params))
		if r := p.next(); r.text() != asText {
			t.Errorf("%s: %s", c, r.body)
		}
	}
}
