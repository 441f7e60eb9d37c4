package vault

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"toolvault/vault/store"
)

func TestPutShowListDelete(t *testing.T) {
	k := newKit(t)
	first := k.put(t, "slack/a", Stored{Type: TypeAPIKey, Secret: NewSecret("short-key")})
	k.clock.add(time.Hour)
	long := "xoxb-0123456789-abcdef"
	second := k.put(t, "slack/a", Stored{Type: TypeOAuthToken, Secret: NewSecret(long), Refresh: NewSecret("r"), Scope: "chat:write"})
	if first != 1 || second != 2 {
		t.Fatalf("versions %d and %d", first, second)
	}
	info, err := k.Show(t.Context(), "slack/a")
	if err != nil {
		t.Fatal(err)
	}
	if info.Type != TypeOAuthToken || info.Version != 2 || !info.HasRefresh || info.Scope != "chat:write" ||
		info.Hint != "************cdef" || info.Updated.Sub(info.Created) != time.Hour {
		t.Errorf("%+v", info)
	}
	for i := range 450 {
		k.put(t, fmt.Sprintf("many/%04d", i), Stored{Type: TypeAPIKey, Secret: NewSecret("k")})
	}
	infos, err := k.List(t.Context())
	if err != nil || len(infos) != 451 || infos[0].Name != "many/0000" || infos[450].Name != "slack/a" || infos[0].Hint != "" {
		t.Fatalf("%d listed: %v", len(infos), err)
	}
	if err := k.Delete(t.Context(), "slack/a"); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{k.Delete(t.Context(), "slack/a"), func() error { _, err := k.Show(t.Context(), "slack/a"); return err }()} {
		if !errors.Is(err, store.ErrNotFound) {
			t.Errorf("after deletion: %v", err)
		}
	}
	if v := k.put(t, "slack/a", Stored{Type: TypeAPIKey, Secret: NewSecret("k")}); v != 4 {
		t.Errorf("version after a deletion is %d, want 4", v)
	}
}

func TestPutRefuses(t *testing.T) {
	k := newKit(t)
	ok := Stored{Type: TypeAPIKey, Secret: NewSecret("k")}
	for _, name := range []string{"", "A", "a//b", "/a", "a/", "a b", "ä", "..", "a/../b", "a/./b", "a\x00", strings.Repeat("a", 201)} {
		if _, err := k.Put(t.Context(), name, ok); err == nil {
			t.Errorf("the name %q was taken", name)
		}
	}
	for _, name := range []string{"a", "slack/support-agent-1", "a/b/c", "me@example.com", "a_b.c-d", strings.Repeat("a", 200)} {
		if _, err := k.Put(t.Context(), name, ok); err != nil {
			t.Error(err)
		}
	}
	for what, s := range map[string]Stored{
		"no type":             {Secret: NewSecret("k")},
		"empty":               {Type: TypeAPIKey},
		"line break":          {Type: TypeAPIKey, Secret: NewSecret("a\nb")},
		"NUL":                 {Type: TypeAPIKey, Secret: NewSecret("a\x00")},
		"too long":            {Type: TypeAPIKey, Secret: NewSecret(strings.Repeat("k", MaxSecret+1))},
		"refresh of a key":    {Type: TypeAPIKey, Secret: NewSecret("k"), Refresh: NewSecret("r")},
		"malformed refresh":   {Type: TypeOAuthToken, Secret: NewSecret("k"), Refresh: NewSecret("r\r\n")},
		"oauth without token": {Type: TypeOAuthToken},
	} {
		if _, err := k.Put(t.Context(), "x", s); err == nil {
			t.Errorf("%s: taken", what)
		} else if text := s.Secret.Reveal(); len(text) > 1 && strings.Contains(err.Error(), text) {
			t.Errorf("%s: the error shows the secret", what)
		}
	}
	for _, s := range []Stored{
		{Type: TypeAPIKey, Secret: NewSecret(strings.Repeat("k", MaxSecret))},
		{Type: TypeOAuthToken, Refresh: NewSecret("only-refresh")},
	} {
		if _, err := k.Put(t.Context(), "x", s); err != nil {
			t.Error(err)
		}
	}
}

