package tools_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"toolvault/auth"
	"toolvault/auth/scope"
	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/idempotency"
	"toolvault/tools/upstream"
	"toolvault/vault"
)

func TestACallWithoutAGrantAsksForItAndThenSucceeds(t *testing.T) {
	a := newAsking(t, nil, nil)
	first := a.put(t)
	if kind(first) != fault.NeedsConsent || first.Failure.Link != page || first.BadState ||
		first.Text != "A person has to connect Shelf for agent a1 first (credential shelf/a1)." {
		t.Fatalf("%+v %q", first, first.Text)
	}
	q := first.Question
	if q == nil || q.URL != page || q.State == "" || q.Message != "Agent a1 needs access to Shelf (Put). Open the page to see what it asks for, and agree or refuse there." {
		t.Fatalf("%+v", q)
	}
	if got := a.desk.asked(); len(got) != 1 || got[0] != "shelf/a1: book.write for "+first.CallID {
		t.Errorf("%q", got)
	}
	if all := a.log.records(); len(all) != 1 || all[0].Outcome != "needs_consent" || all[0].CallID != first.CallID {
		t.Errorf("records %+v", all)
	}

	a.grant(t, "granted-token-1")
	second := a.put(t, replying(q.State, tools.AnswerAccept))
	if second.Failure != nil || second.Question != nil || second.CallID == first.CallID {
		t.Fatalf("%+v %q", second, second.Text)
	}
	if sent := a.sent(); len(sent) != 1 || sent[0] != "Bearer granted-token-1" {
		t.Errorf("%q", sent)
	}
	if outcome, message := a.last(); outcome != "ok" || message != "asked by "+first.CallID {
		t.Errorf("record: %s %q", outcome, message)
	}
}

// The call may as well be made anew: a state is for those who have one.
func TestACallThatIsMadeAnewNeedsNoState(t *testing.T) {
	a := newAsking(t, nil, nil)
	a.put(t)
	a.grant(t, "granted-token-1")
	if r := a.put(t); r.Failure != nil {
		t.Error(r.Text)
	}
	if r := a.put(t, replying("", tools.AnswerDecline)); r.Failure != nil {
		t.Errorf("an answer to nothing: %s", r.Text)
	}
	if _, message := a.last(); message != "" {
		t.Errorf("%q", message)
	}
}

func TestOneWhoMayNotCallIsNotAskedAbout(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*asking)
		rules  []auth.Rule
		tool   string
		args   string
	}{
		"token":      {change: func(a *asking) { a.id.Grants = scope.Grants{} }},
		"agent":      {change: func(a *asking) { a.active = false }},
		"credential": {args: `{"title":"x","box":"custom"}`},
		"rule":       {rules: []auth.Rule{{Tools: "shelf_put", Deny: `args.box == "book"`}}},
		"hidden":     {rules: []auth.Rule{{Tools: "shelf_put", Deny: "true"}}},
		"arguments":  {args: `{"titel":"x"}`},
		"other":      {change: func(a *asking) { a.id.Agent = "a2" }},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAsking(t, nil, nil, c.rules...)
			if c.change != nil {
				c.change(a)
			}
			r := a.put(t, func(call *tools.Call) {
				if c.args != "" {
					call.Arguments = json.RawMessage(c.args)
				}
			})
			if r.Failure == nil || r.Failure.Kind == fault.NeedsConsent || r.Failure.Link != "" || r.Question != nil || len(a.desk.asked()) != 0 {
				t.Errorf("%+v; asked %q", r, a.desk.asked())
			}
		})
	}
}

func TestWhereNobodyCanBeAskedTheFailureSaysWhatToDo(t *testing.T) {
	for name, change := range map[string]func(*asking){
		"nobody":         func(a *asking) { a.Options.Consent = nil },
		"no page":        func(a *asking) { a.desk.link = "" },
		"not just now":   func(a *asking) { a.desk.link, a.desk.err = page, errors.New("no") },
		"and no states":  func(a *asking) { a.Options.States, a.Options.Consent = nil, nil },
		"link, no state": func(a *asking) { a.store.down.Store(true) },
		"link, no maker": func(a *asking) { a.Options.States = nil },
	} {
		t.Run(name, func(t *testing.T) {
			a := newAsking(t, nil, nil)
			change(a)
			r := a.put(t)
			if kind(r) != fault.NeedsConsent || r.Question != nil || !strings.Contains(r.Text, "shelf/a1") {
				t.Errorf("%+v %q", r, r.Text)
			}
			if link := strings.HasPrefix(name, "link"); link != (r.Failure.Link == page) {
				t.Errorf("link %q", r.Failure.Link)
			}
		})
	}
}

