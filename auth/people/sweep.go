package people

import (
	"context"
	"errors"
	"time"

	"toolvault/vault/store"
)

const sweepEvery = 10 * time.Minute

// Run removes sessions, challenges and invitations that have ended, and failures
// that have been forgiven, until ctx ends, which is no error.
func (p *People) Run(ctx context.Context) error {
	return store.Repeat(ctx, sweepEvery, p.Sweep, p.Logger, "old sessions could not be removed; they do no harm and will be tried again")
}

// Sweep is one round of Run.
func (p *People) Sweep(ctx context.Context) error {
	now := p.Now()
	var old []store.Item
	for prefix, ended := range map[string]func(store.Item) bool{
		sessionPrefix: func(item store.Item) bool {
			s, err := p.openSession(item)
			return err != nil || s.ended(now)
		},
		providerPrefix: func(item store.Item) bool {
			var s provider
			return p.open(item, &s) != nil || !now.Before(s.Seen.Add(providerLength))
		},
		ceremonyPrefix: func(item store.Item) bool {
			var c ceremony
			return p.open(item, &c) != nil || !now.Before(c.Expires)
		},
		invitePrefix: func(item store.Item) bool {
			var i invitation
			return p.open(item, &i) != nil || !now.Before(i.Expires)
		},
	} {
		err := store.Each(ctx, p.Store, prefix, func(item store.Item) error {
			if ended(item) {
				old = append(old, store.Item{Key: item.Key, Version: item.Version})
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	forgiven, err := p.throttle.forgiven(ctx)
	if err != nil {
		return err
	}
	for i, item := range append(old, forgiven...) {
		remove := p.Store.Delete // a throttled name may fail again
		if i < len(old) {
			remove = p.Store.Forget // these keys are never used again
		}
		err := remove(ctx, item.Key, item.Version)
		if err != nil && !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
	return nil
}
