package people_test

import (
	"testing"

	"toolvault/vault/store/storetest"
)

// TestOnRedis: sessions, counts and removals hold there as on the embedded store.
func TestOnRedis(t *testing.T) {
	w := newWorldOn(t, 3, plain, storetest.Redis(t))
	w.add("alice")
	b := w.browser()
	b.must(0, "alice")
	for on := range w.replicas {
		if got := b.who(on); got != "true alice" {
			t.Errorf("replica %d: %s", on, got)
		}
	}
	for i := range 5 {
		if wait := w.fails(i%3, "alice", from(i)); wait != 0 {
			t.Errorf("failure %d waits %d s", i+1, wait)
		}
	}
	if wait := w.fails(2, "alice", from(9)); wait != 1 {
		t.Errorf("the sixth waits %d s", wait)
	}
	if err := w.replicas[1].Remove(t.Context(), "alice"); err != nil {
		t.Fatal(err)
	}
	for on := range w.replicas {
		if got := b.who(on); got != "false " {
			t.Errorf("removed, on replica %d: %s", on, got)
		}
	}
	w.add("alice")
	if got := b.who(2); got != "false " {
		t.Errorf("the session of an alice before: %s", got)
	}
}
