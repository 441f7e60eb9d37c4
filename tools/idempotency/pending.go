package idempotency

import (
	"context"
	"errors"
	"time"

	"toolvault/vault/store"
)

// ending is how a call of this process has ended.
type ending struct {
	callID string
	done   *entry    // nil: nothing was done, and the key is free
	absent time.Time // until then, a claim that is not there may yet come to be
	until  time.Time // of no use afterwards
}

// late is how much later than its error a write may be done.
const late = 30 * time.Second

// maxPending bounds the memory for endings that could not be written, at 200 kB
// each.
const maxPending = 256

// postpone remembers an ending that could not be written. Where there are too
// many the new one is forgotten: its call will be said to be unknown.
func (l *Ledger) postpone(name string, e ending) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.pending) < maxPending {
		l.pending[name] = e
	}
}

// catchUp writes the ending of the name that could not be written before, if
// there is one.
func (l *Ledger) catchUp(ctx context.Context, name string) {
	l.mu.Lock()
	e, ok := l.pending[name]
	l.mu.Unlock()
	if !ok {
		return
	}
	found, err := l.settle(ctx, name, e)
	if err != nil || !found && l.Now().Before(e.absent) {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.pending[name].callID == e.callID {
		delete(l.pending, name)
	}
}

// catchUpAll does so for every name.
func (l *Ledger) catchUpAll(ctx context.Context) {
	now := l.Now()
	l.mu.Lock()
	names := make([]string, 0, len(l.pending))
	for name, e := range l.pending {
		if now.After(e.until) {
			delete(l.pending, name)
		} else {
			names = append(names, name)
		}
	}
	l.mu.Unlock()
	for _, name := range names {
		l.catchUp(ctx, name)
	}
}

// settle ends the claim of the call wherever it stands now, and reports whether
// it was there. A claim that is not, or is another call's, needs no end.
func (l *Ledger) settle(ctx context.Context, name string, end ending) (found bool, err error) {
	for {
		item, err := l.Store.Get(ctx, name)
		if errors.Is(err, store.ErrNotFound) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		e, err := l.open(item)
		if err != nil {
			return false, err
		}
		if e.CallID != end.callID || e.Done {
			return e.CallID == end.callID, nil
		}
		err = l.write(ctx, name, item.Version, end.done)
		if !errors.Is(err, store.ErrConflict) && !errors.Is(err, store.ErrNotFound) {
			return err == nil, err
		}
	}
}
