package server

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/oidc"

	"toolvault/auth/client"
	"toolvault/vault/store/storetest"
)

// keyed is a plant with the client "signer", the agent bot, which proves who it is by
// a key.
func keyed(t testing.TB, h *house) (*plant, signingKey) {
	t.Helper()
	key := newSigningKey(t, "s1")
	h.clients["signer"] = client.Client{
		ID: "signer", Origin: client.OriginAdded, Agent: "bot", Grants: []string{client.GrantOwn}, Auth: client.AuthKey,
		Keys: jose.JSONWebKeySet{Keys: []jose.JSONWebKey{key.public()}},
	}
	return newPlantIn(t, h), key
}

func (p *plant) clientClaims() map[string]any {
	now := p.h.clock.Now()
	return map[string]any{
		"iss": "signer", "sub": "signer", "aud": fixturePublic, "jti": random(8), "iat": now.Unix(), "exp": now.Add(time.Minute).Unix(),
	}
}

// prove asks for a token with a client assertion.
func (p *plant) prove(assertion string, pairs ...string) told {
	p.h.t.Helper()
	return p.call(TokenPath, append([]string{
		"grant_type", client.GrantOwn, "client_assertion", assertion, "client_assertion_type", oidc.ClientAssertionTypeJWTAssertion,
	}, pairs...)...)
}

func TestClientsProveWhoTheyAreByAKey(t *testing.T) {
	p, key := keyed(t, newHouse(t, ""))
	for _, aud := range []any{fixturePublic, fixturePublic + TokenPath, []string{fixturePublic}} {
		got := p.prove(key.sign(t, nil, changed(p.clientClaims(), map[string]any{"aud": aud})))
		if got.Status != http.StatusOK || p.who(got.Access).Agent != "bot" || p.who(got.Access).Client != "signer" {
			t.Errorf("for %v: %d %s", aud, got.Status, got.body)
		}
	}
	if got := p.prove(key.sign(t, nil, p.clientClaims()), "client_id", "signer"); got.Status != http.StatusOK {
		t.Errorf("with its id beside it: %s", got.body)
	}
}

func TestClientsAssertionsThatAreNotTaken(t *testing.T) {
	p, key := keyed(t, newHouse(t, ""))
	now := p.h.clock.Now()
	sign := func(header, change map[string]any) string {
		return key.sign(t, header, changed(p.clientClaims(), change))
	}
	p.h.change(func() {
		both := p.h.clients["signer"]
		both.ID, both.Auth, both.Secrets = "both", client.AuthPost, secretHash("s3cret")
		p.h.clients["both"] = both
	})
	used := sign(nil, nil)
	if got := p.prove(used); got.Status != http.StatusOK {
		t.Fatal(got.body)
	}
	withJWK := map[string]any{"kid": "s2", "jwk": p.other.public()}
	for name, c := range map[string]struct {
		assertion string
		pairs     []string
	}{
		"another audience":          {sign(nil, map[string]any{"aud": "https://elsewhere.example.com"}), nil},
		"the tools' audience":       {sign(nil, map[string]any{"aud": fixturePublic + ResourcePath}), nil},
		"two audiences":             {sign(nil, map[string]any{"aud": []string{fixturePublic, "https://elsewhere.example.com"}}), nil},
		"no audience":               {sign(nil, map[string]any{"aud": nil}), nil},
		"used before":               {used, nil},
		"no id":                     {sign(nil, map[string]any{"jti": nil}), nil},
		"an endless id":             {sign(nil, map[string]any{"jti": strings.Repeat("x", 1000)}), nil},
		"expired":                   {sign(nil, map[string]any{"exp": now.Add(-time.Minute).Unix()}), nil},
		"no end":                    {sign(nil, map[string]any{"exp": nil}), nil},
		"an end too far away":       {sign(nil, map[string]any{"exp": now.Add(time.Hour).Unix()}), nil},
		"not yet good":              {sign(nil, map[string]any{"nbf": now.Add(time.Hour).Unix()}), nil},
		"from the future":           {sign(nil, map[string]any{"iat": now.Add(time.Hour).Unix()}), nil},
		"of another issuer":         {sign(nil, map[string]any{"iss": "c-bot"}), nil},
		"about another":             {sign(nil, map[string]any{"sub": "c-bot"}), nil},
		"about an unknown one":      {sign(nil, map[string]any{"iss": "nobody", "sub": "nobody"}), nil},
		"another's key":             {p.other.sign(t, map[string]any{"kid": "s1"}, p.clientClaims()), nil},
		"a key that it brings":      {p.other.sign(t, withJWK, p.clientClaims()), nil},
		"a key that is elsewhere":   {p.other.sign(t, map[string]any{"jku": "https://evil.example.com/keys"}, p.clientClaims()), nil},
		"a key id as a path":        {p.other.sign(t, map[string]any{"kid": "../../s1"}, p.clientClaims()), nil},
		"something critical":        {sign(map[string]any{"crit": []string{"x"}, "x": 1}, nil), nil},
		"no algorithm":              {unsignedOf(t, p.clientClaims()), nil},
		"a secret's algorithm":      {hmacOf(t, key, p.clientClaims()), nil},
		"a client with a secret":    {sign(nil, map[string]any{"iss": "c-bot", "sub": "c-bot"}), nil},
		"that, with a key too":      {sign(nil, map[string]any{"iss": "both", "sub": "both"}), nil},
		"beside another client_id":  {sign(nil, nil), []string{"client_id", "c-bot"}},
		"huge":                      {"e30." + strings.Repeat("A", maxAssertion) + ".x", nil},
		"no JWT":                    {"x", nil},
		"an access token of theirs": {p.own("bot"), nil},
	} {
		t.Run(name, func(t *testing.T) {
			got := p.prove(c.assertion, c.pairs...)
			if got.Status != http.StatusUnauthorized || got.Error != "invalid_client" || got.Access != "" {
				t.Errorf("%d %s", got.Status, got.body)
			}
		})
	}
	if p.h.told(Replayed) != 1 {
		t.Errorf("%d events tell of a replay", p.h.told(Replayed))
	}
	if got := p.prove(sign(nil, nil), "client_id", "signer", "client_secret", "x"); got.Error != "invalid_request" {
		t.Errorf("two ways at once: %s", got.body)
	}
	if got := p.call(TokenPath, "grant_type", client.GrantOwn, "client_id", "signer", "client_secret", "s3cret"); got.Error != "invalid_client" {
		t.Errorf("a secret of a client that has none: %s", got.body)
	}
}

