package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"toolvault/auth/scope"
	"toolvault/vault/store"
)

// Sealer seals what the store keeps. Name and version are bound into the result:
// Open refuses anything that stood under another name or version.
type Sealer interface {
	Seal(plaintext []byte, name string, version int64) ([]byte, error)
	Open(sealed []byte, name string, version int64) ([]byte, error)
}

// TokenOptions is what Tokens are made of; Logger alone may be nil.
type TokenOptions struct {
	Store    store.Store
	Sealer   Sealer
	Agents   *Agents
	Issuer   string // iss, compared byte by byte
	Audience string // aud: the URI of this resource server
	Admin    string // aud of administrators' tokens; empty: there are none
	Catalogs scope.Catalogs
	Now      func() time.Time
	Logger   *slog.Logger
}

// Tokens mints and checks access tokens: JWTs in the profile of RFC 9068, signed
// with Ed25519 (RFC 8037) by a key that lies sealed in the store, so that every
// process on the store accepts the tokens of every other.
//
// Only one form of token exists, the one that Mint makes: a header that differs
// from it by one byte is refused before anything in it is read. So there is no
// algorithm to confuse, no key that a token could bring along (jwk, jku, x5u)
// and no extension to honour (crit): RFC 8725, sections 3.1, 3.9 to 3.11.
type Tokens struct {
	TokenOptions
	keys     atomic.Pointer[keyring]
	verified *verifiedCache

	reload   sync.Mutex // held while keys are read anew
	reloaded time.Time  // the last time that an unknown key made us read

	writing sync.Mutex // held while revocations are read or written in the store
	mu      sync.RWMutex
	revoked map[string]revocation // by what follows "revoked/" in the store
}

// cachedTokens bounds the memory of verified tokens: about 1 kB each.
const cachedTokens = 4096

// NewTokens reads the signing keys and revocations from the store, and makes a
// signing key if there is none. Of several processes that start at once, one
// makes it.
func NewTokens(ctx context.Context, o TokenOptions) (*Tokens, error) {
	switch {
	case o.Store == nil || o.Sealer == nil || o.Agents == nil || o.Now == nil:
		return nil, errors.New("tokens need a store, a sealer, the agents and a clock")
	case o.Issuer == "" || o.Audience == "":
		return nil, errors.New("tokens need an issuer and an audience: set server.public_url")
	case o.Audience == o.Admin:
		return nil, errors.New("administrators' tokens need an audience of their own: an agent's would administer")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	t := &Tokens{TokenOptions: o, verified: newVerifiedCache(cachedTokens), revoked: map[string]revocation{}}
	t.keys.Store(&keyring{})
	if err := t.loadKeys(ctx); err != nil {
		return nil, err
	}
	if len(t.keys.Load().keys) == 0 {
		if err := t.createKey(ctx, "", t.Now()); err != nil {
			return nil, err
		}
	}
	if err := t.loadRevocations(ctx); err != nil {
		return nil, err
	}
	return t, nil
}

// sweepEvery is how often revocations of expired tokens are removed.
const sweepEvery = 10 * time.Minute

// Run keeps keys and revocations equal to the store, renews the signing key when
// its time has come, and removes what is no longer needed, until ctx ends. What
// another process revoked is in force within a second.
func (t *Tokens) Run(ctx context.Context) error {
	var sweeper sync.WaitGroup
	defer sweeper.Wait()
	sweeper.Go(func() {
		for ctx.Err() == nil {
			if err := t.rotate(ctx); err != nil && ctx.Err() == nil {
				t.Logger.Warn("the token signing key could not be renewed; the old one goes on signing, and it will be tried again", "error", err)
			}
			pause(ctx, sweepEvery)
			if err := t.sweep(ctx); err != nil && ctx.Err() == nil {
				t.Logger.Warn("old revocations could not be removed; they do no harm and will be tried again", "error", err)
			}
		}
	})
	return follow(ctx, t.Store, []string{keyPrefix, revokedPrefix}, func(ctx context.Context, key string) error {
		switch {
		case key == "":
			return errors.Join(t.loadKeys(ctx), t.loadRevocations(ctx))
		case strings.HasPrefix(key, keyPrefix):
			return t.loadKeys(ctx)
		default:
			return t.loadRevocation(ctx, strings.TrimPrefix(key, revokedPrefix))
		}
	}, func(err error) {
		t.Logger.Error("keys and revocations could not be read; what other processes changed is not in force here until they can", "error", err)
	})
}

// TokenError says why a bearer token was refused. Whatever the reason, the
// answer to the caller is the same 401, but for what Tell says.
type TokenError struct {
	Reason string // short and public: "expired", "revoked", "not a token of this server", …
	// Tell is what the holder of the token is told beside that, one sentence: it is
	// empty but for one of a suspended agent, whose signature is good.
	Tell string
	// Who is whose token it was, where its signature is good: for the log alone.
	Who Identity
}

func (e *TokenError) Error() string { return fmt.Sprintf("the token is refused: %s", e.Reason) }

func refused(reason string) error { return &TokenError{Reason: reason} }

// suspended is the refusal of a good token whose agent may not act.
func suspended(agent Agent) error {
	return &TokenError{Reason: reasonSuspended, Tell: fmt.Sprintf("Agent %s is suspended%s. An admin can let it in again (toolvault agent resume).", agent.ID, agent.Why())}
}