func TestAStateThatIsNotGoodHasNoEffect(t *testing.T) {
	const foreign, other = "is none that this server gave to this caller", "another tool or with other arguments"
	for name, c := range map[string]struct {
		change func(a *asking, call *tools.Call)
		text   string
		known  bool // the record names the call that was asked
	}{
		"tampered": {func(_ *asking, c *tools.Call) { c.RequestState = c.RequestState[:20] + "AAAA" + c.RequestState[24:] }, foreign, false},
		"made up":  {func(_ *asking, c *tools.Call) { c.RequestState = "eyJhZ2VudCI6ImExIn0" }, foreign, false},
		"huge":     {func(_ *asking, c *tools.Call) { c.RequestState = strings.Repeat("A", 1<<20) }, foreign, false},
		"agent": {func(a *asking, _ *tools.Call) {
			a.id.Agent = "a2"
			a.vault.Configure([]vault.Declaration{{ID: "shelf/a2", Owner: vault.Owner{Agent: "a2"}, Service: "shelf", Type: vault.TypeOAuthToken, Source: "vault:shelf/grant", Scope: a.id.Grants["shelf"]}}, nil)
		}, foreign, true},
		"user":      {func(a *asking, _ *tools.Call) { a.id.User = "bob" }, foreign, true},
		"arguments": {func(_ *asking, c *tools.Call) { c.Arguments = json.RawMessage(`{"title":"Emma"}`) }, other, true},
		"tool":      {func(_ *asking, c *tools.Call) { c.Tool = "shelf_get" }, other, true},
		"expired":   {func(a *asking, _ *tools.Call) { a.store.later.Store(int64(11 * time.Minute)) }, "has expired: it is good for 10 minutes", true},
		"used": {func(a *asking, c *tools.Call) {
			a.Call(context.Background(), a.id, tools.Call{Tool: c.Tool, Arguments: c.Arguments, RequestState: c.RequestState, Answer: tools.AnswerCancel})
		}, "was used before", true},
		"no maker": {func(a *asking, _ *tools.Call) { a.Options.States = nil }, foreign, false},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAsking(t, nil, nil)
			first := a.put(t)
			a.grant(t, "granted-token-1") // all but the state is good
			r := a.put(t, replying(first.Question.State, tools.AnswerAccept), func(call *tools.Call) { c.change(a, call) })
			if !r.BadState || kind(r) != fault.InvalidArguments || !strings.Contains(r.Text, c.text) || !strings.HasSuffix(r.Text, "Make the call again without it.") || strings.Contains(r.Text, first.CallID) {
				t.Errorf("%+v %q", r, r.Text)
			}
			if n := len(a.sent()); n != 0 || r.Question != nil || r.Structured != nil {
				t.Errorf("%d requests, %+v", n, r)
			}
			if outcome, message := a.last(); outcome != "invalid_arguments" || strings.Contains(message, "(asked by "+first.CallID+")") != c.known {
				t.Errorf("record: %s %q", outcome, message)
			}
		})
	}
}

// What was asked of bob is not answered by alice, though both act through one
// agent.
func TestAStateIsOneUsers(t *testing.T) {
	a := newAsking(t, nil, nil)
	a.id.User = "alice"
	first := a.put(t)
	a.grant(t, "granted-token-1")
	a.id.User = "bob"
	if r := a.put(t, replying(first.Question.State, tools.AnswerAccept)); !r.BadState {
		t.Errorf("%+v", r)
	}
	a.id.User = "alice"
	if r := a.put(t, replying(first.Question.State, tools.AnswerAccept)); r.Failure != nil {
		t.Errorf("alice: %s", r.Text)
	}
}

