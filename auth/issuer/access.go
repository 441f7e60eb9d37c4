package issuer

import (
	"context"
	"crypto/sha256"
	"time"

	"toolvault/auth"
)

// Authenticate tells who calls with an access token of another issuer, and when it
// was issued (zero: it does not say). What was found out of a token is remembered
// for up to a minute; of one that is introspected for as long as the answer holds,
// and that it is not active for 5 s. The caller checks that the agent may act, and
// that nothing was revoked: that can change between two calls.
func (s *Set) Authenticate(ctx context.Context, token string) (auth.Identity, time.Time, error) {
	if len(token) > maxToken {
		return auth.Identity{}, time.Time{}, refused(reasonTooLong)
	}
	now := s.Now()
	sum := sha256.Sum256([]byte(token))
	e, era := s.verified.get(sum, now)
	if e != nil {
		return e.identity, e.issued, nil
	}
	e, eraDenied := s.denied.get(sum, now)
	if e == nil {
		e = s.authenticate(ctx, token, now)
		e.sum, e.made = sum, now
		switch {
		case !e.until.After(now):
		case e.err == nil:
			s.verified.put(e, era)
		default:
			s.denied.put(e, eraDenied)
		}
	}
	return e.identity, e.issued, e.err
}

// authenticate finds it out. until is zero for what is not to be remembered: a
// refusal costs no more than looking it up, but for one that the issuer was asked
// for.
func (s *Set) authenticate(ctx context.Context, token string, now time.Time) *entry {
	fail := func(err error) *entry { return &entry{err: err} }
	st := s.state.Load()
	if !isJWT(token) {
		return s.opaque(ctx, st.opaque, token, now)
	}
	u, err := parse(token)
	if err != nil {
		return fail(err)
	}
	iss, ok := u.claims.text("iss")
	t := st.by[AccessTokens][iss]
	if !ok || t == nil {
		return fail(refused(reasonUntrusted))
	}
	if err := t.accessToken(u); err != nil {
		return fail(err)
	}
	if err := s.verify(ctx, t, u); err != nil {
		return fail(err)
	}
	issued, expires, err := s.times(u.claims, true)
	if err != nil {
		return fail(err)
	}
	if sub, ok := u.claims.text("sub"); !ok || sub == "" {
		return fail(refused(reasonSubject))
	}
	if t.asker == nil {
		return s.identify(t, u.claims, issued, expires, now.Add(recheck))
	}
	e := s.identify(t, u.claims, issued, expires, now.Add(t.asker.holds()))
	if e.err == nil { // what would be refused anyway, nobody is asked about
		if err := t.asker.confirm(ctx, s, u); err != nil {
			return orDeny(fail(err), now)
		}
	}
	return e
}

// identify makes the identity of claims that are known to be true.
func (s *Set) identify(t *trusted, c Claims, issued, expires, until time.Time) *entry {
	fail := func(err error) *entry { return &entry{err: err} }
	want := t.Audience
	if want == "" {
		want = s.Audience
	}
	if err := c.audience(want); err != nil {
		return fail(err)
	}
	m, err := t.describe(c, issued, expires)
	if err != nil {
		return fail(err)
	}
	m, limit, err := s.match(t, AccessTokens, m, c)
	if err != nil {
		return fail(err)
	}
	grants := narrow(limit, s.all)
	if s.Grants != nil {
		most, err := s.Grants(m.Agent, m.User)
		if err != nil {
			return fail(err)
		}
		grants = grants.Intersect(most)
	}
	if expires.Before(until) {
		until = expires
	}
	return &entry{
		identity: auth.Identity{
			Agent: m.Agent, User: m.User, Task: m.Task, Client: m.Client, TokenID: m.ID, Key: m.Key,
			Issuer: m.Issuer, Grants: grants, Expires: expires,
		},
		issued: issued, until: until,
	}
}

// accessToken refuses what is no access token: an identity token, a logout token,
// an assertion (RFC 9068 section 4, RFC 8725 section 3.11).
func (t *trusted) accessToken(u *unverified) error {
	switch u.typ {
	case "at+jwt":
		return nil
	case "", "jwt":
		if t.PlainJWT && plainAccessToken(u.claims) {
			return nil
		}
	}
	return refused(reasonType)
}

// plainAccessToken reports whether claims are those of an access token, where the
// header does not say so. What only an identity token (OpenID Connect Core 1.0
// sections 2 and 3.3.2.11), a logout token or a security event has must not be
// there; what says to which client, or with which permissions, an access token was
// issued has to. Some issuers say the kind in a claim: Keycloak in typ, Cognito in
// token_use.
func plainAccessToken(c Claims) bool {
	for _, name := range []string{"nonce", "at_hash", "c_hash", "s_hash", "events"} {
		if _, there := c[name]; there {
			return false
		}
	}
	for name, want := range map[string]string{"typ": "Bearer", "token_use": "access"} {
		if said, there := c[name]; there && said != want {
			return false
		}
	}
	for _, name := range []string{"scope", "scp", "client_id", "appid", "azpacr"} {
		if c[name] != nil {
			return true
		}
	}
	return false
}
