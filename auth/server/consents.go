package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"toolvault/vault/store"
)

// Consent is what a person has agreed to and a client can still refresh.
type Consent struct {
	ID     string // of no use to a client
	Client string
	Person string
	Agent  string // "" if it is to administer
	Task   string
	Scope  string
	Admin  bool

	Created time.Time
	Used    time.Time // the last refresh
}

// ErrNoConsent is returned for an id that no consent has.
var ErrNoConsent = errors.New("there is no such consent")

// Consents are all that are in force, in order of their ids. A record that cannot be
// opened is left out, and is the error; the rest is there all the same.
func (s *Server) Consents(ctx context.Context) ([]Consent, error) {
	var all []Consent
	err := s.families(ctx, func(id string, f family) error {
		c := Consent{ID: id, Client: f.Client, Person: f.Person, Agent: f.Agent, Task: f.Task, Scope: f.Scope, Created: f.Created, Used: f.Used}
		if f.Admin != nil {
			c.Admin, c.Scope = true, strings.Join(f.Admin, " ")
		}
		all = append(all, c)
		return nil
	})
	return all, err
}

// EndConsent ends one consent and its tokens, in all processes within a second.
func (s *Server) EndConsent(ctx context.Context, id string) error {
	var f family
	_, err := s.get(ctx, familyPrefix+id, &f)
	if errors.Is(err, store.ErrNotFound) || err == nil && !f.Ended.IsZero() {
		return ErrNoConsent
	}
	if err != nil {
		return fmt.Errorf("the consent could not be read: %w", err)
	}
	return s.endBy(ctx, id, f, "an administrator ended it")
}

// EndPerson ends all consents of a person, for one who has left.
func (s *Server) EndPerson(ctx context.Context, name string) error {
	return s.endWhere(ctx, "the person has left", func(_, person, _ string) bool { return person == name })
}

// EndClient ends all consents that a client has, for one that was removed.
func (s *Server) EndClient(ctx context.Context, id string) error {
	return s.endWhere(ctx, "the client was removed", func(client, _, _ string) bool { return client == id })
}

// EndAgent ends all consents to act as an agent.
func (s *Server) EndAgent(ctx context.Context, id string) error {
	return s.endWhere(ctx, "the agent was removed", func(_, _, agent string) bool { return agent == id })
}

func (s *Server) endWhere(ctx context.Context, why string, match func(client, person, agent string) bool) error {
	forgotten := store.Each(ctx, s.Store, rememberedPrefix, func(item store.Item) error {
		var c consented
		if s.open(item, &c) != nil || !match(c.Client, c.Person, c.Agent) {
			return nil // one that cannot be opened is worth nothing
		}
		// Delete, not Forget: its key is written again when the person agrees again.
		if err := s.Store.Delete(ctx, item.Key, item.Version); err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		return nil
	})
	ended := s.families(ctx, func(id string, f family) error {
		if !match(f.Client, f.Person, f.Agent) {
			return nil
		}
		return s.endBy(ctx, id, f, why)
	})
	if err := errors.Join(forgotten, ended); err != nil {
		return fmt.Errorf("not all consents could be ended: %w", err)
	}
	return nil
}

func (s *Server) endBy(ctx context.Context, id string, f family, why string) error {
	if err := s.endFamily(ctx, id, why); err != nil {
		return err
	}
	return s.Observe(ctx, s.eventOf(Revoked, f, why))
}

// families calls do for each family in force. One that cannot be opened, or for which
// do fails, keeps nobody from the others.
func (s *Server) families(ctx context.Context, do func(id string, f family) error) error {
	var broken []error
	err := store.Each(ctx, s.Store, familyPrefix, func(item store.Item) error {
		var f family
		if err := s.open(item, &f); err != nil {
			broken = append(broken, err)
			return nil
		}
		if !f.Ended.IsZero() || !s.Now().Before(f.Used.Add(s.RefreshTTL)) {
			return nil
		}
		if err := do(strings.TrimPrefix(item.Key, familyPrefix), f); err != nil {
			broken = append(broken, err)
		}
		return ctx.Err()
	})
	return errors.Join(append(broken, err)...)
}

// open is get for a record that was listed.
func (s *Server) open(item store.Item, value any) error {
	plain, err := s.Sealer.Open(item.Value, item.Key, item.Version)
	if err != nil {
		return fmt.Errorf("a record %s cannot be opened with this master key: %w", prefixOf(item.Key), err)
	}
	defer clear(plain)
	return json.Unmarshal(plain, value)
}