func TestClientsAssertionIsTakenOnce(t *testing.T) {
	for name, url := range map[string]string{"sqlite": "", "redis": storetest.Redis(t)} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, url)
			a, key := keyed(t, h)
			b := newPlantIn(t, h)
			assertion := key.sign(t, nil, a.clientClaims())
			if n := atOnce(8, func(i int) bool { return []*plant{a, b}[i%2].prove(assertion).Status == http.StatusOK }); n != 1 {
				t.Errorf("taken %d times", n)
			}
		})
	}
}

func TestClientsSecretInTheHeader(t *testing.T) {
	p := newPlant(t, "")
	basic := func(text string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(text)) }
	for header, want := range map[string]int{
		basic("c-bot:s3cret"):   http.StatusOK,
		basic("c%2Dbot:s3cret"): http.StatusOK, // RFC 6749 section 2.3.1
		basic("c-bot:wrong"):    http.StatusUnauthorized,
		basic("c-bot:"):         http.StatusUnauthorized,
		basic(":s3cret"):        http.StatusUnauthorized,
	} {
		if got := p.call(TokenPath, "grant_type", client.GrantOwn, "@Authorization", header); got.Status != want && (want != http.StatusUnauthorized || got.Error != "invalid_request") {
			t.Errorf("%s: %d %s", header, got.Status, got.body)
		}
	}
}

func TestClientsThatHaveNoSecretSendNone(t *testing.T) {
	p := newPlant(t, "")
	if got := p.call(RevokePath, "client_id", "web", "client_secret", "x", "token", "x"); got.Status != http.StatusUnauthorized || got.Error != "invalid_client" {
		t.Errorf("%d %s", got.Status, got.body)
	}
}

func unsignedOf(t testing.TB, claims map[string]any) string {
	return encodePart(t, map[string]any{"alg": "none"}) + "." + encodePart(t, claims) + "."
}

// hmacOf signs with the public key as if it were a secret (RFC 8725 section 2.1).
func hmacOf(t testing.TB, key signingKey, claims map[string]any) string {
	t.Helper()
	head := map[string]any{"alg": "HS256"}
	maps.Copy(head, map[string]any{"kid": key.kid})
	text := encodePart(t, head) + "." + encodePart(t, claims)
	public, err := key.key.PublicKey.ECDH()
	if err != nil {
		t.Fatal(err)
	}
	h := hmac.New(sha256.New, public.Bytes())
	h.Write([]byte(text))
	return text + "." + base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}
