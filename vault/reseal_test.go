package vault

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"toolvault/vault/store"
)

// furnish puts records of several kinds into a store, and returns how many the keyring
// has sealed there.
func furnish(t testing.TB, k *kit, n int) {
	t.Helper()
	for i := range n {
		s := Stored{Type: TypeAPIKey, Secret: NewSecret(fmt.Sprintf("key-%d", i))}
		if i%4 == 0 {
			s = Stored{Type: TypeOAuthToken, Secret: NewSecret(fmt.Sprintf("key-%d", i)), Refresh: NewSecret("r")}
		}
		k.put(t, fmt.Sprintf("many/%04d", i), s)
	}
	if err := k.saveUse(t.Context(), "many/0000", LastUse{At: k.clock.now().UTC(), Agent: "x"}); err != nil {
		t.Fatal(err)
	}
	// Another room's record, and one that nobody has sealed.
	sealed, err := k.keyring.Seal([]byte("a token key"), "token-key/x", 1)
	if err != nil {
		t.Fatal(err)
	}
	for key, value := range map[string][]byte{"token-key/x": sealed, "agent/x": []byte(`{"open":true}`)} {
		if err := k.store.Put(t.Context(), store.Item{Key: key, Version: 1, Value: value}, nil); err != nil {
			t.Fatal(err)
		}
	}
}

func census(t testing.TB, k *kit) (current, older int) {
	t.Helper()
	c, err := TakeCensus(t.Context(), k.store, k.keyring)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := k.keyring.Keys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range keys {
		if key.Primary {
			current += c.ByKey[key.ID]
		} else {
			older += c.ByKey[key.ID]
		}
	}
	return current, older
}

