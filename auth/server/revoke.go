package server

import (
	"context"
	"errors"
	"strings"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"toolvault/auth/client"
	"toolvault/vault/store"
)

// Revocation ends a token of the client that asks (RFC 7009): an access token with
// those that were exchanged from it; a refresh token with the whole consent and all
// access tokens of it (section 2.1).
// Whatever else is sent, the answer is the same 200, and nothing happens: nobody
// learns what a token that is not theirs is. token_type_hint is not needed: the two
// kinds look different.
func (p protocol) Revocation(ctx context.Context, r *op.ClientRequest[oidc.RevocationRequest]) (*op.Response, error) {
	c, err := clientOf(r.Client)
	if err != nil {
		return nil, err
	}
	token := r.Data.Token
	var e Event
	if strings.HasPrefix(token, refreshPrefix) {
		e, err = p.revokeRefresh(ctx, c, token)
	} else {
		e, err = p.revokeAccess(ctx, c, token)
	}
	if err != nil {
		return nil, unavailable(err)
	}
	if e.Kind != "" {
		e.Address = visitOf(ctx).address
		if err := p.Observe(ctx, e); err != nil { // it is revoked; the client may ask again
			return nil, unavailable(err)
		}
	}
	return op.NewResponse(nil), nil
}

// revokeAccess voids an access token of the client. That of an agent which is
// suspended just now is void for good too: it must not come back with the agent.
func (s *Server) revokeAccess(ctx context.Context, c client.Client, token string) (Event, error) {
	e := Event{Kind: Revoked, Client: c.ID, Reason: "the client revoked an access token"}
	if id, err := s.Tokens.Inspect(ctx, token); err == nil {
		if id.Client != c.ID {
			return Event{}, nil
		}
		e.Agent, e.Chain, e.User, e.Task, e.TokenID, e.Scope = id.Agent, id.Chain, id.User, id.Task, id.TokenID, id.Grants.String()
		return e, s.Tokens.Revoke(ctx, id.TokenID, id.Expires)
	}
	a, err := s.Tokens.AuthenticateAdmin(ctx, token)
	if err != nil || a.Client != c.ID {
		return Event{}, nil
	}
	e.Admin, e.TokenID, e.Scope = a.Name, a.TokenID, strings.Join(a.Scopes, " ")
	return e, s.Tokens.Revoke(ctx, a.TokenID, a.Expires)
}

// revokeRefresh ends a consent that the client has. Any refresh token of it will do,
// also one that was used.
func (s *Server) revokeRefresh(ctx context.Context, c client.Client, token string) (Event, error) {
	id, ok := s.familyOf(token)
	if !ok {
		return Event{}, nil
	}
	var f family
	_, err := s.get(ctx, familyPrefix+id, &f)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return Event{}, nil
	case err != nil:
		return Event{}, err
	case f.Client != c.ID:
		return Event{}, nil
	}
	if err := s.endFamily(ctx, id, "the client revoked it"); err != nil { // also if it has ended: perhaps not all of it
		return Event{}, err
	}
	if !f.Ended.IsZero() {
		return Event{}, nil
	}
	return s.eventOf(Revoked, f, "the client revoked a refresh token; all that came from the consent has ended"), nil
}
