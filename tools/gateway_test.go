package tools_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"toolvault/audit"
	"toolvault/auth"
	"toolvault/auth/scope"
	"toolvault/schemas"
	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/upstream"
	"toolvault/vault"
	"toolvault/vault/store"
)

const secret = "canary-0123456789abcdefghijklmnop" // of no known shape

// shelf is a service with a tool that reads and one that writes.
type shelfInput struct {
	Title string `json:"title"`
	Box   string `json:"box"`
}

type shelfOutput struct {
	Echo string `json:"echo"`
}

var shelfFiles = fstest.MapFS{
	"shelf/shelf_get.json": {Data: []byte(`{"name":"shelf_get","title":"Get","service":"shelf","scope":"book.read","description":"Gets a book.",
		"annotations":{"readOnly":true,"destructive":false,"idempotent":true},
		"input":{"type":"object","additionalProperties":false,"required":["title"],"properties":{
			"title":{"type":"string","maxLength":100000},"box":{"type":"string","default":"main"}}}}`)},
	"shelf/shelf_put.json": {Data: []byte(`{"name":"shelf_put","title":"Put","service":"shelf","scope":"{box}.write","description":"Puts a book.",
		"annotations":{"readOnly":false,"destructive":false,"idempotent":false},
		"input":{"type":"object","additionalProperties":false,"required":["title"],"properties":{
			"title":{"type":"string","x-sensitive":true},"box":{"type":"string","default":"book"}}}}`)},
}

func shelf(baseURL string) tools.Service {
	ask := func(write bool) func(context.Context, *upstream.Client, shelfInput) (shelfOutput, error) {
		return func(ctx context.Context, c *upstream.Client, in shelfInput) (shelfOutput, error) {
			if in.Title == "panic" {
				panic("with a value: " + secret)
			}
			var out shelfOutput
			err := c.Do(ctx, upstream.Request{Method: http.MethodPost, Path: "/" + in.Box, JSON: in, Read: !write}, &out)
			if in.Title == "clip" && len(out.Echo) > 20 {
				out.Echo = out.Echo[:20]
			}
			return out, err
		}
	}
	return tools.Service{
		Name: "shelf", Title: "Shelf", Endpoint: upstream.Endpoint{Service: "shelf", BaseURL: baseURL, Fault: quoting},
		Scopes: scope.NewCatalog("shelf",
			scope.Def{Name: "book.read"}, scope.Def{Name: "book.write", Write: true, Implies: []string{"book.read"}},
			scope.Def{Name: "custom.write", Write: true}),
		Auth:  map[string]vault.Scheme{vault.TypeAPIKey: vault.Bearer},
		Tools: []tools.Tool{tools.New("shelf_get", ask(false)), tools.New("shelf_put", ask(true))},
	}
}

// quoting tells the model what the service said, as services do.
func quoting(r *upstream.Response) *fault.Error {
	f := upstream.StatusFault(r)
	if f != nil {
		f.Message += " Shelf said: " + string(r.Body)
		f.Code = string(r.Body)
	}
	return f
}

// log is the real audit log, which can be told to fail.
type log struct {
	*audit.Log
	mu   sync.Mutex
	fail func(audit.Record) bool
	seen []audit.Record
}

func (l *log) Append(ctx context.Context, r audit.Record) (audit.Receipt, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fail != nil && l.fail(r) {
		return audit.Receipt{}, errors.New("no space left on device")
	}
	l.seen = append(l.seen, r)
	return l.Log.Append(ctx, r)
}

func (l *log) records() []audit.Record {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.seen
}

type world struct {
	*tools.Gateway
	log      *log
	vault    *vault.Vault
	requests []string // bodies that the upstream has seen
	mu       sync.Mutex
	active   bool
	id       auth.Identity
}

// newWorld is a gateway on real parts, and an upstream that answers what the
// test wants (nil: an echo).
func newWorld(t *testing.T, answer http.HandlerFunc, rules ...auth.Rule) *world {
	t.Helper()
	w := &world{active: true}
	if answer == nil {
		answer = func(rw http.ResponseWriter, r *http.Request) {
			_ = json.NewEncoder(rw).Encode(shelfOutput{Echo: "got it"})
		}
	}
	srv := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		w.mu.Lock()
		w.requests = append(w.requests, string(b))
		w.mu.Unlock()
		r.Body = io.NopCloser(strings.NewReader(string(b)))
		answer(rw, r)
	}))
	t.Cleanup(srv.Close)
	service := shelf(srv.URL)
	files, err := schemas.LoadFS(shelfFiles)
	must(t, err)
	st, err := store.OpenSQLite(t.Context(), t.TempDir()+"/s.db")
	must(t, err)
	t.Cleanup(func() { _ = st.Close() })
	keyring, err := vault.OpenKeyring(t.Context(), st, vault.NewMasterKey())
	must(t, err)
	w.vault = vault.New(vault.Options{Store: st, Keyring: keyring})
	_, err = w.vault.Put(t.Context(), "shelf/a1", vault.Stored{Type: vault.TypeAPIKey, Secret: vault.NewSecret(secret)})
	must(t, err)
	granted, err := service.Scopes.Parse("book.write")
	must(t, err)
	w.vault.Configure([]vault.Declaration{{ID: "shelf/a1", Owner: vault.Owner{Agent: "a1"}, Service: "shelf", Type: vault.TypeAPIKey, Source: "vault:shelf/a1", Scope: granted}}, map[string]vault.Service{"shelf": {Schemes: service.Auth}})
	al, err := audit.Open(audit.Options{Dir: t.TempDir() + "/audit", Key: audit.NewKey(), Name: "test", Now: time.Now, Logger: slog.New(slog.DiscardHandler)})
	must(t, err)
	t.Cleanup(func() { _ = al.Close() })
	w.log = &log{Log: al}
	w.Gateway, err = tools.NewGateway(tools.Options{
		Services: []tools.Service{service}, Schemas: files, Pool: upstream.NewPool(nil), Vault: w.vault, Log: w.log,
		Redactor: audit.NewRedactor(), Active: func(string) bool { return w.active }, Now: time.Now, Logger: slog.New(slog.DiscardHandler),
		Timeout: 5 * time.Second,
	})
	must(t, err)
	shapes := []auth.ToolShape{}
	for _, f := range files {
		shapes = append(shapes, auth.ToolShape{Name: f.Name, Service: f.Service, Input: f.Input})
	}
	policy, err := auth.CompilePolicy(rules, shapes)
	must(t, err)
	w.SetPolicies(map[string]*auth.Policy{"a1": policy})
	grants, err := scope.Catalogs{"shelf": service.Scopes}.ParseGrants("shelf:read-write")
	must(t, err)
	w.id = auth.Identity{Agent: "a1", Grants: grants}
	return w
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) call(t *testing.T, tool, args string) tools.Result {
	t.Helper()
	return w.Call(t.Context(), w.id, tools.Call{Tool: tool, Arguments: json.RawMessage(args), ToolCallID: "tc-1", Transport: "http"})
}

func kind(r tools.Result) fault.Kind {
	if r.Failure == nil {
		return ""
	}
	return r.Failure.Kind
}

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
