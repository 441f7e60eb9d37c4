package vault

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

func pkcs1(key *rsa.PrivateKey) []byte { return x509.MarshalPKCS1PrivateKey(key) }

func sec1(t testing.TB, key *ecdsa.PrivateKey) []byte {
	t.Helper()
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// An assertion for a service such as Salesforce: a key, and the rest from the config.
func TestJWTBearer(t *testing.T) {
	k := testKeys()
	s := newCounterpart(t)
	s.life = "" // Salesforce does not say
	s.prove = func(r *http.Request) string {
		f := r.PostForm
		err := verify(f.Get("assertion"), k.rsa.Public(), "RS256", "", jwt.Expected{Issuer: "consumer-key", Subject: "ana@example.com", AnyAudience: jwt.Audience{"https://login.example.com"}}, 3*time.Minute)
		if err != nil || f.Get("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer" || f.Get("scope") != "api" {
			t.Logf("refused: %v", err)
			return "invalid_grant"
		}
		return ""
	}
	q := newQuiet(t, Service{App: App{Provider: Provider{TokenURL: s.URL + "/token"}}})
	secret := pkcs8(t, k.rsa)
	params := map[string]string{"issuer": "consumer-key", "subject": "ana@example.com", "audience": "https://login.example.com", "token_scope": "api"}
	d := q.put(t, TypeJWTBearer, secret, params)
	c := s.works(t, q.Vault, d)
	holds(t, c, secret, "issued-token-1")
	q.say(c)
	s.end()
	if next, err := q.Renew(t.Context(), c); err != nil || s.try(t, next) != http.StatusOK {
		t.Errorf("it was not renewed: %v", err)
	}

	// What the config says is a part of what a token was obtained with.
	other := maps.Clone(params)
	other["subject"] = "bob@example.com"
	d.Params = other
	if got := q.fails(t, d, ErrInvalid); !strings.Contains(got, "invalid_grant") || !strings.Contains(got, "this machine's clock") {
		t.Errorf("got %s", got)
	}
	d.Params = params
	s.works(t, q.Vault, d)
}

// The JSON file of a Google service account says all but the scopes, which Google
// wants in the assertion.
func TestServiceAccount(t *testing.T) {
	k := testKeys()
	var audience string
	c := newCounterpart(t)
	c.prove = func(r *http.Request) string {
		signed := r.PostForm.Get("assertion")
		if err := verify(signed, k.rsa.Public(), "RS256", "key-id-1", jwt.Expected{Issuer: "robot@project.example.com", AnyAudience: jwt.Audience{audience}}, time.Hour); err != nil {
			t.Logf("refused: %v", err)
			return "invalid_grant"
		}
		token, _ := jwt.ParseSigned(signed, []jose.SignatureAlgorithm{jose.RS256})
		var claims map[string]any
		_ = token.UnsafeClaimsWithoutVerification(&claims)
		if claims["scope"] != "https://www.example.com/auth/calendar https://www.example.com/auth/drive" || claims["sub"] != nil || r.PostForm.Has("scope") {
			return "invalid_scope"
		}
		return ""
	}
	secure := httptest.NewTLSServer(c.Config.Handler)
	t.Cleanup(secure.Close)
	audience = secure.URL + "/token"
	file, err := json.MarshalIndent(map[string]string{
		"type": "service_account", "project_id": "project", "private_key_id": "key-id-1", "private_key": pkcs8(t, k.rsa),
		"client_email": "robot@project.example.com", "token_uri": audience,
	}, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	q := newQuiet(t, Service{})
	q.http.Transport = secure.Client().Transport
	d := q.put(t, TypeJWTBearer, string(file), map[string]string{"token_scope": "https://www.example.com/auth/calendar  https://www.example.com/auth/drive"})
	q.hide(pkcs8(t, k.rsa))
	cred := c.works(t, q.Vault, d)
	q.say(cred)
	holds(t, cred, string(file))
}

// Secrets that are none are refused when they are put in, in one sentence that
// repeats nothing of them.
func TestKeysThatAreNone(t *testing.T) {
	k := testKeys()
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(k.ec.Public())
	if err != nil {
		t.Fatal(err)
	}
	jwkPublic, _ := json.Marshal(jose.JSONWebKey{Key: k.ec.Public()})
	jwkSymmetric, _ := json.Marshal(jose.JSONWebKey{Key: []byte("canary-canary-canary-canary-1234")})
	whole := pkcs8(t, k.rsa)
	encrypted := string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Headers: map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-256-CBC,00"}, Bytes: []byte("canary")}))
	account := func(key string) string {
		b, _ := json.Marshal(map[string]string{"client_email": "a@example.com", "private_key": key, "token_uri": "https://token.example.com"})
		return string(b)
	}
	for name, test := range map[string]struct{ secret, want string }{
		"a password":         {"canary-password-1", "this is no private key"},
		"nothing in PEM":     {"-----BEGIN PRIVATE KEY-----\ncanary\n-----END PRIVATE KEY-----", "this is no private key"},
		"cut off":            {whole[:len(whole)/2], "this is no private key"},
		"damaged":            {block("PRIVATE KEY", []byte("canary")), "the private key cannot be read"},
		"damaged PKCS 1":     {block("RSA PRIVATE KEY", []byte("canary")), "the private key cannot be read"},
		"damaged SEC 1":      {block("EC PRIVATE KEY", []byte("canary")), "the private key cannot be read"},
		"a public key":       {block("PUBLIC KEY", public), "this is a public key"},
		"a certificate":      {block("CERTIFICATE", []byte("canary")), "there is a certificate and no private key"},
		"encrypted":          {block("ENCRYPTED PRIVATE KEY", []byte("canary")), "encrypted with a passphrase"},
		"encrypted, old":     {encrypted, "encrypted with a passphrase"},
		"two":                {whole + pkcs8(t, k.ec), "several private keys"},
		"too small":          {pkcs8(t, small), "the RSA key has 1024 bits"},
		"another curve":      {pkcs8(t, p224), "of a kind that signs no assertion"},
		"JSON":               {`{"canary":1}`, "the JSON is no private key"},
		"half a JSON":        {`{"kty":"RSA","d":"canary`, "the JSON is no private key"},
		"a public JWK":       {string(jwkPublic), "this is a public key"},
		"a symmetric JWK":    {string(jwkSymmetric), "the JWK is a symmetric key"},
		"half an account":    {`{"client_email":"a@example.com"}`, "the JSON is no file of a service account"},
		"an account, no key": {account("canary"), "this is no private key"},
		"an account in the clear": {strings.Replace(account(whole), "https://token", "http://token", 1),
			"the token_uri of the service account is no https URL"},
		"empty": {"", "the secret is empty"},
	} {
		q := newQuiet(t, Service{})
		_, err := q.Put(t.Context(), "crm/a", Stored{Type: TypeJWTBearer, Secret: NewSecret(test.secret)})
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", name, err)
			continue
		}
		oneSentence(t, err)
		if name == "empty" {
			continue
		}
		path := t.TempDir() + "/secret"
		writeFile(t, path, test.secret)
		d := Declaration{ID: "crm/a", Owner: Owner{Agent: "a"}, Service: serviceName, Type: TypeJWTBearer, Source: "file:" + path, Params: map[string]string{"issuer": "a", "token_url": "https://token.example.com"}}
		if got := q.fails(t, d, ErrInvalid); !strings.Contains(got, test.want) || strings.Contains(got, "canary") {
			t.Errorf("%s: resolve: %s", name, got)
		}
	}
}

func FuzzKeys(f *testing.F) {
	k := testKeys()
	f.Add(pkcs8(f, k.ec))
	f.Add(pkcs8(f, k.ed))
	f.Add(block("EC PRIVATE KEY", sec1(f, k.ec)))
	jwk, _ := json.Marshal(jose.JSONWebKey{Key: k.ed, KeyID: "a"})
	f.Add(string(jwk))
	f.Add(`{"client_email":"a","private_key":"-----BEGIN PRIVATE KEY-----","token_uri":"https://x"}`)
	f.Add(`{"secret_access_key":"a","session_token":"b"}`)
	f.Add("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" + pkcs8(f, k.ec))
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 8<<10 {
			return
		}
		// A word of the text that no sentence of ours has.
		marked := strings.Contains(text, "canary")
		now := time.Now()
		for _, typ := range Types() {
			err := CheckSecret(typ, NewSecret(text), now)
			if err != nil && (marked && strings.Contains(err.Error(), "canary") || strings.ContainsAny(err.Error(), "\n\r")) {
				t.Fatalf("%s: %v", typ, err)
			}
		}
		if key, account, err := parseAssertionKey(text); err == nil {
			m := Material{Secret: NewSecret(text), Declaration: Declaration{Params: map[string]string{"issuer": "i", "token_url": "https://x"}}}
			g, err := m.assertionGrant()
			if err != nil && account == nil && key.algorithm == "" {
				t.Fatalf("a key that was taken does not fit: %v", err)
			}
			if err == nil {
				if _, err := g.key.sign(g.assertion, now); err != nil {
					t.Fatalf("a key that was taken does not sign: %v", err)
				}
			}
		}
	})
}
