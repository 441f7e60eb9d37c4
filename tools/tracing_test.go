package tools_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"toolvault/audit"
	"toolvault/auth"
	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/trace"
)

// traced makes a call and returns what it has recorded.
func (w *world) traced(t *testing.T, call tools.Call) (*trace.Trace, tools.Result) {
	t.Helper()
	call.Trace = trace.New(trace.Options{}).Begin(trace.Context{}, trace.Context{}, time.Now())
	call.CorrelationID = call.Trace.TraceID()
	call.Trace.Name("tools/call")
	r := w.Call(t.Context(), w.id, call)
	call.Trace.End(time.Now(), "")
	return call.Trace, r
}

// outline is a trace in words: each span with its failure, in its parent.
func outline(tr *trace.Trace) string {
	var names []string
	for i, s := range tr.Spans {
		depth := 0
		for p := s.Parent; i > 0 && p != tr.Spans[0].ID; depth++ {
			j := slices.IndexFunc(tr.Spans, func(o trace.Span) bool { return o.ID == p })
			p = tr.Spans[j].Parent
		}
		name := strings.Repeat(">", depth) + s.Name
		if s.Failure != "" {
			name += "!" + s.Failure
		}
		names = append(names, name)
	}
	return strings.Join(names, ", ")
}

func TestASpanForEachStepOfTheCall(t *testing.T) {
	failing := func(status ...int) http.HandlerFunc {
		n := -1
		return func(rw http.ResponseWriter, _ *http.Request) {
			n++
			if s := status[min(n, len(status)-1)]; s != http.StatusOK {
				rw.WriteHeader(s)
				return
			}
			_, _ = io.WriteString(rw, `{"echo":"x"}`)
		}
	}
	deny := auth.Rule{Tools: "shelf_get", Allow: `args.box == "main"`}
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		change func(*world)
		tool   string
		args   string
		want   string
	}{
		"a read":  {nil, nil, "shelf_get", `{"title":"Dune"}`, "tools/call shelf_get, schema, policy, vault, tool, >POST, result, audit outcome"},
		"a write": {nil, nil, "shelf_put", `{"title":"Dune"}`, "tools/call shelf_put, schema, policy, vault, audit intent, tool, >POST, result, audit outcome"},
		"bad arguments": {nil, nil, "shelf_get", `{"titel":"Dune"}`,
			"tools/call shelf_get, schema!invalid_arguments, result!invalid_arguments, audit outcome"},
		"refused by policy": {nil, nil, "shelf_get", `{"title":"Dune","box":"secret"}`,
			"tools/call shelf_get, schema, policy!not_permitted, result!not_permitted, audit outcome"},
		"no credential": {nil, func(w *world) { _ = w.vault.Delete(t.Context(), "shelf/a1") }, "shelf_get", `{"title":"Dune"}`,
			"tools/call shelf_get, schema, policy, vault!credential_invalid, result!credential_invalid, audit outcome"},
		"a tool that is none": {nil, nil, "Dune", `{}`, "tools/call, result, audit outcome"},
		"a repetition": {failing(http.StatusServiceUnavailable, http.StatusOK), nil, "shelf_get", `{"title":"Dune"}`,
			"tools/call shelf_get, schema, policy, vault, tool, >POST!503, >wait before the next attempt, >POST, result, audit outcome"},
		"a renewal": {failing(http.StatusUnauthorized), nil, "shelf_get", `{"title":"Dune"}`,
			"tools/call shelf_get, schema, policy, vault, tool!credential_invalid, >POST!401, >renew the credential, result!credential_invalid, audit outcome"},
		"a panic": {nil, nil, "shelf_get", `{"title":"panic"}`,
			"tools/call shelf_get, schema, policy, vault, tool!internal, result!internal, audit outcome"},
		"a log that is full": {nil, func(w *world) { w.log.fail = func(r audit.Record) bool { return true } }, "shelf_put", `{"title":"Dune"}`,
			"tools/call shelf_put, schema, policy, vault, audit intent!internal, result!internal, audit outcome!internal"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, c.answer, deny, auth.Rule{Tools: "shelf_put", Allow: "true"})
			if c.change != nil {
				c.change(w)
			}
			tr, _ := w.traced(t, tools.Call{Tool: c.tool, Arguments: json.RawMessage(c.args)})
			if got := outline(tr); got != c.want {
				t.Errorf("\ngot  %s\nwant %s", got, c.want)
			}
			root := tr.Spans[0]
			for _, s := range tr.Spans[1:] {
				if s.Start.Before(root.Start) || s.End.After(root.End) || s.End.Before(s.Start) {
					t.Errorf("%s is from %v to %v, the call from %v to %v", s.Name, s.Start, s.End, root.Start, root.End)
				}
			}
		})
	}
}

func attributes(s trace.Span) map[string]string {
	all := map[string]string{}
	for _, a := range s.Attributes {
		all[a.Key] = a.Text
		if a.IsNumber {
			all[a.Key] = fmt.Sprint(a.Number)
		}
	}
	return all
}

