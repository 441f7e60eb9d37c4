package dpop_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"toolvault/auth/dpop"
)

// TestProofs is the list of RFC 9449 section 4.3, one row a rule.
func TestProofs(t *testing.T) {
	c := newClock()
	v := verifier(t, single(t), c)
	key := p256(t)
	p384, _ := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	_, edKey, _ := ed25519.GenerateKey(rand.Reader)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	now := c.Now()
	good := func(header, claims m) []string { return []string{prove(t, key, jose.ES256, now, header, claims)} }
	at := func(url string) []string { return good(nil, m{"htu": url}) }
	parts := strings.Split(good(nil, nil)[0], ".")
	forged := func(payload string) []string {
		return []string{parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(payload)) + "." + parts[2]}
	}
	public, err := json.Marshal(jose.JSONWebKey{Key: key.Public()})
	if err != nil {
		t.Fatal(err)
	}
	byHand := func(header string) []string { // with a good key, signature and payload
		payload := fmt.Sprintf(`{"jti":%q,"htm":"POST","htu":%q,"iat":%d,"ath":%q}`, rand.Text(), target, now.Unix(), ath(token))
		return []string{rawSigned(t, key, strings.ReplaceAll(header, "JWK", string(public)), payload)}
	}
	claiming := func(payload string) []string { return []string{signed(t, key, jose.ES256, nil, payload)} }
	secret := []byte("0123456789abcdef0123456789abcdef")
	other, _ := json.Marshal(jose.JSONWebKey{Key: p256(t).Public()})
	for name, row := range map[string]struct {
		proofs []string
		want   string // part of the reason; "" if it is good
	}{
		"a good one": {good(nil, nil), ""},
		"EdDSA":      {[]string{prove(t, edKey, jose.EdDSA, now, nil, nil)}, ""},
		"PS256":      {[]string{prove(t, rsaKey, jose.PS256, now, nil, nil)}, ""},
		"ES384":      {[]string{prove(t, p384, jose.ES384, now, nil, nil)}, ""},
		"by hand":    {byHand(`{"typ":"dpop+jwt","alg":"ES256","jwk":JWK}`), ""},

		"none":            {nil, "exactly one"},
		"two":             {append(good(nil, nil), good(nil, nil)...), "exactly one"},
		"two in a header": {[]string{good(nil, nil)[0] + ", " + good(nil, nil)[0]}, "not a JWT"},
		"no JWT":          {[]string{"x"}, "not a JWT"},
		"nothing":         {[]string{""}, "not a JWT"},
		"two segments":    {[]string{parts[0] + "." + parts[1]}, "not a JWT"},
		"four segments":   {[]string{good(nil, nil)[0] + ".x"}, "not a JWT"},
		"with a space":    {[]string{strings.Replace(good(nil, nil)[0], ".", ". ", 1)}, "not a JWT"},
		"too long":        {good(nil, m{"more": strings.Repeat("a", 6<<10)}), "too long"},
		"tampered with":   {forged(`{"jti":"x","htm":"POST","htu":"` + target + `","iat":1800000000,"ath":"` + ath(token) + `"}`), "signature"},
		"no signature":    {[]string{parts[0] + "." + parts[1] + "."}, "signature"},
		"another's key":   {good(m{"jwk": jose.JSONWebKey{Key: p256(t).Public()}}, nil), "signature"},
		"of another kind": {byHand(`{"typ":"dpop+jwt","alg":"EdDSA","jwk":JWK}`), "signature"},
		"another curve":   {byHand(`{"typ":"dpop+jwt","alg":"ES384","jwk":JWK}`), "signature"},

		"another type":       {good(m{"typ": "JWT"}, nil), "type"},
		"no type":            {byHand(`{"alg":"ES256","jwk":JWK}`), "type"},
		"unsigned":           {byHand(`{"typ":"dpop+jwt","alg":"none","jwk":JWK}`), "algorithm"},
		"no algorithm":       {byHand(`{"typ":"dpop+jwt","jwk":JWK}`), "algorithm"},
		"a secret for a key": {[]string{prove(t, secret, jose.HS256, now, m{"jwk": jose.JSONWebKey{Key: secret}}, nil)}, "algorithm"},
		"a secret with ES":   {byHand(`{"typ":"dpop+jwt","alg":"ES256","jwk":{"kty":"oct","k":"c2VjcmV0"}}`), "public key"},
		"its private key":    {good(m{"jwk": jose.JSONWebKey{Key: key}}, nil), "public key"},
		"a private OKP":      {[]string{prove(t, edKey, jose.EdDSA, now, m{"jwk": jose.JSONWebKey{Key: edKey}}, nil)}, "public key"},
		"no key":             {byHand(`{"typ":"dpop+jwt","alg":"ES256"}`), "public key"},
		"a null key":         {byHand(`{"typ":"dpop+jwt","alg":"ES256","jwk":null}`), "public key"},
		"a point nowhere":    {byHand(`{"typ":"dpop+jwt","alg":"ES256","jwk":{"kty":"EC","crv":"P-256","x":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE","y":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE"}}`), "public key"},
		"two keys":           {byHand(`{"typ":"dpop+jwt","alg":"ES256","jwk":JWK,"jwk":` + string(other) + `}`), "not a JWT"},
		"a key misspelt":     {byHand(`{"typ":"dpop+jwt","alg":"ES256","Jwk":JWK}`), "public key"},
		"an extension":       {good(m{"crit": []string{"exp"}, "exp": 1}, nil), "extension"},
		"a null extension":   {byHand(`{"typ":"dpop+jwt","alg":"ES256","jwk":JWK,"crit":null}`), "extension"},
		"no base64":          {byHand(`{"typ":"dpop+jwt","alg":"ES256","jwk":JWK,"b64":false}`), "extension"},
		"a key to fetch":     {byHand(`{"typ":"dpop+jwt","alg":"ES256","jku":"https://evil.example/jwks"}`), "public key"},

		"no JSON":           {claiming(`x`), "claims"},
		"an array":          {claiming(`[]`), "claims"},
		"a claim twice":     {claiming(`{"jti":"x","htm":"POST","htu":"` + target + `","htu":"` + target + `","iat":1800000000,"ath":"` + ath(token) + `"}`), "claims"},
		"a claim in caps":   {claiming(`{"jti":"x","HTM":"POST","htu":"` + target + `","iat":1800000000,"ath":"` + ath(token) + `"}`), "htm"},
		"no jti":            {good(nil, m{"jti": nil}), "jti"},
		"an empty jti":      {good(nil, m{"jti": ""}), "jti"},
		"a jti of 256":      {good(nil, m{"jti": strings.Repeat("j", 256)}), ""},
		"a jti of 257":      {good(nil, m{"jti": strings.Repeat("j", 257)}), "jti"},
		"a jti like a path": {good(nil, m{"jti": "../\x00\n{}"}), ""},
		"another method":    {good(nil, m{"htm": "GET"}), "htm"},
		"in small letters":  {good(nil, m{"htm": "post"}), "htm"},
		"no method":         {good(nil, m{"htm": nil}), "htm"},

		"no URL":                  {good(nil, m{"htu": nil}), "htu"},
		"capitals and the port":   {at("HTTPS://Tools.Example.com:443/mcp"), ""},
		"an empty port":           {at("https://tools.example.com:/mcp"), ""},
		"with a query":            {at(target + "?x=1#y"), ""},
		"escapes without need":    {at("https://tools.example.com/%6dc%70"), ""},
		"dot segments":            {at("https://tools.example.com/a/./../mcp"), ""},
		"a longer path":           {at(target + "/x"), "htu"},
		"a slash behind":          {at(target + "/"), "htu"},
		"capitals in the path":    {at("https://tools.example.com/MCP"), "htu"},
		"an escaped slash":        {at("https://tools.example.com%2Fmcp"), "htu"},
		"another host":            {at("https://evil.example/mcp"), "htu"},
		"a host that begins so":   {at("https://tools.example.com.evil.example/mcp"), "htu"},
		"another scheme":          {at("http://tools.example.com/mcp"), "htu"},
		"another port":            {at("https://tools.example.com:8443/mcp"), "htu"},
		"the other default port":  {at("https://tools.example.com:80/mcp"), "htu"},
		"a user in the URL":       {at("https://tools.example.com@evil.example/mcp"), "htu"},
		"a user in front of ours": {at("https://x@tools.example.com/mcp"), "htu"},
		"no host":                 {at("/mcp"), "htu"},
		"no HTTP":                 {at("urn:x"), "htu"},

		"no iat":               {good(nil, m{"iat": nil}), "iat"},
		"iat as text":          {good(nil, m{"iat": "1800000000"}), "claims"},
		"a huge iat":           {claiming(`{"jti":"x","htm":"POST","htu":"` + target + `","iat":1e300,"ath":"` + ath(token) + `"}`), "no iat"},
		"a negative iat":       {good(nil, m{"iat": -1}), "no iat"},
		"iat with a fraction":  {good(nil, m{"iat": float64(now.Unix()) + 0.5}), ""},
		"just young enough":    {good(nil, m{"iat": now.Add(-5 * time.Minute).Unix()}), ""},
		"an old one":           {good(nil, m{"iat": now.Add(-5*time.Minute - time.Second).Unix()}), "too old"},
		"a clock a bit ahead":  {good(nil, m{"iat": now.Add(5 * time.Minute).Unix()}), ""},
		"one of the future":    {good(nil, m{"iat": now.Add(5*time.Minute + time.Second).Unix()}), "too old"},
		"in milliseconds":      {good(nil, m{"iat": now.UnixMilli()}), "iat"},
		"no token":             {good(nil, m{"ath": nil}), "ath"},
		"another token":        {good(nil, m{"ath": ath("another")}), "ath"},
		"the token itself":     {good(nil, m{"ath": token}), "ath"},
		"a token hashed twice": {good(nil, m{"ath": ath(ath(token))}), "ath"},
	} {
		t.Run(name, func(t *testing.T) {
			thumbprint, err := v.Check(t.Context(), row.proofs, "POST", target, token)
			wants(t, thumbprint, err, row.want)
		})
	}
}

