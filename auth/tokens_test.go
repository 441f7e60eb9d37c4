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
		"too long":               {auth.Request{Agent: "bot", TTL: 25 * time.Hour}, "", "live for 25 h: choose a time from 1 s to 24 h"},
		"negative":               {auth.Request{Agent: "bot", TTL: -time.Hour}, "", "live for -1 h: choose"},
		"too short":              {auth.Request{Agent: "bot", TTL: time.Millisecond}, "", "live for 1 ms: choose"},
		"a user with a newline":  {auth.Request{Agent: "bot", User: "a\nb"}, "", "user of a token"},
		"a user that is a novel": {auth.Request{Agent: "bot", User: strings.Repeat("a", 513)}, "", "user of a token"},
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
