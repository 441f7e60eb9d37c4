package vault

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"toolvault/vault/store"
	"toolvault/vault/store/storetest"
)

// both are a credential that lies in the store and one that does not.
func both(t *testing.T, k *kit) map[string]Declaration {
	t.Helper()
	t.Setenv("TOOLVAULT_TEST_KEY", "key")
	k.put(t, "slack/a", Stored{Type: TypeAPIKey, Secret: NewSecret("key")})
	return map[string]Declaration{
		"vault": declare(TypeAPIKey, "vault:slack/a"),
		"env":   declare(TypeAPIKey, "env:TOOLVAULT_TEST_KEY"),
	}
}

// A Redis that hangs takes every credential away within two seconds, with the
// store as the reason and not the service's sign-in, and gives them back by
// itself.
func TestStoreHangs(t *testing.T) {
	r := storetest.StartRedis(t)
	st, err := store.Open(t.Context(), r.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	k := newKitOn(t, st, NewMasterKey())
	declared := both(t, k)
	if !k.Reachable() {
		t.Error("before Run nobody watches the store, and it counts as away")
	}
	stop := k.run(t)
	for _, d := range declared {
		k.resolve(t, d)
	}
	r.Hang()
	defer r.Resume()
	hung := time.Now()
	for name, d := range declared {
		eventually(t, func() bool {
			// With the patience of a call, as the gateway has it.
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			start := time.Now()
			_, err := k.Resolve(ctx, d)
			if took := time.Since(start); took > 2500*time.Millisecond {
				t.Errorf("%s: a call waited for %v", name, took)
			}
			if err != nil && (!errors.Is(err, store.ErrUnavailable) || errors.Is(err, ErrUnavailable)) {
				t.Errorf("%s: the store is not told apart from the sign-in service: %v", name, err)
			}
			return err != nil && !k.Reachable()
		})
	}
	if took := time.Since(hung); took > 4*time.Second {
		t.Errorf("credentials were given out for %v", took)
	}
	for name, d := range declared { // known to be away: nobody waits for it any more
		start := time.Now()
		if _, err := k.Resolve(t.Context(), d); !errors.Is(err, store.ErrUnavailable) || time.Since(start) > 500*time.Millisecond {
			t.Errorf("%s: after %v: %v", name, time.Since(start), err)
		}
	}
	r.Resume()
	eventually(t, k.Reachable)
	for _, d := range declared {
		k.resolve(t, d)
	}
	r.Hang()
	stop()
	if !k.Reachable() {
		t.Error("after Run nobody watches the store, and it counts as away")
	}
}

// A refresh that cannot come to its turn because the store hangs is the store's
// failure too, at once and not after the call's own time.
func TestStoreHangsInRefresh(t *testing.T) {
	r := storetest.StartRedis(t)
	st, err := store.Open(t.Context(), r.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	k := newKitOn(t, st, NewMasterKey())
	k.put(t, "slack/a", Stored{Type: TypeOAuthToken, Refresh: NewSecret("refresh-0")})
	k.run(t)
	s, version, err := k.read(t.Context(), "slack/a") // and from memory from now on
	if err != nil {
		t.Fatal(err)
	}
	r.Hang()
	defer r.Resume()
	start := time.Now()
	if _, err := k.freshen(t.Context(), k.grant(oauth, "slack/a"), s, version); !errors.Is(err, store.ErrUnavailable) || errors.Is(err, ErrUnavailable) {
		t.Errorf("%v", err)
	}
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("it took %v", took)
	}
}

// Another process keeps the embedded store locked for writing: nothing is held
// up that only reads, and the store does not count as away.
func TestLockedStoreIsReachable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	k := newKitOn(t, openStore(t, path), NewMasterKey())
	declared := both(t, k)
	k.run(t)
	p := start(t, "lock", path, NewMasterKey(), "")
	p.begin()
	if line := p.line(); line != "locked" {
		t.Fatal(line)
	}
	write, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := k.store.Ping(write); !errors.Is(err, store.ErrUnavailable) {
		t.Fatalf("the store is not locked, so this would prove nothing: %v", err)
	}
	unlocked := make(chan string, 1)
	go func() { unlocked <- p.line() }()
	for tries := 0; ; tries++ {
		select {
		case line := <-unlocked:
			if line != "unlocked" || tries < 100 {
				t.Errorf("%q after %d tries", line, tries)
			}
			return
		case <-time.After(10 * time.Millisecond):
		}
		if !k.Reachable() {
			t.Fatal("it counts as away")
		}
		k.cache.flush() // so that the store is asked
		for _, d := range declared {
			k.resolve(t, d)
		}
	}
}
