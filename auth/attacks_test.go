package auth_test

import (
	"context"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"toolvault/auth"
	"toolvault/vault/store"
)

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func encode(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b64(b)
}

// signingKey takes the server's own key out of the store: what is forged with it
// is wrong in nothing but the one thing that a case names.
func signingKey(t testing.TB, s *server) (kid string, key ed25519.PrivateKey) {
	t.Helper()
	keys, err := s.store.List(t.Context(), "token-key/", "", 2)
	if err != nil || len(keys) != 1 {
		t.Fatal(keys, err)
	}
	plain, err := newSealer(t, 1).Open(keys[0].Value, keys[0].Key, keys[0].Version)
	if err != nil {
		t.Fatal(err)
	}
	var r struct{ Seed []byte }
	if err := json.Unmarshal(plain, &r); err != nil {
		t.Fatal(err)
	}
	return strings.TrimPrefix(keys[0].Key, "token-key/"), ed25519.NewKeyFromSeed(r.Seed)
}

func forge(t testing.TB, key ed25519.PrivateKey, header, payload map[string]any) string {
	t.Helper()
	// json.Marshal sorts the keys of a map, as the server's signer does.
	signed := encode(t, header) + "." + encode(t, payload)
	return signed + "." + b64(ed25519.Sign(key, []byte(signed)))
}

