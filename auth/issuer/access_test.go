package issuer_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"toolvault/auth/issuer"
	"toolvault/auth/scope"
)

func TestAccessTokenSaysWhoCalls(t *testing.T) {
	w := newWorld(t)
	w.trust(t, nil)
	thumb := strings.Repeat("A", 43)
	id, issued, err := w.Authenticate(t.Context(), w.token(t, map[string]any{"cnf": map[string]any{"jkt": thumb}}))
	if err != nil {
		t.Fatal(err)
	}
	now := w.clock.Now()
	switch {
	case id.Agent != "support-agent-1", id.User != "alice", id.Client != "desk", id.TokenID != "t-1", id.Key != thumb,
		id.Issuer != w.provider.URL, !id.Expires.Equal(now.Add(time.Hour)), !issued.Equal(now), id.Task != "", id.Chain != nil:
		t.Errorf("%+v, issued %s", id, issued)
	case id.Grants.String() != "crm:read-write slack:read-write":
		t.Errorf("grants %s", id.Grants)
	}
	if !w.Takes(w.provider.URL) || w.Takes(w.provider.URL+"/") || w.Takes("") {
		t.Error("Takes is wrong")
	}
	for _, aud := range []any{resource, []string{"https://other.example.com", resource}} {
		if got := w.try(t, w.token(t, map[string]any{"aud": aud})); got != "" {
			t.Errorf("aud %v: %s", aud, got)
		}
	}
}

