package vault

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// describing is an authorization server that describes itself under some paths.
type describing struct {
	*httptest.Server
	asked atomic.Int64
	mu    sync.Mutex
	docs  map[string]func(w http.ResponseWriter)
}

func newDescribing(t testing.TB) *describing {
	d := &describing{docs: map[string]func(http.ResponseWriter){}}
	d.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d.asked.Add(1)
		d.mu.Lock()
		doc := d.docs[r.URL.Path]
		d.mu.Unlock()
		if doc == nil {
			http.NotFound(w, r)
			return
		}
		doc(w)
	}))
	t.Cleanup(d.Close)
	return d
}

func (d *describing) at(path string, doc func(http.ResponseWriter)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.docs[path] = doc
}

func document(fields map[string]any) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(fields)
	}
}

func (d *describing) good(issuer string) map[string]any {
	return map[string]any{
		"issuer": issuer, "authorization_endpoint": d.URL + "/authorize", "token_endpoint": d.URL + "/token",
		"revocation_endpoint": d.URL + "/revoke", "code_challenge_methods_supported": []string{"S256"},
		"token_endpoint_auth_methods_supported":          []string{"client_secret_post"},
		"authorization_response_iss_parameter_supported": true,
	}
}

func (k *kit) issuedBy(issuer string) {
	k.Configure(nil, map[string]Service{"slack": {Schemes: schemes, App: App{
		Provider: Provider{Issuer: issuer, PKCE: true}, ClientID: "client", ClientSecret: NewSecret("app-client-secret-value"),
	}}})
}

func TestDiscovery(t *testing.T) {
	for name, c := range map[string]struct{ path, at string }{
		"RFC 8414":             {"", "/.well-known/oauth-authorization-server"},
		"RFC 8414 with a path": {"/tenant1", "/.well-known/oauth-authorization-server/tenant1"},
		"OpenID":               {"", "/.well-known/openid-configuration"},
		"OpenID with a path":   {"/tenant1", "/tenant1/.well-known/openid-configuration"},
		"a slash at the end":   {"/tenant1/", "/tenant1/.well-known/openid-configuration"},
	} {
		t.Run(name, func(t *testing.T) {
			k, d := newKit(t), newDescribing(t)
			issuer := d.URL + c.path
			d.at(c.at, document(d.good(issuer)))
			k.issuedBy(issuer)
			app, err := k.OAuthApp(t.Context(), "slack")
			if err != nil {
				t.Fatal(err)
			}
			if app.AuthURL != d.URL+"/authorize" || app.TokenURL != d.URL+"/token" || app.RevokeURL != d.URL+"/revoke" ||
				app.ClientAuth != ClientBody || !app.AnnouncesIssuer || !app.PKCE {
				t.Fatalf("learned was %+v", app.Provider)
			}
		})
	}
}

// A server that lies about its issuer, or sends secrets where they can be read, is
// an error, and no other place is tried.
func TestDiscoveryThatLies(t *testing.T) {
	const first, second = "/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"
	for name, c := range map[string]struct {
		edit func(doc map[string]any, issuer string)
		text string
	}{
		"another issuer":  {func(doc map[string]any, _ string) { doc["issuer"] = "https://evil.example" }, `says that it is "https://evil.example"`},
		"a slash more":    {func(doc map[string]any, issuer string) { doc["issuer"] = issuer + "/" }, "says that it is"},
		"another case":    {func(doc map[string]any, issuer string) { doc["issuer"] = strings.ToUpper(issuer) }, "says that it is"},
		"no issuer":       {func(doc map[string]any, _ string) { delete(doc, "issuer") }, "says that it is nobody"},
		"hostile issuer":  {func(doc map[string]any, _ string) { doc["issuer"] = "x\n\u202e" + strings.Repeat("y", 9999) }, "says that it is"},
		"no tokens":       {func(doc map[string]any, _ string) { delete(doc, "token_endpoint") }, "token_endpoint"},
		"tokens in clear": {func(doc map[string]any, _ string) { doc["token_endpoint"] = "http://login.example/token" }, "token_endpoint"},
		"a script":        {func(doc map[string]any, _ string) { doc["authorization_endpoint"] = "javascript:alert(1)" }, "authorization_endpoint"},
		"a password":      {func(doc map[string]any, _ string) { doc["revocation_endpoint"] = "https://u:p@login.example/" }, "revocation_endpoint"},
	} {
		t.Run(name, func(t *testing.T) {
			k, d := newKit(t), newDescribing(t)
			doc := d.good(d.URL)
			c.edit(doc, d.URL)
			d.at(first, document(doc))
			d.at(second, document(d.good(d.URL)))
			k.issuedBy(d.URL)
			_, err := k.OAuthApp(t.Context(), "slack")
			if !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), c.text) || strings.ContainsAny(err.Error(), "\n\u202e") || len(err.Error()) > 500 {
				t.Fatalf("the error is %v", err)
			}
			// A refresh asks the same, and leaves the grant as it is.
			d2 := declare(TypeOAuthToken, "vault:slack/a")
			k.put(t, "slack/a", Stored{Type: TypeOAuthToken, Refresh: NewSecret("refresh-0")})
			if _, err := k.Resolve(t.Context(), d2); err == nil {
				t.Fatal("a token was had from a liar")
			}
			if info, err := k.Show(t.Context(), "slack/a"); err != nil || !info.HasRefresh {
				t.Fatalf("the grant is lost: %+v %v", info, err)
			}
		})
	}
}

