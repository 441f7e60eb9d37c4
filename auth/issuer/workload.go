package issuer

import (
	"context"
	"time"

	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/go-spiffe/v2/svid/jwtsvid"
)

// Workload tells who a program is that brings a token of its surroundings: a
// Kubernetes projected token, one of a CI or cloud, a SPIFFE JWT-SVID. The caller
// issues a token of ours for it, bound to Match.Key where there is one: then the
// program has to prove that it has that key.
func (s *Set) Workload(ctx context.Context, token string) (Match, error) {
	u, err := parse(token)
	if err != nil {
		return Match{}, err
	}
	st := s.state.Load()
	t := st.workload(u.claims)
	if t == nil {
		return Match{}, refused(reasonUntrusted)
	}
	switch u.typ {
	case "", "jwt":
	case "jose":
		if !t.SPIFFE {
			return Match{}, refused(reasonType)
		}
	default:
		return Match{}, refused(reasonType)
	}
	if err := s.verify(ctx, t, u); err != nil {
		return Match{}, err
	}
	issued, expires, err := s.times(u.claims, !t.SPIFFE)
	if err != nil {
		return Match{}, err
	}
	if issued.IsZero() && expires.Sub(s.Now()) > maxAge { // JWT-SVIDs need no iat
		return Match{}, refused(reasonLong)
	}
	want := t.Audience
	if want == "" {
		want = s.Issuer
	}
	if err := u.claims.audience(want); err != nil {
		return Match{}, err
	}
	if t.SPIFFE {
		if err := t.svid(u, want); err != nil {
			return Match{}, err
		}
	}
	m, err := t.describe(u.claims, issued, expires)
	if err != nil {
		return Match{}, err
	}
	if m.Subject == "" {
		return Match{}, refused(reasonSubject)
	}
	m, _, err = s.match(t, Workloads, m, u.claims)
	return m, err
}

// workload is who is to vouch for a token: the issuer that it names, or the trust
// domain of its subject, since a JWT-SVID need not have an iss.
func (st *state) workload(c Claims) *trusted {
	if iss, ok := c.text("iss"); ok && iss != "" {
		if t := st.by[Workloads][iss]; t != nil && !t.SPIFFE {
			return t
		}
	}
	sub, ok := c.text("sub")
	if !ok {
		return nil
	}
	id, err := spiffeid.FromString(sub)
	if err != nil {
		return nil
	}
	if t := st.by[Workloads][id.TrustDomain().IDString()]; t != nil && t.SPIFFE {
		return t
	}
	return nil
}

// svid holds a token against the rules of JWT-SVIDs (SPIFFE JWT-SVID sections 2 to
// 5), as SPIFFE's own library reads them.
func (t *trusted) svid(u *unverified, audience string) error {
	bundle := t.keys.bundle()
	if bundle == nil {
		return refused(reasonKey)
	}
	svid, err := jwtsvid.ParseAndValidate(u.text, bundle, []string{audience})
	switch {
	case err != nil:
		return refused(reasonClaims)
	case svid.ID.TrustDomain() != t.trust:
		return refused(reasonUntrusted)
	}
	return nil
}

// Assertion is what an identity assertion says: that the person at the issuer,
// Match.Subject, lets a client act.
type Assertion struct {
	Match           // Client is for whom it was issued: the caller holds it against who brings it
	Email    string // empty if it does not say, or says that it is unverified
	Resource string // ours
}

const maxAssertion = time.Hour // from iat to exp

// Assertion tells for whom a client may act: an identity assertion JWT
// authorization grant (draft-ietf-oauth-identity-assertion-authz-grant; the MCP
// extension enterprise-managed-authorization). The caller has to see that
// Match.Client is who has authenticated, and that Match.ID never comes again before
// Match.Expires, which is at most an hour after it was issued.
func (s *Set) Assertion(ctx context.Context, token string) (Assertion, error) {
	u, err := parse(token)
	if err != nil {
		return Assertion{}, err
	}
	iss, ok := u.claims.text("iss")
	t := s.state.Load().by[Assertions][iss]
	switch {
	case !ok || t == nil:
		return Assertion{}, refused(reasonUntrusted)
	case u.typ != "oauth-id-jag+jwt":
		return Assertion{}, refused(reasonType)
	}
	if err := s.verify(ctx, t, u); err != nil {
		return Assertion{}, err
	}
	issued, expires, err := s.times(u.claims, true)
	if err != nil {
		return Assertion{}, err
	}
	if expires.Sub(issued) > maxAssertion {
		return Assertion{}, refused(reasonLong)
	}
	if aud, ok := u.claims.texts("aud"); !ok || len(aud) != 1 || aud[0] != s.Issuer {
		return Assertion{}, refused(reasonAudience)
	}
	if resource, ok := u.claims.texts("resource"); !ok || len(resource) != 1 || resource[0] != s.Audience {
		return Assertion{}, refused(reasonResource)
	}
	m, err := t.describe(u.claims, issued, expires)
	if err != nil {
		return Assertion{}, err
	}
	client, _ := u.claims.text("client_id") // azp says something else
	switch {
	case m.Subject == "":
		return Assertion{}, refused(reasonSubject)
	case client == "":
		return Assertion{}, refused(reasonClient)
	case m.ID == "":
		return Assertion{}, refused(reasonID)
	}
	m, _, err = s.match(t, Assertions, m, u.claims)
	if err != nil {
		return Assertion{}, err
	}
	a := Assertion{Match: m, Resource: s.Audience}
	if email, ok := u.claims.text("email"); ok && (u.claims["email_verified"] == nil || verified(u.claims["email_verified"])) && len(email) <= maxName {
		a.Email = email
	}
	return a, nil
}
