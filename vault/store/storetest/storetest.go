// Package storetest is the contract of a store as tests: every implementation
// of store.Store has to pass Run.
package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"toolvault/vault/store"
)

// Run holds a store against the contract. Each call of open returns another
// handle on the same records, as another process would have; the records are
// empty at the beginning. Run closes what it opens.
func Run(t *testing.T, open func(t *testing.T) func() store.Store) {
	tests := []struct {
		name string
		test func(*testing.T, *env)
	}{
		{"versions", versions},
		{"versions go on after a deletion", deletion},
		{"a forgotten key begins anew", forgetting},
		{"one of many forgets", forgetRace},
		{"watch tells what follows something forgotten", watchForgotten},
		{"one of many writers wins", race},
		{"counters lose nothing", counters},
		{"list pages in order", list},
		{"limits", limits},
		{"values", values},
		{"a lease is held by one", leaseExclusive},
		{"a lease ends by itself", leaseExpiry},
		{"a lost lease cannot write", fencing},
		{"a waiter ends with its context", leaseContext},
		{"a bucket is shared", bucketShared},
		{"a bucket gives in order", bucketOrder},
		{"a bucket pauses", bucketPause},
		{"a bucket gives no more than it has", bucketRace},
		{"limits of buckets", bucketLimits},
		{"a bucket and the end", bucketEnds},
		{"watch tells what another handle changes", watch},
		{"watch ends with its context", watchEnds},
		{"ended contexts", contexts},
		{"one clock", clock},
		{"ping", ping},
		{"closed", closed},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
			defer cancel()
			e := &env{ctx: ctx, open: open(t)}
			e.a, e.b = e.open(), e.open()
			defer func() {
				_ = e.a.Close()
				_ = e.b.Close()
			}()
			c.test(t, e)
		})
	}
}

// env is what a test has: two handles on the same records.
type env struct {
	ctx  context.Context
	a, b store.Store
	open func() store.Store
}

func item(key string, version int64, value string) store.Item {
	return store.Item{Key: key, Version: version, Value: []byte(value)}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wants(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("got error %v, want %v", err, want)
	}
}

func holds(t *testing.T, e *env, s store.Store, key string, version int64, value string) {
	t.Helper()
	got, err := s.Get(e.ctx, key)
	must(t, err)
	if got.Key != key || got.Version != version || string(got.Value) != value {
		t.Fatalf("got %q version %d %q, want %q version %d %q", got.Key, got.Version, got.Value, key, version, value)
	}
}

func versions(t *testing.T, e *env) {
	_, err := e.a.Get(e.ctx, "k")
	wants(t, err, store.ErrNotFound)
	wants(t, e.a.Put(e.ctx, item("k", 2, "x"), nil), store.ErrConflict)
	must(t, e.a.Put(e.ctx, item("k", 1, "one"), nil))
	holds(t, e, e.b, "k", 1, "one")
	wants(t, e.b.Put(e.ctx, item("k", 1, "again"), nil), store.ErrConflict)
	wants(t, e.b.Put(e.ctx, item("k", 3, "skipped"), nil), store.ErrConflict)
	must(t, e.b.Put(e.ctx, item("k", 2, "two"), nil))
	holds(t, e, e.a, "k", 2, "two")
}

func deletion(t *testing.T, e *env) {
	wants(t, e.a.Delete(e.ctx, "k", 0), store.ErrNotFound)
	must(t, e.a.Put(e.ctx, item("k", 1, "one"), nil))
	wants(t, e.a.Delete(e.ctx, "k", 2), store.ErrConflict)
	must(t, e.b.Delete(e.ctx, "k", 1))
	got, err := e.a.Get(e.ctx, "k")
	wants(t, err, store.ErrNotFound)
	if got.Version != 2 || got.Value != nil {
		t.Fatalf("after its deletion the record has version %d and %d bytes, want 2 and none", got.Version, len(got.Value))
	}
	wants(t, e.a.Delete(e.ctx, "k", 2), store.ErrNotFound)
	wants(t, e.a.Put(e.ctx, item("k", 1, "as if new"), nil), store.ErrConflict)
	items, err := e.a.List(e.ctx, "", "", 10)
	must(t, err)
	if len(items) != 0 {
		t.Fatalf("a deleted record is listed: %v", items)
	}
	must(t, e.a.Put(e.ctx, item("k", 3, "three"), nil))
	holds(t, e, e.b, "k", 3, "three")
}

