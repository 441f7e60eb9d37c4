package tools_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"toolvault/audit"
	"toolvault/auth"
	"toolvault/schemas"
	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/idempotency"
	"toolvault/tools/upstream"
	"toolvault/vault"
	"toolvault/vault/store"
	"toolvault/vault/store/storetest"
)

// pair is two gateways, as two processes have them, on one store; each has a
// ledger of its own.
type pair struct {
	*world
	a, b     *tools.Gateway
	later    atomic.Int64 // how far the clock of b is ahead
	resolved atomic.Int64
}

// resolving counts how often a credential is asked for, and fails as it is told.
type resolving struct {
	tools.Vault
	p    *pair
	fail atomic.Pointer[error]
}

func (v *resolving) Resolve(ctx context.Context, d vault.Declaration) (*vault.Credential, error) {
	v.p.resolved.Add(1)
	if err := v.fail.Load(); err != nil {
		return nil, *err
	}
	return v.Vault.Resolve(ctx, d)
}

func newPair(t *testing.T, url string, answer http.HandlerFunc, change ...func(*tools.Options)) *pair {
	t.Helper()
	p := &pair{world: newWorld(t, answer)}
	st, err := store.Open(t.Context(), url)
	must(t, err)
	t.Cleanup(func() { _ = st.Close() })
	keyring, err := vault.OpenKeyring(t.Context(), st, vault.NewMasterKey())
	must(t, err)
	gateway := func(now func() time.Time) *tools.Gateway {
		o := p.Options
		o.Now = now
		o.Ledger = idempotency.New(idempotency.Options{Store: st, Sealer: keyring, Now: now})
		o.Vault = &resolving{Vault: o.Vault, p: p}
		for _, f := range change {
			f(&o)
		}
		g, err := tools.NewGateway(o)
		must(t, err)
		return g
	}
	p.a = gateway(time.Now)
	p.b = gateway(func() time.Time { return time.Now().Add(time.Duration(p.later.Load())) })
	return p
}

func sqlite(t *testing.T) string { return "file:" + t.TempDir() + "/once.db" }

func eachStore(t *testing.T, test func(t *testing.T, url string)) {
	t.Run("sqlite", func(t *testing.T) { test(t, sqlite(t)) })
	t.Run("redis", func(t *testing.T) { test(t, storetest.Redis(t)) })
}

const dune = `{"title":"Dune"}`

func keyed(tool, args, key string) tools.Call {
	return tools.Call{Tool: tool, Arguments: json.RawMessage(args), Transport: "http", IdempotencyKey: key}
}

func (p *pair) put(t *testing.T, g *tools.Gateway, args, key string) tools.Result {
	t.Helper()
	return g.Call(t.Context(), p.id, keyed("shelf_put", args, key))
}

// sent is how many requests the service has seen.
func (p *pair) sent() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.requests)
}

func TestAWriteThatIsSentTwiceHappensOnce(t *testing.T) {
	eachStore(t, func(t *testing.T, url string) {
		p := newPair(t, url, func(rw http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(rw, `{"echo":"<b>it's & \"done\"</b>"}`)
		})
		first := p.put(t, p.a, dune, "k1")
		if first.Failure != nil || first.RepeatOf != "" {
			t.Fatalf("%+v", first)
		}
		for _, g := range []*tools.Gateway{p.a, p.b, p.b} {
			r := p.put(t, g, `{"box":"book", "title":"Dune"}`, "k1") // a default that is spelled out is no other argument
			if r.RepeatOf != first.CallID || r.CallID == first.CallID || string(r.Structured) != string(first.Structured) || r.Text != first.Text || r.Failure != nil {
				t.Errorf("%+v\nwant %+v", r, first)
			}
		}
		if n := p.sent(); n != 1 {
			t.Errorf("%d requests", n)
		}
		if n := p.resolved.Load(); n != 1 {
			t.Errorf("the credential was asked for %d times: a repeat needs none", n)
		}
		records := p.log.records()
		if len(records) != 2+3 {
			t.Fatalf("%d records", len(records))
		}
		for _, r := range records[2:] {
			if r.Phase != audit.PhaseCall || r.RepeatOf != first.CallID || r.CallID == first.CallID || r.Outcome != "ok" || !r.Write || r.CredentialVersion != 0 ||
				string(r.Result) != string(records[1].Result) || r.ResultDigest != records[1].ResultDigest || strings.Contains(string(r.Arguments), "Dune") {
				t.Errorf("the record of a repeat: %+v", r)
			}
		}
		if records[0].RepeatOf != "" || records[1].RepeatOf != "" {
			t.Error("the first call is no repeat")
		}
		if r := p.put(t, p.b, dune, "k2"); r.Failure != nil || r.RepeatOf != "" || p.sent() != 2 {
			t.Errorf("another key: %+v, %d requests", r, p.sent())
		}
	})
}

