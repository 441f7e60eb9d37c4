package idempotency

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"toolvault/vault/store"
	"toolvault/vault/store/storetest"
)

// shaky is a store whose writes can fail, before or after they are done.
type shaky struct {
	store.Store
	before, after atomic.Pointer[error]
}

func (s *shaky) set(before, after error) {
	set := func(p *atomic.Pointer[error], err error) {
		if p.Store(nil); err != nil {
			p.Store(&err)
		}
	}
	set(&s.before, before)
	set(&s.after, after)
}

func (s *shaky) around(write func() error) error {
	if err := s.before.Load(); err != nil {
		return *err
	}
	err := write()
	if after := s.after.Load(); err == nil && after != nil {
		return *after
	}
	return err
}

func (s *shaky) Put(ctx context.Context, item store.Item, lease store.Lease) error {
	return s.around(func() error { return s.Store.Put(ctx, item, lease) })
}

func (s *shaky) Delete(ctx context.Context, key string, version int64) error {
	return s.around(func() error { return s.Store.Delete(ctx, key, version) })
}

var errAway = fmt.Errorf("%w: for a test", store.ErrUnavailable)

func newShaky(t *testing.T) (*bench, *shaky, *Ledger) {
	b := newBench(t, "file:"+t.TempDir()+"/s.db")
	s := &shaky{Store: b.store}
	return b, s, New(Options{Store: s, Sealer: b.sealer, Now: b.clock.now})
}

// A client of a store may ask again by itself after it got no answer, and then
// hear that somebody else was first: it was the same call.
func TestAWriteThatTheStoreHadTakenIsItsOwn(t *testing.T) {
	b, s, l := newShaky(t)
	s.set(nil, store.ErrConflict)
	c := claim(t, l, b.write("c1"))
	must(t, c.Keep(t.Context(), []byte("done")))
	s.set(nil, nil)
	if f := repeat(t, b.ledger(), b.write("c2")); f.CallID != "c1" || string(f.Outcome) != "done" {
		t.Errorf("%+v", f)
	}
	s.set(nil, store.ErrNotFound)
	w := b.write("c3")
	w.Key = "other"
	must(t, claim(t, b.ledger(), w).Release(t.Context()))
}

// A claim that the store has kept although it said that it could not is taken
// back: nothing was sent, so nobody has to hear that the outcome is unknown.
func TestAClaimThatFailedLeavesNothingBehind(t *testing.T) {
	b, s, l := newShaky(t)
	s.set(nil, errAway)
	if _, _, err := l.Begin(t.Context(), b.write("c1")); !errors.Is(err, store.ErrUnavailable) {
		t.Fatal(err)
	}
	if _, err := b.store.Get(t.Context(), (&Write{Key: "order-66", Agent: "a1"}).name()); err != nil {
		t.Fatal("the claim is not there, so this would prove nothing")
	}
	s.set(nil, nil)
	must(t, claim(t, l, b.write("c2")).Release(t.Context()))

	s.set(nil, errAway)
	_, _, _ = l.Begin(t.Context(), b.write("c3"))
	s.set(nil, nil)
	l.catchUpAll(t.Context()) // as Run does, for those who ask elsewhere
	claim(t, b.ledger(), b.write("c4"))
}

// The same where it comes to stand only after its caller was told that it does not.
func TestAClaimThatComesLateIsTakenBack(t *testing.T) {
	b, s, l := newShaky(t)
	s.set(errAway, nil)
	if _, _, err := l.Begin(t.Context(), b.write("c1")); !errors.Is(err, store.ErrUnavailable) {
		t.Fatal(err)
	}
	s.set(nil, nil)
	l.catchUpAll(t.Context()) // it is not there yet
	claim(t, b.ledger(), b.write("c1"))
	l.catchUpAll(t.Context())
	claim(t, b.ledger(), b.write("c2"))
	if len(l.pending) != 0 {
		t.Errorf("still to be written: %v", l.pending)
	}
}

// An outcome that cannot be written is written when the store is back.
func TestAnOutcomeOutlivesAStoreThatIsAway(t *testing.T) {
	b, s, l := newShaky(t)
	c := claim(t, l, b.write("c1"))
	s.set(errAway, nil)
	if err := c.Keep(t.Context(), []byte("done")); !errors.Is(err, store.ErrUnavailable) {
		t.Fatal(err)
	}
	l.catchUpAll(t.Context())
	s.set(nil, nil)
	if f := repeat(t, l, b.write("c2")); string(f.Outcome) != "done" {
		t.Errorf("%+v", f)
	}
	if len(l.pending) != 0 {
		t.Errorf("still to be written: %v", l.pending)
	}
}

// Who reseals the records of a store gives them a new version, a claim too.
func TestAClaimThatWasSealedAnewIsStillTheCalls(t *testing.T) {
	for name, kept := range map[string]bool{"kept": true, "released": false} {
		b := newBench(t, "file:"+t.TempDir()+"/s.db")
		l := b.ledger()
		w := b.write("c1")
		c := claim(t, l, w)
		item, err := b.store.Get(t.Context(), w.name())
		must(t, err)
		plain, err := b.sealer.Open(item.Value, item.Key, item.Version)
		must(t, err)
		item.Version++
		item.Value, err = b.sealer.Seal(plain, item.Key, item.Version)
		must(t, err)
		must(t, b.store.Put(t.Context(), item, nil))
		if kept {
			must(t, c.Keep(t.Context(), []byte("done")))
			if f := repeat(t, l, b.write("c2")); string(f.Outcome) != "done" {
				t.Errorf("%s: %+v", name, f)
			}
		} else {
			must(t, c.Release(t.Context()))
			claim(t, l, b.write("c2"))
		}
	}
}

// A Redis that hangs while the outcome is to be kept: Run keeps it afterwards.
func TestRunWritesWhatCouldNotBeWritten(t *testing.T) {
	server := storetest.StartRedis(t)
	b := newBench(t, server.URL)
	l := b.ledger()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- l.Run(ctx) }()
	defer func() { stop(); <-ended }()
	c := claim(t, l, b.write("c1"))
	server.Hang()
	brief, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := c.Keep(brief, []byte("done")); err == nil {
		t.Fatal("it was kept by a server that hangs")
	}
	server.Resume()
	if f := repeat(t, b.ledger(), b.write("c2")); f.CallID != "c1" || string(f.Outcome) != "done" {
		t.Errorf("%+v", f)
	}
}

// BenchmarkClaimAndKeep is what a key costs a write.
func BenchmarkClaimAndKeep(b *testing.B) {
	for name, url := range map[string]func() string{
		"sqlite": func() string { return "file:" + b.TempDir() + "/s.db" },
		"redis":  func() string { return storetest.Redis(b) },
	} {
		b.Run(name, func(b *testing.B) {
			bench := newBench(b, url())
			l := bench.ledger()
			outcome := make([]byte, 600)
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				n++
				w := bench.write("c")
				w.Key = fmt.Sprint("key ", n)
				c, _, err := l.Begin(b.Context(), w)
				must(b, err)
				must(b, c.Keep(b.Context(), outcome))
			}
		})
	}
}