func payloadOf(t testing.TB, token string) map[string]any {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(raw, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func with(m map[string]any, changes map[string]any) map[string]any {
	m = maps.Clone(m)
	for k, v := range changes {
		if v == nil {
			delete(m, k)
		} else {
			m[k] = v
		}
	}
	return m
}

type m = map[string]any

func TestForgedTokensAreRefused(t *testing.T) {
	s := single(t)
	kid, key := signingKey(t, s)
	public := key.Public().(ed25519.PublicKey)
	_, stranger, _ := ed25519.GenerateKey(rand.Reader)
	good, _ := mint(t, s, auth.Request{Agent: "bot"})
	header, payload := m{"alg": "EdDSA", "kid": kid, "typ": "at+jwt"}, payloadOf(t, good)
	if _, err := s.Authenticate(t.Context(), forge(t, key, header, payload)); err != nil {
		t.Fatalf("the forger's tool does not work: %v", err)
	}

	hs256 := func(secret []byte) string {
		signed := encode(t, with(header, m{"alg": "HS256"})) + "." + encode(t, payload)
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(signed))
		return signed + "." + b64(mac.Sum(nil))
	}
	strangerJWK := m{"kty": "OKP", "crv": "Ed25519", "x": b64(stranger.Public().(ed25519.PublicKey))}
	headers := func(key ed25519.PrivateKey, changes m) string { return forge(t, key, with(header, changes), payload) }
	claims := func(changes m) string { return forge(t, key, header, with(payload, changes)) }
	parts := strings.Split(good, ".")
	now := s.clock.Now().Unix()

	for name, c := range map[string]struct{ token, reason string }{
		"none, no signature":         {encode(t, with(header, m{"alg": "none"})) + "." + parts[1] + ".", "not a token of this server"},
		"none, signature kept":       {encode(t, with(header, m{"alg": "none"})) + "." + parts[1] + "." + parts[2], "not a token of this server"},
		"None":                       {headers(key, m{"alg": "None"}), "not a token of this server"},
		"signature left out":         {parts[0] + "." + parts[1] + ".", "not a token of this server"},
		"HS256 with the public key":  {hs256(public), "not a token of this server"},
		"HS256, public key as text":  {hs256([]byte(b64(public))), "not a token of this server"},
		"EdDSA under another name":   {headers(key, m{"alg": "Ed25519"}), "not a token of this server"},
		"jwk":                        {headers(stranger, m{"jwk": strangerJWK}), "not a token of this server"},
		"jwk without kid":            {headers(stranger, m{"jwk": strangerJWK, "kid": nil}), "not a token of this server"},
		"jku":                        {headers(stranger, m{"jku": "https://evil.example/jwks"}), "not a token of this server"},
		"x5u":                        {headers(stranger, m{"x5u": "https://evil.example/cert"}), "not a token of this server"},
		"x5c":                        {headers(stranger, m{"x5c": []string{"AAAA"}}), "not a token of this server"},
		"jku, good signature":        {headers(key, m{"jku": "https://evil.example/jwks"}), "not a token of this server"},
		"crit":                       {headers(key, m{"crit": []string{"exp"}, "exp": now + 60}), "not a token of this server"},
		"crit, unknown":              {headers(key, m{"crit": []string{"x"}, "x": 1}), "not a token of this server"},
		"b64 false":                  {headers(key, m{"b64": false}), "not a token of this server"},
		"zip":                        {headers(key, m{"zip": "DEF"}), "not a token of this server"},
		"kid as a path":              {headers(stranger, m{"kid": "../../../../dev/null"}), "not a token of this server"},
		"kid as SQL":                 {headers(stranger, m{"kid": "x' UNION SELECT 'AAAA"}), "not a token of this server"},
		"kid with a NUL":             {headers(stranger, m{"kid": kid[:42] + "\x00"}), "not a token of this server"},
		"no kid":                     {headers(key, m{"kid": nil}), "not a token of this server"},
		"unknown kid":                {headers(stranger, m{"kid": strings.Repeat("A", 43)}), "not a token of this server"},
		"stranger's key, our kid":    {headers(stranger, nil), "not a token of this server"},
		"typ JWT":                    {headers(key, m{"typ": "JWT"}), "not a token of this server"},
		"no typ, as an ID token":     {headers(key, m{"typ": nil}), "not a token of this server"},
		"ID-JAG":                     {headers(key, m{"typ": "oauth-id-jag+jwt"}), "not a token of this server"},
		"DPoP proof":                 {headers(key, m{"typ": "dpop+jwt"}), "not a token of this server"},
		"another payload":            {parts[0] + "." + encode(t, with(payload, m{"sub": "idle"})) + "." + parts[2], "not a token of this server"},
		"another issuer":             {claims(m{"iss": "https://evil.example"}), "not a token of this server"},
		"issuer with a slash":        {claims(m{"iss": issuer + "/"}), "not a token of this server"},
		"no issuer":                  {claims(m{"iss": nil}), "not a token of this server"},
		"a sister's audience":        {claims(m{"aud": "https://tools.example.com/other"}), "meant for another server"},
		"audience without the path":  {claims(m{"aud": issuer}), "meant for another server"},
		"two audiences":              {claims(m{"aud": []string{audience, "https://evil.example"}}), "meant for another server"},
		"no audience":                {claims(m{"aud": nil}), "meant for another server"},
		"expired":                    {claims(m{"exp": now - 1}), "expired"},
		"no expiry":                  {claims(m{"exp": nil}), "not a token of this server"},
		"nbf in the future":          {claims(m{"nbf": now + 600}), "not valid yet"},
		"no nbf":                     {claims(m{"nbf": nil}), "not a token of this server"},
		"no subject":                 {claims(m{"sub": nil}), "not a token of this server"},
		"unknown subject":            {claims(m{"sub": "nobody"}), "its agent does not exist (any more)"},
		"no jti":                     {claims(m{"jti": nil}), "not a token of this server"},
		"jti that is no UUIDv7":      {claims(m{"jti": "6ba7b810-9dad-11d1-80b4-00c04fd430c8"}), "not a token of this server"},
		"jti of another agent's key": {claims(m{"jti": "agent/bot"}), "not a token of this server"},
		"unknown service in scope":   {claims(m{"scope": "payroll:read-write"}), "its scope is not known here (any more)"},
		"payload that is no JSON": {func() string {
			x := parts[0] + "." + b64([]byte("{"))
			return x + "." + b64(ed25519.Sign(key, []byte(x)))
		}(), "not a token of this server"},
		"oversized":                  {claims(m{"junk": strings.Repeat("a", 9000)}), "longer than 8 KiB"},
		"empty":                      {"", "not a token of this server"},
		"two dots":                   {"..", "not a token of this server"},
		"two dots and garbage":       {"a.b.c", "not a token of this server"},
		"one dot":                    {parts[0] + "." + parts[1], "not a token of this server"},
		"four parts":                 {good + ".x", "not a token of this server"},
		"JWE-like":                   {parts[0] + ".a.b.c.d", "not a token of this server"},
		"padding":                    {good + "==", "not a token of this server"},
		"a newline inside":           {parts[0] + "." + parts[1] + "\n." + parts[2], "not a token of this server"},
		"a space before":             {" " + good, "not a token of this server"},
		"header written differently": {b64([]byte(fmt.Sprintf(`{"kid":%q,"alg":"EdDSA","typ":"at+jwt"}`, kid))) + "." + parts[1] + "." + parts[2], "not a token of this server"},
		"JSON serialization":         {fmt.Sprintf(`{"protected":%q,"payload":%q,"signature":%q}`, parts[0], parts[1], parts[2]), "not a token of this server"},
		"an opaque token":            {"ory_at_" + strings.Repeat("x", 40), "not a token of this server"},
	} {
		t.Run(name, func(t *testing.T) {
			for range 2 { // the second time, whatever was cached by the first
				id, err := s.Authenticate(t.Context(), c.token)
				if reason(err) != c.reason || id.Agent != "" {
					t.Errorf("got %+v, %v; want %q", id, err, c.reason)
				}
			}
		})
	}
	if _, err := s.Authenticate(t.Context(), good); err != nil {
		t.Errorf("the good token, afterwards: %v", err)
	}
}

// The form of the token, as a stranger's library reads it.
func TestTokenIsRFC9068(t *testing.T) {
	s := single(t)
	kid, key := signingKey(t, s)
	token, id := mint(t, s, auth.Request{Agent: "bot", User: "ann", Task: "follow-up"})
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.EdDSA})
	if err != nil {
		t.Fatal(err)
	}
	if h := parsed.Headers[0]; h.KeyID != kid || h.ExtraHeaders[jose.HeaderType] != "at+jwt" {
		t.Errorf("header %+v", h)
	}
	var std jwt.Claims
	all := map[string]any{}
	if err := parsed.Claims(key.Public(), &std, &all); err != nil {
		t.Fatal(err)
	}
	if err := std.ValidateWithLeeway(jwt.Expected{Issuer: issuer, AnyAudience: jwt.Audience{audience}, Subject: "ann", ID: id.TokenID, Time: s.clock.Now()}, 0); err != nil {
		t.Error(err)
	}
	if all["client_id"] != "bot" || all["scope"] != "crm:contacts.read slack:chat:write" || all["task"] != "follow-up" || all["act"].(map[string]any)["sub"] != "bot" || all["sub_profile"] != "user" {
		t.Errorf("claims %+v", all)
	}
	if id.TokenID[14] != '7' {
		t.Errorf("jti %s is no UUIDv7", id.TokenID)
	}
}

