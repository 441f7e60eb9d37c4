package login_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"toolvault/auth/login"
	"toolvault/auth/people"
)

// alone is a site whose provider is in the same process: no socket is opened for a
// request, so that a fuzzer gets far.
func alone(f *testing.F) (*provider, *site) {
	p := newProvider(f)
	s := newSite(f, p, 1, func(o *login.Options) { o.HTTP = &http.Client{Transport: direct{p.Config.Handler}} })
	return p, s
}

// visit sends a request with the cookies of a browser, from an address of its own, so
// that the limits leave it alone.
func (s *site) visit(r *http.Request, n uint64, cookies ...*http.Cookie) *http.Response {
	r.RemoteAddr = fmt.Sprintf("10.%d.%d.%d:1", byte(n>>16), byte(n>>8), byte(n))
	for _, c := range cookies {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	s.handler[0].ServeHTTP(w, r)
	return w.Result()
}

// begin goes to the provider, and returns the state, the nonce and the cookies.
func (s *site) begin(t *testing.T, n uint64) (state, nonce string, cookies []*http.Cookie) {
	t.Helper()
	resp := s.visit(httptest.NewRequest("GET", login.Path, nil), n)
	to, err := url.Parse(resp.Header.Get("Location"))
	if err != nil || resp.StatusCode != http.StatusSeeOther {
		t.Fatal(resp.StatusCode, err)
	}
	return to.Query().Get("state"), to.Query().Get("nonce"), resp.Cookies()
}

// session is the one that an answer begins; nil: none.
func session(resp *http.Response) *http.Cookie {
	for _, c := range resp.Cookies() {
		if c.Name == "toolvault-session" && c.MaxAge >= 0 {
			return c
		}
	}
	return nil
}

// FuzzCallback: whatever comes as an answer, with the state of an open sign-in or without,
// signs nobody in who has no code of the provider's.
func FuzzCallback(f *testing.F) {
	_, s := alone(f)
	for _, q := range []string{"", "code=x", "code=x&iss=", "error=access_denied", "error=%3Cscript%3E", "code=x&code=y", "state=x", "%zz", "iss=%00&code=%ff", ";", "code=" + strings.Repeat("x", 9000)} {
		f.Add(q, true)
		f.Add(q, false)
	}
	n := uint64(0)
	f.Fuzz(func(t *testing.T, query string, open bool) {
		if strings.ContainsAny(query, " \x00\r\n\t#") || strings.ContainsFunc(query, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return // no request line
		}
		n++
		var cookies []*http.Cookie
		if open {
			var state string
			if state, _, cookies = s.begin(t, n); query != "" {
				query += "&"
			}
			query += "state=" + state
		}
		r := httptest.NewRequest("GET", login.CallbackPath, nil)
		r.URL.RawQuery = query
		resp := s.visit(r, n, cookies...)
		if session(resp) != nil || resp.StatusCode < 400 || resp.StatusCode == 500 || resp.Header.Get("Location") != "" {
			t.Errorf("%q: %d, session %v", query, resp.StatusCode, session(resp))
		}
		if resp.Header.Get("Content-Security-Policy") == "" || resp.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%q: %v", query, resp.Header)
		}
	})
}

