package limits

import (
	"context"
	"sync/atomic"
	"time"
)

// resync is how old what is known of the store's clock may be when a slice is
// leased.
const resync = 10 * time.Second

// clock is the store's, which all who share it read alike: machines whose own
// clocks disagree agree on when a window ends. Between two looks at it time is
// measured by how much has passed here, so that a step of this machine's clock
// changes nothing.
type clock struct {
	store Store
	local func() time.Time
	last  atomic.Pointer[look]
}

type look struct{ here, there time.Time }

// now is the time; before the first look, this machine's.
func (c *clock) now() time.Time {
	here := c.local()
	if l := c.last.Load(); l != nil {
		return l.there.Add(here.Sub(l.here))
	}
	return here
}

// look asks the store what time it is, if that was not done lately. An error counts
// only before the first answer.
func (c *clock) look(ctx context.Context) error {
	before := c.local()
	last := c.last.Load()
	if last != nil && before.Sub(last.here) < resync {
		return nil
	}
	there, err := c.store.Now(ctx)
	if err != nil && last == nil {
		return err
	}
	if err == nil {
		c.last.Store(&look{here: before.Add(c.local().Sub(before) / 2), there: there})
	}
	return nil
}
