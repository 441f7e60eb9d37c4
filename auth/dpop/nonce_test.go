package dpop_test

import (
	"context"
	"encoding/base64"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"toolvault/auth/dpop"
)

// with checks a proof that carries a nonce (nil: none).
func with(t *testing.T, v *dpop.Verifier, c *clock, nonce any) dpop.Error {
	t.Helper()
	_, err := v.Check(t.Context(), []string{prove(t, p256(t), jose.ES256, c.Now(), nil, m{"nonce": nonce})}, "POST", target, token)
	return refusal(t, err)
}

func TestNonces(t *testing.T) {
	onEach(t, func(t *testing.T, url string) {
		c := newClock()
		a, b := verifier(t, open(t, url), c, requireNonce), verifier(t, open(t, url), c, requireNonce)
		relaxed := verifier(t, open(t, url), c)

		e := with(t, a, c, nil)
		if e.Code != dpop.UseNonce || e.Nonce == "" || strings.ContainsAny(e.Nonce, `"\ `) {
			t.Fatalf("without a nonce: %+v", e)
		}
		for name, v := range map[string]*dpop.Verifier{"itself": a, "another process": b, "a process that requires none": relaxed} {
			if got := with(t, v, c, e.Nonce); got.Code != "" {
				t.Errorf("a nonce at %s: %+v", name, got)
			}
		}
		raw, _ := base64.RawURLEncoding.DecodeString(e.Nonce)
		older := append([]byte{}, raw...)
		older[7]--
		for name, made := range map[string]string{
			"junk": "x", "long": e.Nonce + "A", "without a signature": base64.RawURLEncoding.EncodeToString(make([]byte, 24)),
			"with another time": base64.RawURLEncoding.EncodeToString(older), "half": e.Nonce[:16],
		} {
			for _, v := range []*dpop.Verifier{a, relaxed} {
				got := with(t, v, c, made)
				if got.Code != dpop.UseNonce || with(t, v, c, got.Nonce).Code != "" {
					t.Errorf("a nonce that nobody gave (%s): %+v", name, got)
				}
			}
		}
		c.Add(5 * time.Minute)
		if got := with(t, a, c, e.Nonce); got.Code != "" {
			t.Errorf("a nonce of five minutes: %+v", got)
		}
		c.Add(time.Second)
		for _, v := range []*dpop.Verifier{a, relaxed} {
			if got := with(t, v, c, e.Nonce); got.Code != dpop.UseNonce || got.Nonce == e.Nonce {
				t.Errorf("an old nonce: %+v", got)
			}
		}
		if got := with(t, relaxed, c, nil); got.Code != "" {
			t.Errorf("none where none is required: %+v", got)
		}
	})
}

// TestANonceIsNoExcuse: a proof that has one is held against its iat all the same.
func TestANonceIsNoExcuse(t *testing.T) {
	c := newClock()
	v := verifier(t, single(t), c, requireNonce)
	old := prove(t, p256(t), jose.ES256, c.Now().Add(-6*time.Minute), nil, m{"nonce": v.Nonce()})
	thumbprint, err := v.Check(t.Context(), []string{old}, "POST", target, token)
	wants(t, thumbprint, err, "too old")
}

// TestNonceClocks: processes whose clocks differ by less than five minutes take
// each other's.
func TestNonceClocks(t *testing.T) {
	st := single(t)
	ahead, behind := newClock(), newClock()
	ahead.Add(4 * time.Minute)
	a, b := verifier(t, st, ahead), verifier(t, st, behind)
	if got := with(t, b, behind, a.Nonce()); got.Code != "" {
		t.Errorf("of the one that is ahead: %+v", got)
	}
	if got := with(t, a, ahead, b.Nonce()); got.Code != "" {
		t.Errorf("of the one that is behind: %+v", got)
	}
}

