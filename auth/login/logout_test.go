package login_test

import (
	"crypto/rand"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"toolvault/auth/login"
)

const logoutEvent = "http://schemas.openid.net/event/backchannel-logout"

// logoutToken is a good one, but for what is changed; nil takes a claim out.
func (p *provider) logoutToken(t testing.TB, change m) string {
	claims := m{
		"iss": p.URL, "aud": "toolvault", "iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix(), "jti": rand.Text(),
		"events": m{logoutEvent: m{}}, "sub": "u-1", "sid": "s-1",
	}
	maps.Copy(claims, change)
	for k, v := range claims {
		if v == nil {
			delete(claims, k)
		}
	}
	return p.sign(t, claims)
}

// logout sends a logout token to the site, and returns the status.
func (s *site) logout(t testing.TB, token string) int {
	t.Helper()
	resp, err := http.PostForm(s.URL+login.LogoutPath, url.Values{"logout_token": {token}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, _ := io.ReadAll(resp.Body)
	if resp.Header.Get("Cache-Control") != "no-store" || len(resp.Cookies()) != 0 || strings.Contains(string(body), "canary") {
		t.Errorf("%v %s", resp.Header, body)
	}
	if resp.StatusCode == http.StatusServiceUnavailable && resp.Header.Get("Retry-After") == "" {
		t.Error("it does not say when to try again")
	}
	return resp.StatusCode
}

func signedIn(t testing.TB, s *site) *http.Client {
	t.Helper()
	c := browser(t)
	if status, _, _ := get(t, c, s.URL+login.Path+"?return=%2Fwho"); status != 200 {
		t.Fatal(status)
	}
	return c
}

func TestLogout(t *testing.T) {
	for name, on := range stores() {
		t.Run(name, func(t *testing.T) {
			p := newProvider(t)
			s := newSiteOn(t, p, 2, on(t))
			c := signedIn(t, s)
			token := p.logoutToken(t, nil)
			if status := s.logout(t, token); status != 200 {
				t.Fatal(status)
			}
			for range 2 { // both replicas
				if who := s.who(t, c); who != "" {
					t.Errorf("still signed in as %s", who)
				}
			}
			if _, ended := s.record(); len(ended) != 1 || ended[0] != "ada@example.com" {
				t.Errorf("ended: %q", ended)
			}
			for range 2 {
				if status := s.logout(t, token); status != http.StatusBadRequest {
					t.Errorf("replayed: %d", status)
				}
			}
			s.pass(6 * time.Second)
			c = signedIn(t, s)
			if status := s.logout(t, token); status != http.StatusBadRequest || s.who(t, c) == "" {
				t.Errorf("replayed after a new sign-in: %d", status)
			}
			if _, ended := s.record(); len(ended) != 1 {
				t.Errorf("ended: %q", ended)
			}
		})
	}
}

func TestLogoutsThatAreNotBelieved(t *testing.T) {
	p, stranger := newProvider(t), newProvider(t)
	stranger.Config.Handler = http.NotFoundHandler()
	s := newSite(t, p, 1)
	c := signedIn(t, s)
	of := func(d time.Duration) int64 { return time.Now().Add(d).Unix() }
	good := m{
		"iss": p.URL, "aud": "toolvault", "iat": of(0), "exp": of(time.Minute), "jti": rand.Text(), "events": m{logoutEvent: m{}}, "sub": "u-1", "sid": "s-1",
	}
	rows := map[string]struct{ token, why string }{
		"no event":               {p.logoutToken(t, m{"events": nil}), "event"},
		"another event":          {p.logoutToken(t, m{"events": m{"https://example.com/event": m{}}}), "event"},
		"an event that is text":  {p.logoutToken(t, m{"events": m{logoutEvent: "x"}}), "event"},
		"an event that is null":  {p.logoutToken(t, m{"events": m{logoutEvent: nil}}), "event"},
		"an ID token":            {p.logoutToken(t, m{"nonce": "n"}), "nonce"},
		"a nonce that is null":   {p.sign(t, with(good, "nonce", nil)), "nonce"},
		"another client's":       {p.logoutToken(t, m{"aud": "other"}), "audience"},
		"nobody's audience":      {p.logoutToken(t, m{"aud": nil}), "audience"},
		"another issuer's":       {p.logoutToken(t, m{"iss": "https://evil.example"}), "different provider"},
		"no issuer's":            {p.logoutToken(t, m{"iss": nil}), "different provider"},
		"nobody's":               {p.logoutToken(t, m{"sub": nil, "sid": nil}), "sub"},
		"without an id":          {p.logoutToken(t, m{"jti": nil}), "jti"},
		"with a long id":         {p.logoutToken(t, m{"jti": strings.Repeat("j", 257)}), "jti"},
		"old":                    {p.logoutToken(t, m{"iat": of(-5*time.Minute - 2*time.Second)}), "iat"},
		"of no time":             {p.logoutToken(t, m{"iat": nil}), "iat"},
		"of the future":          {p.logoutToken(t, m{"iat": of(2 * time.Minute), "exp": of(2 * time.Hour)}), "iat"},
		"expired":                {p.logoutToken(t, m{"exp": of(-time.Second)}), "expired"},
		"without an end":         {p.logoutToken(t, m{"exp": nil}), "exp"},
		"signed by another":      {stranger.sign(t, good), "signature"},
		"by the public key":      {signed(t, jose.HS256, make([]byte, 32), m{"kid": "k"}, good), "malformed"},
		"signed by an unknown":   {signed(t, jose.ES256, jose.JSONWebKey{Key: stranger.key, KeyID: "x"}, nil, good), "signature"},
		"no token":               {"x", "malformed"},
		"nothing":                {"", "malformed"},
		"more than fits":         {strings.Repeat("x", 33<<10), "one logout_token"},
		"claims that are a list": {signed(t, jose.ES256, jose.JSONWebKey{Key: p.key, KeyID: "k"}, nil, []string{"x"}), "pars"},
	}
	for name, row := range rows {
		s.pass(time.Second)
		if status := s.logout(t, row.token); status != http.StatusBadRequest {
			t.Errorf("%s: %d", name, status)
		}
		events, _ := s.record()
		if len(events) == 0 || !strings.Contains(events[len(events)-1].Reason, row.why) || events[len(events)-1].Kind != login.Refused {
			t.Errorf("%s is on record, and not for %q: %+v", name, row.why, events[len(events)-1:])
		}
	}
	s.pass(-time.Duration(len(rows)) * time.Second)
	token := p.logoutToken(t, nil)
	for name, send := range map[string]func() (*http.Response, error){
		"in the URL": func() (*http.Response, error) {
			return http.Post(s.URL+login.LogoutPath+"?logout_token="+token, "application/x-www-form-urlencoded", nil)
		},
		"with a query": func() (*http.Response, error) {
			return http.PostForm(s.URL+login.LogoutPath+"?x=1", url.Values{"logout_token": {token}})
		},
		"twice": func() (*http.Response, error) {
			return http.PostForm(s.URL+login.LogoutPath, url.Values{"logout_token": {token, token}})
		},
		"as JSON": func() (*http.Response, error) {
			return http.Post(s.URL+login.LogoutPath, "application/json", strings.NewReader(`{"logout_token":"`+token+`"}`))
		},
		"of no type": func() (*http.Response, error) {
			return http.Post(s.URL+login.LogoutPath, "", strings.NewReader("logout_token="+token))
		},
	} {
		resp, err := send()
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %d", name, resp.StatusCode)
		}
	}
	if resp, err := http.Get(s.URL + login.LogoutPath + "?logout_token=" + token); err != nil || resp.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("by GET: %v %v", resp, err)
	}
	if _, ended := s.record(); len(ended) != 0 || s.who(t, c) == "" {
		t.Fatalf("signed out by a token that is not good: %v", ended)
	}
	if status := s.logout(t, token); status != 200 || s.who(t, c) != "" {
		t.Errorf("what was sent wrongly does not work any more: %d", status)
	}
}

