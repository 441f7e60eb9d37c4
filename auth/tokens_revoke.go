package auth

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"toolvault/vault/store"
)

// Revocations stand in the store under revoked/<jti> and, for all tokens that an
// agent, a person or a client had at a time, or that come from one consent, under
// revoked/agent/<id>, revoked/user/<hash>, revoked/client/<hash> and
// revoked/grant/<hash>, until those tokens have expired. Names that are not ours to
// choose are hashed: they may hold anything.
const (
	revokedPrefix = "revoked/"
	revokedAgent  = "agent/"
	revokedUser   = "user/"
	revokedClient = "client/"
	revokedGrant  = "grant/"
)

func hashedName(kind, name string) string {
	if name == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(name))
	return kind + base64.RawURLEncoding.EncodeToString(sum[:])
}

func grantName(id string) string { return hashedName(revokedGrant, id) }

// bearers are the names under which the tokens of an identity can be voided
// together.
func bearers(agent string, chain []string, user, client string) []string {
	names := make([]string, 0, 3+len(chain))
	if agent != "" {
		names = append(names, revokedAgent+agent)
	}
	for _, id := range chain {
		names = append(names, revokedAgent+id)
	}
	if user != "" {
		names = append(names, hashedName(revokedUser, user))
	}
	if client != "" {
		names = append(names, hashedName(revokedClient, client))
	}
	return names
}

type revocation struct {
	Until  time.Time `json:"until"`           // the record is of no use afterwards
	Before time.Time `json:"before,omitzero"` // of an agent: tokens issued until then are void
}

// Revoke voids one token, and those that were exchanged from it. until is when it expires by itself; zero stands for the
// longest that a token can live. Revoking twice is no error.
func (t *Tokens) Revoke(ctx context.Context, jti string, until time.Time) error {
	if _, ok := issued(jti); !ok {
		return fmt.Errorf("%q is not the id of a token: it is a UUID, as token_id in the audit log", clip(jti, 80))
	}
	now := t.Now()
	if until.IsZero() || until.After(now.Add(MaxTTL)) {
		until = now.Add(MaxTTL)
	}
	return t.revoke(ctx, strings.ToLower(jti), revocation{Until: until.UTC()})
}

// RevokeAgent voids all tokens that the agent has now. It can get new ones.
func (t *Tokens) RevokeAgent(ctx context.Context, agent string) error {
	if _, ok := t.Agents.Get(agent); !ok {
		return t.Agents.unknown(agent)
	}
	return t.revokeAll(ctx, revokedAgent+agent)
}

// RevokeUser voids all tokens with which agents act for a person now, and the
// person's own as an administrator.
func (t *Tokens) RevokeUser(ctx context.Context, user string) error {
	return t.revokeAll(ctx, hashedName(revokedUser, user))
}

// RevokeClient voids all tokens that an OAuth client has now, and those that others
// got in exchange for one of them.
func (t *Tokens) RevokeClient(ctx context.Context, client string) error {
	return t.revokeAll(ctx, hashedName(revokedClient, client))
}

// RevokeGrant voids all tokens that come from one consent, for good.
func (t *Tokens) RevokeGrant(ctx context.Context, grant string) error {
	return t.revokeAll(ctx, grantName(grant))
}

func (t *Tokens) revokeAll(ctx context.Context, name string) error {
	if name == "" {
		return errors.New("nobody is named whose tokens are to be voided")
	}
	now := t.Now().UTC().Truncate(time.Millisecond)
	return t.revoke(ctx, name, revocation{Until: now.Add(MaxTTL + time.Second), Before: now})
}

func (t *Tokens) revoke(ctx context.Context, name string, r revocation) error {
	t.writing.Lock()
	defer t.writing.Unlock()
	for {
		item, err := t.Store.Get(ctx, revokedPrefix+name)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("the revocation could not be stored, and is not in force: %w", err)
		}
		if err == nil {
			if old := decodeRevocation(item.Value); !old.Until.Before(r.Until) && !old.Before.Before(r.Before) {
				t.remember(name, old)
				return nil
			} else if old.Until.After(r.Until) {
				r.Until = old.Until
			}
		}
		value, err := json.Marshal(r)
		if err != nil {
			return err
		}
		err = t.Store.Put(ctx, store.Item{Key: revokedPrefix + name, Version: item.Version + 1, Value: value}, nil)
		switch {
		case err == nil:
			t.remember(name, r)
			return nil
		case !errors.Is(err, store.ErrConflict):
			return fmt.Errorf("the revocation could not be stored, and is not in force: %w", err)
		}
	}
}

