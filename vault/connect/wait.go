package connect

import (
	"context"
	"errors"
	"time"
)

// Wait returns how a ticket ended. It is woken when that happens in any process.
// The error is ErrEnded for a ticket that was dropped, or that of ctx.
func (c *Connector) Wait(ctx context.Context, id string) (Result, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	changed := c.Store.Watch(ctx)
	again := time.NewTimer(0)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return Result{}, ctx.Err()
		case e, ok := <-changed:
			if !ok {
				changed = nil
				continue
			}
			if e.Key != "" && e.Key != ticketPrefix+id {
				continue
			}
		case <-again.C:
		}
		t, _, err := c.ticket(ctx, id)
		switch {
		case errors.Is(err, ErrEnded):
			return Result{}, err
		case err != nil && ctx.Err() == nil:
			again.Reset(time.Second) // the store is away: it comes back, or ctx ends
			continue
		case err != nil:
			return Result{}, ctx.Err()
		case t.Result != nil:
			return *t.Result, nil
		case !t.open(c.Now()):
			return Result{Outcome: OutcomeExpired, Reason: expiredReason, Todo: expiredTodo}, nil
		}
		again.Reset(max(time.Second, t.Expires.Sub(c.Now())))
	}
}
