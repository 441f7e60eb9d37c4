package tools_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
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

func shelve(write bool) func(context.Context, *upstream.Client, shelfInput) (shelfOutput, error) {
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

func shelf(baseURL string) tools.Service {
	return tools.Service{
		Name: "shelf", Title: "Shelf", Endpoint: upstream.Endpoint{Service: "shelf", BaseURL: baseURL, Fault: quoting},
		Scopes: scope.NewCatalog("shelf",
			scope.Def{Name: "book.read"}, scope.Def{Name: "book.write", Write: true, Implies: []string{"book.read"}},
			scope.Def{Name: "custom.write", Write: true}),
		Auth:  map[string]vault.Scheme{vault.TypeAPIKey: vault.Bearer},
		Tools: []tools.Tool{tools.New("shelf_get", shelve(false)), tools.New("shelf_put", shelve(true))},
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
	parse    func(string) (scope.Grants, error)
}

// newWorld is a gateway on real parts, and an upstream that answers what the
// test wants (nil: an echo).
func newWorld(t *testing.T, answer http.HandlerFunc, rules ...auth.Rule) *world {
	t.Helper()
	return newWorldOf(t, answer, nil, rules...)
}

// newWorldOf is newWorld with more schema files.
func newWorldOf(t *testing.T, answer http.HandlerFunc, more []schemas.Tool, rules ...auth.Rule) *world {
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
	files = append(files, more...)
	if slices.ContainsFunc(more, func(s schemas.Tool) bool { return s.Name == "shelf_burn" }) {
		service.Tools = append(service.Tools, tools.New("shelf_burn", shelve(true)))
	}
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
	w.parse = scope.Catalogs{"shelf": service.Scopes}.ParseGrants
	grants, err := w.parse("shelf:read-write")
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
