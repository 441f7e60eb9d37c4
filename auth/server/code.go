package server

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"toolvault/auth/client"
	"toolvault/vault/store"
)

const (
	codeLife = time.Minute
	codeKept = 24 * time.Hour // after its end, so that a replay is noticed
	usedAt   = 2              // the version of a code that was used
)

// code is what a code stands for. Its key is a hash: who has the store has no code.
type code struct {
	Client, Digest      string
	Redirect, Challenge string
	Key                 string `json:",omitempty"` // that the code is bound to (RFC 9449 section 10)
	Person              string
	Agent, Task, Scope  string   `json:",omitempty"`
	Admin               []string `json:",omitempty"` // then there is no agent
	Family              string   // the id of the consent
	Used                bool
	Replayed            bool
	Expires             time.Time `json:"expires"`
}

// CodeExchange gives tokens for a code (RFC 6749 section 4.1.3), once.
//
// The code is lost, too, when it comes with a wrong verifier or from another client:
// it is in the wrong hands then. A wrong redirect URI, resource or key is a client's
// mistake, which it may mend. A code that comes again ends what came from it.
func (p protocol) CodeExchange(ctx context.Context, r *op.ClientRequest[oidc.AccessTokenRequest]) (*op.Response, error) {
	c, err := clientOf(r.Client)
	if err != nil {
		return nil, err
	}
	if !c.May(client.GrantCode) {
		return nil, unauthorizedClient("This client does not get codes.")
	}
	key, err := p.proofKey(ctx, r.Header) // before the code: a client that has to come again with a nonce keeps it
	if err != nil {
		return nil, err
	}
	name := codePrefix + hashed(r.Form.Get("code"))
	var given code
	version, err := p.get(ctx, name, &given)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, badCode()
	case err != nil:
		return nil, unavailable(err)
	case given.Used:
		return nil, p.codeReplayed(ctx, c, name, version, given)
	case !p.Now().Before(given.Expires):
		return nil, badCode()
	}
	if err := p.fits(c, given, key, r); err != nil {
		var wrong *inWrongHands
		if !errors.As(err, &wrong) {
			return nil, err
		}
		given.Used = true
		if err := p.put(ctx, name, usedAt, given); err != nil && !errors.Is(err, store.ErrConflict) {
			return nil, unavailable(err)
		}
		return nil, wrong.error
	}
	given.Used = true
	err = p.put(ctx, name, usedAt, given)
	switch {
	case errors.Is(err, store.ErrConflict):
		if version, err = p.get(ctx, name, &given); err != nil {
			return nil, unavailable(err)
		}
		return nil, p.codeReplayed(ctx, c, name, version, given)
	case err != nil:
		return nil, unavailable(err)
	}
	return answered(p.redeem(ctx, c, name, given, key))
}

func badCode() error { return invalidGrant("The code is not known, was used, or has expired.") }

// inWrongHands is the answer to a code that does not belong to whoever brings it.
type inWrongHands struct{ error }

// fits holds a request against what its code was given to.
func (s *Server) fits(c client.Client, given code, key string, r *op.ClientRequest[oidc.AccessTokenRequest]) error {
	verifier := r.Form.Get("code_verifier")
	switch {
	case given.Client != c.ID:
		return &inWrongHands{badCode()}
	case verifier == "":
		return &inWrongHands{invalidGrant("The code_verifier is missing.")}
	case !challenge.MatchString(verifier) || !verifies(verifier, given.Challenge):
		return &inWrongHands{invalidGrant("The code_verifier does not fit the code_challenge.")}
	case r.Form.Get("redirect_uri") != given.Redirect:
		return invalidGrant("The redirect_uri is not the one to which the code was sent.")
	case given.Digest != digest(c):
		return invalidGrant("The client has changed since the person agreed: ask again.")
	case given.Key != "" && given.Key != key:
		return invalidGrant("The code is bound to a key: send a proof of possession of it.")
	}
	if resource := r.Form["resource"]; len(resource) > 0 {
		admin, err := s.target(resource)
		if err != nil {
			return err
		}
		if admin != (given.Admin != nil) {
			return invalidGrant("The code is for another resource.")
		}
	}
	return nil
}

// verifies is S256 of RFC 7636 section 4.6.
func verifies(verifier, challenge string) bool {
	sum := sha256.Sum256([]byte(verifier))
	return subtle.ConstantTimeCompare([]byte(base64.RawURLEncoding.EncodeToString(sum[:])), []byte(challenge)) == 1
}

// codeReplayed ends all that came from a code (OAuth 2.1 section 4.1.3). Whoever is
// just redeeming it sees the mark, and ends what it makes.
func (s *Server) codeReplayed(ctx context.Context, c client.Client, name string, version int64, given code) error {
	if !given.Replayed {
		given.Replayed = true
		if err := s.put(ctx, name, version+1, given); err != nil && !errors.Is(err, store.ErrConflict) {
			return unavailable(err)
		}
	}
	if err := s.endFamily(ctx, given.Family, "a code was used twice"); err != nil {
		return unavailable(err)
	}
	s.tell(ctx, Event{
		Kind: Replayed, Grant: client.GrantCode, Client: c.ID, Agent: given.Agent, User: given.Person, Task: given.Task,
		Address: visitOf(ctx).address, Reason: "a code was used twice; all that came from it has ended",
	})
	return badCode()
}

func (s *Server) redeem(ctx context.Context, c client.Client, name string, given code, key string) (tokenAnswer, error) {
	f := family{
		Client: c.ID, Person: given.Person, Agent: given.Agent, Task: given.Task, Scope: given.Scope, Admin: given.Admin,
	}
	if c.Public() {
		f.Key = key // RFC 9449 section 5; of others the client's own proof binds it
	}
	i, err := s.issuanceOf(ctx, c, f)
	if err != nil {
		var g *gone
		if errors.As(err, &g) {
			return tokenAnswer{}, invalidGrant("%s", g.why)
		}
		return tokenAnswer{}, err
	}
	i.kind, i.grant, i.key, i.consent = Issued, client.GrantCode, key, given.Family
	answer, err := s.issue(ctx, i)
	if err != nil {
		return tokenAnswer{}, err
	}
	if c.May(client.GrantRefresh) {
		if answer.RefreshToken, err = s.beginFamily(ctx, given.Family, f); err != nil && !errors.Is(err, store.ErrConflict) {
			return tokenAnswer{}, unavailable(err) // a conflict: it has ended before it began
		}
	}
	var now code
	if _, err := s.get(ctx, name, &now); err != nil {
		return tokenAnswer{}, unavailable(err)
	}
	if now.Replayed {
		if err := s.endFamily(ctx, given.Family, "a code was used twice"); err != nil {
			return tokenAnswer{}, unavailable(err)
		}
	}
	return answer, nil
}
