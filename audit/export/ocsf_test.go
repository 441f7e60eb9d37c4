package export

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"toolvault/audit"
	"toolvault/audit/many"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 123_456_789, time.UTC)

// kinds are entries of every kind that a log holds.
func kinds() map[string]many.Entry {
	entry := func(status string, r audit.Record) many.Entry {
		r.Time = noon
		return many.Entry{Entry: audit.Entry{Record: r, Status: status}}
	}
	call := audit.Record{
		Index: 7, Phase: audit.PhaseCall, CallID: "019363e8-0000-7000-8000-000000000001", ToolCallID: "toolu_1", CorrelationID: "4bf92f3577b34da6a3ce929d0e0e4736",
		Agent: "support-agent-1", Chain: []string{"planner"}, User: "ana@example.com", Task: "weekly-follow-up", TokenID: "t-1", ClientID: "desktop",
		Issuer: "https://idp.example.com", ClientName: "Desk", ClientVersion: "1.2", Transport: "http", Service: "hubspot", Tool: "hubspot_search_objects",
		ToolDigest: "ab", Arguments: json.RawMessage(`{"query":"Dana"}`), Result: json.RawMessage(`{"results":[]}`), ResultDigest: "cd", ResultBytes: 14,
		Outcome: "ok", UpstreamStatus: 200, UpstreamID: "req-1", CredentialID: "hubspot/support-agent-1", CredentialVersion: 3, CredentialType: "oauth_token",
		Account: "main", AccountLabel: "Acme", Scope: "hubspot:contacts.read", Rule: "allow 1", Millis: audit.Steps{Total: 12.5, Upstream: 10},
	}
	denied := call
	denied.Outcome, denied.Message, denied.Result = "not_permitted", "Only #support-updates.", nil
	write := call
	write.Phase, write.Tool, write.Service, write.Write = audit.PhaseOutcome, "slack_post_message", "slack", true
	failed := write
	failed.UpstreamStatus, failed.Message, failed.Retries = 503, "Slack is down.", 2
	deleted := write
	deleted.Tool = "slack_delete_message"
	unknownTool := audit.Record{Phase: audit.PhaseCall, CallID: "019363e8-0000-7000-8000-000000000002", Agent: "a", Tool: "no_such_tool", Transport: "stdio"}
	erased := call
	erased.User, erased.Arguments, erased.Result, erased.Message, erased.Erased = "", nil, nil, "", true
	cut := call
	cut.Result = json.RawMessage(`{"truncated":true,"head":"x"}`)
	return map[string]many.Entry{
		"read": entry("ok", call), "denied": entry("not_permitted", denied), "write": entry("ok", write), "failed": entry("upstream_unavailable", failed),
		"pending": entry(audit.StatusPending, write), "unknown": entry(audit.StatusUnknown, write), "deleted": entry("ok", deleted),
		"unknown tool": entry("not_found", unknownTool), "erased": entry("ok", erased), "cut": entry("ok", cut),
		"refused token": entry("refused", audit.Record{Phase: audit.PhaseEvent, Event: "token.refused", Transport: "http", Message: "from 203.0.113.7: the token is expired"}),
		"odd address":   entry("refused", audit.Record{Phase: audit.PhaseEvent, Event: "token.refused", Transport: "http", Message: "from 2001:db8::1: expired"}),
		"minted":        entry("ok", audit.Record{Phase: audit.PhaseEvent, Event: "token.minted", Agent: "a", TokenID: "t-2", Transport: "cli"}),
		"state":         entry("needs_consent", audit.Record{Phase: audit.PhaseEvent, Event: "credential.state", CredentialID: "slack/a", Service: "slack", Agent: "a"}),
		"admin":         entry("ok", audit.Record{Phase: audit.PhaseEvent, Event: "agent.suspended", Admin: "root@example.com", Agent: "a", Transport: "http"}),
		"erasure":       entry("ok", audit.Record{Phase: audit.PhaseEvent, Event: audit.EventErased, Admin: "root", Spans: []audit.Span{{First: 1, End: 2}}}),
		"bare":          entry("ok", audit.Record{Phase: audit.PhaseEvent, Event: "audit.dropped"}),
	}
}

func exported(t testing.TB, format string, entries ...many.Entry) string {
	t.Helper()
	var out bytes.Buffer
	w, err := New(format, &out, Options{Version: "1.0.0", Name: "toolvault/host", Tools: map[string]Activity{"slack_post_message": Create, "slack_delete_message": Delete, "hubspot_search_objects": Read}})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if err := w.Write(e); err != nil {
			t.Fatal(err)
		}
	}
	return out.String()
}