func TestDiscoveryOfOddServers(t *testing.T) {
	const first, second = "/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"
	say := func(status int, kind, body string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", kind)
			w.WriteHeader(status)
			_, _ = fmt.Fprint(w, body)
		}
	}
	for name, c := range map[string]struct {
		first, second func(http.ResponseWriter)
		kind          error // nil: the second place has it
	}{
		"a page under every path":  {say(200, "text/html; charset=utf-8", "<html>"), nil, ErrInvalid},
		"a page, then the second":  {say(200, "text/html; charset=utf-8", "<html>"), document(nil), nil},
		"no JSON":                  {say(200, "application/json", "<html>"), document(nil), ErrInvalid},
		"2 MB":                     {say(200, "application/json", `{"x":"`+strings.Repeat("x", 2<<20)+`"}`), document(nil), ErrInvalid},
		"busy":                     {say(503, "text/plain", ""), document(nil), ErrUnavailable},
		"too many":                 {say(429, "text/plain", ""), document(nil), ErrUnavailable},
		"a redirect is no address": {say(302, "text/plain", ""), nil, ErrInvalid},
		"forbidden, then it":       {say(403, "text/plain", ""), document(nil), nil},
	} {
		t.Run(name, func(t *testing.T) {
			k, d := newKit(t), newDescribing(t)
			d.at(first, c.first)
			if c.second != nil {
				d.at(second, document(d.good(d.URL)))
			}
			k.issuedBy(d.URL)
			_, err := k.OAuthApp(t.Context(), "slack")
			if c.kind == nil && err != nil || c.kind != nil && !errors.Is(err, c.kind) {
				t.Fatalf("the error is %v", err)
			}
		})
	}
}

func TestDiscoveryNeedsHTTPS(t *testing.T) {
	for _, issuer := range []string{"http://login.example", "ftp://login.example", "https://u:p@login.example", "https://login.example?x", "https://", ":", "http://10.0.0.1"} {
		k := newKit(t)
		k.issuedBy(issuer)
		if _, err := k.OAuthApp(t.Context(), "slack"); !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), "https://") {
			t.Errorf("%s: %v", issuer, err)
		}
	}
}