func race(t *testing.T, e *env) {
	const writers, rounds = 16, 8
	for round := int64(1); round <= rounds; round++ {
		var won atomic.Int32
		var wg sync.WaitGroup
		var winner atomic.Value
		for w := range writers {
			wg.Go(func() {
				s := e.a
				if w%2 == 1 {
					s = e.b
				}
				me := fmt.Sprint(w)
				switch err := s.Put(e.ctx, item("k", round, me), nil); {
				case err == nil:
					won.Add(1)
					winner.Store(me)
				case !errors.Is(err, store.ErrConflict):
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 {
			t.Fatalf("version %d was written by %d of %d, want one", round, won.Load(), writers)
		}
		holds(t, e, e.a, "k", round, winner.Load().(string))
	}
}

func counters(t *testing.T, e *env) {
	const workers, each = 8, 6
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			s := e.a
			if w%2 == 1 {
				s = e.b
			}
			for done := 0; done < each; {
				got, err := s.Get(e.ctx, "n")
				if err != nil && !errors.Is(err, store.ErrNotFound) {
					t.Error(err)
					return
				}
				next := store.Item{Key: "n", Version: got.Version + 1, Value: append(got.Value, byte('a'+w))}
				switch err := s.Put(e.ctx, next, nil); {
				case err == nil:
					done++
				case !errors.Is(err, store.ErrConflict):
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	got, err := e.a.Get(e.ctx, "n")
	must(t, err)
	if got.Version != workers*each || len(got.Value) != workers*each {
		t.Fatalf("version %d with %d letters, want %d of both", got.Version, len(got.Value), workers*each)
	}
}

func list(t *testing.T, e *env) {
	var want []string
	for i := range 23 {
		key := fmt.Sprintf("a/%02d", i)
		want = append(want, key)
		must(t, e.a.Put(e.ctx, item(key, 1, key), nil))
	}
	for _, other := range []string{"a", "a.", "a0", "b/1", "ä", "日本", "a/zz\u00ff"} {
		must(t, e.a.Put(e.ctx, item(other, 1, "x"), nil))
	}
	want = append(want, "a/zz\u00ff")
	var got []string
	for after := ""; ; {
		items, err := e.b.List(e.ctx, "a/", after, 5)
		must(t, err)
		if len(items) > 5 {
			t.Fatalf("a page has %d records, asked for 5", len(items))
		}
		if len(items) == 0 {
			break
		}
		for _, it := range items {
			if it.Version != 1 || (it.Key < "a/3" && string(it.Value) != it.Key) {
				t.Fatalf("listed %+v", it)
			}
			got = append(got, it.Key)
			after = it.Key
		}
	}
	if !slices.Equal(got, want) {
		t.Fatalf("listed %v, want %v", got, want)
	}
	for _, c := range []struct {
		prefix, after string
		want          int
	}{{"", "", 30}, {"", "b/1", 2}, {"a/", "b", 0}, {"a/", "A", 24}, {"none", "", 0}, {"日", "", 1}} {
		items, err := e.a.List(e.ctx, c.prefix, c.after, 1000)
		must(t, err)
		if len(items) != c.want {
			t.Errorf("prefix %q after %q: %d records, want %d", c.prefix, c.after, len(items), c.want)
		}
		if !slices.IsSortedFunc(items, func(x, y store.Item) int { return strings.Compare(x.Key, y.Key) }) {
			t.Errorf("prefix %q: not in order of bytes", c.prefix)
		}
	}
}

func limits(t *testing.T, e *env) {
	long := strings.Repeat("k", store.MaxKey)
	must(t, e.a.Put(e.ctx, item(long, 1, strings.Repeat("v", store.MaxValue)), nil))
	got, err := e.b.Get(e.ctx, long)
	must(t, err)
	if len(got.Value) != store.MaxValue {
		t.Fatalf("%d bytes came back, want %d", len(got.Value), store.MaxValue)
	}
	for name, it := range map[string]store.Item{
		"empty key":      item("", 1, "x"),
		"long key":       item(long+"k", 1, "x"),
		"control in key": item("a\x00b", 1, "x"),
		"bad UTF-8":      item("a\xff", 1, "x"),
		"large value":    item("k", 1, strings.Repeat("v", store.MaxValue+1)),
		"version 0":      item("k", 0, "x"),
		"version -1":     item("k", -1, "x"),
	} {
		err := e.a.Put(e.ctx, it, nil)
		if err == nil || errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%s: got error %v, want one that says what is wrong", name, err)
		}
	}
	for _, n := range []int{0, -1, 1001} {
		if _, err := e.a.List(e.ctx, "", "", n); err == nil {
			t.Errorf("a page of %d was given", n)
		}
	}
	if _, err := e.a.Lease(e.ctx, "", time.Second); err == nil {
		t.Error("a lease without a name was given")
	}
	if _, err := e.a.Lease(e.ctx, "l", 0); err == nil {
		t.Error("a lease of no time was given")
	}
}

func values(t *testing.T, e *env) {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	for key, value := range map[string][]byte{"all bytes": all, "empty": {}, "nil": nil, "spaces": []byte("  x\n")} {
		must(t, e.a.Put(e.ctx, store.Item{Key: key, Version: 1, Value: value}, nil))
		got, err := e.b.Get(e.ctx, key)
		must(t, err)
		if !bytes.Equal(got.Value, value) {
			t.Errorf("%s: got %q, want %q", key, got.Value, value)
		}
	}
}

func contexts(t *testing.T, e *env) {
	ended, cancel := context.WithCancel(e.ctx)
	cancel()
	_, err := e.a.Get(ended, "k")
	wants(t, err, context.Canceled)
	wants(t, e.a.Put(ended, item("k", 1, "x"), nil), context.Canceled)
	wants(t, e.a.Delete(ended, "k", 1), context.Canceled)
	wants(t, e.a.Forget(ended, "k", 1), context.Canceled)
	_, err = e.a.List(ended, "", "", 1)
	wants(t, err, context.Canceled)
	_, err = e.a.Lease(ended, "l", time.Second)
	wants(t, err, context.Canceled)
	_, err = e.a.Now(ended)
	wants(t, err, context.Canceled)
	_, err = e.b.Get(e.ctx, "k")
	wants(t, err, store.ErrNotFound)
}

// clock: what one handle reads after another is no earlier, and it is the time of
// day.
func clock(t *testing.T, e *env) {
	last, err := e.a.Now(e.ctx)
	must(t, err)
	if off := time.Since(last).Abs(); off > time.Minute {
		t.Fatalf("the clock is off by %v", off)
	}
	for range 5 {
		for _, s := range []store.Store{e.b, e.a} {
			now, err := s.Now(e.ctx)
			must(t, err)
			if now.Before(last) {
				t.Fatalf("read later and yet %v earlier", last.Sub(now))
			}
			last = now
		}
	}
}

func ping(t *testing.T, e *env) {
	must(t, e.a.Ping(e.ctx))
	must(t, e.b.Ping(e.ctx))
}

func closed(t *testing.T, e *env) {
	events := e.b.Watch(e.ctx)
	must(t, e.b.Close())
	must(t, e.b.Close())
	drained(t, events)
	_, err := e.b.Get(e.ctx, "k")
	wants(t, err, store.ErrUnavailable)
	wants(t, e.b.Put(e.ctx, item("k", 1, "x"), nil), store.ErrUnavailable)
	wants(t, e.b.Forget(e.ctx, "k", 1), store.ErrUnavailable)
	_, err = e.b.Now(e.ctx)
	wants(t, err, store.ErrUnavailable)
	must(t, e.a.Put(e.ctx, item("k", 1, "x"), nil))
}