// TestEveryEntryIsAnAPIActivity holds the export against the released definition,
// and against the one that is being made.
func TestEveryEntryIsAnAPIActivity(t *testing.T) {
	for _, version := range []string{SchemaVersion, "1.9.0-dev"} {
		s := readSchema(t, version)
		for name, e := range kinds() {
			for _, wrong := range s.check([]byte(exported(t, OCSF, e))) {
				t.Errorf("%s, %s: %s", version, name, wrong)
			}
		}
	}
}

// TestTheSchemaRefuses tells that the check of the test above finds something.
func TestTheSchemaRefuses(t *testing.T) {
	s := readSchema(t, SchemaVersion)
	good := exported(t, OCSF, kinds()["read"])
	for _, c := range [][2]string{
		{`"activity_id":2`, `"activity_id":7`}, {`"operation":"hubspot_search_objects",`, ``}, {`"severity":"Informational"`, `"severity":"Low"`},
		{`"time":1795521600123`, `"time":"1795521600123"`}, {`"profiles":["trace","ai_operation"]`, `"profiles":["trace"]`}, {`"status_id":1`, `"status_id":"1"`},
		{`"class_uid":6003`, `"class_uid":6002`}, {`"src_endpoint":{"name":"Desk","svc_name":"http"}`, `"src_endpoint":{}`}, {`"app_uid":`, `"invoked_by":"x","app_uid":`}, {`"actor":{`, `"actors":{},"actor":{`},
	} {
		bad := strings.Replace(good, c[0], c[1], 1)
		if bad == good {
			t.Errorf("%s is not there", c[0])
		}
		if len(s.check([]byte(bad))) == 0 {
			t.Errorf("%s for %s is found good", c[1], c[0])
		}
	}
}

func TestWhatAnEventOfOCSFSays(t *testing.T) {
	for name, want := range map[string][]string{
		"read": {
			`"activity_id":2,"activity_name":"Read"`, `"type_uid":600302`, `"time":1795521600123`, `"status_id":1,"status":"Success"`, `"app_name":"support-agent-1"`,
			`"user":{"uid":"ana@example.com"`, `"session":{"uid":"t-1","issuer":"https://idp.example.com"}`, `"operation":"hubspot_search_objects","service":{"name":"hubspot"}`,
			`"request":{"uid":"019363e8-0000-7000-8000-000000000001","data":{"query":"Dana"}}`, `"resources":[{"uid":"hubspot/support-agent-1","type":"credential","version":"3"`,
			`"log_name":"toolvault/host"`, `"sequence":7`, `"correlation_uid":"4bf92f3577b34da6a3ce929d0e0e4736"`, `"uid":"toolvault/host#7"`, `"version":"1.8.0"`,
		},
		"denied":        {`"status_id":2,"status":"Failure"`, `"severity_id":3`, `"decision":"Denied","policy":{"name":"allow 1"`, `"error":"not_permitted","error_message":"Only #support-updates."`},
		"write":         {`"activity_id":1`},
		"deleted":       {`"activity_id":4`},
		"failed":        {`"response":{"code":503,"error":"upstream_unavailable"`, `"http_response":{"code":503}`, `"retries":2`},
		"pending":       {`"status_id":99,"status":"pending"`},
		"unknown":       {`"status_id":0,"status":"Unknown"`},
		"refused token": {`"src_endpoint":{"name":"unknown","ip":"203.0.113.7","svc_name":"http"}`},
		"odd address":   {`"ip":"2001:db8::1"`},
		"minted":        {`"activity_id":1`},
		"admin":         {`"user":{"uid":"root@example.com","name":"root@example.com","type_id":2`, `"activity_id":3`},
		"cut":           {`"is_truncated":true`},
		"erased":        {`"erased":true`},
	} {
		got := exported(t, OCSF, kinds()[name])
		for _, text := range want {
			if !strings.Contains(got, text) {
				t.Errorf("%s: %s is not in %s", name, text, got)
			}
		}
	}
}

// FuzzOCSF: whatever strangers have written, it is one line, and of the class.
func FuzzOCSF(f *testing.F) {
	s := readSchema(f, SchemaVersion)
	f.Add("a", "m", "from 1.2.3.4:", "x")
	f.Add("\n", "\x00\xff", "from from from", "\u2028{}")
	f.Fuzz(func(t *testing.T, agent, tool, message, event string) {
		for _, phase := range []audit.Phase{audit.PhaseCall, audit.PhaseEvent} {
			e := many.Entry{Entry: audit.Entry{Status: "ok", Record: audit.Record{Phase: phase, Time: noon, Agent: agent, Tool: tool, Message: message, Event: event, ClientName: agent}}}
			got := exported(t, OCSF, e)
			if strings.Count(got, "\n") != 1 {
				t.Fatalf("%q", got)
			}
			if wrong := s.check([]byte(got)); wrong != nil {
				t.Fatal(wrong, got)
			}
		}
	})
}
