package transport

import (
	"fmt"
	"strings"
	"testing"

	"toolvault/tools"
)

func TestARequestStateThatIsNotGood(t *testing.T) {
	w := newWhole(t)
	w.grant("bob")
	state := func() string { return w.do(get.as(canURL, "")).question(t).Result.RequestState }
	text := func(s string) string { return fmt.Sprintf("%q", s) }
	for name, c := range map[string]struct {
		state string // as JSON
		ask   ask
		text  string
	}{
		"tampered":         {state: text(flipped(state())), text: "is none that this server gave"},
		"another agent's":  {state: text(state()), ask: ask{token: bob}, text: "is none that this server gave"},
		"other arguments":  {state: text(state()), ask: ask{params: `"name":"get","arguments":{"text":"ho"}`}, text: "other arguments"},
		"another tool":     {state: text(state()), ask: ask{params: `"name":"look","arguments":{"text":"hi"}`}, text: "another tool"},
		"huge":             {state: text(strings.Repeat("A", 50_000)), text: "is none that this server gave"},
		"a number":         {state: `7`, text: "is none that this server gave"},
		"an object":        {state: `{"agent":"alice"}`, text: "is none that this server gave"},
		"a call without":   {state: `"x"`, ask: ask{token: bob}, text: "is none that this server gave"},
		"of no capability": {state: `"x"`, text: "is none that this server gave"},
	} {
		t.Run(name, func(t *testing.T) {
			w.grant("alice")
			defer w.revoke("alice")
			before, a, capabilities := w.requests(), c.ask, canURL
			if a.params == "" {
				a.params = get.params
			}
			if name == "of no capability" {
				capabilities = `{}`
			}
			r := w.do(a.as(capabilities, `,"requestState":`+c.state+`,"inputResponses":{"consent":{"action":"accept"}}`))
			if r.status != 400 || r.Error == nil || r.Error.Code != -32602 || !strings.Contains(r.Error.Message, c.text) || r.Error.Data["call_id"] == nil {
				t.Errorf("%d %s", r.status, r.body)
			}
			if w.requests() != before {
				t.Error("it has had an effect")
			}
			if got := w.last(); got.Outcome != "invalid_arguments" || `"`+got.CallID+`"` != string(r.Error.Data["call_id"]) {
				t.Errorf("record %+v", got)
			}
		})
	}
	t.Run("none", func(t *testing.T) {
		w.grant("alice")
		for _, none := range []string{`null`, `""`} {
			if r := w.do(get.as(canURL, `,"requestState":`+none)); r.status != 200 || r.Result.IsError {
				t.Errorf("%s: %s", none, r.body)
			}
		}
		for _, twice := range []string{`,"requestState":"a","requestState":"b"`, `,"RequestState":"a"`, `,"InputResponses":{}`} {
			if r := w.do(get.as(canURL, twice)); r.status != 400 || r.Error == nil || r.Error.Code != -32600 {
				t.Errorf("%s: %s", twice, r.body)
			}
		}
		// Before 2026-07-28 there is no such thing: an unknown key, as any.
		a := get
		a.params += `,"requestState":"x","inputResponses":{"consent":{"action":"decline"}}`
		if r := w.do(a); r.status != 200 || r.Result.IsError || r.Error != nil {
			t.Errorf("%s", r.body)
		}
	})
}

// The longest that a state may be is read, and nothing longer is kept.
func TestRequestStatesAreBounded(t *testing.T) {
	for n, want := range map[int]int{0: 0, 1: 1, 4096: 4096, 4097: 4097, 60_000: 4097} {
		m, err := parse([]byte(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x","requestState":"`+strings.Repeat("A", n)+`"}}`), nil)
		if err != nil || len(m.state) != want {
			t.Errorf("%d: %d %v", n, len(m.state), err)
		}
	}
	long := `{"consent":{"action":"decline"},"x":"` + strings.Repeat("x", maxReplies) + `"}`
	if got := readReply([]byte(long)); got != "" {
		t.Errorf("%q", got)
	}
	if got := readReply([]byte(`{"consent":{"action":"yes"}}`)); got != "" {
		t.Errorf("%q", got)
	}
	if got := readReply([]byte(`{"consent":{"action":"decline","content":{}},"x":1}`)); got != tools.AnswerDecline {
		t.Errorf("%q", got)
	}
}
