package app

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"toolvault/auth"
	"toolvault/schemas"
	"toolvault/tools"
	"toolvault/tools/transport"
	"toolvault/tools/upstream"
	"toolvault/vault"
)

// crowd lets so many agents do all that the first may do.
func (w *whole) crowd(t testing.TB, agents int) {
	t.Helper()
	policies, offers := map[string]*auth.Policy{}, map[string]tools.Offer{}
	var declared []vault.Declaration
	for _, d := range w.declared {
		declared = append(declared, d)
		for n := range agents {
			d.Owner.Agent = fmt.Sprintf("agent-%d", n)
			d.ID = d.Service + "/" + d.Owner.Agent
			declared = append(declared, d)
			policies[d.Owner.Agent], offers[d.Owner.Agent] = &auth.Policy{}, tools.Offer{}
		}
	}
	w.vault.Configure(declared, w.endpoints)
	w.SetPolicies(policies)
	w.SetOffers(tools.Offer{}, offers)
}

// Authenticate lets everybody in as the agent.
func (w *whole) Authenticate(context.Context, auth.Presented) (auth.Identity, error) {
	return w.id, nil
}

// listing is a request for tools/list, which is answered over and over.
func (w *whole) listing(t testing.TB) func() int {
	t.Helper()
	h, err := transport.NewHTTP(transport.Options{Gateway: w.Gateway, Auth: w, Name: "test", Version: "1", PublicURL: "http://tools.test", Logger: slog.New(slog.DiscardHandler)})
	check(t, err)
	return func() int {
		r := httptest.NewRequest(http.MethodPost, "http://tools.test/mcp", strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`))
		r.Header.Set("Authorization", "Bearer x")
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Accept", "application/json, text/event-stream")
		r.Header.Set("MCP-Protocol-Version", "2025-11-25")
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, r)
		if rec.Code != http.StatusOK || !bytes.Contains(rec.Body.Bytes(), []byte(`"slack_post_message"`)) {
			t.Fatalf("tools/list: %d %.300s", rec.Code, rec.Body)
		}
		return rec.Body.Len()
	}
}

func BenchmarkList(b *testing.B) {
	for _, agents := range []int{1, 10_000} {
		w := newWhole(b, schemas.Tool{})
		w.crowd(b, agents)
		b.Run(fmt.Sprintf("gateway-%d-agents", agents), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				w.List(w.id)
			}
		})
		ask := w.listing(b)
		b.Run(fmt.Sprintf("tools-list-%d-agents", agents), func(b *testing.B) {
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				n = ask()
			}
			b.ReportMetric(float64(n), "bytes")
		})
	}
}

// TestListingIsQuick holds tools/list of the whole catalogue to a millisecond, and
// to memory that does not grow with the number of agents.
func TestListingIsQuick(t *testing.T) {
	var few, many float64
	for _, c := range []struct {
		agents int
		allocs *float64
	}{{1, &few}, {5000, &many}} {
		w := newWhole(t, schemas.Tool{})
		w.crowd(t, c.agents)
		ask := w.listing(t)
		*c.allocs = testing.AllocsPerRun(20, func() { ask() })
		least := time.Hour
		for range 50 {
			start := time.Now()
			ask()
			least = min(least, time.Since(start))
		}
		t.Logf("%d agents: %v, %v allocations", c.agents, least, *c.allocs)
		if least > slower*time.Millisecond {
			t.Errorf("with %d agents tools/list takes %v, more than a millisecond", c.agents, least)
		}
	}
	if many > few+2 {
		t.Errorf("tools/list allocates %v times for one agent, and %v for many", few, many)
	}
}

// replay answers requests as the doubles did when it first saw them, at once: what
// a call takes with it is ours.
type replay struct {
	next http.RoundTripper
	mu   sync.Mutex
	kept map[string]*kept
	took atomic.Int64 // nanoseconds
}

type kept struct {
	status int
	header http.Header
	body   []byte
}

func (p *replay) RoundTrip(r *http.Request) (*http.Response, error) {
	start := time.Now()
	defer func() { p.took.Add(int64(time.Since(start))) }()
	p.mu.Lock()
	defer p.mu.Unlock()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	r.Body = io.NopCloser(bytes.NewReader(b))
	key := r.Method + " " + r.URL.String() + " " + r.Header.Get("X-Pinecone-Api-Version") + " " + string(b)
	k := p.kept[key]
	if k == nil {
		resp, err := p.next.RoundTrip(r)
		if err != nil {
			return nil, err
		}
		b, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil {
			return nil, err
		}
		k = &kept{resp.StatusCode, resp.Header, b}
		p.kept[key] = k
	}
	return &http.Response{StatusCode: k.status, Header: k.header, Body: io.NopCloser(bytes.NewReader(k.body)), ContentLength: int64(len(k.body)), Request: r}, nil
}

// ours calls the example of a tool again and again, and returns what a call takes
// of our own: without the service, and without the disk of the audit log. log and
// upstream are what these take.
func (w *whole) ours(t testing.TB, tool schemas.Tool) (again func(), took func() (own, log, service time.Duration)) {
	t.Helper()
	p := &replay{next: w.carrier, kept: map[string]*kept{}}
	w.Gateway.Pool = upstream.NewPool(p)
	w.offer(tool)
	ctx, stop := context.WithCancel(context.Background())
	running := make(chan error, 1)
	go func() { running <- w.vault.Run(ctx) }() // only then does it keep credentials, sealed, in memory
	t.Cleanup(func() { stop(); <-running })
	var calls, total int64
	one := func() {
		start := time.Now()
		r := w.Call(ctx, w.id, w.Direct(w.id, tools.Call{Tool: tool.Name, Arguments: tool.Example, ToolCallID: "t", Transport: "http"}))
		total += int64(time.Since(start))
		calls++
		if r.Failure != nil {
			t.Fatalf("%s: %s", tool.Name, r.Failure.Message)
		}
	}
	for range 3 { // names are looked up once
		one()
	}
	calls, total = 0, 0
	p.took.Store(0)
	w.log.took.Store(0)
	return one, func() (own, log, service time.Duration) {
		l, s := w.log.took.Load(), p.took.Load()
		return time.Duration((total - l - s) / calls), time.Duration(l / calls), time.Duration(s / calls)
	}
}

// thickest is the tool with the largest schema of its arguments.
func thickest(t testing.TB) schemas.Tool {
	all, err := schemas.Load()
	check(t, err)
	best := all[0]
	for _, tool := range all {
		if len(tool.Input) > len(best.Input) && len(tool.Example) > 0 {
			best = tool
		}
	}
	return best
}

func BenchmarkThickestCall(b *testing.B) {
	tool := thickest(b)
	w := newWhole(b, tool)
	again, took := w.ours(b, tool)
	b.Run(tool.Name, func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			again()
		}
		own, log, service := took()
		b.ReportMetric(float64(own.Nanoseconds())/1000, "own-µs/op")
		b.ReportMetric(float64(log.Nanoseconds())/1000, "log-µs/op")
		b.ReportMetric(float64(service.Nanoseconds())/1000, "service-µs/op")
	})
}
