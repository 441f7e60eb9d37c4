package client

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"toolvault/vault/store"
)

const (
	sweepEvery = 30 * time.Minute
	loads      = 20 // in a row, while clients change here
)

// Load reads all clients of the store.
func (r *Registry) Load(ctx context.Context) error {
	r.loading.Lock() // what was read earlier must not come later
	defer r.loading.Unlock()
	for range loads {
		r.mu.RLock()
		before := r.changes
		r.mu.RUnlock()
		next, err := r.readAll(ctx)
		if err != nil {
			return fmt.Errorf("the clients could not be read: %w", err)
		}
		if r.replace(next, before) {
			return nil
		}
	}
	return fmt.Errorf("the clients change faster than they can be read: %w", store.ErrUnavailable)
}

// replace makes what was read known, if nothing was changed here since: it could have
// been read before that.
func (r *Registry) replace(next map[string]kept, before uint64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.changes != before {
		return false
	}
	r.stored = next
	return true
}

func (r *Registry) readAll(ctx context.Context) (map[string]kept, error) {
	next := map[string]kept{}
	err := store.Each(ctx, r.Store, clientPrefix, func(item store.Item) error {
		rec, err := r.open(item)
		if err != nil {
			r.Logger.Warn("a client was left out", "error", err)
			return nil
		}
		if !rec.Removed {
			next[rec.ID] = kept{rec.Client, rec.Used, item.Version}
		}
		return nil
	})
	return next, err
}

// Run keeps what is in memory equal to the store, and removes what nobody uses,
// until ctx ends, which is no error.
func (r *Registry) Run(ctx context.Context) error {
	var sweeper sync.WaitGroup
	defer sweeper.Wait()
	sweeper.Go(func() {
		_ = store.Repeat(ctx, sweepEvery, r.Sweep, r.Logger, "clients that nobody uses could not be removed; it will be tried again")
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
