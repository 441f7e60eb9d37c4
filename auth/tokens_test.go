package auth_test

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"toolvault/auth"
	"toolvault/auth/scope"
	"toolvault/vault/store"
)

// aesSealer is a small working Sealer: AES-256-GCM over name and version.
type aesSealer struct{ aead cipher.AEAD }

func newSealer(t testing.TB, key byte) aesSealer {
	t.Helper()
	block, err := aes.NewCipher(slices.Repeat([]byte{key}, 32))
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	return aesSealer{aead}
}

func bound(name string, version int64) []byte {
	return binary.BigEndian.AppendUint64([]byte(name), uint64(version))
}

func (s aesSealer) Seal(plain []byte, name string, version int64) ([]byte, error) {
	nonce := make([]byte, s.aead.NonceSize())
	_, _ = rand.Read(nonce)
	return s.aead.Seal(nonce, nonce, plain, bound(name, version)), nil
}

func (s aesSealer) Open(sealed []byte, name string, version int64) ([]byte, error) {
	n := s.aead.NonceSize()
	if len(sealed) < n {
		return nil, errors.New("too short")
	}
	return s.aead.Open(nil, sealed[:n], sealed[n:], bound(name, version))
}

// clock is a time that tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 11, 24, 12, 0, 0, 500e6, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

const (
	issuer   = "https://tools.example.com"
	audience = "https://tools.example.com/mcp"
)

func catalogs() scope.Catalogs {
	return scope.Catalogs{
		"slack": scope.NewCatalog("slack", scope.Def{Name: "chat:write", Write: true}, scope.Def{Name: "channels:read"}),
		"crm":   scope.NewCatalog("crm", scope.Def{Name: "contacts.read"}, scope.Def{Name: "contacts.write", Write: true, Implies: []string{"contacts.read"}}),
	}
}

func grants(t testing.TB, text string) scope.Grants {
	t.Helper()
	g, err := catalogs().ParseGrants(text)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func openStore(t testing.TB, path string) store.Store {
	t.Helper()
	st, err := store.OpenSQLite(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	return st
}

// server is what one process has.
type server struct {
	*auth.Tokens
	agents *auth.Agents
	clock  *clock
	store  store.Store
}

func (s *server) options(t testing.TB) auth.TokenOptions {
	return auth.TokenOptions{
		Store: s.store, Sealer: newSealer(t, 1), Agents: s.agents, Issuer: issuer, Audience: audience,
		Catalogs: catalogs(), Now: s.clock.Now,
	}
}

func configured(t testing.TB) []auth.Agent {
	return []auth.Agent{{
		ID: "bot", Tasks: map[string]scope.Grants{"follow-up": grants(t, "crm:contacts.read slack:chat:write"), "read": grants(t, "crm:read-only")},
	}, {ID: "idle"}}
}

func newServer(t testing.TB, st store.Store, c *clock) *server {
	t.Helper()
	s := &server{agents: auth.NewAgents(st, c.Now), clock: c, store: st}
	s.agents.Configure(configured(t))
	if err := s.agents.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	var err error
	if s.Tokens, err = auth.NewTokens(t.Context(), s.options(t)); err != nil {
		t.Fatal(err)
	}
	return s
}

// run follows the store as a process does, until the test ends.
func (s *server) run(t testing.TB) {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = s.agents.Run(ctx) })
	wg.Go(func() { _ = s.Tokens.Run(ctx) })
	t.Cleanup(func() { cancel(); wg.Wait() })
}

func newPair(t *testing.T) (a, b *server) {
	t.Helper()
	path, c := filepath.Join(t.TempDir(), "store.db"), newClock()
	a, b = newServer(t, openStore(t, path), c), newServer(t, openStore(t, path), c)
	a.run(t)
	b.run(t)
	return a, b
}

func single(t testing.TB) *server {
	return newServer(t, openStore(t, filepath.Join(t.TempDir(), "store.db")), newClock())
}

func mint(t testing.TB, s *server, r auth.Request) (string, auth.Identity) {
	t.Helper()
	token, id, err := s.Mint(t.Context(), r)
	if err != nil {
		t.Fatalf("Mint: %v", err)
	}
	return token, id
}

func reason(err error) string {
	var e *auth.TokenError
	if errors.As(err, &e) {
		return e.Reason
	}
	return ""
}

