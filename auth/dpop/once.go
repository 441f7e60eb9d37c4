package dpop

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"toolvault/vault/store"
)

// oncePrefix is where the proofs stand that were used, until they are too old to
// be used again.
const oncePrefix = "dpop/once/"

// seen are the proofs that this process has seen. A replay to the same process
// never costs the store anything.
type seen struct {
	mu    sync.Mutex
	until map[[sha256.Size]byte]time.Time
	swept time.Time
}

// first remembers a proof, and reports whether it was not there.
func (s *seen) first(sum [sha256.Size]byte, now, until time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now.Sub(s.swept) > time.Minute || now.Before(s.swept) {
		s.swept = now
		for k, end := range s.until {
			if now.After(end) {
				delete(s.until, k)
			}
		}
	}
	if end, ok := s.until[sum]; ok && !now.After(end) {
		return false
	}
	s.until[sum] = until
	return true
}

// forget lets a proof be tried again that could not be recorded.
func (s *seen) forget(sum [sha256.Size]byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.until, sum)
}

// once reports whether a proof is used for the first time, over all processes on
// the store. It has to be written there, durably: a bucket of the store's, which
// would cost less, may be passed on to another name and forget.
func (v *Verifier) once(ctx context.Context, thumbprint, id string, until time.Time) (bool, error) {
	sum := sha256.Sum256([]byte(thumbprint + "\x00" + id))
	if !v.seen.first(sum, v.Now(), until) {
		return false, nil
	}
	value, err := json.Marshal(until.Unix())
	if err != nil {
		return false, err
	}
	key := oncePrefix + base64.RawURLEncoding.EncodeToString(sum[:])
	err = v.Store.Put(ctx, store.Item{Key: key, Version: 1, Value: value}, nil)
	switch {
	case errors.Is(err, store.ErrConflict):
		return false, nil
	case err != nil:
		v.seen.forget(sum)
		return false, fmt.Errorf("whether a proof was used before is not known: %w", err)
	}
	return true, nil
}

// sweepEvery is how often the proofs that are too old are removed.
const sweepEvery = 5 * time.Minute

// Run removes what is no longer needed until ctx ends, which is no error.
func (v *Verifier) Run(ctx context.Context) error {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if err := v.Sweep(ctx); err != nil && ctx.Err() == nil {
			v.Logger.Warn("old proofs of possession could not be removed; they do no harm and will be tried again", "error", err)
		}
	}
}

// Sweep is one round of Run.
func (v *Verifier) Sweep(ctx context.Context) error {
	now := v.Now()
	var old []store.Item
	err := store.Each(ctx, v.Store, oncePrefix, func(item store.Item) error {
		var until int64
		if json.Unmarshal(item.Value, &until) != nil || now.Unix() > until {
			old = append(old, store.Item{Key: item.Key, Version: item.Version})
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, item := range old {
		err := v.Store.Forget(ctx, item.Key, item.Version)
		if err != nil && !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
	return nil
}
