package storetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"toolvault/vault/store"
)

// Apart holds two stores against the promise that they do not see each other,
// though they lie on one server: not by records, lists, leases or changes.
func Apart(t *testing.T, a, b store.Store) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	e := &env{ctx: ctx, a: a, b: b}
	watched, stop := context.WithCancel(ctx)
	defer stop()
	events := b.Watch(watched)
	drain(events, time.Now().Add(600*time.Millisecond))

	must(t, a.Put(ctx, item("k", 1, "of a"), nil))
	must(t, a.Put(ctx, item("k", 2, "of a, again"), nil))
	must(t, a.Put(ctx, item("only/a", 1, "x"), nil))
	if _, err := b.Get(ctx, "k"); !errors.Is(err, store.ErrNotFound) {
		t.Fatalf("the other sees the record: %v", err)
	}
	must(t, b.Put(ctx, item("k", 1, "of b"), nil))
	must(t, b.Delete(ctx, "k", 1))
	holds(t, e, a, "k", 2, "of a, again")
	items, err := b.List(ctx, "", "", 100)
	must(t, err)
	if len(items) != 0 {
		t.Fatalf("the other lists %v", items)
	}
	items, err = a.List(ctx, "", "", 100)
	must(t, err)
	if len(items) != 2 {
		t.Fatalf("%d records are listed, want 2", len(items))
	}

	mine, err := a.Lease(ctx, "l", time.Minute)
	must(t, err)
	theirs, err := b.Lease(ctx, "l", time.Minute) // does not wait
	must(t, err)
	must(t, mine.Release(ctx))
	must(t, b.Put(ctx, item("held", 1, "x"), theirs))
	must(t, theirs.Release(ctx))

	for {
		select {
		case ev := <-events:
			if ev.Key == "only/a" {
				t.Fatal("the other is told of the change")
			}
			if ev.Key == "held" {
				return // it came later
			}
		case <-ctx.Done():
			t.Fatal("a change of its own was not told")
		}
	}
}
