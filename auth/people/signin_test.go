package people_test

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"toolvault/vault/store"
)

func TestWhoSignsInIsKnownOnEveryReplicaAndComesBack(t *testing.T) {
	w := newWorld(t, 2, plain)
	w.add("Alice")
	b := w.browser()
	if got := b.who(0); got != "false " {
		t.Fatalf("before: %s", got)
	}
	a := b.signIn(0, " alice ", password)
	if a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != "/consent?x=1" {
		t.Fatalf("%d to %q\n%s", a.StatusCode, a.Header.Get("Location"), a.text)
	}
	for on := range w.replicas {
		if got := b.who(on); got != "true Alice" {
			t.Errorf("replica %d: %s", on, got)
		}
	}
	page := b.do(1, "GET", "/signin?return=/consent", nil).text
	for _, want := range []string{"<strong>Alice</strong>", `href="/consent"`, `action="/signout"`} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %s:\n%s", want, page)
		}
	}
	if got := w.browser().who(0); got != "false " {
		t.Errorf("another browser is %s", got)
	}
}

func TestFormsOfOtherSitesDoNothing(t *testing.T) {
	for _, c := range []struct {
		name   string
		header string
		value  string
		token  func(string) string
	}{
		{name: "no token", token: func(string) string { return "" }},
		{name: "a wrong token", token: func(s string) string { return strings.Repeat("A", len(s)) }},
		{name: "from another origin", header: "Origin", value: "https://evil.example"},
		{name: "from no origin", header: "Origin", value: "null"},
		{name: "cross-site", header: "Sec-Fetch-Site", value: "cross-site"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, 1, plain)
			w.add("alice")
			b := w.browser()
			send := func(path string) int {
				token := b.token(0)
				if c.token != nil {
					token = c.token(token)
				}
				if c.header != "" {
					b.header.Set(c.header, c.value)
					defer b.header.Del(c.header)
				}
				return b.do(0, "POST", path, url.Values{"csrf": {token}, "name": {"alice"}, "password": {password}}).StatusCode
			}
			if status := send("/signin"); status != http.StatusForbidden || b.who(0) != "false " {
				t.Errorf("sign-in: %d, and then %s", status, b.who(0))
			}
			if n := w.replicas[0].hashes.Load(); n != 1 { // Add's
				t.Errorf("%d passwords were computed", n)
			}
			b.must(0, "alice")
			if status := send("/signout"); status != http.StatusForbidden || b.who(0) != "true alice" {
				t.Errorf("sign-out: %d, and then %s", status, b.who(0))
			}
		})
	}
}

func TestTheWayBackIsAPathOfOurs(t *testing.T) {
	w := newWorld(t, 1, "https://tools.example.com")
	w.add("alice")
	for back, want := range map[string]string{
		"/connect/x?a=b&c=d":     "/connect/x?a=b&c=d",
		"":                       "/signin",
		"/":                      "/signin",
		"//evil.example":         "/signin",
		`/\evil.example`:         "/signin",
		"https://evil.example/":  "/signin",
		"/\t/evil.example":       "/signin",
		"javascript:alert(1)":    "/signin",
		"/a\r\nLocation: //evil": "/signin",
		".evil.example":          "/signin",
		"/..//evil.example":      "/signin",
		"%2f%2fevil.example":     "/signin",
	} {
		b := w.browser()
		b.address = "2001:db8::" // one that is not slowed
		page := b.do(0, "GET", "/signin?return="+url.QueryEscape(back), nil).text
		if strings.Contains(page, "evil") {
			t.Errorf("%q stands in the page:\n%s", back, page)
		}
		a := b.do(0, "POST", "/signin", url.Values{"csrf": {b.token(0)}, "name": {"alice"}, "password": {password}, "return": {back}})
		if got := a.Header.Get("Location"); a.StatusCode != http.StatusSeeOther || got != want {
			t.Errorf("%q: %d to %q, want %q", back, a.StatusCode, got, want)
		}
		if page := b.do(0, "GET", "/signin?return="+url.QueryEscape(back), nil).text; strings.Contains(page, "evil") {
			t.Errorf("%q stands in the page of somebody who is signed in:\n%s", back, page)
		}
		a = b.do(0, "POST", "/signout", url.Values{"csrf": {b.token(0)}, "return": {back}})
		if got := a.Header.Get("Location"); !strings.HasPrefix(got, "/signin?signed=out") || strings.Contains(got, "evil") {
			t.Errorf("%q after the sign-out: %q", back, got)
		}
	}
	p := w.replicas[0]
	for back, want := range map[string]string{"/a?b=c&d": "/signin?return=%2Fa%3Fb%3Dc%26d", "//evil.example": "/signin", "https://evil.example": "/signin", "": "/signin"} {
		if got := p.SignInURL(back); got != want {
			t.Errorf("SignInURL(%q) = %q, want %q", back, got, want)
		}
	}
}

