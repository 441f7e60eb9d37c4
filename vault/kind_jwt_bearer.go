package vault

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"
)

// assertionFor is how long an assertion is good. Salesforce takes three minutes at
// most, Google an hour (help.salesforce.com "OAuth 2.0 JWT Bearer Flow";
// developers.google.com/identity/protocols/oauth2/service-account).
const assertionFor = 2 * time.Minute

// jwtBearer trades an assertion that our key signs for an access token (RFC 7523
// section 2.1). The secret is a private key, or the JSON file of a Google service
// account, which holds one.
func jwtBearer() kind {
	return kind{
		everywhere: true,
		params: append([]Param{
			{Name: "issuer", Help: "who signs, as the service knows it: a client's id, an account's address", Form: FormID},
			{Name: "subject", Help: "whom the token acts for; the issuer itself, where it is not set"},
			{Name: "audience", Help: "the audience of the assertion, where that is not the token endpoint"},
			{Name: "token_url", Help: "the token endpoint", Form: FormURL},
			{Name: "token_scope", Help: "the scopes to ask the token endpoint for; with a Google service account those that scope stands for, where it is not set"},
		}, keyParams()...),
		check: func(secret Secret, _ time.Time) error {
			_, _, err := parseAssertionKey(secret.Reveal())
			return err
		},
		fits: func(m Material) error {
			_, err := m.assertionGrant()
			return err
		},
		obtain: func(ctx context.Context, m Material) (Token, error) {
			g, err := m.assertionGrant()
			if err != nil {
				return Token{}, err
			}
			signed, err := g.key.sign(g.assertion, m.Now)
			if err != nil {
				return Token{}, invalid("%w", err)
			}
			form := url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "assertion": {signed.Reveal()}}
			if scope := m.Param("token_scope"); scope != "" && g.assertion.scope == "" {
				form.Set("scope", scope)
			}
			return m.ask(ctx, g.endpoint, form, nil)
		},
	}
}

// serviceAccount is the JSON file of a Google service account.
type serviceAccount struct {
	Email    string `json:"client_email"`
	Key      string `json:"private_key"`
	KeyID    string `json:"private_key_id"`
	TokenURI string `json:"token_uri"`
}

// parseAssertionKey reads the secret of a jwt_bearer. The account is nil for a key
// that stands alone.
func parseAssertionKey(text string) (signingKey, *serviceAccount, error) {
	var a serviceAccount
	if err := json.Unmarshal([]byte(text), &a); err != nil || a.Key == "" && a.Email == "" {
		k, err := parseKey(text)
		return k, nil, err
	}
	if a.Key == "" || a.Email == "" || checkLine(a.Email+a.KeyID+a.TokenURI) != nil {
		return signingKey{}, nil, errors.New("the JSON is no file of a service account: it needs client_email, private_key and token_uri")
	}
	if u, err := url.Parse(a.TokenURI); a.TokenURI != "" && (err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil) {
		return signingKey{}, nil, errors.New("the token_uri of the service account is no https URL")
	}
	k, err := parseKey(a.Key)
	k.id = a.KeyID
	return k, &a, err
}

// assertionGrant is what to sign, with what, and where to send it.
type assertionGrant struct {
	endpoint  string
	key       signingKey
	assertion assertion
}

func (m Material) assertionGrant() (assertionGrant, error) {
	key, account, err := parseAssertionKey(m.Secret.Reveal())
	if err == nil {
		key, err = key.with(m)
	}
	if err != nil {
		return assertionGrant{}, invalid("%w", err)
	}
	g := assertionGrant{endpoint: m.Param("token_url"), key: key, assertion: assertion{
		issuer: m.Param("issuer"), subject: m.Param("subject"), audience: m.Param("audience"), life: assertionFor,
	}}
	a := &g.assertion
	if account != nil {
		// Google wants the scopes in the assertion, and a subject only where the
		// account acts for somebody else.
		a.scope = m.tokenScope()
		for _, set := range []struct {
			to   *string
			from string
		}{{&a.issuer, account.Email}, {&a.audience, account.TokenURI}, {&g.endpoint, account.TokenURI}} {
			if *set.to == "" {
				*set.to = set.from
			}
		}
	} else if a.subject == "" {
		a.subject = a.issuer
	}
	if g.endpoint == "" {
		g.endpoint = m.Service.App.TokenURL
	}
	if a.audience == "" {
		a.audience = m.Service.App.Audience
	}
	if a.audience == "" {
		a.audience = g.endpoint
	}
	switch {
	case a.issuer == "":
		return g, invalid("who signs the assertion is missing: set issuer")
	case g.endpoint == "" && m.Service.App.Issuer == "": // the issuer says where, when it is asked
		return g, invalid("the token endpoint is not known: set token_url, or services.%s.oauth.token_url", m.Declaration.Service)
	}
	return g, nil
}

// tokenScope is what a service account asks for: what the config says, or what the
// declared scope stands for, by the names that the service has for that.
func (m Material) tokenScope() string {
	words := strings.Fields(m.Param("token_scope"))
	if names := m.Service.App.ScopeNames; len(words) == 0 && names != nil {
		for _, name := range m.Declaration.Scope.Names() {
			if word := cmp.Or(names[name], name); !slices.Contains(words, word) {
				words = append(words, word)
			}
		}
	}
	return strings.Join(words, " ")
}
