package app

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"toolvault/audit"
	"toolvault/auth"
	"toolvault/auth/scope"
	"toolvault/schemas"
	"toolvault/tools"
	"toolvault/tools/sandbox"
	"toolvault/tools/sandbox/double"
	"toolvault/tools/upstream"
	"toolvault/vault"
	"toolvault/vault/store"
)

// The tests over the whole catalogue call every tool through the real gateway,
// with the real vault and the real audit log, at the doubles of the services. They
// talk real HTTP, over connections in memory, and live at one moment: a Tuesday
// morning, the day after what the doubles hold. So relative times mean the same in
// every run, and no wait takes any time.
var moment = time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)

const agentID = "support-agent-1"

// atMoment runs a test at that moment.
func atMoment(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(moment))
		test(t)
	})
}

// everyTool runs a test for every tool, each with a world of its own. The tests
// run side by side: they wait for the disk, not for each other.
func everyTool(t *testing.T, test func(t *testing.T, w *whole, tool schemas.Tool)) {
	t.Helper()
	eachTool(t, 1, test)
}

// eachTool does so for one of so many tools.
func eachTool(t *testing.T, of int, test func(t *testing.T, w *whole, tool schemas.Tool)) {
	t.Helper()
	all, err := schemas.Load()
	check(t, err)
	for i, tool := range all {
		if i%of != 0 {
			continue
		}
		t.Run(tool.Name, func(t *testing.T) {
			t.Parallel()
			if len(tool.Example) == 0 {
				t.Fatalf("schemas/%s/%s.json has no example", tool.Service, tool.Name)
			}
			atMoment(t, func(t *testing.T) { test(t, newWhole(t, tool), tool) })
		})
	}
}

// whole is all of toolvault for one agent who may do everything, and doubles of all
// services.
type whole struct {
	*tools.Gateway
	only      schemas.Tool // the one that there is; without a name: all
	doubles   map[string]*double.Double
	id        auth.Identity
	log       *keptLog
	logged    *errorLog
	network   *network
	carrier   http.RoundTripper
	vault     *vault.Vault
	declared  []vault.Declaration
	endpoints map[string]vault.Service
}

// newWhole makes one, for calls of a tool.
func newWhole(t testing.TB, tool schemas.Tool) *whole {
	t.Helper()
	w := &whole{logged: &errorLog{}, network: newNetwork(t)}
	if tool.Service != "toolvault" {
		w.only = tool
	}
	transport := &http.Transport{DialContext: w.network.dial}
	t.Cleanup(transport.CloseIdleConnections)
	w.carrier = transport
	files, err := schemas.Load()
	check(t, err)
	if w.only.Name != "" {
		files = []schemas.Tool{w.only}
	}
	services := w.begin()
	st, err := store.OpenSQLite(t.Context(), t.TempDir()+"/vault.db")
	check(t, err)
	t.Cleanup(func() { check(t, st.Close()) })
	keyring, err := vault.OpenKeyring(t.Context(), st, vault.NewMasterKey())
	check(t, err)
	w.vault = vault.New(vault.Options{Store: st, Keyring: keyring, HTTP: &http.Client{Transport: w.carrier}})
	grants := scope.Grants{}
	w.endpoints = map[string]vault.Service{}
	for _, s := range services {
		w.endpoints[s.Name] = vault.Service{BaseURL: s.Endpoint.BaseURL, Schemes: s.Auth}
		if s.OAuth != nil {
			e := w.endpoints[s.Name]
			e.App.Provider = w.doubles[s.Name].Provider(*s.OAuth, "http://"+s.Name+".test")
			w.endpoints[s.Name] = e
		}
		for _, held := range w.held(s) {
			d, err := w.put(t, s, held)
			check(t, err)
			w.declared = append(w.declared, d)
		}
		grants[s.Name], err = s.Scopes.Parse(scope.ReadWrite)
		check(t, err)
	}
	w.vault.Configure(w.declared, w.endpoints)
	w.id = auth.Identity{Agent: agentID, Grants: grants}

	al, err := audit.Open(audit.Options{Dir: t.TempDir() + "/audit", Key: audit.NewKey(), Name: "test", Now: time.Now, Logger: slog.New(slog.DiscardHandler)})
	check(t, err)
	t.Cleanup(func() { check(t, al.Close()) })
	w.log = &keptLog{Log: al}
	w.Gateway, err = tools.NewGateway(tools.Options{
		Services: services, Schemas: files, Pool: w.pool(), Vault: w.vault, Log: w.log, Redactor: audit.NewRedactor(),
		Active: func(string) bool { return true }, Now: time.Now, Logger: slog.New(w.logged),
	})
	check(t, err)
	w.offer(tool)
	return w
}

// held are the credentials of the agent at a service: where one may do everything,
// that one.
func (w *whole) held(s tools.Service) []double.Credential {
	d := w.doubles[s.Name]
	if d.Secret == "" {
		return d.Held("http://"+s.Name+".test", s.Auth)
	}
	c := double.Credential{Type: vault.TypeServiceToken, Secret: d.Secret, Scope: scope.ReadWrite}
	if _, ok := s.Auth[c.Type]; !ok {
		c.Type = vault.TypeAPIKey
	}
	return []double.Credential{c}
}

