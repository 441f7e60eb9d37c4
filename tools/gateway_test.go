package tools_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"toolvault/audit"
	"toolvault/auth"
	"toolvault/auth/scope"
	"toolvault/schemas"
	"toolvault/tools"
	"toolvault/tools/fault"
)

func TestAReadHasOneRecordAndAWriteHasTwo(t *testing.T) {
	w := newWorld(t, nil)
	r := w.call(t, "shelf_get", `{"title":"Dune"}`)
	if r.Failure != nil || string(r.Structured) != `{"echo":"got it"}` {
		t.Fatalf("%+v", r)
	}
	if got := w.log.records(); len(got) != 1 || got[0].Phase != audit.PhaseCall || got[0].CallID != r.CallID || got[0].ToolCallID != "tc-1" ||
		got[0].CredentialID != "shelf/a1" || got[0].CredentialVersion != 1 || got[0].Scope != "shelf:book.read" || got[0].Outcome != "ok" {
		t.Errorf("records of a read: %+v", got)
	}
	w.call(t, "shelf_put", `{"title":"Dune"}`)
	got := w.log.records()[1:]
	if len(got) != 2 || got[0].Phase != audit.PhaseIntent || got[1].Phase != audit.PhaseOutcome || got[0].Deadline == nil {
		t.Errorf("records of a write: %+v", got)
	}
	if strings.Contains(string(got[0].Arguments), "Dune") {
		t.Errorf("an x-sensitive argument is in the log: %s", got[0].Arguments)
	}
}

func TestTheIntentIsDurableBeforeAnythingLeaves(t *testing.T) {
	var w *world
	w = newWorld(t, func(rw http.ResponseWriter, r *http.Request) {
		w.log.mu.Lock()
		defer w.log.mu.Unlock()
		if n := len(w.log.seen); n != 1 || w.log.seen[0].Phase != audit.PhaseIntent {
			t.Errorf("the request arrived before the intent: %d records", n)
		}
		_, _ = io.WriteString(rw, `{"echo":"x"}`)
	})
	w.call(t, "shelf_put", `{"title":"Dune"}`)
}

func TestNoAuditNoCall(t *testing.T) {
	w := newWorld(t, nil)
	w.log.fail = func(audit.Record) bool { return true }
	if r := w.call(t, "shelf_put", `{"title":"Dune"}`); kind(r) != fault.Internal || len(w.requests) != 0 {
		t.Errorf("without a log: %+v, %d requests", r, len(w.requests))
	}
	w.log.fail = func(r audit.Record) bool { return r.Phase != audit.PhaseIntent }
	r := w.call(t, "shelf_put", `{"title":"Dune"}`)
	if kind(r) != fault.Internal || !strings.Contains(r.Text, "unknown") || r.Structured != nil {
		t.Errorf("without an outcome: %+v", r)
	}
	if r := w.call(t, "shelf_get", `{"title":"Dune"}`); kind(r) != fault.Internal || r.Structured != nil {
		t.Errorf("a read without a record: %+v", r)
	}
}

func TestWhoMayNotIsToldWhyAndRecorded(t *testing.T) {
	onlyMain := auth.Rule{Tools: "shelf_get", Allow: `args.box == "main"`}
	for name, c := range map[string]struct {
		change func(*world)
		tool   string
		args   string
		kind   fault.Kind
		text   string
	}{
		"wrong type":       {nil, "shelf_get", `{"title":7}`, fault.InvalidArguments, "title: must be string"},
		"not JSON":         {nil, "shelf_get", `{"title":`, fault.InvalidArguments, "not valid JSON"},
		"misspelt":         {nil, "shelf_get", `{"titel":"x"}`, fault.InvalidArguments, `did you mean "title"`},
		"no such tool":     {nil, "shelf_gte", `{}`, fault.NotFound, "Did you mean shelf_get?"},
		"policy":           {nil, "shelf_get", `{"title":"x","box":"secret"}`, fault.NotPermitted, ""},
		"credential scope": {nil, "shelf_put", `{"title":"x","box":"custom"}`, fault.NotPermitted, "does not grant shelf:custom.write"},
		"neither's scope": {func(w *world) { w.id.Grants = scope.Grants{} }, "shelf_put", `{"title":"x","box":"custom"}`,
			fault.NotPermitted, "credential of agent a1 does not grant shelf:custom.write"},
		"token scope": {func(w *world) { w.id.Grants = scope.Grants{} }, "shelf_get", `{"title":"x"}`,
			fault.NotPermitted, "does not allow shelf:book.read"},
		"suspended":       {func(w *world) { w.active = false }, "shelf_get", `{"title":"x"}`, fault.NotPermitted, "suspended"},
		"no credential":   {func(w *world) { w.id.Agent = "a2" }, "shelf_get", `{"title":"x"}`, fault.NotPermitted, "no Shelf credential"},
		"dangling secret": {func(w *world) { _ = w.vault.Delete(context.Background(), "shelf/a1") }, "shelf_get", `{"title":"x"}`, fault.CredentialInvalid, "shelf/a1"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil, onlyMain)
			if c.change != nil {
				c.change(w)
			}
			r := w.call(t, c.tool, c.args)
			if kind(r) != c.kind || !strings.Contains(r.Text, c.text) || r.CallID == "" {
				t.Errorf("%s: %q", kind(r), r.Text)
			}
			if len(w.requests) != 0 {
				t.Error("a request was sent")
			}
			if got := w.log.records(); len(got) != 1 || got[0].Outcome != string(c.kind) || got[0].CallID != r.CallID {
				t.Errorf("records: %+v", got)
			}
		})
	}
}

