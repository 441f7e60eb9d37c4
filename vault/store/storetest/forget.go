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

func forgetting(t *testing.T, e *env) {
	wants(t, e.a.Forget(e.ctx, "k", 0), store.ErrNotFound)
	wants(t, e.a.Forget(e.ctx, "k", 1), store.ErrNotFound)
	must(t, e.a.Put(e.ctx, item("k", 1, "one"), nil))
	must(t, e.a.Put(e.ctx, item("k", 2, "two"), nil))
	must(t, e.a.Put(e.ctx, item("kept", 1, "kept"), nil))
	for _, version := range []int64{0, 1, 3} {
		wants(t, e.b.Forget(e.ctx, "k", version), store.ErrConflict)
	}
	holds(t, e, e.a, "k", 2, "two")

	must(t, e.b.Forget(e.ctx, "k", 2))
	got, err := e.a.Get(e.ctx, "k")
	wants(t, err, store.ErrNotFound)
	if got.Version != 0 || got.Value != nil {
		t.Fatalf("a forgotten key has version %d and %d bytes, want 0 and none", got.Version, len(got.Value))
	}
	wants(t, e.a.Forget(e.ctx, "k", 2), store.ErrNotFound)
	wants(t, e.a.Delete(e.ctx, "k", 2), store.ErrNotFound)
	items, err := e.a.List(e.ctx, "", "", 10)
	must(t, err)
	if len(items) != 1 || items[0].Key != "kept" {
		t.Fatalf("listed %v, want the record that was not forgotten", items)
	}
	wants(t, e.a.Put(e.ctx, item("k", 3, "three"), nil), store.ErrConflict)
	must(t, e.a.Put(e.ctx, item("k", 1, "anew"), nil))
	holds(t, e, e.b, "k", 1, "anew")
	holds(t, e, e.b, "kept", 1, "kept")

	// A deletion is no record: its version is not forgotten.
	must(t, e.a.Delete(e.ctx, "k", 1))
	wants(t, e.a.Forget(e.ctx, "k", 2), store.ErrNotFound)
	wants(t, e.a.Put(e.ctx, item("k", 1, "as if new"), nil), store.ErrConflict)
	for _, key := range []string{"", "a\x00b"} {
		if err := e.a.Forget(e.ctx, key, 1); err == nil || errors.Is(err, store.ErrNotFound) {
			t.Errorf("the key %q: got error %v, want one that says what is wrong", key, err)
		}
	}
}

func forgetRace(t *testing.T, e *env) {
	for range 8 {
		must(t, e.a.Put(e.ctx, item("k", 1, "x"), nil))
		var won atomic.Int32
		var wg sync.WaitGroup
		for w := range 16 {
			wg.Go(func() {
				s := e.a
				if w%2 == 1 {
					s = e.b
				}
				switch err := s.Forget(e.ctx, "k", 1); {
				case err == nil:
					won.Add(1)
				case !errors.Is(err, store.ErrNotFound):
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 {
			t.Fatalf("the record was forgotten by %d of 16, want one", won.Load())
		}
	}
}

// watchForgotten: the newest record is forgotten after it was told of, and what
// is written then is told all the same.
func watchForgotten(t *testing.T, e *env) {
	ctx, cancel := context.WithCancel(e.ctx)
	defer cancel()
	events := e.a.Watch(ctx)
	drain(events, time.Now().Add(600*time.Millisecond))
	for _, key := range []string{"first", "second", "third"} {
		must(t, e.b.Put(ctx, item(key, 1, "x"), nil))
		for told := false; !told; {
			select {
			case ev := <-events:
				told = ev.Key == key
			case <-time.After(5 * time.Second):
				t.Fatalf("%s was not told", key)
			}
		}
		must(t, e.b.Forget(ctx, key, 1))
	}
}