func TestReseal(t *testing.T) {
	onStores(t, func(t *testing.T, _ string, st store.Store) {
		k := newKitOn(t, st, NewMasterKey())
		furnish(t, k, 300)
		before := k.secretsByName(t)
		for range 2 {
			if err := k.keyring.Rotate(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if _, older := census(t, k); older != 302 {
			t.Fatalf("%d records need it, want 300 credentials, a use and a token key", older)
		}
		did, err := Reseal(t.Context(), st, k.keyring, ResealOptions{})
		if err != nil || did.Done < 302 || did.Damaged != 0 {
			t.Fatalf("%+v, %v", did, err)
		}
		if current, older := census(t, k); older != 0 || current < 302 {
			t.Fatalf("%d are sealed with the primary key, %d with older ones", current, older)
		}
		for name, secret := range k.secretsByName(t) {
			if before[name] != secret {
				t.Errorf("%s was changed", name)
			}
		}
		if use, err := k.LastUse(t.Context(), "many/0000"); err != nil || use.Agent != "x" {
			t.Errorf("%+v, %v", use, err)
		}
		item, err := st.Get(t.Context(), "token-key/x")
		if err != nil {
			t.Fatal(err)
		}
		if plain, err := k.keyring.Open(item.Value, item.Key, item.Version); err != nil || string(plain) != "a token key" {
			t.Errorf("%q, %v", plain, err)
		}
		if item, err = st.Get(t.Context(), "agent/x"); err != nil || item.Version != 1 {
			t.Errorf("a record that is not sealed was written: %+v, %v", item, err)
		}
		if did, err = Reseal(t.Context(), st, k.keyring, ResealOptions{}); err != nil || did.Done != 0 {
			t.Errorf("a second time: %+v, %v", did, err)
		}
	})
}

// A record that does not open is told of, stays as it is, and holds nothing up.
func TestResealDamaged(t *testing.T) {
	k := newKit(t)
	furnish(t, k, 3)
	item, err := k.store.Get(t.Context(), recordPrefix+"many/0001")
	if err != nil {
		t.Fatal(err)
	}
	item.Version, item.Value[len(item.Value)-1] = item.Version+1, item.Value[len(item.Value)-1]^1
	if err := k.store.Put(t.Context(), item, nil); err != nil {
		t.Fatal(err)
	}
	if err := k.keyring.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	var told []string
	did, err := Reseal(t.Context(), k.store, k.keyring, ResealOptions{Broken: func(key string) { told = append(told, key) }})
	if err != nil || did.Damaged != 1 || fmt.Sprint(told) != "[credential/many/0001]" {
		t.Fatalf("%+v, %v, told %v", did, err, told)
	}
	if now, err := k.store.Get(t.Context(), item.Key); err != nil || now.Version != item.Version {
		t.Errorf("it was written: %v", err)
	}
}

// A process that is killed in the middle of it leaves every record whole, and the
// next one does the rest.
func TestResealKilled(t *testing.T) {
	onStores(t, func(t *testing.T, url string, st store.Store) {
		master := NewMasterKey()
		k := newKitOn(t, st, master)
		furnish(t, k, 100)
		before := k.secretsByName(t)
		if err := k.keyring.Rotate(t.Context()); err != nil {
			t.Fatal(err)
		}
		p := start(t, "reseal", url, master, k.issuer.URL)
		p.begin()
		if line := p.line(); line != "middle" {
			t.Fatal(line)
		}
		p.kill()
		if current, older := census(t, k); current < 40 || older == 0 {
			t.Fatalf("%d done, %d left: it was not killed in the middle", current, older)
		}
		for name, secret := range k.secretsByName(t) {
			if before[name] != secret {
				t.Errorf("%s was changed", name)
			}
		}
		if _, err := Reseal(t.Context(), st, k.keyring, ResealOptions{}); err != nil {
			t.Fatal(err)
		}
		if _, older := census(t, k); older != 0 {
			t.Errorf("%d are left", older)
		}
	})
}

// While everything is sealed anew, again and again, tokens that are good for one
// use are refreshed: no refresh fails, and no token is lost.
func TestResealDuringRefreshes(t *testing.T) {
	onStores(t, func(t *testing.T, _ string, st store.Store) {
		master := NewMasterKey()
		k, admin := newKitOn(t, st, master), newKitOn(t, st, master)
		k.issuer.expiresIn = 1
		k.put(t, "slack/a", Stored{Type: TypeOAuthToken, Refresh: NewSecret("refresh-0")})
		d := declare(TypeOAuthToken, "vault:slack/a")
		var stop atomic.Bool
		var passes, done atomic.Int64
		var wg sync.WaitGroup
		wg.Go(func() {
			for !stop.Load() {
				if err := admin.keyring.Rotate(t.Context()); err != nil {
					t.Error(err)
					return
				}
				did, err := Reseal(t.Context(), st, admin.keyring, ResealOptions{})
				if err != nil {
					t.Error(err)
					return
				}
				passes.Add(1)
				done.Add(int64(did.Done))
			}
		})
		refreshes := 0
		for i := 0; i < 40 || passes.Load() < 20 && i < 2000; i++ {
			refreshes++
			k.clock.add(2 * time.Second) // the token has ended
			c, err := k.Resolve(t.Context(), d)
			if err != nil {
				t.Errorf("refresh %d: %v", i, err)
				break
			}
			if got, want := sent(t, c, "Authorization"), fmt.Sprintf("Bearer access-%d", i+1); got != want {
				t.Errorf("refresh %d: got %s", i, got)
				break
			}
		}
		stop.Store(true)
		wg.Wait()
		if issued, refused, _ := k.issuer.counts(); issued != refreshes || refused != 0 {
			t.Errorf("%d tokens issued, %d refused", issued, refused)
		}
		t.Logf("%d passes sealed %d records anew during %d refreshes", passes.Load(), done.Load(), refreshes)
		if done.Load() < 10 {
			t.Error("next to nothing was sealed anew, so this proves nothing")
		}
	})
}

// It never writes over what somebody else has written in between.
func TestResealMeetsAnother(t *testing.T) {
	st := newStore(t)
	b := &metStore{Store: st, left: 1}
	master := NewMasterKey()
	k, other := newKitOn(t, b, master), newKitOn(t, st, master)
	other.put(t, "many/a", Stored{Type: TypeAPIKey, Secret: NewSecret("old")})
	if err := k.keyring.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.meet = func(store.Item) { other.put(t, "many/a", Stored{Type: TypeAPIKey, Secret: NewSecret("new")}) }
	if _, err := Reseal(t.Context(), b, k.keyring, ResealOptions{}); err != nil {
		t.Fatal(err)
	}
	if s, _, err := other.read(t.Context(), "many/a"); err != nil || s.Secret.Reveal() != "new" {
		t.Errorf("what another process wrote was overwritten: %v", err)
	}
	if _, older := census(t, k); older != 0 {
		t.Error("it is left with the older key")
	}
}

func TestResealIsBounded(t *testing.T) {
	k := newKit(t)
	furnish(t, k, 30)
	if err := k.keyring.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	did, err := Reseal(ctx, k.store, k.keyring, ResealOptions{PerSecond: 20})
	if err == nil || did.Done > 10 {
		t.Errorf("%+v in 300 ms at 20 a second, %v", did, err)
	}
	if !errors.Is(err, context.DeadlineExceeded) && !strings.Contains(fmt.Sprint(err), "deadline") {
		t.Error(err)
	}
}
