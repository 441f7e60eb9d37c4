package auth_test

import (
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"toolvault/auth"
	"toolvault/vault/store"
)

func TestOneKeyForAllProcesses(t *testing.T) {
	path, c := filepath.Join(t.TempDir(), "store.db"), newClock()
	servers := make([]*server, 6)
	stores := make([]store.Store, len(servers))
	for i := range stores {
		stores[i] = openStore(t, path)
	}
	var wg sync.WaitGroup
	for i := range servers {
		wg.Go(func() {
			s := &server{agents: auth.NewAgents(stores[i], c.Now), clock: c, store: stores[i]}
			s.agents.Configure(configured(t))
			var err error
			if s.Tokens, err = auth.NewTokens(t.Context(), s.options(t)); err != nil {
				t.Error(err)
				return
			}
			servers[i] = s
		})
	}
	wg.Wait()
	if t.Failed() {
		return
	}
	keys, err := stores[0].List(t.Context(), "token-key/", "", 100)
	if err != nil || len(keys) != 1 {
		t.Fatalf("%d signing keys (%v), want one", len(keys), err)
	}
	token, _ := mint(t, servers[0], auth.Request{Agent: "bot"})
	for i, s := range servers {
		if _, err := s.Authenticate(t.Context(), token); err != nil {
			t.Errorf("server %d: %v", i, err)
		}
	}
}

func TestKeyIsSealedAndBound(t *testing.T) {
	s := single(t)
	keys, err := s.store.List(t.Context(), "token-key/", "", 100)
	if err != nil || len(keys) != 1 {
		t.Fatal(keys, err)
	}
	if strings.Contains(string(keys[0].Value), "seed") {
		t.Error("the key lies in the open")
	}
	o := s.options(t)
	o.Sealer = newSealer(t, 2)
	if _, err := auth.NewTokens(t.Context(), o); err == nil || !strings.Contains(err.Error(), "cannot be opened with this master key") {
		t.Errorf("with another master key: %v", err)
	}
	// Junk under another name must not take the server down, nor be used.
	junk := store.Item{Key: "token-key/" + strings.Repeat("A", 43), Version: 1, Value: keys[0].Value}
	if err := s.store.Put(t.Context(), junk, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := auth.NewTokens(t.Context(), s.options(t)); err != nil {
		t.Errorf("junk beside the key: %v", err)
	}
	if err := s.store.Delete(t.Context(), keys[0].Key, keys[0].Version); err != nil {
		t.Fatal(err)
	}
	if _, err := auth.NewTokens(t.Context(), s.options(t)); err == nil {
		t.Error("a key under another's name was accepted")
	}
}

// looseSealer forgets what a sealer owes: it binds neither name nor version.
type looseSealer struct{ aesSealer }

func (s looseSealer) Seal(plain []byte, _ string, _ int64) ([]byte, error) {
	return s.aesSealer.Seal(plain, "", 0)
}

func (s looseSealer) Open(sealed []byte, _ string, _ int64) ([]byte, error) {
	return s.aesSealer.Open(sealed, "", 0)
}

func TestAKeyIsUsedOnlyUnderItsOwnName(t *testing.T) {
	s := single(t)
	keys, _ := s.store.List(t.Context(), "token-key/", "", 2)
	if err := s.store.Delete(t.Context(), keys[0].Key, keys[0].Version); err != nil {
		t.Fatal(err)
	}
	o := s.options(t)
	o.Sealer = looseSealer{newSealer(t, 1)}
	if _, err := auth.NewTokens(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	keys, _ = s.store.List(t.Context(), "token-key/", "", 2)
	if err := s.store.Put(t.Context(), store.Item{Key: "token-key/" + strings.Repeat("A", 43), Version: 1, Value: keys[0].Value}, nil); err != nil {
		t.Fatal(err)
	}
	if err := s.store.Delete(t.Context(), keys[0].Key, keys[0].Version); err != nil {
		t.Fatal(err)
	}
	if _, err := auth.NewTokens(t.Context(), o); err == nil || !strings.Contains(err.Error(), "under the wrong name") {
		t.Errorf("a key under another's name: %v", err)
	}
}

func TestTokensOfARemovedKeyAreRefused(t *testing.T) {
	a, b := newPair(t)
	token, _ := mint(t, a, auth.Request{Agent: "bot"})
	if _, err := b.Authenticate(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	keys, _ := a.store.List(t.Context(), "token-key/", "", 100)
	if err := a.store.Delete(t.Context(), keys[0].Key, keys[0].Version); err != nil {
		t.Fatal(err)
	}
	within(t, time.Second, "the key is gone", func() bool {
		_, err := b.Authenticate(t.Context(), token)
		return reason(err) == "not a token of this server"
	})
}
