package idempotency

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"toolvault/vault"
	"toolvault/vault/store"
	"toolvault/vault/store/storetest"
)

// clock is a time that a test moves.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// bench is a store, and ledgers on it as many processes have them.
type bench struct {
	store  store.Store
	sealer Sealer
	clock  *clock
}

func newBench(t testing.TB, url string) *bench {
	t.Helper()
	st, err := store.Open(t.Context(), url)
	must(t, err)
	t.Cleanup(func() { _ = st.Close() })
	keyring, err := vault.OpenKeyring(t.Context(), st, vault.NewMasterKey())
	must(t, err)
	return &bench{store: st, sealer: keyring, clock: &clock{t: time.Now()}}
}

func (b *bench) ledger() *Ledger {
	return New(Options{Store: b.store, Sealer: b.sealer, Now: b.clock.now})
}

func (b *bench) write(callID string) Write {
	return Write{
		Key: "order-66", Agent: "a1", CallID: callID,
		Tool: "shelf_put", Credential: "shelf/a1", Arguments: []byte(`{"title":"Dune"}`),
		Deadline: b.clock.now().Add(time.Minute),
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// each runs a test on every kind of store.
func each(t *testing.T, test func(t *testing.T, b *bench)) {
	t.Run("sqlite", func(t *testing.T) { test(t, newBench(t, "file:"+t.TempDir()+"/s.db")) })
	t.Run("redis", func(t *testing.T) { test(t, newBench(t, storetest.Redis(t))) })
}

// claim begins a write that has to be the first.
func claim(t *testing.T, l *Ledger, w Write) *Claim {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	c, first, err := l.Begin(ctx, w)
	if err != nil || first != nil || c == nil {
		t.Fatalf("no claim: %+v, %v", first, err)
	}
	return c
}

// repeat begins a write that has to be a repeat.
func repeat(t *testing.T, l *Ledger, w Write) *First {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	c, first, err := l.Begin(ctx, w)
	if err != nil || first == nil || c != nil {
		t.Fatalf("no repeat: %+v, %v", c, err)
	}
	return first
}

func TestTheSecondGetsWhatTheFirstHasKept(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		must(t, claim(t, b.ledger(), b.write("c1")).Keep(t.Context(), []byte("done\n<b>")))
		for range 3 {
			f := repeat(t, b.ledger(), b.write("c2"))
			if f.CallID != "c1" || string(f.Outcome) != "done\n<b>" || f.TooLarge != 0 || !f.Begun.Equal(b.clock.now()) {
				t.Errorf("%+v", f)
			}
		}
	})
}

func TestOneOfManyGetsTheKey(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		ledgers := []*Ledger{b.ledger(), b.ledger()}
		var mu sync.Mutex
		var firsts, repeats int
		var all sync.WaitGroup
		for i := range 50 {
			all.Go(func() {
				c, f, err := ledgers[i%2].Begin(t.Context(), b.write("c"+string(rune('A'+i))))
				if c != nil {
					err = c.Keep(t.Context(), []byte("done"))
				}
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err != nil:
					t.Error(err)
				case c != nil:
					firsts++
				case string(f.Outcome) == "done":
					repeats++
				}
			})
		}
		all.Wait()
		if firsts != 1 || repeats != 49 {
			t.Errorf("%d had the key, %d got the outcome", firsts, repeats)
		}
		for i, l := range ledgers {
			if len(l.bells) != 0 {
				t.Errorf("ledger %d still has %d who wait", i, len(l.bells))
			}
		}
	})
}

func TestAnotherAgentUserOrKeyIsAnotherWrite(t *testing.T) {
	b := newBench(t, "file:"+t.TempDir()+"/s.db")
	l := b.ledger()
	must(t, claim(t, l, b.write("c1")).Keep(t.Context(), nil))
	for name, change := range map[string]func(*Write){
		"agent":               func(w *Write) { w.Agent = "a2" },
		"user":                func(w *Write) { w.User = "alice" },
		"key":                 func(w *Write) { w.Key = "order-67" },
		"the border of texts": func(w *Write) { w.Agent, w.User = "a", "1" },
	} {
		w := b.write(name)
		change(&w)
		claim(t, l, w)
	}
}