func with(claims m, name string, value any) m {
	claims = maps.Clone(claims)
	claims[name] = value
	return claims
}

// TestLogoutOfASubjectOrASession: either is enough, and neither is somebody else.
func TestLogoutOfASubjectOrASession(t *testing.T) {
	for name, row := range map[string]struct {
		change m
		in     bool // still
	}{
		"the subject alone":   {m{"sid": nil}, false},
		"the session alone":   {m{"sub": nil}, false},
		"another's subject":   {m{"sub": "u-2", "sid": nil}, true},
		"another session":     {m{"sub": nil, "sid": "s-2"}, true},
		"nobody that is here": {m{"sub": "nobody", "sid": "none"}, true},
	} {
		p := newProvider(t)
		s := newSite(t, p, 2)
		c := signedIn(t, s)
		if status := s.logout(t, p.logoutToken(t, row.change)); status != 200 {
			t.Errorf("%s: %d", name, status)
		}
		if (s.who(t, c) != "") != row.in {
			t.Errorf("%s: still signed in %v", name, !row.in)
		}
	}
}

// TestALogoutThatCouldNotBeDoneIsDoneLater: whatever fails, the provider's next try with
// the same token does it.
func TestALogoutThatCouldNotBeDoneIsDoneLater(t *testing.T) {
	for name, on := range stores() {
		t.Run(name, func(t *testing.T) {
			p := newProvider(t)
			s := newSiteOn(t, p, 2, on(t))
			signedIn(t, s)
			token := p.logoutToken(t, nil)
			s.fail(errors.New("the disk is full"))
			for range 3 {
				if status := s.logout(t, token); status != http.StatusServiceUnavailable {
					t.Fatal(status)
				}
			}
			s.fail(nil)
			if status := s.logout(t, token); status != 200 {
				t.Fatal(status)
			}
			if _, ended := s.record(); len(ended) != 1 {
				t.Errorf("ended: %q", ended)
			}
			if status := s.logout(t, token); status != http.StatusBadRequest {
				t.Errorf("replayed: %d", status)
			}
		})
	}
}