func TestDefaultsAreFilledInForPolicyAndHandlerAlike(t *testing.T) {
	w := newWorld(t, nil, auth.Rule{Tools: "shelf_get", Allow: `args.box == "main"`})
	if r := w.call(t, "shelf_get", `{"title":"x"}`); r.Failure != nil {
		t.Fatal(r.Text)
	}
	if !strings.Contains(w.requests[0], `"box":"main"`) {
		t.Error(w.requests[0])
	}
	// Two readers of one text must see one thing: the policy's box is the handler's.
	if r := w.call(t, "shelf_get", `{"title":"x","box":"main","Box":"secret"}`); kind(r) != fault.InvalidArguments {
		t.Errorf("%s %q", kind(r), r.Text)
	}
	if r := w.call(t, "shelf_get", `{"title":"x","box":"secret","box":"main"}`); r.Failure != nil || strings.Contains(w.requests[1], "secret") {
		t.Errorf("%q", w.requests)
	}
}

func TestTheListShowsOnlyWhatMayBeCalled(t *testing.T) {
	w := newWorld(t, nil, auth.Rule{Tools: "shelf_put", Deny: "true"})
	names := func() (all []string) {
		for _, s := range w.List(w.id) {
			all = append(all, s.Name)
		}
		return all
	}
	if got := fmt.Sprint(names()); got != "[shelf_get]" {
		t.Error(got)
	}
	if r := w.call(t, "shelf_put", `{"title":"x"}`); kind(r) != fault.NotFound {
		t.Errorf("a hidden tool: %s", kind(r))
	}
	w.id.Agent = "a2"
	if got := names(); len(got) != 0 {
		t.Error("an agent without credentials sees", got)
	}
}

func TestMissingDecidesBeforeDispatch(t *testing.T) {
	w := newWorld(t, nil)
	w.id.Grants, _ = scope.Catalogs{"shelf": shelf("").Scopes}.ParseGrants("shelf:book.read")
	needed, missing := w.Missing(w.id, tools.Call{Tool: "shelf_put", Arguments: json.RawMessage(`{"box":"book"}`)})
	if !missing || needed != "shelf:book.write" {
		t.Errorf("%q %v", needed, missing)
	}
	if _, missing := w.Missing(w.id, tools.Call{Tool: "shelf_get"}); missing {
		t.Error("a granted scope is missing")
	}
	for name, hidden := range map[string]func(*world){
		"by policy":         func(w *world) { w.id.Agent = "a1" },
		"by its credential": func(w *world) { w.id.Agent = "a2" },
	} {
		w := newWorld(t, nil, auth.Rule{Tools: "shelf_put", Deny: "true"})
		w.id.Grants = nil
		hidden(w)
		if _, missing := w.Missing(w.id, tools.Call{Tool: "shelf_put", Arguments: json.RawMessage(`{"box":"book"}`)}); missing {
			t.Error("a tool that is hidden", name, "gives itself away")
		}
	}
	if id := w.Denied(t.Context(), w.id, tools.Call{Tool: "shelf_put"}, needed); id == "" || w.log.records()[0].Outcome != "not_permitted" {
		t.Error("the refusal was not recorded")
	}
}

func TestNothingOfAPanicGetsOut(t *testing.T) {
	w := newWorld(t, nil)
	r := w.call(t, "shelf_get", `{"title":"panic"}`)
	if kind(r) != fault.Internal || strings.Contains(r.Text, "canary") {
		t.Errorf("%s %q", kind(r), r.Text)
	}
}

func TestTheSecretIsTakenOutOfWhateverComesBack(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"result": func(rw http.ResponseWriter, r *http.Request) {
			_ = json.NewEncoder(rw).Encode(shelfOutput{Echo: r.Header.Get("Authorization")})
		},
		"error": func(rw http.ResponseWriter, r *http.Request) {
			http.Error(rw, r.Header.Get("Authorization"), http.StatusBadRequest)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, answer)
			r := w.call(t, "shelf_put", `{"title":"`+secret+`"}`)
			all, err := json.Marshal(w.log.records())
			must(t, err)
			for where, text := range map[string]string{"text": r.Text, "result": string(r.Structured), "log": string(all)} {
				if strings.Contains(text, "canary") {
					t.Errorf("the secret is in the %s: %s", where, text)
				}
			}
			if !strings.Contains(w.requests[0], secret) {
				t.Error("the argument did not reach the service as it was given")
			}
		})
	}
}

