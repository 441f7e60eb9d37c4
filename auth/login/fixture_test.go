package login_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"toolvault/auth/login"
	"toolvault/auth/people"
	"toolvault/vault"
	"toolvault/vault/store"
	"toolvault/vault/store/storetest"
)

type m = map[string]any

const secret = "s3cret/ünd+more"

// provider is an OpenID provider that signs everybody in at once.
type provider struct {
	*httptest.Server
	key *ecdsa.PrivateKey
	mux *http.ServeMux

	mu       sync.Mutex
	codes    map[string]url.Values         // what was asked for, by code
	edit     func(claims m)                // of ID tokens
	answer   func(url.Values)              // of redirects
	info     m                             // of the user info
	describe func(m)                       // of what it says of itself
	instead  map[string]http.HandlerFunc   // by path
	tokenOf  func(claims m) (token string) // nil: signed as it has to be
	asked    map[string]int                // requests, by path
}

func newProvider(t testing.TB) *provider {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p := &provider{key: key, codes: map[string]url.Values{}, asked: map[string]int{}, instead: map[string]http.HandlerFunc{}}
	p.mux = http.NewServeMux()
	mux := p.mux
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) { reply(w, p.description()) })
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) { reply(w, p.keys()) })
	mux.HandleFunc("/auth", p.authorize)
	mux.HandleFunc("/token", func(w http.ResponseWriter, r *http.Request) { p.token(t, w, r) })
	mux.HandleFunc("/me", func(w http.ResponseWriter, _ *http.Request) { reply(w, p.info) })
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		p.asked[r.URL.Path]++
		instead := p.instead[r.URL.Path]
		p.mu.Unlock()
		if instead != nil {
			instead(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(p.Close)
	return p
}

func reply(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

// change alters what the provider does.
func (p *provider) change(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
}

func (p *provider) requests(path string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked[path]
}

func (p *provider) description() m {
	d := m{
		"issuer": p.URL, "authorization_endpoint": p.URL + "/auth", "token_endpoint": p.URL + "/token", "jwks_uri": p.URL + "/keys",
		"userinfo_endpoint": p.URL + "/me", "id_token_signing_alg_values_supported": []string{"ES256", "HS256", "none"},
		"authorization_response_iss_parameter_supported": true, "response_types_supported": []string{"code"}, "subject_types_supported": []string{"public"},
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.describe != nil {
		p.describe(d)
	}
	return d
}

func (p *provider) keys() jose.JSONWebKeySet {
	return jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: p.key.Public(), KeyID: "k", Algorithm: "ES256", Use: "sig"}}}
}

func (p *provider) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if q.Get("code_challenge_method") != "S256" || q.Get("nonce") == "" || q.Get("response_type") != "code" {
		http.Error(w, "no challenge, or no nonce", http.StatusBadRequest)
		return
	}
	code := rand.Text()
	back := url.Values{"code": {code}, "state": {q.Get("state")}, "iss": {p.URL}}
	p.mu.Lock()
	p.codes[code] = q
	if p.answer != nil {
		p.answer(back)
	}
	p.mu.Unlock()
	http.Redirect(w, r, q.Get("redirect_uri")+"?"+back.Encode(), http.StatusFound)
}

func (p *provider) token(t testing.TB, w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	p.mu.Lock()
	asked, ok := p.codes[r.Form.Get("code")]
	delete(p.codes, r.Form.Get("code"))
	edit, tokenOf := p.edit, p.tokenOf
	p.mu.Unlock()
	sum := sha256.Sum256([]byte(r.Form.Get("code_verifier")))
	id, given, _ := r.BasicAuth()
	given, _ = url.QueryUnescape(given) // RFC 6749 section 2.3.1
	if !ok || asked.Get("code_challenge") != base64.RawURLEncoding.EncodeToString(sum[:]) || id != "toolvault" || given != secret ||
		asked.Get("redirect_uri") != r.Form.Get("redirect_uri") {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		reply(w, m{"error": "invalid_grant", "error_description": "<script>canary</script>"})
		return
	}
	claims := p.claims(asked.Get("nonce"))
	if edit != nil {
		edit(claims)
	}
	raw := ""
	if tokenOf != nil {
		raw = tokenOf(claims)
	} else {
		raw = p.sign(t, claims)
	}
	reply(w, m{"access_token": "upstream-access", "token_type": "Bearer", "id_token": raw})
}

func (p *provider) claims(nonce string) m {
	return m{
		"iss": p.URL, "aud": "toolvault", "sub": "u-1", "nonce": nonce, "sid": "s-1", "exp": time.Now().Add(3 * time.Hour).Unix(),
		"iat": time.Now().Unix(), "email": "ada@example.com", "groups": []string{"support"},
	}
}

func (p *provider) sign(t testing.TB, claims m) string {
	t.Helper()
	return signed(t, jose.ES256, jose.JSONWebKey{Key: p.key, KeyID: "k"}, nil, claims)
}

