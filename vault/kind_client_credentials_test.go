package vault

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// A client proves itself by Basic or in the body; both are encoded as RFC 6749 says.
func TestClientCredentials(t *testing.T) {
	const secret = "s3cret/+ :%=&_long"
	for name, test := range map[string]struct {
		params map[string]string
		app    App
		prove  func(r *http.Request) string
	}{
		"basic": {
			params: map[string]string{"client_id": "id:with colon", "token_scope": "read write", "audience": "https://api.example.com"},
			prove: func(r *http.Request) string {
				id, got, ok := r.BasicAuth()
				id, _ = url.QueryUnescape(id)
				got, _ = url.QueryUnescape(got)
				switch f := r.PostForm; {
				case !ok || id != "id:with colon" || got != secret || f.Has("client_secret") || f.Has("client_id"):
					return "invalid_client"
				case f.Get("grant_type") != "client_credentials":
					return "unsupported_grant_type"
				case f.Get("scope") != "read write" || f.Get("audience") != "https://api.example.com":
					return "invalid_scope"
				}
				return ""
			},
		},
		"body": {
			params: map[string]string{"client_id": "id", "auth": "body"},
			prove: func(r *http.Request) string {
				f := r.PostForm
				if f.Get("client_id") != "id" || f.Get("client_secret") != secret || r.Header.Get("Authorization") != "" || f.Has("scope") || f.Has("audience") {
					return "invalid_client"
				}
				return ""
			},
		},
		"the service's app": {
			app: App{ClientID: "the-app", Provider: Provider{ClientAuth: ClientBody}},
			prove: func(r *http.Request) string {
				if r.PostForm.Get("client_id") != "the-app" || r.PostForm.Get("client_secret") != secret {
					return "invalid_client"
				}
				return ""
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newCounterpart(t)
			s.prove = test.prove
			service := Service{App: test.app}
			if test.params == nil {
				service.App.TokenURL = s.URL + "/token"
			} else {
				test.params["token_url"] = s.URL + "/token"
			}
			q := newQuiet(t, service)
			d := q.put(t, TypeClientCredentials, secret, test.params)
			if err := q.Check(t.Context(), d); err != nil || s.count() != 0 {
				t.Fatalf("check: %v, %d requests", err, s.count())
			}
			c := s.works(t, q.Vault, d)
			q.hide("issued-token-1")
			q.say(c)
			holds(t, c, secret, "issued-token-1")
			if !c.Expires.Equal(q.clock.now().UTC().Truncate(time.Second).Add(time.Hour)) && c.Expires.Sub(q.clock.now()).Abs() > time.Hour+time.Second {
				t.Errorf("expires %v", c.Expires)
			}
			s.works(t, q.Vault, d)
			if s.count() != 1 {
				t.Errorf("%d tokens were asked for: want one, kept", s.count())
			}
			s.end()
			if status := s.try(t, c); status != http.StatusUnauthorized {
				t.Fatalf("the service answers %d", status)
			}
			next, err := q.Renew(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			if status := s.try(t, next); status != http.StatusOK || s.count() != 2 {
				t.Errorf("after a renewal the service answers %d; %d tokens were asked for", status, s.count())
			}
		})
	}
}

// verify holds an assertion against RFC 7523 section 3, as a token endpoint does.
func verify(text string, public any, algorithm, kid string, want jwt.Expected, longest time.Duration) error {
	token, err := jwt.ParseSigned(text, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(algorithm)})
	if err != nil {
		return err
	}
	var claims jwt.Claims
	if err := token.Claims(public, &claims); err != nil {
		return err
	}
	if got := token.Headers[0].KeyID; got != kid {
		return fmt.Errorf("kid %q", got)
	}
	now := time.Now()
	want.Time = now
	if err := claims.ValidateWithLeeway(want, 0); err != nil {
		return err
	}
	switch {
	case claims.ID == "" || claims.Issuer == "":
		return fmt.Errorf("no jti or iss")
	case claims.Expiry == nil || claims.IssuedAt == nil || claims.Expiry.Time().Sub(claims.IssuedAt.Time()) > longest || claims.Expiry.Time().Sub(now) > longest:
		return fmt.Errorf("exp %v, iat %v", claims.Expiry, claims.IssuedAt)
	case !claims.IssuedAt.Time().Before(now.Add(-5 * time.Second)):
		return fmt.Errorf("iat %v leaves nothing for a clock that is behind", claims.IssuedAt.Time())
	}
	return nil
}