func TestTheSecretIsTakenOutBeforeAHandlerCanClipIt(t *testing.T) {
	w := newWorld(t, func(rw http.ResponseWriter, r *http.Request) {
		_ = json.NewEncoder(rw).Encode(shelfOutput{Echo: strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")})
	})
	if r := w.call(t, "shelf_get", `{"title":"clip"}`); r.Failure != nil || strings.Contains(string(r.Structured), "canary") {
		t.Errorf("%s %s", r.Text, r.Structured)
	}
}

func TestAResultThatIsTooLargeIsRefusedWithAWayOut(t *testing.T) {
	w := newWorld(t, func(rw http.ResponseWriter, r *http.Request) {
		_ = json.NewEncoder(rw).Encode(shelfOutput{Echo: strings.Repeat("x ", 200_000)})
	})
	if r := w.call(t, "shelf_get", `{"title":"x"}`); kind(r) != fault.InvalidArguments || !strings.Contains(r.Text, "Ask for less") {
		t.Errorf("%s %q", kind(r), r.Text)
	}
	if r := w.call(t, "shelf_put", `{"title":"x"}`); kind(r) != fault.UpstreamError || !strings.Contains(r.Text, "It was done") {
		t.Errorf("a write: %s %q", kind(r), r.Text)
	}
}

func TestACallThatHangsEndsWithItsDeadline(t *testing.T) {
	w := newWorld(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	w.Options.Timeout = 50 * time.Millisecond
	if r := w.call(t, "shelf_get", `{"title":"x"}`); kind(r) != fault.Timeout {
		t.Errorf("%s %q", kind(r), r.Text)
	}
	if got := w.log.records(); len(got) != 1 || got[0].Outcome != "timeout" {
		t.Errorf("%+v", got)
	}
}

func TestACallThatItsCallerCancelsIsNotTheServicesFault(t *testing.T) {
	arrived := make(chan struct{})
	w := newWorld(t, func(_ http.ResponseWriter, r *http.Request) { close(arrived); <-r.Context().Done() })
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-arrived; cancel() }()
	w.Call(ctx, w.id, tools.Call{Tool: "shelf_get", Arguments: json.RawMessage(`{"title":"x"}`)})
	if got := w.log.records(); len(got) != 1 || got[0].Outcome != "cancelled" {
		t.Errorf("%+v", got)
	}
}

func TestAToolThatWritesNeedsAScopeThatWrites(t *testing.T) {
	files, err := schemas.LoadFS(shelfFiles)
	must(t, err)
	files[0].Annotations.ReadOnly = false
	if _, err := tools.NewGateway(tools.Options{Services: []tools.Service{shelf("")}, Schemas: files}); err == nil || !strings.Contains(err.Error(), "only reads") {
		t.Error(err)
	}
}

func TestAToolWithoutAFileAndAFileWithoutAToolAreErrors(t *testing.T) {
	files, err := schemas.LoadFS(shelfFiles)
	must(t, err)
	s := shelf("")
	if _, err := tools.NewGateway(tools.Options{Services: []tools.Service{s}, Schemas: files[:1]}); err == nil || !strings.Contains(err.Error(), "has no file") {
		t.Error(err)
	}
	s.Tools = s.Tools[:1]
	if _, err := tools.NewGateway(tools.Options{Services: []tools.Service{s}, Schemas: files}); err == nil || !strings.Contains(err.Error(), "has no handler") {
		t.Error(err)
	}
}

// A caller who goes while the intent is being written has done nothing, and that
// stands in the log; it says nothing against the log.
func TestACallerWhoGoesBeforeTheCallIsInTheLog(t *testing.T) {
	w := newWorld(t, nil)
	ctx, leave := context.WithCancel(t.Context())
	w.log.fail = func(r audit.Record) bool {
		if r.Phase == audit.PhaseIntent {
			leave()
		}
		return false
	}
	r := w.Call(ctx, w.id, tools.Call{Tool: "shelf_put", Arguments: json.RawMessage(`{"title":"Dune"}`), Transport: "http"})
	if kind(r) != fault.Cancelled || strings.Contains(r.Text, "log") || len(w.requests) > 0 {
		t.Errorf("%+v, and %d requests", r, len(w.requests))
	}
	seen := w.log.records()
	if last := seen[len(seen)-1]; last.Phase != audit.PhaseCall || last.CallID != r.CallID || last.Outcome != string(fault.Cancelled) {
		t.Errorf("%+v", last)
	}
}
