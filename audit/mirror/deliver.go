package mirror

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	// refusedInARow is how many single records are passed over before the place must
	// show that it takes others.
	refusedInARow = 16

	longestWait = time.Hour // that a place may ask for

	// widenAfter is how many lots in a row must be taken before larger ones are
	// tried again.
	widenAfter = 64
)

// deliver sends a lot until the place has it, in pieces where it must. It returns a
// *Behind, or the context's error.
func (m *Mirror) deliver(ctx context.Context, lot Lot) error {
	if n := len(lot.Records); m.most > 0 && n > m.most {
		return m.halved(ctx, lot)
	}
	for try := 0; ; try++ {
		err := m.attempt(ctx, lot)
		if err == nil {
			m.took(lot)
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		m.failed()
		wait := m.Wait(try)
		var (
			later    *Later
			tooLarge *TooLarge
			refused  *Refused
			partly   *Partly
			closed   *Closed
			behind   *Behind
		)
		switch {
		case errors.As(err, &behind) && behind.Next < lot.First:
			return behind
		case errors.As(err, &partly):
			m.outage.end()
			m.inARow = 0
			return m.refuse(ctx, Refusal{m.Name, lot.First, lot.End, partly.Rejected, err}, nil)
		case errors.As(err, &tooLarge) && len(lot.Records) > 1:
			m.most, m.taken = (len(lot.Records)+1)/2, 0
			return m.halved(ctx, lot)
		case errors.As(err, &refused) && len(lot.Records) > 1:
			return m.halved(ctx, lot)
		case (errors.As(err, &tooLarge) || errors.As(err, &refused)) && len(lot.Records) == 1:
			if m.inARow < refusedInARow || m.takesOthers(ctx) {
				m.inARow++
				m.most = 0 // it was this record that was too large, not the number of them
				r := &lot.Records[0]
				return m.refuse(ctx, Refusal{m.Name, r.Index, r.Index + 1, 1, err}, r)
			}
			err = &Closed{fmt.Errorf("it has refused %d records in a row, each by itself, and none is passed over any more: %w", m.inARow, err)}
			wait = m.Pause
		case errors.As(err, &closed):
			wait = m.Pause
		case errors.As(err, &later):
			wait = max(wait, min(later.After, longestWait))
		}
		m.outage.begin(err)
		if !sleep(ctx, wait) {
			return context.Cause(ctx)
		}
		if closed != nil {
			m.close()
		}
	}
}

func (m *Mirror) halved(ctx context.Context, lot Lot) error {
	left, right := lot.halves()
	if err := m.deliver(ctx, left); err != nil {
		return err
	}
	return m.deliver(ctx, right)
}

// took notes that the place has taken a lot.
func (m *Mirror) took(lot Lot) {
	m.outage.end()
	n := len(lot.Records)
	if n == 0 {
		return
	}
	m.inARow, m.good = 0, &lot.Records[n-1]
	if m.taken++; m.most > 0 && m.taken >= widenAfter {
		if m.most, m.taken = 2*m.most, 0; m.most >= 1024 {
			m.most = 0
		}
	}
}

// takesOthers tells a place that refuses records for what they hold from one that
// refuses everything: it is sent once more what it has taken before, which it knows
// by its id.
func (m *Mirror) takesOthers(ctx context.Context) bool {
	if m.good == nil {
		return false
	}
	good := Lot{Log: m.Log, First: m.good.Index, End: m.good.Index + 1, Records: []Record{*m.good}, Mark: m.good.Digest}
	if m.attempt(ctx, good) != nil {
		return false
	}
	m.inARow = 0
	return true
}

// refuse tells of records that are passed over, by the place or because they are not
// there any more; r is the record where it is one.
func (m *Mirror) refuse(ctx context.Context, what Refusal, r *Record) error {
	m.outage.logger.Error("records are passed over: the mirror does not get them", "first", what.First, "last", what.End-1, "records", what.Count, "error", what.Reason)
	if m.Refused == nil || r != nil && isRefusal(r) {
		return nil
	}
	for try := 0; ; try++ {
		err := m.Refused(ctx, what)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		m.outage.begin(fmt.Errorf("what it has refused cannot be recorded: %w", err))
		if !sleep(ctx, m.Wait(try)) {
			return context.Cause(ctx)
		}
	}
}

func isRefusal(r *Record) bool {
	rec, err := r.Decode()
	return err == nil && rec.Event == EventRefused
}

// attempt is one Send. A sink that does not keep to its context, such as a file on a
// dead network share, is waited for, since it may still succeed; but not when the
// program stops.
func (m *Mirror) attempt(ctx context.Context, lot Lot) error {
	if m.sink == nil {
		sink, err := m.Open()
		if err != nil {
			return &Closed{err}
		}
		m.sink = sink
	}
	sink := m.sink
	bounded, cancel := context.WithTimeout(ctx, m.Patience)
	done := make(chan error, 1)
	go func() { // ends with Send
		defer cancel()
		done <- sink.Send(bounded, lot)
	}()
	overdue := time.NewTimer(m.Patience + grace)
	defer overdue.Stop()
	for {
		select {
		case err := <-done:
			return err
		case <-overdue.C:
			m.outage.begin(fmt.Errorf("it has hung for %v", m.Patience+grace))
		case <-ctx.Done():
			last := time.NewTimer(grace)
			defer last.Stop()
			select {
			case err := <-done:
				return err
			case <-last.C:
				m.abandoned = true
				return context.Cause(ctx)
			}
		}
	}
}