func (t *Tokens) remember(name string, r revocation) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.revoked[name] = r
}

func (t *Tokens) forget(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.revoked, name)
}

// decodeRevocation reads a record. One that cannot be read holds for as long as
// any token can live.
func decodeRevocation(value []byte) revocation {
	var r revocation
	if err := json.Unmarshal(value, &r); err != nil {
		end := time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
		return revocation{Until: end, Before: end}
	}
	return r
}

// isRevoked holds the token against what is known to be void.
func (t *Tokens) isRevoked(v *verified) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if len(t.revoked) == 0 {
		return false
	}
	if _, ok := t.revoked[v.identity.TokenID]; ok {
		return true
	}
	if _, ok := t.revoked[v.grant]; ok && v.grant != "" {
		return true
	}
	for _, name := range v.holders {
		if r, ok := t.revoked[name]; ok && !v.issued.After(r.Before) {
			return true
		}
	}
	for _, s := range v.sources {
		if r, ok := t.revoked[s.name]; ok && (s.at.IsZero() || !s.at.After(r.Before)) {
			return true
		}
	}
	return false
}

// issueTime is now, or just after all tokens of one of the bearers were voided: a
// new one must not fall into the same millisecond.
func (t *Tokens) issueTime(bearers []string) time.Time {
	now := t.Now()
	t.mu.RLock()
	defer t.mu.RUnlock()
	at := now
	for _, name := range bearers {
		if r, ok := t.revoked[name]; ok && !at.Truncate(time.Millisecond).After(r.Before) {
			if next := r.Before.Add(time.Millisecond); next.Sub(now) < leeway {
				at = next
			}
		}
	}
	return at
}

// The three below hold writing across what they read, so that what this process
// revokes meanwhile is not overwritten by what was read before; mu they hold for
// a moment only, so that no token waits for the store.

func (t *Tokens) loadRevocations(ctx context.Context) error {
	t.writing.Lock()
	defer t.writing.Unlock()
	all := map[string]revocation{}
	err := store.Each(ctx, t.Store, revokedPrefix, func(item store.Item) error {
		all[strings.TrimPrefix(item.Key, revokedPrefix)] = decodeRevocation(item.Value)
		return nil
	})
	if err != nil {
		return fmt.Errorf("the revocations could not be read: %w", err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.revoked = all
	return nil
}

func (t *Tokens) loadRevocation(ctx context.Context, name string) error {
	t.writing.Lock()
	defer t.writing.Unlock()
	item, err := t.Store.Get(ctx, revokedPrefix+name)
	switch {
	case errors.Is(err, store.ErrNotFound):
		t.forget(name)
	case err != nil:
		return fmt.Errorf("a revocation could not be read: %w", err)
	default:
		t.remember(name, decodeRevocation(item.Value))
	}
	return nil
}

// sweep removes the revocations of tokens that have expired.
func (t *Tokens) sweep(ctx context.Context) error {
	t.writing.Lock()
	defer t.writing.Unlock()
	now := t.Now()
	var old []store.Item
	err := store.Each(ctx, t.Store, revokedPrefix, func(item store.Item) error {
		if decodeRevocation(item.Value).Until.Add(time.Minute).Before(now) {
			old = append(old, item)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, item := range old {
		remove := t.Store.Delete
		if _, ok := issued(strings.TrimPrefix(item.Key, revokedPrefix)); ok {
			remove = t.Store.Forget // a token's id is never used again
		}
		err := remove(ctx, item.Key, item.Version)
		if err != nil && !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrConflict) {
			return err
		}
		if err == nil {
			t.forget(strings.TrimPrefix(item.Key, revokedPrefix))
		}
	}
	// What another process has swept nobody tells of.
	t.mu.Lock()
	defer t.mu.Unlock()
	for name, r := range t.revoked {
		if r.Until.Add(time.Minute).Before(now) {
			delete(t.revoked, name)
		}
	}
	return nil
}
