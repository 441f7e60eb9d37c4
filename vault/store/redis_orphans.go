package store

import (
	"context"
	"sync"
	"time"
)

// maxOrphans bounds how many leases are remembered to be let go; one above it
// ends by itself.
const maxOrphans = 4096

// orphans are leases that nobody holds and the server may nevertheless have
// granted or kept: the request for it, or the one to let it go, was sent and not
// answered. A server that hangs takes both up when it goes on, and the name
// would be blocked for a whole term.
type orphans struct {
	release func(ctx context.Context, name, mark string) error
	closed  <-chan struct{}

	mu    sync.Mutex
	all   map[orphan]time.Time // until when to try
	swept bool                 // a sweep is under way
}

type orphan struct{ name, mark string }

// add has the lease let go as soon as the server answers. It takes two answers,
// a second apart: the request that made it may still be on the way at the first.
func (o *orphans) add(name, mark string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.all) >= maxOrphans {
		return
	}
	o.all[orphan{name, mark}] = time.Now().Add(maxLease)
	if !o.swept {
		o.swept = true
		go o.sweep()
	}
}

// sweep ends when there is nothing left to let go, or the store is closed.
func (o *orphans) sweep() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		select {
		case <-o.closed:
			cancel()
		case <-ctx.Done():
		}
	}()
	answered := map[orphan]int{}
	for {
		if sleep(ctx, time.Second) != nil {
			return
		}
		for _, one := range o.due(answered) {
			if o.release(ctx, one.name, one.mark) != nil {
				break // the others would wait as long for nothing
			}
			answered[one]++
		}
		o.mu.Lock()
		if len(o.all) == 0 {
			o.swept = false
			o.mu.Unlock()
			return
		}
		o.mu.Unlock()
	}
}

// due forgets what has been let go or has ended by itself, and returns the rest.
func (o *orphans) due(answered map[orphan]int) []orphan {
	o.mu.Lock()
	defer o.mu.Unlock()
	var rest []orphan
	for one, until := range o.all {
		if answered[one] >= 2 || time.Now().After(until) {
			delete(o.all, one)
			delete(answered, one)
			continue
		}
		rest = append(rest, one)
	}
	return rest
}
