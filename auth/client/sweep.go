package client

import (
	"context"
	"errors"
	"time"

	"toolvault/vault/store"
)

// unusedFor is after what a client that registered itself is removed.
const unusedFor = 30 * 24 * time.Hour

// MarkUsed notes that a client which registered itself is in use: it is kept. It reads
// and writes once a day at most; in between, and of other clients, memory knows.
func (r *Registry) MarkUsed(ctx context.Context, id string) error {
	today := r.Now().UTC().Truncate(24 * time.Hour)
	r.mu.RLock()
	k, ok := r.stored[id]
	r.mu.RUnlock()
	if !ok || k.Origin != OriginRegistered || !k.used.Before(today) {
		return nil
	}
	err := r.change(ctx, id, func(rec *record) error {
		if rec.Removed || rec.Origin != OriginRegistered || !rec.Used.Before(today) {
			return errUnchanged
		}
		rec.Used = today
		return nil
	})
	if errors.Is(err, errUnchanged) {
		return nil
	}
	return err
}

var errUnchanged = errors.New("nothing to change")

// Sweep removes the clients that registered themselves and that nobody uses, and ends
// removals that broke off.
func (r *Registry) Sweep(ctx context.Context) error {
	now := r.Now()
	var failed []error
	err := store.Each(ctx, r.Store, clientPrefix, func(item store.Item) error {
		rec, err := r.open(item)
		switch {
		case err != nil: // Load says so
		case rec.Removed:
			failed = append(failed, r.finishRemoval(ctx, rec.ID))
		case rec.Origin == OriginRegistered && now.Sub(rec.Used) > unusedFor:
			// Delete, not Forget: other processes have to be told. If somebody has just
			// used it, its version is another, and it stays.
			err := r.Store.Delete(ctx, item.Key, item.Version)
			switch {
			case err == nil:
				r.forget(rec.ID)
			case !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrConflict):
				failed = append(failed, err)
			}
		}
		return ctx.Err()
	})
	return errors.Join(append(failed, err)...)
}
