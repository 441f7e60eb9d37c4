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
	if err := t.standing(v); err != nil {
		return Identity{}, whose(err, v.identity)
	}
	return v.identity, nil
}

// Inspect tells what a token of ours says, whoever it is of: its agent may be
// suspended or gone, and it may have been revoked. It is for revoking it; nobody may
// call with what it returns. Every error is a *TokenError.
func (t *Tokens) Inspect(ctx context.Context, token string) (Identity, error) {
	if len(token) > maxToken {
		return Identity{}, refused(reasonTooLong)
	}
	v, err := t.verify(ctx, token)
	if err != nil {
		return Identity{}, err
	}
	return v.identity, nil
}

// verified is a token whose signature and claims have been checked.
type verified struct {
	identity Identity
	holders  []string // whose tokens can be voided together: names in Tokens.revoked
	grant    string   // likewise, of the consent
	sources  []inherited
	issued   time.Time
	starts   time.Time
}

// standing is what can change while a token lives; nil if all is well.
func (t *Tokens) standing(v *verified) error {
	now := t.Now()
	if !now.Before(v.identity.Expires) {
		return refused(reasonExpired)
	}
	if now.Add(leeway).Before(v.starts) {
		return refused(reasonEarly)
	}
	for i := -1; i < len(v.identity.Chain); i++ {
		id := v.identity.Agent
		if i >= 0 {
			id = v.identity.Chain[i]
		}
		agent, ok := t.Agents.Get(id)
		switch {
		case !ok:
			return refused(reasonGone)
		case agent.Suspended:
			return suspended(agent)
		case v.issued.Before(agent.Created):
			return refused(reasonGone) // it belonged to an earlier agent of that name
		}
	}
	if t.isRevoked(v) {
		return refused(reasonRevoked)
	}
	return nil
}

func (t *Tokens) verify(ctx context.Context, bearer string) (*verified, error) {
	c, at, err := t.read(ctx, bearer, t.Audience)
	if err != nil {
		return nil, err
	}
	grants, err := t.Catalogs.ParseGrants(c.Scope)
	if err != nil {
		return nil, refused(reasonScope)
	}
	id, ok := c.identity(grants)
	if !ok {
		return nil, refused(reasonForeign)
	}
	return &verified{
		identity: id, holders: bearers(id.Agent, id.Chain, id.User, id.Client), grant: grantName(c.Grant),
		sources: inheritedFrom(id.From, id.User), issued: at, starts: c.NotBefore.Time(),
	}, nil
}

// read checks the signature and the times of a token of ours for an audience, and
// returns what it says and when it was issued.
func (t *Tokens) read(ctx context.Context, bearer, audience string) (*claims, time.Time, error) {
	header, rest, ok := strings.Cut(bearer, ".")
	if !ok || strings.Count(rest, ".") != 1 || strings.IndexFunc(rest, notBase64URL) >= 0 {
		return nil, time.Time{}, refused(reasonForeign)
	}
	kid, ok := headerKey(header)
	if !ok {
		return nil, time.Time{}, refused(reasonForeign)
	}
	key, ok := t.publicKey(ctx, kid)
	if !ok {
		return nil, time.Time{}, refused(reasonForeign)
	}
	signed, err := jose.ParseSignedCompact(bearer, []jose.SignatureAlgorithm{jose.EdDSA})
	if err != nil {
		return nil, time.Time{}, refused(reasonForeign)
	}
	payload, err := signed.Verify(key)
	if err != nil {
		return nil, time.Time{}, refused(reasonForeign)
	}
	var c claims
	if err := json.Unmarshal(payload, &c); err != nil || c.Expiry == nil || c.NotBefore == nil || c.Subject == "" {
		return nil, time.Time{}, refused(reasonForeign)
	}
	switch {
	case c.Issuer != t.Issuer:
		return nil, time.Time{}, refused(reasonForeign)
	case audience == "" || len(c.Audience) != 1 || c.Audience[0] != audience:
		return nil, time.Time{}, refused(reasonAudience)
	}
	at, ok := issued(c.ID)
	if !ok {
		return nil, time.Time{}, refused(reasonForeign)
	}
	if !t.Now().Before(c.Expiry.Time()) {
		return nil, time.Time{}, refused(reasonExpired) // before its scope, which may have gone since
	}
	return &c, at, nil
}

func notBase64URL(r rune) bool {
	return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '-' || r == '_' || r == '.')
}
