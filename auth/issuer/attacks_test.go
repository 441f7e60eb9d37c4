package issuer_test

import (
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"toolvault/auth/issuer"
)

const (
	badForm      = "not a token in a form that is taken here"
	badHeader    = "its header brings a key, or wants something that is not understood here"
	badAlgorithm = "signed with an algorithm that is not taken"
	badKey       = "signed with a key that its issuer does not publish"
	badSignature = "its signature is wrong"
	untrusted    = "its issuer is not trusted here for this use"
	forAnother   = "meant for another server"
	badClaims    = "its claims are not in order"
	badType      = "another kind of token than is taken here"
)

// A token never says itself how it is to be checked (RFC 8725 sections 2.1, 3.1 and
// 3.10), and nothing that it names is asked.
func TestTokenDoesNotChooseItsKey(t *testing.T) {
	var visits atomic.Int64
	stranger := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { visits.Add(1) }))
	defer stranger.Close()

	w := newWorld(t)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	w.provider.set(func(p *provider) {
		p.keys = append(p.keys, jose.JSONWebKey{Key: &rsaKey.PublicKey, KeyID: "rsa"},
			jose.JSONWebKey{Key: []byte("a secret key that somebody has published: 32 bytes"), KeyID: "oct"})
	})
	w.trust(t, nil)
	der, err := x509.MarshalPKIXPublicKey(&rsaKey.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	hs := func(secret []byte, header map[string]any) string {
		text := encode(t, header) + "." + encode(t, w.claims())
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(text))
		return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
	}
	evil := newKey(t, "k1")
	h := func(change map[string]any) map[string]any { return with(w.header(), change) }
	unsigned := func(alg string) string {
		return encode(t, h(map[string]any{"alg": alg})) + "." + encode(t, w.claims()) + "."
	}
	for what, c := range map[string]struct {
		token string
		want  string
	}{
		"none":                          {unsigned("none"), badForm},
		"None":                          {unsigned("None"), badForm},
		"none, with a signature":        {w.key.forge(t, h(map[string]any{"alg": "none"}), w.claims()), badAlgorithm},
		"no algorithm":                  {w.key.forge(t, h(map[string]any{"alg": nil}), w.claims()), badAlgorithm},
		"no signature":                  {unsigned("EdDSA"), badForm},
		"a list of algorithms":          {w.key.forge(t, h(map[string]any{"alg": []string{"EdDSA"}}), w.claims()), badForm},
		"HS256 with the public key":     {hs(der, h(map[string]any{"alg": "HS256", "kid": "rsa"})), badAlgorithm},
		"HS256 with its PEM":            {hs(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), h(map[string]any{"alg": "HS256", "kid": "rsa"})), badAlgorithm},
		"HS256 with a published one":    {hs([]byte("a secret key that somebody has published: 32 bytes"), h(map[string]any{"alg": "HS256", "kid": "oct"})), badAlgorithm},
		"RS256 over an Ed25519 key":     {w.key.forge(t, h(map[string]any{"alg": "RS256"}), w.claims()), badKey},
		"EdDSA over an RSA key":         {w.key.forge(t, h(map[string]any{"kid": "rsa"}), w.claims()), badKey},
		"another's signature":           {evil.forge(t, h(nil), w.claims()), badSignature},
		"jwk":                           {evil.forge(t, h(map[string]any{"jwk": evil.jwk()}), w.claims()), badHeader},
		"jwk of the right key":          {w.key.forge(t, h(map[string]any{"jwk": w.key.jwk()}), w.claims()), badHeader},
		"jku":                           {evil.forge(t, h(map[string]any{"jku": stranger.URL + "/jwks"}), w.claims()), badSignature},
		"jku and a kid of its own":      {evil.forge(t, h(map[string]any{"jku": stranger.URL + "/jwks", "kid": "evil"}), w.claims()), badKey},
		"x5u":                           {evil.forge(t, h(map[string]any{"x5u": stranger.URL + "/cert"}), w.claims()), badSignature},
		"x5c":                           {evil.forge(t, h(map[string]any{"x5c": []string{base64.StdEncoding.EncodeToString(der)}}), w.claims()), badForm},
		"crit":                          {w.key.forge(t, h(map[string]any{"crit": []string{"exp"}, "exp": 1}), w.claims()), badHeader},
		"empty crit":                    {w.key.forge(t, h(map[string]any{"crit": []string{}}), w.claims()), badHeader},
		"b64":                           {w.key.forge(t, h(map[string]any{"b64": false}), w.claims()), badHeader},
		"zip":                           {w.key.forge(t, h(map[string]any{"zip": "DEF"}), w.claims()), badHeader},
		"kid is a path":                 {evil.forge(t, h(map[string]any{"kid": "../../../../dev/null"}), w.claims()), badKey},
		"kid is a URL":                  {evil.forge(t, h(map[string]any{"kid": stranger.URL}), w.claims()), badKey},
		"kid is SQL":                    {evil.forge(t, h(map[string]any{"kid": "k1' UNION SELECT 'x' --"}), w.claims()), badKey},
		"kid is a list":                 {w.key.forge(t, h(map[string]any{"kid": []string{"k1"}}), w.claims()), badForm},
		"kid has a control character":   {w.key.forge(t, h(map[string]any{"kid": "k1\x00"}), w.claims()), badForm},
		"kid is long":                   {w.key.forge(t, h(map[string]any{"kid": strings.Repeat("k", 1025)}), w.claims()), badForm},
		"the signature of other claims": {w.token(t, nil)[:strings.LastIndex(w.token(t, nil), ".")] + "." + w.token(t, map[string]any{"sub": "bob"})[strings.LastIndex(w.token(t, map[string]any{"sub": "bob"}), ".")+1:], badSignature},
	} {
		if got := w.try(t, c.token); got != c.want {
			t.Errorf("%s: %q, want %q", what, got, c.want)
		}
	}
	if got := w.try(t, w.token(t, nil)); got != "" {
		t.Errorf("the token itself: %s", got)
	}
	// What some issuers add to every header does no harm.
	if got := w.try(t, w.key.forge(t, h(map[string]any{"jku": stranger.URL, "x5t": "abc"}), w.claims())); got != "" {
		t.Errorf("a good token with a jku: %s", got)
	}
	if visits.Load() != 0 {
		t.Errorf("%d requests to what a token names", visits.Load())
	}
}