func TestFiftyAtOnceAreOneRequest(t *testing.T) {
	eachStore(t, func(t *testing.T, url string) {
		p := newPair(t, url, nil)
		var all sync.WaitGroup
		var mu sync.Mutex
		of := map[string]int{}
		for i := range 50 {
			g := p.a
			if i%2 == 1 {
				g = p.b
			}
			all.Go(func() {
				r := p.put(t, g, dune, "k")
				if r.Failure != nil || string(r.Structured) != `{"echo":"got it"}` {
					t.Errorf("%+v", r)
				}
				mu.Lock()
				defer mu.Unlock()
				of[r.RepeatOf]++
			})
		}
		all.Wait()
		if n := p.sent(); n != 1 {
			t.Errorf("%d requests", n)
		}
		if len(of) != 2 || of[""] != 1 {
			t.Errorf("repeats of: %v", of)
		}
	})
}

func TestAKeyThatMeansTwoThingsIsAConflict(t *testing.T) {
	p := newPair(t, sqlite(t), nil)
	first := p.put(t, p.a, dune, "k")
	r := p.put(t, p.b, `{"title":"Emma"}`, "k")
	if kind(r) != fault.Conflict || !strings.Contains(r.Text, first.CallID) || r.Failure.Retryable || r.RepeatOf != "" {
		t.Errorf("other arguments: %+v", r)
	}
	if n := p.sent(); n != 1 {
		t.Errorf("%d requests", n)
	}
	for name, id := range map[string]auth.Identity{
		"another user": {Agent: "a1", User: "bob", Grants: p.id.Grants},
	} {
		if r := p.b.Call(t.Context(), id, keyed("shelf_put", `{"title":"Emma"}`, "k")); r.Failure != nil || r.RepeatOf != "" {
			t.Errorf("%s has the same key: %+v", name, r)
		}
	}
}