func TestAPageThatWasOnlyOpenedIsAskedForAgain(t *testing.T) {
	a := newAsking(t, nil, nil)
	first := a.put(t)
	second := a.put(t, replying(first.Question.State, tools.AnswerAccept))
	q := second.Question
	if kind(second) != fault.NeedsConsent || second.Failure.Link != page || q == nil || q.State == "" || q.State == first.Question.State {
		t.Fatalf("%+v %+v", second, q)
	}
	if !strings.HasPrefix(second.Text, "It is not there yet. ") || q.Message != "Shelf is not connected for agent a1 yet. Finish on the page, then go on here." {
		t.Errorf("%q, to the user %q", second.Text, q.Message)
	}
	if outcome, message := a.last(); outcome != "needs_consent" || !strings.HasSuffix(message, "(asked by "+first.CallID+")") {
		t.Errorf("record: %s %q", outcome, message)
	}
	a.grant(t, "granted-token-1")
	if r := a.put(t, replying(first.Question.State, tools.AnswerAccept)); !r.BadState {
		t.Errorf("the first state again: %+v", r)
	}
	if r := a.put(t, replying(q.State, tools.AnswerAccept)); r.Failure != nil || len(a.sent()) != 1 {
		t.Errorf("%+v, %d requests", r, len(a.sent()))
	}

	// A state without any answer is asked about once more ("Error Handling").
	a = newAsking(t, nil, nil)
	if r := a.put(t, replying(a.put(t).Question.State, "")); r.Question == nil || strings.Contains(r.Text, "not there yet") {
		t.Errorf("%+v", r)
	}
}

func TestOneWhoSaidNoIsNotAskedAgain(t *testing.T) {
	for answer, said := range map[string]string{tools.AnswerDecline: "declined", tools.AnswerCancel: "closed the question"} {
		a := newAsking(t, nil, nil)
		first := a.put(t)
		if answer == tools.AnswerDecline {
			a.grant(t, "granted-token-1") // a no counts all the same
		}
		r := a.put(t, replying(first.Question.State, answer))
		if kind(r) != fault.NeedsConsent || r.Failure.Link != "" || r.Question != nil || !strings.Contains(r.Text, said) || len(a.desk.asked()) != 1 || len(a.sent()) != 0 {
			t.Errorf("%s: %+v %q", answer, r, r.Text)
		}
		if r := a.put(t, replying(first.Question.State, tools.AnswerAccept)); !r.BadState {
			t.Errorf("a no that becomes a yes: %+v", r)
		}
	}
}

func TestAGrantThatEndsInTheMiddleOfACallIsAskedFor(t *testing.T) {
	a := newAsking(t, func(rw http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "Bearer ended-token" {
			rw.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = io.WriteString(rw, `{"echo":"got it"}`)
	}, nil)
	a.Options.Ledger = idempotency.New(idempotency.Options{Store: a.store, Sealer: a.keyring, Now: time.Now})
	a.grant(t, "ended-token")
	keyed := func(c *tools.Call) { c.IdempotencyKey = "k1" }
	first := a.put(t, keyed)
	if kind(first) != fault.NeedsConsent || first.Failure.Link != page || first.Question == nil {
		t.Fatalf("%+v %q", first, first.Text)
	}
	a.grant(t, "granted-token-1")
	if r := a.put(t, keyed, replying(first.Question.State, tools.AnswerAccept)); r.Failure != nil {
		t.Errorf("%+v %q", r, r.Text)
	}
	if sent := a.sent(); !slices.Equal(sent, []string{"Bearer ended-token", "Bearer granted-token-1"}) {
		t.Errorf("%q", sent)
	}
}

// A refused token that cannot be renewed because of the config is no matter for the
// person: to connect again would not help.
func TestARefusedTokenThatAnAdminHasToMend(t *testing.T) {
	a := newAsking(t, func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusUnauthorized) }, nil)
	_, err := a.vault.Put(t.Context(), "shelf/grant", vault.Stored{Type: vault.TypeOAuthToken, Secret: vault.NewSecret("ended-token"), Refresh: vault.NewSecret("refresh-token")})
	must(t, err)
	r := a.put(t)
	if kind(r) != fault.CredentialInvalid || !strings.Contains(r.Text, "The Shelf credential shelf/a1 cannot be used. An admin has to mend that") || len(a.sent()) != 1 {
		t.Errorf("%+v %q", r, r.Text)
	}
}

// A retry that is sent twice is one write, for a client that has a key.
func TestARetryThatIsSentTwiceHappensOnce(t *testing.T) {
	a := newAsking(t, nil, nil)
	a.Options.Ledger = idempotency.New(idempotency.Options{Store: a.store, Sealer: a.keyring, Now: time.Now})
	keyed := func(c *tools.Call) { c.IdempotencyKey = "k1" }
	first := a.put(t, keyed)
	a.grant(t, "granted-token-1")
	retry := a.put(t, keyed, replying(first.Question.State, tools.AnswerAccept))
	again := a.put(t, keyed, replying(first.Question.State, tools.AnswerAccept))
	if retry.Failure != nil || again.Failure != nil || again.RepeatOf != retry.CallID || len(a.sent()) != 1 {
		t.Errorf("%+v\n%+v\n%d requests", retry, again, len(a.sent()))
	}
	if r := a.put(t, keyed, replying(first.Question.State+"A", tools.AnswerAccept)); !r.BadState {
		t.Errorf("a key does not make a bad state good: %+v", r)
	}
}

