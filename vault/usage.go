package vault

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"toolvault/vault/store"
)

const (
	usagePrefix = "usage/"
	saveEvery   = 30 * time.Second
	saveAtOnce  = 500 // records that are written in one go
)

// usage remembers who has last used each stored credential. It is written down now
// and then, not with each call: the audit log has every one.
type usage struct{ byName sync.Map } // name → *use

type use struct {
	at    atomic.Int64 // milliseconds since 1970
	owner atomic.Pointer[Owner]
	saved int64 // at, as it was last written; of the goroutine that saves
}

// LastUse is who has last used a credential, and when, half a minute late.
type LastUse struct {
	At    time.Time `json:"at"`
	Agent string    `json:"agent"`
	User  string    `json:"user,omitempty"`
}

func (v *Vault) used(d Declaration, name string) {
	var u *use
	if got, ok := v.usage.byName.Load(name); ok {
		u = got.(*use)
	} else {
		got, _ := v.usage.byName.LoadOrStore(name, &use{})
		u = got.(*use)
	}
	u.at.Store(v.clock().UnixMilli())
	if o := u.owner.Load(); o == nil || *o != d.Owner {
		owner := d.Owner
		u.owner.Store(&owner)
	}
}

func (u *usage) last(name string) time.Time {
	if got, ok := u.byName.Load(name); ok {
		return time.UnixMilli(got.(*use).at.Load())
	}
	return time.Time{}
}

// keepUsage saves now and then until ctx ends, and a last time then.
func (v *Vault) keepUsage(ctx context.Context) {
	tick := time.NewTicker(saveEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			v.saveUsage(ctx)
		case <-ctx.Done():
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
			defer cancel()
			v.saveUsage(ctx)
			return
		}
	}
}

// saveUsage writes down what has been used since the last time.
func (v *Vault) saveUsage(ctx context.Context) {
	n := 0
	v.usage.byName.Range(func(key, value any) bool {
		name, u := key.(string), value.(*use)
		at, owner := u.at.Load(), u.owner.Load()
		if at <= u.saved || owner == nil || strings.HasPrefix(name, obtainedPrefix) {
			return true
		}
		if err := v.saveUse(ctx, name, LastUse{At: time.UnixMilli(at).UTC(), Agent: owner.Agent, User: owner.User}); err != nil {
			v.log.Debug("the last use of a credential could not be written down", "credential", name, "error", err)
			return !errors.Is(err, store.ErrUnavailable) && ctx.Err() == nil
		}
		u.saved = at
		n++
		return n < saveAtOnce && ctx.Err() == nil
	})
}

func (v *Vault) saveUse(ctx context.Context, name string, use LastUse) error {
	key := usagePrefix + name
	item, err := v.store.Get(ctx, key)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if was, ok := v.openUse(item); ok && !was.At.Before(use.At) {
		return nil // another process has seen a later one
	}
	plain, err := json.Marshal(use)
	if err != nil {
		return fmt.Errorf("encode the use of %s: %w", name, err)
	}
	item = store.Item{Key: key, Version: item.Version + 1}
	if item.Value, err = v.keyring.Seal(plain, key, item.Version); err != nil {
		return err
	}
	if err := v.store.Put(ctx, item, nil); !errors.Is(err, store.ErrConflict) {
		return err
	}
	return nil // somebody else has just written one
}

func (v *Vault) openUse(item store.Item) (LastUse, bool) {
	if len(item.Value) == 0 {
		return LastUse{}, false
	}
	plain, err := v.keyring.Open(item.Value, item.Key, item.Version)
	var use LastUse
	return use, err == nil && json.Unmarshal(plain, &use) == nil
}

// LastUse returns who has last used a stored credential; the zero value where
// nobody has, as far as is known.
func (v *Vault) LastUse(ctx context.Context, name string) (LastUse, error) {
	item, err := v.store.Get(ctx, usagePrefix+name)
	if errors.Is(err, store.ErrNotFound) {
		return LastUse{}, nil
	}
	use, _ := v.openUse(item)
	return use, err
}

// LastUses returns who has last used each stored credential, by its name.
func (v *Vault) LastUses(ctx context.Context) (map[string]LastUse, error) {
	uses := map[string]LastUse{}
	err := store.Each(ctx, v.store, usagePrefix, func(item store.Item) error {
		if use, ok := v.openUse(item); ok {
			uses[strings.TrimPrefix(item.Key, usagePrefix)] = use
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list uses: %w", err)
	}
	return uses, nil
}
