package vault

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// The words of draft-ietf-oauth-identity-assertion-authz-grant.
const (
	tokenTypeIDJAG   = "urn:ietf:params:oauth:token-type:id-jag"
	tokenTypeID      = "urn:ietf:params:oauth:token-type:id_token"
	tokenTypeRefresh = "urn:ietf:params:oauth:token-type:refresh_token"
)

// identityAssertion gets access to a service without anybody's consent there, where
// the company's provider says so (enterprise-managed authorization): what a person
// has at the provider is traded for an assertion that is meant for the service's
// authorization server (RFC 8693), and that for an access token (RFC 7523 section
// 2.1). The secret is JSON, since three things in it are secret: see identitySecret.
func identityAssertion() kind {
	return kind{
		everywhere: true,
		params: []Param{
			{Name: "provider_token_url", Required: true, Help: "the token endpoint of the company's provider", Form: FormURL},
			{Name: "provider_client_id", Required: true, Help: "our client's id there", Form: FormID},
			{Name: "audience", Required: true, Help: "the issuer of the service's authorization server, for which the assertion is"},
			{Name: "resource", Help: "the service itself, where its authorization server wants to know (RFC 8707)"},
			{Name: "token_url", Help: "the token endpoint of the service", Form: FormURL},
			{Name: "client_id", Help: "our client's id at the service", Form: FormID},
			{Name: "token_scope", Help: "the scopes to ask for"},
		},
		check: func(secret Secret, _ time.Time) error {
			_, err := parseIdentitySecret(secret.Reveal())
			return err
		},
		fits: func(m Material) error {
			_, err := m.identityGrant()
			return err
		},
		obtain: func(ctx context.Context, m Material) (Token, error) {
			g, err := m.identityGrant()
			if err != nil {
				return Token{}, err
			}
			assertion, err := g.assertion(ctx, m)
			if err != nil {
				return Token{}, err
			}
			form := url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "assertion": {assertion.Reveal()}}
			if scope := m.Param("token_scope"); scope != "" {
				form.Set("scope", scope)
			}
			return m.ask(ctx, g.endpoint, form, basicAuth(form, g.client, g.secret.ClientSecret))
		},
	}
}

// identitySecret is what is secret of it.
type identitySecret struct {
	// RefreshToken is the person's at the provider, or IDToken one that it has issued
	// for our client there. The first lasts, the second for minutes.
	RefreshToken string `json:"refresh_token"`
	IDToken      string `json:"id_token"`
	// ProviderSecret and ClientSecret are those of our clients; empty for public ones.
	ProviderSecret string `json:"provider_client_secret"`
	ClientSecret   string `json:"client_secret"`
}

func parseIdentitySecret(text string) (s identitySecret, err error) {
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	switch {
	case d.Decode(&s) != nil || d.More():
		return s, errors.New("this is no secret of an id_jag: it is JSON with refresh_token or id_token, and provider_client_secret and client_secret where the clients have any")
	case (s.RefreshToken == "") == (s.IDToken == ""):
		return s, errors.New("a secret of an id_jag has either a refresh_token or an id_token, of the person at the company's provider")
	}
	for _, part := range []string{s.RefreshToken, s.IDToken, s.ProviderSecret, s.ClientSecret} {
		if part == "" {
			continue
		}
		if err := checkLine(part); err != nil {
			return s, err
		}
	}
	return s, nil
}

// identityGrant is what to trade, and where.
type identityGrant struct {
	secret   identitySecret
	endpoint string // of the service
	client   string // at the service
}

func (m Material) identityGrant() (identityGrant, error) {
	s, err := parseIdentitySecret(m.Secret.Reveal())
	if err != nil {
		return identityGrant{}, invalid("%w", err)
	}
	g := identityGrant{secret: s, endpoint: m.tokenURL(), client: m.Param("client_id")}
	if g.client == "" {
		g.client = m.Service.App.ClientID
	}
	switch {
	case g.client == "":
		return g, invalid("our client's id at the service is missing: set client_id, or services.%s.oauth.client_id", m.Declaration.Service)
	case g.endpoint == "" && m.Service.App.Issuer == "": // the issuer says where, when it is asked
		return g, invalid("the token endpoint is not known: set token_url, or services.%s.oauth.token_url", m.Declaration.Service)
	}
	return g, nil
}

// assertion asks the company's provider for the assertion.
func (g identityGrant) assertion(ctx context.Context, m Material) (Secret, error) {
	subject, subjectType := g.secret.RefreshToken, tokenTypeRefresh
	if subject == "" {
		subject, subjectType = g.secret.IDToken, tokenTypeID
	}
	form := url.Values{
		"grant_type": {"urn:ietf:params:oauth:grant-type:token-exchange"}, "requested_token_type": {tokenTypeIDJAG},
		"subject_token": {subject}, "subject_token_type": {subjectType}, "audience": {m.Param("audience")},
	}
	for name, value := range map[string]string{"resource": m.Param("resource"), "scope": m.Param("token_scope")} {
		if value != "" {
			form.Set(name, value)
		}
	}
	t, err := m.ask(ctx, m.Param("provider_token_url"), form, basicAuth(form, m.Param("provider_client_id"), g.secret.ProviderSecret))
	if err != nil {
		return Secret{}, because(kindOf(err), "the company's provider gave no assertion: %w", err)
	}
	return t.Secret, nil
}

// kindOf is which of this package's errors one wraps.
func kindOf(err error) error {
	if errors.Is(err, ErrUnavailable) {
		return ErrUnavailable
	}
	return ErrInvalid
}

// basicAuth is how a client proves who it is by its secret (RFC 6749 section 2.3.1); a
// public one names itself in the form.
func basicAuth(form url.Values, id, secret string) func(*http.Request) {
	if secret == "" {
		form.Set("client_id", id)
		return nil
	}
	return func(r *http.Request) { r.SetBasicAuth(url.QueryEscape(id), url.QueryEscape(secret)) }
}