// A client may prove itself with a key of any kind, in PEM or as a JWK; each
// assertion is good once.
func TestPrivateKeyJWT(t *testing.T) {
	k := testKeys()
	jwk := func(key jose.JSONWebKey) string {
		b, err := json.Marshal(key)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	for name, test := range map[string]struct {
		secret, algorithm, kid string
		public                 any
		params                 map[string]string
		audience               string // "": the token endpoint
	}{
		"RSA, PKCS 8":      {secret: pkcs8(t, k.rsa), algorithm: "RS256", public: k.rsa.Public()},
		"RSA, PKCS 1":      {secret: "some text before\n" + block("RSA PRIVATE KEY", pkcs1(k.rsa)), algorithm: "RS256", public: k.rsa.Public(), kid: "k1", params: map[string]string{"key_id": "k1"}},
		"RSA, PSS":         {secret: pkcs8(t, k.rsa), algorithm: "PS256", public: k.rsa.Public(), params: map[string]string{"algorithm": "PS256"}},
		"EC, SEC 1":        {secret: block("EC PRIVATE KEY", sec1(t, k.ec)), algorithm: "ES256", public: k.ec.Public()},
		"EC, issuer":       {secret: pkcs8(t, k.ec), algorithm: "ES256", public: k.ec.Public(), params: map[string]string{"issuer": "https://login.example.com"}, audience: "https://login.example.com"},
		"Ed25519":          {secret: pkcs8(t, k.ed), algorithm: "EdDSA", public: k.ed.Public()},
		"JWK":              {secret: jwk(jose.JSONWebKey{Key: k.rsa, KeyID: "jwk-1", Algorithm: "PS256"}), algorithm: "PS256", public: k.rsa.Public(), kid: "jwk-1"},
		"JWK, CRLF in PEM": {secret: strings.ReplaceAll(pkcs8(t, k.ec), "\n", "\r\n"), algorithm: "ES256", public: k.ec.Public()},
	} {
		t.Run(name, func(t *testing.T) {
			s := newCounterpart(t)
			seen := map[string]bool{}
			s.prove = func(r *http.Request) string {
				f := r.PostForm
				signed, audience := f.Get("client_assertion"), test.audience
				if audience == "" {
					audience = s.URL + "/token"
				}
				err := verify(signed, test.public, test.algorithm, test.kid, jwt.Expected{Issuer: "client-1", Subject: "client-1", AnyAudience: jwt.Audience{audience}}, time.Minute)
				if err != nil || seen[signed] || f.Get("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" || f.Has("client_secret") || r.Header.Get("Authorization") != "" {
					t.Logf("refused: %v", err)
					return "invalid_client"
				}
				seen[signed] = true
				return ""
			}
			q := newQuiet(t, Service{})
			params := map[string]string{"client_id": "client-1", "token_url": s.URL + "/token", "auth": "private_key_jwt"}
			for key, value := range test.params {
				params[key] = value
			}
			d := q.put(t, TypeClientCredentials, test.secret, params)
			c := s.works(t, q.Vault, d)
			holds(t, c, test.secret, "issued-token-1")
			s.end()
			if next, err := q.Renew(t.Context(), c); err != nil || s.try(t, next) != http.StatusOK {
				t.Errorf("a second assertion was not taken: %v", err)
			}
			q.say(c, d)
		})
	}
}

// What does not fit together is found without asking anybody, by Check and by
// Resolve alike.
func TestClientCredentialsThatDoNotFit(t *testing.T) {
	k := testKeys()
	s := newCounterpart(t)
	for name, test := range map[string]struct {
		secret string
		params map[string]string
		want   string
	}{
		"no id":        {"secret-1234", map[string]string{"token_url": s.URL}, "the client's id is missing: set client_id, or services.crm.oauth.client_id"},
		"no endpoint":  {"secret-1234", map[string]string{"client_id": "a"}, "the token endpoint is not known: set token_url, or services.crm.oauth.token_url"},
		"no key":       {"secret-1234", map[string]string{"client_id": "a", "token_url": s.URL, "auth": "private_key_jwt"}, "this is no private key: it must be in PEM, beginning with -----BEGIN PRIVATE KEY-----, or a JWK, with nothing cut off"},
		"key as text":  {pkcs8(t, k.ec), map[string]string{"client_id": "a", "token_url": s.URL}, "the secret has a line break or another control character in it: was more than the secret pasted?; where it is a private key, set auth to private_key_jwt"},
		"wrong method": {pkcs8(t, k.ec), map[string]string{"client_id": "a", "token_url": s.URL, "auth": "private_key_jwt", "algorithm": "RS256"}, "the private key does not sign with the algorithm that it is declared for: it can do ES256"},
	} {
		t.Run(name, func(t *testing.T) {
			q := newQuiet(t, Service{})
			d := q.put(t, TypeClientCredentials, test.secret, test.params)
			if err := q.Check(t.Context(), d); err == nil || err.Error() != test.want {
				t.Errorf("check: %v", err)
			}
			if got := q.fails(t, d, ErrInvalid); got != test.want {
				t.Errorf("got %s", got)
			}
		})
	}
	if s.count() != 0 {
		t.Error("the token endpoint was asked")
	}
}

// Whatever a token endpoint answers ends in one sentence of the right kind, which
// repeats nothing of it.
func TestAnswersOfATokenEndpoint(t *testing.T) {
	const secret = "client-secret-91f2c7"
	for name, test := range map[string]struct {
		status      int
		kind        string
		body        string
		want        error
		says        string
		missing     bool // no status: the connection breaks
		destination string
	}{
		"wrong secret":         {status: 401, body: `{"error":"invalid_client","error_description":"` + secret + `"}`, want: ErrInvalid, says: "(HTTP 401, invalid_client): the client's id"},
		"wrong scope":          {status: 400, body: `{"error":"invalid_scope"}`, want: ErrInvalid, says: "correct token_scope"},
		"wrong audience":       {status: 400, body: `{"error":"invalid_target"}`, want: ErrInvalid, says: "correct audience"},
		"not allowed":          {status: 403, body: `{"error":"unauthorized_client"}`, want: ErrInvalid, says: "an admin of the service has to allow it"},
		"an odd code":          {status: 400, body: `{"error":"` + secret + ` <b>"}`, want: ErrInvalid, says: "(HTTP 400, no error code)"},
		"a secret as code":     {status: 400, body: `{"error":"` + secret + `"}`, want: ErrInvalid, says: "(HTTP 400, no error code)"},
		"a code that is none":  {status: 400, body: `{"error":{"message":"` + secret + `"}}`, want: ErrInvalid, says: "(HTTP 400, no error code)"},
		"refused with 200":     {status: 200, body: `{"error":"invalid_client"}`, want: ErrInvalid, says: "invalid_client"},
		"nobody there":         {status: 404, body: `<html>`, want: ErrInvalid, says: "is its address right?"},
		"a redirect":           {status: 307, destination: "/elsewhere", want: ErrInvalid, says: "answers with a redirect (HTTP 307)"},
		"busy":                 {status: 429, body: `{"error":"invalid_request"}`, want: ErrUnavailable, says: "does not issue tokens just now (HTTP 429)"},
		"busy by code":         {status: 400, body: `{"error":"temporarily_unavailable"}`, want: ErrUnavailable, says: "(temporarily_unavailable)"},
		"broken":               {status: 502, body: `<html>` + secret, want: ErrUnavailable, says: "(HTTP 502)"},
		"HTML":                 {status: 200, body: `<!DOCTYPE html><p>` + secret, want: ErrUnavailable, says: "something that is not JSON: is its address right?"},
		"a list":               {status: 200, body: `[1]`, want: ErrUnavailable, says: "not JSON"},
		"empty":                {status: 200, body: ``, want: ErrUnavailable, says: "not JSON"},
		"no access_token":      {status: 200, body: `{"token_type":"Bearer","id_token":"` + secret + `"}`, want: ErrUnavailable, says: "answered without an access_token"},
		"a number":             {status: 200, body: `{"access_token":7}`, want: ErrUnavailable, says: "answered without an access_token"},
		"a bound token":        {status: 200, body: `{"access_token":"t","token_type":"DPoP"}`, want: ErrInvalid, says: "bound to a key (dpop)"},
		"ten megabytes":        {status: 200, body: `{"access_token":"` + strings.Repeat("x", 10<<20) + `"}`, want: ErrUnavailable, says: "more than 1048576 bytes"},
		"a token of lines":     {status: 200, body: `{"access_token":"a\r\nX-Evil: 1"}`, want: ErrUnavailable, says: "a token that cannot be used"},
		"a token of 100 kB":    {status: 200, body: `{"access_token":"` + strings.Repeat("x", 100<<10) + `"}`, want: ErrUnavailable, says: "a token that cannot be used"},
		"a broken connection":  {missing: true, want: ErrUnavailable, says: "cannot be reached"},
		"half an answer":       {status: 200, kind: "half", body: `{"access_token":"t`, want: ErrUnavailable, says: "broke off its answer"},
		"compressed without e": {status: 200, body: "\x1f\x8b\x08\x00", want: ErrUnavailable, says: "not JSON"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newCounterpart(t)
			s.answer = func(w http.ResponseWriter, r *http.Request) {
				if test.missing {
					c, _, _ := w.(http.Hijacker).Hijack()
					_ = c.Close()
					return
				}
				if test.destination != "" {
					w.Header().Set("Location", test.destination)
				}
				if test.kind == "half" {
					w.Header().Set("Content-Length", "1000")
				}
				w.WriteHeader(test.status)
				_, _ = w.Write([]byte(test.body))
			}
			q := newQuiet(t, Service{})
			d := q.put(t, TypeClientCredentials, secret, map[string]string{"client_id": "a", "token_url": s.URL + "/token"})
			if got := q.fails(t, d, test.want); !strings.Contains(got, test.says) {
				t.Errorf("got %q, want %q in it", got, test.says)
			}
			if s.count() != 1 {
				t.Errorf("%d requests", s.count())
			}
			// What an admin has to mend is not tried again with each call.
			q.fails(t, d, test.want)
			if n := s.count(); n != 1 {
				t.Errorf("%d requests after another call", n)
			}
			if strings.Contains(q.said.String(), s.URL) && test.missing {
				t.Error("the address is repeated")
			}
		})
	}
}

// What a service says of a token's life is taken for what it can mean.
func TestLifeOfAToken(t *testing.T) {
	for text, want := range map[string]time.Duration{
		`3600`: time.Hour, `"3600"`: time.Hour, `" 60 "`: time.Minute, `59.9`: 59 * time.Second, `"1.5e3"`: 1500 * time.Second,
		``: 0, `0`: 0, `-5`: 0, `"-5"`: 0, `null`: 0, `"soon"`: 0, `{}`: 0, `[1]`: 0, `true`: 0, `"NaN"`: 0, `0.5`: 0,
		`1e300`: maxLife * time.Second, `"Inf"`: maxLife * time.Second, `99999999999999999999`: maxLife * time.Second,
	} {
		s := newCounterpart(t)
		s.life, s.prove = text, func(*http.Request) string { return "" }
		q := newQuiet(t, Service{})
		d := q.put(t, TypeClientCredentials, "secret-1234", map[string]string{"client_id": "a", "token_url": s.URL + "/token"})
		c := s.works(t, q.Vault, d)
		got := time.Duration(0)
		if !c.Expires.IsZero() {
			got = c.Expires.Sub(q.clock.now()).Round(time.Second)
		}
		if got != want {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
		if want == 0 { // used until it is refused
			q.clock.add(30 * 24 * time.Hour)
			if s.works(t, q.Vault, d); s.count() != 1 {
				t.Errorf("%s: %d tokens", text, s.count())
			}
		}
	}
}

// Where the config knows the issuer alone, the issuer says where tokens are asked for.
func TestClientCredentialsByIssuer(t *testing.T) {
	s := newCounterpart(t)
	s.prove = func(r *http.Request) string {
		if id, secret, _ := r.BasicAuth(); id != "the-app" || secret != "secret-1234" {
			return "invalid_client"
		}
		return ""
	}
	api := s.Config.Handler
	s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/.well-known/") {
			_ = json.NewEncoder(w).Encode(map[string]string{"issuer": s.URL, "authorization_endpoint": s.URL + "/authorize", "token_endpoint": s.URL + "/token"})
			return
		}
		api.ServeHTTP(w, r)
	})
	q := newQuiet(t, Service{App: App{ClientID: "the-app", Provider: Provider{Issuer: s.URL}}})
	d := q.put(t, TypeClientCredentials, "secret-1234", nil)
	if err := q.Check(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	s.works(t, q.Vault, d)
}

