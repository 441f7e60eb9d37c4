package dpop_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"toolvault/auth/dpop"
	"toolvault/vault/store"
	"toolvault/vault/store/storetest"
)

// TestOnce: of eight who present one proof to two processes, one is let in, and
// nobody later, in a process that was started since neither.
func TestOnce(t *testing.T) {
	onEach(t, func(t *testing.T, url string) {
		c := newClock()
		both := []*dpop.Verifier{verifier(t, open(t, url), c), verifier(t, open(t, url), c)}
		for range 20 {
			proof := []string{prove(t, p256(t), jose.ES256, c.Now(), nil, nil)}
			var in atomic.Int64
			var all sync.WaitGroup
			for i := range 8 {
				all.Go(func() {
					thumbprint, err := both[i%2].Check(context.Background(), proof, "POST", target, token)
					if err == nil {
						in.Add(1)
						return
					}
					wants(t, thumbprint, err, "used before")
				})
			}
			all.Wait()
			if in.Load() != 1 {
				t.Fatalf("%d were let in, want 1", in.Load())
			}
			for _, v := range append(both, verifier(t, open(t, url), c)) {
				thumbprint, err := v.Check(t.Context(), proof, "POST", target, token)
				wants(t, thumbprint, err, "used before")
			}
		}
	})
}

// TestOnceForEachKey: what one key has called its proof is free for another's, and
// for the same key it is not, in whatever proof it stands.
func TestOnceForEachKey(t *testing.T) {
	c := newClock()
	v := verifier(t, single(t), c)
	a, b := p256(t), p256(t)
	check := func(key any, iat time.Time, want string) {
		t.Helper()
		thumbprint, err := v.Check(t.Context(), []string{prove(t, key, jose.ES256, iat, nil, m{"jti": "mine"})}, "POST", target, token)
		wants(t, thumbprint, err, want)
	}
	check(a, c.Now(), "")
	check(b, c.Now(), "")
	check(a, c.Now().Add(time.Second), "used before")
}

// TestARefusedProofIsNotUsed: what was refused for something else leaves nothing
// behind, so nobody can fill the store with what is not good.
func TestARefusedProofIsNotUsed(t *testing.T) {
	c := newClock()
	st := single(t)
	v := verifier(t, st, c)
	proof := []string{prove(t, p256(t), jose.ES256, c.Now(), nil, nil)}
	for _, wrong := range [][3]string{{"GET", target, token}, {"POST", target + "x", token}, {"POST", target, "another"}} {
		if _, err := v.Check(t.Context(), proof, wrong[0], wrong[1], wrong[2]); refusal(t, err).Code == "" {
			t.Fatal("taken")
		}
	}
	if n := kept(t, st); n != 0 {
		t.Errorf("%d records of refused proofs", n)
	}
	thumbprint, err := v.Check(t.Context(), proof, "POST", target, token)
	wants(t, thumbprint, err, "")
}

func kept(t testing.TB, st store.Store) (n int) {
	t.Helper()
	if err := store.Each(t.Context(), st, "dpop/once/", func(store.Item) error { n++; return nil }); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestSweep: a proof is remembered until no process would take it for its age,
// though its clock be five minutes behind, and is gone without a trace after that.
func TestSweep(t *testing.T) {
	onEach(t, func(t *testing.T, url string) {
		fast, slow := newClock(), newClock()
		st := open(t, url)
		a, b := verifier(t, st, fast), verifier(t, open(t, url), slow)
		proof := []string{prove(t, p256(t), jose.ES256, slow.Now(), nil, nil)}
		if _, err := a.Check(t.Context(), proof, "POST", target, token); err != nil {
			t.Fatal(err)
		}
		for range 500 {
			if _, err := a.Check(t.Context(), []string{prove(t, p256(t), jose.ES256, fast.Now(), nil, nil)}, "POST", target, token); err != nil {
				t.Fatal(err)
			}
		}
		slow.Add(5 * time.Minute)
		fast.Add(10 * time.Minute) // five ahead of the other
		if err := a.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		thumbprint, err := b.Check(t.Context(), proof, "POST", target, token)
		wants(t, thumbprint, err, "used before")

		slow.Add(5*time.Minute + time.Second)
		fast.Add(time.Second)
		var both sync.WaitGroup
		for _, v := range []*dpop.Verifier{a, b} {
			both.Go(func() {
				if err := v.Sweep(context.Background()); err != nil {
					t.Error(err)
				}
			})
		}
		both.Wait()
		if n := kept(t, st); n != 0 {
			t.Errorf("%d are kept", n)
		}
		for _, v := range []*dpop.Verifier{a, b} {
			thumbprint, err := v.Check(t.Context(), proof, "POST", target, token)
			wants(t, thumbprint, err, "too old")
		}
	})
}

// TestForgottenHere: the memory of a process has a bound, and what it has forgotten
// the store knows.
func TestForgottenHere(t *testing.T) {
	c := newClock()
	v := verifier(t, single(t), c)
	proof := []string{prove(t, p256(t), jose.ES256, c.Now(), nil, nil)}
	if _, err := v.Check(t.Context(), proof, "POST", target, token); err != nil {
		t.Fatal(err)
	}
	v.Remember(300_000)
	if n, most := v.Seen(); n > most {
		t.Errorf("%d are remembered, at most %d should be", n, most)
	}
	thumbprint, err := v.Check(t.Context(), proof, "POST", target, token)
	wants(t, thumbprint, err, "used before")
}

// TestTheStoreIsAway: nobody is let in on a proof of which nobody knows whether it
// was used. When the store is back, things go on, and a replay in one process is
// refused all the while.
func TestTheStoreIsAway(t *testing.T) {
	c := newClock()
	server := storetest.StartRedis(t)
	if !server.Real {
		t.Skip("SKIPPED: there is no redis-server on the path to stop")
	}
	v := verifier(t, open(t, server.URL), c)
	key := p256(t)
	used := []string{prove(t, key, jose.ES256, c.Now(), nil, nil)}
	if _, err := v.Check(t.Context(), used, "POST", target, token); err != nil {
		t.Fatal(err)
	}
	server.Stop()
	if thumbprint, err := v.Check(t.Context(), []string{prove(t, key, jose.ES256, c.Now(), nil, nil)}, "POST", target, token); !errors.Is(err, store.ErrUnavailable) || thumbprint != "" {
		t.Errorf("%q %v, want store.ErrUnavailable", thumbprint, err)
	}
	thumbprint, err := v.Check(t.Context(), used, "POST", target, token)
	wants(t, thumbprint, err, "used before")
	server.Start()
	for deadline := time.Now().Add(10 * time.Second); ; {
		_, err := v.Check(t.Context(), []string{prove(t, key, jose.ES256, c.Now(), nil, nil)}, "POST", target, token)
		if err == nil {
			return
		}
		if !errors.Is(err, store.ErrUnavailable) || time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

func TestCancelled(t *testing.T) {
	c := newClock()
	v := verifier(t, single(t), c)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	proof := []string{prove(t, p256(t), jose.ES256, c.Now(), nil, nil)}
	if _, err := v.Check(ctx, proof, "POST", target, token); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	thumbprint, err := v.Check(t.Context(), proof, "POST", target, token)
	wants(t, thumbprint, err, "") // nothing was asked of the store, so it is unused
}
