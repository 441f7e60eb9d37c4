package store

import (
	"context"
	"sync"
	"time"
)

// Warnings says, a sentence each, in what way the store is set up to promise
// less than the contract: that a write may be lost after it was acknowledged, or
// a record thrown out. It is for the log at the start. Nil: nothing is known to
// be wrong, which is all that can be said where the server does not tell.
func Warnings(ctx context.Context, s Store) []string {
	where, found := warningsOf(ctx, s)
	for i := range found {
		found[i] = where + ": " + found[i]
	}
	return found
}

func warningsOf(ctx context.Context, s Store) (where string, found []string) {
	if w, ok := s.(interface {
		warnings(context.Context) (string, []string)
	}); ok {
		return w.warnings(ctx)
	}
	return "", nil
}

const (
	warnedFor     = time.Minute
	warnedWaiting = time.Second
)

// Warner is Warnings for who asks all the time, such as a probe, and may be
// anybody: the sentences do not say where the store is.
type Warner struct {
	store Store
	now   func() time.Time

	mu    sync.Mutex
	asked time.Time
	last  []string
}

// NewWarner returns one that has not asked yet; now is time.Now.
func NewWarner(s Store, now func() time.Time) *Warner { return &Warner{store: s, now: now} }

// Warnings asks the store once a minute at most, and waits for its answer one
// second at most. Meanwhile, and where the answer does not come, it returns what
// was said last.
func (w *Warner) Warnings(ctx context.Context) []string {
	w.mu.Lock()
	if now := w.now(); w.asked.IsZero() || now.Sub(w.asked) >= warnedFor {
		w.asked = now
		w.mu.Unlock()
		ctx, cancel := context.WithTimeout(ctx, warnedWaiting)
		defer cancel()
		_, found := warningsOf(ctx, w.store)
		w.mu.Lock()
		if ctx.Err() == nil {
			w.last = found
		}
	}
	defer w.mu.Unlock()
	return w.last
}