func TestTokenForm(t *testing.T) {
	w := newWorld(t)
	w.trust(t, nil)
	good := w.token(t, nil)
	parts := strings.Split(good, ".")
	// The last character of 64 bytes has four bits that say nothing.
	const bits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	raw := func(payload string) string {
		text := parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(payload))
		sig, err := w.key.private.Sign(nil, []byte(text), crypto.Hash(0))
		if err != nil {
			t.Fatal(err)
		}
		return text + "." + base64.RawURLEncoding.EncodeToString(sig)
	}
	now := w.clock.Now().Unix()
	body := fmt.Sprintf(`"sub":"alice","aud":%q,"iat":%d,"exp":%d`, resource, now, now+60)
	iss := fmt.Sprintf(`"iss":%q`, w.provider.URL)
	for what, c := range map[string]struct{ token, want string }{
		"empty":                       {"", untrusted},
		"spaces":                      {" " + good, untrusted},
		"a line break inside":         {parts[0] + "." + parts[1] + "\n." + parts[2], badForm},
		"padding":                     {parts[0] + "." + parts[1] + "=." + parts[2], badForm},
		"four parts":                  {good + ".x", untrusted},
		"a bit more in the signature": {good[:len(good)-1] + string(bits[strings.IndexByte(bits, good[len(good)-1])+1]), badForm},
		"JSON serialisation":          {`{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`, untrusted},
		"too long":                    {w.token(t, map[string]any{"x": strings.Repeat("x", 8<<10)}), "longer than 8 KiB"},
		"as it is, in raw":            {raw("{" + iss + "," + body + "}"), ""},
		"iss twice":                   {raw(`{"iss":"https://evil.example",` + iss + "," + body + "}"), badClaims},
		"sub twice":                   {raw(`{"sub":"bob",` + iss + "," + body + "}"), badClaims},
		"ISS":                         {raw(`{"ISS":"` + w.provider.URL + `",` + body + "}"), untrusted},
		"a list":                      {raw(`[1]`), badClaims},
		"null":                        {raw(`null`), badClaims},
		"more behind it":              {raw("{" + iss + "," + body + "} {}"), badClaims},
		"deep":                        {raw(strings.Repeat(`[`, 3000) + strings.Repeat(`]`, 3000)), badClaims},
		"a sub with a line break":     {w.token(t, map[string]any{"sub": "alice\nbob"}), "it does not say whom it is about"},
		"a long sub":                  {w.token(t, map[string]any{"sub": strings.Repeat("a", 1025)}), "it does not say whom it is about"},
		"a jti that is a number":      {w.token(t, map[string]any{"jti": 1}), badClaims},
		"a long jti":                  {w.token(t, map[string]any{"jti": strings.Repeat("a", 513)}), badClaims},
		"a client that is a list":     {w.token(t, map[string]any{"client_id": []string{"x"}}), badClaims},
		"an azp with a control":       {w.token(t, map[string]any{"client_id": nil, "azp": "x\x1b"}), badClaims},
	} {
		if got := w.try(t, c.token); got != c.want {
			t.Errorf("%s: %q, want %q", what, got, c.want)
		}
	}
}

