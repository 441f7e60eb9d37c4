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
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"toolvault/auth/login"
	"toolvault/auth/people"
	"toolvault/vault"
	"toolvault/vault/store"
)

type m = map[string]any

// provider is an OpenID provider that signs everybody in at once.
type provider struct {
	*httptest.Server
	key *ecdsa.PrivateKey

	mu     sync.Mutex
	codes  map[string]url.Values // what was asked for, by code
	edit   func(claims m)        // of ID tokens
	answer func(url.Values)      // of redirects
	info   m                     // of the user info
}

func newProvider(t *testing.T) *provider {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p := &provider{key: key, codes: map[string]url.Values{}}
	mux := http.NewServeMux()
	p.Server = httptest.NewServer(mux)
	t.Cleanup(p.Close)
	reply := func(w http.ResponseWriter, v any) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(v)
	}
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, m{
			"issuer": p.URL, "authorization_endpoint": p.URL + "/auth", "token_endpoint": p.URL + "/token", "jwks_uri": p.URL + "/keys",
			"userinfo_endpoint": p.URL + "/me", "id_token_signing_alg_values_supported": []string{"ES256", "HS256", "none"},
			"authorization_response_iss_parameter_supported": true, "response_types_supported": []string{"code"}, "subject_types_supported": []string{"public"},
		})
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k", Algorithm: "ES256", Use: "sig"}}})
	})
	mux.HandleFunc("/auth", func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		code := rand.Text()
		back := url.Values{"code": {code}, "state": {q.Get("state")}, "iss": {p.URL}}
		p.mu.Lock()
		p.codes[code] = q
		if p.answer != nil {
			p.answer(back)
		}
		p.mu.Unlock()
		http.Redirect(w, r, q.Get("redirect_uri")+"?"+back.Encode(), http.StatusFound)
	})
	mux.HandleFunc("/token", func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		p.mu.Lock()
		asked, ok := p.codes[r.Form.Get("code")]
		delete(p.codes, r.Form.Get("code"))
		edit := p.edit
		p.mu.Unlock()
		sum := sha256.Sum256([]byte(r.Form.Get("code_verifier")))
		id, secret, _ := r.BasicAuth()
		if !ok || asked.Get("code_challenge") != base64.RawURLEncoding.EncodeToString(sum[:]) || id != "toolvault" || secret != "s3cret" {
			w.WriteHeader(http.StatusBadRequest)
			reply(w, m{"error": "invalid_grant", "error_description": "<script>canary</script>"})
			return
		}
		claims := m{
			"iss": p.URL, "aud": "toolvault", "sub": "u-1", "nonce": asked.Get("nonce"), "sid": "s-1", "exp": time.Now().Add(time.Minute).Unix(),
			"iat": time.Now().Unix(), "email": "ada@example.com", "groups": []string{"support"},
		}
		if edit != nil {
			edit(claims)
		}
		reply(w, m{"access_token": "upstream-access", "token_type": "Bearer", "id_token": p.sign(t, claims)})
	})
	mux.HandleFunc("/me", func(w http.ResponseWriter, _ *http.Request) { reply(w, p.info) })
	return p
}

func (p *provider) sign(t *testing.T, claims m) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: p.key, KeyID: "k"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	payload, _ := json.Marshal(claims)
	signed, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	out, _ := signed.CompactSerialize()
	return out
}

type plain struct{}

func (plain) Seal(p []byte, _ string, _ int64) ([]byte, error) { return p, nil }
func (plain) Open(p []byte, _ string, _ int64) ([]byte, error) { return p, nil }

// site is toolvault with people, at one or more replicas on one store.
type site struct {
	*httptest.Server
	people *people.People
	ended  []string
	events []login.Event
	next   int
	all    []http.Handler
}

func newSite(t *testing.T, p *provider, replicas int) *site {
	t.Helper()
	s := &site{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.next++
		s.all[s.next%len(s.all)].ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	path := filepath.Join(t.TempDir(), "s.db")
	for range replicas {
		st, err := store.Open(context.Background(), "file:"+path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = st.Close() })
		s.people, err = people.New(people.Options{Store: st, Sealer: plain{}, Now: time.Now, PublicURL: s.URL})
		if err != nil {
			t.Fatal(err)
		}
		l, err := login.New(login.Options{
			Provider: login.Provider{Issuer: p.URL, ClientID: "toolvault", ClientSecret: vault.NewSecret("s3cret")},
			Store:    st, Sealer: plain{}, People: s.people, Now: time.Now, PublicURL: s.URL,
			Ended:   func(_ context.Context, persons []string) error { s.ended = append(s.ended, persons...); return nil },
			Observe: func(_ context.Context, e login.Event) error { s.events = append(s.events, e); return nil },
		})
		if err != nil {
			t.Fatal(err)
		}
		mux := http.NewServeMux()
		mux.Handle("/signin/company", l.Handler())
		mux.Handle("/signin/company/", l.Handler())
		mux.Handle("/signin", s.people.Handler())
		mux.HandleFunc("/who", func(w http.ResponseWriter, r *http.Request) {
			person, ok := s.people.Visitor(r)
			if !ok {
				w.WriteHeader(http.StatusUnauthorized)
			}
			_, _ = w.Write([]byte(person.Name + " " + strings.Join(person.Groups, ",")))
		})
		s.all = append(s.all, mux)
	}
	return s
}

