package idempotency

import (
	"context"
	"errors"
	"fmt"
	"time"

	"toolvault/vault/store"
)

// First is the outcome of the call that had the key first.
type First struct {
	CallID   string
	Begun    time.Time
	Outcome  []byte // as it was kept
	TooLarge int    // bytes of an outcome that was too large to keep; 0: it is in Outcome
}

// OtherError says that the key belongs to a call that does something else.
type OtherError struct{ CallID string }

func (e *OtherError) Error() string {
	return "the idempotency key belongs to call " + e.CallID + ", which does something else"
}

// UnknownError says that the call that had the key first ended without an
// outcome: its process died. It may have been done.
type UnknownError struct {
	CallID string
	Begun  time.Time
}

func (e *UnknownError) Error() string {
	return fmt.Sprintf("the outcome of call %s, begun %s, is unknown", e.CallID, e.Begun.UTC().Format(time.RFC3339))
}

// BusyError says that the first call was still under way when the time to wait
// for it was up.
type BusyError struct {
	CallID string
	Begun  time.Time
}

func (e *BusyError) Error() string { return "call " + e.CallID + " is still under way" }

// Claim is the right, and the only one, to do what a key stands for. It has to
// end in Keep or Release.
type Claim struct {
	ledger  *Ledger
	name    string
	version int64
	entry   entry
}

// Begin claims the key, durably, or returns the outcome of the call that has it,
// for which it waits as long as ctx lets it. Exactly one of the three results is
// not nil. The errors: *OtherError, *UnknownError, *BusyError, ErrUnreadable,
// those of the store, and the context's when it is cancelled. None leaves a claim
// behind; one that the store has kept in spite of its error is taken back as soon
// as the store answers.
func (l *Ledger) Begin(ctx context.Context, w Write) (*Claim, *First, error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, fmt.Errorf("idempotency: %w", err)
	}
	c := &Claim{ledger: l, name: w.name(), version: 1, entry: entry{
		Digest: w.digest(), CallID: w.CallID, Begun: l.Now().UTC(), Deadline: w.Deadline.UTC(),
	}}
	// Nearly always the key is new: to write at once spares the reading.
	for {
		err := c.put(ctx)
		if err == nil {
			return c, nil, nil
		}
		if !errors.Is(err, store.ErrConflict) {
			return nil, nil, err
		}
		first, err := c.wait(ctx)
		switch {
		case err != nil:
			return nil, nil, err
		case first == nil: // the key is free
			c.entry.Begun = l.Now().UTC()
		case first.CallID == w.CallID: // the store had written it, and was asked again
			return c, nil, nil
		default:
			return nil, first, nil
		}
	}
}

// put writes the claim. It does not end with the caller's context: a write that
// is broken off may have been done, and would stand for a call that is none.
func (c *Claim) put(ctx context.Context) error {
	item, err := c.ledger.seal(&c.entry, c.name, c.version)
	if err != nil {
		return err
	}
	err = c.ledger.Store.Put(context.WithoutCancel(ctx), item, nil)
	if err != nil && !errors.Is(err, store.ErrConflict) {
		// It may stand, and it may come to stand a moment later.
		now := c.ledger.Now()
		c.ledger.postpone(c.name, ending{callID: c.entry.CallID, absent: now.Add(late), until: now.Add(Kept)})
	}
	return err
}

// wait reads who has the key until he has an outcome, or is this very call. Both
// results are nil when the key is free. It sets the version to go on from.
func (c *Claim) wait(ctx context.Context) (*First, error) {
	var last *entry
	for pause := shortestPause; ; pause = min(2*pause, longestPause) {
		c.ledger.catchUp(ctx, c.name)
		rung, leave := c.ledger.listen(c.name) // before reading, so that no end is missed
		e, first, err := c.look(ctx)
		if err == nil && first == nil && e != nil {
			last = e
			err = sleep(ctx, rung, pause)
		}
		leave()
		switch {
		case err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) && last != nil:
			return nil, &BusyError{last.CallID, last.Begun}
		case err != nil && ctx.Err() != nil:
			return nil, fmt.Errorf("idempotency: %w", ctx.Err())
		case err != nil || first != nil || e == nil:
			return first, err
		}
	}
}

// look reads who has the key now: first if that is settled, else the entry of
// the call under way, or nothing.
func (c *Claim) look(ctx context.Context) (*entry, *First, error) {
	item, err := c.ledger.Store.Get(ctx, c.name)
	if errors.Is(err, store.ErrNotFound) {
		c.version = item.Version + 1
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	e, err := c.ledger.open(item)
	if err != nil {
		return nil, nil, err
	}
	now := c.ledger.Now()
	switch {
	case e.CallID == c.entry.CallID:
		c.version = item.Version
		return nil, &First{CallID: e.CallID}, nil
	case e.expired(now):
		c.version = item.Version + 1
		return nil, nil, nil
	case e.Digest != c.entry.Digest:
		return nil, nil, &OtherError{e.CallID}
	case e.Done:
		return nil, &First{CallID: e.CallID, Begun: e.Begun, Outcome: e.outcome, TooLarge: e.TooLarge}, nil
	case e.dead(now):
		return nil, nil, &UnknownError{e.CallID, e.Begun}
	}
	return e, nil, nil
}

// Keep puts the outcome in the place of the claim, durably. After an error it is
// still kept as soon as the store answers, by Run or by whoever asks, in this
// process; meanwhile others take the call for one under way, and then for
// unknown.
func (c *Claim) Keep(ctx context.Context, outcome []byte) error {
	done := c.entry
	done.Done, done.outcome = true, outcome
	if len(outcome) > MaxOutcome {
		done.outcome, done.TooLarge = nil, len(outcome)
	}
	return c.end(ctx, &done)
}

// Release frees the key, since nothing was done. After an error, as Keep.
func (c *Claim) Release(ctx context.Context) error { return c.end(ctx, nil) }

func (c *Claim) end(ctx context.Context, done *entry) error {
	l := c.ledger
	defer l.ring(c.name)
	e := ending{callID: c.entry.CallID, done: done, until: c.entry.Begun.Add(Kept)}
	err := l.write(ctx, c.name, c.version, done)
	if errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrNotFound) {
		_, err = l.settle(ctx, c.name, e) // it may have been sealed anew meanwhile
	}
	if err != nil {
		l.postpone(c.name, e)
	}
	return err
}

// write puts done in the place of what stands at the version, or nothing.
func (l *Ledger) write(ctx context.Context, name string, version int64, done *entry) error {
	if done == nil {
		return l.Store.Delete(ctx, name, version)
	}
	item, err := l.seal(done, name, version+1)
	if err != nil {
		return err
	}
	return l.Store.Put(ctx, item, nil)
}
