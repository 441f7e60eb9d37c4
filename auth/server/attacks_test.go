package server

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"toolvault/auth"
	"toolvault/auth/client"
)

// TestTheServerKnowsItsOwnName: neither Host nor what a proxy may add says who we are
// (RFC 9700 section 4.13).
func TestTheServerKnowsItsOwnName(t *testing.T) {
	p := newPlant(t, "")
	lie := func(r *http.Request) *http.Request {
		r.Host = "evil.example"
		for name, value := range map[string]string{
			"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "http", "X-Forwarded-Prefix": "/evil", "X-Forwarded-For": "203.0.113.7",
			"X-Real-IP": "203.0.113.7", "Forwarded": "host=evil.example;proto=http;for=203.0.113.7", "X-Original-URL": "/evil", "X-Rewrite-URL": "/evil",
		} {
			r.Header.Set(name, value)
		}
		return r
	}
	same := func(what string, request func() *http.Request) {
		t.Helper()
		right, lied := p.serve(request()), p.serve(lie(request()))
		if right.Code != lied.Code || right.Body.String() != lied.Body.String() || strings.Contains(lied.Body.String()+lied.Header().Get("Location"), "evil") {
			t.Errorf("%s: %d %q, and with lies %d %q", what, right.Code, right.Body, lied.Code, lied.Body)
		}
	}
	for _, path := range append(p.Paths()[:2], KeysPath) {
		same(path, func() *http.Request { return httptest.NewRequest("GET", path, nil) })
		if path != KeysPath && !strings.Contains(p.browse("", path).Body.String(), `"issuer":"`+fixturePublic+`"`) {
			t.Errorf("%s names another issuer", path)
		}
	}
	same("an error for the client", func() *http.Request {
		return httptest.NewRequest("GET", AuthorizePath+"?"+query("prompt", "none").Encode(), nil)
	})
	same("an unknown client", func() *http.Request {
		return httptest.NewRequest("GET", AuthorizePath+"?"+query("client_id", "x").Encode(), nil)
	})
	to := answer(t, p.serve(lie(httptest.NewRequest("GET", AuthorizePath+"?"+query("prompt", "none").Encode(), nil))))
	if to.Get("iss") != fixturePublic {
		t.Errorf("it answers as %s", to.Get("iss"))
	}
	form := url.Values{"grant_type": {client.GrantOwn}, "client_id": {"c-bot"}, "client_secret": {"s3cret"}}
	r := lie(httptest.NewRequest("POST", TokenPath, strings.NewReader(form.Encode())))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if w := p.serve(r); w.Code != http.StatusOK {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if e := p.h.last(Issued); e.Address != "192.0.2.1" {
		t.Errorf("on record it came from %s", e.Address)
	}
	device := p.call(DeviceAuthPath, "client_id", "tv", "@X-Forwarded-Host", "evil.example")
	if !strings.Contains(device.body, `"verification_uri":"`+fixturePublic+DevicePath+`"`) {
		t.Errorf("%s", device.body)
	}
}

// TestPKCEHoldsForConfidentialClients too (RFC 9700 section 2.1.1).
func TestPKCEHoldsForConfidentialClients(t *testing.T) {
	r := newHouse(t, "").replica()
	for name, c := range map[string]struct {
		change []string
		want   string
	}{
		"rightly":          {nil, ""},
		"no verifier":      {[]string{"code_verifier", ""}, "invalid_grant"},
		"another verifier": {[]string{"code_verifier", strings.Repeat("x", 50)}, "invalid_grant"},
		"the challenge":    {[]string{"code_verifier", challengeOf(verifier)}, "invalid_grant"},
	} {
		code := r.code("alice", query("client_id", "desk"))
		got := r.post("", exchange(code, append([]string{"client_id", "desk", "client_secret", "s3cret"}, c.change...)...))
		if got.Error != c.want || (got.Status == http.StatusOK) != (c.want == "") {
			t.Errorf("%s: %d %s", name, got.Status, got.body)
		}
	}
}

// TestNothingElseIsAnAccessToken: whatever we give, or take, that is none is refused
// where a token is asked for (RFC 8725 section 3.12).
func TestNothingElseIsAnAccessToken(t *testing.T) {
	p := newPlant(t, "")
	consent := p.consent()
	admin := p.call(TokenPath, as("ops", "grant_type", client.GrantOwn, "resource", fixturePublic+AdminPath)...)
	device := p.call(DeviceAuthPath, "client_id", "tv")
	page := p.ask("alice", query())
	sealed := strings.TrimPrefix(page.url, ConsentPath+"?request=")
	idToken := changed(p.workloadClaims(), map[string]any{"nonce": "n", "aud": "c-bot"})
	forUs := map[string]any{"aud": fixturePublic + ResourcePath, "iss": fixturePublic, "client_id": "c-bot", "scope": "crm:read-only", "sub_profile": "ai_agent", "sub": "bot"}
	all := map[string]string{
		"a refresh token":            consent.Refresh,
		"a code":                     p.code("alice", query()),
		"an administrator's":         admin.Access,
		"a device code":              codeIn(device.body, "device_code"),
		"a user code":                codeIn(device.body, "user_code"),
		"a request in a URL":         sealed,
		"a secret":                   "s3cret",
		"a client's id":              "c-bot",
		"a token's id":               p.who(consent.Access).TokenID,
		"a consent's id":             p.who(consent.Access).Grant,
		"a workload's token":         p.key.sign(t, nil, p.workloadClaims()),
		"a workload's token for us":  p.key.sign(t, map[string]any{"typ": "at+jwt"}, changed(p.workloadClaims(), forUs)),
		"an ID token":                p.key.sign(t, nil, idToken),
		"an assertion (ID-JAG)":      p.key.sign(t, map[string]any{"typ": typeIDJAG}, p.assertionClaims()),
		"an assertion for the tools": p.key.sign(t, map[string]any{"typ": typeIDJAG}, changed(p.assertionClaims(), map[string]any{"aud": fixturePublic + ResourcePath})),
	}
	if !p.alive(consent.Access) {
		t.Fatal("the test shows nothing")
	}
	guard := &auth.Guard{Tokens: p.tokens, Prover: prover{}}
	for name, token := range all {
		if len(token) < 4 {
			t.Fatalf("%s is %q", name, token)
		}
		if p.alive(token) {
			t.Errorf("%s is taken for an access token", name)
		}
		for _, scheme := range []string{auth.SchemeBearer, auth.SchemeDPoP} {
			if _, err := guard.Authenticate(t.Context(), auth.Presented{Scheme: scheme, Token: token, Method: "POST", URL: fixturePublic + ResourcePath, Proofs: []string{"key:x"}}); err == nil {
				t.Errorf("%s is let in as %s", name, scheme)
			}
		}
		if _, err := p.tokens.AuthenticateAdmin(t.Context(), token); (err == nil) != (token == admin.Access) {
			t.Errorf("%s administers: %v", name, err)
		}
		if got := p.call(IntrospectPath, as("c-bot", "token", token)...); !strings.Contains(got.body, `"active":false`) || len(got.body) > 20 {
			t.Errorf("%s is active: %s", name, got.body)
		}
	}
}

// codeIn is a member of a JSON answer.
func codeIn(body, name string) string {
	_, after, _ := strings.Cut(body, `"`+name+`":"`)
	value, _, _ := strings.Cut(after, `"`)
	return value
}

// unsaid hides how long a body is.
type unsaid struct{ io.Reader }

// TestWhatMachinesSendHasToBeAForm, once each, in the body, of 64 KiB at most: at every
// endpoint, and with an answer that nobody keeps (RFC 6749 section 3.2).
func TestWhatMachinesSendHasToBeAForm(t *testing.T) {
	const kind = "application/x-www-form-urlencoded"
	huge := strings.Repeat("x", maxBody)
	for _, path := range []string{TokenPath, IntrospectPath, RevokePath, DeviceAuthPath} {
		for name, c := range map[string]struct {
			method, query, kind string
			body                io.Reader
			header              http.Header
			status              int
		}{
			"a GET":                     {"GET", "?client_id=c-bot&token=x", kind, http.NoBody, nil, 405},
			"a PUT":                     {"PUT", "", kind, strings.NewReader("client_id=c-bot"), nil, 405},
			"a HEAD":                    {"HEAD", "", kind, http.NoBody, nil, 405},
			"a secret in the URL":       {"POST", "?client_secret=s3cret", kind, strings.NewReader("client_id=c-bot&token=x"), nil, 400},
			"JSON":                      {"POST", "", "application/json", strings.NewReader(`{"client_id":"c-bot"}`), nil, 400},
			"parts":                     {"POST", "", "multipart/form-data; boundary=x", strings.NewReader("--x--"), nil, 400},
			"no type":                   {"POST", "", "", strings.NewReader("client_id=c-bot"), nil, 400},
			"packed":                    {"POST", "", kind, strings.NewReader("client_id=c-bot"), http.Header{"Content-Encoding": {"gzip"}}, 400},
			"no form":                   {"POST", "", kind, strings.NewReader("client_id=%zz"), nil, 400},
			"a client twice":            {"POST", "", kind, strings.NewReader("client_id=c-bot&client_id=c-other&token=x"), nil, 400},
			"a token twice":             {"POST", "", kind, strings.NewReader("client_id=c-bot&token=x&token=y"), nil, 400},
			"a grant twice":             {"POST", "", kind, strings.NewReader("grant_type=authorization_code&grant_type=refresh_token"), nil, 400},
			"nine resources":            {"POST", "", kind, strings.NewReader("client_id=c-bot" + strings.Repeat("&resource=x", 9)), nil, 400},
			"two Authorization headers": {"POST", "", kind, strings.NewReader("token=x"), http.Header{"Authorization": {"Basic Yy1ib3Q6czNjcmV0", "Basic eA=="}}, 400},
			"two proofs":                {"POST", "", kind, strings.NewReader("token=x"), http.Header{"Dpop": {"key:a", "key:b"}}, 400},
			"too much":                  {"POST", "", kind, strings.NewReader("token=" + huge), nil, 413},
			"too much, unsaid":          {"POST", "", kind, unsaid{strings.NewReader("token=" + huge)}, nil, 413},
			"too many":                  {"POST", "", kind, strings.NewReader(strings.Repeat("a&", maxBody/2+1)), nil, 413},
		} {
			t.Run(path+": "+name, func(t *testing.T) {
				p := newPlant(t, "")
				r := httptest.NewRequest(c.method, path+c.query, c.body)
				for k, v := range c.header {
					r.Header[k] = v
				}
				if c.kind != "" {
					r.Header.Set("Content-Type", c.kind)
				}
				w := p.serve(r)
				if w.Code != c.status || w.Header().Get("Cache-Control") != "no-store" || w.Header().Get("Content-Type") != "application/json" {
					t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
				}
				if c.status == 405 && w.Header().Get("Allow") != "POST" {
					t.Errorf("it allows %q", w.Header().Get("Allow"))
				}
				if c.method != "HEAD" && (codeIn(w.Body.String(), "error") != "invalid_request" || strings.Contains(w.Body.String(), "s3cret")) {
					t.Errorf("%s", w.Body)
				}
			})
		}
	}
}