func TestWeakKeys(t *testing.T) {
	t.Setenv("GODEBUG", "rsa1024min=0")
	c := newClock()
	v := verifier(t, single(t), c)
	for bits, want := range map[int]string{2047: "RSA", 2048: "", 4096: ""} {
		key, err := rsa.GenerateKey(rand.Reader, bits)
		if err != nil {
			t.Fatal(err)
		}
		thumbprint, err := v.Check(t.Context(), []string{prove(t, key, jose.RS256, c.Now(), nil, nil)}, "POST", target, token)
		wants(t, thumbprint, err, want)
	}
}

// TestThumbprint: it is that of RFC 7638, whatever else stands in the JWK, and a
// key that was seen before is the same.
func TestThumbprint(t *testing.T) {
	c := newClock()
	v := verifier(t, single(t), c)
	key := p256(t)
	point, err := key.PublicKey.Bytes() // 4, then x and y
	if err != nil {
		t.Fatal(err)
	}
	x, y := point[1:33], point[33:]
	canonical := fmt.Sprintf(`{"crv":"P-256","kty":"EC","x":%q,"y":%q}`, base64.RawURLEncoding.EncodeToString(x), base64.RawURLEncoding.EncodeToString(y))
	sum := sha256.Sum256([]byte(canonical))
	want := base64.RawURLEncoding.EncodeToString(sum[:])
	for range 2 {
		for _, jwk := range []jose.JSONWebKey{{Key: key.Public()}, {Key: key.Public(), KeyID: "k", Use: "sig", Algorithm: "ES256"}} {
			got, err := v.Check(t.Context(), []string{prove(t, key, jose.ES256, c.Now(), m{"jwk": jwk}, nil)}, "POST", target, token)
			if err != nil || got != want {
				t.Errorf("%q %v, want %q", got, err, want)
			}
		}
	}
}