// put registers one.
func (w *whole) put(t testing.TB, s tools.Service, held double.Credential) (vault.Declaration, error) {
	t.Helper()
	d := vault.Declaration{ID: s.Name + "/" + agentID, Owner: vault.Owner{Agent: agentID}, Service: s.Name, Type: held.Type, Params: held.Params}
	if w.doubles[s.Name].Secret == "" {
		d.ID += "/" + held.Type
	}
	d.Source = "vault:" + d.ID
	var err error
	d.Scope, err = s.Grantable(held.Type, held.Scope)
	check(t, err)
	stored := vault.Stored{Type: d.Type, Secret: vault.NewSecret(held.Secret)}
	if held.Type == vault.TypeOAuthToken {
		stored.Refresh = vault.NewSecret(held.Refresh)
	}
	_, err = w.vault.Put(t.Context(), d.ID, stored)
	return d, err
}

// pool is a new one, which knows of no failures.
func (w *whole) pool() *upstream.Pool {
	return upstream.NewPool(w.carrier, upstream.Sleep(func(ctx context.Context, _ time.Duration) error { return ctx.Err() }))
}

// offer lets the agent call a tool: every one that takes away for good, and those of
// discovery where it is one of toolvault's own.
func (w *whole) offer(tool schemas.Tool) {
	offer := tools.Offer{Discovery: tool.Service == "toolvault"}
	for _, f := range w.Schemas {
		if f.Annotations.Irreversible {
			offer.Irreversible = append(offer.Irreversible, f.Name)
		}
	}
	w.SetOffers(offer, nil)
}

// begin makes the doubles anew, and returns the services that are at them: what
// both keep of earlier calls is gone.
func (w *whole) begin() []tools.Service {
	w.doubles = map[string]*double.Double{}
	var services []tools.Service
	for _, s := range catalogue() {
		if w.only.Name != "" && w.only.Service != s.Name {
			continue
		}
		d := sandbox.Of(s.Name, time.Now)
		w.doubles[s.Name] = d
		w.network.serve(s.Name, d)
		if w.only.Name != "" {
			s.Tools = slices.DeleteFunc(s.Tools, func(t tools.Tool) bool { return t.Name != w.only.Name })
		}
		services = append(services, at(s, w.network.base(d)))
	}
	return services
}

// reset begins again, with nothing in between.
func (w *whole) reset(t testing.TB) {
	t.Helper()
	w.network.between(nil)
	w.Gateway.Pool = w.pool()
	check(t, w.SetServices(w.begin()))
}

// do makes a call and returns what of it came into the audit log.
func (w *whole) do(ctx context.Context, tool string, arguments json.RawMessage) (tools.Result, []audit.Record) {
	before := w.log.len()
	call := w.Direct(w.id, tools.Call{Tool: tool, Arguments: arguments, ToolCallID: "t1", Transport: "http"})
	result := w.Call(ctx, w.id, call)
	return result, w.log.since(before)
}

// state is what all doubles hold.
func (w *whole) state(t testing.TB) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(w.doubles)) {
		d := w.doubles[name]
		if d.Snapshot == nil {
			t.Fatalf("the double of %s has no Snapshot", name)
		}
		for k, v := range d.Snapshot() {
			all[name+" "+k] = v
		}
	}
	return all
}

// records are those that a call must leave behind.
func checkRecords(t testing.TB, tool schemas.Tool, r tools.Result, records []audit.Record) {
	t.Helper()
	outcome := "ok"
	if r.Failure != nil {
		outcome = string(r.Failure.Kind)
	}
	phases := ""
	for _, rec := range records {
		phases += " " + string(rec.Phase)
		if rec.CallID != r.CallID {
			t.Errorf("%s: a record of another call: %s, not %s", tool.Name, rec.CallID, r.CallID)
		}
	}
	want := " call"
	if tool.Write() && (r.Failure == nil || len(records) > 1) {
		want = " intent outcome"
	}
	if phases != want {
		t.Errorf("%s: the audit log has%s, not%s", tool.Name, phases, want)
	} else if got := records[len(records)-1].Outcome; got != outcome {
		t.Errorf("%s: the audit log says %q, the result %q", tool.Name, got, outcome)
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// keptLog is the real audit log, and what went into it.
type keptLog struct {
	*audit.Log
	mu   sync.Mutex
	kept []audit.Record
	took atomic.Int64 // nanoseconds
}

func (l *keptLog) Append(ctx context.Context, r audit.Record) (audit.Receipt, error) {
	l.mu.Lock()
	l.kept = append(l.kept, r)
	l.mu.Unlock()
	start := time.Now()
	defer func() { l.took.Add(int64(time.Since(start))) }()
	return l.Log.Append(ctx, r)
}

func (l *keptLog) len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.kept)
}

func (l *keptLog) since(n int) []audit.Record {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.kept[n:])
}

// errorLog keeps what the gateway logs as an error: a panic, or a failure of our
// own.
type errorLog struct {
	mu    sync.Mutex
	lines []string
}

func (l *errorLog) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelError }
func (l *errorLog) WithAttrs([]slog.Attr) slog.Handler               { return l }
func (l *errorLog) WithGroup(string) slog.Handler                    { return l }

func (l *errorLog) Handle(_ context.Context, r slog.Record) error {
	text := r.Message
	r.Attrs(func(a slog.Attr) bool {
		text += fmt.Sprintf(" %s=%v", a.Key, a.Value)
		return true
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, text)
	return nil
}

// take returns the lines so far, and forgets them.
func (l *errorLog) take() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	lines := l.lines
	l.lines = nil
	return lines
}