func browser(t *testing.T) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Jar: jar}
}

func get(t *testing.T, c *http.Client, target string) (int, string, *url.URL) {
	t.Helper()
	resp, err := c.Get(target)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var b strings.Builder
	_, _ = io.Copy(&b, io.LimitReader(resp.Body, 1<<20))
	return resp.StatusCode, b.String(), resp.Request.URL
}

func TestSignIn(t *testing.T) {
	p := newProvider(t)
	s := newSite(t, p, 2)
	c := browser(t)
	status, body, at := get(t, c, s.URL+"/signin/company?return=%2Fwho")
	if status != 200 || body != "ada@example.com support" || at.Path != "/who" {
		t.Fatalf("%d %q at %s", status, body, at)
	}
	if _, _, at := get(t, browser(t), s.URL+"/signin/company?return=https%3A%2F%2Fevil.example"); at.Host != strings.TrimPrefix(s.URL, "http://") {
		t.Errorf("sent to %s", at)
	}
}

// TestWhatIsNotBelieved: each row is a sign-in that must end with nobody signed in.
func TestWhatIsNotBelieved(t *testing.T) {
	for name, row := range map[string]struct {
		edit   func(m)
		answer func(url.Values)
	}{
		"a token of another sign-in":  {edit: func(c m) { c["nonce"] = "other" }},
		"a token for another client":  {edit: func(c m) { c["aud"] = "other" }},
		"made for another client":     {edit: func(c m) { c["aud"] = []string{"toolvault", "other"}; c["azp"] = "other" }},
		"for several, of nobody":      {edit: func(c m) { c["aud"] = []string{"toolvault", "other"} }},
		"of another issuer":           {edit: func(c m) { c["iss"] = "https://evil.example" }},
		"expired":                     {edit: func(c m) { c["exp"] = time.Now().Add(-time.Hour).Unix() }},
		"an email that is not proved": {edit: func(c m) { c["email_verified"] = false }},
		"a name that is none":         {edit: func(c m) { c["email"] = "a b <x>" }},
		"no issuer in the answer":     {answer: func(v url.Values) { v.Del("iss") }},
		"another issuer's answer":     {answer: func(v url.Values) { v.Set("iss", "https://evil.example") }},
		"a state that nobody gave":    {answer: func(v url.Values) { v.Set("state", "x") }},
		"no code":                     {answer: func(v url.Values) { v.Del("code") }},
		"another code":                {answer: func(v url.Values) { v.Set("code", "x") }},
		"an error":                    {answer: func(v url.Values) { v.Del("code"); v.Set("error", "<script>canary</script>") }},
		"a parameter twice":           {answer: func(v url.Values) { v.Add("code", "y") }},
	} {
		t.Run(name, func(t *testing.T) {
			p := newProvider(t)
			p.edit, p.answer, p.info = row.edit, row.answer, m{"sub": "u-1"}
			s := newSite(t, p, 1)
			c := browser(t)
			status, body, _ := get(t, c, s.URL+"/signin/company?return=%2Fwho")
			if status < 400 || strings.Contains(body, "canary") {
				t.Errorf("%d %s", status, body)
			}
			if status, who, _ := get(t, c, s.URL+"/who"); status != http.StatusUnauthorized {
				t.Errorf("signed in: %s", who)
			}
			if len(s.events) != 1 || strings.Contains(s.events[0].Reason, "canary") {
				t.Errorf("on record: %+v", s.events)
			}
		})
	}
}

// TestTheUserInfoIsOfTheSamePerson: what is missing is asked for, and of nobody else
// is it taken.
func TestTheUserInfoIsOfTheSamePerson(t *testing.T) {
	for sub, want := range map[string]int{"u-1": 200, "u-2": 502} {
		p := newProvider(t)
		p.edit = func(c m) { delete(c, "email"); delete(c, "groups") }
		p.info = m{"sub": sub, "email": "ada@example.com", "groups": []string{"ops"}}
		s := newSite(t, p, 1)
		status, body, _ := get(t, browser(t), s.URL+"/signin/company?return=%2Fwho")
		if status != want || status == 200 && body != "ada@example.com ops" {
			t.Errorf("%s: %d %s", sub, status, body)
		}
	}
}

