package store_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"toolvault/vault/store"
	"toolvault/vault/store/storetest"
)

// A restart with an append-only file loses nothing; without one, versions begin
// again, which a vault takes for a rollback.
func TestRedisRestart(t *testing.T) {
	t.Parallel()
	serverOrSkip(t)
	for name, c := range map[string]struct {
		settings []string
		version  int64
	}{
		"with its file":  {[]string{"--appendonly", "yes", "--appendfsync", "always"}, 3},
		"without a file": {nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := storetest.StartRedis(t, c.settings...)
			st := open(t, r.URL)
			held, err := st.Lease(t.Context(), "l", time.Hour)
			if err != nil {
				t.Fatal(err)
			}
			for v := int64(1); v <= 3; v++ {
				if err := st.Put(t.Context(), store.Item{Key: "k", Version: v, Value: []byte("x")}, held); err != nil {
					t.Fatal(err)
				}
			}
			if err := errors.Join(st.Put(t.Context(), store.Item{Key: "gone", Version: 1}, nil), st.Delete(t.Context(), "gone", 1)); err != nil {
				t.Fatal(err)
			}
			r.Stop()
			if err := st.Put(t.Context(), store.Item{Key: "k", Version: 4}, held); !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("while it is away: %v", err)
			}
			r.Start()
			heals(t, st)
			got, err := st.Get(t.Context(), "k")
			if got.Version != c.version || (err == nil) != (c.version > 0) {
				t.Errorf("the record is at version %d, want %d: %v", got.Version, c.version, err)
			}
			err = st.Put(t.Context(), store.Item{Key: "k", Version: 4}, held)
			if c.version == 0 && !errors.Is(err, store.ErrLeaseLost) || c.version > 0 && err != nil {
				t.Errorf("under the lease of before: %v", err)
			}
			if gone, err := st.Get(t.Context(), "gone"); !errors.Is(err, store.ErrNotFound) || (gone.Version == 2) != (c.version > 0) {
				t.Errorf("the deleted one: version %d: %v", gone.Version, err)
			}
			if c.version == 0 {
				next, err := st.Lease(t.Context(), "l", time.Hour)
				if err != nil || next.Token() <= held.Token() {
					t.Errorf("the next token is not above %d: %v", held.Token(), err)
				}
			}
		})
	}
}

// The node of a Cluster that has the records is killed, and another time one that
// has none; it comes back with its file.
func TestRedisClusterNodeComesBack(t *testing.T) {
	t.Parallel()
	c := storetest.StartCluster(t, "--appendonly", "yes", "--appendfsync", "always")
	st := open(t, c.URL)
	events := st.Watch(t.Context())
	next(t, events)
	owner := c.Owner()
	other := c.Nodes[0]
	if other == owner {
		other = c.Nodes[1]
	}
	for i, node := range []*storetest.RedisServer{owner, other} {
		v := int64(i) + 1
		if err := st.Put(t.Context(), store.Item{Key: "k", Version: v, Value: []byte("x")}, nil); err != nil {
			t.Fatal(err)
		}
		node.Stop()
		if node == owner {
			start := time.Now()
			if _, err := st.Get(t.Context(), "k"); !errors.Is(err, store.ErrUnavailable) || time.Since(start) > 3*time.Second {
				t.Errorf("after %v: %v", time.Since(start), err)
			}
		}
		node.Start()
		c.AwaitUp()
		heals(t, st)
		if got, err := st.Get(t.Context(), "k"); err != nil || got.Version != v {
			t.Errorf("after its return the record is at version %d, want %d: %v", got.Version, v, err)
		}
	}
	if err := open(t, c.URL).Put(t.Context(), store.Item{Key: "after", Version: 1}, nil); err != nil {
		t.Fatal(err)
	}
	for e := next(t, events); e.Key != "after"; e = next(t, events) {
	}
}

// A node that hangs costs an operation its bound, and heals.
func TestRedisClusterNodeHangs(t *testing.T) {
	t.Parallel()
	c := storetest.StartCluster(t)
	st := open(t, c.URL)
	if err := st.Put(t.Context(), store.Item{Key: "k", Version: 1}, nil); err != nil {
		t.Fatal(err)
	}
	owner := c.Owner()
	owner.Hang()
	var all sync.WaitGroup
	for name, do := range map[string]func() error{
		"get": func() error { _, err := st.Get(t.Context(), "k"); return err },
		"put": func() error { return st.Put(t.Context(), store.Item{Key: "k", Version: 2}, nil) },
		"now": func() error { _, err := st.Now(t.Context()); return err },
	} {
		all.Go(func() {
			start := time.Now()
			if err := do(); !errors.Is(err, store.ErrUnavailable) || time.Since(start) > 3*time.Second {
				t.Errorf("%s: after %v: %v", name, time.Since(start), err)
			}
		})
	}
	all.Wait()
	owner.Resume()
	heals(t, st)
	if _, err := st.Get(t.Context(), "k"); err != nil {
		t.Error(err)
	}
}
