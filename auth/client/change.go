package client

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"toolvault/vault"
	"toolvault/vault/store"
)

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
			r.remember(rec, next.Version)
		case existed:
			err := r.Store.Delete(ctx, key, item.Version)
			if errors.Is(err, store.ErrConflict) {
				continue
			}
			if err != nil && !errors.Is(err, store.ErrNotFound) {
				return fmt.Errorf("the client could not be removed: %w", err)
			}
			r.forget(id)
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
		if rec.Removed {
			return fmt.Errorf("client %s is being removed: 'toolvault client remove %[1]s' ends that, then add it", c.ID)
		}
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
		case rec.ID == "" || rec.Removed:
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
	if err := r.Observe(ctx, Event{Kind: NewSecret, Client: id}); err != nil {
		return vault.Secret{}, err // nobody has seen it, so it is of use to nobody
	}
	return vault.NewSecret(secret), nil
}

// Remove removes a client that was added or registered itself.
func (r *Registry) Remove(ctx context.Context, id string) error {
	if r.isConfigured(id) {
		return fmt.Errorf("client %s stands in the config: take it out there", id)
	}
	// First it can get nothing more, then what it has is voided, and only then is it
	// gone: whoever has to ask again, since something failed, still finds it.
	err := r.change(ctx, id, func(rec *record) error {
		if rec.ID == "" {
			return ErrUnknown
		}
		rec.Removed, rec.Grants, rec.Secrets, rec.Keys, rec.KeysURL = true, nil, nil, KeySet{}, ""
		return nil
	})
	if err != nil {
		return err
	}
	return r.finishRemoval(ctx, id)
}

// finishRemoval ends what Remove has begun. Several processes may do so.
func (r *Registry) finishRemoval(ctx context.Context, id string) error {
	if err := r.Observe(ctx, Event{Kind: Removed, Client: id}); err != nil {
		return err
	}
	err := r.change(ctx, id, func(rec *record) error {
		if !rec.Removed {
			return errUnchanged // somebody was faster, and it may have been added anew
		}
		*rec = record{}
		return nil
	})
	if errors.Is(err, errUnchanged) {
		return nil
	}
	return err
}

func random() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails: crypto/rand ends the program first
	return base64.RawURLEncoding.EncodeToString(b)
}
