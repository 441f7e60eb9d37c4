package server

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// TestNobodyIsSentToAnAddressThatIsNotTheClients: auth.md section 5, redirect URI
// tricks, open redirect, repeated parameters.
func TestNobodyIsSentToAnAddressThatIsNotTheClients(t *testing.T) {
	r := newHouse(t, "").replica()
	r.h.change(func() {
		c := r.h.clients["web"]
		c.ID, c.Redirects = "script", []string{"javascript:alert(1)", "data:text/html,x"}
		r.h.clients["script"] = c
	})
	for name, q := range map[string]url.Values{
		"prefix":           query("redirect_uri", redirectURI+"/more"),
		"another host":     query("redirect_uri", "https://app.example.com.evil.example/cb"),
		"user info":        query("client_id", "cli", "redirect_uri", "http://127.0.0.1:80@evil.example/cb"),
		"fragment":         query("redirect_uri", redirectURI+"#x"),
		"query added":      query("redirect_uri", redirectURI+"?x=y"),
		"scheme":           query("redirect_uri", "http://app.example.com/cb"),
		"case":             query("redirect_uri", "https://app.example.com/CB"),
		"localhost":        query("client_id", "cli", "redirect_uri", "http://localhost:9/cb"),
		"loopback path":    query("client_id", "cli", "redirect_uri", "http://127.0.0.1:9/other"),
		"line end":         query("redirect_uri", redirectURI+"\r\nX: y"),
		"none of two":      query("redirect_uri", ""),
		"script":           query("client_id", "script", "redirect_uri", "javascript:alert(1)"),
		"data":             query("client_id", "script", "redirect_uri", "data:text/html,x"),
		"unknown client":   query("client_id", "nobody", "redirect_uri", "https://evil.example/"),
		"no client":        query("client_id", ""),
		"request object":   query("request", "x"),
		"request URI":      query("request_uri", "https://evil.example/r"),
		"two redirects":    add(query(), "redirect_uri", "https://evil.example/"),
		"two clients":      add(query(), "client_id", "desk"),
		"two states":       add(query(), "state", "x"),
		"<script> in name": query("client_id", "<script>alert(1)</script>"),
	} {
		t.Run(name, func(t *testing.T) {
			w := r.authorize("alice", q)
			if w.Code != http.StatusBadRequest || w.Header().Get("Location") != "" || w.Header().Get("Refresh") != "" {
				t.Errorf("%d to %q", w.Code, w.Header().Get("Location"))
			}
			if body := w.Body.String(); !strings.Contains(body, "<h1>") || strings.Contains(body, "<script>") || strings.Contains(body, "evil.example") {
				t.Errorf("the page: %s", body)
			}
		})
	}
}

func add(q url.Values, name, value string) url.Values {
	q.Add(name, value)
	return q
}

// TestTheClientIsToldWhatIsWrong at its own address, with iss and state and by 303.
// PKCE: no, plain or nameless challenge, of public and confidential clients.
func TestTheClientIsToldWhatIsWrong(t *testing.T) {
	r := newHouse(t, "").replica()
	for name, c := range map[string]struct {
		q    url.Values
		want string
	}{
		"no challenge":               {query("code_challenge", "", "code_challenge_method", ""), "invalid_request"},
		"no challenge, confidential": {query("client_id", "desk", "code_challenge", "", "code_challenge_method", ""), "invalid_request"},
		"method alone":               {query("code_challenge", ""), "invalid_request"},
		"plain":                      {query("code_challenge_method", "plain"), "invalid_request"},
		"plain, confidential":        {query("client_id", "desk", "code_challenge_method", "plain"), "invalid_request"},
		"nameless":                   {query("code_challenge_method", ""), "invalid_request"},
		"short challenge":            {query("code_challenge", strings.Repeat("a", 42)), "invalid_request"},
		"long challenge":             {query("code_challenge", strings.Repeat("a", 129)), "invalid_request"},
		"implicit":                   {query("response_type", "token"), "unsupported_response_type"},
		"no response type":           {query("response_type", ""), "unsupported_response_type"},
		"fragment":                   {query("response_mode", "fragment"), "invalid_request"},
		"form_post":                  {query("response_mode", "form_post"), "invalid_request"},
		"other resource":             {query("resource", "https://evil.example/mcp"), "invalid_target"},
		"two resources":              {add(query(), "resource", fixturePublic+AdminPath), "invalid_target"},
		"to administer":              {query("resource", fixturePublic+AdminPath), "unauthorized_client"},
		"stranger, no resource":      {query("client_id", "stranger", "redirect_uri", "", "resource", ""), "invalid_target"},
		"no key":                     {query("dpop_jkt", "x"), "invalid_request"},
		"silently, not remembered":   {query("prompt", "none"), "consent_required"},
		"silently and not":           {query("prompt", "none login"), "invalid_request"},
	} {
		t.Run(name, func(t *testing.T) {
			w := r.authorize("alice", c.q)
			got := answer(t, w)
			if w.Code != http.StatusSeeOther || got.Get("error") != c.want || got.Get("iss") != fixturePublic || got.Get("state") != "st4te" || got.Has("code") {
				t.Errorf("%d: %v, want %s", w.Code, got, c.want)
			}
			if w.Header().Get("Cache-Control") != "no-store" || w.Header().Get("Referrer-Policy") != "no-referrer" {
				t.Errorf("headers %v", w.Header())
			}
		})
	}
	if got := answer(t, r.authorize("", query("prompt", "none"))).Get("error"); got != "login_required" {
		t.Errorf("nobody signed in: %s", got)
	}
	if got := answer(t, r.authorize("alice", query("state", strings.Repeat("x", 1025)))); got.Get("error") != "invalid_request" || got.Has("state") {
		t.Errorf("a huge state: %v", got)
	}
}

