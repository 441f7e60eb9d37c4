package vault

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"toolvault/vault/store"
)

// ringAt opens a keyring that lives by a test's clock.
func ringAt(t *testing.T, st store.Store, master Secret, c *clock) *Keyring {
	t.Helper()
	k, err := OpenKeyring(t.Context(), timed{st, c}, master)
	if err != nil {
		t.Fatal(err)
	}
	k.now = c.now
	return k
}

func keysOf(t *testing.T, k *Keyring) []Key {
	t.Helper()
	keys, err := k.Keys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func TestKeys(t *testing.T) {
	st, c := newStore(t), newClock()
	k := ringAt(t, st, NewMasterKey(), c)
	begun := c.now()
	c.add(time.Hour)
	if err := k.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	keys := keysOf(t, k)
	if len(keys) != 2 || keys[0].Primary || !keys[1].Primary || !keys[1].Retired.IsZero() {
		t.Fatalf("%+v", keys)
	}
	near := func(a, b time.Time) bool { return a.Sub(b).Abs() < 2*time.Second }
	if !near(keys[0].Created, begun) || !near(keys[0].Retired, c.now()) || !near(keys[1].Created, c.now()) {
		t.Errorf("times: %+v", keys)
	}
	// Whoever removes what is on record of the times shortens nothing.
	item, err := st.Get(t.Context(), timesKey)
	if err != nil {
		t.Fatal(err)
	}
	if err := st.Delete(t.Context(), timesKey, item.Version); err != nil {
		t.Fatal(err)
	}
	c.add(time.Hour)
	if keys = keysOf(t, k); !near(keys[0].Retired, c.now()) {
		t.Errorf("retired: %v", keys[0].Retired)
	}
}

// needed is why a key cannot be dropped.
func needed(t *testing.T, k *Keyring, abandon ...string) string {
	t.Helper()
	dropped, err := k.Drop(t.Context(), abandon...)
	var e *KeyNeededError
	if err != nil && !errors.As(err, &e) {
		t.Fatal(err)
	}
	if err == nil {
		return ""
	}
	if len(dropped) != 0 {
		t.Errorf("%v were dropped with %v", dropped, err)
	}
	return e.Error()
}

// An old key goes only when nothing needs it: not a record, not a file of some
// machine, not a process.
func TestDrop(t *testing.T) {
	onStores(t, func(t *testing.T, _ string, st store.Store) {
		c := newClock()
		k := ringAt(t, st, NewMasterKey(), c)
		if dropped, err := k.Drop(t.Context()); err != nil || len(dropped) != 0 {
			t.Fatalf("there is one key: %v, %v", dropped, err)
		}
		put := func(key string) {
			t.Helper()
			sealed, err := k.Seal([]byte("plain"), key, 1)
			if err != nil {
				t.Fatal(err)
			}
			if err := st.Put(t.Context(), store.Item{Key: key, Version: 1, Value: sealed}, nil); err != nil {
				t.Fatal(err)
			}
		}
		put("credential/a")
		file, err := k.Seal([]byte("plain"), "file", 1)
		if err != nil {
			t.Fatal(err)
		}
		if err := k.Hold(t.Context(), "log in /x", file); err != nil {
			t.Fatal(err)
		}
		if err := k.Rotate(t.Context()); err != nil {
			t.Fatal(err)
		}
		if why := needed(t, k); !strings.Contains(why, "an hour after another took its place") {
			t.Errorf("at once: %s", why)
		}
		c.add(keepFor + time.Second)
		if why := needed(t, k); !strings.Contains(why, "are sealed with it") {
			t.Errorf("with records: %s", why)
		}
		if _, err := Reseal(t.Context(), st, k, ResealOptions{}); err != nil {
			t.Fatal(err)
		}
		if why := needed(t, k); !strings.Contains(why, "the audit key of log in /x is sealed with it") {
			t.Errorf("with a file: %s", why)
		}
		old, _ := sealedBy(file)
		if file, err = k.Seal([]byte("plain"), "file", 1); err != nil {
			t.Fatal(err)
		}
		if err := k.Hold(t.Context(), "log in /x", file); err != nil {
			t.Fatal(err)
		}
		dropped, err := k.Drop(t.Context())
		if err != nil || len(dropped) != 1 || dropped[0] != KeyID(old) {
			t.Fatalf("%v, %v", dropped, err)
		}
		if keys := keysOf(t, k); len(keys) != 1 {
			t.Errorf("%+v", keys)
		}
		item, err := st.Get(t.Context(), "credential/a")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := k.Open(item.Value, item.Key, item.Version); err != nil {
			t.Error(err)
		}
	})
}

func TestDropAbandons(t *testing.T) {
	st, c := newStore(t), newClock()
	k := ringAt(t, st, NewMasterKey(), c)
	sealed, err := k.Seal([]byte("plain"), "file", 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Hold(t.Context(), "a machine that is gone", sealed); err != nil {
		t.Fatal(err)
	}
	if err := k.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := Reseal(t.Context(), st, k, ResealOptions{}); err != nil {
		t.Fatal(err)
	}
	c.add(keepFor + time.Second)
	if why := needed(t, k, "another machine"); why == "" {
		t.Error("dropped")
	}
	if dropped, err := k.Drop(t.Context(), "a machine that is gone"); err != nil || len(dropped) != 1 {
		t.Errorf("%v, %v", dropped, err)
	}
}

// A process that was asleep while the keys were rotated and the old one dropped
// does not seal with that: it takes up the new keys first.
func TestAsleepWhileDropped(t *testing.T) {
	st, c, master := newStore(t), newClock(), NewMasterKey()
	admin, asleep := ringAt(t, st, master, c), ringAt(t, st, master, c)
	if err := admin.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := Reseal(t.Context(), st, admin, ResealOptions{}); err != nil {
		t.Fatal(err)
	}
	c.add(keepFor + time.Second)
	if _, err := admin.Drop(t.Context()); err != nil {
		t.Fatal(err)
	}
	sealed, err := asleep.Seal([]byte("plain"), "n", 1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := admin.Open(sealed, "n", 1); err != nil {
		t.Errorf("it has sealed with a key that is gone: %v", err)
	}
}

// away is a store that does not answer.
type away struct{ store.Store }

func (away) Get(context.Context, string) (store.Item, error) {
	return store.Item{}, store.ErrUnavailable
}

// Where the store has not told for long which key is in use, nothing is sealed.
func TestSealsOnlyWithAKeyInUse(t *testing.T) {
	c := newClock()
	k := ringAt(t, newStore(t), NewMasterKey(), c)
	k.store = away{k.store}
	if _, err := k.Seal([]byte("x"), "n", 1); err != nil {
		t.Errorf("at once: %v", err)
	}
	c.add(sureFor + time.Second)
	if _, err := k.Seal([]byte("x"), "n", 1); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("after %v: %v", sureFor, err)
	}
}

// Another master key is in force with one write. Whoever runs goes on, and tells
// once that a restart will need the new one.
func TestRewrap(t *testing.T) {
	st, c, first, second := newStore(t), newClock(), NewMasterKey(), NewMasterKey()
	admin, running := ringAt(t, st, first, c), ringAt(t, st, first, c)
	before, err := admin.Seal([]byte("plain"), "n", 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := admin.Rewrap(t.Context(), first); !errors.Is(err, ErrSameMasterKey) {
		t.Errorf("the same one: %v", err)
	}
	if err := admin.Rewrap(t.Context(), NewSecret("short")); err == nil || !strings.Contains(err.Error(), "32 bytes in standard base64") {
		t.Errorf("none: %v", err)
	}
	if err := admin.Rewrap(t.Context(), second); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenKeyring(t.Context(), st, first); !errors.Is(err, ErrWrongMasterKey) {
		t.Errorf("the old one opens the store: %v", err)
	}
	restarted, err := OpenKeyring(t.Context(), st, second)
	if err != nil {
		t.Fatal(err)
	}
	c.add(2 * sureFor)
	after, err := running.Seal([]byte("plain"), "m", 1)
	if err != nil {
		t.Fatalf("the one that runs: %v", err)
	}
	for name, k := range map[string]*Keyring{"admin": admin, "running": running, "restarted": restarted} {
		if _, err := k.Open(before, "n", 1); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := k.Open(after, "m", 1); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := admin.Rotate(t.Context()); err != nil {
		t.Fatalf("the keys can be rotated under it: %v", err)
	}
	// The one that runs cannot take up that key: it says why, opens what it can,
	// and stops sealing with a key that may soon be dropped.
	newer, err := admin.Seal([]byte("plain"), "n", 2)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := running.Open(newer, "n", 2); !errors.Is(err, ErrWrongMasterKey) || !strings.Contains(err.Error(), "start it again with the new master key") {
		t.Error(err)
	}
	if _, err := running.Open(before, "n", 1); err != nil {
		t.Error(err)
	}
	c.add(2 * sureFor)
	if _, err := running.Seal([]byte("x"), "n", 3); !errors.Is(err, ErrWrongMasterKey) {
		t.Error(err)
	}
}

// Two who replace the master key at the same time: one wins, the other is told, and
// no key is lost.
func TestRewrapTogether(t *testing.T) {
	st, first := newStore(t), NewMasterKey()
	next := []Secret{NewMasterKey(), NewMasterKey()}
	rings := make([]*Keyring, 2)
	for i := range rings {
		var err error
		if rings[i], err = OpenKeyring(t.Context(), st, first); err != nil {
			t.Fatal(err)
		}
	}
	errs := make([]error, 2)
	var wg sync.WaitGroup
	for i := range rings {
		wg.Go(func() { errs[i] = rings[i].Rewrap(t.Context(), next[i]) })
	}
	wg.Wait()
	won := 0
	for i, err := range errs {
		_, opens := OpenKeyring(t.Context(), st, next[i])
		if (err == nil) != (opens == nil) {
			t.Errorf("it says %v, and to open with its key says %v", err, opens)
		}
		if err == nil {
			won++
		} else if !errors.Is(err, ErrWrongMasterKey) {
			t.Error(err)
		}
	}
	if won != 1 {
		t.Errorf("%d have won", won)
	}
}

// A running vault whose master key was replaced logs it once, however often it
// looks.
func TestRewrapIsToldOnce(t *testing.T) {
	st, master := newStore(t), NewMasterKey()
	ring, err := OpenKeyring(t.Context(), st, master)
	if err != nil {
		t.Fatal(err)
	}
	var logs lockedLog
	v := New(Options{Store: st, Keyring: ring, Logger: slog.New(slog.NewTextHandler(&logs, nil))})
	admin, err := OpenKeyring(t.Context(), st, master)
	if err != nil {
		t.Fatal(err)
	}
	if err := admin.Rewrap(t.Context(), NewMasterKey()); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		v.reload(t.Context())
	}
	if n := strings.Count(logs.String(), "the keyring could not be read again"); n != 1 {
		t.Errorf("it was told %d times:\n%s", n, logs.String())
	}
}

type lockedLog struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
