package upstream

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"toolvault/tools/fault"
)

// One credential at which a service fails is stopped; the same service with
// another credential, and another service, work as if nothing were.
func TestOneFailureSlowsNobodyElse(t *testing.T) {
	var seen atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "Bearer bad" {
			seen.Add(1)
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		_, _ = io.WriteString(w, "{}")
	}))
	defer s.Close()
	p := NewPool(nil, Sleep((&waits{}).sleep))
	call := func(service, credential, secret string) error {
		c := p.Client(Endpoint{Service: service, BaseURL: s.URL}, &key{name: credential, now: secret}, "call-1")
		return c.Do(within(t), Request{Path: "/x", Read: true}, nil)
	}
	for range 2 { // three attempts each: six failures
		if f := failure(t, call("acme", "one", "bad")); f.Kind != fault.UpstreamError || f.Status != 500 {
			t.Fatalf("got %v", f)
		}
	}
	f := failure(t, call("acme", "one", "bad"))
	if f.Kind != fault.UpstreamUnavailable || !f.Retryable || !f.NotSent || f.RetryAfter < 8*time.Second || f.RetryAfter > 12*time.Second ||
		!strings.Contains(f.Message, fmt.Sprintf("Try again in %d s", int(f.RetryAfter.Seconds()))) {
		t.Errorf("got %+v", f)
	}
	if seen.Load() != 6 {
		t.Errorf("%d requests reached the service, want 6", seen.Load())
	}
	if err := call("acme", "two", "good"); err != nil {
		t.Errorf("another credential: %v", err)
	}
	if err := call("other", "one", "good"); err != nil {
		t.Errorf("another service: %v", err)
	}
}

func TestWhatOpensTheBreaker(t *testing.T) {
	opens := map[string]bool{"400": false, "401": false, "403": false, "404": false, "429": false, "302": false, "200": false,
		"500": true, "502": true, "503": true, "504": true, "hang": true, "cut": true}
	for name, want := range opens {
		t.Run(name, func(t *testing.T) {
			c, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
				switch name {
				case "hang":
					_, _ = io.Copy(io.Discard, r.Body) // only then does the server see that the client is gone
					<-r.Context().Done()
				case "cut":
					conn, _, _ := w.(http.Hijacker).Hijack()
					_ = conn.Close()
				default:
					var status int
					_, _ = fmt.Sscan(name, &status)
					w.WriteHeader(status)
				}
			})
			for range failureSample {
				ctx, cancel := context.WithTimeout(within(t), time.Hour)
				if name == "hang" {
					ctx, cancel = context.WithTimeout(within(t), 5*time.Millisecond)
				}
				_ = c.Do(ctx, Request{Path: "/x", JSON: 1}, nil)
				cancel()
			}
			if got := c.health.breaker.IsOpen(); got != want {
				t.Errorf("open: %v, want %v", got, want)
			}
		})
	}
}

// A caller that goes away says nothing about the service.
func TestCancelledCallsDoNotOpenTheBreaker(t *testing.T) {
	arrived := make(chan struct{})
	c, _ := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		<-r.Context().Done()
	})
	for range 2 * failureSample {
		ctx, cancel := context.WithCancel(context.Background())
		go func() { <-arrived; cancel() }()
		_ = c.Do(ctx, Request{Path: "/x", Read: true}, nil)
	}
	if !c.health.breaker.IsClosed() {
		t.Error("the breaker is not closed")
	}
}

// After a while one request may try; the breaker follows what becomes of it.
func TestBreakerHeals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		status, seen := 503, 0
		p := NewPool(roundTrip(func(r *http.Request) (*http.Response, error) {
			seen++
			return &http.Response{StatusCode: status, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
		}))
		call := func() error {
			c := p.Client(Endpoint{Service: "acme", BaseURL: "https://acme.example"}, &key{name: "k"}, "call-1")
			return c.Do(t.Context(), Request{Path: "/x", JSON: 1}, nil)
		}
		expect := func(when string, sent int, ok bool) {
			t.Helper()
			before := seen
			if err := call(); (err == nil) != ok || seen-before != sent {
				t.Errorf("%s: %d requests, %v", when, seen-before, err)
			}
		}
		for range failureSample {
			_ = call()
		}
		expect("open", 0, false)
		time.Sleep(openFor * 12 / 10)
		expect("half open, still failing", 1, false)
		expect("open again", 0, false)
		time.Sleep(openFor * 12 / 10)
		status = 200
		expect("half open, healed", 1, true)
		expect("closed", 1, true)
		expect("closed", 1, true)
	})
}

// A probe whose caller goes away must not keep the service shut out for ever.
func TestAbandonedProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHealth()
		h.breaker.HalfOpen()
		if f := h.enter(t.Context(), "acme"); f != nil {
			t.Fatal(f)
		}
		if f := h.enter(t.Context(), "acme"); f == nil || !strings.Contains(f.Message, "Try again in 1 s") {
			t.Fatalf("a second probe: %v", f)
		}
		h.leave(fault.From(context.Canceled))
		time.Sleep(openFor * 12 / 10)
		if f := h.enter(t.Context(), "acme"); f != nil {
			t.Fatal(f)
		}
	})
}

// Requests of one credential are bounded; one that finds no room says so, and
// other credentials have theirs.
func TestBulkhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		under, most := 0, 0
		release := make(chan struct{})
		var mu sync.Mutex
		p := NewPool(roundTrip(func(r *http.Request) (*http.Response, error) {
			mu.Lock()
			under++
			most = max(most, under)
			mu.Unlock()
			<-release
			return &http.Response{StatusCode: 200, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
		}))
		call := func(ctx context.Context, credential string) error {
			c := p.Client(Endpoint{Service: "acme", BaseURL: "https://acme.example"}, &key{name: credential}, "call-1")
			return c.Do(ctx, Request{Path: "/x", Read: true}, nil)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var done sync.WaitGroup
		for range maxAtOnce {
			done.Go(func() {
				if err := call(ctx, "one"); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		start := time.Now()
		f := failure(t, call(ctx, "one"))
		if f.Kind != fault.RateLimited || !f.Retryable || !f.NotSent || !strings.Contains(f.Message, "32 requests to acme") || time.Since(start) != 30*time.Second {
			t.Errorf("after %s: %+v", time.Since(start), f)
		}
		gone, leave := context.WithCancel(ctx)
		leave()
		if f := failure(t, call(gone, "one")); f.Kind != fault.Cancelled {
			t.Errorf("cancelled in the queue: %+v", f)
		}
		if most != maxAtOnce {
			t.Errorf("%d at once", most)
		}
		done.Go(func() {
			if err := call(ctx, "two"); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		if under != maxAtOnce+1 {
			t.Error("another credential had to wait")
		}
		close(release)
		done.Wait()
	})
}

func TestStatesAreBounded(t *testing.T) {
	s := newStates(3)
	first := s.get("acme", "0")
	for i := range 100 {
		s.get("acme", fmt.Sprint(i))
		if s.get("acme", "0") != first {
			t.Fatal("the one that is used was forgotten")
		}
	}
	if len(s.byKey) != 3 || s.order.Len() != 3 {
		t.Errorf("%d and %d states", len(s.byKey), s.order.Len())
	}
}