func TestBelowAPathOfThePublicURL(t *testing.T) {
	w := newWorld(t, 1, "https://tools.example.com/tv")
	if got := w.replicas[0].SignInURL("/consent"); got != "/tv/signin?return=%2Fconsent" {
		t.Error(got)
	}
	r := httptest.NewRequest("GET", "/signin", nil) // a proxy took /tv off
	rec := httptest.NewRecorder()
	w.replicas[0].ServeHTTP(rec, r)
	if !strings.Contains(rec.Body.String(), `action="/tv/signin"`) {
		t.Error(rec.Body)
	}
}

// TestNobodyCanTellWhichNamesThereAre: the answer is the same to the byte, and
// each costs one computation.
func TestNobodyCanTellWhichNamesThereAre(t *testing.T) {
	w := newWorld(t, 1, plain)
	w.add("alice")
	w.add("disabled")
	if err := w.replicas[0].Disable(t.Context(), "disabled"); err != nil {
		t.Fatal(err)
	}
	var first string
	for _, c := range []struct{ name, password string }{
		{"alice", "wrong password"}, {"nobody", password}, {"disabled", password}, {"disabled", "wrong password"},
		{"no name/at all", password}, {"", ""}, {"alice", ""}, {"alice", strings.Repeat("x", 5000)}, {"nobody", strings.Repeat("x", 5000)},
	} {
		w.clock.pass(time.Hour)
		before := w.replicas[0].hashes.Load()
		a := w.browser().signIn(0, c.name, c.password)
		if n := w.replicas[0].hashes.Load() - before; n != 1 {
			t.Errorf("%q with %.20q: %d computations", c.name, c.password, n)
		}
		if a.StatusCode != http.StatusForbidden {
			t.Errorf("%q with %.20q: %d", c.name, c.password, a.StatusCode)
		}
		text := strings.Replace(tokenField.ReplaceAllString(a.text, ""), ` value="`+c.name+`"`, ` value=""`, 1)
		if first == "" {
			first = text
		}
		if text != first {
			t.Errorf("%q with %.20q is answered otherwise:\n%s", c.name, c.password, a.text)
		}
		if c.password != "" && strings.Contains(a.text, c.password) {
			t.Errorf("the password came back")
		}
	}
}

func TestEverySignInIsTold(t *testing.T) {
	w := newWorld(t, 1, plain)
	w.add("Alice")
	w.add("gone")
	if err := w.replicas[0].Disable(t.Context(), "gone"); err != nil {
		t.Fatal(err)
	}
	w.told()
	b := w.browser()
	b.header.Set("X-Forwarded-For", "203.0.113.9")
	b.signIn(0, "alice", "wrong")
	b.signIn(0, "hunter2-typed-into-the-wrong-field", "x")
	b.signIn(0, "gone", password)
	b.must(0, "alice")
	want := "sign_in_failed|Alice|192.0.2.1|wrong password\n" +
		"sign_in_failed||192.0.2.1|nobody has that name\n" +
		"sign_in_failed|gone|192.0.2.1|disabled\n" +
		"signed_in|Alice|192.0.2.1|\n"
	if got := w.told(); got != want {
		t.Errorf("told:\n%swant:\n%s", got, want)
	}
}

