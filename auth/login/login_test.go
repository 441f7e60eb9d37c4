package login_test

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"toolvault/auth/login"
	"toolvault/auth/people"
	"toolvault/vault"
)

func TestSignIn(t *testing.T) {
	for name, on := range stores() {
		t.Run(name, func(t *testing.T) {
			p := newProvider(t)
			s := newSiteOn(t, p, 2, on(t))
			c := browser(t)
			status, body, at := get(t, c, s.URL+"/signin/company?return=%2Fwho")
			if status != 200 || body != "ada@example.com support" || at.Path != "/who" {
				t.Fatalf("%d %q at %s", status, body, at)
			}
			for range 2 { // both replicas
				if who := s.who(t, c); who != "ada@example.com support" {
					t.Errorf("signed in as %q", who)
				}
			}
		})
	}
}

// TestTheWayBackIsOurs: what a link asks for after the sign-in is a path of this server,
// or nothing.
func TestTheWayBackIsOurs(t *testing.T) {
	s := newSite(t, newProvider(t), 1)
	for _, back := range []string{
		"https://evil.example", "//evil.example", `/\evil.example`, `\\evil.example`, "/x//evil.example", "javascript:alert(1)", "evil.example", "@evil.example",
		"/who#x", "/ who", "/who\r\nLocation: https://evil.example", "", "/" + strings.Repeat("a", 3000),
	} {
		status, _, at := get(t, browser(t), s.URL+login.Path+"?return="+url.QueryEscape(back))
		if status != 200 || !strings.HasPrefix(at.String(), s.URL+people.SignInPath) {
			t.Errorf("%q leads to %s: %d", back, at, status)
		}
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

// TestTheUserInfoOverrulesNothing that is signed.
func TestTheUserInfoOverrulesNothing(t *testing.T) {
	p := newProvider(t)
	p.edit = func(c m) { delete(c, "groups") }
	p.info = m{"sub": "u-1", "email": "eve@example.com", "iss": "https://evil.example", "groups": "ops"}
	s := newSite(t, p, 1)
	c := browser(t)
	if _, body, _ := get(t, c, s.URL+"/signin/company?return=%2Fwho"); body != "ada@example.com ops" {
		t.Errorf("signed in as %s", body)
	}
}

// TestTheAnswerBelongsToOneBrowserOnce: a stranger cannot sign somebody in as
// themselves, and an answer works once.
func TestTheAnswerBelongsToOneBrowserOnce(t *testing.T) {
	for name, on := range stores() {
		t.Run(name, func(t *testing.T) {
			p := newProvider(t)
			s := newSiteOn(t, p, 2, on(t))
			link := s.comesBack(t, browser(t), "")
			victim := browser(t)
			s.comesBack(t, victim, "") // who has an open sign-in of their own
			if status, _, _ := get(t, victim, link); status != http.StatusBadRequest {
				t.Errorf("the victim's browser: %d", status)
			}
			if who := s.who(t, victim); who != "" {
				t.Errorf("the victim is signed in as %s", who)
			}
			c := browser(t)
			link = s.comesBack(t, c, "?return=%2Fwho")
			if status, _, _ := get(t, c, link); status != 200 {
				t.Fatal(status)
			}
			if status, _, _ := get(t, c, link); status != http.StatusBadRequest {
				t.Errorf("an answer that was used: %d", status)
			}
		})
	}
}

// TestAnAnswerThatCameToTheWrongBrowserIsSpent: whoever has the link has to begin anew,
// and so has whoever sent it.
func TestAnAnswerThatCameToTheWrongBrowserIsSpent(t *testing.T) {
	s := newSite(t, newProvider(t), 1)
	right := browser(t)
	link := s.comesBack(t, right, "")
	if status, _, _ := get(t, browser(t), link); status != http.StatusBadRequest {
		t.Error(status)
	}
	if status, _, _ := get(t, right, link); status != http.StatusBadRequest || s.who(t, right) != "" {
		t.Errorf("%d", status)
	}
}

// TestEightAnswersAtOnce, at two replicas: one is taken.
func TestEightAnswersAtOnce(t *testing.T) {
	for name, on := range stores() {
		t.Run(name, func(t *testing.T) {
			p := newProvider(t)
			s := newSiteOn(t, p, 2, on(t))
			c := browser(t)
			link := s.comesBack(t, c, "?return=%2Fwho")
			var taken atomic.Int64
			var all sync.WaitGroup
			for range 8 {
				all.Go(func() {
					resp, err := c.Get(link)
					if err != nil {
						t.Error(err)
						return
					}
					_ = resp.Body.Close()
					if resp.StatusCode == http.StatusOK {
						taken.Add(1)
					}
				})
			}
			all.Wait()
			if taken.Load() != 1 || p.requests("/token") != 1 {
				t.Errorf("%d were taken, and the code was sent %d times", taken.Load(), p.requests("/token"))
			}
		})
	}
}

// TestTwoTabs begin one after the other, and both end well, in either order.
func TestTwoTabs(t *testing.T) {
	for _, order := range [][2]int{{0, 1}, {1, 0}} {
		s := newSite(t, newProvider(t), 2)
		c := browser(t)
		links := []string{s.comesBack(t, c, "?return=%2Fwho%3Ftab%3D0"), s.comesBack(t, c, "?return=%2Fwho%3Ftab%3D1")}
		for _, i := range order {
			status, body, at := get(t, c, links[i])
			if status != 200 || body != "ada@example.com support" || at.RawQuery != "tab="+string(rune('0'+i)) {
				t.Errorf("in the order %v, tab %d: %d at %s", order, i, status, at)
			}
		}
	}
}

// TestTheSessionBeginsWithTheSignIn: one that was planted before is nobody's after it,
// and one that was somebody's ends.
func TestTheSessionBeginsWithTheSignIn(t *testing.T) {
	p := newProvider(t)
	s := newSite(t, p, 1)
	site, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	session := func(c *http.Client) *http.Cookie {
		for _, cookie := range c.Jar.Cookies(site) {
			if cookie.Name == "toolvault-session" {
				return cookie
			}
		}
		return nil
	}
	with := func(cookie *http.Cookie) *http.Client {
		c := browser(t)
		c.Jar.SetCookies(site, []*http.Cookie{{Name: cookie.Name, Value: cookie.Value, Path: "/"}})
		return c
	}
	signIn := func(c *http.Client) *http.Cookie {
		if status, _, _ := get(t, c, s.URL+login.Path+"?return=%2Fwho"); status != 200 || session(c) == nil {
			t.Fatalf("%d %v", status, session(c))
		}
		return session(c)
	}
	planted := &http.Cookie{Name: "toolvault-session", Value: strings.Repeat("A", 43)}
	victim := with(planted)
	if got := signIn(victim); got.Value == planted.Value || s.who(t, with(planted)) != "" {
		t.Error("the planted session is good")
	}
	attackers := signIn(browser(t))
	p.change(func() { p.edit = func(c m) { c["sub"], c["email"] = "u-2", "bob@example.com" } })
	victim = with(attackers)
	if got := signIn(victim); got.Value == attackers.Value || s.who(t, victim) != "bob@example.com support" || s.who(t, with(attackers)) != "" {
		t.Error("the session of whoever was before goes on")
	}
}

// TestAnAttemptEnds after ten minutes, and is swept.
func TestAnAttemptEnds(t *testing.T) {
	for name, on := range stores() {
		t.Run(name, func(t *testing.T) {
			p := newProvider(t)
			s := newSiteOn(t, p, 1, on(t))
			c, late := browser(t), browser(t)
			link, old := s.comesBack(t, c, ""), s.comesBack(t, late, "")
			s.pass(9 * time.Minute)
			if status, _, _ := get(t, c, link); status != 200 {
				t.Errorf("after nine minutes: %d", status)
			}
			young := s.comesBack(t, c, "")
			s.pass(time.Minute)
			if status, _, _ := get(t, late, old); status != http.StatusBadRequest || s.who(t, late) != "" {
				t.Errorf("after ten minutes: %d", status)
			}
			s.comesBack(t, browser(t), "")
			left := func() int {
				items, err := s.store.List(t.Context(), "login/state/", "", 100)
				if err != nil {
					t.Fatal(err)
				}
				return len(items)
			}
			if left() != 2 {
				t.Fatalf("%d attempts are kept", left())
			}
			s.pass(9*time.Minute + 30*time.Second)
			if err := s.login.Sweep(t.Context()); err != nil || left() != 1 {
				t.Errorf("%d are left of two: %v", left(), err)
			}
			if status, _, _ := get(t, c, young); status != http.StatusBadRequest {
				t.Errorf("what was swept: %d", status)
			}
		})
	}
}

// TestTheCookieIsForTheServerAlone: no script reads it, no other site sends it along,
// and over https no neighbour can plant it.
func TestTheCookieIsForTheServerAlone(t *testing.T) {
	p := newProvider(t)
	s := newSite(t, p, 1, func(o *login.Options) { o.PublicURL = "https://tools.example.com" })
	c := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := c.Get(s.URL + login.Path)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	cookies := resp.Cookies()
	if len(cookies) != 1 {
		t.Fatal(cookies)
	}
	k := cookies[0]
	if k.Name != "__Host-toolvault-login" || !k.Secure || !k.HttpOnly || k.SameSite != http.SameSiteLaxMode || k.Path != "/" || k.Domain != "" || k.MaxAge != 600 || len(k.Value) != 43 {
		t.Errorf("%s", k)
	}
	if strings.Contains(resp.Header.Get("Location"), k.Value) || resp.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%v", resp.Header)
	}
}

// TestNobodyIsSignedInWhoIsNotWelcome: each is an answer of its own, and on record.
func TestNobodyIsSignedInWhoIsNotWelcome(t *testing.T) {
	for name, row := range map[string]struct {
		before func(t *testing.T, s *site)
		status int
		page   string
	}{
		"a name that is somebody else's": {func(t *testing.T, s *site) {
			if err := s.people.AddWithoutPassword(t.Context(), "ada@example.com"); err != nil {
				t.Fatal(err)
			}
		}, http.StatusForbidden, "belongs to somebody else"},
		"somebody who is disabled": {func(t *testing.T, s *site) {
			get(t, browser(t), s.URL+login.Path)
			if err := s.people.Disable(t.Context(), "ada@example.com"); err != nil {
				t.Fatal(err)
			}
		}, http.StatusForbidden, "You may not sign in here"},
		"somebody who was signed out a moment ago": {func(t *testing.T, s *site) {
			get(t, browser(t), s.URL+login.Path)
			if _, err := s.people.EndExternal(t.Context(), s.login.Provider.Issuer, "u-1", "s-1"); err != nil {
				t.Fatal(err)
			}
		}, http.StatusServiceUnavailable, "signed out a moment ago"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, newProvider(t), 1)
			row.before(t, s)
			c := browser(t)
			resp, err := c.Get(s.comesBack(t, c, "?return=%2Fwho"))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = resp.Body.Close() }()
			body, err := io.ReadAll(resp.Body)
			if err != nil || resp.StatusCode != row.status || !strings.Contains(string(body), row.page) || s.who(t, c) != "" {
				t.Errorf("%d %s", resp.StatusCode, body)
			}
			if (resp.Header.Get("Retry-After") != "") != (row.status == http.StatusServiceUnavailable) {
				t.Errorf("it says to try again in %q", resp.Header.Get("Retry-After"))
			}
		})
	}
}