// What was found holds for an hour, and for a day where the server does not answer.
func TestDiscoveryIsKept(t *testing.T) {
	k, d := newKit(t), newDescribing(t)
	const at = "/.well-known/oauth-authorization-server"
	d.at(at, document(d.good(d.URL)))
	k.issuedBy(d.URL)
	ready := func() error {
		_, err := k.OAuthApp(t.Context(), "slack")
		return err
	}
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			if err := ready(); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if err := ready(); err != nil || d.asked.Load() > 2 {
		t.Fatalf("it was asked %d times: %v", d.asked.Load(), err)
	}
	asked := d.asked.Load()
	k.clock.add(foundFor)
	if err := ready(); err != nil || d.asked.Load() != asked+1 {
		t.Fatalf("it was asked %d times: %v", d.asked.Load(), err)
	}
	d.at(at, func(w http.ResponseWriter) { w.WriteHeader(http.StatusBadGateway) })
	k.clock.add(foundFor)
	if err := ready(); err != nil {
		t.Fatalf("it does not answer, and: %v", err)
	}
	k.clock.add(foundAtMost)
	if err := ready(); !errors.Is(err, ErrUnavailable) {
		t.Fatalf("a day later: %v", err)
	}
	d.at(at, document(map[string]any{"issuer": "https://evil.example"}))
	if err := ready(); !errors.Is(err, ErrInvalid) {
		t.Fatalf("now it lies: %v", err)
	}
}

// A refresh finds the token endpoint by the issuer.
func TestRefreshWithAnIssuer(t *testing.T) {
	k, d := newKit(t), newDescribing(t)
	doc := d.good(d.URL)
	doc["token_endpoint"] = k.issuer.URL + "/token"
	d.at("/.well-known/openid-configuration", document(doc))
	k.issuedBy(d.URL)
	k.put(t, "slack/a", Stored{Type: TypeOAuthToken, Refresh: NewSecret("refresh-0")})
	c := k.resolve(t, declare(TypeOAuthToken, "vault:slack/a"))
	if got := sent(t, c, "Authorization"); got != "Bearer access-1" {
		t.Fatalf("sent was %s", got)
	}
	if r := k.issuer.requests[0]; r.PostForm.Get("client_secret") == "" {
		t.Fatal("the app did not prove itself as the issuer wants it")
	}
}

// A provider that gives refresh tokens only to who asks for them is asked, unless
// the config says what to ask for.
func TestDiscoveredScopes(t *testing.T) {
	k, d := newKit(t), newDescribing(t)
	doc := d.good(d.URL)
	doc["scopes_supported"] = []string{"openid", "email", "offline_access"}
	d.at("/.well-known/openid-configuration", document(doc))
	k.issuedBy(d.URL)
	app, err := k.OAuthApp(t.Context(), "slack")
	if err != nil || strings.Join(app.Scopes, " ") != "openid offline_access" {
		t.Fatalf("asked for is %v: %v", app.Scopes, err)
	}
	if u := app.AuthCodeURL(AuthRequest{Scopes: app.Scopes}); !strings.Contains(u, "prompt=consent") {
		t.Fatalf("the address is %s", u)
	}
	app.AuthParams = map[string]string{"prompt": "login consent"}
	if u := app.AuthCodeURL(AuthRequest{Scopes: app.Scopes}); !strings.Contains(u, "prompt=login+consent") {
		t.Fatalf("the address is %s", u)
	}
	k.Configure(nil, map[string]Service{"slack": {App: App{Provider: Provider{Issuer: d.URL, Scopes: []string{}}, ClientID: "client"}}})
	if app, err = k.OAuthApp(t.Context(), "slack"); err != nil || len(app.Scopes) > 0 {
		t.Fatalf("asked for is %v: %v", app.Scopes, err)
	}
}

// A description that is taken gives only addresses that nobody can listen to.
func FuzzMetadata(f *testing.F) {
	f.Add([]byte(`{"issuer":"https://login.example","authorization_endpoint":"https://login.example/a","token_endpoint":"https://login.example/t"}`))
	f.Add([]byte(`{"issuer":"https://login.example","token_endpoint":"http://localhost.evil.example/t"}`))
	f.Add([]byte(`{"issuer":"https://login.example","token_endpoint":"http://127.0.0.1@evil.example/t"}`))
	f.Add([]byte(`{"issuer":"https://login.example","Issuer":"x","token_endpoint":"https:/evil"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		var m metadata
		if json.Unmarshal(body, &m) != nil || m.check("slack", "https://login.example") != nil {
			return
		}
		for _, raw := range []string{m.AuthURL, m.TokenURL, m.RevokeURL} {
			u, err := url.Parse(raw)
			if err != nil || raw != "" && u.Scheme != "https" && !(u.Scheme == "http" && loopback(u.Hostname())) || u.User != nil {
				t.Fatalf("taken was %q", raw)
			}
		}
	})
}
