package vault

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"toolvault/vault/store"
)

// Census says how the records of a store are sealed.
type Census struct {
	ByKey   map[KeyID]int // records that the key has sealed
	Unknown int           // records sealed with a key that the keyring does not have
}

// Sealed is how many records are sealed with a key of the keyring.
func (c Census) Sealed() int {
	n := 0
	for _, count := range c.ByKey {
		n += count
	}
	return n
}

// TakeCensus looks at every record of the store, and opens none.
func TakeCensus(ctx context.Context, st store.Store, k *Keyring) (Census, error) {
	c := Census{ByKey: map[KeyID]int{}}
	ids := k.ring.Load().ids
	err := eachItem(ctx, st, func(item store.Item) error {
		id, ok := sealedBy(item.Value)
		switch {
		case !ok || item.Key == keyringKey:
		case ids[id]:
			c.ByKey[KeyID(id)]++
		default:
			c.Unknown++
		}
		return nil
	})
	return c, err
}

func eachItem(ctx context.Context, st store.Store, f func(store.Item) error) error {
	if err := store.Each(ctx, st, "", f); err != nil {
		return fmt.Errorf("look at the records: %w", err)
	}
	return nil
}

// ResealOptions say how fast records are sealed anew.
type ResealOptions struct {
	PerSecond int              // records; 0: as fast as it goes
	Progress  func(Resealed)   // after each record that was looked at; nil: nobody asks
	Broken    func(key string) // told of each record that does not open; nil: nobody asks
}

// Resealed is how far resealing has come.
type Resealed struct {
	Seen    int // records that were looked at
	Done    int // of those, sealed anew
	Damaged int // of those, that no key opens: they stay as they are
}

// busyTries is how often a record that is being refreshed is looked at again.
const busyTries = 20

// Reseal seals every record of the store with the primary key that was sealed
// with an older one: credentials, who used them, keys of tokens, whatever else the
// keyring has sealed there. It can be broken off at any time and begun again, by
// several at once: what is done needs no record of its own. It never overwrites
// what somebody else has written meanwhile, and does not come between a refresh
// and its result.
func Reseal(ctx context.Context, st store.Store, k *Keyring, o ResealOptions) (Resealed, error) {
	if err := k.Reload(ctx); err != nil {
		return Resealed{}, err
	}
	limit := rate.NewLimiter(rate.Inf, 1)
	if o.PerSecond > 0 {
		limit = rate.NewLimiter(rate.Limit(o.PerSecond), 1)
	}
	r := resealer{store: st, keyring: k, limit: limit, ResealOptions: o}
	var busy []string
	err := eachItem(ctx, st, func(item store.Item) error {
		r.Seen++
		err := r.reseal(ctx, item)
		if errors.Is(err, errBusy) {
			busy, err = append(busy, item.Key), nil
		}
		if r.Progress != nil {
			r.Progress(r.Resealed)
		}
		return err
	})
	for try := 0; err == nil && len(busy) > 0; try++ {
		if try == busyTries {
			return r.Resealed, fmt.Errorf("%s is being refreshed all the time: reseal again", busy[0])
		}
		var still []string
		for _, key := range busy {
			item, gerr := st.Get(ctx, key)
			switch {
			case errors.Is(gerr, store.ErrNotFound):
				continue
			case gerr != nil:
				return r.Resealed, gerr
			}
			if err = r.reseal(ctx, item); errors.Is(err, errBusy) {
				still, err = append(still, key), nil
			}
			if err != nil {
				return r.Resealed, err
			}
		}
		busy = still
	}
	return r.Resealed, err
}

type resealer struct {
	Resealed
	ResealOptions
	store   store.Store
	keyring *Keyring
	limit   *rate.Limiter
}

var errBusy = errors.New("somebody refreshes it")

// reseal seals one record anew, if it needs that.
func (r *resealer) reseal(ctx context.Context, item store.Item) error {
	for {
		if id, ok := sealedBy(item.Value); !ok || item.Key == keyringKey || id == r.keyring.ring.Load().primary {
			return nil
		}
		plain, err := r.keyring.Open(item.Value, item.Key, item.Version)
		if errors.Is(err, ErrSealed) {
			r.Damaged++
			if r.Broken != nil {
				r.Broken(item.Key)
			}
			return nil
		}
		if err != nil {
			return err
		}
		err = r.write(ctx, item, plain)
		clear(plain)
		switch {
		case err == nil:
			r.Done++
			return nil
		case !errors.Is(err, store.ErrConflict):
			return err
		}
		// Somebody else wrote it, or removed it.
		item, err = r.store.Get(ctx, item.Key)
		switch {
		case errors.Is(err, store.ErrNotFound):
			return nil
		case err != nil:
			return err
		}
	}
}

func (r *resealer) write(ctx context.Context, item store.Item, plain []byte) error {
	if err := r.limit.Wait(ctx); err != nil {
		return fmt.Errorf("reseal: %w", err)
	}
	var lease store.Lease
	if name, ok := strings.CutPrefix(item.Key, recordPrefix); ok && refreshes(name, plain) {
		// Between a refresh and its result nothing may change: it would count as
		// somebody else's result.
		asking, cancel := context.WithTimeout(ctx, 500*time.Millisecond)
		var err error
		lease, err = r.store.Lease(asking, "refresh/"+name, leaseFor)
		cancel()
		switch {
		case err != nil && ctx.Err() != nil:
			return fmt.Errorf("reseal: %w", ctx.Err())
		case err != nil:
			return errBusy
		}
		defer letGo(ctx, lease)
	}
	next := store.Item{Key: item.Key, Version: item.Version + 1}
	var err error
	if next.Value, err = r.keyring.Seal(plain, next.Key, next.Version); err != nil {
		return err
	}
	return r.store.Put(ctx, next, lease)
}

// refreshes reports whether a record of a credential holds a token that is
// replaced by itself.
func refreshes(name string, plain []byte) bool {
	s, err := decodeStored(plain)
	return err != nil || !s.Refresh.Empty() || strings.HasPrefix(name, obtainedPrefix)
}
