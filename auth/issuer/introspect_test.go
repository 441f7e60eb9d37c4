package issuer_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"toolvault/auth/issuer"
	"toolvault/vault"
)

func (w *world) introspection() *issuer.Introspection {
	return &issuer.Introspection{URL: w.provider.URL + "/introspect", ClientID: "toolvault", ClientSecret: vault.NewSecret("s3cret:")}
}

const opaque = "opaque-token-0001"

func (w *world) says(token string, change map[string]any) {
	w.provider.set(func(p *provider) { p.tokens[token] = with(with(w.claims(), map[string]any{"active": true}), change) })
}

func TestOpaqueTokens(t *testing.T) {
	w := newWorld(t)
	w.trust(t, nil)
	if w.Takes("") || w.try(t, opaque) != untrusted {
		t.Error("without introspection a token that is no JWT is taken")
	}
	w.trust(t, func(i *issuer.Issuer) { i.Introspect = w.introspection() })
	if !w.Takes("") {
		t.Fatal("not taken")
	}
	const inactive = "its issuer says that it is not active"
	for i, c := range []struct {
		change map[string]any
		want   string
	}{
		{nil, ""},
		{map[string]any{"active": false}, inactive},
		{map[string]any{"active": nil}, inactive},
		{map[string]any{"active": "true"}, inactive},
		{map[string]any{"active": 1}, inactive},
		{map[string]any{"iss": nil}, ""},
		{map[string]any{"iss": "https://evil.example"}, untrusted},
		{map[string]any{"aud": nil}, forAnother},
		{map[string]any{"aud": "https://other.example"}, forAnother},
		{map[string]any{"exp": w.clock.Now().Add(-time.Second).Unix()}, "expired"},
		{map[string]any{"exp": "x"}, badClaims},
		{map[string]any{"exp": nil}, ""},
		{map[string]any{"exp": nil, "iat": nil}, ""},
		{map[string]any{"nbf": w.clock.Now().Add(time.Hour).Unix()}, "not valid yet"},
		{map[string]any{"token_type": "Bearer"}, ""},
		{map[string]any{"token_type": "refresh_token"}, badType},
		{map[string]any{"token_type": "N_A"}, badType},
		{map[string]any{"cnf": map[string]any{"x5t#S256": "x"}}, "bound to a key in a way that is not taken here"},
	} {
		token := fmt.Sprint(opaque, i)
		w.says(token, c.change)
		if got := w.try(t, token); got != c.want {
			t.Errorf("%v: %q, want %q", c.change, got, c.want)
		}
	}
	asked := w.provider.count("/introspect")
	for _, token := range []string{"", "short", "with space in it", "ünïcode-token", "a{\"b\":1}xxxxxx", "====================", strings.Repeat("x", 8<<10+1)} {
		if got := w.try(t, token); got == "" {
			t.Errorf("%q is taken", token)
		}
	}
	// A JWT of somebody else is never shown to this issuer.
	w.try(t, w.token(t, map[string]any{"iss": "https://other.example"}))
	w.try(t, w.token(t, map[string]any{"iss": nil}))
	if w.provider.count("/introspect") != asked {
		t.Error("the issuer was asked about what cannot be its token")
	}
}