// TestRootURL: an empty path is "/" (RFC 3986 section 6.2.3), on both sides.
func TestRootURL(t *testing.T) {
	c := newClock()
	v := verifier(t, single(t), c)
	for _, pair := range [][2]string{
		{"https://tools.example.com", "https://tools.example.com/"},
		{"https://tools.example.com/", "https://tools.example.com"},
		{"http://127.0.0.1:8765/mcp", "http://127.0.0.1:8765/mcp"},
		{"http://[::1]:80/a%2fb", "http://[::1]/a%2Fb"},
		{"https://tools.example.com/..", "https://tools.example.com/"},
		{"https://tools.example.com/a/..", "https://tools.example.com/"},
		{"https://tools.example.com/a/.", "https://tools.example.com/a/"},
	} {
		_, err := v.Check(t.Context(), []string{prove(t, p256(t), jose.ES256, c.Now(), nil, m{"htu": pair[0]})}, "POST", pair[1], token)
		if err != nil {
			t.Errorf("%q against %q: %v", pair[0], pair[1], err)
		}
	}
}

// TestWithoutToken: at the token endpoint there is none, and no ath.
func TestWithoutToken(t *testing.T) {
	c := newClock()
	v := verifier(t, single(t), c)
	thumbprint, err := v.Check(t.Context(), []string{prove(t, p256(t), jose.ES256, c.Now(), nil, m{"ath": nil})}, "POST", target, "")
	wants(t, thumbprint, err, "")
}

