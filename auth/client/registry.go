package client

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"toolvault/vault/store"
)

// Sealer seals what the store keeps. Name and version are bound into the result.
type Sealer interface {
	Seal(plaintext []byte, name string, version int64) ([]byte, error)
	Open(sealed []byte, name string, version int64) ([]byte, error)
}

// What an Event tells of.
const (
	Added      = "added"
	Registered = "registered"
	NewSecret  = "secret" // a secret was made
	Removed    = "removed"
	Refused    = "refused" // a client that wanted to register, or a document that was not taken
)

// Event is something that belongs in the audit log.
type Event struct {
	Kind    string
	Client  string // its id
	Name    string
	Address string // of the requester; "" for a change by an admin
	Reason  string
}

// Options is what a Registry is made of. Fetch, Allowed, Logger and Observe may be nil.
type Options struct {
	Store        store.Store
	Sealer       Sealer
	Now          func() time.Time
	Logger       *slog.Logger
	Fetch        *http.Client                       // gets what strangers name (GuardedClient); nil: no client describes itself
	Allowed      func(host string) bool             // of client metadata documents; nil: all
	Registration bool                               // clients may register themselves
	Observe      func(context.Context, Event) error // returns when the event is durable
}

// Registry is all clients. It is safe for concurrent use; several processes may
// share a store.
type Registry struct {
	Options
	documents documents
	fetched   fetchedKeys
	busy      tally
	own       *http.Client // gets what an admin names

	mu         sync.RWMutex
	configured map[string]Client
	stored     map[string]kept // by id
	changes    uint64          // made here
	loading    sync.Mutex
}

// kept is a client of the store, when it was used, and the version of its record.
type kept struct {
	Client
	used    time.Time
	version int64
}

// record is what lies sealed under client/<hash of the id>.
type record struct {
	Client
	Used    time.Time `json:"used,omitzero"`     // of one that registered itself: to the day
	Removed bool      `json:"removed,omitempty"` // it is being removed
}

const (
	clientPrefix  = "client/"
	maxID         = 256
	maxName       = 100
	maxRegistered = 1000
)

// New makes a Registry that knows nobody until Configure and Load are called.
func New(o Options) (*Registry, error) {
	if o.Store == nil || o.Sealer == nil || o.Now == nil {
		return nil, errors.New("clients need a store, a sealer and a clock")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Observe == nil {
		o.Observe = func(context.Context, Event) error { return nil }
	}
	r := &Registry{Options: o, configured: map[string]Client{}, stored: map[string]kept{}, own: bounded(&http.Client{})}
	if o.Fetch != nil {
		r.Fetch = bounded(o.Fetch)
	}
	r.documents.init()
	return r, nil
}

// Configure puts the config's clients in the place of those before, all or none.
func (r *Registry) Configure(all []Client) error {
	next := make(map[string]Client, len(all))
	for _, c := range all {
		c.Origin = OriginConfig
		if err := check(c); err != nil {
			return fmt.Errorf("client %s: %w", c.ID, err)
		}
		if _, twice := next[c.ID]; twice {
			return fmt.Errorf("there are two clients %s: give each an id of its own", c.ID)
		}
		next[c.ID] = c
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.configured = next
	return nil
}

// Find returns a client. The error is ErrUnknown, an *InvalidError of a client that
// describes itself wrongly, or wraps store.ErrUnavailable.
func (r *Registry) Find(ctx context.Context, id string) (Client, error) {
	if id == "" || len(id) > maxDocumentURL {
		return Client{}, ErrUnknown
	}
	r.mu.RLock()
	c, ok := r.configured[id]
	s, stored := r.stored[id]
	r.mu.RUnlock()
	switch {
	case ok:
		return c, nil
	case stored:
		return s.Client, nil
	case isURL(id):
		return r.document(ctx, id)
	}
	// It may have been added a moment ago, by another process.
	item, err := r.Store.Get(ctx, clientPrefix+hashedID(id))
	if errors.Is(err, store.ErrNotFound) {
		return Client{}, ErrUnknown
	}
	if err != nil {
		return Client{}, fmt.Errorf("the client could not be looked up: %w", err)
	}
	rec, err := r.open(item)
	if err != nil || rec.ID != id || rec.Removed {
		return Client{}, ErrUnknown
	}
	return rec.Client, nil // not remembered: what is removed meanwhile would come back
}

func (r *Registry) remember(rec record, version int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch old, ok := r.stored[rec.ID]; {
	case rec.Removed:
		delete(r.stored, rec.ID)
	case !ok || version > old.version:
		r.stored[rec.ID] = kept{rec.Client, rec.Used, version}
	}
	r.changes++
}

func (r *Registry) forget(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.stored, id)
	r.changes++
}

func (r *Registry) open(item store.Item) (record, error) {
	plain, err := r.Sealer.Open(item.Value, item.Key, item.Version)
	if err != nil {
		return record{}, fmt.Errorf("the record of a client cannot be opened with this master key: %w", err)
	}
	var rec record
	if err := json.Unmarshal(plain, &rec); err != nil || clientPrefix+hashedID(rec.ID) != item.Key {
		return record{}, errors.New("the record of a client is not one: restore the store")
	}
	return rec, nil
}

// List returns all clients but those that describe themselves, in order of ids.
func (r *Registry) List(ctx context.Context) ([]Client, error) {
	if err := r.Load(ctx); err != nil {
		return nil, err
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	all := maps.Clone(r.configured)
	for id, s := range r.stored {
		if _, ok := all[id]; !ok {
			all[id] = s.Client
		}
	}
	return slices.SortedFunc(maps.Values(all), func(a, b Client) int { return cmp.Compare(a.ID, b.ID) }), nil
}
