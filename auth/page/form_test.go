package page_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"toolvault/auth/page"
)

// browser opens a page: it gets a token and the cookie that goes with it.
func browser(t testing.TB, s *page.Set) (token string, cookie *http.Cookie) {
	t.Helper()
	w := httptest.NewRecorder()
	token = s.Token(w, httptest.NewRequest("GET", "/", nil))
	cookies := w.Result().Cookies()
	if len(cookies) != 1 {
		t.Fatalf("%d cookies", len(cookies))
	}
	return token, cookies[0]
}

// post is the form of a page as a browser sends it.
func post(cookie *http.Cookie, form url.Values) *http.Request {
	r := httptest.NewRequest("POST", "http://127.0.0.1:8765/x", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", "http://127.0.0.1:8765")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	if cookie != nil {
		r.AddCookie(cookie)
	}
	return r
}

func TestOnlyAFormOfAPageInThisBrowserCounts(t *testing.T) {
	s := newSet(t, "http://127.0.0.1:8765")
	token, cookie := browser(t, s)
	foreign, foreignCookie := browser(t, s)
	good := url.Values{"csrf": {token}, "a": {"b"}}
	with := func(name string, values ...string) func(*http.Request) {
		return func(r *http.Request) { r.Header[name] = values }
	}
	for _, c := range []struct {
		name   string
		cookie *http.Cookie
		form   url.Values
		change func(*http.Request)
		want   bool
	}{
		{"as a browser sends it", cookie, good, nil, true},
		{"by a browser that says nothing of origins", cookie, good, func(r *http.Request) { r.Header.Del("Origin"); r.Header.Del("Sec-Fetch-Site") }, true},
		{"under the other name of this machine", cookie, good, func(r *http.Request) { r.Host = "localhost:8765"; r.Header.Set("Origin", "http://localhost:8765") }, true},
		{"no token", cookie, url.Values{"a": {"b"}}, nil, false},
		{"an empty token", cookie, url.Values{"csrf": {""}}, nil, false},
		{"a made-up token", cookie, url.Values{"csrf": {strings.Repeat("A", len(token))}}, nil, false},
		{"the cookie as the token", cookie, url.Values{"csrf": {cookie.Value}}, nil, false},
		{"the token of another browser", cookie, url.Values{"csrf": {foreign}}, nil, false},
		{"in another browser", foreignCookie, good, nil, false},
		{"two tokens", cookie, url.Values{"csrf": {token, token}}, nil, false},
		{"a token with something behind it", cookie, url.Values{"csrf": {token + "AA"}}, nil, false},
		{"without the cookie", nil, good, nil, false},
		{"an empty cookie", &http.Cookie{Name: cookie.Name}, good, nil, false},
		{"with a second cookie planted", cookie, good, func(r *http.Request) { r.AddCookie(foreignCookie) }, false},
		{"token in the URL", cookie, url.Values{}, func(r *http.Request) { r.URL.RawQuery = good.Encode() }, false},
		{"PUT", cookie, good, func(r *http.Request) { r.Method = "PUT" }, false},
		{"GET", cookie, good, func(r *http.Request) { r.Method = "GET"; r.URL.RawQuery = good.Encode() }, false},
		{"text", cookie, good, with("Content-Type", "text/plain"), false},
		{"multipart", cookie, good, with("Content-Type", "multipart/form-data; boundary=x"), false},
		{"no type", cookie, good, func(r *http.Request) { r.Header.Del("Content-Type") }, false},
		{"from another site", cookie, good, with("Origin", "https://evil.example"), false},
		{"from nowhere", cookie, good, with("Origin", "null"), false},
		{"from another port", cookie, good, with("Origin", "http://127.0.0.1:9999"), false},
		{"from another scheme", cookie, good, with("Origin", "https://127.0.0.1:8765"), false},
		{"from two origins", cookie, good, with("Origin", "http://127.0.0.1:8765", "https://evil.example"), false},
		{"cross-site", cookie, good, with("Sec-Fetch-Site", "cross-site"), false},
		{"same-site", cookie, good, with("Sec-Fetch-Site", "same-site"), false},
		{"typed in", cookie, good, with("Sec-Fetch-Site", "none"), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			for use, check := range map[string]func(*http.Request) bool{
				"Checked": s.Checked,
				"Form": func(r *http.Request) bool {
					w := httptest.NewRecorder()
					form, ok := s.Form(w, r)
					if ok && form.Get("a") != "b" || !ok && w.Code != 403 && w.Code != 400 {
						t.Errorf("form %v, status %d", form, w.Code)
					}
					return ok
				},
			} {
				r := post(c.cookie, c.form)
				if c.change != nil {
					c.change(r)
				}
				if got := check(r); got != c.want {
					t.Errorf("%s: %v, want %v", use, got, c.want)
				}
			}
		})
	}
}

