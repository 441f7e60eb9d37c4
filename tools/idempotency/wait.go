package idempotency

import (
	"context"
	"time"
)

// How often a call that waits for one of another process looks. One of this
// process rings.
const (
	shortestPause = 10 * time.Millisecond
	longestPause  = 250 * time.Millisecond
)

// bell rings once, for all who listen.
type bell struct {
	rung      chan struct{}
	listeners int
}

// listen returns what is closed at the next ring of the name; leave has to be
// called.
func (l *Ledger) listen(name string) (rung <-chan struct{}, leave func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.bells[name]
	if b == nil {
		b = &bell{rung: make(chan struct{})}
		l.bells[name] = b
	}
	b.listeners++
	return b.rung, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if b.listeners--; b.listeners == 0 && l.bells[name] == b {
			delete(l.bells, name)
		}
	}
}

func (l *Ledger) ring(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if b := l.bells[name]; b != nil {
		close(b.rung)
		delete(l.bells, name)
	}
}

// sleep waits for the ring, the time or the end of the context, whose error it
// returns.
func sleep(ctx context.Context, rung <-chan struct{}, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-rung:
	case <-t.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}
