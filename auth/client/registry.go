package client

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"toolvault/vault"
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
	own       *http.Client // gets what an admin names

	mu         sync.RWMutex
	configured map[string]Client
	stored     map[string]kept // by id
}

// kept is a client of the store, and the version of its record.
type kept struct {
	Client
	version int64
}

// record is what lies sealed under client/<hash of the id>.
type record struct {
	Client
	Used time.Time `json:"used,omitzero"` // of one that registered itself: to the day
}

const (
	clientPrefix  = "client/"
	maxID         = 256
	maxName       = 100
	maxRegistered = 1000
	unusedFor     = 30 * 24 * time.Hour // after which one that registered itself is removed
	sweepEvery    = 30 * time.Minute
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
		if err := check(c); err != nil {
			return fmt.Errorf("client %s: %w", c.ID, err)
		}
		c.Origin = OriginConfig
		next[c.ID] = c
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.configured = next
	return nil
}

// check refuses a client that could do harm by its form.
func check(c Client) error {
	plain := strings.ContainsFunc(c.ID, func(ch rune) bool { return ch <= ' ' || ch >= 0x7f })
	switch {
	case c.ID == "" || len(c.ID) > maxID || plain:
		return invalid("a client's id has 1 to 256 printable characters, without spaces")
	case isURL(c.ID) != (c.Origin == OriginMetadata):
		return invalid("a client whose id is a URL describes itself there, and is not added")
	case len(c.Name) > maxName || clean(c.Name) != c.Name:
		return invalid("a client's name has at most 100 bytes of plain text")
	case c.Auth != AuthNone && c.Auth != AuthBasic && c.Auth != AuthPost && c.Auth != AuthKey:
		return invalid("a client proves itself by nothing, a secret or a key")
	case c.Agent != "" && (c.Public() || len(c.Redirects) > 0):
		return invalid("a program that is an agent proves who it is, and nobody is sent back to it")
	case c.May(GrantCode) && len(c.Redirects) == 0:
		return invalid("a client that people let act needs a redirect URI")
	case len(c.Redirects) > 20:
		return invalid("a client has at most 20 redirect URIs")
	}
	for _, uri := range c.Redirects {
		if err := CheckRedirect(uri); err != nil {
			return err
		}
	}
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
	if err != nil || rec.ID != id {
		return Client{}, ErrUnknown
	}
	r.remember(rec.Client, item.Version)
	return rec.Client, nil
}

