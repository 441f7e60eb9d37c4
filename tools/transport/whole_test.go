package transport

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"toolvault/audit"
	"toolvault/auth"
	"toolvault/schemas"
	"toolvault/tools"
	"toolvault/tools/requeststate"
	"toolvault/tools/upstream"
	"toolvault/vault"
	"toolvault/vault/store"
)

const consentPage = "https://tools.example.com/connect/start?ticket=t1&for=alice"

// whole is a transport on the gateway of the product, on real parts, with a
// service whose OAuth grants nobody has given yet.
type whole struct {
	*bed
	vault    *vault.Vault
	gateway  *tools.Gateway
	upstream atomic.Int64 // requests that the service has seen

	log     *audit.Log
	mu      sync.Mutex
	records []audit.Record
}

// Append keeps a record at hand, besides.
func (w *whole) Append(ctx context.Context, r audit.Record) (audit.Receipt, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.records = append(w.records, r)
	return w.log.Append(ctx, r)
}

func (w *whole) last() audit.Record {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.records[len(w.records)-1]
}

func (w *whole) requests() int64 { return w.upstream.Load() }

// Link is where consent is given.
func (*whole) Link(context.Context, vault.Declaration, []string, string) (string, error) {
	return consentPage, nil
}

// grant is what a person's consent ends in.
func (w *whole) grant(agent string) {
	w.t.Helper()
	if _, err := w.vault.Put(context.Background(), "notes/"+agent, vault.Stored{Type: vault.TypeOAuthToken, Secret: vault.NewSecret("token-of-" + agent)}); err != nil {
		w.t.Fatal(err)
	}
}

func (w *whole) revoke(agent string) {
	w.t.Helper()
	if err := w.vault.Delete(context.Background(), "notes/"+agent); err != nil {
		w.t.Fatal(err)
	}
}

// pipe is a client on stdio, as alice.
func (w *whole) pipe(t *testing.T) *pipe {
	t.Helper()
	return newPipe(t, func(s *stdio) { s.Gateway = w.gateway })
}

type note struct {
	Text string `json:"text"`
}

type echo struct {
	Echo string `json:"echo"`
}

func newWhole(t *testing.T) *whole {
	t.Helper()
	w := &whole{}
	fail := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	srv := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.upstream.Add(1)
		var n note
		_ = json.NewDecoder(r.Body).Decode(&n)
		_ = json.NewEncoder(rw).Encode(echo{n.Text + " for " + r.Header.Get("Authorization")})
	}))
	t.Cleanup(srv.Close)
	service := tools.Service{
		Name: "notes", Title: "Notes", Endpoint: upstream.Endpoint{Service: "notes", BaseURL: srv.URL}, Scopes: notes,
		Auth: map[string]vault.Scheme{vault.TypeOAuthToken: vault.Bearer},
	}
	var files []schemas.Tool
	for _, name := range []string{"get", "look", "add"} {
		read := name != "add"
		files = append(files, schema(t, name, map[bool]string{true: "read", false: "write"}[read], read))
		service.Tools = append(service.Tools, tools.New(name, func(ctx context.Context, c *upstream.Client, in note) (out echo, err error) {
			return out, c.Do(ctx, upstream.Request{Path: "/", JSON: in, Read: read}, &out)
		}))
	}
	st, err := store.Open(t.Context(), "file:"+t.TempDir()+"/s.db")
	fail(err)
	t.Cleanup(func() { _ = st.Close() })
	keyring, err := vault.OpenKeyring(t.Context(), st, vault.NewMasterKey())
	fail(err)
	w.vault = vault.New(vault.Options{Store: st, Keyring: keyring})
	granted, err := notes.Parse("write")
	fail(err)
	var declared []vault.Declaration
	for _, agent := range []string{"alice", "bob"} {
		declared = append(declared, vault.Declaration{
			ID: "notes/" + agent, Owner: vault.Owner{Agent: agent}, Service: "notes", Type: vault.TypeOAuthToken, Source: "vault:notes/" + agent, Scope: granted,
		})
	}
	w.vault.Configure(declared, map[string]vault.Service{"notes": {Schemes: service.Auth, App: vault.App{ClientID: "app"}}})
	log, err := audit.Open(audit.Options{Dir: t.TempDir() + "/audit", Key: audit.NewKey(), Name: "test", Now: time.Now, Logger: slog.New(slog.DiscardHandler)})
	fail(err)
	t.Cleanup(func() { _ = log.Close() })
	w.log = log
	w.gateway, err = tools.NewGateway(tools.Options{
		Services: []tools.Service{service}, Schemas: files, Pool: upstream.NewPool(nil), Vault: w.vault, Log: w, Redactor: audit.NewRedactor(),
		Active: func(string) bool { return true }, Now: time.Now, Logger: slog.New(slog.DiscardHandler), Timeout: 5 * time.Second,
		Consent: w, States: requeststate.New(st, keyring),
	})
	fail(err)
	w.gateway.SetPolicies(map[string]*auth.Policy{})
	w.bed = newBed(t, func(o *Options) { o.Gateway, o.Denied = w.gateway, w.gateway.Denied })
	return w
}
