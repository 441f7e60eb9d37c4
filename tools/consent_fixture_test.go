package tools_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"toolvault/auth"
	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/requeststate"
	"toolvault/tools/upstream"
	"toolvault/vault"
	"toolvault/vault/store"
)

const page = "https://tools.example.com/connect/start?ticket=t1"

// desk is a working double of consent: it hands out links, and remembers for
// what.
type desk struct {
	mu   sync.Mutex
	link string
	err  error
	seen []string // "credential: scopes for call"
}

func (d *desk) Link(_ context.Context, decl vault.Declaration, need []string, callID string) (string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.seen = append(d.seen, decl.ID+": "+strings.Join(need, " ")+" for "+callID)
	return d.link, d.err
}

func (d *desk) asked() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.seen)
}

// asking is a world whose credential is an OAuth grant, which nobody has given
// yet.
type asking struct {
	*world
	desk    *desk
	store   *moving
	keyring *vault.Keyring
	lookups atomic.Int64 // of the credential
}

// moving is a store whose clock the test can move.
type moving struct {
	store.Store
	later atomic.Int64
	down  atomic.Bool
}

func (m *moving) Now(ctx context.Context) (time.Time, error) {
	if m.down.Load() {
		return time.Time{}, store.ErrUnavailable
	}
	now, err := m.Store.Now(ctx)
	return now.Add(time.Duration(m.later.Load())), err
}

type lookups struct {
	tools.Vault
	n *atomic.Int64
}

func (l lookups) Resolve(ctx context.Context, d vault.Declaration) (*vault.Credential, error) {
	defer l.n.Add(1)
	return l.Vault.Resolve(ctx, d)
}

// newAsking takes what judges the upstream's answers; nil: their status alone.
func newAsking(t *testing.T, answer http.HandlerFunc, judge func(*upstream.Response) *fault.Error, rules ...auth.Rule) *asking {
	t.Helper()
	a := &asking{world: newWorld(t, nil, rules...), desk: &desk{link: page}}
	if answer == nil {
		answer = func(rw http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(rw, `{"echo":"got it"}`) }
	}
	srv := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		a.mu.Lock()
		a.requests = append(a.requests, r.Header.Get("Authorization"))
		a.mu.Unlock()
		answer(rw, r)
	}))
	t.Cleanup(srv.Close)
	service := shelf(srv.URL)
	service.Auth = map[string]vault.Scheme{vault.TypeOAuthToken: vault.Bearer}
	service.Endpoint.Fault = judge
	must(t, a.SetServices([]tools.Service{service}))
	st, err := store.Open(t.Context(), sqlite(t))
	must(t, err)
	t.Cleanup(func() { _ = st.Close() })
	a.store = &moving{Store: st}
	a.keyring, err = vault.OpenKeyring(t.Context(), st, vault.NewMasterKey())
	must(t, err)
	a.Options.Consent = a.desk
	a.Options.States = requeststate.New(a.store, a.keyring)
	a.Options.Vault = lookups{a.Options.Vault, &a.lookups}
	granted, err := service.Scopes.Parse("book.write")
	must(t, err)
	a.vault.Configure([]vault.Declaration{{
		ID: "shelf/a1", Owner: vault.Owner{Agent: "a1"}, Service: "shelf", Type: vault.TypeOAuthToken, Source: "vault:shelf/grant", Scope: granted,
	}}, map[string]vault.Service{"shelf": {Schemes: service.Auth, App: vault.App{ClientID: "app"}}})
	return a
}

// grant is what a person's consent ends in.
func (a *asking) grant(t *testing.T, token string) {
	t.Helper()
	_, err := a.vault.Put(t.Context(), "shelf/grant", vault.Stored{Type: vault.TypeOAuthToken, Secret: vault.NewSecret(token)})
	must(t, err)
}

// put calls as a client that can be asked; change, if any, makes it a retry.
func (a *asking) put(t *testing.T, change ...func(*tools.Call)) tools.Result {
	t.Helper()
	call := tools.Call{Tool: "shelf_put", Arguments: json.RawMessage(dune), Transport: "http", TakesState: true}
	for _, f := range change {
		f(&call)
	}
	return a.Call(t.Context(), a.id, call)
}

func replying(state, answer string) func(*tools.Call) {
	return func(c *tools.Call) { c.RequestState, c.Answer = state, answer }
}

func (a *asking) sent() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.requests)
}

// last is the last record.
func (a *asking) last() (outcome, message string) {
	all := a.log.records()
	return all[len(all)-1].Outcome, all[len(all)-1].Message
}