func TestAKeyIsForOneThing(t *testing.T) {
	b := newBench(t, "file:"+t.TempDir()+"/s.db")
	l := b.ledger()
	c := claim(t, l, b.write("c1"))
	check := func(when string) {
		for name, change := range map[string]func(*Write){
			"tool":                func(w *Write) { w.Tool = "shelf_drop" },
			"arguments":           func(w *Write) { w.Arguments = []byte(`{"title":"Emma"}`) },
			"credential":          func(w *Write) { w.Credential = "shelf/emea" },
			"the border of texts": func(w *Write) { w.Tool, w.Credential = "shelf_putshelf", "/a1" },
		} {
			w := b.write("c2")
			change(&w)
			_, _, err := l.Begin(t.Context(), w)
			if other := (*OtherError)(nil); !errors.As(err, &other) || other.CallID != "c1" {
				t.Errorf("other %s %s: %v", name, when, err)
			}
		}
	}
	check("while the first is under way")
	must(t, c.Keep(t.Context(), nil))
	check("afterwards")
}

// A call that waits is woken by the end of the first, be it an outcome or not.
func TestTheSecondWaitsForTheFirst(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		for name, same := range map[string]bool{"of another process": false, "of the same process": true} {
			for _, kept := range []bool{true, false} {
				l, second := b.ledger(), b.ledger()
				if same {
					second = l
				}
				w := b.write("c1")
				w.Key = name + map[bool]string{true: "kept", false: "released"}[kept]
				c := claim(t, l, w)
				type result struct {
					c   *Claim
					f   *First
					err error
				}
				got := make(chan result, 1)
				go func() {
					w := w
					w.CallID = "c2"
					c, f, err := second.Begin(t.Context(), w)
					got <- result{c, f, err}
				}()
				until(t, func() bool { second.mu.Lock(); defer second.mu.Unlock(); return len(second.bells) == 1 })
				if kept {
					must(t, c.Keep(t.Context(), []byte("done")))
				} else {
					must(t, c.Release(t.Context()))
				}
				r := <-got
				must(t, r.err)
				if kept && (r.f == nil || string(r.f.Outcome) != "done") {
					t.Errorf("%s: %+v", name, r.f)
				}
				if !kept && r.c == nil {
					t.Errorf("%s: the key is not free: %+v", name, r.f)
				}
			}
		}
	})
}

// Nobody of the same process has to look for the end of a call.
func TestTheEndOfACallRings(t *testing.T) {
	b := newBench(t, "file:"+t.TempDir()+"/s.db")
	l := b.ledger()
	w := b.write("c1")
	c := claim(t, l, w)
	rung, leave := l.listen(w.name())
	defer leave()
	must(t, c.Keep(t.Context(), nil))
	select {
	case <-rung:
	default:
		t.Error("it did not ring")
	}
}

func until(t *testing.T, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it never happened")
		}
	}
}

func TestWhoWaitsEndsWithHisContext(t *testing.T) {
	b := newBench(t, "file:"+t.TempDir()+"/s.db")
	l := b.ledger()
	claim(t, l, b.write("c1"))
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	_, _, err := l.Begin(ctx, b.write("c2"))
	if busy := (*BusyError)(nil); !errors.As(err, &busy) || busy.CallID != "c1" {
		t.Errorf("the time is up: %v", err)
	}
	ctx, stop := context.WithCancel(t.Context())
	go func() {
		until(t, func() bool { l.mu.Lock(); defer l.mu.Unlock(); return len(l.bells) == 1 })
		stop()
	}()
	if _, _, err := l.Begin(ctx, b.write("c2")); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if _, _, err := l.Begin(ctx, b.write("c2")); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled before: %v", err)
	}
}