// missing says what the service lacks, as services do.
func missing(scopes ...string) func(*upstream.Response) *fault.Error {
	return func(r *upstream.Response) *fault.Error {
		f := upstream.StatusFault(r)
		if f != nil && f.Kind == fault.NotPermitted {
			f.Needed, f.Message = scopes, "Shelf has not been granted it."
		}
		return f
	}
}

func TestAScopeThatTheServiceMissesIsAskedFor(t *testing.T) {
	forbid := func(rw http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "Bearer narrow-token" {
			rw.WriteHeader(http.StatusForbidden)
			return
		}
		_, _ = io.WriteString(rw, `{"echo":"got it"}`)
	}
	a := newAsking(t, forbid, missing("custom.write", "book.write"))
	a.grant(t, "narrow-token")
	first := a.put(t)
	if kind(first) != fault.NeedsConsent || first.Failure.Link != page || first.Question == nil ||
		first.Text != "Shelf has not been granted book.write: a person has to consent to that for agent a1 (credential shelf/a1)." {
		t.Fatalf("%+v %q", first, first.Text)
	}
	if got := a.desk.asked(); len(got) != 1 || got[0] != "shelf/a1: book.write for "+first.CallID {
		t.Errorf("asked for %q: what the agent may not have is not asked for", got)
	}
	a.grant(t, "wide-token")
	if r := a.put(t, replying(first.Question.State, tools.AnswerAccept)); r.Failure != nil {
		t.Errorf("%+v", r)
	}

	for name, judge := range map[string]func(*upstream.Response) *fault.Error{
		"what the agent may not have": missing("custom.write"), "what is no scope": missing("x"), "nothing in particular": missing(),
	} {
		a := newAsking(t, forbid, judge)
		a.grant(t, "narrow-token")
		if r := a.put(t); kind(r) != fault.NotPermitted || r.Question != nil || r.Failure.Link != "" || len(a.desk.asked()) != 0 {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

// After a part may have been done, "call again with the same arguments" is bad
// advice.
func TestAWriteThatIsHalfDoneIsNotToBeMadeAgain(t *testing.T) {
	a := newAsking(t, nil, nil)
	a.grant(t, "narrow-token")
	srv := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/second" {
			rw.WriteHeader(http.StatusForbidden)
		}
	}))
	t.Cleanup(srv.Close)
	service := shelf(srv.URL)
	service.Endpoint.Fault = missing("book.write")
	service.Tools[1] = tools.New("shelf_put", func(ctx context.Context, c *upstream.Client, in shelfInput) (out shelfOutput, err error) {
		for _, path := range []string{"/first", "/second"} {
			if err := c.Do(ctx, upstream.Request{Method: http.MethodPost, Path: path, JSON: in}, nil); err != nil {
				return out, err
			}
		}
		return out, nil
	})
	must(t, a.SetServices([]tools.Service{service}))
	if r := a.put(t); kind(r) != fault.NotPermitted || r.Question != nil || len(a.desk.asked()) != 0 {
		t.Errorf("%+v", r)
	}
}

func TestACallCanWaitForOneWhoIsAboutToConsent(t *testing.T) {
	a := newAsking(t, nil, nil)
	a.Options.Timeout, a.Options.Patience = time.Minute, 20*time.Second
	first := a.put(t)
	before := a.lookups.Load()
	done := make(chan tools.Result)
	go func() { done <- a.put(t, replying(first.Question.State, tools.AnswerAccept)) }()
	for deadline := time.Now().Add(10 * time.Second); a.lookups.Load() == before; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it never looks for the grant")
		}
	}
	a.grant(t, "granted-token-1")
	if r := <-done; r.Failure != nil || len(a.sent()) != 1 {
		t.Errorf("%+v", r)
	}

	// It waits for those who have agreed, and not for ever.
	a = newAsking(t, nil, nil)
	a.Options.Patience = 600 * time.Millisecond
	first = a.put(t)
	if n := a.lookups.Load(); n != 1 {
		t.Errorf("a first call looks %d times", n)
	}
	if r := a.put(t, replying(first.Question.State, tools.AnswerAccept)); r.Question == nil {
		t.Errorf("%+v", r)
	}
}
