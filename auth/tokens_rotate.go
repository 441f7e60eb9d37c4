package auth

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"

	"toolvault/vault/store"
)

// How signing keys follow each other. A new one is published before it signs, so
// that whoever keeps our keys for a while has it in time, and an old one stays
// until the last token that it signed has expired.
const (
	keyLife = 30 * 24 * time.Hour // that a key signs
	keyLead = time.Hour           // that it is published before
)

// Keys are the public keys with which our tokens can be verified (RFC 7517), those
// that will sign soon among them. They may be kept for as long as Keys are told to
// be good for.
func (t *Tokens) Keys() (keys []jose.JSONWebKey, goodFor time.Duration) {
	ring := t.keys.Load()
	for _, key := range ring.keys {
		keys = append(keys, jose.JSONWebKey{Key: ring.public[key.kid], KeyID: key.kid, Algorithm: string(jose.EdDSA), Use: "sig"})
	}
	return keys, keyLead / 4
}

// rotate makes the next key when the time of the present one is nearly over, and
// removes those that can have signed nothing that is still good. Of several
// processes one does it.
func (t *Tokens) rotate(ctx context.Context) error {
	now := t.Now()
	ring := t.keys.Load()
	if len(ring.keys) == 0 {
		return nil
	}
	newest := ring.keys[0]
	if !now.Before(newest.from.Add(keyLife - keyLead)) {
		if err := t.createKey(ctx, newest.kid, now.Add(keyLead)); err != nil {
			return err
		}
	}
	return t.retire(ctx, now)
}

// retire removes the keys whose successor has signed for longer than any token
// lives.
func (t *Tokens) retire(ctx context.Context, now time.Time) error {
	keys := t.keys.Load().keys
	removed := false
	for i, key := range keys {
		if i == 0 || now.Before(keys[i-1].from.Add(MaxTTL+keyLead)) {
			continue
		}
		item, err := t.Store.Get(ctx, keyPrefix+key.kid)
		if err == nil {
			err = t.Store.Delete(ctx, item.Key, item.Version)
		}
		if err != nil && !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrConflict) {
			return fmt.Errorf("an old token signing key could not be removed: %w", err)
		}
		t.Logger.Info("removed an old token signing key", "kid", key.kid)
		removed = true
	}
	if !removed {
		return nil
	}
	return t.loadKeys(ctx)
}

// createKey makes the key that follows the newest known, or the first one, unless
// another process has. A lease decides who does; its fencing holds even if this
// process is stopped in the middle.
func (t *Tokens) createKey(ctx context.Context, newest string, from time.Time) error {
	lease, err := t.Store.Lease(ctx, "token-key", 15*time.Second)
	if err != nil {
		return fmt.Errorf("no token signing key could be made: %w", err)
	}
	defer func() { _ = lease.Release(context.WithoutCancel(ctx)) }()
	if err := t.loadKeys(ctx); err != nil {
		return err
	}
	if keys := t.keys.Load().keys; len(keys) > 0 && keys[0].kid != newest {
		return nil
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	kid, err := thumbprint(public)
	if err != nil {
		return err
	}
	plain, err := json.Marshal(keyRecord{Created: t.Now().UTC(), From: from.UTC(), Seed: private.Seed()})
	if err != nil {
		return err
	}
	defer clear(plain)
	item := store.Item{Key: keyPrefix + kid, Version: 1}
	if item.Value, err = t.Sealer.Seal(plain, item.Key, item.Version); err != nil {
		return fmt.Errorf("the token signing key could not be sealed: %w", err)
	}
	err = t.Store.Put(ctx, item, lease)
	if err != nil && !errors.Is(err, store.ErrLeaseLost) {
		return fmt.Errorf("the token signing key could not be stored: %w", err)
	}
	// A lost lease means that somebody else makes the key: it is there, or the
	// next start finds none.
	if err := t.loadKeys(ctx); err != nil {
		return err
	}
	keys := t.keys.Load().keys
	if len(keys) == 0 {
		return errors.New("no token signing key could be made: another process was about to and did not finish; start again")
	}
	if i := slices.IndexFunc(keys, func(k tokenKey) bool { return k.kid == kid }); i >= 0 {
		t.Logger.Info("made a token signing key", "kid", kid, "signs_from", from.UTC())
	}
	return nil
}
