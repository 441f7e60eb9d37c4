package vault

import (
	"context"
	"strings"
	"time"
)

const (
	beatEvery   = 500 * time.Millisecond
	beatTimeout = time.Second
)

// Run follows the store's changes until ctx ends: a record that anybody changes
// is dropped from memory, so that a revoked credential is dead here within a
// second. Only while it runs are records kept in memory at all, and not while
// the store cannot be reached, since nobody could then tell of a revocation. It
// returns after refreshes under way have ended (30 seconds at most), and always
// nil.
func (v *Vault) Run(ctx context.Context) error {
	defer func() {
		v.refreshes.Lock()
		defer v.refreshes.Unlock()
	}()
	events := v.store.Watch(ctx)
	v.cache.turn(true)
	defer v.cache.turn(false)
	lost := make(chan bool)
	go v.beat(ctx, lost)
	for {
		select {
		case <-ctx.Done():
			return nil
		case gone := <-lost:
			v.cache.turn(!gone)
			if gone {
				v.log.Warn("the store does not answer: calls fail until it does")
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
				v.reload(ctx)
			case e.Key == keyringKey:
				v.reload(ctx)
			default:
				if name, ok := strings.CutPrefix(e.Key, recordPrefix); ok {
					v.cache.drop(name)
				}
			}
		}
	}
}

func (v *Vault) reload(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, beatTimeout)
	defer cancel()
	if err := v.keyring.Reload(ctx); err != nil && ctx.Err() == nil {
		v.log.Error("the keyring could not be read again", "error", err)
	}
}

// beat asks the store for something now and then, and tells when it stops
// answering and when it is back.
func (v *Vault) beat(ctx context.Context, lost chan<- bool) {
	tick := time.NewTicker(beatEvery)
	defer tick.Stop()
	gone := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		asked, cancel := context.WithTimeout(ctx, beatTimeout)
		_, err := v.store.Get(asked, keyringKey)
		cancel()
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