// Whoever can write the store can still not make one record pass for another,
// nor bring an older one back.
func TestTamperedStore(t *testing.T) {
	put := func(t *testing.T, k *kit, key string, value []byte) {
		t.Helper()
		now, err := k.store.Get(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		if err := k.store.Put(t.Context(), store.Item{Key: key, Version: now.Version + 1, Value: value}, nil); err != nil {
			t.Fatal(err)
		}
	}
	raw := func(t *testing.T, k *kit, name string) []byte {
		t.Helper()
		item, err := k.store.Get(t.Context(), recordPrefix+name)
		if err != nil {
			t.Fatal(err)
		}
		return item.Value
	}
	for name, tamper := range map[string]func(*testing.T, *kit){
		"another record's bytes": func(t *testing.T, k *kit) { put(t, k, recordPrefix+"a", raw(t, k, "b")) },
		"its own older bytes":    func(t *testing.T, k *kit) { put(t, k, recordPrefix+"a", raw(t, k, "a")) },
		"one bit":                func(t *testing.T, k *kit) { b := raw(t, k, "a"); b[len(b)-1] ^= 1; put(t, k, recordPrefix+"a", b) },
		"nothing":                func(t *testing.T, k *kit) { put(t, k, recordPrefix+"a", nil) },
	} {
		t.Run(name, func(t *testing.T) {
			k := newKit(t)
			for _, n := range []string{"a", "b"} {
				k.put(t, n, Stored{Type: TypeAPIKey, Secret: NewSecret("key-" + n)})
			}
			tamper(t, k)
			_, err := k.Resolve(t.Context(), declare(TypeAPIKey, "vault:a"))
			if !errors.Is(err, ErrInvalid) || !errors.Is(err, ErrSealed) {
				t.Fatalf("resolved, or failed otherwise: %v", err)
			}
			infos, err := k.List(t.Context())
			if err == nil || !strings.Contains(err.Error(), "credential a:") || len(infos) != 1 || infos[0].Name != "b" {
				t.Errorf("listed %v, %v: want the sound one, and an error that names the other", infos, err)
			}
			// An admin mends it by putting the secret in again.
			k.put(t, "a", Stored{Type: TypeAPIKey, Secret: NewSecret("mended")})
			if got := sent(t, k.resolve(t, declare(TypeAPIKey, "vault:a")), "Api-Key"); got != "mended" {
				t.Errorf("got %q", got)
			}
		})
	}
}

// rollback is a store that can show an older state of itself.
type rollback struct {
	store.Store
	old map[string]store.Item
}

func (r *rollback) Get(ctx context.Context, key string) (store.Item, error) {
	if item, ok := r.old[key]; ok {
		return item, nil
	}
	return r.Store.Get(ctx, key)
}

// A record of an older version, whole and properly sealed, is refused by a
// process that has seen the newer one.
func TestRolledBackRecord(t *testing.T) {
	st := &rollback{Store: newStore(t), old: map[string]store.Item{}}
	k := newKitOn(t, st, NewMasterKey())
	k.put(t, "a", Stored{Type: TypeAPIKey, Secret: NewSecret("revoked-key")})
	old, err := st.Get(t.Context(), recordPrefix+"a")
	if err != nil {
		t.Fatal(err)
	}
	k.put(t, "a", Stored{Type: TypeAPIKey, Secret: NewSecret("new-key")})
	if got := sent(t, k.resolve(t, declare(TypeAPIKey, "vault:a")), "Api-Key"); got != "new-key" {
		t.Fatalf("got %q", got)
	}
	st.old[recordPrefix+"a"] = old
	_, err = k.Resolve(t.Context(), declare(TypeAPIKey, "vault:a"))
	if !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), "rolled back") {
		t.Fatalf("resolved, or failed otherwise: %v", err)
	}
}

func FuzzDecodeStored(f *testing.F) {
	f.Add(Stored{Type: TypeOAuthToken, Secret: NewSecret("s"), Refresh: NewSecret("r"), Expires: time.Now(), Scope: "x"}.encode())
	f.Add([]byte{})
	f.Add([]byte{1, 2, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := decodeStored(b)
		if err != nil {
			return
		}
		again, err := decodeStored(s.encode())
		if err != nil || again.Secret.Reveal() != s.Secret.Reveal() || again.Refresh.Reveal() != s.Refresh.Reveal() ||
			!again.Expires.Equal(s.Expires) || again.Type != s.Type || again.Scope != s.Scope {
			t.Fatalf("%+v does not come back: %v", s, err)
		}
	})
}

func FuzzName(f *testing.F) {
	for _, s := range []string{"slack/support-agent-1", "a//b", "..", "A", "", "a\x00b", "ä"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if checkName(name) != nil {
			return
		}
		for _, bad := range []string{"//", "/../", "/./", "\x00", "\n", " ", "\\", ":", "*", "?"} {
			if strings.Contains("/"+name+"/", bad) {
				t.Fatalf("%q was taken", name)
			}
		}
	})
}

// A name that is not there is answered with the one that was meant.
func TestNameNotThere(t *testing.T) {
	k := newKit(t)
	for _, name := range []string{"slack/support-agent-1", "hubspot/support-agent-1"} {
		k.put(t, name, Stored{Type: TypeAPIKey, Secret: NewSecret("k")})
	}
	// So many that the first thousand do not tell.
	for i := range 1100 {
		if err := k.store.Put(t.Context(), store.Item{Key: fmt.Sprintf("%sa/%04d", recordPrefix, i), Version: 1, Value: []byte("x")}, nil); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{
		"slack/suport-agent-1":  "there is no credential slack/suport-agent-1 in the vault; did you mean slack/support-agent-1?",
		"a/001":                 "there is no credential a/001 in the vault; did you mean a/0001?",
		"metabase/somebody-new": "there is no credential metabase/somebody-new in the vault: toolvault credential list shows those that there are",
	} {
		_, shown := k.Show(t.Context(), name)
		for _, err := range []error{shown, k.Delete(t.Context(), name)} {
			if !errors.Is(err, store.ErrNotFound) || err.Error() != want {
				t.Errorf("got  %v\nwant %s", err, want)
			}
		}
	}
}