// TestTheAnswerBelongsToOneBrowserOnce: a stranger cannot sign somebody in as
// themselves, and an answer works once.
func TestTheAnswerBelongsToOneBrowserOnce(t *testing.T) {
	p := newProvider(t)
	s := newSite(t, p, 2)
	attacker := browser(t)
	attacker.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if strings.HasSuffix(r.URL.Path, "/callback") {
			return http.ErrUseLastResponse
		}
		return nil
	}
	resp, err := attacker.Get(s.URL + "/signin/company")
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	link := resp.Header.Get("Location")
	victim := browser(t)
	if status, _, _ := get(t, victim, link); status != http.StatusBadRequest {
		t.Errorf("the victim's browser: %d", status)
	}
	if status, _, _ := get(t, victim, s.URL+"/who"); status != http.StatusUnauthorized {
		t.Error("the victim is signed in as somebody else")
	}
	c := browser(t)
	var last string
	c.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if strings.HasSuffix(r.URL.Path, "/callback") {
			last = r.URL.String()
		}
		return nil
	}
	if status, _, _ := get(t, c, s.URL+"/signin/company?return=%2Fwho"); status != 200 {
		t.Fatal(status)
	}
	if status, _, _ := get(t, c, last); status != http.StatusBadRequest {
		t.Errorf("an answer that was used: %d", status)
	}
}

func TestTheProviderIsAway(t *testing.T) {
	p := newProvider(t)
	s := newSite(t, p, 1)
	p.Close()
	if status, body, _ := get(t, browser(t), s.URL+"/signin/company"); status != http.StatusServiceUnavailable || !strings.Contains(body, "Nobody can sign in") {
		t.Errorf("%d %s", status, body)
	}
}

func TestLogout(t *testing.T) {
	p := newProvider(t)
	s := newSite(t, p, 2)
	event := m{"http://schemas.openid.net/event/backchannel-logout": m{}}
	good := func() m {
		return m{"iss": p.URL, "aud": "toolvault", "iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix(), "jti": rand.Text(), "events": event, "sub": "u-1", "sid": "s-1"}
	}
	with := func(change m) string {
		claims := good()
		maps.Copy(claims, change)
		for k, v := range claims {
			if v == nil {
				delete(claims, k)
			}
		}
		return p.sign(t, claims)
	}
	post := func(token string) int {
		resp, err := http.PostForm(s.URL+"/signin/company/logout", url.Values{"logout_token": {token}})
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.Header.Get("Cache-Control") != "no-store" {
			t.Error("the answer may be kept")
		}
		return resp.StatusCode
	}
	c := browser(t)
	if status, _, _ := get(t, c, s.URL+"/signin/company?return=%2Fwho"); status != 200 {
		t.Fatal(status)
	}
	stranger := newProvider(t)
	for name, token := range map[string]string{
		"no event":          with(m{"events": nil}),
		"an ID token":       with(m{"nonce": "n"}),
		"another client's":  with(m{"aud": "other"}),
		"another issuer's":  with(m{"iss": "https://evil.example"}),
		"nobody's":          with(m{"sub": nil, "sid": nil}),
		"without an id":     with(m{"jti": nil}),
		"old":               with(m{"iat": time.Now().Add(-time.Hour).Unix()}),
		"of the future":     with(m{"iat": time.Now().Add(time.Hour).Unix(), "exp": time.Now().Add(2 * time.Hour).Unix()}),
		"signed by another": stranger.sign(t, good()),
		"no token":          "x",
	} {
		if status := post(token); status != http.StatusBadRequest {
			t.Errorf("%s: %d", name, status)
		}
	}
	if status, _, _ := get(t, c, s.URL+"/who"); status != 200 {
		t.Fatal("signed out by a token that is not good")
	}
	token := with(nil)
	if status := post(token); status != 200 {
		t.Fatal(status)
	}
	for range 2 { // both replicas
		if status, _, _ := get(t, c, s.URL+"/who"); status != http.StatusUnauthorized {
			t.Error("still signed in")
		}
	}
	if len(s.ended) != 1 || s.ended[0] != "ada@example.com" {
		t.Errorf("ended: %q", s.ended)
	}
	if status := post(token); status != http.StatusBadRequest {
		t.Errorf("replayed: %d", status)
	}
}
