package server

import (
	"context"
	"errors"
	"time"

	"toolvault/auth/client"
	"toolvault/auth/people"
	"toolvault/vault/store"
)

// rememberedPrefix, and a hash of whom a consent is of and for.
const rememberedPrefix = "oauth/remembered/"

// consented is a consent that need not be given again. There are some of trusted
// clients only: whoever can register a client, or describe one, could else have a
// second one that passes for the first (MCP Security Best Practices, "Confused
// Deputy").
type consented struct {
	Client, Person, Agent string
	Scope                 string    // what it was given to, narrowed as the person chose
	Asked                 string    // what the client asked for
	Until                 time.Time `json:"until"`
}

func rememberable(c client.Client) bool {
	return c.Trusted && (c.Origin == client.OriginConfig || c.Origin == client.OriginAdded)
}

func rememberKey(c client.Client, person people.Person, q request, agent string) string {
	resource := "tools"
	if q.Admin {
		resource = "admin"
	}
	created := person.Created.UTC().Format(time.RFC3339Nano) // somebody else of the same name, later, has agreed to nothing
	return rememberedPrefix + hashed(digest(c)+"\x00"+person.Name+"\x00"+created+"\x00"+agent+"\x00"+resource+"\x00"+q.Task)
}

// remembered is what a person has agreed to before, if that is all that the client
// asks for now. Nothing is asked then.
func (s *Server) remembered(ctx context.Context, c client.Client, person people.Person, q request, offers []offer) (offer, bool) {
	if !rememberable(c) || q.Prompt {
		return offer{}, false
	}
	for _, o := range offers {
		if len(offers) > 1 && o.Agent != q.Agent {
			continue
		}
		var was consented
		_, err := s.get(ctx, rememberKey(c, person, q, o.Agent), &was)
		if err != nil {
			if !errors.Is(err, store.ErrNotFound) {
				s.Logger.Warn("a remembered consent could not be read; the person is asked", "error", err)
			}
			return offer{}, false
		}
		if was.Asked != q.Scope || !s.Now().Before(was.Until) {
			return offer{}, false
		}
		if o.Admin != nil {
			o.Admin = both(o.Admin, words(was.Scope))
			return o, len(o.Admin) > 0
		}
		o.Grants = o.Grants.Intersect(s.known(was.Scope))
		return o, o.text() != ""
	}
	return offer{}, false
}

func (s *Server) remember(ctx context.Context, c client.Client, person people.Person, q request, o offer) error {
	if !rememberable(c) {
		return nil
	}
	key := rememberKey(c, person, q, o.Agent)
	var was consented
	version, err := s.get(ctx, key, &was)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	err = s.put(ctx, key, version+1, consented{Client: c.ID, Person: person.Name, Agent: o.Agent, Scope: o.text(), Asked: q.Scope, Until: s.Now().Add(s.RefreshTTL).UTC()})
	if errors.Is(err, store.ErrConflict) {
		return nil // they agreed twice at once
	}
	return err
}
