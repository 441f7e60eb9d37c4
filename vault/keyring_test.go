package vault

import (
	"bytes"
	"encoding/base64"
	"errors"
	"strings"
	"sync"
	"testing"

	"toolvault/vault/store"
)

func TestMasterKey(t *testing.T) {
	a, b := NewMasterKey(), NewMasterKey()
	raw, err := base64.StdEncoding.DecodeString(a.Reveal())
	if err != nil || len(raw) != 32 || a.Reveal() == b.Reveal() {
		t.Fatalf("a master key has %d bytes (%v)", len(raw), err)
	}
	st := newStore(t)
	if _, err := OpenKeyring(t.Context(), st, a); err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string]string{
		"empty": "", "not base64": "!!!", "short": base64.StdEncoding.EncodeToString(raw[:16]), "long": a.Reveal() + a.Reveal(),
	} {
		_, err := OpenKeyring(t.Context(), st, NewSecret(key))
		if err == nil || !strings.Contains(err.Error(), "32 bytes in standard base64") {
			t.Errorf("%s: %v", name, err)
		}
		if key != "" && strings.Contains(err.Error(), key) {
			t.Errorf("%s: the error shows the key", name)
		}
	}
	_, err = OpenKeyring(t.Context(), st, b)
	if !errors.Is(err, ErrWrongMasterKey) {
		t.Errorf("another master key: %v", err)
	}
	if _, err := OpenKeyring(t.Context(), st, NewSecret(a.Reveal()+"\n")); err != nil {
		t.Errorf("a line break after the key: %v", err)
	}
}

func TestFirstKeyringIsMadeOnce(t *testing.T) {
	st, master := newStore(t), NewMasterKey()
	rings := make([]*Keyring, 8)
	var wg sync.WaitGroup
	for i := range rings {
		wg.Go(func() {
			var err error
			if rings[i], err = OpenKeyring(t.Context(), st, master); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if t.Failed() {
		return
	}
	sealed, err := rings[0].Seal([]byte("x"), "n", 1)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range rings {
		if _, err := r.Open(sealed, "n", 1); err != nil {
			t.Errorf("ring %d: %v", i, err)
		}
	}
}

// A seal holds its bytes to one name and one version.
func TestSealBinds(t *testing.T) {
	k, err := OpenKeyring(t.Context(), newStore(t), NewMasterKey())
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := k.Seal([]byte("plain"), "credential/a", 7)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(sealed, []byte("plain")) {
		t.Fatal("it is not sealed")
	}
	if got, err := k.Open(sealed, "credential/a", 7); err != nil || string(got) != "plain" {
		t.Fatalf("got %q, %v", got, err)
	}
	for name, c := range map[string]struct {
		name    string
		version int64
	}{"swapped": {"credential/b", 7}, "older": {"credential/a", 6}, "newer": {"credential/a", 8}, "another room": {"a", 7}} {
		if _, err := k.Open(sealed, c.name, c.version); !errors.Is(err, ErrSealed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for i := range sealed {
		bad := bytes.Clone(sealed)
		bad[i] ^= 1
		if _, err := k.Open(bad, "credential/a", 7); !errors.Is(err, ErrSealed) {
			t.Fatalf("byte %d was changed: %v", i, err)
		}
		if _, err := k.Open(sealed[:i], "credential/a", 7); !errors.Is(err, ErrSealed) {
			t.Fatalf("cut to %d bytes: %v", i, err)
		}
	}
}

// One process rotates; another, which has not noticed, opens what the new key
// sealed and still seals so that the first can open it.
func TestRotationElsewhere(t *testing.T) {
	st, master := newStore(t), NewMasterKey()
	open := func() *Keyring {
		k, err := OpenKeyring(t.Context(), st, master)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	a, b := open(), open()
	before, _ := a.Seal([]byte("before"), "n", 1)
	for range 3 {
		if err := a.Rotate(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	fromB, _ := b.Seal([]byte("from b"), "n", 2)
	after, _ := a.Seal([]byte("after"), "n", 3)
	for _, k := range []*Keyring{a, b, open()} {
		for version, c := range [][]byte{before, fromB, after} {
			if _, err := k.Open(c, "n", int64(version+1)); err != nil {
				t.Error(err)
			}
		}
	}
	if err := b.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := b.ring.Load().version; got != 5 {
		t.Errorf("the keyring stands at version %d, want 5", got)
	}
	// An older keyring put back does not take keys away from a running process.
	sealed, _ := b.Seal([]byte("x"), "n", 9)
	item, err := st.Get(t.Context(), keyringKey)
	if err != nil {
		t.Fatal(err)
	}
	item.Version++
	item.Value = []byte("rubbish")
	if err := st.Put(t.Context(), store.Item{Key: keyringKey, Version: item.Version, Value: item.Value}, nil); err != nil {
		t.Fatal(err)
	}
	if err := b.Reload(t.Context()); !errors.Is(err, ErrWrongMasterKey) {
		t.Errorf("a damaged keyring: %v", err)
	}
	if _, err := b.Open(sealed, "n", 9); err != nil {
		t.Errorf("a damaged keyring in the store took away the one in use: %v", err)
	}
}

func FuzzKeyringOpen(f *testing.F) {
	k, err := OpenKeyring(f.Context(), newStore(f), NewMasterKey())
	if err != nil {
		f.Fatal(err)
	}
	good, err := k.Seal([]byte("plain"), "n", 1)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good, "other", int64(1))
	f.Add(good[:10], "n", int64(1))
	f.Add([]byte{}, "", int64(-1))
	f.Add([]byte{1, 0, 0, 0, 0, 0}, "n", int64(1))
	f.Fuzz(func(t *testing.T, sealed []byte, name string, version int64) {
		if name == "n" && version == 1 && bytes.Equal(sealed, good) {
			return
		}
		if _, err := k.Open(sealed, name, version); !errors.Is(err, ErrSealed) {
			t.Fatalf("opened, or failed otherwise: %v", err)
		}
	})
}
