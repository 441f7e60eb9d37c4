package login_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"toolvault/auth/login"
)

// TestWhatIsNotBelieved: each row is a sign-in that must end with nobody signed in, and
// one line in the log.
func TestWhatIsNotBelieved(t *testing.T) {
	for name, row := range map[string]struct {
		edit   func(m)
		answer func(url.Values)
		why    string // in the log
	}{
		"a token of another sign-in":      {edit: func(c m) { c["nonce"] = "other" }, why: "nonce"},
		"a token of no sign-in":           {edit: func(c m) { delete(c, "nonce") }, why: "nonce"},
		"a token for another client":      {edit: func(c m) { c["aud"] = "other" }, why: "audience"},
		"a token for nobody":              {edit: func(c m) { delete(c, "aud") }, why: "audience"},
		"made for another client":         {edit: func(c m) { c["aud"] = []string{"toolvault", "other"}; c["azp"] = "other" }, why: "azp"},
		"for us, made for another":        {edit: func(c m) { c["azp"] = "other" }, why: "azp"},
		"made for something":              {edit: func(c m) { c["azp"] = []string{"toolvault"} }, why: "azp"},
		"for several, of nobody":          {edit: func(c m) { c["aud"] = []string{"toolvault", "other"} }, why: "azp"},
		"of another issuer":               {edit: func(c m) { c["iss"] = "https://evil.example" }, why: "different provider"},
		"of no issuer":                    {edit: func(c m) { delete(c, "iss") }, why: "different provider"},
		"expired":                         {edit: func(c m) { c["exp"] = time.Now().Add(-time.Second).Unix() }, why: "expired"},
		"without an end":                  {edit: func(c m) { delete(c, "exp") }, why: "expired"},
		"of tomorrow":                     {edit: func(c m) { c["nbf"] = time.Now().Add(time.Hour).Unix() }, why: "nbf"},
		"about nobody":                    {edit: func(c m) { delete(c, "sub") }, why: "subject"},
		"about nothing that names":        {edit: func(c m) { c["sub"] = strings.Repeat("s", 256) }, why: "subject"},
		"a session of any length":         {edit: func(c m) { c["sid"] = strings.Repeat("s", 513) }, why: "session"},
		"with another access token":       {edit: func(c m) { c["at_hash"] = "AAAAAAAAAAAAAAAAAAAAAA" }, why: "access token"},
		"an email that is not proved":     {edit: func(c m) { c["email_verified"] = false }, why: "name"},
		"an email that is not, in a word": {edit: func(c m) { c["email_verified"] = "false" }, why: "name"},
		"an email that is perhaps":        {edit: func(c m) { c["email_verified"] = nil }, why: "name"},
		"a name that is none":             {edit: func(c m) { c["email"] = "a b <x>" }, why: "name"},
		"a name that is no text":          {edit: func(c m) { c["email"] = []string{"ada@example.com"} }, why: "name"},
		"no issuer in the answer":         {answer: func(v url.Values) { v.Del("iss") }, why: "RFC 9207"},
		"another issuer's answer":         {answer: func(v url.Values) { v.Set("iss", "https://evil.example") }, why: "RFC 9207"},
		"a state that nobody gave":        {answer: func(v url.Values) { v.Set("state", "x") }, why: "state"},
		"no state":                        {answer: func(v url.Values) { v.Del("state") }, why: "state"},
		"no code":                         {answer: func(v url.Values) { v.Del("code") }, why: "no code"},
		"another code":                    {answer: func(v url.Values) { v.Set("code", "x") }, why: "invalid_grant"},
		"an error":                        {answer: func(v url.Values) { v.Del("code"); v.Set("error", "<script>canary</script>") }, why: "an error that is not known"},
		"an error beside a code":          {answer: func(v url.Values) { v.Set("error", "access_denied") }, why: "access_denied"},
		"a parameter twice":               {answer: func(v url.Values) { v.Add("code", "y") }, why: "no provider would send"},
		"an answer of any length":         {answer: func(v url.Values) { v.Set("session_state", strings.Repeat("x", 8<<10)) }, why: "no provider would send"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newProvider(t)
			p.edit, p.answer, p.info = row.edit, row.answer, m{"sub": "u-1"}
			nobody(t, p, row.why)
		})
	}
}

// nobody signs in through a provider, and why is on record.
func nobody(t *testing.T, p *provider, why string) {
	t.Helper()
	s := newSite(t, p, 1)
	c := browser(t)
	status, body, _ := get(t, c, s.URL+"/signin/company?return=%2Fwho")
	if status < 400 || strings.Contains(body, "canary") {
		t.Errorf("%d %s", status, body)
	}
	if who := s.who(t, c); who != "" {
		t.Errorf("signed in: %s", who)
	}
	events, _ := s.record()
	if len(events) != 1 || strings.Contains(events[0].Reason, "canary") || !strings.Contains(events[0].Reason, why) {
		t.Errorf("on record, and not for %q: %+v", why, events)
	}
	if people, err := s.people.List(t.Context()); err != nil || len(people) != 0 {
		t.Errorf("made known: %v %v", people, err)
	}
}