func TestAPublicOriginCountsBehindAProxy(t *testing.T) {
	s := newSet(t, "https://tools.example.com")
	token, cookie := browser(t, s)
	for origin, want := range map[string]bool{"https://tools.example.com": true, "http://tools.example.com": false, "https://tools.example.com.evil.example": false} {
		r := post(cookie, url.Values{"csrf": {token}})
		r.Host = "10.0.0.7:8765"
		r.Header.Set("Origin", origin)
		if got := s.Checked(r); got != want {
			t.Errorf("%s: %v, want %v", origin, got, want)
		}
	}
}

func TestATokenIsAnotherOneEachTimeAndNeverTheCookie(t *testing.T) {
	s := newSet(t, "http://127.0.0.1:8765")
	first, cookie := browser(t, s)
	r := httptest.NewRequest("GET", "/", nil)
	r.AddCookie(cookie)
	w := httptest.NewRecorder()
	second := s.Token(w, r)
	if len(w.Result().Cookies()) != 0 {
		t.Error("a browser that has a cookie got another")
	}
	if first == second || strings.Contains(first, cookie.Value) || strings.Contains(second, cookie.Value) {
		t.Errorf("tokens %s and %s with the cookie %s", first, second, cookie.Value)
	}
	if !s.Checked(post(cookie, url.Values{"csrf": {first}})) || !s.Checked(post(cookie, url.Values{"csrf": {second}})) {
		t.Error("one of two open pages cannot be sent")
	}

	w = httptest.NewRecorder()
	third := s.RenewToken(w)
	fresh := w.Result().Cookies()[0]
	if s.Checked(post(fresh, url.Values{"csrf": {first}})) {
		t.Error("a token from before the renewal still counts")
	}
	if !s.Checked(post(fresh, url.Values{"csrf": {third}})) {
		t.Error("the new token does not count")
	}
}

func TestTwoFormsOnOnePageCount(t *testing.T) {
	s := newSet(t, "http://127.0.0.1:8765")
	w := httptest.NewRecorder()
	r := httptest.NewRequest("GET", "/", nil)
	first, second := s.Token(w, r), s.Token(w, r)
	cookies := w.Result().Cookies()
	if len(cookies) != 1 {
		t.Fatalf("%d cookies", len(cookies))
	}
	for _, token := range []string{first, second} {
		if !s.Checked(post(cookies[0], url.Values{"csrf": {token}})) {
			t.Error("one of them does not")
		}
	}
}

func TestAFormThatCannotBeTaken(t *testing.T) {
	s := newSet(t, "http://127.0.0.1:8765")
	token, cookie := browser(t, s)
	large := "csrf=" + token + "&a=" + strings.Repeat("x", page.MaxForm)
	for name, c := range map[string]struct {
		body   io.Reader
		status int
	}{
		"too large, and says so": {strings.NewReader(large), 413},
		"too large, unannounced": {io.MultiReader(strings.NewReader(large)), 413},
		"endless":                {endless{}, 413},
		"no form":                {strings.NewReader("csrf=%zz"), 400},
		"semicolons":             {strings.NewReader("csrf=" + token + ";a=b"), 400},
		"empty":                  {strings.NewReader(""), 403},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest("POST", "http://127.0.0.1:8765/x", c.body)
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.AddCookie(cookie)
			w := httptest.NewRecorder()
			if _, ok := s.Form(w, r); ok || w.Code != c.status || !strings.Contains(w.Body.String(), "<h1>") {
				t.Errorf("%v, status %d, want %d", ok, w.Code, c.status)
			}
		})
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

// FuzzToken: no token but one of ours counts.
func FuzzToken(f *testing.F) {
	s := newSet(f, "http://127.0.0.1:8765")
	token, cookie := browser(f, s)
	f.Add(token[:len(token)-1])
	f.Add(token + "=")
	f.Add(token + "\n")
	f.Add("\n" + token[1:])
	f.Add(cookie.Value)
	f.Add("")
	f.Fuzz(func(t *testing.T, guess string) {
		if guess != token && s.Checked(post(cookie, url.Values{"csrf": {guess}})) {
			t.Errorf("%q counts", guess)
		}
	})
}
