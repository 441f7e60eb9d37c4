package vault

import (
	"context"
	"errors"
	"strings"
	"time"

	"toolvault/vault/store"
)

const (
	beatEvery   = 500 * time.Millisecond
	beatTimeout = time.Second
	silentFor   = 2 * time.Second // then the store counts as away; two beats may fail
)

// Reachable reports whether the store has answered within the last two seconds,
// or nobody watches it because Run does not run. While it is false, what others
// have changed cannot be known, and Resolve fails.
func (v *Vault) Reachable() bool {
	last := v.answered.Load()
	return last == nil || time.Since(*last) < silentFor
}

// reach is Reachable as an error.
func (v *Vault) reach() error {
	if v.Reachable() {
		return nil
	}
	return because(store.ErrUnavailable, "the store of credentials has not answered for %v: calls work again when it does", silentFor)
}

// Run follows the store's changes until ctx ends: a record that anybody changes
// is dropped from memory, so that a revoked credential is dead here within a
// second. Only while it runs are records kept in memory at all, and not while
// the store cannot be reached, since nobody could then tell of a revocation.
// While it runs, Resolve fails where the store does not answer (see Reachable).
// Tokens in use are renewed before they end.
// It returns after refreshes under way have ended (30 seconds at most), and always
// nil.
func (v *Vault) Run(ctx context.Context) error {
	defer func() {
		v.refreshes.Lock()
		defer v.refreshes.Unlock()
	}()
	events := v.store.Watch(ctx)
	now := time.Now()
	v.answered.Store(&now)
	v.cache.turn(true)
	defer v.cache.turn(false)
	v.setClock(ctx)
	lost := make(chan bool)
	go v.beat(ctx, lost)
	ahead := make(chan struct{})
	go func() {
		defer close(ahead)
		v.keepAhead(ctx)
	}()
	defer func() { <-ahead }()
	saved := make(chan struct{})
	go func() {
		defer close(saved)
		v.keepUsage(ctx)
	}()
	defer func() { <-saved }()
	for {
		select {
		case <-ctx.Done():
			return nil
		case gone := <-lost:
			v.cache.turn(!gone)
			if gone {
				v.log.Warn("the store does not answer: if it does not soon, calls fail until it does")
			} else {
				v.log.Info("the store answers again")
			}
		case e, ok := <-events:
			switch {
			case !ok:
				v.cache.turn(false)
				<-ctx.Done()
				return nil
			case e.Key == "":
				v.cache.flush()
				v.changes.tell("")
				v.reload(ctx)
			case e.Key == keyringKey:
				v.reload(ctx)
			default:
				if name, ok := strings.CutPrefix(e.Key, recordPrefix); ok {
					v.cache.drop(name)
					v.changes.tell(name)
					v.lately.changed(name)
				}
			}
		}
	}
}

func (v *Vault) reload(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, beatTimeout)
	defer cancel()
	err := v.keyring.Reload(ctx)
	if errors.Is(err, ErrWrongMasterKey) && !v.keyring.newlyForeign(ctx) {
		return
	}
	if err != nil && ctx.Err() == nil {
		v.log.Error("the keyring could not be read again", "error", err)
	}
}

// beat asks the store for something now and then, and tells when it stops
// answering and when it is back. It only reads: a store that another process
// keeps locked for writing still tells what is in force.
func (v *Vault) beat(ctx context.Context, lost chan<- bool) {
	defer v.answered.Store(nil)
	tick := time.NewTicker(beatEvery)
	defer tick.Stop()
	gone := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := time.Now() // what the answer says was true no earlier
		asked, cancel := context.WithTimeout(ctx, beatTimeout)
		item, err := v.store.Get(asked, keyringKey)
		if err == nil {
			v.keyring.confirm(item, now)
			v.setClock(asked)
		}
		cancel()
		if errors.Is(err, store.ErrNotFound) {
			err = nil // an answer too, if a bad one: reload says so
		}
		if err == nil {
			v.answered.Store(&now)
		}
		if ctx.Err() != nil || (err != nil) == gone {
			continue
		}
		gone = err != nil
		select {
		case lost <- gone:
		case <-ctx.Done():
			return
		}
	}
}
