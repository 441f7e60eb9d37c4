package auth

import (
	"context"
	"strings"
	"time"

	"toolvault/vault/store"
)

// follow keeps what is in memory equal to what is in the store until ctx ends,
// which is no error. load("") must read everything, load(key) one record whose
// key begins with one of the prefixes. A load that fails is reported and tried
// again, as a whole, until it succeeds: what another process revoked must not be
// missed because the store was away for a moment.
func follow(ctx context.Context, st store.Store, prefixes []string, load func(ctx context.Context, key string) error, report func(error)) error {
	for ctx.Err() == nil {
		// Watch first, then read: what happens in between is seen twice, not never.
		events := st.Watch(ctx)
		settle(ctx, "", load, report)
		for event := range events {
			if event.Key == "" || hasPrefix(event.Key, prefixes) {
				settle(ctx, event.Key, load, report)
			}
		}
		// The channel closes only when ctx ends; a store that closes it early
		// is asked again, but not in a tight loop.
		pause(ctx, 100*time.Millisecond)
	}
	return nil
}

func settle(ctx context.Context, key string, load func(ctx context.Context, key string) error, report func(error)) {
	for wait := 50 * time.Millisecond; ctx.Err() == nil; wait = min(2*wait, time.Second) {
		err := load(ctx, key)
		if err == nil || ctx.Err() != nil {
			return
		}
		report(err)
		pause(ctx, wait)
		key = ""
	}
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

func hasPrefix(key string, prefixes []string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(key, p) {
			return true
		}
	}
	return false
}
