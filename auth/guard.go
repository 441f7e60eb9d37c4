package auth

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"
)

// Presented is a token as a request brought it.
type Presented struct {
	Token  string
	Scheme string   // "Bearer" or "DPoP"
	Proofs []string // the DPoP headers
	Method string   // of the request
	URL    string   // of the request as its sender sees it, without query and fragment; never from a header
}

// Schemes of an Authorization header.
const (
	SchemeBearer = "Bearer"
	SchemeDPoP   = "DPoP" // RFC 9449 section 7.1
)

// Prover checks proofs of possession (auth/dpop).
type Prover interface {
	// Check returns the thumbprint of the key that made the proof, for a request with
	// the token (RFC 9449 section 4.3). A *dpop.Error says what is wrong.
	Check(ctx context.Context, proofs []string, method, url, token string) (thumbprint string, err error)
}

// Foreign takes access tokens of other authorization servers (auth/issuer).
type Foreign interface {
	// Takes reports whether tokens of an issuer are taken; "": tokens that say
	// nothing of themselves, which have to be introspected.
	Takes(issuer string) bool
	// Authenticate tells who calls, and when the token was issued; zero if it does
	// not say.
	Authenticate(ctx context.Context, token string) (Identity, time.Time, error)
}

// Guard tells who presents a token, whoever has issued it. Foreign may be nil.
type Guard struct {
	Tokens  *Tokens
	Prover  Prover
	Foreign Foreign
}

// Authenticate tells who calls. An error is a *TokenError, of the Prover, or of
// the store.
func (g *Guard) Authenticate(ctx context.Context, p Presented) (Identity, error) {
	id, err := g.identify(ctx, p.Token)
	if err != nil {
		return Identity{}, err
	}
	if err := g.prove(ctx, p, id.Key); err != nil {
		return Identity{}, whose(err, id)
	}
	return id, nil
}

func (g *Guard) identify(ctx context.Context, token string) (Identity, error) {
	if g.Foreign != nil && !g.Tokens.signed(token) {
		if issuer := issuerOf(token); issuer != g.Tokens.Issuer && g.Foreign.Takes(issuer) {
			id, issued, err := g.Foreign.Authenticate(ctx, token)
			if err != nil {
				return Identity{}, err
			}
			return id, whose(g.Tokens.mayAct(id, issued), id)
		}
	}
	return g.Tokens.Authenticate(ctx, token)
}

// AuthenticateAdmin tells who administers.
func (g *Guard) AuthenticateAdmin(ctx context.Context, p Presented) (Admin, error) {
	a, err := g.Tokens.AuthenticateAdmin(ctx, p.Token)
	if err != nil {
		return Admin{}, err
	}
	if err := g.prove(ctx, p, a.Key); err != nil {
		return Admin{}, err
	}
	return a, nil
}

// The reasons for which a proof of possession is missed.
const (
	reasonUnproved = "bound to a key, and presented without a proof of it"
	reasonUnbound  = "presented with a proof, and not bound to a key"
	reasonOtherKey = "bound to another key"
)

// prove holds a proof against the key that the token is bound to: one that is
// bound is never taken as a bearer's (RFC 9449 section 7.2).
func (g *Guard) prove(ctx context.Context, p Presented, key string) error {
	switch {
	case key == "" && p.Scheme != SchemeDPoP:
		return nil
	case key == "":
		return refused(reasonUnbound)
	case p.Scheme != SchemeDPoP || g.Prover == nil:
		return refused(reasonUnproved)
	}
	thumbprint, err := g.Prover.Check(ctx, p.Proofs, p.Method, p.URL, p.Token)
	switch {
	case err != nil:
		return err
	case thumbprint != key:
		return refused(reasonOtherKey)
	}
	return nil
}

// signed reports whether a token names a key of ours; no other can have signed it.
func (t *Tokens) signed(token string) bool {
	header, _, _ := strings.Cut(token, ".")
	kid, ok := headerKey(header)
	return ok && t.keys.Load().public[kid] != nil
}

// mayAct refuses an identity whose agent may not act, or whose person's tokens
// were voided since the token was issued.
func (t *Tokens) mayAct(id Identity, issued time.Time) error {
	agent, ok := t.Agents.Get(id.Agent)
	switch {
	case !ok:
		return refused(reasonGone)
	case agent.Suspended:
		return suspended(agent)
	}
	if t.isRevoked(&verified{identity: id, holders: bearers(id.Agent, id.Chain, id.User, ""), issued: issued}) {
		return refused(reasonRevoked)
	}
	return nil
}

// issuerOf is what a JWT says of its issuer, unverified: it decides only who
// verifies it. "" for what is none.
func issuerOf(token string) string {
	_, rest, ok := strings.Cut(token, ".")
	payload, _, signed := strings.Cut(rest, ".")
	if !ok || !signed || len(token) > maxToken {
		return ""
	}
	raw, err := base64.RawURLEncoding.DecodeString(payload)
	if err != nil {
		return ""
	}
	var c struct {
		Issuer string `json:"iss"`
	}
	if err := json.Unmarshal(raw, &c); err != nil {
		return ""
	}
	return c.Issuer
}