func TestAudienceConfusion(t *testing.T) {
	w := newWorld(t)
	w.trust(t, nil)
	for what, aud := range map[string]any{
		"a sister service":      "https://billing.example.com",
		"another deployment":    "https://tools.example.org/mcp",
		"our issuer":            ours,
		"a prefix":              resource + "/",
		"another path":          "https://tools.example.com/mcp2",
		"other capitals":        "https://TOOLS.example.com/mcp",
		"others only":           []string{"https://a.example", "https://b.example"},
		"none":                  nil,
		"empty":                 "",
		"an empty list":         []string{},
		"in a longer text":      "x " + resource,
		"several in one":        resource + " https://other.example",
		"the client's own (ID)": "desk",
	} {
		if got := w.try(t, w.token(t, map[string]any{"aud": aud})); got != forAnother {
			t.Errorf("%s: %q", what, got)
		}
	}
	for what, aud := range map[string]any{"an object": map[string]any{resource: true}, "a mixed list": []any{1, resource}, "a number": 1} {
		if got := w.try(t, w.token(t, map[string]any{"aud": aud})); got != badClaims {
			t.Errorf("%s: %q", what, got)
		}
	}
	// With an audience of its own that one alone counts.
	w.trust(t, func(i *issuer.Issuer) { i.Audience = "api://tools" })
	if got := w.try(t, w.token(t, nil)); got != forAnother {
		t.Errorf("%q", got)
	}
	if got := w.try(t, w.token(t, map[string]any{"aud": "api://tools"})); got != "" {
		t.Errorf("%q", got)
	}
	// Without a resource of ours nothing is meant for us.
	w2 := newWorld(t, func(o *issuer.Options) { o.Audience = "" })
	w2.trust(t, nil)
	for _, aud := range []any{"", nil, []string{""}} {
		if got := w2.try(t, w2.token(t, map[string]any{"aud": aud})); got != forAnother {
			t.Errorf("%v: %q", aud, got)
		}
	}
}