func TestOnlyWritesHaveKeys(t *testing.T) {
	p := newPair(t, sqlite(t), nil)
	for range 2 {
		if r := p.a.Call(t.Context(), p.id, keyed("shelf_get", dune, "k")); r.Failure != nil || r.RepeatOf != "" {
			t.Errorf("a read: %+v", r)
		}
	}
	if p.sent() != 2 {
		t.Error("a read was answered from the ledger")
	}
	for name, c := range map[string]tools.Call{
		"one that is none": {MalformedKey: true},
		"one too long":     {IdempotencyKey: strings.Repeat("k", 201)},
		"line feed":        {IdempotencyKey: "a\nb"},
	} {
		c.Arguments, c.Tool = json.RawMessage(dune), "shelf_get"
		if r := p.a.Call(t.Context(), p.id, c); r.Failure != nil {
			t.Errorf("%s on a read: %+v", name, r)
		}
		before := p.sent()
		c.Tool = "shelf_put"
		if r := p.a.Call(t.Context(), p.id, c); kind(r) != fault.InvalidArguments || !strings.Contains(r.Text, "idempotency key") || p.sent() != before {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

// Whoever may not do it any more does not get what was done, not even if he lost
// the right while he waited.
func TestARepeatHasToBePermittedToo(t *testing.T) {
	release := make(chan struct{})
	arrived := make(chan struct{}, 1)
	p := newPair(t, sqlite(t), func(rw http.ResponseWriter, _ *http.Request) {
		arrived <- struct{}{}
		<-release
		_, _ = io.WriteString(rw, `{"echo":"done"}`)
	})
	var suspended atomic.Bool
	active := func(string) bool { return !suspended.Load() }
	p.a.Active, p.b.Active = active, active
	first := make(chan tools.Result, 1)
	go func() { first <- p.put(t, p.a, dune, "k") }()
	<-arrived
	waiting := make(chan tools.Result, 1)
	asked := make(chan struct{})
	p.b.Active = func(agent string) bool {
		defer func() {
			select {
			case <-asked:
			default:
				close(asked)
			}
		}()
		return active(agent)
	}
	go func() { waiting <- p.put(t, p.b, dune, "k") }()
	<-asked // the right was there when it came
	suspended.Store(true)
	close(release)
	if r := <-first; r.Failure != nil {
		t.Fatalf("%+v", r)
	}
	if r := <-waiting; kind(r) != fault.NotPermitted || r.Structured != nil || r.RepeatOf != "" {
		t.Errorf("suspended while it waited: %+v", r)
	}
	if r := p.put(t, p.a, dune, "k"); kind(r) != fault.NotPermitted || r.Structured != nil {
		t.Errorf("suspended: %+v", r)
	}
	suspended.Store(false)
	p.id.Grants = nil
	if r := p.put(t, p.a, dune, "k"); kind(r) != fault.NotPermitted || r.Structured != nil {
		t.Errorf("with a token that allows nothing: %+v", r)
	}
	if p.sent() != 1 {
		t.Errorf("%d requests", p.sent())
	}
}

// The same where the first call gave the key up.
func TestWhoWaitedForAKeyHasToBePermittedToo(t *testing.T) {
	release, arrived := make(chan struct{}), make(chan struct{}, 2)
	p := newPair(t, sqlite(t), func(rw http.ResponseWriter, _ *http.Request) {
		arrived <- struct{}{}
		<-release
		http.Error(rw, "no", http.StatusForbidden)
	})
	first := make(chan tools.Result, 1)
	go func() { first <- p.put(t, p.a, dune, "k") }()
	<-arrived
	var asked atomic.Int64
	mayAsk := make(chan struct{})
	p.b.Active = func(string) bool {
		if asked.Add(1) == 1 {
			defer close(mayAsk)
			return true
		}
		return false
	}
	second := make(chan tools.Result, 1)
	go func() { second <- p.put(t, p.b, dune, "k") }()
	<-mayAsk
	close(release)
	if r := <-first; kind(r) != fault.NotPermitted {
		t.Fatalf("%+v", r)
	}
	if r := <-second; kind(r) != fault.NotPermitted || !strings.Contains(r.Text, "suspended") || p.sent() != 1 {
		t.Errorf("%+v, %d requests", r, p.sent())
	}
	p.b.Active = func(string) bool { return true }
	if r := p.put(t, p.b, dune, "k"); kind(r) != fault.NotPermitted || r.RepeatOf != "" || p.sent() != 2 {
		t.Errorf("the key is not free again: %+v", r)
	}
}

func TestAfterADayAKeyIsNew(t *testing.T) {
	p := newPair(t, sqlite(t), nil)
	p.put(t, p.a, dune, "k")
	p.later.Store(int64(24*time.Hour - time.Minute))
	if r := p.put(t, p.b, dune, "k"); r.RepeatOf == "" || p.sent() != 1 {
		t.Errorf("within a day: %+v", r)
	}
	p.later.Store(int64(24*time.Hour + time.Minute))
	if r := p.put(t, p.b, dune, "k"); r.RepeatOf != "" || r.Failure != nil || p.sent() != 2 {
		t.Errorf("after a day: %+v", r)
	}
}

// scan is a result with more than text.
type scan struct {
	Pages int `json:"pages"`
	size  int
}

func (s scan) Text() string { return "2 pages of «Dune»" }

func (s scan) Content() []tools.Content {
	return []tools.Content{
		{Type: "image", MIME: "image/png", Data: make([]byte, s.size)},
		{Type: "resource", URI: "shelf://1", MIME: "text/plain", Text: "<page>"},
	}
}

func TestAllOfAResultIsKeptUnlessItIsTooLarge(t *testing.T) {
	files, err := schemas.LoadFS(fstest.MapFS{"shelf/shelf_scan.json": {Data: []byte(`{"name":"shelf_scan","title":"Scan","service":"shelf","scope":"book.write","description":"Scans a book.",
		"annotations":{"readOnly":false,"destructive":false,"idempotent":false},
		"input":{"type":"object","additionalProperties":false,"required":["size"],"properties":{"size":{"type":"integer"}}}}`)}})
	must(t, err)
	var scans atomic.Int64
	p := newPair(t, sqlite(t), nil, func(o *tools.Options) {
		s := shelf("http://127.0.0.1:1")
		s.Tools = []tools.Tool{tools.New("shelf_scan", func(_ context.Context, _ *upstream.Client, in struct {
			Size int `json:"size"`
		}) (scan, error) {
			scans.Add(1)
			return scan{Pages: 2, size: in.Size}, nil
		})}
		o.Services, o.Schemas = []tools.Service{s}, files
	})
	call := func(g *tools.Gateway, size int) tools.Result {
		return g.Call(t.Context(), p.id, keyed("shelf_scan", fmt.Sprintf(`{"size":%d}`, size), fmt.Sprint("scan ", size)))
	}
	first, again := call(p.a, 3), call(p.b, 3)
	first.RepeatOf, first.CallID = first.CallID, again.CallID
	one, _ := json.Marshal(first)
	two, _ := json.Marshal(again)
	if string(one) != string(two) || again.Failure != nil || !again.Untrusted {
		t.Errorf("%s\nwant %s", two, one)
	}
	first, again = call(p.a, 200<<10), call(p.b, 200<<10)
	if first.Failure != nil || kind(again) != fault.Conflict || again.RepeatOf != first.CallID || !strings.Contains(again.Text, "too large") || again.Failure.Retryable {
		t.Errorf("%+v", again.Failure)
	}
	if n := scans.Load(); n != 2 {
		t.Errorf("%d scans", n)
	}
}
