package store_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"toolvault/vault/store"
	"toolvault/vault/store/storetest"
)

// The server has written, and its answer is lost on the way. The client asks
// again, and that must not look like somebody else's write, nor leave a lease
// with nobody.
func TestRedisLostAnswers(t *testing.T) {
	t.Parallel()
	s := storetest.StartSentinel(t, 1) // for its replica
	for name, query := range map[string]string{"alone": "", "with a replica": "?replicas=1"} {
		t.Run(name, func(t *testing.T) {
			p := newProxy(t, s.Servers[0].Addr())
			if err := s.Servers[0].Client(t).FlushAll(t.Context()).Err(); err != nil {
				t.Fatal(err)
			}
			st := open(t, "redis://"+p.addr+query)
			// Each script once, so that it is known to the server.
			warm, err := st.Lease(t.Context(), "warm", time.Minute)
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(
				st.Put(t.Context(), store.Item{Key: "warm", Version: 1}, warm), st.Delete(t.Context(), "warm", 1),
				st.Put(t.Context(), store.Item{Key: "forgotten", Version: 1}, nil), st.Forget(t.Context(), "forgotten", 1),
				st.Put(t.Context(), store.Item{Key: "forgotten", Version: 1}, nil),
				warm.Extend(t.Context(), time.Minute), warm.Release(t.Context()),
			); err != nil {
				t.Fatal(err)
			}

			p.loseAnswer("first writing")
			if err := st.Put(t.Context(), store.Item{Key: "k", Version: 1, Value: []byte("first writing")}, nil); err != nil {
				t.Errorf("the write: %v", err)
			}
			if got, err := st.Get(t.Context(), "k"); err != nil || got.Version != 1 {
				t.Errorf("after it: version %d: %v", got.Version, err)
			}
			if err := st.Put(t.Context(), store.Item{Key: "k", Version: 1, Value: []byte("first writing")}, nil); !errors.Is(err, store.ErrConflict) {
				t.Errorf("another call with the same bytes: %v", err)
			}
			p.loseAnswer("record:k")
			if err := st.Delete(t.Context(), "k", 1); err != nil {
				t.Errorf("the deletion: %v", err)
			}
			p.loseAnswer("record:forgotten")
			if err := st.Forget(t.Context(), "forgotten", 1); err != nil {
				t.Errorf("the forgetting: %v", err)
			}
			if err := st.Forget(t.Context(), "forgotten", 1); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("another call that forgets the same: %v", err)
			}
			p.loseAnswer("lease:lost")
			start := time.Now()
			l, err := st.Lease(t.Context(), "lost", time.Minute)
			if err != nil || time.Since(start) > 3*time.Second {
				t.Fatalf("the lease: after %v: %v", time.Since(start), err)
			}
			if err := st.Put(t.Context(), store.Item{Key: "k", Version: 3}, l); err != nil {
				t.Errorf("under the lease: %v", err)
			}
			if n := p.lost.Load(); n != 4 {
				t.Errorf("%d answers were lost, want 4", n)
			}
			if query == "" {
				return
			}
			// What was done before is waited for too.
			s.Servers[1].Hang()
			defer s.Servers[1].Resume()
			p.loseAnswer("second writing")
			err = st.Put(t.Context(), store.Item{Key: "k", Version: 4, Value: []byte("second writing")}, nil)
			if !errors.Is(err, store.ErrUnavailable) || p.lost.Load() != 5 {
				t.Errorf("a write that was asked for twice and that no replica has: %v", err)
			}
		})
	}
}

// A subscription to a master of before lives on and hears nothing: what is
// written on the new one is told all the same.
func TestRedisWatchLeavesAnOldMaster(t *testing.T) {
	t.Parallel()
	before, after := storetest.StartRedis(t), storetest.StartRedis(t)
	p := newProxy(t, before.Addr())
	events := open(t, "redis://"+p.addr).Watch(t.Context())
	next(t, events)
	select {
	case e := <-events:
		t.Errorf("nothing has changed, and an event of %q came: a vault would drop what it holds in memory", e.Key)
	case <-time.After(1500 * time.Millisecond): // longer than a subscription is silent before it is doubted
	}
	p.turn(after.Addr())
	turned := time.Now()
	other := open(t, after.URL)
	if err := other.Put(t.Context(), store.Item{Key: "k", Version: 1}, nil); err != nil {
		t.Fatal(err)
	}
	if e := next(t, events); e.Key != "" && e.Key != "k" {
		t.Errorf("the event is of %q", e.Key)
	}
	if took := time.Since(turned); took > 3*time.Second {
		t.Errorf("it was told after %v", took)
	}
	if err := other.Put(t.Context(), store.Item{Key: "k", Version: 2}, nil); err != nil {
		t.Fatal(err)
	}
	for next(t, events).Key != "k" {
	}
}

// A server that hangs takes up what was sent to it when it goes on: also the
// request for a lease that its sender has given up. Nobody has to wait for the
// end of that one.
func TestRedisAbandonedLease(t *testing.T) {
	t.Parallel()
	r := storetest.StartRedis(t)
	asking, holding, other := open(t, r.URL), open(t, r.URL), open(t, r.URL)
	held, err := holding.Lease(t.Context(), "kept", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	warm, err := asking.Lease(t.Context(), "warm", time.Hour) // so that there is a connection on which to ask
	if err != nil {
		t.Fatal(err)
	}
	r.Hang()
	var all sync.WaitGroup
	all.Go(func() {
		if _, err := asking.Lease(t.Context(), "asked", time.Hour); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("while it hangs: %v", err)
		}
	})
	all.Go(func() {
		if err := held.Release(t.Context()); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("while it hangs: %v", err)
		}
	})
	all.Wait()
	r.Resume()
	start := time.Now()
	for _, name := range []string{"asked", "kept"} {
		l, err := other.Lease(t.Context(), name, time.Hour)
		if err != nil || l.Token() <= held.Token() {
			t.Fatalf("%s: %v", name, err)
		}
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("%s was free after %v", name, took)
		}
	}
	if err := warm.Extend(t.Context(), time.Hour); err != nil {
		t.Errorf("a lease that is held was let go too: %v", err)
	}
}