// TestSecretsFollowEachOther: the secret is renewed after thirty days by one
// process; the others go on with the old one until they hear of it, and for an hour
// each takes what the other gives.
func TestSecretsFollowEachOther(t *testing.T) {
	onEach(t, func(t *testing.T, url string) {
		c := newClock()
		st := open(t, url)
		a := verifier(t, st, c, requireNonce)
		first, err := st.Get(t.Context(), "dpop/nonces")
		if err != nil {
			t.Fatal(err)
		}
		c.Add(29 * 24 * time.Hour)
		verifier(t, open(t, url), c)
		if item, err := st.Get(t.Context(), "dpop/nonces"); err != nil || item.Version != first.Version {
			t.Fatalf("renewed too early: %d %v", item.Version, err)
		}
		c.Add(25 * time.Hour)
		b := verifier(t, open(t, url), c, requireNonce) // as after a restart: it renews
		if item, err := st.Get(t.Context(), "dpop/nonces"); err != nil || item.Version != first.Version+1 {
			t.Fatalf("not renewed: %d %v", item.Version, err)
		}
		old := a.Nonce()
		if got := with(t, b, c, old); got.Code != "" {
			t.Errorf("one that is signed by the secret before: %+v", got)
		}
		if got := with(t, a, c, b.Nonce()); got.Code != "" { // which a reads the record for
			t.Errorf("one that is signed by a secret not heard of: %+v", got)
		}
		if got := with(t, b, c, a.Nonce()); got.Code != "" {
			t.Error("a has not taken up the new secret")
		}
		if got := with(t, a, c, old); got.Code != "" {
			t.Errorf("an old one of a's own: %+v", got)
		}
	})
}

// TestTheSecretBefore is taken for an hour only.
func TestTheSecretBefore(t *testing.T) {
	c := newClock()
	st := single(t)
	a := verifier(t, st, c)
	c.Add(30 * 24 * time.Hour)
	b := verifier(t, st, c, requireNonce)
	c.Add(time.Hour - time.Second)
	if got := with(t, b, c, a.Nonce()); got.Code != "" {
		t.Errorf("within the hour: %+v", got)
	}
	c.Add(time.Second)
	if got := with(t, b, c, a.Nonce()); got.Code != dpop.UseNonce {
		t.Errorf("after the hour: %+v", got)
	}
}

// TestOneSecret: of processes that start at once, one makes the secret.
func TestOneSecret(t *testing.T) {
	onEach(t, func(t *testing.T, url string) {
		c := newClock()
		all := make([]*dpop.Verifier, 6)
		var started sync.WaitGroup
		for i := range all {
			st := open(t, url)
			started.Go(func() {
				var err error
				if all[i], err = dpop.New(context.Background(), dpop.Options{Store: st, Sealer: newSealer(t, 1), Now: c.Now}); err != nil {
					t.Error(err)
				}
			})
		}
		started.Wait()
		for i, v := range all {
			if got := with(t, all[(i+1)%len(all)], c, v.Nonce()); got.Code != "" {
				t.Errorf("%d's nonce at the next: %+v", i, got)
			}
		}
	})
}

// TestTheSecretIsSealed: what lies in the store makes no nonces, and another master
// key is an error, not a second secret.
func TestTheSecretIsSealed(t *testing.T) {
	c := newClock()
	st := single(t)
	verifier(t, st, c)
	_, err := dpop.New(t.Context(), dpop.Options{Store: st, Sealer: newSealer(t, 2), Now: c.Now})
	if err == nil || !strings.Contains(err.Error(), "master key") {
		t.Errorf("with another master key: %v", err)
	}
	item, err := st.Get(t.Context(), "dpop/nonces")
	if err != nil || strings.Contains(string(item.Value), "secret") {
		t.Errorf("the record: %q %v", item.Value, err)
	}
}

// TestMadeUpNonces: they make us read the store once a second at most.
func TestMadeUpNonces(t *testing.T) {
	c := newClock()
	st := &counting{Store: single(t)}
	v := verifier(t, st, c)
	before := st.gets.Load()
	foreign := verifier(t, single(t), c)
	for range 50 {
		if got := with(t, v, c, foreign.Nonce()); got.Code != dpop.UseNonce {
			t.Fatalf("a foreign nonce: %+v", got)
		}
	}
	if n := st.gets.Load() - before; n > 1 {
		t.Errorf("%d reads within a second", n)
	}
	c.Add(time.Second)
	with(t, v, c, foreign.Nonce())
	if n := st.gets.Load() - before; n != 2 {
		t.Errorf("%d reads after another second, want 2", n)
	}
}