// TestNewWants all that it cannot do without.
func TestNewWants(t *testing.T) {
	s := newSite(t, newProvider(t), 1)
	for name, edit := range map[string]func(*login.Options){
		"no store":     func(o *login.Options) { o.Store = nil },
		"no sealer":    func(o *login.Options) { o.Sealer = nil },
		"no people":    func(o *login.Options) { o.People = nil },
		"no clock":     func(o *login.Options) { o.Now = nil },
		"no issuer":    func(o *login.Options) { o.Provider.Issuer = "" },
		"no client_id": func(o *login.Options) { o.Provider.ClientID = "" },
		"no URL":       func(o *login.Options) { o.PublicURL = "" },
	} {
		o := s.login.Options
		edit(&o)
		if _, err := login.New(o); err == nil {
			t.Error(name)
		}
	}
}

// TestRunEnds with its context, without an error.
func TestRunEnds(t *testing.T) {
	s := newSite(t, newProvider(t), 1)
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := s.login.Run(ctx); err != nil {
		t.Error(err)
	}
}

// TestAPublicClient has no secret to send.
func TestAPublicClient(t *testing.T) {
	p := newProvider(t)
	p.instead["/token"] = func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		if _, _, basic := r.BasicAuth(); !basic && r.PostForm.Get("client_id") == "toolvault" && !r.PostForm.Has("client_secret") && r.PostForm.Get("code_verifier") != "" {
			p.mu.Lock()
			nonce := p.codes[r.PostForm.Get("code")].Get("nonce")
			p.mu.Unlock()
			reply(w, m{"access_token": "x", "token_type": "Bearer", "id_token": p.sign(t, p.claims(nonce))})
			return
		}
		w.WriteHeader(http.StatusUnauthorized)
		reply(w, m{"error": "invalid_client"})
	}
	s := newSite(t, p, 1, func(o *login.Options) { o.Provider.ClientSecret = vault.Secret{} })
	if _, body, _ := get(t, browser(t), s.URL+"/signin/company?return=%2Fwho"); body != "ada@example.com support" {
		t.Error(body)
	}
}