// signed is a token by any key, with any header.
func signed(t testing.TB, alg jose.SignatureAlgorithm, key any, header m, claims any) string {
	t.Helper()
	options := &jose.SignerOptions{}
	for name, value := range header {
		options.WithHeader(jose.HeaderKey(name), value)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, options)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	token, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	out, err := token.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

type plain struct{}

func (plain) Seal(p []byte, _ string, _ int64) ([]byte, error) { return p, nil }
func (plain) Open(p []byte, _ string, _ int64) ([]byte, error) { return p, nil }

// site is toolvault with people, at one or more replicas on one store.
type site struct {
	*httptest.Server
	people  *people.People // of the last replica
	login   *login.Login   // likewise
	store   store.Store    // likewise
	handler []http.Handler // by replica

	mu     sync.Mutex
	ahead  time.Duration // of the clock
	ended  []string
	failed error // of Ended
	events []login.Event
	told   []people.Event
	next   int
}

// stores are the stores that all of this has to hold on.
func stores() map[string]func(testing.TB) string {
	return map[string]func(testing.TB) string{
		"sqlite": func(t testing.TB) string { return "file:" + filepath.Join(t.TempDir(), "s.db") },
		"redis":  func(t testing.TB) string { return storetest.Redis(t) },
	}
}

func newSite(t testing.TB, p *provider, replicas int, edit ...func(*login.Options)) *site {
	t.Helper()
	return newSiteOn(t, p, replicas, stores()["sqlite"](t), edit...)
}

func newSiteOn(t testing.TB, p *provider, replicas int, on string, edit ...func(*login.Options)) *site {
	t.Helper()
	s := &site{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.next++
		h := s.handler[s.next%len(s.handler)]
		s.mu.Unlock()
		h.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	for range replicas {
		st, err := store.Open(context.Background(), on)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = st.Close() })
		s.store = st
		s.people, err = people.New(people.Options{Store: st, Sealer: plain{}, Now: s.now, PublicURL: s.URL, Observe: s.observePeople})
		if err != nil {
			t.Fatal(err)
		}
		o := login.Options{
			Provider: login.Provider{Issuer: p.URL, ClientID: "toolvault", ClientSecret: vault.NewSecret(secret)},
			Store:    st, Sealer: plain{}, People: s.people, Now: s.now, PublicURL: s.URL, Ended: s.end, Observe: s.observe,
		}
		for _, f := range edit {
			f(&o)
		}
		if s.login, err = login.New(o); err != nil {
			t.Fatal(err)
		}
		mux := http.NewServeMux()
		mux.Handle("/signin/company", s.login.Handler())
		mux.Handle("/signin/company/", s.login.Handler())
		mux.Handle("/signin", s.people.Handler())
		mux.HandleFunc("/who", func(w http.ResponseWriter, r *http.Request) {
			person, ok := s.people.Visitor(r)
			if !ok {
				w.WriteHeader(http.StatusUnauthorized)
			}
			_, _ = w.Write([]byte(person.Name + " " + strings.Join(person.Groups, ",")))
		})
		s.handler = append(s.handler, mux)
	}
	return s
}

func (s *site) now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Now().Add(s.ahead)
}

func (s *site) pass(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ahead += d
}

func (s *site) end(_ context.Context, persons []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed != nil {
		return s.failed
	}
	s.ended = append(s.ended, persons...)
	return nil
}

func (s *site) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failed = err
}

func (s *site) observe(_ context.Context, e login.Event) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = append(s.events, e)
	return nil
}

func (s *site) observePeople(_ context.Context, e people.Event) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told = append(s.told, e)
	return nil
}

// record is what the log has so far, and who was ended.
func (s *site) record() (events []login.Event, ended []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.events), slices.Clone(s.ended)
}

func browser(t testing.TB) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Jar: jar}
}

func get(t testing.TB, c *http.Client, target string) (int, string, *url.URL) {
	t.Helper()
	resp, err := c.Get(target)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var b strings.Builder
	_, _ = io.Copy(&b, io.LimitReader(resp.Body, 1<<20))
	return resp.StatusCode, b.String(), resp.Request.URL
}

// comesBack goes to the provider and stops before the answer is opened, which it
// returns.
func (s *site) comesBack(t testing.TB, c *http.Client, query string) (link string) {
	t.Helper()
	stopped := *c
	stopped.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(r.URL.String(), s.URL+login.CallbackPath) {
			return http.ErrUseLastResponse
		}
		return nil
	}
	resp, err := stopped.Get(s.URL + login.Path + query)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if link = resp.Header.Get("Location"); !strings.HasPrefix(link, s.URL+login.CallbackPath+"?") {
		t.Fatalf("%d to %q", resp.StatusCode, link)
	}
	return link
}

// who is the person whom the site takes a browser for; "" for nobody.
func (s *site) who(t testing.TB, c *http.Client) string {
	t.Helper()
	status, body, _ := get(t, c, s.URL+"/who")
	if status != http.StatusOK {
		return ""
	}
	return body
}
