package server

import (
	"context"
	"crypto/subtle"
	"errors"
	"strings"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"toolvault/auth/client"
	"toolvault/vault/store"
)

const (
	// grace is how long the token before the last one still gets the answer that it
	// got: a network or a second tab has sent it twice.
	grace = 10 * time.Second
	// lateGrace is the same where the token alone is of no use to a thief, since the
	// client proves who it is or that it has a key: there a client may wait for its own
	// time limit and then try again.
	lateGrace = time.Minute
	// turn bounds how long one refresh of a family keeps others waiting. Whoever comes
	// later than that is still stopped, by the version of the record.
	turn     = 10 * time.Second
	attempts = 8
)

// RefreshToken gives an access token and the next refresh token (RFC 6749 section 6;
// OAuth 2.1 section 4.3). Each refresh token is taken once. One that comes again in
// time gets the same answer again, and changes nothing; later it ends the family,
// since one of two who had it has stolen it (RFC 9700 section 4.14.2).
func (p protocol) RefreshToken(ctx context.Context, r *op.ClientRequest[oidc.RefreshTokenRequest]) (*op.Response, error) {
	c, err := clientOf(r.Client)
	if err != nil {
		return nil, err
	}
	if !c.May(client.GrantRefresh) {
		return nil, unauthorizedClient("This client does not refresh tokens.")
	}
	key, err := p.proofKey(ctx, r.Header)
	if err != nil {
		return nil, err
	}
	t := refresh{client: c, token: r.Form.Get("refresh_token"), key: key, scope: r.Form.Get("scope"), resource: r.Form["resource"]}
	var ok bool
	if t.id, ok = p.familyOf(t.token); !ok {
		return nil, badRefresh()
	}
	return answered(p.refresh(ctx, t))
}

// refresh is one request for a refresh.
type refresh struct {
	client   client.Client
	token    string
	id       string // of its family
	key      string // that the request proves to have
	scope    string
	resource []string
}

func badRefresh() error {
	return invalidGrant("The refresh token is not known, was used, or has ended: the person has to agree again.")
}

func (s *Server) refresh(ctx context.Context, t refresh) (tokenAnswer, error) {
	f, _, err := s.familyFor(ctx, t)
	if err != nil {
		return tokenAnswer{}, err
	}
	if hashIs(f.Current, t.token) {
		// Those who send the same token at once take turns, so that only one token is
		// made. That only one is taken does not rest on it.
		lease, err := s.Store.Lease(ctx, "oauth/refresh/"+t.id, turn)
		if err != nil {
			return tokenAnswer{}, unavailable(err)
		}
		defer func() { _ = lease.Release(context.WithoutCancel(ctx)) }()
	}
	for range attempts {
		f, version, err := s.familyFor(ctx, t)
		if err != nil {
			return tokenAnswer{}, err
		}
		if !hashIs(f.Current, t.token) {
			return s.again(ctx, t, f)
		}
		answer, err := s.rotate(ctx, t, f, version)
		if !errors.Is(err, store.ErrConflict) {
			return answer, err
		}
	}
	return tokenAnswer{}, unavailable(store.ErrConflict)
}

func hashIs(hash, token string) bool {
	return subtle.ConstantTimeCompare([]byte(hash), []byte(hashed(token))) == 1
}

// familyFor is the family of a request that may use it. A request that does not fit
// is refused, and the family stays what it is: whoever sends it may have nothing to do
// with it.
func (s *Server) familyFor(ctx context.Context, t refresh) (family, int64, error) {
	var f family
	version, err := s.get(ctx, familyPrefix+t.id, &f)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return f, 0, badRefresh()
	case err != nil:
		return f, 0, unavailable(err)
	case f.Client != t.client.ID, !f.Ended.IsZero():
		return f, 0, badRefresh()
	case f.Key != "" && f.Key != t.key:
		return f, 0, invalidGrant("The refresh token is bound to a key: send a proof of possession of it.")
	}
	if len(t.resource) > 0 {
		admin, err := s.target(t.resource)
		if err != nil {
			return f, 0, err
		}
		if admin != (f.Admin != nil) {
			return f, 0, invalidTarget("The person agreed to another resource.")
		}
	}
	return f, version, nil
}

