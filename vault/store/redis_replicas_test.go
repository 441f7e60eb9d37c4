package store_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"toolvault/vault/store"
	"toolvault/vault/store/storetest"
)

// The new master lacks the last writes of the old one, a lease among them: a
// write under it fails, its token is not given again, and one that was let go
// last stands until its end and no longer.
func TestRedisFailoverForgets(t *testing.T) {
	t.Parallel()
	s := storetest.StartSentinel(t, 1)
	st, other := open(t, s.URL), open(t, s.URL)
	letGo, err := st.Lease(t.Context(), "let go", 4*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if err := st.Put(t.Context(), store.Item{Key: "k", Version: 1}, letGo); err != nil {
		t.Fatal(err)
	}
	s.AwaitInStep()
	replica := s.CutOff()
	var lost []store.Lease
	for range 3 { // three holders, so that a token which only counted would be given again
		l, err := st.Lease(t.Context(), "lost", time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		lost = append(lost, l)
		if len(lost) < 3 {
			if err := l.Release(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	last := lost[2]
	if err := st.Put(t.Context(), store.Item{Key: "k", Version: 2, Value: []byte("forgotten")}, last); err != nil {
		t.Fatal(err)
	}
	if err := letGo.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	old := s.KillMaster()
	replica.Resume()
	s.AwaitFailover(old)
	heals(t, st)
	heals(t, other)

	if got, err := st.Get(t.Context(), "k"); err != nil || got.Version != 1 {
		t.Errorf("the record is at version %d: the replica was to lack the second: %v", got.Version, err)
	}
	if err := st.Put(t.Context(), store.Item{Key: "k", Version: 2}, last); !errors.Is(err, store.ErrLeaseLost) {
		t.Errorf("under a lease that the new master does not know: %v", err)
	}
	if err := last.Extend(t.Context(), time.Hour); !errors.Is(err, store.ErrLeaseLost) {
		t.Errorf("extending it: %v", err)
	}
	next, err := other.Lease(t.Context(), "lost", time.Hour)
	if err != nil || next.Token() <= last.Token() {
		t.Fatalf("the next token is not above %d: %v %v", last.Token(), next, err)
	}
	if err := st.Put(t.Context(), store.Item{Key: "k", Version: 2}, last); !errors.Is(err, store.ErrLeaseLost) {
		t.Errorf("while another holds it: %v", err)
	}
	if err := last.Release(t.Context()); err != nil { // must not take the other's away
		t.Error(err)
	}
	if err := other.Put(t.Context(), store.Item{Key: "k", Version: 2}, next); err != nil {
		t.Errorf("the new holder: %v", err)
	}
	if l, err := other.Lease(t.Context(), "let go", time.Second); err != nil || l.Token() <= letGo.Token() {
		t.Errorf("the lease that was let go: %v", err)
	}
}

// Fewer replicas than the URL asks for: a write says so and stands, a lease is
// not given, and all is well when the replica is back.
func TestRedisFewReplicas(t *testing.T) {
	t.Parallel()
	s := storetest.StartSentinel(t, 1)
	st := open(t, s.URL+"?replicas=1")
	if err := st.Put(t.Context(), store.Item{Key: "k", Version: 1}, nil); err != nil {
		t.Fatal(err)
	}
	if err := st.Put(t.Context(), store.Item{Key: "f", Version: 1}, nil); err != nil {
		t.Fatal(err)
	}
	replica := s.CutOff()
	few := func(what string, err error) {
		t.Helper()
		if !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), "stands on the master") || !strings.Contains(err.Error(), "0 of the 1 replicas") {
			t.Errorf("%s: %v", what, err)
		}
	}
	start := time.Now()
	few("put", st.Put(t.Context(), store.Item{Key: "k", Version: 2, Value: []byte("stands")}, nil))
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("it took %v", took)
	}
	if got, err := st.Get(t.Context(), "k"); err != nil || got.Version != 2 || string(got.Value) != "stands" {
		t.Errorf("what stands: version %d: %v", got.Version, err)
	}
	if err := st.Put(t.Context(), store.Item{Key: "k", Version: 2}, nil); !errors.Is(err, store.ErrConflict) {
		t.Errorf("the same version again: %v", err)
	}
	var all sync.WaitGroup
	all.Go(func() { few("delete", st.Delete(t.Context(), "k", 2)) })
	all.Go(func() { few("forget", st.Forget(t.Context(), "f", 1)) })
	all.Go(func() { few("ping", st.Ping(t.Context())) })
	all.Go(func() {
		_, err := st.Lease(t.Context(), "l", time.Hour)
		few("lease", err)
	})
	all.Wait()
	replica.Resume()
	heals(t, st)
	if l, err := st.Lease(t.Context(), "l", time.Hour); err != nil || l.Token() == 0 {
		t.Errorf("the lease, which was not to be given before: %v", err)
	}
}
