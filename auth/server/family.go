package server

import (
	"context"
	"errors"
	"strings"
	"time"

	"toolvault/auth/client"
	"toolvault/auth/people"
	"toolvault/auth/scope"
	"toolvault/vault/store"
)

// family is a consent in use: all refresh tokens that follow each other, of which
// the last one is good. Of the tokens there are only hashes.
type family struct {
	Client, Person     string
	Agent, Task, Scope string   `json:",omitempty"` // what the person agreed to
	Admin              []string `json:",omitempty"` // then there is no agent
	Key                string   `json:",omitempty"` // that a public client's refresh tokens are bound to (RFC 9449 section 5)

	Created, Used time.Time
	Generation    int64
	Current       string    // hash of the token that is good
	Before        string    `json:",omitempty"` // hash of the one before
	Rotated       time.Time // when that was exchanged
	Answer        []byte    `json:",omitempty"` // to that exchange, sealed under the token before: see answer.go

	Ended time.Time // zero: it has not
	Why   string    `json:",omitempty"`
}

// beginFamily stores a consent under its id (random(familySize)) and returns its
// first refresh token. store.ErrConflict: it has ended, or begun, already.
func (s *Server) beginFamily(ctx context.Context, id string, f family) (token string, err error) {
	if token, err = s.newRefresh(id); err != nil {
		return "", err
	}
	f.Created = s.Now().UTC()
	f.Used, f.Generation, f.Current = f.Created, 1, hashed(token)
	if err := s.put(ctx, familyPrefix+id, 1, f); err != nil {
		return "", err
	}
	return token, nil
}

// endFamily ends a consent, its refresh tokens and its access tokens, in all
// processes. One that has not begun cannot begin any more.
func (s *Server) endFamily(ctx context.Context, id, why string) error {
	for {
		var f family
		version, err := s.get(ctx, familyPrefix+id, &f)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		if f.Ended.IsZero() {
			f.Ended, f.Why, f.Answer = s.Now().UTC(), why, nil
			err := s.put(ctx, familyPrefix+id, version+1, f)
			if errors.Is(err, store.ErrConflict) && ctx.Err() == nil {
				continue // somebody has just refreshed
			}
			if err != nil {
				return err
			}
		}
		return s.Tokens.RevokeGrant(ctx, id) // also if it had ended: the one who did may have died before this
	}
}

// gone is why a consent is worth nothing any more.
type gone struct{ why string }

func (g *gone) Error() string { return g.why }

// issuanceOf is the token that a consent is good for now: what the person agreed to,
// as far as they and the agent still have it. *gone: it never will be again.
func (s *Server) issuanceOf(ctx context.Context, c client.Client, f family) (issuance, error) {
	person, err := s.People.Get(ctx, f.Person)
	switch {
	case errors.Is(err, people.ErrUnknown):
		return issuance{}, &gone{"The person who agreed is not here any more."}
	case err != nil:
		return issuance{}, unavailable(err)
	case person.Disabled:
		return issuance{}, &gone{"The person who agreed may not sign in any more."}
	}
	i := issuance{client: c, user: f.Person}
	if f.Admin != nil {
		i.admin = both(both(f.Admin, c.Admin), s.Rights.Admin(person))
		if len(i.admin) == 0 {
			return issuance{}, &gone{"The person who agreed does not administer any more."}
		}
		return i, nil
	}
	if agent, ok := s.Agents.Get(f.Agent); !ok || agent.Suspended {
		return issuance{}, &gone{"The agent is not here any more, or is suspended."}
	}
	if !contains(s.agentsOf(c, person), f.Agent) {
		return issuance{}, &gone{"The person who agreed may not let this client act as the agent any more."}
	}
	have, err := s.Rights.Grants(f.Agent, f.Person)
	if err != nil {
		return issuance{}, failed(err, invalidScope)
	}
	i.agent, i.task, i.grants = f.Agent, f.Task, s.known(f.Scope).Intersect(have)
	if i.grants.String() == "" {
		return issuance{}, invalidScope("Nothing is left of what the person agreed to: the agent has no credential for it now.")
	}
	return i, nil
}

// known are the grants that a stored text names, without what is not known any more.
func (s *Server) known(text string) scope.Grants {
	if all, err := s.Catalogs.ParseGrants(text); err == nil {
		return all
	}
	var kept []string
	for _, word := range words(text) {
		if _, err := s.Catalogs.ParseGrants(word); err == nil {
			kept = append(kept, word)
		}
	}
	left, err := s.Catalogs.ParseGrants(strings.Join(kept, " "))
	if err != nil {
		return scope.Grants{}
	}
	return left
}

func words(text string) []string { return strings.Fields(text) }