// TestTokensThatAreNotSignedByTheProvider: RFC 8725, sections 2 and 3.
func TestTokensThatAreNotSignedByTheProvider(t *testing.T) {
	p := newProvider(t)
	stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(p.key.Public())
	if err != nil {
		t.Fatal(err)
	}
	shared := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	half := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(b)
	}
	trap := newProvider(t) // has the stranger's key, and is never to be asked for it
	trap.key = stranger
	for name, tokenOf := range map[string]func(m) string{
		"not signed":        func(c m) string { return half(m{"alg": "none"}) + "." + half(c) + "." },
		"not signed, a kid": func(c m) string { return half(m{"alg": "None", "kid": "k"}) + "." + half(c) + "." },
		"by the public key": func(c m) string { return signed(t, jose.HS256, shared, m{"kid": "k"}, c) },
		"by the secret": func(c m) string {
			return signed(t, jose.HS256, []byte(secret+strings.Repeat("x", 32)), m{"kid": "k"}, c)
		},
		"by another key":      func(c m) string { return signed(t, jose.ES256, jose.JSONWebKey{Key: stranger, KeyID: "k"}, nil, c) },
		"by an unknown key":   func(c m) string { return signed(t, jose.ES256, jose.JSONWebKey{Key: stranger, KeyID: "../k"}, nil, c) },
		"by a key without id": func(c m) string { return signed(t, jose.ES256, stranger, nil, c) },
		"by the key it brings": func(c m) string {
			return signed(t, jose.ES256, stranger, m{"jwk": jose.JSONWebKey{Key: stranger.Public(), KeyID: "k"}}, c)
		},
		"by the key of its URL": func(c m) string {
			return signed(t, jose.ES256, jose.JSONWebKey{Key: stranger, KeyID: "k"}, m{"jku": trap.URL + "/keys", "x5u": trap.URL + "/keys"}, c)
		},
		"with an extension that has to be known": func(c m) string {
			return signed(t, jose.ES256, jose.JSONWebKey{Key: p.key, KeyID: "k"}, m{"crit": []string{"x"}, "x": 1}, c)
		},
		"cut off": func(c m) string { token := p.sign(t, c); return token[:len(token)-4] },
		"changed": func(c m) string {
			token := p.sign(t, c)
			c["sub"] = "u-2"
			parts := strings.Split(token, ".")
			return parts[0] + "." + half(c) + "." + parts[2]
		},
		"no token": func(m) string { return "" },
		"no claims": func(m) string {
			return signed(t, jose.ES256, jose.JSONWebKey{Key: p.key, KeyID: "k"}, nil, []string{"x"})
		},
		"a logout token": func(c m) string { delete(c, "nonce"); c["events"] = m{logoutEvent: m{}}; return p.sign(t, c) },
	} {
		t.Run(name, func(t *testing.T) {
			p.change(func() { p.tokenOf = tokenOf })
			nobody(t, p, "")
		})
	}
	if n := trap.requests("/keys"); n != 0 {
		t.Errorf("the token's own URL was asked %d times", n)
	}
}

// TestMixUp: another provider cannot put its answer in the place of this one's
// (RFC 9207), though it has been given the state: mix-up.
func TestMixUp(t *testing.T) {
	for _, announces := range []bool{true, false} {
		p, other := newProvider(t), newProvider(t)
		p.describe = func(d m) { d["authorization_response_iss_parameter_supported"] = announces }
		p.answer = func(v url.Values) { v.Set("iss", other.URL) }
		s := newSite(t, p, 1)
		c := browser(t)
		if status, _, _ := get(t, c, s.URL+login.Path); status != http.StatusBadRequest || s.who(t, c) != "" || p.requests("/token") != 0 {
			t.Errorf("announced %v: %d, and the code was sent %d times", announces, status, p.requests("/token"))
		}
	}
	p := newProvider(t) // one that does not announce it need not send it
	p.describe = func(d m) { delete(d, "authorization_response_iss_parameter_supported") }
	p.answer = func(v url.Values) { v.Del("iss") }
	s := newSite(t, p, 1)
	if _, body, _ := get(t, browser(t), s.URL+login.Path+"?return=%2Fwho"); body != "ada@example.com support" {
		t.Error(body)
	}
}

// TestWhatIsBelieved: what providers in the field send.
func TestWhatIsBelieved(t *testing.T) {
	for name, row := range map[string]struct {
		edit func(m)
		who  string
	}{
		"several audiences":        {func(c m) { c["aud"], c["azp"] = []string{"toolvault", "api"}, "toolvault" }, "ada@example.com support"},
		"an email that is proved":  {func(c m) { c["email_verified"] = true }, "ada@example.com support"},
		"one proved in a word":     {func(c m) { c["email_verified"] = "true" }, "ada@example.com support"},
		"a name of the house":      {func(c m) { c["email_verified"] = false; c["preferred_username"] = "ada" }, "ada support"},
		"an email that is no name": {func(c m) { c["email"] = "a b"; c["preferred_username"] = "ada" }, "ada support"},
		"one group":                {func(c m) { c["groups"] = "ops" }, "ada@example.com ops"},
		"odd groups":               {func(c m) { c["groups"] = []any{"ops", 7, nil, m{}, strings.Repeat("g", 257)} }, "ada@example.com ops"},
		"groups that are none":     {func(c m) { c["groups"] = m{"ops": true} }, "ada@example.com "},
		"no session":               {func(c m) { delete(c, "sid") }, "ada@example.com support"},
	} {
		p := newProvider(t)
		p.edit = row.edit
		s := newSite(t, p, 1)
		if _, body, _ := get(t, browser(t), s.URL+login.Path+"?return=%2Fwho"); body != row.who {
			t.Errorf("%s: %s", name, body)
		}
	}
}