func TestWhatASpanSays(t *testing.T) {
	w := newWorld(t, nil)
	tr, r := w.traced(t, tools.Call{Tool: "shelf_get", Arguments: json.RawMessage(`{"title":"Dune"}`)})
	root := attributes(tr.Spans[0])
	for key, want := range map[string]string{
		"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "shelf_get", "gen_ai.agent.id": "a1",
		"toolvault.call_id": r.CallID, "toolvault.outcome": "ok", "toolvault.service": "shelf", "toolvault.credential.id": "shelf/a1",
		"toolvault.upstream.requests": "1",
	} {
		if root[key] != want {
			t.Errorf("%s is %q, want %q", key, root[key], want)
		}
	}
	i := slices.IndexFunc(tr.Spans, func(s trace.Span) bool { return s.Kind == trace.Client })
	request := attributes(tr.Spans[i])
	if request["http.request.method"] != "POST" || request["http.response.status_code"] != "200" || request["server.address"] != "127.0.0.1" ||
		request["server.port"] == "" || request["service.peer.name"] != "shelf" {
		t.Errorf("the request says %v", request)
	}
	if got := w.log.records()[0].CorrelationID; got != tr.TraceID() {
		t.Errorf("the record is of the trace %s, and not %s", got, tr.TraceID())
	}
}

// The service sees the same trace, and the request's span for its parent.
func TestTheServiceIsToldOfTheTrace(t *testing.T) {
	var seen []http.Header
	w := newWorld(t, func(rw http.ResponseWriter, r *http.Request) {
		seen = append(seen, r.Header.Clone())
		_, _ = io.WriteString(rw, `{"echo":"x"}`)
	})
	client, _ := trace.Parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "rojo=00f067aa0ba902b7")
	get := func(tracer *trace.Tracer) *trace.Trace {
		tr := tracer.Begin(client, trace.Context{}, time.Now())
		if r := w.Call(t.Context(), w.id, tools.Call{Tool: "shelf_get", Arguments: json.RawMessage(`{"title":"x"}`), Trace: tr}); r.Failure != nil {
			t.Fatal(r.Text)
		}
		return tr
	}
	tr := get(trace.New(trace.Options{}))
	i := slices.IndexFunc(tr.Spans, func(s trace.Span) bool { return s.Kind == trace.Client })
	got, ok := trace.Parse(seen[0].Get("Traceparent"), seen[0].Get("Tracestate"))
	if !ok || got.TraceID() != client.TraceID() || got.Span != tr.Spans[i].ID || !got.Sampled() || got.State != client.State {
		t.Errorf("the service was told %v", seen[0])
	}
	get(nil) // nothing is recorded here: the client is its parent
	if seen[1].Get("Traceparent") != client.Parent() || seen[1].Get("Tracestate") != client.State {
		t.Errorf("without traces of ours the service was told %v", seen[1])
	}
	if r := w.call(t, "shelf_get", `{"title":"x"}`); r.Failure != nil || len(seen[2]["Traceparent"]) != 0 {
		t.Errorf("without any trace the service was told %v", seen[2])
	}
}

// Whatever holds a secret or an argument comes along, and none of it is in a span.
func TestNoSecretOrArgumentIsInATrace(t *testing.T) {
	const argument = "Hyperion-of-the-arguments"
	for name, answer := range map[string]http.HandlerFunc{
		"an echo": func(rw http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			_ = json.NewEncoder(rw).Encode(shelfOutput{Echo: string(body) + r.Header.Get("Authorization")})
		},
		"a refusal": func(rw http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			rw.Header().Set("X-Request-Id", secret)
			rw.WriteHeader(http.StatusBadRequest)
			_, _ = rw.Write(append(body, r.Header.Get("Authorization")...))
		},
		"a redirect": func(rw http.ResponseWriter, r *http.Request) {
			http.Redirect(rw, r, "/"+secret+"/"+argument, http.StatusFound)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, answer)
			w.id.User = argument + "@example.com" // a person's name may be erased from the log, and could not be from here
			for _, tool := range []string{"shelf_get", "shelf_put", secret, argument} {
				tr, _ := w.traced(t, tools.Call{
					Tool: tool, Arguments: json.RawMessage(`{"title":"` + argument + `","box":"main"}`), ToolCallID: "id-" + secret,
					Client: tools.ClientInfo{Name: argument, Version: secret},
				})
				text := fmt.Sprintf("%+v", tr.Spans)
				if strings.Contains(text, secret) || strings.Contains(text, secret[8:]) || strings.Contains(text, argument) {
					t.Errorf("%s: %s", tool, text)
				}
			}
		})
	}
}

func TestACallIsObserved(t *testing.T) {
	w := newWorld(t, nil)
	var seen []tools.Observed
	w.Observe = func(o tools.Observed) { seen = append(seen, o) }
	w.call(t, "shelf_get", `{"title":"Dune"}`)
	w.call(t, "shelf_get", `{}`)
	w.call(t, "Dune", `{}`)
	for i, want := range []tools.Observed{
		{Tool: "shelf_get", Outcome: "ok"},
		{Tool: "shelf_get", Outcome: string(fault.InvalidArguments)},
		{Tool: "unknown", Outcome: string(fault.NotFound)},
	} {
		if got := seen[i]; got.Tool != want.Tool || got.Outcome != want.Outcome || got.Elapsed <= 0 {
			t.Errorf("call %d: %+v", i, got)
		}
	}
}
