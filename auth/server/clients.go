package server

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"toolvault/auth/client"
	"toolvault/vault/store"
)

// protocol is the server as the library sees it.
type protocol struct {
	op.UnimplementedServer
	*Server
}

// asker is a client as the library sees it, for one request.
type asker struct {
	client.Client
	redirect string // of a request for authorization, already held against what is registered
}

var _ op.Client = asker{}

func (a asker) GetID() string                                              { return a.ID }
func (a asker) RedirectURIs() []string                                     { return []string{a.redirect} }
func (asker) PostLogoutRedirectURIs() []string                             { return nil }
func (asker) ApplicationType() op.ApplicationType                          { return op.ApplicationTypeNative }
func (asker) ResponseTypes() []oidc.ResponseType                           { return []oidc.ResponseType{oidc.ResponseTypeCode} }
func (asker) LoginURL(string) string                                       { return "" }
func (asker) AccessTokenType() op.AccessTokenType                          { return op.AccessTokenTypeJWT }
func (asker) IDTokenLifetime() time.Duration                               { return 0 }
func (asker) DevMode() bool                                                { return true } // redirect is checked by us, more strictly
func (asker) IsScopeAllowed(string) bool                                   { return true } // what is granted is computed by us
func (asker) IDTokenUserinfoClaimsAssertion() bool                         { return false }
func (asker) ClockSkew() time.Duration                                     { return 0 }
func (asker) RestrictAdditionalIdTokenScopes() func([]string) []string     { return nil }
func (asker) RestrictAdditionalAccessTokenScopes() func([]string) []string { return nil }

func (a asker) AuthMethod() oidc.AuthMethod { return oidc.AuthMethod(a.Auth) }

func (a asker) GrantTypes() []oidc.GrantType {
	var grants []oidc.GrantType
	for _, g := range a.Grants {
		grants = append(grants, oidc.GrantType(g))
	}
	return grants
}

// VerifyClient is client authentication (RFC 6749 section 2.3; RFC 7523 section 3).
// Whatever is wrong, the answer is the same.
func (p protocol) VerifyClient(ctx context.Context, r *op.Request[op.ClientCredentials]) (op.Client, error) {
	c, err := p.authenticate(ctx, r.Data)
	if err != nil {
		return nil, err
	}
	if !c.Public() {
		visitOf(ctx).proved = c.ID
	}
	return asker{Client: c}, nil
}

func (s *Server) authenticate(ctx context.Context, sent *op.ClientCredentials) (client.Client, error) {
	id := sent.ClientID
	if sent.ClientAssertion != "" {
		claimed, err := assertedClient(sent.ClientAssertion)
		if err != nil || id != "" && id != claimed {
			return client.Client{}, invalidClient()
		}
		id = claimed
	}
	c, err := s.find(ctx, id)
	if err != nil {
		return client.Client{}, err
	}
	proved := false
	switch {
	case sent.ClientAssertion != "":
		if c.Auth == client.AuthKey {
			if err := s.assertion(ctx, c, sent.ClientAssertion); err != nil {
				return client.Client{}, err
			}
			proved = true
		}
	case c.Auth == client.AuthBasic || c.Auth == client.AuthPost:
		proved = c.SecretIs(sent.ClientSecret)
	case c.Auth == client.AuthNone:
		proved = sent.ClientSecret == ""
	}
	if !proved {
		return client.Client{}, invalidClient()
	}
	return c, nil
}

func (s *Server) find(ctx context.Context, id string) (client.Client, error) {
	c, err := s.Clients.Find(ctx, id)
	var invalid *client.InvalidError
	switch {
	case err == nil:
		return c, nil
	case errors.Is(err, client.ErrUnknown), errors.As(err, &invalid):
		return client.Client{}, invalidClient()
	}
	return client.Client{}, unavailable(err)
}

