package storetest

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"toolvault/vault/store"
)

func leaseExclusive(t *testing.T, e *env) {
	var inside, most atomic.Int32
	var mu sync.Mutex
	var tokens []int64
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			s := e.a
			if i%2 == 1 {
				s = e.b
			}
			l, err := s.Lease(e.ctx, "l", 30*time.Second)
			if err != nil {
				t.Error(err)
				return
			}
			most.Store(max(most.Load(), inside.Add(1)))
			mu.Lock()
			tokens = append(tokens, l.Token())
			mu.Unlock()
			inside.Add(-1)
			if err := l.Release(e.ctx); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if most.Load() != 1 {
		t.Fatalf("%d held the lease at once", most.Load())
	}
	for i := 1; i < len(tokens); i++ {
		if tokens[i] <= tokens[i-1] {
			t.Fatalf("the fencing tokens do not grow: %v", tokens)
		}
	}
	// Another name is not in the way.
	l, err := e.a.Lease(e.ctx, "l", time.Minute)
	must(t, err)
	other, err := e.b.Lease(e.ctx, "other", time.Minute)
	must(t, err)
	must(t, other.Release(e.ctx))
	must(t, l.Release(e.ctx))
	must(t, l.Release(e.ctx)) // of a lost lease: no error
}

func leaseExpiry(t *testing.T, e *env) {
	first, err := e.a.Lease(e.ctx, "l", 60*time.Millisecond)
	must(t, err)
	second, err := e.b.Lease(e.ctx, "l", time.Minute) // waits until the first has ended
	must(t, err)
	if second.Token() <= first.Token() {
		t.Fatalf("the second token %d is not above the first %d", second.Token(), first.Token())
	}
	wants(t, first.Extend(e.ctx, time.Minute), store.ErrLeaseLost)
	must(t, first.Release(e.ctx)) // must not take the second's away
	must(t, second.Extend(e.ctx, time.Minute))

	// Extended, a lease lasts beyond its first term.
	must(t, second.Release(e.ctx))
	third, err := e.a.Lease(e.ctx, "l", 300*time.Millisecond)
	must(t, err)
	must(t, third.Extend(e.ctx, time.Minute))
	ctx, cancel := context.WithTimeout(e.ctx, 600*time.Millisecond)
	defer cancel()
	_, err = e.b.Lease(ctx, "l", time.Second)
	wants(t, err, context.DeadlineExceeded)
	must(t, third.Release(e.ctx))
}

func fencing(t *testing.T, e *env) {
	l, err := e.a.Lease(e.ctx, "l", time.Minute)
	must(t, err)
	must(t, e.a.Put(e.ctx, item("k", 1, "held"), l))
	wants(t, e.a.Put(e.ctx, item("k", 1, "again"), l), store.ErrConflict)
	must(t, l.Release(e.ctx))
	wants(t, e.a.Put(e.ctx, item("k", 2, "after release"), l), store.ErrLeaseLost)
	wants(t, e.a.Put(e.ctx, item("new", 1, "after release"), l), store.ErrLeaseLost)

	stale, err := e.a.Lease(e.ctx, "l", 40*time.Millisecond)
	must(t, err)
	fresh, err := e.b.Lease(e.ctx, "l", time.Minute)
	must(t, err)
	wants(t, e.a.Put(e.ctx, item("k", 2, "stale"), stale), store.ErrLeaseLost)
	holds(t, e, e.b, "k", 1, "held")
	must(t, e.b.Put(e.ctx, item("k", 2, "fresh"), fresh))
	holds(t, e, e.a, "k", 2, "fresh")
	if err := e.a.Put(e.ctx, item("k", 3, "x"), fresh); err == nil {
		t.Fatal("a store took the lease of another handle")
	}
	must(t, fresh.Release(e.ctx))
}

func leaseContext(t *testing.T, e *env) {
	l, err := e.a.Lease(e.ctx, "l", time.Minute)
	must(t, err)
	ctx, cancel := context.WithCancel(e.ctx)
	got := make(chan error, 1)
	go func() {
		_, err := e.b.Lease(ctx, "l", time.Minute)
		got <- err
	}()
	cancel()
	select {
	case err := <-got:
		wants(t, err, context.Canceled)
	case <-time.After(5 * time.Second):
		t.Fatal("the waiter did not end with its context")
	}
	must(t, l.Release(e.ctx))
	again, err := e.b.Lease(e.ctx, "l", time.Minute)
	must(t, err)
	must(t, again.Release(e.ctx))
}

func watch(t *testing.T, e *env) {
	ctx, cancel := context.WithCancel(e.ctx)
	defer cancel()
	events := e.a.Watch(ctx)
	drain(events, time.Now().Add(600*time.Millisecond))
	steps := []struct {
		name string
		do   func() error
	}{
		{"a first write elsewhere", func() error { return e.b.Put(ctx, item("k", 1, "1"), nil) }},
		{"a second write elsewhere", func() error { return e.b.Put(ctx, item("k", 2, "2"), nil) }},
		{"a write of its own", func() error { return e.a.Put(ctx, item("k", 3, "3"), nil) }},
		{"a deletion elsewhere", func() error { return e.b.Delete(ctx, "k", 3) }},
	}
	for _, s := range steps {
		start := time.Now()
		must(t, s.do())
		for told := false; !told; {
			select {
			case ev := <-events:
				told = ev.Key == "k" || ev.Key == ""
			case <-time.After(5 * time.Second):
				t.Fatalf("%s was not told", s.name)
			}
		}
		if d := time.Since(start); d > 2*time.Second {
			t.Errorf("%s was told after %v", s.name, d)
		}
	}
	// Many at once, and nobody reads meanwhile: still all are told, one by one
	// or as "anything".
	want := map[string]bool{}
	for i := range 400 {
		key := "many/" + string(rune('a'+i%26)) + string(rune('a'+i/26))
		want[key] = true
		must(t, e.b.Put(ctx, item(key, 1, "x"), nil))
	}
	deadline := time.After(10 * time.Second)
	for len(want) > 0 {
		select {
		case ev := <-events:
			delete(want, ev.Key)
			if ev.Key == "" {
				clear(want)
			}
		case <-deadline:
			t.Fatalf("%d of the changes were never told", len(want))
		}
	}
}

// drain reads events until the moment, when what belongs to the beginning of a
// watch is over.
func drain(events <-chan store.Event, until time.Time) {
	for {
		select {
		case <-events:
		case <-time.After(time.Until(until)):
			return
		}
	}
}

func watchEnds(t *testing.T, e *env) {
	ctx, cancel := context.WithCancel(e.ctx)
	events := e.a.Watch(ctx)
	cancel()
	drained(t, events)
	ended, stop := context.WithCancelCause(e.ctx)
	stop(errors.New("over before it began"))
	drained(t, e.a.Watch(ended))
}

// drained waits until the channel is closed.
func drained(t *testing.T, events <-chan store.Event) {
	t.Helper()
	deadline := time.After(5 * time.Second)
	for {
		select {
		case _, ok := <-events:
			if !ok {
				return
			}
		case <-deadline:
			t.Fatal("the watch did not end")
		}
	}
}
