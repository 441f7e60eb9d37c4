package store_test

import (
	"context"
	"errors"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"toolvault/vault/store"
	"toolvault/vault/store/storetest"
)

func serverOrSkip(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Skip("SKIPPED: there is no redis-server here, and miniredis knows no cluster, sentinel or user")
	}
}

// The same contract on a Cluster of three: every script's keys are in one slot.
func TestRedisClusterContract(t *testing.T) {
	t.Parallel()
	c := storetest.StartCluster(t)
	storetest.Run(t, func(t *testing.T) func() store.Store {
		c.Flush()
		return func() store.Store { return open(t, c.URL) }
	})
}

// The same contract under Sentinel, where each write waits for a replica.
func TestRedisSentinelContract(t *testing.T) {
	t.Parallel()
	s := storetest.StartSentinel(t, 1)
	master := s.Master().Client(t)
	storetest.Run(t, func(t *testing.T) func() store.Store {
		if err := master.FlushAll(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		return func() store.Store { return open(t, s.URL+"?replicas=1") }
	})
}

// The same contract in a namespace, and nothing of it is seen outside.
func TestRedisNamespaces(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) func() store.Store {
		url := storetest.Redis(t)
		return func() store.Store { return open(t, url+"?namespace=staging-2") }
	})
	url := storetest.Redis(t)
	for _, c := range []struct{ name, a, b string }{
		{"with and without", url, url + "?namespace=a"},
		{"two", url + "?namespace=b", url + "?namespace=c"},
		{"one begins with the other", url + "?namespace=d", url + "?namespace=d-1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.a == url {
				storetest.Apart(t, open(t, c.a), open(t, c.b))
				return
			}
			storetest.Apart(t, open(t, c.b), open(t, c.a))
		})
	}
}

// A Redis Cluster may own the slots of two vaults on two nodes.
func TestRedisNamespacesOnACluster(t *testing.T) {
	t.Parallel()
	c := storetest.StartCluster(t)
	storetest.Apart(t, open(t, c.URL+"?namespace=a"), open(t, c.URL+"?namespace=b"))
}

// heals waits until the store can be written.
func heals(t *testing.T, st store.Store) {
	t.Helper()
	until(t, 30*time.Second, "the store can be written", func() bool { return st.Ping(t.Context()) == nil })
}

func until(t *testing.T, most time.Duration, what string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(most); !so(); {
		if time.Now().After(deadline) {
			t.Fatalf("it did not come true within %v: %s", most, what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// The master is killed while a lease is held and writes are under way. What was
// acknowledged is there afterwards, the holder of the lease still writes under
// it or learns that it is lost, and the next token is above the last.
func TestRedisFailover(t *testing.T) {
	t.Parallel()
	s := storetest.StartSentinel(t, 2)
	st := open(t, s.URL+"?replicas=1")
	other := open(t, s.URL+"?replicas=1")
	lease, err := st.Lease(t.Context(), "l", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if err := st.Put(t.Context(), store.Item{Key: "held", Version: 1}, lease); err != nil {
		t.Fatal(err)
	}
	var acknowledged atomic.Int64
	ctx, stop := context.WithCancel(t.Context())
	wrote := make(chan struct{})
	go func() {
		defer close(wrote)
		for v := int64(1); ctx.Err() == nil; {
			err := other.Put(ctx, store.Item{Key: "n", Version: v}, nil)
			switch {
			case err == nil:
				acknowledged.Store(v)
				v++
			case errors.Is(err, store.ErrConflict): // one that failed stands
				got, err := other.Get(ctx, "n")
				if err == nil && got.Version < acknowledged.Load() {
					t.Errorf("version %d was acknowledged, and the store is at %d", acknowledged.Load(), got.Version)
					return
				}
				if err == nil {
					v = got.Version + 1
				}
			case !errors.Is(err, store.ErrUnavailable) && ctx.Err() == nil:
				t.Errorf("a write under way: %v", err)
				return
			}
		}
	}()
	until(t, 10*time.Second, "some writes", func() bool { return acknowledged.Load() > 20 })
	before := acknowledged.Load()
	old := s.KillMaster()
	killed := time.Now()
	s.AwaitFailover(old)
	heals(t, st)
	t.Logf("the store could be written again %v after the master was killed, at version %d", time.Since(killed), before)
	until(t, 30*time.Second, "writes go on", func() bool { return acknowledged.Load() > before+20 })
	stop()
	<-wrote
	if got, err := st.Get(t.Context(), "n"); err != nil || got.Version < acknowledged.Load() {
		t.Errorf("version %d was acknowledged, and the store is at %d: %v", acknowledged.Load(), got.Version, err)
	}
	// A replica had the lease before its holder knew of it.
	if err := st.Put(t.Context(), store.Item{Key: "held", Version: 2}, lease); err != nil {
		t.Errorf("under the lease: %v", err)
	}
	if err := lease.Release(t.Context()); err != nil {
		t.Error(err)
	}
	next, err := other.Lease(t.Context(), "l", time.Minute)
	if err != nil || next.Token() <= lease.Token() {
		t.Errorf("the next token is %v, after %d: %v", next, lease.Token(), err)
	}
}

// One node of a Cluster is no server of its own: who names one is told what to
// write.
func TestOneNodeOfACluster(t *testing.T) {
	t.Parallel()
	c := storetest.StartCluster(t)
	told := 0
	for _, node := range c.Nodes {
		st, err := store.Open(t.Context(), "redis://"+node.Addr())
		if err == nil { // the node that has the slot
			_ = st.Close()
			continue
		}
		if !strings.Contains(err.Error(), "write redis-cluster://") {
			t.Error(err)
		}
		told++
	}
	if told != len(c.Nodes)-1 {
		t.Errorf("%d of %d nodes were refused", told, len(c.Nodes))
	}
}