// TestManyKeys: strangers with keys of their own push nobody out for good.
func TestManyKeys(t *testing.T) {
	c := newClock()
	v := verifier(t, single(t), c)
	regular := p256(t)
	for i := range 1100 {
		_, key, _ := ed25519.GenerateKey(rand.Reader)
		// One that is refused for its htm costs no write, and its key is remembered.
		_, err := v.Check(t.Context(), []string{prove(t, key, jose.EdDSA, c.Now(), nil, m{"htm": "GET"})}, "POST", target, token)
		if refusal(t, err).Code != dpop.InvalidProof {
			t.Fatal(i, err)
		}
	}
	if n := v.Keys(); n > 1024 {
		t.Errorf("%d keys are remembered", n)
	}
	got, err := v.Check(t.Context(), []string{prove(t, regular, jose.ES256, c.Now(), nil, nil)}, "POST", target, token)
	sum, _ := (&jose.JSONWebKey{Key: regular.Public()}).Thumbprint(crypto.SHA256)
	if err != nil || got != base64.RawURLEncoding.EncodeToString(sum) {
		t.Errorf("%q %v", got, err)
	}
}

// FuzzCheck: whatever comes, nothing breaks, and what is taken is signed by the key
// that it is taken for. (Each worker of the fuzzer has a key of its own.)
func FuzzCheck(f *testing.F) {
	c := newClock()
	v := verifier(f, single(f), c)
	good := prove(f, p256(f), jose.ES256, c.Now(), nil, nil)
	f.Add(good)
	f.Add(good[:len(good)-3])
	f.Add("a.b.c")
	f.Add(fmt.Sprintf("%s.%s.", base64.RawURLEncoding.EncodeToString([]byte(`{"typ":"dpop+jwt","alg":"ES256","jwk":{"kty":"EC"}}`)), "e30"))
	f.Add(fmt.Sprintf("%s.%s.AA", base64.RawURLEncoding.EncodeToString([]byte(`{"typ":"dpop+jwt","alg":"EdDSA","jwk":{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}}`)), "e30"))
	f.Fuzz(func(t *testing.T, proof string) {
		thumbprint, err := v.Check(context.Background(), []string{proof}, "POST", target, token)
		if err != nil {
			return
		}
		signed, err := jose.ParseSignedCompact(proof, []jose.SignatureAlgorithm{jose.ES256, jose.EdDSA})
		if err != nil {
			t.Fatalf("taken: %q: %v", proof, err)
		}
		key := signed.Signatures[0].Protected.JSONWebKey
		sum, err := key.Thumbprint(crypto.SHA256)
		if _, bad := signed.Verify(key); err != nil || bad != nil || base64.RawURLEncoding.EncodeToString(sum) != thumbprint {
			t.Errorf("taken as of %s: %q: %v %v", thumbprint, proof, err, bad)
		}
	})
}

// FuzzURL: a URL is the same as itself, and never the same as one of another host.
func FuzzURL(f *testing.F) {
	for _, s := range []string{target, "https://h:/%zz", "https://h/%2e%2E/..", "http://[::1]:80/a?b#c", "https://tools.example.com:443@x/mcp", "%", "https://h/%"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		once, ok := dpop.Normal(s)
		if !ok {
			return
		}
		if twice, ok := dpop.Normal(strings.Replace(once, ":/", "/", 1)); ok && twice != once && !strings.Contains(s, "[") {
			t.Errorf("%q is %q, and that is %q", s, once, twice)
		}
	})
}
