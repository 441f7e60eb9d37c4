package limits

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"toolvault/vault/store"
)

const (
	tidyEvery  = time.Second
	sweepEvery = time.Hour
	forgotten  = 24 * time.Hour // after its last window has ended, a record goes
	farewell   = 5 * time.Second
)

// Run gives back what is not used, and removes records that count no more, until
// ctx ends; then it gives back everything. It always returns nil.
func (b *Budgets) Run(ctx context.Context) error {
	tidy := time.NewTicker(tidyEvery)
	defer tidy.Stop()
	// Processes that start together do not sweep together.
	sweep := time.NewTimer(time.Minute + rand.N(sweepEvery/4))
	defer sweep.Stop()
	for {
		select {
		case <-ctx.Done():
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewell)
			defer cancel()
			b.tidy(ctx, true)
			return nil
		case <-tidy.C:
			b.tidy(ctx, false)
		case <-sweep.C:
			if err := b.sweep(ctx); err != nil && ctx.Err() == nil {
				b.Logger.Warn("old records of budgets could not be removed; they do no harm and will be tried again", "error", err)
			}
			sweep.Reset(sweepEvery)
		}
	}
}

// tidy settles with the store what is to be settled: debts, and slices that are
// old, or all.
func (b *Budgets) tidy(ctx context.Context, all bool) {
	for _, m := range b.all() {
		m.settle(ctx, all)
	}
}

// settle tells the store what is owed, or gives back what is left of a slice that
// is old. After an error what was to be given back counts as used.
func (m *meter) settle(ctx context.Context, all bool) {
	m.mu.Lock()
	for all && m.busy != nil {
		busy := m.busy
		m.mu.Unlock()
		select {
		case <-busy:
		case <-ctx.Done():
			return
		}
		m.mu.Lock()
	}
	now := m.budgets.clock.now()
	m.turn(now)
	switch {
	case m.busy != nil || m.left == 0 || now.Before(m.until) && !all:
		m.mu.Unlock()
		return
	case m.left < 0:
		_ = m.lease(ctx) // tried again at the next tick
		return
	case !all && now.Sub(m.leased) < 2*Horizon(m.rule.Per):
		m.mu.Unlock()
		return
	}
	n, begins := m.left, m.begins.Unix()
	m.left = 0
	m.begin()
	m.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err := m.swap(ctx, begins, func(int64) int64 { return -n })

	m.mu.Lock()
	defer m.mu.Unlock()
	defer m.end()
	if err != nil {
		m.until, m.cause = m.budgets.clock.now().Add(again), err
	}
}

// sweep removes the records of limits that nobody has counted against for a day.
func (b *Budgets) sweep(ctx context.Context) error {
	if err := b.clock.look(ctx); err != nil {
		return err
	}
	old := b.clock.now().Add(-forgotten - Day.Length()).Unix()
	return store.Each(ctx, b.Store, prefix, func(item store.Item) error {
		if r := b.decode(item); r.last() > old {
			return nil
		}
		err := b.Store.Forget(ctx, item.Key, item.Version)
		if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrConflict) {
			return nil
		}
		return err
	})
}