// TestNoRecordNoSignIn: what cannot be written to the audit log does not happen.
func TestNoRecordNoSignIn(t *testing.T) {
	w := newWorld(t, 1, plain)
	w.add("alice")
	w.deaf = errors.New("the disk is full of canaries")
	b := w.browser()
	for _, pass := range []string{password, "wrong"} {
		a := b.signIn(0, "alice", pass)
		if a.StatusCode != http.StatusServiceUnavailable || b.cookie("session") != nil || b.who(0) != "false " || strings.Contains(a.text, "canaries") {
			t.Errorf("%q: %d, cookie %v\n%s", pass, a.StatusCode, b.cookie("session"), a.text)
		}
	}
	if left, err := w.store.List(t.Context(), "session/", "", 10); err != nil || len(left) != 0 {
		t.Errorf("a session stayed: %v, %v", left, err)
	}
	if err := w.replicas[0].Disable(t.Context(), "alice"); err == nil || !strings.Contains(err.Error(), "in force, but could not be recorded") {
		t.Errorf("a change that cannot be recorded: %v", err)
	}
}

// TestWithoutTheStoreNobodyIsKnown, and the page says whose fault it is.
func TestWithoutTheStoreNobodyIsKnown(t *testing.T) {
	w := newWorld(t, 1, plain)
	w.add("alice")
	b := w.browser()
	b.must(0, "alice")
	other := w.browser()
	token := other.token(0)
	if err := w.store.Close(); err != nil {
		t.Fatal(err)
	}
	if got := b.who(0); got != "false " {
		t.Error(got)
	}
	a := other.do(0, "POST", "/signin", url.Values{"csrf": {token}, "name": {"alice"}, "password": {password}})
	if a.StatusCode != http.StatusServiceUnavailable || !strings.Contains(a.text, "The fault is not yours") {
		t.Errorf("%d\n%s", a.StatusCode, a.text)
	}
	if _, err := w.replicas[0].List(t.Context()); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("the list: %v", err)
	}
}

func TestWhatIsNoFormOfThePage(t *testing.T) {
	w := newWorld(t, 1, plain)
	b := w.browser()
	token := b.token(0)
	for name, c := range map[string]struct {
		method, path string
		form         url.Values
		status       int
	}{
		"too large":           {"POST", "/signin", url.Values{"csrf": {token}, "name": {strings.Repeat("x", 17<<10)}, "password": {"x"}}, 413},
		"two names":           {"POST", "/signin", url.Values{"csrf": {token}, "name": {"a", "b"}, "password": {"x"}}, 400},
		"no password":         {"POST", "/signin", url.Values{"csrf": {token}, "name": {"a"}}, 400},
		"DELETE":              {"DELETE", "/signin", nil, 405},
		"nothing":             {"POST", "/signin", nil, 400},
		"another page":        {"GET", "/signin/x", nil, 404},
		"sign-out by a visit": {"GET", "/signout", nil, 303},
	} {
		t.Run(name, func(t *testing.T) {
			a := b.do(0, c.method, c.path, c.form)
			if a.StatusCode != c.status || a.Header.Get("Content-Security-Policy") == "" {
				t.Errorf("%d, want %d; headers %v", a.StatusCode, c.status, a.Header)
			}
		})
	}
	if n := w.replicas[0].hashes.Load(); n != 0 {
		t.Errorf("%d computations", n)
	}
}

func TestMarkupInANameIsText(t *testing.T) {
	w := newWorld(t, 1, plain)
	a := w.browser().signIn(0, `"><script>alert(1)</script>`, "x")
	if strings.Contains(a.text, "<script") {
		t.Error(a.text)
	}
}

// FuzzSignIn sends any body: there is always an answer, and never a session.
func FuzzSignIn(f *testing.F) {
	w := newWorld(f, 1, plain)
	w.add("alice")
	b := w.browser()
	token := b.token(0)
	cookie := b.cookie("csrf")
	f.Add([]byte("csrf=" + token + "&name=alice&password=wrong&return=//evil"))
	f.Add([]byte("csrf=" + token + "&name=alice&password=" + strings.Repeat("%41", 300)))
	f.Add([]byte("name=alice&password=" + url.QueryEscape(password)))
	f.Add([]byte{0xff, '=', '%'})
	f.Fuzz(func(t *testing.T, body []byte) {
		r := httptest.NewRequest("POST", plain+"/signin", bytes.NewReader(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.AddCookie(cookie)
		rec := httptest.NewRecorder()
		w.replicas[0].ServeHTTP(rec, r)
		if rec.Code < 400 || rec.Code > 503 || strings.Contains(rec.Header().Get("Set-Cookie"), "session") {
			t.Errorf("%d %v", rec.Code, rec.Header())
		}
	})
}
