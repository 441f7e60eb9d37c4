package connect

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"toolvault/auth/people"
	"toolvault/auth/scope"
	"toolvault/vault"
	"toolvault/vault/store"
)

// clock is a time that a test moves.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// byCookie takes a cookie's word for who sits there: the real sign-in costs half a
// second each time, and has tests of its own.
type byCookie struct{}

func (byCookie) Visitor(r *http.Request) (string, bool) {
	c, err := r.Cookie("who")
	if err != nil {
		return "", false
	}
	return c.Value, true
}

func (byCookie) SignInURL(back string) string {
	return people.SignInPath + "?return=" + url.QueryEscape(back)
}

// visitors are real people with real sessions.
type visitors struct{ *people.People }

func (v visitors) Visitor(r *http.Request) (string, bool) {
	p, ok := v.People.Visitor(r)
	return p.Name, ok
}

// world is a server with its store, a provider, and all that was written down.
type world struct {
	*Connector
	t        testing.TB
	url      string
	clock    *clock
	store    store.Store
	keyring  *vault.Keyring
	vault    *vault.Vault
	provider *provider
	people   *people.People
	handler  http.Handler

	mu     sync.Mutex
	events []Event
	logs   bytes.Buffer
	pages  bytes.Buffer // all that browsers were shown
	deaf   bool         // the audit log cannot be written
	real   bool         // people sign in for real
	more   func(*vault.App)
	decls  []vault.Declaration
	owners []string // of support-agent-1

	storage string // URL of the store; "" for SQLite
}

var catalog = scope.NewCatalog("crm",
	scope.Def{Name: "crm.objects.contacts.read"}, scope.Def{Name: "crm.objects.deals.read"}, scope.Def{Name: "chat:write", Write: true},
	scope.Def{Name: "search:read"})

const password = "a quiet lighthouse 7"

func (w *world) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.logs.Write(b)
}

func newWorld(t testing.TB, edit ...func(*world)) *world {
	t.Helper()
	w := &world{t: t, clock: &clock{t: time.Now()}, provider: newProvider(t), owners: []string{"alice", "carol"}}
	w.decls = []vault.Declaration{w.declare("crm/bot", "", "crm.objects.contacts.read"), w.declare("crm/alice", "alice", "crm.objects.contacts.read")}
	for _, e := range edit {
		e(w)
	}
	if w.storage == "" {
		w.storage = "file:" + filepath.Join(t.TempDir(), "store.db")
	}
	st, err := store.Open(t.Context(), w.storage)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	w.store = st
	if w.keyring, err = vault.OpenKeyring(t.Context(), st, vault.NewMasterKey()); err != nil {
		t.Fatal(err)
	}
	logger := slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug}))
	w.vault = vault.New(vault.Options{Store: st, Keyring: w.keyring, Now: w.clock.now, Logger: logger})
	w.configure()
	srv := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { w.handler.ServeHTTP(rw, r) }))
	t.Cleanup(srv.Close)
	w.url = srv.URL
	if w.people, err = people.New(people.Options{Store: st, Sealer: w.keyring, Now: w.clock.now, Logger: logger, PublicURL: srv.URL}); err != nil {
		t.Fatal(err)
	}
	w.Connector = w.replica(logger)
	mux := http.NewServeMux()
	mux.Handle(Path, w.Connector.Handler())
	mux.Handle("/", w.people.Handler())
	w.handler = mux
	return w
}

func (w *world) configure() {
	app := vault.App{Provider: vault.Provider{
		Issuer: w.provider.URL, AuthURL: w.provider.URL + "/authorize", TokenURL: w.provider.URL + "/token", RevokeURL: w.provider.URL + "/revoke",
		PKCE: true, Scopes: []string{"oauth"},
	}, ClientID: "app", ClientSecret: vault.NewSecret(clientSecret)}
	if w.more != nil {
		w.more(&app)
	}
	w.vault.Configure(w.decls, map[string]vault.Service{"crm": {
		Schemes: map[string]vault.Scheme{vault.TypeOAuthToken: vault.Bearer}, App: app,
	}})
}

// replica is one more process on the same store.
func (w *world) replica(logger *slog.Logger) *Connector {
	w.t.Helper()
	var who People = byCookie{}
	if w.real {
		who = visitors{w.people}
	}
	c, err := New(Options{
		Vault: w.vault, Store: w.store, Sealer: w.keyring, People: who, Now: w.clock.now, PublicURL: w.url, Logger: logger,
		Scopes: func(d vault.Declaration) []string { return strings.Fields(d.Scope.String()) },
		Owners: func(agent string) []string {
			if agent == "support-agent-1" {
				return w.owners
			}
			return nil
		},
		Title: func(string) string { return "Acme CRM" },
		Observe: func(_ context.Context, e Event) error {
			w.mu.Lock()
			defer w.mu.Unlock()
			if w.deaf {
				return errors.New("the disk is full")
			}
			w.events = append(w.events, e)
			return nil
		},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

func (w *world) declare(name, user, scopes string) vault.Declaration {
	set, err := catalog.Parse(scopes)
	if err != nil {
		w.t.Fatal(err)
	}
	return vault.Declaration{
		ID: name, Owner: vault.Owner{Agent: "support-agent-1", User: user}, Service: "crm", Type: vault.TypeOAuthToken, Source: "vault:" + name, Scope: set,
	}
}

func (w *world) begin(d vault.Declaration, people ...string) Ticket {
	w.t.Helper()
	t, err := w.Begin(w.t.Context(), Request{Declaration: d, People: people})
	if err != nil {
		w.t.Fatal(err)
	}
	return t
}

// stored is what the vault has under a name; ok is false for nothing.
func (w *world) stored(name string) (vault.Info, bool) {
	w.t.Helper()
	info, err := w.vault.Show(w.t.Context(), name)
	if errors.Is(err, store.ErrNotFound) {
		return info, false
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return info, true
}

func (w *world) nothingStored() {
	w.t.Helper()
	if all, err := w.vault.List(w.t.Context()); err != nil || len(all) > 0 {
		w.t.Fatalf("the vault holds %v (%v), and should hold nothing", all, err)
	}
}

func (w *world) kinds() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []string
	for _, e := range w.events {
		all = append(all, e.Kind)
	}
	return all
}

func (w *world) lastEvent() Event {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.events) == 0 {
		w.t.Fatal("nothing was recorded")
	}
	return w.events[len(w.events)-1]
}

func (w *world) result(t Ticket) Result {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 10*time.Second)
	defer cancel()
	r, err := w.Wait(ctx, t.ID)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

// noSecrets fails if a token, code, verifier or state has got into a page or a log.
func (w *world) noSecrets() {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	events, _ := json.Marshal(w.events)
	for where, text := range map[string]string{"a page": w.pages.String(), "the log": w.logs.String(), "an event": string(events)} {
		words := []string{"access-canary", "refresh-canary", "code-canary", clientSecret}
		for _, q := range w.provider.asked {
			if where != "a page" { // the page that sends the browser on has to hold it
				words = append(words, q.Get("state"))
			}
		}
		for _, word := range words {
			if strings.Contains(text, word) {
				w.t.Errorf("%s holds %s", where, word)
			}
		}
	}
}

func equal(t testing.TB, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Fatalf("%s: %q, not %q", what, got, want)
	}
}
