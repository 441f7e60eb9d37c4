package issuer_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"toolvault/auth/issuer"
)

func TestDiscovery(t *testing.T) {
	for what, c := range map[string]struct {
		issuer string // behind the URL of the server
		at     string // where the description is
	}{
		"OpenID":             {"", "/.well-known/openid-configuration"},
		"OpenID, with path":  {"/tenant/1", "/tenant/1/.well-known/openid-configuration"},
		"OpenID, with slash": {"/", "/.well-known/openid-configuration"},
		"OAuth":              {"", "/.well-known/oauth-authorization-server"},
		"OAuth, with path":   {"/tenant/1", "/.well-known/oauth-authorization-server/tenant/1"},
	} {
		w := newWorld(t)
		w.provider.set(func(p *provider) {
			p.about = nil
			url := p.URL
			p.instead = func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path != c.at {
					return false
				}
				_, _ = w.Write([]byte(`{"issuer":"` + url + c.issuer + `","jwks_uri":"` + url + `/jwks"}`))
				return true
			}
		})
		w.trust(t, func(i *issuer.Issuer) { i.URL += c.issuer })
		if got := w.try(t, w.token(t, map[string]any{"iss": w.provider.URL + c.issuer})); got != "" {
			t.Errorf("%s: %q", what, got)
		}
	}
}

func TestDiscoveryOfAnotherIssuer(t *testing.T) {
	w := newWorld(t)
	for _, says := range []any{"https://evil.example", w.provider.URL + "/", nil, 7} {
		w := newWorld(t)
		w.provider.set(func(p *provider) { p.about["issuer"] = says })
		w.trust(t, nil)
		if _, _, err := w.Authenticate(t.Context(), w.token(t, nil)); !away(err) || w.provider.count("/jwks") != 0 {
			t.Errorf("%v: %v", says, err)
		}
	}
}

// A redirect is never followed: not from the description, not from the keys.
func TestRedirects(t *testing.T) {
	var visits atomic.Int64
	stranger := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { visits.Add(1) }))
	defer stranger.Close()
	for _, path := range []string{"/.well-known/openid-configuration", "/jwks"} {
		for _, code := range []int{301, 302, 303, 307, 308} {
			w := newWorld(t)
			w.provider.set(func(p *provider) {
				p.instead = func(w http.ResponseWriter, r *http.Request) bool {
					if r.URL.Path != path {
						return false
					}
					http.Redirect(w, r, stranger.URL+path, code)
					return true
				}
			})
			w.trust(t, nil)
			if _, _, err := w.Authenticate(t.Context(), w.token(t, nil)); !away(err) {
				t.Errorf("%s, %d: %v", path, code, err)
			}
		}
	}
	if visits.Load() != 0 {
		t.Errorf("%d redirects were followed", visits.Load())
	}
}

// What an issuer says of where its keys are is not believed as an admin is: on
// another host only https to a public address will do.
func TestKeysOnAnotherHost(t *testing.T) {
	key := newKey(t, "k1")
	var visits atomic.Int64
	inside := newProvider(t, key)
	inside.set(func(p *provider) {
		p.instead = func(http.ResponseWriter, *http.Request) bool { visits.Add(1); return false }
	})
	secure := httptest.NewUnstartedServer(inside)
	var connections atomic.Int64
	secure.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			connections.Add(1)
		}
	}
	secure.StartTLS()
	defer secure.Close()
	for what, uri := range map[string]string{
		"http on another port":     inside.URL + "/jwks",
		"https on another port":    secure.URL + "/jwks",
		"the same by name":         strings.Replace(secure.URL, "127.0.0.1", "localhost", 1) + "/jwks",
		"mapped IPv6":              strings.Replace(secure.URL, "127.0.0.1", "[::ffff:127.0.0.1]", 1) + "/jwks",
		"metadata of a cloud":      "https://169.254.169.254/jwks",
		"http to a stranger":       "http://stranger.example/jwks",
		"a file":                   "file:///etc/passwd",
		"nothing":                  "",
		"a user":                   strings.Replace(secure.URL, "https://", "https://a:b@", 1) + "/jwks",
		"a fragment":               secure.URL + "/jwks#x",
		"script":                   "javascript:alert(1)",
		"the host in another case": strings.Replace(secure.URL, "https", "HTTPS", 1) + "/jwks",
	} {
		w := newWorld(t)
		w.provider.set(func(p *provider) { p.about["jwks_uri"] = uri })
		w.trust(t, nil)
		if _, _, err := w.Authenticate(t.Context(), key.forge(t, w.header(), w.claims())); !away(err) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if visits.Load() != 0 || connections.Load() != 0 {
		t.Errorf("%d requests and %d connections to an address inside", visits.Load(), connections.Load())
	}
	// The guarded client, and only that one, goes to another host.
	w := newWorld(t, func(o *issuer.Options) { o.Guarded = secure.Client() })
	w.provider.set(func(p *provider) { p.about["jwks_uri"] = secure.URL + "/jwks" })
	w.trust(t, nil)
	if got := w.try(t, key.forge(t, w.header(), w.claims())); got != "" || visits.Load() != 1 {
		t.Errorf("%q, %d", got, visits.Load())
	}
	// Not over http, even where the guard would let it.
	w = newWorld(t, func(o *issuer.Options) { o.Guarded = http.DefaultClient })
	w.provider.set(func(p *provider) { p.about["jwks_uri"] = inside.URL + "/jwks" })
	w.trust(t, nil)
	if _, _, err := w.Authenticate(t.Context(), key.forge(t, w.header(), w.claims())); !away(err) || visits.Load() != 1 {
		t.Errorf("http on another port: %v", err)
	}
	// An admin may name any host.
	w = newWorld(t, func(o *issuer.Options) { o.HTTP = secure.Client() })
	w.trust(t, func(i *issuer.Issuer) { i.KeysURL = secure.URL + "/jwks" })
	if got := w.try(t, key.forge(t, w.header(), w.claims())); got != "" {
		t.Errorf("%q", got)
	}
	if w.provider.all() != 0 {
		t.Error("the issuer was asked for its description, though keys_url says where its keys are")
	}
}