// TestALogoutWaitsForTheProvidersKeys: that they cannot be had is no fault of the token.
func TestALogoutWaitsForTheProvidersKeys(t *testing.T) {
	p := newProvider(t)
	p.instead["/keys"] = func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "canary", http.StatusInternalServerError) }
	s := newSite(t, p, 1)
	token := p.logoutToken(t, nil)
	if status := s.logout(t, token); status != http.StatusServiceUnavailable {
		t.Error(status)
	}
	p.change(func() { delete(p.instead, "/keys") })
	s.pass(3 * time.Second)
	if status := s.logout(t, token); status != 200 {
		t.Error(status)
	}
	p.Close()
	s.pass(2 * time.Hour)
	if status := newSite(t, p, 1).logout(t, token); status != http.StatusServiceUnavailable {
		t.Errorf("the provider is away: %d", status)
	}
}

// TestEightLogoutsAtOnce of one token: the provider is told that it is done, and nobody
// else is hit.
func TestEightLogoutsAtOnce(t *testing.T) {
	for name, on := range stores() {
		t.Run(name, func(t *testing.T) {
			p := newProvider(t)
			s := newSiteOn(t, p, 2, on(t))
			c := signedIn(t, s)
			token := p.logoutToken(t, nil)
			var all sync.WaitGroup
			var mu sync.Mutex
			got := map[int]int{}
			for range 8 {
				all.Go(func() {
					status := s.logout(t, token)
					mu.Lock()
					defer mu.Unlock()
					got[status]++
				})
			}
			all.Wait()
			if got[200] == 0 || got[200]+got[400] != 8 || s.who(t, c) != "" {
				t.Errorf("%v, signed in as %q", got, s.who(t, c))
			}
		})
	}
}

// TestOldLogoutTokensAreSwept, and not before they could be used.
func TestOldLogoutTokensAreSwept(t *testing.T) {
	p := newProvider(t)
	s := newSite(t, p, 1)
	token := p.logoutToken(t, m{"iat": time.Now().Add(50 * time.Second).Unix(), "exp": time.Now().Add(time.Hour).Unix()})
	if status := s.logout(t, token); status != 200 {
		t.Fatal(status)
	}
	for _, step := range []struct {
		after time.Duration
		left  int
	}{{0, 1}, {6 * time.Minute, 1}, {4 * time.Minute, 0}} {
		s.pass(step.after)
		if status := s.logout(t, token); status != http.StatusBadRequest {
			t.Errorf("replayed %v later: %d", step.after, status)
		}
		if err := s.login.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		items, err := s.store.List(t.Context(), "login/logout/", "", 10)
		if err != nil || len(items) != step.left {
			t.Errorf("%v later %d are kept, want %d: %v", step.after, len(items), step.left, err)
		}
	}
}