func TestAGoodRequestLeadsToThePage(t *testing.T) {
	r := newHouse(t, "").replica()
	for name, q := range map[string]url.Values{
		"plain":               query(),
		"no scope, no state":  query("scope", "", "state", ""),
		"config, no resource": query("resource", ""),
		"custom scheme":       query("redirect_uri", "cursor://anysphere/cb"),
		"another port":        query("client_id", "cli", "redirect_uri", "http://127.0.0.1:54321/cb"),
		"the only redirect":   query("client_id", "cli", "redirect_uri", ""),
		"large but allowed":   query("state", random(768), "scope", "crm:contacts.read crm:contacts.write slack:chat:write slack:channels:read"),
		"what we ignore":      query("nonce", "n", "max_age", "x", "ui_locales", "!!", "claims", "{}"),
	} {
		t.Run(name, func(t *testing.T) { r.ask("alice", q) })
	}
	w := r.browse("", r.authorize("", query()).Header().Get("Location"))
	if to := w.Header().Get("Location"); w.Code != http.StatusSeeOther || !strings.HasPrefix(to, "/signin?return=%2Foauth%2Fconsent") {
		t.Errorf("not signed in: %d to %q", w.Code, to)
	}
}

func TestARequestThatIsTooLargeOrOfAnotherKind(t *testing.T) {
	r := newHouse(t, "").replica()
	if w := r.authorize("alice", query("scope", strings.Repeat("x", maxQuery))); w.Code != http.StatusRequestURITooLong {
		t.Errorf("a large query: %d", w.Code)
	}
	for method, want := range map[string]int{"PUT": 405, "DELETE": 405, "HEAD": 405} {
		if w := r.serve(httptest.NewRequest(method, AuthorizePath+"?"+query().Encode(), nil)); w.Code != want {
			t.Errorf("%s: %d", method, w.Code)
		}
	}
	if w := r.serve(httptest.NewRequest("GET", TokenPath+"?"+exchange("x").Encode(), nil)); w.Code != http.StatusMethodNotAllowed {
		t.Errorf("GET of a token: %d", w.Code)
	}
}

// FuzzAuthorize: whatever is asked, nobody is sent anywhere but to the page or to an
// address of the client's, and from there never without iss.
func FuzzAuthorize(f *testing.F) {
	r := newHouse(f, "").replica()
	f.Add(query().Encode())
	f.Add(query("redirect_uri", "//evil.example").Encode())
	f.Add("client_id=web&client_id=cli")
	f.Add("%zz;=&&")
	f.Fuzz(func(t *testing.T, raw string) {
		req := httptest.NewRequest(http.MethodGet, AuthorizePath, nil)
		req.URL.RawQuery = raw
		w := r.serve(req)
		to := w.Header().Get("Location")
		switch {
		case to == "":
			if w.Code < 400 {
				t.Errorf("%d for %q", w.Code, raw)
			}
		case strings.HasPrefix(to, ConsentPath+"?request="):
		default:
			client := r.h.clients[mustParse(raw).Get("client_id")]
			base, query, _ := strings.Cut(to, "?")
			if !client.Redirect(base) || mustParse(query).Get("iss") != fixturePublic {
				t.Errorf("%q leads to %q", raw, to)
			}
		}
	})
}

func mustParse(raw string) url.Values {
	q, err := url.ParseQuery(raw)
	if err != nil {
		return nil
	}
	return q
}
