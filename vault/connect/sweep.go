package connect

import (
	"context"
	"errors"
	"strings"
	"time"

	"toolvault/vault"
	"toolvault/vault/store"
)

const (
	sweepEvery = 5 * time.Minute
	sweepPage  = 200
)

// Run removes what has ended until ctx ends, which is no error.
func (c *Connector) Run(ctx context.Context) error {
	return store.Repeat(ctx, sweepEvery, c.Sweep, c.Logger, "old links of consent could not be removed; they do no harm and will be tried again")
}

// Sweep is one round of Run: tickets that ended more than an hour ago, and states
// and links that nobody can use any more.
func (c *Connector) Sweep(ctx context.Context) error {
	now := c.Now()
	return store.Each(ctx, c.Store, prefix, func(item store.Item) error {
		if !c.old(item, now) {
			return nil
		}
		remove := c.Store.Forget
		if strings.HasPrefix(item.Key, linkPrefix) {
			remove = c.Store.Delete // the credential may get another
		}
		err := remove(ctx, item.Key, item.Version)
		if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrConflict) {
			return nil
		}
		return err
	})
}

// old reports whether an entry is of no use any more, as one that can never be
// opened is.
func (c *Connector) old(item store.Item, now time.Time) bool {
	var e struct {
		Expires time.Time `json:"expires"`
	}
	if err := c.unseal(item, &e); err != nil {
		return errors.Is(err, vault.ErrSealed)
	}
	kept := time.Duration(0)
	if strings.HasPrefix(item.Key, ticketPrefix) {
		kept = keptFor
	}
	return !now.Before(e.Expires.Add(kept))
}
