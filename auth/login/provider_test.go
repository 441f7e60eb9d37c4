package login_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"toolvault/auth/login"
)

func TestTheProviderIsAway(t *testing.T) {
	p := newProvider(t)
	s := newSite(t, p, 1)
	p.Close()
	if status, body, _ := get(t, browser(t), s.URL+"/signin/company"); status != http.StatusServiceUnavailable || !strings.Contains(body, "Nobody can sign in") {
		t.Errorf("%d %s", status, body)
	}
}

// TestTheProviderIsBad: whatever it answers, nobody is signed in, nothing of it is shown
// or written at length, and no browser or secret is sent elsewhere.
func TestTheProviderIsBad(t *testing.T) {
	answer := func(status int, kind, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	canary := "<script>canary</script>" + strings.Repeat("canary", 1000)
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("elsewhere was asked") }))
	t.Cleanup(elsewhere.Close)
	redirect := func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
	}
	huge := answer(200, "application/json", `{"pad":"`+strings.Repeat("x", 2<<20)+`"}`)
	deep := answer(200, "application/json", strings.Repeat("[", 100_000))
	for path, status := range map[string]int{"/.well-known/openid-configuration": 503, "/keys": 502, "/token": 502, "/me": 502} {
		for name, instead := range map[string]http.HandlerFunc{
			"an error": answer(500, "text/html", canary), "a refusal": answer(400, "application/json", `{"error":"`+strings.Repeat("canary", 100)+`"}`),
			"no JSON": answer(200, "application/json", canary), "another type": answer(200, "text/html", canary), "nothing": answer(200, "application/json", ""),
			"null": answer(200, "application/json", "null"), "a list": answer(200, "application/json", "[]"), "too much": huge, "too deep": deep, "a redirect": redirect,
		} {
			t.Run(path+": "+name, func(t *testing.T) {
				p := newProvider(t)
				p.edit = func(c m) { delete(c, "email") } // so that the user info is asked for
				p.info = m{"sub": "u-1", "email": "ada@example.com"}
				p.instead[path] = instead
				var log lockedBuffer
				s := newSite(t, p, 1, func(o *login.Options) { o.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
				c := browser(t)
				got, body, _ := get(t, c, s.URL+login.Path+"?return=%2Fwho")
				if got != status || strings.Contains(body, "canary") || s.who(t, c) != "" {
					t.Errorf("%d %s", got, body)
				}
				events, _ := s.record()
				for _, e := range events {
					if len(e.Reason) > 400 || strings.Contains(e.Reason, "canary") {
						t.Errorf("on record: %s", e.Reason)
					}
				}
				if status == 502 && len(events) != 1 {
					t.Errorf("on record: %v", events)
				}
				if len(log.String()) > 2000 {
					t.Errorf("%d bytes of log: %.500s", len(log.String()), log.String())
				}
			})
		}
	}
}

// TestAnAnswerThatIsTooLong is none, however good it is.
func TestAnAnswerThatIsTooLong(t *testing.T) {
	for path, status := range map[string]int{"/.well-known/openid-configuration": 503, "/keys": 502, "/token": 502, "/me": 502} {
		for _, pad := range []int{1 << 10, 2 << 20} {
			p := newProvider(t)
			p.edit = func(c m) { delete(c, "email") }
			p.info = m{"sub": "u-1", "email": "ada@example.com"}
			p.instead[path] = func(w http.ResponseWriter, r *http.Request) {
				rec := httptest.NewRecorder()
				p.mux.ServeHTTP(rec, r)
				w.Header().Set("Content-Type", "application/json")
				_, _ = io.WriteString(w, `{"pad":"`+strings.Repeat("x", pad)+`",`+strings.TrimPrefix(rec.Body.String(), "{"))
			}
			s := newSite(t, p, 1)
			c := browser(t)
			got, _, _ := get(t, c, s.URL+login.Path+"?return=%2Fwho")
			if pad < 1<<20 && got != 200 || pad > 1<<20 && (got != status || s.who(t, c) != "") {
				t.Errorf("%s with %d bytes more: %d", path, pad, got)
			}
		}
	}
}

// TestAProviderThatIsAwayIsLeftAlone for two seconds.
func TestAProviderThatIsAwayIsLeftAlone(t *testing.T) {
	p := newProvider(t)
	var asked atomic.Int64
	s := newSite(t, p, 1, func(o *login.Options) {
		o.HTTP = &http.Client{Transport: away{&asked}}
	})
	for _, want := range []int64{1, 1, 1, 2, 2} {
		if want == 2 && asked.Load() == 1 {
			s.pass(2 * time.Second)
		}
		if status, _, _ := get(t, browser(t), s.URL+login.Path); status != http.StatusServiceUnavailable || asked.Load() != want {
			t.Errorf("%d, asked %d times", status, asked.Load())
		}
	}
}

// away answers nothing.
type away struct{ asked *atomic.Int64 }

func (a away) RoundTrip(*http.Request) (*http.Response, error) {
	a.asked.Add(1)
	return nil, errors.New("no route to host")
}

// lockedBuffer is a log that several write.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// TestADescriptionThatLeadsAstray is none.
func TestADescriptionThatLeadsAstray(t *testing.T) {
	for name, describe := range map[string]func(m){
		"another issuer":              func(d m) { d["issuer"] = "https://evil.example" },
		"a script":                    func(d m) { d["authorization_endpoint"] = "javascript:alert(1)" },
		"a file":                      func(d m) { d["jwks_uri"] = "file:///etc/passwd" },
		"no host":                     func(d m) { d["authorization_endpoint"] = "http:///auth" },
		"a path":                      func(d m) { d["token_endpoint"] = "/token" },
		"a user":                      func(d m) { d["token_endpoint"] = "https://toolvault:x@evil.example/token" },
		"a fragment":                  func(d m) { d["authorization_endpoint"] = d["authorization_endpoint"].(string) + "#x" },
		"no keys":                     func(d m) { delete(d, "jwks_uri") },
		"no token endpoint":           func(d m) { delete(d, "token_endpoint") },
		"nowhere to go":               func(d m) { delete(d, "authorization_endpoint") },
		"numbers":                     func(d m) { d["jwks_uri"] = 7 },
		"algorithms that are no list": func(d m) { d["id_token_signing_alg_values_supported"] = "ES256" },
	} {
		p := newProvider(t)
		p.describe = describe
		s := newSite(t, p, 1)
		status, _, at := get(t, browser(t), s.URL+login.Path)
		if status != http.StatusServiceUnavailable || !strings.HasPrefix(at.String(), s.URL) {
			t.Errorf("%s: %d at %s", name, status, at)
		}
	}
}

// TestHTTPSStaysHTTPS: a provider that is reached over https sends nothing over http.
func TestHTTPSStaysHTTPS(t *testing.T) {
	for name, c := range map[string]struct {
		edit   func(d m)
		status int
	}{
		"all over https":        {func(m) {}, http.StatusSeeOther},
		"no user info":          {func(d m) { delete(d, "userinfo_endpoint") }, http.StatusSeeOther},
		"browsers over http":    {func(d m) { d["authorization_endpoint"] = "http://id.example.com/auth" }, 503},
		"codes over http":       {func(d m) { d["token_endpoint"] = "http://id.example.com/token" }, 503},
		"keys over http":        {func(d m) { d["jwks_uri"] = "http://id.example.com/keys" }, 503},
		"access tokens by http": {func(d m) { d["userinfo_endpoint"] = "http://id.example.com/me" }, 503},
	} {
		p := newProvider(t)
		p.URL = "https://id.example.com"
		p.describe = c.edit
		s := newSite(t, p, 1, func(o *login.Options) { o.HTTP = &http.Client{Transport: direct{p.Config.Handler}} })
		w := httptest.NewRecorder()
		s.login.Handler().ServeHTTP(w, httptest.NewRequest("GET", login.Path, nil))
		if w.Code != c.status {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
}

// direct sends requests to a handler.
type direct struct{ http.Handler }

func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	w := httptest.NewRecorder()
	in := r.Clone(r.Context())
	if in.Body == nil {
		in.Body = http.NoBody
	}
	d.ServeHTTP(w, in)
	resp := w.Result()
	resp.Request = r
	return resp, nil
}

// TestAnOldDescriptionServes while the provider does not answer, and a new one is had
// when it does.
func TestAnOldDescriptionServes(t *testing.T) {
	p := newProvider(t)
	s := newSite(t, p, 1)
	signedIn(t, s)
	p.change(func() { p.instead["/.well-known/openid-configuration"] = http.NotFound })
	s.pass(2 * time.Hour)
	for range 5 {
		signedIn(t, s)
	}
	if n := p.requests("/.well-known/openid-configuration"); n != 2 {
		t.Errorf("asked %d times", n)
	}
	p.change(func() { delete(p.instead, "/.well-known/openid-configuration") })
	s.pass(3 * time.Second)
	signedIn(t, s)
	signedIn(t, s)
	if n := p.requests("/.well-known/openid-configuration"); n != 3 {
		t.Errorf("asked %d times", n)
	}
}

// TestNobodyWaitsForAProviderLongerThanTheyWant: of a hundred who come to one that does
// not answer, each goes when they want, and it is asked once.
func TestNobodyWaitsForAProviderLongerThanTheyWant(t *testing.T) {
	p := newProvider(t)
	let := make(chan struct{})
	open := sync.OnceFunc(func() { close(let) })
	defer open()
	p.instead["/.well-known/openid-configuration"] = func(w http.ResponseWriter, r *http.Request) {
		<-let
		http.NotFound(w, r)
	}
	s := newSite(t, p, 1)
	var all sync.WaitGroup
	start := time.Now()
	for i := range 100 {
		all.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			defer cancel()
			r := httptest.NewRequestWithContext(ctx, "GET", login.Path, nil)
			r.RemoteAddr = fmt.Sprintf("192.0.2.%d:1", i)
			w := httptest.NewRecorder()
			s.login.Handler().ServeHTTP(w, r)
			if w.Code != http.StatusServiceUnavailable || !errors.Is(ctx.Err(), context.DeadlineExceeded) {
				t.Errorf("%d %v", w.Code, ctx.Err())
			}
		})
	}
	all.Wait()
	if d := time.Since(start); d > 5*time.Second {
		t.Errorf("they have waited for %v", d)
	}
	if n := p.requests("/.well-known/openid-configuration"); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

// TestTheProvidersKeysChange: a new key is taken when a token names it, and the old one
// is not any more when it is gone.
func TestTheProvidersKeysChange(t *testing.T) {
	p, next := newProvider(t), newProvider(t)
	s := newSite(t, p, 1)
	signedIn(t, s)
	old := *p.key
	p.change(func() { p.key = next.key })
	p.instead["/keys"] = func(w http.ResponseWriter, _ *http.Request) {
		keys := p.keys()
		keys.Keys[0].KeyID = "k2"
		reply(w, keys)
	}
	p.change(func() {
		p.tokenOf = func(c m) string { return signed(t, "ES256", keyOf(next.key, "k2"), nil, c) }
	})
	s.pass(3 * time.Second)
	signedIn(t, s)
	p.change(func() { p.tokenOf = func(c m) string { return signed(t, "ES256", keyOf(&old, "k"), nil, c) } })
	s.pass(3 * time.Second)
	if status, _, _ := get(t, browser(t), s.URL+login.Path); status != http.StatusBadGateway {
		t.Errorf("by the old key: %d", status)
	}
}

// TestHowTheProviderTakesTheSecret: as it says, and at once.
func TestHowTheProviderTakesTheSecret(t *testing.T) {
	p := newProvider(t)
	p.describe = func(d m) {
		d["token_endpoint_auth_methods_supported"] = []string{"private_key_jwt", "client_secret_post"}
	}
	p.instead["/token"] = func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		if r.Header.Get("Authorization") != "" || r.PostForm.Get("client_secret") != secret || r.PostForm.Get("client_id") != "toolvault" {
			w.WriteHeader(http.StatusUnauthorized)
			reply(w, m{"error": "invalid_client"})
			return
		}
		p.mu.Lock()
		nonce := p.codes[r.PostForm.Get("code")].Get("nonce")
		p.mu.Unlock()
		reply(w, m{"access_token": "x", "token_type": "Bearer", "id_token": p.sign(t, p.claims(nonce))})
	}
	s := newSite(t, p, 1)
	signedIn(t, s)
	if n := p.requests("/token"); n != 1 {
		t.Errorf("the code was sent %d times", n)
	}
}