func TestIntrospectionIsRememberedForAShortTime(t *testing.T) {
	for configured, holds := range map[time.Duration]time.Duration{0: 30 * time.Second, 10 * time.Second: 10 * time.Second} {
		w := newWorld(t)
		w.trust(t, func(i *issuer.Issuer) { i.Introspect = w.introspection(); i.Introspect.CacheFor = configured })
		w.says(opaque, nil)
		for range 5 {
			if got := w.try(t, opaque); got != "" {
				t.Fatal(got)
			}
		}
		w.says(opaque, map[string]any{"active": false})
		w.clock.forward(holds - time.Second)
		if got := w.try(t, opaque); got != "" || w.provider.count("/introspect") != 1 {
			t.Errorf("%q, asked %d times", got, w.provider.count("/introspect"))
		}
		w.clock.forward(time.Second)
		if got := w.try(t, opaque); got == "" {
			t.Errorf("inactive for %s, and taken", holds)
		}
		// That it is not active holds for 5 s.
		w.says(opaque, nil)
		w.clock.forward(5*time.Second - 1)
		if got := w.try(t, opaque); got == "" || w.provider.count("/introspect") != 2 {
			t.Errorf("%q, asked %d times", got, w.provider.count("/introspect"))
		}
		w.clock.forward(1)
		if got := w.try(t, opaque); got != "" {
			t.Errorf("active again: %q", got)
		}
	}
}

// A JWT is checked here, and then asked about too.
func TestEachJWTIsAskedAbout(t *testing.T) {
	w := newWorld(t)
	w.trust(t, func(i *issuer.Issuer) { i.Introspect = w.introspection(); i.Introspect.JWTOnly = true })
	token := w.token(t, nil)
	if got := w.try(t, token); got != "its issuer says that it is not active" {
		t.Errorf("%q", got)
	}
	w.clock.forward(6 * time.Second)
	w.says(token, nil)
	if got := w.try(t, token); got != "" {
		t.Errorf("%q", got)
	}
	for name, value := range map[string]string{"sub": "bob", "jti": "other", "client_id": "other"} {
		token := w.token(t, map[string]any{"for": name})
		w.says(token, map[string]any{name: value})
		if got := w.try(t, token); got != "its issuer says something else of it than it does" {
			t.Errorf("%s: %q", name, got)
		}
	}
	asked := w.provider.count("/introspect")
	forged := newKey(t, "k1").forge(t, w.header(), w.claims())
	w.says(forged, nil)
	for token, want := range map[string]string{forged: badSignature, w.token(t, map[string]any{"aud": "x"}): forAnother, opaque: untrusted} {
		if got := w.try(t, token); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if w.provider.count("/introspect") != asked || w.Takes("") {
		t.Error("it is asked about what is refused anyway")
	}
}

func TestIntrospectionAway(t *testing.T) {
	for what, f := range map[string]func(http.ResponseWriter, *http.Request) bool{
		"500":    func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(500); return true },
		"401":    func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(401); return true },
		"a page": func(w http.ResponseWriter, _ *http.Request) bool { _, _ = io.WriteString(w, "<html>"); return true },
		"a list": func(w http.ResponseWriter, _ *http.Request) bool { _, _ = io.WriteString(w, "[]"); return true },
		"twice": func(w http.ResponseWriter, _ *http.Request) bool {
			_, _ = io.WriteString(w, `{"active":true,"active":true}`)
			return true
		},
		"a redirect": func(w http.ResponseWriter, r *http.Request) bool {
			http.Redirect(w, r, "/other", http.StatusTemporaryRedirect)
			return true
		},
		"huge": func(w http.ResponseWriter, _ *http.Request) bool {
			_, _ = io.WriteString(w, `{"active":true,"x":"`+strings.Repeat("x", 64<<10)+`"}`)
			return true
		},
		"broken off": func(w http.ResponseWriter, _ *http.Request) bool { panic(http.ErrAbortHandler) },
	} {
		w := newWorld(t)
		w.trust(t, func(i *issuer.Issuer) { i.Introspect = w.introspection() })
		w.says(opaque, nil)
		w.provider.set(func(p *provider) { p.instead = f })
		_, _, err := w.Authenticate(t.Context(), opaque)
		if !away(err) || strings.Contains(err.Error(), opaque) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v", what, err)
		}
		w.provider.set(func(p *provider) { p.instead = nil })
		w.clock.forward(2 * time.Second)
		if got := w.try(t, opaque); got != "" {
			t.Errorf("back after %s: %q", what, got)
		}
	}
}