// A claim is waited for while its call can be alive, then said to be unknown, and
// never taken over, until it no longer counts.
func TestADeadCallIsUnknown(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		begun := b.clock.now()
		c := claim(t, b.ledger(), b.write("c1"))
		second := b.ledger()
		b.clock.add(time.Minute)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		if _, _, err := second.Begin(ctx, b.write("c2")); !errors.As(err, new(*BusyError)) {
			t.Errorf("within the grace: %v", err)
		}
		b.clock.add(grace + time.Second)
		_, _, err := second.Begin(t.Context(), b.write("c2"))
		if unknown := (*UnknownError)(nil); !errors.As(err, &unknown) || unknown.CallID != "c1" || !unknown.Begun.Equal(begun) {
			t.Errorf("dead: %v", err)
		}
		// It was alive after all, only slow.
		must(t, c.Keep(t.Context(), []byte("late")))
		if f := repeat(t, second, b.write("c3")); string(f.Outcome) != "late" {
			t.Errorf("%+v", f)
		}
	})
}

func TestAnOutcomeCountsForADay(t *testing.T) {
	for name, kept := range map[string]bool{"kept": true, "unknown": false} {
		b := newBench(t, "file:"+t.TempDir()+"/s.db")
		l := b.ledger()
		if c := claim(t, l, b.write("c1")); kept {
			must(t, c.Keep(t.Context(), []byte("done")))
		}
		b.clock.add(Kept - time.Millisecond)
		if _, f, err := l.Begin(t.Context(), b.write("c2")); kept && f == nil || !kept && !errors.As(err, new(*UnknownError)) {
			t.Errorf("%s, within a day: %+v, %v", name, f, err)
		}
		b.clock.add(time.Millisecond)
		must(t, claim(t, l, b.write("c3")).Keep(t.Context(), []byte("anew")))
		if f := repeat(t, l, b.write("c4")); f.CallID != "c3" || string(f.Outcome) != "anew" {
			t.Errorf("%s, after a day: %+v", name, f)
		}
	}
}

func TestTheSweepTakesWhatNoLongerCounts(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		l := b.ledger()
		begin := func(key string, life time.Duration) *Claim {
			w := b.write("call of " + key)
			w.Key, w.Deadline = key, b.clock.now().Add(life)
			return claim(t, l, w)
		}
		for i := range 2*sweepPage + 3 {
			must(t, begin("old"+string(rune('A'+i)), time.Minute).Keep(t.Context(), []byte("x")))
		}
		begin("old and dead", time.Minute)
		begin("old and alive", 2*Kept) // no call lives so long, and yet
		must(t, b.store.Put(t.Context(), store.Item{Key: prefix + "nonsense", Version: 1, Value: []byte("x")}, nil))
		must(t, b.store.Put(t.Context(), store.Item{Key: "other/record", Version: 1, Value: []byte("x")}, nil))
		b.clock.add(Kept / 2)
		must(t, begin("young", time.Minute).Keep(t.Context(), []byte("x")))
		b.clock.add(Kept / 2)
		begin("under way", time.Minute)
		must(t, l.sweep(t.Context()))
		left := map[string]bool{}
		_, err := b.store.Get(t.Context(), "other/record")
		must(t, err)
		items, err := b.store.List(t.Context(), prefix, "", 1000)
		must(t, err)
		for _, item := range items {
			if e, err := l.open(item); err == nil {
				left[e.CallID] = true
			} else {
				left[item.Key] = true
			}
		}
		for _, want := range []string{"call of old and alive", "call of young", "call of under way", prefix + "nonsense"} {
			if !left[want] {
				t.Errorf("%s is gone", want)
			}
		}
		if len(left) != 4 {
			t.Errorf("left: %v", left)
		}
	})
}
