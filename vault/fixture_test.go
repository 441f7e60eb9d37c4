package vault

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"toolvault/auth/scope"
	"toolvault/vault/store"
)

// TestMain lets the test binary play the other process of a test.
func TestMain(m *testing.M) {
	if role := os.Getenv("TOOLVAULT_TEST_ROLE"); role != "" {
		os.Exit(child(role))
	}
	os.Exit(m.Run())
}

var catalog = scope.NewCatalog("slack", scope.Def{Name: "chat:write", Write: true}, scope.Def{Name: "channels:read"})

func scopes(t testing.TB, text string) scope.Set {
	t.Helper()
	s, err := catalog.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func openStore(t testing.TB, path string) store.Store {
	t.Helper()
	st, err := store.OpenSQLite(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	return st
}

func newStore(t testing.TB) store.Store { return openStore(t, filepath.Join(t.TempDir(), "store.db")) }

// clock is a time that a test moves.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: time.Now()} }

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

// issuer is an authorization server whose refresh tokens are good for one use.
type issuer struct {
	*httptest.Server
	mu        sync.Mutex
	good      string // the refresh token that is accepted
	n         int    // tokens issued
	arrived   int    // requests, answered or not
	refused   int    // requests with a spent refresh token
	expiresIn int
	requests  []*http.Request
	answer    func(w http.ResponseWriter, n int) bool // true: it has answered instead
	delay     chan struct{}                           // where set, a request waits until it is closed
}

func newIssuer(t testing.TB) *issuer {
	i := &issuer{good: "refresh-0", expiresIn: 3600}
	i.Server = httptest.NewServer(i)
	t.Cleanup(i.Server.Close)
	return i
}

func (i *issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	i.mu.Lock()
	delay := i.delay
	i.arrived++
	i.mu.Unlock()
	if delay != nil {
		select {
		case <-delay:
		case <-r.Context().Done():
			return
		}
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.requests = append(i.requests, r)
	if i.answer != nil && i.answer(w, len(i.requests)) {
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if r.PostForm.Get("grant_type") != "refresh_token" || r.PostForm.Get("refresh_token") != i.good {
		i.refused++
		w.WriteHeader(http.StatusBadRequest)
		_, _ = fmt.Fprint(w, `{"error":"invalid_grant","error_description":"refresh token is invalid, expired or revoked"}`)
		return
	}
	i.n++
	i.good = fmt.Sprintf("refresh-%d", i.n)
	_, _ = fmt.Fprintf(w, `{"access_token":"access-%d","refresh_token":%q,"expires_in":%d,"token_type":"Bearer"}`, i.n, i.good, i.expiresIn)
}

func (i *issuer) counts() (issued, refused, requests int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.n, i.refused, len(i.requests)
}

// timed is a store whose clock the test moves.
type timed struct {
	store.Store
	clock *clock
}

func (s timed) Now(context.Context) (time.Time, error) { return s.clock.now(), nil }

// kit is a vault with what a test needs around it.
type kit struct {
	*Vault
	store  store.Store
	clock  *clock
	issuer *issuer
	events []Event
	mu     sync.Mutex
}

var schemes = map[string]Scheme{TypeAPIKey: {Header: "Api-Key"}, TypeServiceToken: Bearer, TypeOAuthToken: Bearer}

func newKit(t testing.TB) *kit {
	t.Helper()
	return newKitOn(t, newStore(t), NewMasterKey())
}

func newKitOn(t testing.TB, st store.Store, master Secret) *kit {
	t.Helper()
	k := &kit{store: st, clock: newClock(), issuer: newIssuer(t)}
	ring, err := OpenKeyring(t.Context(), st, master)
	if err != nil {
		t.Fatal(err)
	}
	k.Vault = New(Options{
		Store: timed{st, k.clock}, Keyring: ring, Now: k.clock.now,
		Observe: func(e Event) {
			k.mu.Lock()
			defer k.mu.Unlock()
			k.events = append(k.events, e)
		},
	})
	k.Configure(nil, servicesFor(k.issuer.URL))
	return k
}

func servicesFor(url string) map[string]Service {
	return map[string]Service{"slack": {Schemes: schemes, App: App{
		Provider: Provider{TokenURL: url + "/token"}, ClientID: "client", ClientSecret: NewSecret("app-client-secret-value"),
	}}}
}

func (k *kit) seen() []Event {
	k.mu.Lock()
	defer k.mu.Unlock()
	return append([]Event(nil), k.events...)
}

func (k *kit) seenOf(kind string) []Event {
	var some []Event
	for _, e := range k.seen() {
		if e.Kind == kind {
			some = append(some, e)
		}
	}
	return some
}

// run runs the vault until the test ends, or until the function it returns is
// called.
func (k *kit) run(t testing.TB) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = k.Run(ctx)
	}()
	stop = func() { cancel(); <-done }
	t.Cleanup(stop)
	eventually(t, func() bool {
		k.cache.mu.RLock()
		defer k.cache.mu.RUnlock()
		return k.cache.on
	})
	return stop
}

func (k *kit) put(t testing.TB, name string, s Stored) int64 {
	t.Helper()
	v, err := k.Put(t.Context(), name, s)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func (k *kit) resolve(t testing.TB, d Declaration) *Credential {
	t.Helper()
	c, err := k.Resolve(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func eventually(t testing.TB, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); {
		if time.Now().After(deadline) {
			t.Fatal("it did not come true within 10 s")
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func declare(kind, source string) Declaration {
	return Declaration{ID: "slack/support-agent-1", Owner: Owner{Agent: "support-agent-1"}, Service: "slack", Type: kind, Source: source}
}

// sent is the header that a credential puts on a request.
func sent(t testing.TB, c *Credential, name string) string {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	if err := c.Authorize(r); err != nil {
		t.Fatal(err)
	}
	return r.Header.Get(name)
}
