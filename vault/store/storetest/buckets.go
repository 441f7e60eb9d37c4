package storetest

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"toolvault/vault/store"
	"toolvault/vault/store/bucket"
)

// slow fills so slowly that nothing comes back during a test.
var slow = bucket.Rate{Burst: 10, Every: time.Minute}

func spends(t *testing.T, e *env, s store.Store, name string, want, got int) (wait time.Duration) {
	t.Helper()
	n, wait, err := s.Spend(e.ctx, name, slow, want, 0)
	must(t, err)
	if n != got || (got > 0) != (wait == 0) {
		t.Fatalf("%d of %d tokens wanted, with a wait of %v; want %d", n, want, wait, got)
	}
	return wait
}

// about reports whether a wait is what is wanted, less what the test has taken.
func about(wait, want time.Duration) bool { return wait <= want && wait > want-20*time.Second }

func bucketShared(t *testing.T, e *env) {
	spends(t, e, e.a, "b", 4, 4)
	spends(t, e, e.b, "b", 1, 1)
	spends(t, e, e.a, "b", 10, 5) // all that are left
	if wait := spends(t, e, e.b, "b", 1, 0); !about(wait, time.Minute) {
		t.Fatalf("the next token comes in %v, want a minute", wait)
	}
	if wait := spends(t, e, e.a, "b", 1, 0); !about(wait, time.Minute) {
		t.Fatalf("after a refusal the next token comes in %v: it was taken", wait)
	}
	spends(t, e, e.b, "other", 10, 10)
}

// bucketOrder: who finds it empty reserves a token, each after the one before.
func bucketOrder(t *testing.T, e *env) {
	fill := bucket.Rate{Burst: 2, Every: 20 * time.Second}
	var last time.Duration
	for i := range 7 {
		s := e.a
		if i%2 == 1 {
			s = e.b
		}
		got, wait, err := s.Spend(e.ctx, "b", fill, 1, time.Hour)
		must(t, err)
		want := time.Duration(max(0, i-1)) * fill.Every
		if got != 1 || !about(wait, want) || i > 1 && wait <= last {
			t.Fatalf("token %d: got %d after %v, want 1 after %v", i, got, wait, want)
		}
		last = wait
	}
	// The queue is full: nobody is kept for longer than bucket.MaxWait.
	got, wait, err := e.a.Spend(e.ctx, "b", fill, 1, time.Hour)
	must(t, err)
	if got == 1 {
		got, wait, err = e.a.Spend(e.ctx, "b", fill, 1, time.Hour)
		must(t, err)
	}
	if got != 0 || wait <= bucket.MaxWait {
		t.Fatalf("got %d with a wait of %v, want none beyond %v", got, wait, bucket.MaxWait)
	}
}

func bucketPause(t *testing.T, e *env) {
	spends(t, e, e.a, "b", 1, 1)
	must(t, e.b.Pause(e.ctx, "b", 2*time.Minute))
	must(t, e.a.Pause(e.ctx, "b", time.Minute)) // the longer one stands
	if wait := spends(t, e, e.a, "b", 1, 0); !about(wait, 2*time.Minute) {
		t.Fatalf("the pause is said to last %v, want two minutes", wait)
	}
	got, wait, err := e.b.Spend(e.ctx, "b", slow, 1, 2*time.Minute)
	must(t, err)
	if got != 1 || !about(wait, 2*time.Minute) {
		t.Fatalf("got %d after %v, want 1 after two minutes", got, wait)
	}
	spends(t, e, e.a, "other", 1, 1)

	must(t, e.a.Pause(e.ctx, "long", 24*time.Hour))
	if wait := spends(t, e, e.a, "long", 1, 0); !about(wait, bucket.MaxPause) {
		t.Fatalf("the pause is said to last %v, want %v", wait, bucket.MaxPause)
	}
	// It ends by itself.
	must(t, e.a.Pause(e.ctx, "brief", 30*time.Millisecond))
	began := time.Now()
	for {
		got, _, err := e.b.Spend(e.ctx, "brief", slow, 1, 0)
		must(t, err)
		if got == 1 {
			break
		}
		if time.Since(began) > 10*time.Second {
			t.Fatal("the pause does not end")
		}
	}
	if d := time.Since(began); d < 20*time.Millisecond {
		t.Errorf("the pause ended after %v", d)
	}
}

// bucketRace: however many spend, no more is given than the burst and what comes
// back, and no less.
func bucketRace(t *testing.T, e *env) {
	fill := bucket.Rate{Burst: 20, Every: 2 * time.Millisecond}
	began := time.Now()
	var given atomic.Int64
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			s := e.a
			if w%2 == 1 {
				s = e.b
			}
			for time.Since(began) < 300*time.Millisecond {
				got, wait, err := s.Spend(e.ctx, "b", fill, 1+w%3, 0)
				if err != nil || got > 0 && wait > 0 {
					t.Error(got, wait, err)
					return
				}
				given.Add(int64(got))
			}
		})
	}
	wg.Wait()
	most := int64(fill.Burst) + int64(time.Since(began)/fill.Every) + 1
	if n := given.Load(); n > most || n < 100 {
		t.Fatalf("%d tokens were given, want %d at most, and 100 at least", n, most)
	}
}

func bucketLimits(t *testing.T, e *env) {
	for name, c := range map[string]struct {
		name string
		rate bucket.Rate
		want int
	}{
		"no name":         {"", slow, 1},
		"long name":       {strings.Repeat("k", store.MaxKey+1), slow, 1},
		"control in name": {"a\nb", slow, 1},
		"none wanted":     {"b", slow, 0},
		"too many wanted": {"b", slow, 11},
		"no burst":        {"b", bucket.Rate{Burst: 0, Every: time.Second}, 1},
		"no time":         {"b", bucket.Rate{Burst: 1}, 1},
		"too slow":        {"b", bucket.Rate{Burst: 1000, Every: time.Hour}, 1},
		"too large":       {"b", bucket.Rate{Burst: bucket.MaxBurst + 1, Every: time.Microsecond}, 1},
	} {
		_, _, err := e.a.Spend(e.ctx, c.name, c.rate, c.want, 0)
		if err == nil || errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%s: got error %v, want one that says what is wrong", name, err)
		}
	}
	if err := e.a.Pause(e.ctx, "", time.Second); err == nil {
		t.Error("a bucket without a name was closed")
	}
	got, wait, err := e.a.Spend(e.ctx, strings.Repeat("k", store.MaxKey), bucket.Rate{Burst: bucket.MaxBurst, Every: time.Microsecond}, bucket.MaxBurst, -time.Second)
	if err != nil || got != bucket.MaxBurst || wait != 0 {
		t.Errorf("the largest bucket gave %d after %v: %v", got, wait, err)
	}
}

// bucketEnds: what the context and Close say.
func bucketEnds(t *testing.T, e *env) {
	ended, cancel := context.WithCancel(e.ctx)
	cancel()
	_, _, err := e.a.Spend(ended, "b", slow, 1, 0)
	wants(t, err, context.Canceled)
	wants(t, e.a.Pause(ended, "b", time.Minute), context.Canceled)
	spends(t, e, e.b, "b", 10, 10)
	must(t, e.b.Close())
	_, _, err = e.b.Spend(e.ctx, "b", slow, 1, 0)
	wants(t, err, store.ErrUnavailable)
	wants(t, e.b.Pause(e.ctx, "b", time.Minute), store.ErrUnavailable)
	spends(t, e, e.a, "b", 1, 0)
}