// Two issuers may use the same kid, and one key of each says nothing of the other.
func TestIssuerConfusion(t *testing.T) {
	w := newWorld(t)
	evil := newKey(t, "k1")
	other := newProvider(t, evil)
	second := w.issuer()
	second.URL = other.URL
	second.Rules = []issuer.Rule{{Agent: "ci"}}
	w.Configure([]issuer.Issuer{w.issuer(), second})
	if id, _, err := w.Authenticate(t.Context(), evil.forge(t, w.header(), with(w.claims(), map[string]any{"iss": other.URL}))); err != nil || id.Agent != "ci" || id.Issuer != other.URL {
		t.Fatal(id, err)
	}
	if got := w.try(t, evil.forge(t, w.header(), w.claims())); got != badSignature {
		t.Errorf("the other's key for this issuer: %q", got)
	}
	if got := w.try(t, w.key.forge(t, w.header(), with(w.claims(), map[string]any{"iss": other.URL}))); got != badSignature {
		t.Errorf("this key for the other issuer: %q", got)
	}
	for _, iss := range []any{w.provider.URL + "/", strings.ToUpper(w.provider.URL), w.provider.URL + "#", " " + w.provider.URL, nil, "", ours, []string{w.provider.URL}, 7} {
		if got := w.try(t, w.token(t, map[string]any{"iss": iss})); got != untrusted {
			t.Errorf("iss %v: %q", iss, got)
		}
	}
}

// A token is taken for one use only, whoever issued it.
func TestUseConfusion(t *testing.T) {
	w := newWorld(t)
	for _, use := range []issuer.Use{issuer.AccessTokens, issuer.Workloads, issuer.Assertions} {
		w.trust(t, func(i *issuer.Issuer) {
			i.Uses, i.PlainJWT = []issuer.Use{use}, use == issuer.AccessTokens
			i.Rules = []issuer.Rule{{Subject: "alice", Agent: "support-agent-1"}}
		})
		access := w.token(t, nil)
		plain := w.key.forge(t, with(w.header(), map[string]any{"typ": "JWT"}), with(w.claims(), map[string]any{"aud": []string{ours, resource}}))
		workload := w.key.forge(t, with(w.header(), map[string]any{"typ": nil}), with(w.claims(), map[string]any{"aud": ours, "scope": nil, "client_id": nil}))
		assertion := w.key.forge(t, with(w.header(), map[string]any{"typ": "oauth-id-jag+jwt"}), with(w.claims(), map[string]any{"aud": ours, "resource": resource}))
		for name, token := range map[string]string{"access": access, "plain": plain, "workload": workload, "assertion": assertion} {
			_, _, e1 := w.Authenticate(t.Context(), token)
			_, e2 := w.Workload(t.Context(), token)
			_, e3 := w.Assertion(t.Context(), token)
			got := [3]bool{e1 == nil, e2 == nil, e3 == nil}
			want := [3]bool{
				use == issuer.AccessTokens && (name == "access" || name == "plain"),
				use == issuer.Workloads && (name == "workload" || name == "plain"),
				use == issuer.Assertions && name == "assertion",
			}
			if got != want {
				t.Errorf("an issuer for %s, a token for %s: taken %v (%v, %v, %v)", use, name, got, e1, e2, e3)
			}
			for _, err := range []error{e1, e2, e3} {
				_ = reason(t, err)
			}
		}
	}
}

// A token that is bound to a key in a way that nobody here checks would be taken
// from whoever has it.
func TestBoundTokens(t *testing.T) {
	w := newWorld(t)
	w.trust(t, nil)
	thumb := strings.Repeat("A", 43)
	for what, cnf := range map[string]any{
		"a certificate": map[string]any{"x5t#S256": thumb},
		"both":          map[string]any{"x5t#S256": thumb, "jkt": thumb},
		"a whole key":   map[string]any{"jwk": map[string]any{}},
		"nothing":       map[string]any{},
		"a text":        thumb,
		"too short":     map[string]any{"jkt": "AAAA"},
		"empty":         map[string]any{"jkt": ""},
		"a number":      map[string]any{"jkt": 1},
	} {
		if got := w.try(t, w.token(t, map[string]any{"cnf": cnf})); got != "bound to a key in a way that is not taken here" {
			t.Errorf("%s: %q", what, got)
		}
	}
}

