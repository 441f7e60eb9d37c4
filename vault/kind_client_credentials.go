package vault

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Ways in which a client proves who it is: auth in the config.
const (
	authBasic = "basic"           // id and secret by HTTP Basic (RFC 6749 section 2.3.1)
	authBody  = "body"            // both as form fields
	authKey   = "private_key_jwt" // an assertion signed with the client's private key (OpenID Connect Core section 9)
)

// clientCredentials is the OAuth grant of a client that acts for itself (RFC 6749
// section 4.4). The secret is the client's, or the private key that stands for it.
func clientCredentials() kind {
	return kind{
		everywhere: true,
		params: append([]Param{
			{Name: "client_id", Help: "the client's id at the token endpoint", Form: FormID},
			{Name: "token_url", Help: "the token endpoint", Form: FormURL},
			{Name: "token_scope", Help: "the scopes to ask the token endpoint for"},
			{Name: "audience", Help: "whom the token is for, where the token endpoint wants to know"},
			{Name: "auth", Help: "how the client proves who it is: basic, body or private_key_jwt", Check: func(s string) error {
				switch s {
				case authBasic, authBody, authKey:
					return nil
				}
				return errors.New("this must be basic (HTTP Basic), body (form fields) or private_key_jwt (an assertion signed with a private key)")
			}},
			{Name: "issuer", Help: "with private_key_jwt the audience of the assertion, where that is not the token endpoint"},
		}, keyParams()...),
		check: func(secret Secret, _ time.Time) error {
			if text := strings.TrimSpace(secret.Reveal()); strings.Contains(text, "-----BEGIN") || strings.HasPrefix(text, "{") && strings.Contains(text, `"kty"`) {
				_, err := parseKey(text)
				return err
			}
			return checkLine(secret.Reveal())
		},
		fits: func(m Material) error {
			_, err := m.oauthClient()
			return err
		},
		obtain: func(ctx context.Context, m Material) (Token, error) {
			c, err := m.oauthClient()
			if err != nil {
				return Token{}, err
			}
			form := url.Values{"grant_type": {"client_credentials"}}
			for name, value := range map[string]string{"scope": m.Param("token_scope"), "audience": m.Param("audience")} {
				if value != "" {
					form.Set(name, value)
				}
			}
			prove, err := c.proof(form, m.Now)
			if err != nil {
				return Token{}, err
			}
			return m.ask(ctx, c.endpoint, form, prove)
		},
	}
}

// oauthClient is a client at a token endpoint, and how it proves who it is.
type oauthClient struct {
	endpoint, id, auth string
	secret             Secret
	key                signingKey
	audience           string
}

func (m Material) oauthClient() (oauthClient, error) {
	app, service := m.Service.App, m.Declaration.Service
	c := oauthClient{endpoint: m.tokenURL(), id: m.Param("client_id"), auth: m.Param("auth"), secret: m.Secret, audience: m.Param("issuer")}
	if c.id == "" {
		c.id = app.ClientID
	}
	if c.auth == "" && app.ClientAuth == ClientBody {
		c.auth = authBody
	}
	switch {
	case c.id == "":
		return c, invalid("the client's id is missing: set client_id, or services.%s.oauth.client_id", service)
	case c.endpoint == "" && app.Issuer == "": // the issuer says where, when it is asked
		return c, invalid("the token endpoint is not known: set token_url, or services.%s.oauth.token_url", service)
	case c.auth != authKey:
		if err := checkLine(m.Secret.Reveal()); err != nil {
			return c, invalid("%w; where it is a private key, set auth to private_key_jwt", err)
		}
		return c, nil
	}
	if c.audience == "" {
		c.audience = c.endpoint
	}
	key, err := parseKey(m.Secret.Reveal())
	if err == nil {
		c.key, err = key.with(m)
	}
	if err != nil {
		return c, invalid("%w", err)
	}
	return c, nil
}

// proof puts what proves the client into the form, or returns what puts it on the
// request.
func (c oauthClient) proof(form url.Values, now time.Time) (func(*http.Request), error) {
	switch c.auth {
	case authKey:
		signed, err := c.key.sign(assertion{issuer: c.id, subject: c.id, audience: c.audience, life: time.Minute}, now)
		if err != nil {
			return nil, invalid("%w", err)
		}
		form.Set("client_id", c.id)
		form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
		form.Set("client_assertion", signed.Reveal())
	case authBody:
		form.Set("client_id", c.id)
		form.Set("client_secret", c.secret.Reveal())
	default:
		// RFC 6749 section 2.3.1: both are form-encoded first.
		return func(r *http.Request) { r.SetBasicAuth(url.QueryEscape(c.id), url.QueryEscape(c.secret.Reveal())) }, nil
	}
	return nil, nil
}
