package tools_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"toolvault/audit"
	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/upstream"
	"toolvault/vault"
	"toolvault/vault/store/storetest"
)

// What is certain not to have been done may be tried again; what may have been
// done is not done again.
func TestAFailureLeavesTheKeyFreeOnlyIfNothingWasDone(t *testing.T) {
	status := func(code int) http.HandlerFunc {
		return func(rw http.ResponseWriter, _ *http.Request) { http.Error(rw, "no", code) }
	}
	cut := func(rw http.ResponseWriter, _ *http.Request) {
		panic(http.ErrAbortHandler) // the connection breaks after the request was read
	}
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		kind   fault.Kind
		free   bool
	}{
		"401":        {status(401), fault.CredentialInvalid, true},
		"403":        {status(403), fault.NotPermitted, true},
		"429":        {status(429), fault.RateLimited, true},
		"400":        {status(400), fault.InvalidArguments, false},
		"404":        {status(404), fault.NotFound, false},
		"409":        {status(409), fault.Conflict, false},
		"500":        {status(500), fault.UpstreamError, false},
		"503":        {status(503), fault.UpstreamUnavailable, false},
		"broken off": {cut, fault.UpstreamUnavailable, false},
		"no JSON":    {func(rw http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(rw, "<html>") }, fault.UpstreamError, false},
	} {
		t.Run(name, func(t *testing.T) {
			var well atomic.Bool
			p := newPair(t, sqlite(t), func(rw http.ResponseWriter, r *http.Request) {
				if well.Load() {
					_, _ = io.WriteString(rw, `{"echo":"done"}`)
				} else {
					c.answer(rw, r)
				}
			}, func(o *tools.Options) {
				o.Pool = upstream.NewPool(nil, upstream.Sleep(func(context.Context, time.Duration) error { return nil }))
			})
			first := p.put(t, p.a, dune, "k")
			if kind(first) != c.kind {
				t.Fatalf("%+v", first)
			}
			well.Store(true)
			before := p.sent()
			r := p.put(t, p.b, dune, "k")
			if c.free {
				if r.Failure != nil || r.RepeatOf != "" || p.sent() != before+1 {
					t.Errorf("the key is not free: %+v", r)
				}
				return
			}
			if p.sent() != before {
				t.Fatal("it was done twice")
			}
			if kind(r) != c.kind || r.RepeatOf != first.CallID || r.Text != first.Text || r.Failure.Retryable || r.Failure.Status != first.Failure.Status {
				t.Errorf("%+v\nwant %+v", r, first)
			}
			records := p.log.records()
			if last := records[len(records)-1]; last.Outcome != string(c.kind) || last.RepeatOf != first.CallID {
				t.Errorf("record: %+v", last)
			}
		})
	}
}

// Steps that come before the request leave the key free.
func TestWhatFailsBeforeTheRequestLeavesTheKeyFree(t *testing.T) {
	p := newPair(t, sqlite(t), nil)
	consent := fmt.Errorf("%w: for a test", vault.ErrNeedsConsent)
	p.a.Options.Vault.(*resolving).fail.Store(&consent)
	if r := p.put(t, p.a, dune, "consent"); kind(r) != fault.NeedsConsent {
		t.Fatalf("%+v", r)
	}
	p.a.Options.Vault.(*resolving).fail.Store(nil)
	p.log.fail = func(r audit.Record) bool { return r.Phase == audit.PhaseIntent }
	if r := p.put(t, p.a, dune, "intent"); kind(r) != fault.Internal {
		t.Fatalf("%+v", r)
	}
	p.log.fail = nil
	if r := p.put(t, p.a, `{"title":"panic"}`, "panic"); kind(r) != fault.Internal {
		t.Fatalf("%+v", r)
	}
	if p.sent() != 0 {
		t.Fatal("a request was sent")
	}
	for _, key := range []string{"consent", "intent", "panic"} {
		if r := p.put(t, p.b, dune, key); r.Failure != nil || r.RepeatOf != "" {
			t.Errorf("%s: %+v", key, r)
		}
	}
}

// The outcome that the log could not take is withheld from the repeat as well.
func TestAnOutcomeThatWasWithheldStaysWithheld(t *testing.T) {
	p := newPair(t, sqlite(t), nil)
	p.log.fail = func(r audit.Record) bool { return r.Phase == audit.PhaseOutcome }
	first := p.put(t, p.a, dune, "k")
	p.log.fail = nil
	r := p.put(t, p.b, dune, "k")
	if kind(r) != fault.Internal || r.Text != first.Text || r.RepeatOf != first.CallID || p.sent() != 1 {
		t.Errorf("%+v", r)
	}
}

// A client that goes away and sends it again is why there are keys: the write is
// finished without it.
func TestAClientThatGoesAwayFindsTheOutcome(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	p := newPair(t, sqlite(t), func(rw http.ResponseWriter, r *http.Request) {
		close(arrived)
		select {
		case <-release:
			_, _ = io.WriteString(rw, `{"echo":"done"}`)
		case <-r.Context().Done():
		}
	})
	ctx, leave := context.WithCancel(t.Context())
	first := make(chan tools.Result, 1)
	go func() { first <- p.a.Call(ctx, p.id, keyed("shelf_put", dune, "k")) }()
	<-arrived
	leave()
	second := make(chan tools.Result, 1)
	go func() { second <- p.put(t, p.b, dune, "k") }()
	close(release)
	one, two := <-first, <-second
	if two.Failure != nil || string(two.Structured) != `{"echo":"done"}` || two.RepeatOf != one.CallID || p.sent() != 1 {
		t.Errorf("%+v", two)
	}
}

// Without a key, a caller who goes still breaks the call off.
func TestACallWithoutAKeyEndsWithItsCaller(t *testing.T) {
	arrived := make(chan struct{})
	p := newPair(t, sqlite(t), func(_ http.ResponseWriter, r *http.Request) { close(arrived); <-r.Context().Done() })
	ctx, leave := context.WithCancel(t.Context())
	go func() { <-arrived; leave() }()
	if r := p.a.Call(ctx, p.id, keyed("shelf_put", dune, "")); kind(r) != fault.Cancelled {
		t.Errorf("%+v", r)
	}
}

// Without the store nobody can tell whether it was done, so it is not; when the
// store is back, all is as before.
func TestWithoutTheStoreNoWriteWithAKey(t *testing.T) {
	server := storetest.StartRedis(t)
	p := newPair(t, server.URL, nil)
	server.Stop()
	r := p.put(t, p.a, dune, "k")
	if kind(r) != fault.Internal || !r.Failure.Retryable || p.sent() != 0 {
		t.Errorf("%+v, %d requests", r, p.sent())
	}
	if r := p.put(t, p.a, dune, ""); r.Failure != nil {
		t.Errorf("without a key: %+v", r)
	}
	server.Start()
	deadline := time.Now().Add(10 * time.Second)
	for r = p.put(t, p.a, dune, "k"); r.Failure != nil && r.Failure.Retryable && time.Now().Before(deadline); {
		r = p.put(t, p.a, dune, "k")
	}
	if r.Failure != nil || r.RepeatOf != "" || p.sent() != 2 {
		t.Errorf("it is back: %+v, %d requests", r, p.sent())
	}
}
