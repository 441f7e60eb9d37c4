package auth

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	maxToken = 8 << 10 // bytes
	leeway   = 5 * time.Second
)

// The reasons of a TokenError.
const (
	reasonForeign   = "not a token of this server"
	reasonAudience  = "meant for another server"
	reasonTooLong   = "longer than 8 KiB"
	reasonExpired   = "expired"
	reasonEarly     = "not valid yet"
	reasonRevoked   = "revoked"
	reasonGone      = "its agent does not exist (any more)"
	reasonSuspended = "its agent is suspended"
	reasonScope     = "its scope is not known here (any more)"
)

// Authenticate tells who presents the token, without the word "Bearer". Every
// error is a *TokenError. A token that was verified before is found by its
// SHA-256; expiry, revocation and the agent are checked each time.
func (t *Tokens) Authenticate(ctx context.Context, bearer string) (Identity, error) {
	if len(bearer) > maxToken {
		return Identity{}, refused(reasonTooLong)
	}
	sum := sha256.Sum256([]byte(bearer))
	v, era := t.verified.get(sum)
	if v == nil {
		var err error
		if v, err = t.verify(ctx, bearer); err != nil {
			return Identity{}, err
		}
		t.verified.put(sum, v, era)
	}
	if reason := t.standing(v); reason != "" {
		return Identity{}, refused(reason)
	}
	return v.identity, nil
}

// verified is a token whose signature and claims have been checked.
type verified struct {
	identity Identity
	agentKey string // in Tokens.revoked
	issued   time.Time
	starts   time.Time
}

// standing is what can change while a token lives; empty if all is well.
func (t *Tokens) standing(v *verified) string {
	now := t.Now()
	if !now.Before(v.identity.Expires) {
		return reasonExpired
	}
	if now.Add(leeway).Before(v.starts) {
		return reasonEarly
	}
	agent, ok := t.Agents.Get(v.identity.Agent)
	switch {
	case !ok:
		return reasonGone
	case agent.Suspended:
		return reasonSuspended
	case v.issued.Before(agent.Created):
		return reasonGone // it belonged to an earlier agent of that name
	case t.isRevoked(v):
		return reasonRevoked
	}
	return ""
}

func (t *Tokens) verify(ctx context.Context, bearer string) (*verified, error) {
	header, rest, ok := strings.Cut(bearer, ".")
	if !ok || strings.Count(rest, ".") != 1 || strings.IndexFunc(rest, notBase64URL) >= 0 {
		return nil, refused(reasonForeign)
	}
	kid, ok := headerKey(header)
	if !ok {
		return nil, refused(reasonForeign)
	}
	key, ok := t.publicKey(ctx, kid)
	if !ok {
		return nil, refused(reasonForeign)
	}
	signed, err := jose.ParseSignedCompact(bearer, []jose.SignatureAlgorithm{jose.EdDSA})
	if err != nil {
		return nil, refused(reasonForeign)
	}
	payload, err := signed.Verify(key)
	if err != nil {
		return nil, refused(reasonForeign)
	}
	var c claims
	if err := json.Unmarshal(payload, &c); err != nil || c.Expiry == nil || c.NotBefore == nil || c.Subject == "" {
		return nil, refused(reasonForeign)
	}
	switch {
	case c.Issuer != t.Issuer:
		return nil, refused(reasonForeign)
	case len(c.Audience) != 1 || c.Audience[0] != t.Audience:
		return nil, refused(reasonAudience)
	}
	at, ok := issued(c.ID)
	if !ok {
		return nil, refused(reasonForeign)
	}
	if !t.Now().Before(c.Expiry.Time()) {
		return nil, refused(reasonExpired) // before its scope, which may have gone since
	}
	grants, err := t.Catalogs.ParseGrants(c.Scope)
	if err != nil {
		return nil, refused(reasonScope)
	}
	return &verified{identity: c.identity(grants), agentKey: revokedAgent + c.Subject, issued: at, starts: c.NotBefore.Time()}, nil
}

func notBase64URL(r rune) bool {
	return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '-' || r == '_' || r == '.')
}
