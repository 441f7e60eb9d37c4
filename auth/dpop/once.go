package dpop

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"toolvault/vault/store"
)

// oncePrefix is where the proofs stand that were used, by a hash of key and jti,
// until they are too old to be used again. What is kept is when that is, in
// seconds since 1970, 8 bytes; it is no secret, and not sealed.
const oncePrefix = "dpop/once/"

// maxSeen bounds how many of its own proofs a process remembers.
const maxSeen = 1 << 17

// proofID is one use of a jti by one key.
type proofID [sha256.Size]byte

// seen are proofs that this process has taken lately, in two generations of which
// the older goes when the younger has its size. What it has forgotten the store
// still knows; it only spares the store the replays that come to one process.
type seen struct {
	mu           sync.Mutex
	young, older map[proofID]struct{}
}

// add reports whether a proof was not there.
func (s *seen) add(id proofID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, young := s.young[id]
	if _, older := s.older[id]; young || older {
		return false
	}
	if s.young == nil || len(s.young) >= maxSeen/2 {
		s.young, s.older = map[proofID]struct{}{}, s.young
	}
	s.young[id] = struct{}{}
	return true
}

// turn begins a generation.
func (s *seen) turn() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.young, s.older = nil, s.young
}

// forget takes back a proof that could not be recorded.
func (s *seen) forget(id proofID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.young, id)
	delete(s.older, id)
}

// once reports whether a key uses a jti for the first time, over all processes on
// the store. That is a record of the store: of all who put its first version, one
// succeeds. The promise is as good as such a Put: it holds over crashes, and on
// Redis over a failover where the URL asks for replicas. Where the answer to a Put
// is lost, the proof is not taken, and need not be taken again either: a client
// makes a new one for each request.
//
// A bucket of the store with one token (Store.Spend), which costs no write to the
// disk, would do on Redis, where each name has its own. On SQLite it would not: a
// name lies in one of 32 neighbouring places of a table of 32768, which serve for
// limits too. When all of them are in use, which is so from some 60 proofs a second
// on, a new name takes over a place that is not full, so that an honest proof is
// refused; and the name that stood there is forgotten, so that its replay is taken
// where one of the other 31 places has become free.
func (v *Verifier) once(ctx context.Context, thumbprint, jti string, issued time.Time) (bool, error) {
	id := proofID(sha256.Sum256([]byte(thumbprint + "\x00" + jti)))
	if !v.seen.add(id) {
		return false, nil
	}
	// Another process takes it until window after it was issued by its own clock.
	until := issued.Add(2 * window)
	item := store.Item{Key: oncePrefix + base64.RawURLEncoding.EncodeToString(id[:]), Version: 1}
	item.Value = binary.BigEndian.AppendUint64(nil, uint64(until.Unix()))
	switch err := v.Store.Put(ctx, item, nil); {
	case errors.Is(err, store.ErrConflict):
		return false, nil
	case err != nil:
		v.seen.forget(id)
		return false, fmt.Errorf("whether a proof of possession was used before is not known: %w", err)
	}
	return true, nil
}

// sweepEvery is how often the proofs that are too old are removed. It is not less
// than the time for which one is good, since the process then begins a generation.
const sweepEvery = 2 * window

// sweepers are how many removals are under way at once: SQLite makes those that
// wait together in one transaction.
const sweepers = 32

// Run removes what is no longer needed and renews the secret of the nonces, until
// ctx ends, which is no error.
func (v *Verifier) Run(ctx context.Context) error {
	upkeep := func(ctx context.Context) error { return errors.Join(v.Sweep(ctx), v.renew(ctx)) }
	return store.Repeat(ctx, sweepEvery, upkeep, v.Logger, "old proofs of possession could not be removed, or the secret of their nonces not be renewed; it does no harm and will be tried again")
}

// Sweep is one round of Run.
func (v *Verifier) Sweep(ctx context.Context) error {
	v.seen.turn()
	now := v.Now().Unix()
	all, ctx := errgroup.WithContext(ctx)
	all.SetLimit(sweepers)
	err := store.Each(ctx, v.Store, oncePrefix, func(item store.Item) error {
		if len(item.Value) == 8 && now <= int64(binary.BigEndian.Uint64(item.Value)) {
			return nil
		}
		all.Go(func() error {
			err := v.Store.Forget(ctx, item.Key, item.Version)
			if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrConflict) {
				return nil // another process was quicker
			}
			return err
		})
		return nil
	})
	if failed := all.Wait(); failed != nil {
		err = failed
	}
	if err != nil {
		return fmt.Errorf("old proofs of possession could not be removed: %w", err)
	}
	return nil
}