// scripted answers every request with the same.
type scripted struct {
	status int
	body   string
}

func (s scripted) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: s.status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(s.body)), Request: r}, nil
}

// Whatever a token endpoint or a log-in answers, it is a token or one sentence of one
// kind, in which nothing of the answer stands but an error code.
func FuzzAnswers(f *testing.F) {
	for _, body := range []string{
		`{"access_token":"t","expires_in":3600,"scope":"a b"}`, `{"access_token":"t","expires_in":"x","token_type":"DPoP"}`, `{"error":"invalid_grant"}`,
		`{"error":{"a":1}}`, `{"id":"s"}`, `{"id":null}`, `[]`, `<html>`, ``, `{"access_token":null,"error":null}`, `{"error":"c4nary"}`,
	} {
		for _, status := range []int{200, 302, 400, 401, 404, 429, 500} {
			f.Add(status, body)
		}
	}
	f.Fuzz(func(t *testing.T, status int, body string) {
		if status < 200 || status > 599 {
			return
		}
		m := Material{
			Declaration: Declaration{Service: serviceName, Params: map[string]string{"username": "ana", "client_id": "a", "token_url": "https://token.example.com"}},
			Scheme:      sessionScheme, Service: Service{BaseURL: "https://crm.example.com"}, Secret: NewSecret("secret-1234"), Now: time.Now(),
			HTTP: &http.Client{Transport: scripted{status, body}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
		}
		for _, typ := range []string{TypeClientCredentials, TypeSession} {
			token, err := kinds[typ].obtain(t.Context(), m)
			switch {
			case err == nil && (token.Secret.Empty() || status/100 != 2 || !token.Expires.IsZero() && token.Expires.Before(m.Now)):
				t.Fatalf("%s: HTTP %d led to a token that ends at %v", typ, status, token.Expires)
			case err != nil && (!is(err, ErrInvalid) && !is(err, ErrUnavailable) || strings.ContainsAny(err.Error(), "\r\n<") || strings.Contains(err.Error(), "c4nary")):
				t.Fatalf("%s: %v", typ, err)
			}
		}
	})
}