// assertionAlgorithms are those with which a client may sign: never with a secret,
// never not at all (RFC 8725 section 3.2).
func assertionAlgorithms() []string {
	return []string{"ES256", "ES384", "ES512", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512", "EdDSA"}
}

func parseAssertion(raw string) (*jwt.JSONWebToken, error) {
	if len(raw) > maxAssertion {
		return nil, errors.New("too long")
	}
	var algorithms []jose.SignatureAlgorithm
	for _, a := range assertionAlgorithms() {
		algorithms = append(algorithms, jose.SignatureAlgorithm(a))
	}
	return jwt.ParseSigned(raw, algorithms)
}

const (
	maxAssertion   = 16 << 10         // bytes
	assertionLife  = 10 * time.Minute // the longest that a client's assertion may be good for
	assertionSkew  = 30 * time.Second
	maxAssertionID = 256 // bytes of its jti
)

// assertedClient is who an assertion is about, before it is verified.
func assertedClient(raw string) (string, error) {
	token, err := parseAssertion(raw)
	if err != nil {
		return "", err
	}
	var c jwt.Claims
	if err := token.UnsafeClaimsWithoutVerification(&c); err != nil || c.Subject == "" || c.Issuer != c.Subject {
		return "", errors.New("it names no client")
	}
	return c.Subject, nil
}

// assertion verifies how a client proves to have its private key (RFC 7523 section
// 3): signed by one of its keys, for us, short-lived, and used once.
func (s *Server) assertion(ctx context.Context, c client.Client, raw string) error {
	token, err := parseAssertion(raw)
	if err != nil || len(token.Headers) != 1 {
		return invalidClient()
	}
	keys, err := s.Clients.Keys(ctx, c)
	if err != nil {
		return unavailable(err)
	}
	claims, ok := verified(token, keys)
	if !ok {
		return invalidClient()
	}
	now := s.Now()
	ours := []string{s.PublicURL, s.PublicURL + TokenPath}
	switch {
	case claims.Issuer != c.ID || claims.Subject != c.ID:
		return invalidClient()
	case len(claims.Audience) != 1 || !slices.Contains(ours, claims.Audience[0]):
		return invalidClient() // one that is for others too could have been taken from them
	case claims.Expiry == nil || !now.Before(claims.Expiry.Time().Add(assertionSkew)) || claims.Expiry.Time().After(now.Add(assertionLife+assertionSkew)):
		return invalidClient()
	case claims.NotBefore != nil && now.Add(assertionSkew).Before(claims.NotBefore.Time()):
		return invalidClient()
	case claims.IssuedAt != nil && now.Add(assertionSkew).Before(claims.IssuedAt.Time()):
		return invalidClient()
	case claims.ID == "" || len(claims.ID) > maxAssertionID:
		return invalidClient()
	}
	first, err := s.once(ctx, "client-assertion\x00"+c.ID+"\x00"+claims.ID, claims.Expiry.Time().Add(assertionSkew))
	switch {
	case err != nil:
		return unavailable(err)
	case !first:
		s.tell(ctx, Event{Kind: Replayed, Client: c.ID, Address: visitOf(ctx).address, Reason: "an assertion of the client was used before"})
		return invalidClient()
	}
	return nil
}

// verified is what a token says, if one of the keys has signed it. Only the key
// that it names is tried, where it names one: kid is compared, and never looked up.
func verified(token *jwt.JSONWebToken, keys jose.JSONWebKeySet) (jwt.Claims, bool) {
	h := token.Headers[0]
	for _, key := range keys.Keys {
		if h.KeyID != "" && key.KeyID != "" && key.KeyID != h.KeyID || !key.IsPublic() || key.Use == "enc" || key.Algorithm != "" && key.Algorithm != h.Algorithm {
			continue
		}
		var c jwt.Claims
		if err := token.Claims(key.Key, &c); err == nil {
			return c, true
		}
	}
	return jwt.Claims{}, false
}

// used is what is kept of something that may be used once.
type used struct {
	Until time.Time `json:"until"`
}

// once reports whether this is the first use, over all replicas and after a crash.
func (s *Server) once(ctx context.Context, what string, until time.Time) (bool, error) {
	key := oncePrefix + hashed(what)
	err := s.put(ctx, key, 1, used{until.UTC()})
	if errors.Is(err, store.ErrConflict) {
		return false, nil
	}
	return err == nil, err
}
