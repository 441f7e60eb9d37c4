package issuer_test

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"toolvault/auth"
	"toolvault/auth/issuer"
	"toolvault/auth/scope"
	"toolvault/vault/store"
)

const (
	resource = "https://tools.example.com/mcp"
	ours     = "https://tools.example.com"
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

// agents are those that are known.
type agents map[string]auth.Agent

func (a agents) Get(id string) (auth.Agent, bool) { agent, ok := a[id]; return agent, ok }

// clock is moved by hand.
type clock struct{ at atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.at.Store(time.Now().Truncate(time.Second).UnixNano())
	return c
}
func (c *clock) Now() time.Time          { return time.Unix(0, c.at.Load()).UTC() }
func (c *clock) forward(d time.Duration) { c.at.Add(int64(d)) }

// key is a key of an issuer.
type key struct {
	kid     string
	private ed25519.PrivateKey
}

func newKey(t testing.TB, kid string) key {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key{kid, private}
}

func (k key) jwk() jose.JSONWebKey {
	return jose.JSONWebKey{Key: k.private.Public(), KeyID: k.kid, Use: "sig", Algorithm: "EdDSA"}
}

// provider is an issuer that answers over HTTP.
type provider struct {
	*httptest.Server
	mu      sync.Mutex
	keys    []jose.JSONWebKey
	headers http.Header
	about   map[string]any                                           // of its description; nil: it has none
	instead func(w http.ResponseWriter, r *http.Request) (done bool) // before all else
	asked   map[string]int                                           // requests by path
	tokens  map[string]map[string]any                                // what it says of tokens it is asked about
}

func newProvider(t testing.TB, keys ...key) *provider {
	t.Helper()
	p := &provider{headers: http.Header{}, asked: map[string]int{}, tokens: map[string]map[string]any{}}
	p.publish(keys...)
	p.Server = httptest.NewServer(p)
	t.Cleanup(p.Close)
	p.about = map[string]any{"issuer": p.URL, "jwks_uri": p.URL + "/jwks"}
	return p
}

func (p *provider) publish(keys ...key) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keys = nil
	for _, k := range keys {
		p.keys = append(p.keys, k.jwk())
	}
}

func (p *provider) set(f func(*provider)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f(p)
}

func (p *provider) count(path string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked[path]
}

func (p *provider) all() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, c := range p.asked {
		n += c
	}
	return n
}

func (p *provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.asked[r.URL.Path]++
	instead, about, keys, headers := p.instead, p.about, slices.Clone(p.keys), p.headers.Clone()
	p.mu.Unlock()
	if instead != nil && instead(w, r) {
		return
	}
	maps.Copy(w.Header(), headers)
	var answer any
	switch {
	case strings.HasSuffix(r.URL.Path, "/.well-known/openid-configuration") && about != nil:
		answer = about
	case r.URL.Path == "/jwks":
		answer = jose.JSONWebKeySet{Keys: keys}
	case r.URL.Path == "/introspect" && r.Method == http.MethodPost:
		if id, secret, _ := r.BasicAuth(); id != "toolvault" || secret != "s3cret%3A" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		p.mu.Lock()
		said, ok := p.tokens[r.FormValue("token")]
		p.mu.Unlock()
		if answer = said; !ok {
			answer = map[string]any{"active": false}
		}
	default:
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer)
}

func encode(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// forge signs whatever it is given.
func (k key) forge(t testing.TB, header, payload any) string {
	t.Helper()
	text := encode(t, header) + "." + encode(t, payload)
	sig, err := k.private.Sign(nil, []byte(text), crypto.Hash(0))
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(sig)
}

// with is a copy of a map with some changed; nil takes one out.
func with(m map[string]any, change map[string]any) map[string]any {
	m = maps.Clone(m)
	for k, v := range change {
		if m[k] = v; v == nil {
			delete(m, k)
		}
	}
	return m
}

// world is a Set with a provider that it trusts.
type world struct {
	*issuer.Set
	clock    *clock
	provider *provider
	key      key
	agents   agents
}

func newWorld(t testing.TB, change ...func(*issuer.Options)) *world {
	t.Helper()
	w := &world{clock: newClock(), key: newKey(t, "k1"), agents: agents{
		"support-agent-1": {ID: "support-agent-1", Tasks: map[string]scope.Grants{"weekly": grants(t, "slack:chat:write crm:contacts.read")}},
		"ci":              {ID: "ci"},
	}}
	w.provider = newProvider(t, w.key)
	o := issuer.Options{
		Now: w.clock.Now, Catalogs: catalogs(), Agents: w.agents, Audience: resource, Issuer: ours,
	}
	for _, c := range change {
		c(&o)
	}
	w.Set = issuer.New(o)
	return w
}

// trust configures the world's provider, after checking that the config is good.
func (w *world) trust(t testing.TB, change func(*issuer.Issuer)) {
	t.Helper()
	i := w.issuer()
	if change != nil {
		change(&i)
	}
	if err := issuer.Check([]issuer.Issuer{i}, catalogs()); err != nil {
		t.Fatal(err)
	}
	w.Configure([]issuer.Issuer{i})
}

func (w *world) issuer() issuer.Issuer {
	return issuer.Issuer{
		URL: w.provider.URL, Uses: []issuer.Use{issuer.AccessTokens},
		Rules: []issuer.Rule{{Agent: "support-agent-1", User: "{sub}"}},
	}
}

func (w *world) header() map[string]any {
	return map[string]any{"alg": "EdDSA", "kid": w.key.kid, "typ": "at+jwt"}
}

func (w *world) claims() map[string]any {
	now := w.clock.Now()
	return map[string]any{
		"iss": w.provider.URL, "sub": "alice", "aud": resource, "client_id": "desk", "jti": "t-1",
		"iat": now.Unix(), "exp": now.Add(time.Hour).Unix(), "scope": "openid slack:chat:write",
	}
}

func (w *world) token(t testing.TB, change map[string]any) string {
	t.Helper()
	return w.key.forge(t, w.header(), with(w.claims(), change))
}

// reason is why a token was refused; "" if it was not.
func reason(t testing.TB, err error) string {
	t.Helper()
	var refusal *auth.TokenError
	switch {
	case err == nil:
		return ""
	case errors.As(err, &refusal):
		return refusal.Reason
	}
	t.Fatalf("neither taken nor refused: %v", err)
	return ""
}

func (w *world) try(t testing.TB, token string) string {
	t.Helper()
	_, _, err := w.Authenticate(t.Context(), token)
	return reason(t, err)
}

// away reports whether the error says that it may be tried again.
func away(err error) bool { return errors.Is(err, store.ErrUnavailable) }