func (r *Registry) remember(c Client, version int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if old, ok := r.stored[c.ID]; !ok || version > old.version {
		r.stored[c.ID] = kept{c, version}
	}
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

// Load reads all clients of the store.
func (r *Registry) Load(ctx context.Context) error {
	next := map[string]kept{}
	err := store.Each(ctx, r.Store, clientPrefix, func(item store.Item) error {
		rec, err := r.open(item)
		if err != nil {
			r.Logger.Warn("a client was left out", "error", err)
			return nil
		}
		next[rec.ID] = kept{rec.Client, item.Version}
		return nil
	})
	if err != nil {
		return fmt.Errorf("the clients could not be read: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stored = next
	return nil
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

// change edits one record; edit sees an empty client where there is none. What it
// leaves without an id is removed.
func (r *Registry) change(ctx context.Context, id string, edit func(*record) error) error {
	key := clientPrefix + hashedID(id)
	for {
		var rec record
		item, err := r.Store.Get(ctx, key)
		if err == nil {
			rec, err = r.open(item)
		}
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		existed := err == nil
		if err := edit(&rec); err != nil {
			return err
		}
		switch {
		case rec.ID != "":
			plain, err := json.Marshal(rec)
			if err != nil {
				return err
			}
			next := store.Item{Key: key, Version: item.Version + 1}
			if next.Value, err = r.Sealer.Seal(plain, key, next.Version); err != nil {
				return err
			}
			err = r.Store.Put(ctx, next, nil)
			if errors.Is(err, store.ErrConflict) {
				continue
			}
			if err != nil {
				return fmt.Errorf("the client could not be stored: %w", err)
			}
			r.remember(rec.Client, next.Version)
		case existed:
			err := r.Store.Delete(ctx, key, item.Version)
			if errors.Is(err, store.ErrConflict) {
				continue
			}
			if err != nil && !errors.Is(err, store.ErrNotFound) {
				return fmt.Errorf("the client could not be removed: %w", err)
			}
			r.mu.Lock()
			delete(r.stored, id)
			r.mu.Unlock()
		}
		return nil
	}
}

func (r *Registry) isConfigured(id string) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	_, ok := r.configured[id]
	return ok
}

// Add adds a client, or replaces the keys of one that is the same agent.
func (r *Registry) Add(ctx context.Context, c Client) error {
	c.Origin, c.Trusted = OriginAdded, false
	if err := check(c); err != nil {
		return err
	}
	if r.isConfigured(c.ID) {
		return fmt.Errorf("client %s stands in the config: change it there", c.ID)
	}
	err := r.change(ctx, c.ID, func(rec *record) error {
		if rec.ID != "" && (c.Agent == "" || rec.Agent != c.Agent) {
			return fmt.Errorf("there is a client %s already: 'toolvault client remove %[1]s' removes it", c.ID)
		}
		c.Created = r.Now().UTC().Truncate(time.Second)
		rec.Client = c
		return nil
	})
	if err != nil {
		return err
	}
	return r.Observe(ctx, Event{Kind: Added, Client: c.ID, Name: c.Name})
}

// NewSecret makes a secret for an added client, which is returned this once. The one
// before it stays good until the next.
func (r *Registry) NewSecret(ctx context.Context, id string) (vault.Secret, error) {
	secret := "tvs_" + random()
	err := r.change(ctx, id, func(rec *record) error {
		switch {
		case r.isConfigured(id):
			return fmt.Errorf("client %s stands in the config: change its secret there", id)
		case rec.ID == "":
			return fmt.Errorf("there is no client %q: 'toolvault client list' shows them", id)
		case rec.Auth != AuthBasic && rec.Auth != AuthPost:
			return fmt.Errorf("client %s does not prove itself by a secret", id)
		}
		rec.Secrets = append([][sha256.Size]byte{sha256.Sum256([]byte(secret))}, rec.Secrets...)
		rec.Secrets = rec.Secrets[:min(len(rec.Secrets), 2)]
		return nil
	})
	if err != nil {
		return vault.Secret{}, err
	}
	return vault.NewSecret(secret), r.Observe(ctx, Event{Kind: NewSecret, Client: id})
}

// Remove removes a client that was added or registered itself.
func (r *Registry) Remove(ctx context.Context, id string) error {
	if r.isConfigured(id) {
		return fmt.Errorf("client %s stands in the config: take it out there", id)
	}
	err := r.change(ctx, id, func(rec *record) error {
		if rec.ID == "" {
			return ErrUnknown
		}
		*rec = record{}
		return nil
	})
	if err != nil {
		return err
	}
	return r.Observe(ctx, Event{Kind: Removed, Client: id})
}

// Run keeps what is in memory equal to the store, and removes what nobody uses,
// until ctx ends, which is no error.
func (r *Registry) Run(ctx context.Context) error {
	var sweeper sync.WaitGroup
	defer sweeper.Wait()
	sweeper.Go(func() {
		tick := time.NewTicker(sweepEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			if err := r.Sweep(ctx); err != nil && ctx.Err() == nil {
				r.Logger.Warn("clients that nobody uses could not be removed; it will be tried again", "error", err)
			}
		}
	})
	for ctx.Err() == nil {
		events := r.Store.Watch(ctx)
		r.reload(ctx)
		for e := range events {
			if e.Key == "" || strings.HasPrefix(e.Key, clientPrefix) {
				r.reload(ctx)
			}
		}
		wait(ctx, 100*time.Millisecond)
	}
	return nil
}

// reload is Load, again and again until it succeeds: a client that another process
// removed must not be missed.
func (r *Registry) reload(ctx context.Context) {
	for ctx.Err() == nil {
		err := r.Load(ctx)
		if err == nil {
			return
		}
		r.Logger.Error("what other processes changed of clients is not in force here until they can be read", "error", err)
		wait(ctx, time.Second)
	}
}

func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

func random() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails: crypto/rand ends the program first
	return base64.RawURLEncoding.EncodeToString(b)
}
