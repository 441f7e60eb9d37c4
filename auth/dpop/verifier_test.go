package dpop_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"toolvault/auth/dpop"
	"toolvault/vault/store"
)

const (
	target = "https://tools.example.com/mcp"
	token  = "a.bound.token"
)

// plain seals nothing: what is sealed is not what these tests are about.
type plain struct{}

func (plain) Seal(p []byte, _ string, _ int64) ([]byte, error) { return p, nil }
func (plain) Open(p []byte, _ string, _ int64) ([]byte, error) { return p, nil }

type clock struct{ now atomic.Int64 }

func (c *clock) Now() time.Time { return time.Unix(c.now.Load(), 0) }

func newClock() *clock {
	c := &clock{}
	c.now.Store(1_800_000_000)
	return c
}

func open(t testing.TB, path string) store.Store {
	t.Helper()
	st, err := store.Open(context.Background(), "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	return st
}

func verifier(t testing.TB, st store.Store, c *clock, nonce bool) *dpop.Verifier {
	t.Helper()
	v, err := dpop.New(context.Background(), dpop.Options{Store: st, Sealer: plain{}, Now: c.Now, RequireNonce: nonce})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

type m = map[string]any

func ath(token string) string {
	sum := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// prove makes a proof; header and claims overwrite what a good one has, and nil
// takes it away.
func prove(t testing.TB, key any, alg jose.SignatureAlgorithm, at time.Time, header, claims m) string {
	t.Helper()
	own := jose.JSONWebKey{Key: key}
	public := own.Public()
	body := m{"jti": rand.Text(), "htm": "POST", "htu": target, "iat": at.Unix(), "ath": ath(token)}
	for k, v := range claims {
		if v == nil {
			delete(body, k)
		} else {
			body[k] = v
		}
	}
	o := (&jose.SignerOptions{}).WithType("dpop+jwt").WithHeader("jwk", public)
	for k, v := range header {
		o = o.WithHeader(jose.HeaderKey(k), v)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, o)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	out, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func p256(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// reason is why a proof was refused; "" if it was not.
func reason(t testing.TB, err error) (code, why string) {
	t.Helper()
	if err == nil {
		return "", ""
	}
	var e *dpop.Error
	if !errors.As(err, &e) {
		t.Fatalf("not a refusal: %v", err)
	}
	return e.Code, e.Reason
}

func TestProofs(t *testing.T) {
	c := newClock()
	v := verifier(t, open(t, filepath.Join(t.TempDir(), "s.db")), c, false)
	key := p256(t)
	_, edKey, _ := ed25519.GenerateKey(rand.Reader)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	now := c.Now()
	good := func(header, claims m) []string { return []string{prove(t, key, jose.ES256, now, header, claims)} }
	tampered := good(nil, nil)[0]
	parts := strings.Split(tampered, ".")
	payload, _ := base64.RawURLEncoding.DecodeString(parts[1])
	tampered = parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(string(payload), `"POST"`, `"POST" `, 1))) + "." + parts[2]
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"typ":"dpop+jwt","alg":"none","jwk":{}}`)) + "." + parts[1] + "."
	secret := []byte("0123456789abcdef0123456789abcdef")
	for name, row := range map[string]struct {
		proofs []string
		want   string // part of the reason; "" if it is good
	}{
		"a good one":             {good(nil, nil), ""},
		"EdDSA":                  {[]string{prove(t, edKey, jose.EdDSA, now, nil, nil)}, ""},
		"RSA":                    {[]string{prove(t, rsaKey, jose.PS256, now, nil, nil)}, ""},
		"the port that is meant": {good(nil, m{"htu": "HTTPS://Tools.Example.com:443/mcp"}), ""},
		"with a query":           {good(nil, m{"htu": target + "?x=1#y"}), ""},
		"none":                   {nil, "exactly one"},
		"two":                    {append(good(nil, nil), good(nil, nil)...), "exactly one"},
		"no JWT":                 {[]string{"x"}, "not a JWT"},
		"too long":               {[]string{strings.Repeat("a", 9<<10)}, "too long"},
		"tampered with":          {[]string{tampered}, "signature"},
		"unsigned":               {[]string{none}, "algorithm"},
		"another type":           {good(m{"typ": "JWT"}, nil), "type"},
		"a secret for a key":     {[]string{prove(t, secret, jose.HS256, now, m{"jwk": jose.JSONWebKey{Key: secret}}, nil)}, "algorithm"},
		"its private key":        {good(m{"jwk": jose.JSONWebKey{Key: key}}, nil), "public key"},
		"another's key":          {good(m{"jwk": jose.JSONWebKey{Key: p256(t).Public()}}, nil), "signature"},
		"a weak key":             {[]string{prove(t, weak, jose.PS256, now, nil, nil)}, "RSA"},
		"an extension":           {good(m{"crit": []string{"exp"}, "exp": 1}, nil), "extension"},
		"no jti":                 {good(nil, m{"jti": nil}), "jti"},
		"a long jti":             {good(nil, m{"jti": strings.Repeat("j", 300)}), "jti"},
		"another method":         {good(nil, m{"htm": "GET"}), "htm"},
		"another URL":            {good(nil, m{"htu": "https://tools.example.com/mcp/x"}), "htu"},
		"another host":           {good(nil, m{"htu": "https://evil.example/mcp"}), "htu"},
		"another scheme":         {good(nil, m{"htu": "http://tools.example.com/mcp"}), "htu"},
		"another port":           {good(nil, m{"htu": "https://tools.example.com:8443/mcp"}), "htu"},
		"a user in the URL":      {good(nil, m{"htu": "https://tools.example.com@evil.example/mcp"}), "htu"},
		"no iat":                 {good(nil, m{"iat": nil}), "iat"},
		"an old one":             {good(nil, m{"iat": now.Add(-6 * time.Minute).Unix()}), "too old"},
		"one of the future":      {good(nil, m{"iat": now.Add(6 * time.Minute).Unix()}), "too old"},
		"no token":               {good(nil, m{"ath": nil}), "ath"},
		"another token":          {good(nil, m{"ath": ath("another")}), "ath"},
	} {
		t.Run(name, func(t *testing.T) {
			thumbprint, err := v.Check(t.Context(), row.proofs, "POST", target, token)
			_, why := reason(t, err)
			if (row.want == "") != (err == nil) || !strings.Contains(why, row.want) || (err == nil) != (len(thumbprint) == 43) {
				t.Errorf("%q %v, want %q", thumbprint, err, row.want)
			}
		})
	}
}

// TestOnceOverProcesses: of eight who present one proof to two processes, one is
// let in, and nobody later.
func TestOnceOverProcesses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.db")
	c := newClock()
	both := []*dpop.Verifier{verifier(t, open(t, path), c, false), verifier(t, open(t, path), c, false)}
	proof := []string{prove(t, p256(t), jose.ES256, c.Now(), nil, nil)}
	var in atomic.Int64
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			_, err := both[i%2].Check(context.Background(), proof, "POST", target, token)
			if _, why := reason(t, err); err == nil {
				in.Add(1)
			} else if !strings.Contains(why, "used before") {
				t.Errorf("refused for another reason: %s", why)
			}
		})
	}
	all.Wait()
	if in.Load() != 1 {
		t.Fatalf("%d were let in, want 1", in.Load())
	}
	for _, v := range both {
		if err := v.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := v.Check(t.Context(), proof, "POST", target, token); err == nil {
			t.Error("let in again")
		}
	}
	fresh := verifier(t, open(t, path), c, false) // after a restart
	if _, err := fresh.Check(t.Context(), proof, "POST", target, token); err == nil {
		t.Error("let in again after a restart")
	}
}

func TestNonces(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.db")
	c := newClock()
	a, b := verifier(t, open(t, path), c, true), verifier(t, open(t, path), c, true)
	key := p256(t)
	check := func(v *dpop.Verifier, nonce any) (string, string) {
		_, err := v.Check(t.Context(), []string{prove(t, key, jose.ES256, c.Now(), nil, m{"nonce": nonce})}, "POST", target, token)
		var e *dpop.Error
		if errors.As(err, &e) {
			return e.Code, e.Nonce
		}
		if err != nil {
			t.Fatal(err)
		}
		return "", ""
	}
	code, nonce := check(a, nil)
	if code != dpop.UseNonce || nonce == "" {
		t.Fatalf("without a nonce: %q %q", code, nonce)
	}
	if code, _ := check(b, nonce); code != "" {
		t.Errorf("the nonce of another process: %q", code)
	}
	for _, made := range []string{"x", nonce + "A", base64.RawURLEncoding.EncodeToString(make([]byte, 24))} {
		if code, _ := check(a, made); code != dpop.UseNonce {
			t.Errorf("a nonce that nobody gave: %q", code)
		}
	}
	c.now.Add(301)
	if code, again := check(a, nonce); code != dpop.UseNonce || again == nonce {
		t.Errorf("an old nonce: %q", code)
	}
	relaxed := verifier(t, open(t, path), c, false)
	if code, _ := check(relaxed, nonce); code != dpop.UseNonce {
		t.Errorf("an old nonce where none is required: %q", code)
	}
	if code, _ := check(relaxed, nil); code != "" {
		t.Errorf("none where none is required: %q", code)
	}
}

// TestTheStoreIsAway: nobody is let in on a proof of which nobody knows whether it
// was used.
func TestTheStoreIsAway(t *testing.T) {
	c := newClock()
	st := open(t, filepath.Join(t.TempDir(), "s.db"))
	v := verifier(t, st, c, false)
	_ = st.Close()
	_, err := v.Check(t.Context(), []string{prove(t, p256(t), jose.ES256, c.Now(), nil, nil)}, "POST", target, token)
	if !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("%v", err)
	}
}

func FuzzCheck(f *testing.F) {
	c := newClock()
	v := verifier(f, open(f, filepath.Join(f.TempDir(), "s.db")), c, false)
	good := prove(f, p256(f), jose.ES256, c.Now(), nil, nil)
	f.Add(good[:len(good)-3])
	f.Add("a.b.c")
	f.Add(fmt.Sprintf("%s.%s.", base64.RawURLEncoding.EncodeToString([]byte(`{"typ":"dpop+jwt","alg":"ES256","jwk":{"kty":"EC"}}`)), "e30"))
	f.Fuzz(func(t *testing.T, proof string) {
		if _, err := v.Check(context.Background(), []string{proof}, "POST", target, token); err == nil && proof != good {
			t.Errorf("taken: %q", proof)
		}
	})
}

func BenchmarkCheck(b *testing.B) {
	_, edKey, _ := ed25519.GenerateKey(rand.Reader)
	for name, k := range map[string]struct {
		key any
		alg jose.SignatureAlgorithm
	}{"ES256": {p256(b), jose.ES256}, "EdDSA": {edKey, jose.EdDSA}} {
		b.Run(name, func(b *testing.B) {
			c := newClock()
			v := verifier(b, open(b, filepath.Join(b.TempDir(), "s.db")), c, false)
			proofs := make([]string, b.N)
			for i := range proofs {
				proofs[i] = prove(b, k.key, k.alg, c.Now(), nil, nil)
			}
			var next atomic.Int64
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if _, err := v.Check(b.Context(), proofs[next.Add(1)-1:][:1], "POST", target, token); err != nil {
						b.Fatal(err)
					}
				}
			})
		})
	}
}