// again answers a token that was used before.
func (s *Server) again(ctx context.Context, t refresh, f family) (tokenAnswer, error) {
	within := grace
	if !t.client.Public() || f.Key != "" {
		within = lateGrace
	}
	if hashIs(f.Before, t.token) && s.Now().Before(f.Rotated.Add(within)) {
		answer, err := openAnswer(t.token, t.id, f.Answer)
		if err != nil {
			return tokenAnswer{}, unavailable(err)
		}
		return answer, nil
	}
	if err := s.endFamily(ctx, t.id, "a refresh token was used twice"); err != nil {
		return tokenAnswer{}, unavailable(err)
	}
	e := s.eventOf(Replayed, f, "a refresh token was used twice; all that came from the consent has ended")
	e.Grant, e.Address = client.GrantRefresh, visitOf(ctx).address
	s.tell(ctx, e)
	return tokenAnswer{}, badRefresh()
}

// rotate makes the next token. store.ErrConflict: somebody else was faster; what was
// made here is then thrown away.
func (s *Server) rotate(ctx context.Context, t refresh, f family, version int64) (tokenAnswer, error) {
	now := s.Now().UTC()
	if !now.Before(f.Used.Add(s.RefreshTTL)) {
		return tokenAnswer{}, s.over(ctx, t, f, "The refresh token was not used for too long: the person has to agree again.")
	}
	i, err := s.issuanceOf(ctx, t.client, f)
	var g *gone
	switch {
	case errors.As(err, &g):
		return tokenAnswer{}, s.over(ctx, t, f, g.why)
	case err != nil:
		return tokenAnswer{}, err
	}
	if err := s.cut(&i, f, t.scope); err != nil {
		return tokenAnswer{}, err
	}
	i.kind, i.grant, i.key, i.consent = Refreshed, client.GrantRefresh, t.key, t.id
	answer, err := s.issue(ctx, i)
	if err != nil {
		return tokenAnswer{}, err
	}
	if answer.RefreshToken, err = s.newRefresh(t.id); err != nil {
		return tokenAnswer{}, unavailable(err)
	}
	f.Before, f.Current, f.Rotated, f.Used = f.Current, hashed(answer.RefreshToken), now, now
	f.Generation++
	if f.Answer, err = sealAnswer(t.token, t.id, answer); err != nil {
		return tokenAnswer{}, unavailable(err)
	}
	if err := s.put(ctx, familyPrefix+t.id, version+1, f); err != nil {
		if errors.Is(err, store.ErrConflict) {
			return tokenAnswer{}, err
		}
		return tokenAnswer{}, unavailable(err)
	}
	return answer, nil
}

// over ends a family that can never be refreshed again, and says why.
func (s *Server) over(ctx context.Context, t refresh, f family, why string) error {
	if err := s.endFamily(ctx, t.id, why); err != nil {
		return unavailable(err)
	}
	e := s.eventOf(Revoked, f, why)
	e.Grant, e.Address = client.GrantRefresh, visitOf(ctx).address
	s.tell(ctx, e)
	return invalidGrant("%s", why)
}

// cut narrows a token to the scopes that a request names. The consent keeps what it
// had; more than that is refused (RFC 6749 section 6).
func (s *Server) cut(i *issuance, f family, asked string) error {
	var wanted []string
	for _, word := range words(asked) {
		if !onlyOpenID(word) {
			wanted = append(wanted, word)
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	if f.Admin != nil {
		for _, word := range wanted {
			if !contains(f.Admin, word) {
				return invalidScope("The person did not agree to that much.")
			}
		}
		if i.admin = both(i.admin, wanted); len(i.admin) == 0 {
			return invalidScope("Nothing is left of the scopes that were asked for.")
		}
		return nil
	}
	grants, err := s.Catalogs.ParseGrants(strings.Join(wanted, " "))
	if err != nil {
		return invalidScope("%v", err)
	}
	if missing := grants.Missing(s.known(f.Scope)); len(missing) > 0 {
		return invalidScope("The person did not agree to %s.", strings.Join(missing, " "))
	}
	if i.grants = i.grants.Intersect(grants); i.grants.String() == "" {
		return invalidScope("Nothing is left of the scopes that were asked for.")
	}
	return nil
}

func (s *Server) eventOf(kind string, f family, reason string) Event {
	e := Event{Kind: kind, Client: f.Client, Agent: f.Agent, User: f.Person, Task: f.Task, Scope: f.Scope, Reason: reason}
	if f.Admin != nil {
		e.Admin, e.User, e.Scope = f.Person, "", strings.Join(f.Admin, " ")
	}
	return e
}