// countingStore counts how often the token keys are read.
type countingStore struct {
	store.Store
	lists atomic.Int64
	names chan string
}

func (c *countingStore) List(ctx context.Context, prefix, after string, limit int) ([]store.Item, error) {
	c.lists.Add(1)
	return c.Store.List(ctx, prefix, after, limit)
}

func (c *countingStore) Get(ctx context.Context, key string) (store.Item, error) {
	select {
	case c.names <- key:
	default:
	}
	return c.Store.Get(ctx, key)
}

func TestMadeUpKeysDoNotReachTheStore(t *testing.T) {
	plain := single(t)
	counting := &countingStore{Store: plain.store, names: make(chan string, 100)}
	s := newServer(t, counting, plain.clock)
	before := counting.lists.Load()
	_, stranger, _ := ed25519.GenerateKey(rand.Reader)
	for i := range 500 {
		sum := sha256.Sum256([]byte{byte(i), byte(i >> 8)})
		token := forge(t, stranger, m{"alg": "EdDSA", "kid": b64(sum[:]), "typ": "at+jwt"}, m{"sub": "bot"})
		if _, err := s.Authenticate(t.Context(), token); reason(err) == "" {
			t.Fatal("accepted")
		}
	}
	if n := counting.lists.Load() - before; n > 1 {
		t.Errorf("500 made-up kids within a second read the store %d times", n)
	}
	if len(counting.names) > 0 {
		t.Errorf("a made-up kid became a key of the store: %q", <-counting.names)
	}
}

func TestAKeyOfAnotherProcessIsFoundAtOnce(t *testing.T) {
	// The two do not follow the store: what is found is found by asking.
	s := single(t)
	late := newServer(t, s.store, s.clock)
	keys, _ := s.store.List(t.Context(), "token-key/", "", 2)
	if err := s.store.Delete(t.Context(), keys[0].Key, keys[0].Version); err != nil {
		t.Fatal(err)
	}
	other := newServer(t, s.store, s.clock) // makes a new key
	token, _ := mint(t, other, auth.Request{Agent: "bot"})
	if _, err := late.Authenticate(t.Context(), token); err != nil {
		t.Errorf("a token of a key that was made after the start: %v", err)
	}
}

func FuzzAuthenticate(f *testing.F) {
	s := single(f)
	kid, key := signingKey(f, s)
	good, _ := mint(f, s, auth.Request{Agent: "bot"})
	for _, seed := range []string{good, "..", "a.b.c", strings.Repeat("A", 9000), good[:len(good)-1], "eyJhbGciOiJub25lIn0.e30."} {
		f.Add(seed, `{}`)
	}
	payload, _ := json.Marshal(payloadOf(f, good))
	f.Add("", string(payload))
	f.Fuzz(func(t *testing.T, token, payload string) {
		signed := encode(t, m{"alg": "EdDSA", "kid": kid, "typ": "at+jwt"}) + "." + b64([]byte(payload))
		for _, token := range []string{token, signed + "." + b64(ed25519.Sign(key, []byte(signed)))} {
			id, err := s.Authenticate(t.Context(), token)
			switch {
			case err == nil && id.Agent == "":
				t.Fatalf("accepted without an agent: %q", token)
			case err != nil && reason(err) == "":
				t.Fatalf("not a TokenError: %v", err)
			}
		}
	})
}