func TestAccessTokenAlgorithms(t *testing.T) {
	w := newWorld(t)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	curve := func(c elliptic.Curve) *ecdsa.PrivateKey {
		k, err := ecdsa.GenerateKey(c, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	private := map[string]any{"rsa": rsaKey, "p256": curve(elliptic.P256()), "p384": curve(elliptic.P384()), "p521": curve(elliptic.P521()), "ed": w.key.private, "weak": weak}
	w.provider.set(func(p *provider) {
		p.keys = nil
		for kid, k := range private {
			one := jose.JSONWebKey{Key: k, KeyID: kid}
			p.keys = append(p.keys, one.Public())
		}
		p.keys = append(p.keys,
			jose.JSONWebKey{Key: &rsaKey.PublicKey, KeyID: "rs256 only", Algorithm: "RS256"},
			jose.JSONWebKey{Key: &rsaKey.PublicKey, KeyID: "encrypts", Use: "enc"})
	})
	w.trust(t, nil)
	sign := func(kid string, k any, alg jose.SignatureAlgorithm) string {
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: jose.JSONWebKey{Key: k, KeyID: kid}}, (&jose.SignerOptions{}).WithType("at+jwt"))
		if err != nil {
			t.Fatal(err)
		}
		token, err := jwt.Signed(signer).Claims(w.claims()).Serialize()
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	for kid, algs := range map[string][]jose.SignatureAlgorithm{
		"rsa":  {jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512},
		"p256": {jose.ES256}, "p384": {jose.ES384}, "p521": {jose.ES512}, "ed": {jose.EdDSA},
	} {
		for _, alg := range algs {
			if got := w.try(t, sign(kid, private[kid], alg)); got != "" {
				t.Errorf("%s: %s", alg, got)
			}
		}
	}
	for what, token := range map[string]string{
		"a key of 1024 bits":                  sign("weak", weak, jose.RS256),
		"a key for another algorithm":         sign("rs256 only", rsaKey, jose.PS256),
		"a key for encryption":                sign("encrypts", rsaKey, jose.RS256),
		"an elliptic key named as an RSA one": sign("rsa", private["p256"], jose.ES256),
	} {
		if got := w.try(t, token); got != "signed with a key that its issuer does not publish" {
			t.Errorf("%s: %q", what, got)
		}
	}
	if got := w.try(t, sign("rs256 only", rsaKey, jose.RS256)); got != "" {
		t.Errorf("RS256 with its key: %s", got)
	}
	w.trust(t, func(i *issuer.Issuer) { i.Algorithms = []string{"ES256"} })
	if got := w.try(t, sign("rsa", rsaKey, jose.RS256)); got != "signed with an algorithm that is not taken" {
		t.Errorf("RS256, of which the config says nothing: %q", got)
	}
}

func TestWithoutAKidTheOnlyKeyIsUsed(t *testing.T) {
	w := newWorld(t)
	w.trust(t, nil)
	token := w.key.forge(t, with(w.header(), map[string]any{"kid": nil}), w.claims())
	if got := w.try(t, token); got != "" {
		t.Errorf("one key: %s", got)
	}
	w.provider.publish(w.key, newKey(t, "k2"))
	w.clock.forward(time.Hour + time.Second)
	token = w.key.forge(t, with(w.header(), map[string]any{"kid": nil}), w.claims())
	if got := w.try(t, token); got != "signed with a key that its issuer does not publish" {
		t.Errorf("two keys: %q", got)
	}
}

func TestAccessTokenTimes(t *testing.T) {
	w := newWorld(t)
	w.trust(t, nil)
	now := w.clock.Now()
	at := func(d time.Duration) any { return now.Add(d).Unix() }
	const claims, early, expired, old = "its claims are not in order", "not valid yet", "expired", "issued too long ago"
	for _, c := range []struct {
		change map[string]any
		want   string
	}{
		{map[string]any{"exp": at(0)}, expired},
		{map[string]any{"exp": at(-time.Second), "iat": at(-time.Hour)}, expired},
		{map[string]any{"exp": at(time.Second)}, ""},
		{map[string]any{"exp": nil}, claims},
		{map[string]any{"exp": "soon"}, claims},
		{map[string]any{"exp": true}, claims},
		{map[string]any{"exp": -1}, claims},
		{map[string]any{"exp": 1e30}, claims},
		{map[string]any{"exp": 1e18}, claims},
		{map[string]any{"exp": float64(now.Unix()) + 0.5}, expired},
		{map[string]any{"exp": float64(now.Unix()) + 10.5}, ""},
		{map[string]any{"iat": nil}, claims},
		{map[string]any{"iat": at(30 * time.Second)}, ""},
		{map[string]any{"iat": at(31 * time.Second)}, early},
		{map[string]any{"iat": at(-24 * time.Hour)}, ""},
		{map[string]any{"iat": at(-24*time.Hour - time.Second)}, old},
		{map[string]any{"iat": at(20 * time.Second), "exp": at(10 * time.Second)}, claims},
		{map[string]any{"iat": 0}, claims},
		{map[string]any{"nbf": at(30 * time.Second)}, ""},
		{map[string]any{"nbf": at(31 * time.Second)}, early},
		{map[string]any{"nbf": "x"}, claims},
	} {
		if got := w.try(t, w.token(t, c.change)); got != c.want {
			t.Errorf("%v: %q, want %q", c.change, got, c.want)
		}
	}
}

// A token that is remembered ends with its time all the same.
func TestRememberedTokenExpires(t *testing.T) {
	w := newWorld(t)
	w.trust(t, nil)
	token := w.token(t, map[string]any{"exp": w.clock.Now().Add(20 * time.Second).Unix()})
	for range 3 {
		if got := w.try(t, token); got != "" {
			t.Fatal(got)
		}
	}
	w.clock.forward(20 * time.Second)
	if got := w.try(t, token); got != "expired" {
		t.Errorf("%q", got)
	}
}

func TestPlainJWTHasToBeAnAccessToken(t *testing.T) {
	w := newWorld(t)
	const other = "another kind of token than is taken here"
	plain := func(typ any, change map[string]any) string {
		return w.key.forge(t, with(w.header(), map[string]any{"typ": typ}), with(w.claims(), change))
	}
	w.trust(t, nil)
	for _, typ := range []any{nil, "JWT", "jwt", "id+jwt", "dpop+jwt", "logout+jwt", "secevent+jwt", "oauth-id-jag+jwt", "JOSE", "at+jwtx", "at"} {
		if got := w.try(t, plain(typ, nil)); got != other {
			t.Errorf("typ %v: %q", typ, got)
		}
	}
	for _, typ := range []any{"at+jwt", "AT+JWT", "application/at+jwt"} {
		if got := w.try(t, plain(typ, nil)); got != "" {
			t.Errorf("typ %v: %s", typ, got)
		}
	}
	w.trust(t, func(i *issuer.Issuer) { i.PlainJWT = true })
	for _, c := range []struct {
		typ    any
		change map[string]any
		want   string
	}{
		{"JWT", nil, ""},
		{nil, nil, ""},
		{"JWT", map[string]any{"typ": "Bearer"}, ""},
		{"JWT", map[string]any{"token_use": "access"}, ""},
		{"JWT", map[string]any{"scope": nil, "client_id": nil, "scp": []string{"x"}}, ""},
		{"JWT", map[string]any{"nonce": "n"}, other},
		{"JWT", map[string]any{"at_hash": "n"}, other},
		{"JWT", map[string]any{"c_hash": "n"}, other},
		{"JWT", map[string]any{"s_hash": "n"}, other},
		{"JWT", map[string]any{"events": map[string]any{}}, other},
		{"JWT", map[string]any{"typ": "ID"}, other},
		{"JWT", map[string]any{"token_use": "id"}, other},
		{"JWT", map[string]any{"scope": nil, "client_id": nil}, other},
		{"JWT", map[string]any{"scope": nil, "client_id": nil, "azp": "desk"}, other},
		{"id+jwt", nil, other},
		{"oauth-id-jag+jwt", nil, other},
		{"logout+jwt", nil, other},
	} {
		if got := w.try(t, plain(c.typ, c.change)); got != c.want {
			t.Errorf("typ %v, %v: %q, want %q", c.typ, c.change, got, c.want)
		}
	}
}

func TestWhatAnAccessTokenGrants(t *testing.T) {
	most := grants(t, "slack:read-write crm:contacts.read")
	w := newWorld(t, func(o *issuer.Options) {
		o.Grants = func(agent, user string) (scope.Grants, error) {
			if user == "mallory" {
				return nil, errors.New("the store is away")
			}
			return most, nil
		}
	})
	const nothing = "its scope allows nothing here"
	for _, c := range []struct {
		rule   issuer.Rule
		change map[string]any
		want   string
		reason string
	}{
		{issuer.Rule{}, nil, "crm:contacts.read slack:read-write", ""},
		{issuer.Rule{Scope: "slack:channels:read crm:contacts.write"}, nil, "crm:contacts.read slack:channels:read", ""},
		{issuer.Rule{Task: "weekly"}, nil, "crm:contacts.read slack:chat:write", ""},
		{issuer.Rule{Task: "weekly", Scope: "slack:read-write"}, nil, "slack:chat:write", ""},
		{issuer.Rule{Task: "weekly", Scope: "slack:channels:read"}, nil, "", nothing},
		{issuer.Rule{Task: "monthly"}, nil, "", "its rule names a task that its agent does not have"},
		{issuer.Rule{ScopeClaim: true}, nil, "slack:chat:write", ""},
		{issuer.Rule{ScopeClaim: true}, map[string]any{"scope": "openid"}, "", nothing},
		{issuer.Rule{ScopeClaim: true}, map[string]any{"scope": nil}, "", nothing},
		{issuer.Rule{ScopeClaim: true}, map[string]any{"scope": 7}, "", nothing},
		{issuer.Rule{ScopeClaim: true}, map[string]any{"scope": nil, "scp": []string{"crm:contacts.write", "nope:x"}}, "crm:contacts.read", ""},
		{issuer.Rule{ScopeClaim: true}, map[string]any{"scope": "slack@a:chat:write slack@b:chat:write"}, "", nothing},
		{issuer.Rule{ScopeClaim: true, Scope: "crm:read-only"}, map[string]any{"scope": "slack:chat:write crm:contacts.write"}, "crm:contacts.read", ""},
		{issuer.Rule{ScopeClaim: true, Scope: "crm:read-only"}, nil, "", nothing},
	} {
		c.rule.Agent = "support-agent-1"
		w.trust(t, func(i *issuer.Issuer) { i.Rules = []issuer.Rule{c.rule} })
		id, _, err := w.Authenticate(t.Context(), w.token(t, c.change))
		if got := reason(t, err); got != c.reason || id.Grants.String() != c.want || err == nil && id.Task != c.rule.Task {
			t.Errorf("%+v, %v: %s, %q", c.rule, c.change, id.Grants, got)
		}
	}
	w.trust(t, nil)
	if _, _, err := w.Authenticate(t.Context(), w.token(t, map[string]any{"sub": "mallory"})); err == nil || err.Error() != "the store is away" {
		t.Errorf("%v", err)
	}
	// What an agent may have changes while its token lives.
	token := w.token(t, nil)
	before, _, err := w.Authenticate(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	most = grants(t, "slack:channels:read")
	w.clock.forward(61 * time.Second)
	after, _, err := w.Authenticate(t.Context(), token)
	if err != nil || before.Grants.String() == after.Grants.String() || after.Grants.String() != "slack:channels:read" {
		t.Errorf("before %s, after %s, %v", before.Grants, after.Grants, err)
	}
}

// Rules decide in their order, and a rule that fits and cannot be applied does not
// leave it to one that gives more.
func TestFirstRuleThatFitsDecides(t *testing.T) {
	w := newWorld(t)
	w.trust(t, func(i *issuer.Issuer) {
		i.Rules = []issuer.Rule{
			{Subject: "bob", Agent: "{client_id}"},
			{Claims: map[string]string{"groups": "support", `"https://acme.example/org".unit`: "emea-*"}, Agent: "support-agent-1", User: "{email}"},
			{Claims: map[string]string{"admin": "true", "level": "3"}, Agent: "ci"},
			{Subject: "svc-*", Agent: "{client_id}"},
		}
	})
	org := map[string]any{"unit": "emea-1"}
	for _, c := range []struct {
		change      map[string]any
		agent, user string
		reason      string
	}{
		{map[string]any{"sub": "bob", "client_id": "nobody", "admin": true, "level": 3}, "", "", "its rule names no known agent"},
		{map[string]any{"sub": "bob", "client_id": nil}, "", "", "its rule names no known agent"},
		{map[string]any{"sub": "bob", "client_id": "ci"}, "ci", "", ""},
		{map[string]any{"groups": []any{1, "support"}, "https://acme.example/org": org, "email": "a@acme.example"}, "support-agent-1", "a@acme.example", ""},
		{map[string]any{"groups": []any{"support"}, "https://acme.example/org": org}, "", "", "its rule finds no person in it"},
		{map[string]any{"groups": []any{"support"}, "https://acme.example/org": org, "email": []string{"a@acme.example"}}, "", "", "its rule finds no person in it"},
		{map[string]any{"groups": []any{"support"}, "https://acme.example/org": org, "email": "a@acme.example", "email_verified": false}, "", "", "its email is not verified"},
		{map[string]any{"groups": []any{"support"}, "https://acme.example/org": org, "email": "a@acme.example", "email_verified": "false"}, "", "", "its email is not verified"},
		{map[string]any{"groups": []any{"support"}, "https://acme.example/org": org, "email": "a@acme.example", "email_verified": true}, "support-agent-1", "a@acme.example", ""},
		{map[string]any{"groups": []any{"supporters"}, "https://acme.example/org": org, "email": "a@acme.example"}, "", "", "no rule of its issuer fits"},
		{map[string]any{"groups": map[string]any{"support": true}, "https://acme.example/org": org}, "", "", "no rule of its issuer fits"},
		{map[string]any{"admin": true, "level": 3}, "ci", "", ""},
		{map[string]any{"admin": true, "level": 3.0001}, "", "", "no rule of its issuer fits"},
		{map[string]any{"admin": true}, "", "", "no rule of its issuer fits"},
		{map[string]any{"sub": "svc-1", "client_id": "support-agent-1"}, "support-agent-1", "", ""},
		{map[string]any{"sub": "Svc-1", "client_id": "support-agent-1"}, "", "", "no rule of its issuer fits"},
		{map[string]any{"groups": "support", "https://acme.example/org": org, "email": ""}, "", "", "its rule finds no person in it"},
		{map[string]any{"groups": "support", "https://acme.example/org": org, "email": "a\x00@acme.example"}, "", "", "its rule finds no person in it"},
		{map[string]any{"groups": "support", "https://acme.example/org": org, "email": strings.Repeat("a", 513)}, "", "", "its rule finds no person in it"},
		{map[string]any{"sub": ""}, "", "", "it does not say whom it is about"},
		{map[string]any{"sub": nil}, "", "", "it does not say whom it is about"},
		{map[string]any{"sub": 7}, "", "", "it does not say whom it is about"},
	} {
		id, _, err := w.Authenticate(t.Context(), w.token(t, c.change))
		if got := reason(t, err); got != c.reason || id.Agent != c.agent || id.User != c.user {
			t.Errorf("%v: %q for %q, %q", c.change, id.Agent, id.User, got)
		}
	}
}

func TestConfigureIsInForceAtOnce(t *testing.T) {
	w := newWorld(t)
	w.trust(t, nil)
	token := w.token(t, nil)
	for range 2 {
		if got := w.try(t, token); got != "" {
			t.Fatal(got)
		}
	}
	asked := w.provider.all()
	w.trust(t, func(i *issuer.Issuer) { i.Rules = []issuer.Rule{{Subject: "bob", Agent: "ci"}} })
	if got := w.try(t, token); got != "no rule of its issuer fits" {
		t.Errorf("%q", got)
	}
	if w.provider.all() != asked {
		t.Error("the keys of an issuer that stays are asked for again")
	}
	w.Configure(nil)
	if got := w.try(t, token); got != "its issuer is not trusted here for this use" || w.Takes(w.provider.URL) {
		t.Errorf("%q", got)
	}
	// An issuer that is wrong is not trusted, whatever else is in the config.
	wrong := w.issuer()
	wrong.Algorithms = []string{"HS256"}
	w.Configure([]issuer.Issuer{wrong})
	if w.Takes(w.provider.URL) {
		t.Error("an issuer with HS256 is trusted")
	}
}

func TestAlgorithmsAreAsymmetric(t *testing.T) {
	for _, a := range issuer.Algorithms() {
		if strings.HasPrefix(a, "HS") || strings.EqualFold(a, "none") {
			t.Error(a)
		}
	}
	if !slices.Contains(issuer.Algorithms(), "ES256") {
		t.Error("ES256 is missing")
	}
}