// FuzzLogoutToken: whatever is posted ends nobody's session, unless the provider has
// signed it.
func FuzzLogoutToken(f *testing.F) {
	p, s := alone(f)
	f.Add("logout_token=x")
	f.Add("logout_token=" + p.logoutToken(f, m{"events": nil}))
	f.Add("logout_token=" + p.logoutToken(f, m{"aud": "other"}) + "&logout_token=x")
	f.Add("logout_token=eyJhbGciOiJub25lIn0.e30.")
	f.Add("logout_token=%7B%22payload%22%3A%22e30%22%2C%22signatures%22%3A%5B%5D%7D")
	f.Add("%zz")
	n := uint64(0)
	f.Fuzz(func(t *testing.T, body string) {
		n++
		r := httptest.NewRequest("POST", login.LogoutPath, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		resp := s.visit(r, n)
		if _, ended := s.record(); resp.StatusCode != http.StatusBadRequest || len(ended) != 0 {
			t.Errorf("%q: %d, ended %v", body, resp.StatusCode, ended)
		}
	})
}

// claimsOf are claims to put in the place of good ones. Not ok: they are none, or some
// are spelled so that only the library's reader takes them for those that are looked at.
func claimsOf(text string) (change m, ok bool) {
	if json.Unmarshal([]byte(text), &change) != nil {
		return nil, false
	}
	for name := range change {
		for _, known := range []string{"iss", "aud", "azp", "sub", "sid", "nonce", "events"} {
			if name != known && strings.EqualFold(name, known) {
				return nil, false
			}
		}
	}
	return change, true
}

// FuzzSignedLogout: the provider signs whatever claims there are; they end somebody's
// session only if they are a logout of ours, of now.
func FuzzSignedLogout(f *testing.F) {
	p, s := alone(f)
	for _, claims := range []string{`{}`, `[]`, `null`, `{"events":null}`, `{"nonce":null}`, `{"sub":7}`, `{"iat":1e400}`, `{"exp":"x"}`, `{"jti":""}`, `{"sid":"s","sub":null}`, `{"aud":["toolvault","x"]}`} {
		f.Add(claims)
	}
	n := uint64(0)
	f.Fuzz(func(t *testing.T, text string) {
		change, ok := claimsOf(text)
		if !ok {
			return
		}
		n++
		claims := p.claims("")
		delete(claims, "nonce")
		claims["events"], claims["jti"] = m{logoutEvent: m{}}, fmt.Sprint(n)
		for name, value := range change {
			claims[name] = value
		}
		r := httptest.NewRequest("POST", login.LogoutPath, strings.NewReader(url.Values{"logout_token": {p.sign(t, claims)}}.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		resp := s.visit(r, n)
		switch resp.StatusCode {
		case http.StatusBadRequest, http.StatusServiceUnavailable: // a subject that no store could find
		case http.StatusOK:
			_, nonce := claims["nonce"]
			events, _ := claims["events"].(m)
			if _, says := events[logoutEvent].(m); nonce || !says || claims["iss"] != p.URL || claims["sub"] == nil && claims["sid"] == nil {
				t.Errorf("%s: taken", text)
			}
		default:
			t.Errorf("%s: %d", text, resp.StatusCode)
		}
	})
}

// FuzzClaims: the provider says whatever it likes of a person. Who is signed in is one
// whose name could be a person's, and the token was made for this sign-in.
func FuzzClaims(f *testing.F) {
	p, s := alone(f)
	for _, claims := range []string{
		`{}`, `null`, `{"nonce":"x"}`, `{"aud":["toolvault"],"azp":null}`, `{"email":{"a":1}}`, `{"email":"x","email_verified":"false"}`, `{"groups":[[],{},null,"g"]}`,
		`{"sub":""}`, `{"exp":1e300}`, `{"exp":null}`, `{"sid":[]}`, `{"_claim_names":{"groups":"s"},"_claim_sources":{"s":{"endpoint":"http://127.0.0.1:1/"}}}`, `{"at_hash":"x"}`,
	} {
		f.Add(claims)
	}
	n := uint64(0)
	f.Fuzz(func(t *testing.T, text string) {
		change, ok := claimsOf(text)
		if !ok {
			return
		}
		n++
		state, nonce, cookies := s.begin(t, n)
		claims := p.claims(nonce)
		for name, value := range change {
			claims[name] = value
		}
		resp := s.answered(p, state, cookies, `{"access_token":"a","token_type":"Bearer","id_token":"`+p.sign(t, claims)+`"}`)
		c := session(resp)
		if c == nil {
			if resp.StatusCode < 400 || resp.StatusCode == 500 {
				t.Errorf("%s: %d", text, resp.StatusCode)
			}
			return
		}
		r := httptest.NewRequest("GET", "/who", nil)
		r.AddCookie(c)
		person, in := s.people.Visitor(r)
		azp, named := claims["azp"]
		if !in || people.CheckName(person.Name) != nil || claims["nonce"] != nonce || claims["iss"] != p.URL || named && azp != "toolvault" || claims["sub"] == "" {
			t.Errorf("%s: signed in as %+v, %v", text, person, in)
		}
	})
}

// answered comes back from a provider whose token endpoint answers as it is told to.
func (s *site) answered(p *provider, state string, cookies []*http.Cookie, token string) *http.Response {
	p.change(func() {
		p.instead["/token"] = func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(token))
		}
	})
	q := url.Values{"code": {"c"}, "state": {state}, "iss": {p.URL}}
	return s.visit(httptest.NewRequest("GET", login.CallbackPath+"?"+q.Encode(), nil), 1, cookies...)
}

// FuzzProvider: each of the provider's answers is whatever it is. Nobody is signed in but
// by a token that it has signed, nothing breaks, and browsers are sent to a web address.
func FuzzProvider(f *testing.F) {
	paths := []string{"/.well-known/openid-configuration", "/keys", "/token", "/me"}
	for which := range paths {
		for _, body := range []string{``, `{}`, `[]`, `null`, `{"keys":[{"kty":"oct","k":"AAAA"}]}`, `{"keys":[{"kty":"EC","crv":"P-256","x":"","y":""}]}`, `{"access_token":"a","token_type":"Bearer","id_token":7}`, `{"sub":"u-1","email":7}`} {
			f.Add(uint(which), body, "application/json")
		}
	}
	f.Add(uint(0), `{"issuer":"ISSUER","authorization_endpoint":"javascript:1","token_endpoint":"ISSUER/token","jwks_uri":"ISSUER/keys"}`, "application/json")
	f.Add(uint(2), `access_token=a&id_token=x`, "application/x-www-form-urlencoded")
	f.Add(uint(3), `e30.e30.x`, "application/jwt")
	f.Fuzz(func(t *testing.T, which uint, body, kind string) {
		path := paths[which%uint(len(paths))]
		p := newProvider(t)
		body = strings.ReplaceAll(body, "ISSUER", p.URL)
		p.edit = func(c m) { delete(c, "email") }
		p.info = m{"sub": "u-1", "email": "ada@example.com"}
		p.instead[path] = func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["Content-Type"] = []string{kind}
			_, _ = w.Write([]byte(body))
		}
		s := newSite(t, p, 1, func(o *login.Options) { o.HTTP = &http.Client{Transport: direct{p.Config.Handler}} })
		resp := s.visit(httptest.NewRequest("GET", login.Path, nil), 1)
		to, err := url.Parse(resp.Header.Get("Location"))
		if resp.StatusCode == http.StatusServiceUnavailable {
			return
		}
		if err != nil || resp.StatusCode != http.StatusSeeOther || to.Scheme != "http" && to.Scheme != "https" || to.Host == "" {
			t.Fatalf("%s %q: %d to %q", path, body, resp.StatusCode, resp.Header.Get("Location"))
		}
		code := "c"
		p.change(func() { p.codes[code] = to.Query() })
		q := url.Values{"code": {code}, "state": {to.Query().Get("state")}, "iss": {p.URL}}
		back := s.visit(httptest.NewRequest("GET", login.CallbackPath+"?"+q.Encode(), nil), 1, resp.Cookies()...)
		switch in := session(back) != nil; {
		case in && (path == "/token" || back.StatusCode != http.StatusSeeOther):
			t.Errorf("%s %q: signed in, %d", path, body, back.StatusCode)
		case !in && (back.StatusCode < 400 || back.StatusCode == 500):
			t.Errorf("%s %q: %d", path, body, back.StatusCode)
		}
	})
}
