package idempotency

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"toolvault/vault/store"
)

const (
	sweepEvery = time.Hour
	sweepPage  = 32 // records at once: 10 MB at most
	catchEvery = time.Second
)

// Run removes what no longer counts, once an hour, and writes what could not be
// written when its call ended, until ctx ends. It always returns nil.
func (l *Ledger) Run(ctx context.Context) error {
	catch := time.NewTicker(catchEvery)
	defer catch.Stop()
	// Processes that start together do not sweep together.
	sweep := time.NewTimer(time.Minute + rand.N(sweepEvery/4))
	defer sweep.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-catch.C:
			l.catchUpAll(ctx)
		case <-sweep.C:
			if err := l.sweep(ctx); err != nil && ctx.Err() == nil {
				l.Logger.Warn("old idempotency keys could not be removed; they do no harm and will be tried again", "error", err)
			}
			sweep.Reset(sweepEvery)
		}
	}
}

// sweep removes the records that no longer count, a page at a time. One that
// does not open stays: nobody can tell what it says.
func (l *Ledger) sweep(ctx context.Context) error {
	unreadable := 0
	err := store.Each(ctx, l.Store, prefix, func(item store.Item) error {
		e, err := l.open(item)
		switch {
		case err != nil:
			unreadable++
			return nil
		case !e.expired(l.Now()):
			return nil
		}
		err = l.Store.Forget(ctx, item.Key, item.Version)
		if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrConflict) {
			return nil
		}
		return err
	})
	if err != nil {
		return err
	}
	if unreadable > 0 {
		l.Logger.Warn("some idempotency keys cannot be read: calls with them are refused", "count", unreadable)
	}
	return nil
}