// within waits until what another process did has come through.
func within(t *testing.T, d time.Duration, what string, done func() bool) {
	t.Helper()
	for start := time.Now(); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Since(start) > d {
			t.Fatalf("not within %s: %s", d, what)
		}
	}
}

func TestMint(t *testing.T) {
	s := single(t)
	for name, c := range map[string]struct {
		r     auth.Request
		scope string
		fails string
	}{
		"all":                    {auth.Request{Agent: "bot"}, "crm:read-write slack:read-write", ""},
		"a wish":                 {auth.Request{Agent: "bot", Grants: grants(t, "crm:contacts.read")}, "crm:contacts.read", ""},
		"an empty wish":          {auth.Request{Agent: "bot", Grants: scope.Grants{}}, "", "without any scope"},
		"a task":                 {auth.Request{Agent: "bot", Task: "follow-up"}, "crm:contacts.read slack:chat:write", ""},
		"a task and a part":      {auth.Request{Agent: "bot", Task: "follow-up", Grants: grants(t, "slack:read-write")}, "slack:chat:write", ""},
		"a task and more":        {auth.Request{Agent: "bot", Task: "read", Grants: grants(t, "crm:contacts.write slack:chat:write")}, "crm:contacts.read", ""},
		"a task and other":       {auth.Request{Agent: "bot", Task: "read", Grants: grants(t, "slack:chat:write")}, "", `task "read" of agent "bot" allows nothing of "slack:chat:write"`},
		"no such task":           {auth.Request{Agent: "bot", Task: "folow-up"}, "", `did you mean "follow-up"?`},
		"no tasks at all":        {auth.Request{Agent: "idle", Task: "x"}, "", "has no tasks"},
		"no such agent":          {auth.Request{Agent: "bott"}, "", `there is no agent "bott"; did you mean "bot"?`},
		"too long":               {auth.Request{Agent: "bot", TTL: 25 * time.Hour}, "", "at most 24h"},
		"negative":               {auth.Request{Agent: "bot", TTL: -time.Second}, "", "at most 24h"},
		"too short":              {auth.Request{Agent: "bot", TTL: time.Millisecond}, "", "at least one second"},
		"a user with a newline":  {auth.Request{Agent: "bot", User: "a\nb"}, "", "user of a token"},
		"a user that is a novel": {auth.Request{Agent: "bot", User: strings.Repeat("a", 257)}, "", "user of a token"},
	} {
		t.Run(name, func(t *testing.T) {
			token, id, err := s.Mint(t.Context(), c.r)
			if c.fails != "" {
				if err == nil || !strings.Contains(err.Error(), c.fails) {
					t.Fatalf("got %v, want %q", err, c.fails)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if id.Grants.String() != c.scope {
				t.Errorf("scope %q, want %q", id.Grants, c.scope)
			}
			got, err := s.Authenticate(t.Context(), token)
			if err != nil || got.Grants.String() != c.scope || got.TokenID != id.TokenID || got.Task != c.r.Task || !got.Expires.Equal(id.Expires) {
				t.Errorf("Authenticate: %+v, %v; minted %+v", got, err, id)
			}
		})
	}
}

func TestIdentity(t *testing.T) {
	s := single(t)
	token, _ := mint(t, s, auth.Request{Agent: "bot", User: "ann@example.com", Task: "read", Client: "https://client.example/c.json", TTL: 2 * time.Hour})
	id, err := s.Authenticate(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	if id.Agent != "bot" || id.User != "ann@example.com" || id.Task != "read" || id.Client != "https://client.example/c.json" {
		t.Errorf("%+v", id)
	}
	if want := s.clock.Now().Add(2 * time.Hour).Truncate(time.Second); !id.Expires.Equal(want) {
		t.Errorf("expires %s, want %s", id.Expires, want)
	}
	for n, want := range map[scope.Need]bool{
		{Service: "crm", Name: "contacts.read"}:               true,
		{Service: "crm", Name: "contacts.write", Write: true}: false,
		{Service: "slack", Name: "channels:read"}:             false,
	} {
		if id.Grants.Allows(n) != want {
			t.Errorf("%s is allowed: %v", n, !want)
		}
	}
}

func TestExpiryHoldsForCachedTokens(t *testing.T) {
	s := single(t)
	token, id := mint(t, s, auth.Request{Agent: "bot", TTL: time.Minute})
	if _, err := s.Authenticate(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	s.clock.Add(id.Expires.Sub(s.clock.Now()) - time.Millisecond)
	if _, err := s.Authenticate(t.Context(), token); err != nil {
		t.Errorf("refused a millisecond before its end: %v", err)
	}
	s.clock.Add(time.Millisecond)
	for range 2 {
		if _, err := s.Authenticate(t.Context(), token); reason(err) != "expired" {
			t.Errorf("after its end: %v", err)
		}
	}
	// The same on a server that never saw it while it was valid.
	if _, err := newServer(t, s.store, s.clock).Authenticate(t.Context(), token); reason(err) != "expired" {
		t.Errorf("after its end, not cached: %v", err)
	}
}

func TestNotValidYet(t *testing.T) {
	s := single(t)
	s.clock.Add(time.Minute)
	token, _ := mint(t, s, auth.Request{Agent: "bot"})
	s.clock.Add(-time.Minute)
	if _, err := s.Authenticate(t.Context(), token); reason(err) != "not valid yet" {
		t.Errorf("nbf in a minute: %v", err)
	}
	s.clock.Add(56 * time.Second) // clocks of two machines may differ by seconds
	if _, err := s.Authenticate(t.Context(), token); err != nil {
		t.Errorf("nbf in four seconds: %v", err)
	}
}

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

func TestRevoke(t *testing.T) {
	a, b := newPair(t)
	token, id := mint(t, a, auth.Request{Agent: "bot"})
	other, _ := mint(t, a, auth.Request{Agent: "bot"})
	for _, s := range []*server{a, b} {
		if _, err := s.Authenticate(t.Context(), token); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // twice is no error
		if err := a.Revoke(t.Context(), id.TokenID, id.Expires); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := a.Authenticate(t.Context(), token); reason(err) != "revoked" {
		t.Errorf("here: %v", err)
	}
	within(t, time.Second, "revoked in the other process", func() bool {
		_, err := b.Authenticate(t.Context(), token)
		return reason(err) == "revoked"
	})
	if _, err := newServer(t, b.store, b.clock).Authenticate(t.Context(), token); reason(err) != "revoked" {
		t.Errorf("in a process that starts later: %v", err)
	}
	if _, err := b.Authenticate(t.Context(), other); err != nil {
		t.Errorf("another token of the agent: %v", err)
	}
	for _, bad := range []string{"", "x", "../agent/bot", "agent/bot", "6ba7b810-9dad-11d1-80b4-00c04fd430c8", "{" + id.TokenID + "}"} {
		if err := a.Revoke(t.Context(), bad, time.Time{}); err == nil {
			t.Errorf("%q was taken for the id of a token", bad)
		}
	}
}

func TestOldRevocationsAreRemoved(t *testing.T) {
	s := single(t)
	token, id := mint(t, s, auth.Request{Agent: "bot", TTL: time.Hour})
	long, longID := mint(t, s, auth.Request{Agent: "bot", TTL: 24 * time.Hour})
	for _, id := range []auth.Identity{id, longID} {
		if err := s.Revoke(t.Context(), id.TokenID, id.Expires); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.RevokeAgent(t.Context(), "idle"); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		after time.Duration
		left  int
	}{{0, 3}, {59 * time.Minute, 3}, {3 * time.Minute, 2}, {23 * time.Hour, 0}} {
		s.clock.Add(step.after)
		if err := s.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		items, err := s.store.List(t.Context(), "revoked/", "", 100)
		if err != nil || len(items) != step.left {
			t.Fatalf("after %s more %d revocations are left (%v), want %d", step.after, len(items), err, step.left)
		}
		for _, token := range []string{token, long} {
			if _, err := s.Authenticate(t.Context(), token); reason(err) == "" {
				t.Fatal("a revoked token came to life again")
			}
		}
	}
}

func TestRevokeAgent(t *testing.T) {
	a, b := newPair(t)
	old, _ := mint(t, a, auth.Request{Agent: "bot"})
	idle, _ := mint(t, a, auth.Request{Agent: "idle"})
	if _, err := b.Authenticate(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	if err := a.RevokeAgent(t.Context(), "bot"); err != nil {
		t.Fatal(err)
	}
	fresh, _ := mint(t, a, auth.Request{Agent: "bot"}) // in the same millisecond
	within(t, time.Second, "revoked in the other process", func() bool {
		_, err := b.Authenticate(t.Context(), old)
		return reason(err) == "revoked"
	})
	for _, s := range []*server{a, b} {
		if _, err := s.Authenticate(t.Context(), old); reason(err) != "revoked" {
			t.Errorf("the old token: %v", err)
		}
		for _, token := range []string{fresh, idle} {
			if _, err := s.Authenticate(t.Context(), token); err != nil {
				t.Errorf("a token that was not meant: %v", err)
			}
		}
	}
	if err := a.RevokeAgent(t.Context(), "nobody"); err == nil {
		t.Error("revoked the tokens of nobody")
	}
}

func TestAgentStateHoldsForItsTokens(t *testing.T) {
	a, b := newPair(t)
	if err := a.agents.Add(t.Context(), "guest"); err != nil {
		t.Fatal(err)
	}
	token, _ := mint(t, a, auth.Request{Agent: "guest"})
	check := func(what, want string) {
		t.Helper()
		if _, err := a.Authenticate(t.Context(), token); reason(err) != want {
			t.Errorf("%s: here at once: %v", what, err)
		}
		within(t, time.Second, what+" in the other process", func() bool {
			_, err := b.Authenticate(t.Context(), token)
			return reason(err) == want
		})
	}
	check("added", "")
	if err := a.agents.Suspend(t.Context(), "guest"); err != nil {
		t.Fatal(err)
	}
	check("suspended", "its agent is suspended")
	if _, _, err := a.Mint(t.Context(), auth.Request{Agent: "guest"}); err == nil || !strings.Contains(err.Error(), "suspended") {
		t.Errorf("minted for a suspended agent: %v", err)
	}
	if err := a.agents.Resume(t.Context(), "guest"); err != nil {
		t.Fatal(err)
	}
	check("resumed", "")
	if err := a.agents.Remove(t.Context(), "guest"); err != nil {
		t.Fatal(err)
	}
	check("removed", "its agent does not exist (any more)")
	a.clock.Add(time.Second)
	if err := a.agents.Add(t.Context(), "guest"); err != nil {
		t.Fatal(err)
	}
	check("removed and added again", "its agent does not exist (any more)")
	a.agents.Configure(nil)
	bot, _ := mint(t, b, auth.Request{Agent: "bot"})
	if _, err := a.Authenticate(t.Context(), bot); reason(err) != "its agent does not exist (any more)" {
		t.Errorf("taken out of the config: %v", err)
	}
}

func TestNewTokensNeedsItsParts(t *testing.T) {
	s := single(t)
	for name, spoil := range map[string]func(*auth.TokenOptions){
		"issuer":   func(o *auth.TokenOptions) { o.Issuer = "" },
		"audience": func(o *auth.TokenOptions) { o.Audience = "" },
		"store":    func(o *auth.TokenOptions) { o.Store = nil },
		"clock":    func(o *auth.TokenOptions) { o.Now = nil },
	} {
		o := s.options(t)
		spoil(&o)
		if _, err := auth.NewTokens(t.Context(), o); err == nil {
			t.Errorf("made without %s", name)
		}
	}
}

func BenchmarkAuthenticate(b *testing.B) {
	s := single(b)
	token, _ := mint(b, s, auth.Request{Agent: "bot", Task: "follow-up"})
	if err := s.RevokeAgent(b.Context(), "idle"); err != nil {
		b.Fatal(err)
	}
	b.Run("hit", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := s.Authenticate(b.Context(), token); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("hit, real clock and parallel", func(b *testing.B) {
		o := s.options(b)
		o.Now = time.Now
		agents := auth.NewAgents(s.store, time.Now)
		agents.Configure(configured(b))
		o.Agents = agents
		tokens, err := auth.NewTokens(b.Context(), o)
		if err != nil {
			b.Fatal(err)
		}
		token, _, err := tokens.Mint(b.Context(), auth.Request{Agent: "bot", Task: "follow-up"})
		if err != nil {
			b.Fatal(err)
		}
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if _, err := tokens.Authenticate(b.Context(), token); err != nil {
					b.Error(err)
				}
			}
		})
	})
	b.Run("miss", func(b *testing.B) {
		tokens := make([]string, 5000)
		for i := range tokens {
			tokens[i], _ = mint(b, s, auth.Request{Agent: "bot"})
		}
		i := 0
		for b.Loop() {
			if _, err := s.Authenticate(b.Context(), tokens[i%len(tokens)]); err != nil {
				b.Fatal(err)
			}
			i++
		}
	})
}