// Whatever bytes come, the answer is a refusal, and only what was signed is taken.
func FuzzTokens(f *testing.F) {
	w := newWorld(f)
	all := w.issuer()
	all.Uses = []issuer.Use{issuer.AccessTokens, issuer.Workloads, issuer.Assertions}
	all.PlainJWT = true
	all.Rules = []issuer.Rule{{Subject: "alice", Agent: "{client_id}", User: "{sub}", ScopeClaim: true}}
	w.Configure([]issuer.Issuer{all})
	evil := newKey(f, "k1")
	for _, token := range []string{w.token(f, nil), evil.forge(f, w.header(), w.claims()), "a.b.c", "....", "", "{}", "e30.e30.e30"} {
		f.Add(token, "", "")
	}
	f.Add("", `{"alg":"EdDSA","kid":"k1","typ":"at+jwt"}`, `{"iss":"`+w.provider.URL+`","sub":"alice","aud":"`+resource+`","exp":1e9,"iat":1.5}`)
	f.Add("", `{"alg":"EdDSA","typ":"JWT","crit":["x"]}`, `{"cnf":{"jkt":1},"aud":[[]],"exp":-0}`)
	f.Fuzz(func(t *testing.T, token, header, payload string) {
		if token == "" { // from its parts, with a signature of somebody else
			token = base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString([]byte(payload))
			sig, _ := evil.private.Sign(nil, []byte(token), crypto.Hash(0))
			token += "." + base64.RawURLEncoding.EncodeToString(sig)
		}
		_, _, e1 := w.Authenticate(t.Context(), token)
		_, e2 := w.Workload(t.Context(), token)
		_, e3 := w.Assertion(t.Context(), token)
		for _, err := range []error{e1, e2, e3} {
			if why := reason(t, err); why == "" && e1 != nil {
				t.Fatalf("%q is taken", token)
			} else if strings.Contains(why, "\n") || len(why) > 120 {
				t.Fatalf("%q", why)
			}
		}
	})
}

// Of a payload that is signed, whatever it holds, only what is in order is taken.
func FuzzSignedClaims(f *testing.F) {
	w := newWorld(f)
	w.trust(f, func(i *issuer.Issuer) {
		i.Rules = []issuer.Rule{{Claims: map[string]string{"a.b": "x*", `"c.d"`: "**"}, Agent: "ci"}, {Subject: "alice", Agent: "support-agent-1", User: "{u.name}"}}
	})
	f.Add(`{"a":{"b":["x"]},"c.d":1}`)
	f.Add(`{"u":{"name":"bob"}}`)
	f.Add(`{"exp":1e400,"aud":{},"u":{"name":"\u0000"}}`)
	f.Fuzz(func(t *testing.T, more string) {
		now := w.clock.Now().Unix()
		payload := fmt.Sprintf(`{"iss":%q,"sub":"alice","aud":%q,"iat":%d,"exp":%d,"more":%s`, w.provider.URL, resource, now, now+60, more)
		if rest, ok := strings.CutPrefix(more, "{"); ok && len(strings.TrimSpace(rest)) > 1 {
			payload = strings.TrimSuffix(payload, `"more":`+more) + rest
		} else {
			payload += "}"
		}
		text := encode(t, w.header()) + "." + base64.RawURLEncoding.EncodeToString([]byte(payload))
		sig, _ := w.key.private.Sign(nil, []byte(text), crypto.Hash(0))
		id, _, err := w.Authenticate(t.Context(), text+"."+base64.RawURLEncoding.EncodeToString(sig))
		if reason(t, err) == "" && (id.Agent != "ci" && id.Agent != "support-agent-1" || strings.ContainsAny(id.User, "\x00\n") || len(id.User) > 512) {
			t.Fatalf("%s: %+v", payload, id)
		}
	})
}
