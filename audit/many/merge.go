package many

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"toolvault/audit"
)

// Oldest calls fn for the entries of all logs, the oldest first by their time;
// within a log they keep its own order. f.Limit counts over all of them. An error
// of fn ends it and is returned; one of a log names the log.
func (l Logs) Oldest(ctx context.Context, f audit.Filter, fn func(Entry) error) error {
	return l.merge(ctx, f, fn, func(l Log) Read { return l.Oldest }, func(a, b audit.Entry) bool { return a.Time.Before(b.Time) })
}

// Newest is Oldest with the newest first.
func (l Logs) Newest(ctx context.Context, f audit.Filter, fn func(Entry) error) error {
	return l.merge(ctx, f, fn, func(l Log) Read { return l.Newest }, func(a, b audit.Entry) bool { return a.Time.After(b.Time) })
}

// Logs are read as one.
type Logs []Log

// head is the entry that a log gives next.
type head struct {
	name  string
	entry audit.Entry
	next  func() (audit.Entry, error, bool)
}

func (l Logs) merge(ctx context.Context, f audit.Filter, fn func(Entry) error, of func(Log) Read, before func(a, b audit.Entry) bool) error {
	if len(l) == 1 { // its name says nothing
		return of(l[0])(ctx, f, func(e audit.Entry) error { return fn(Entry{Entry: e}) })
	}
	var heads []*head // a few: the least is found by looking at each
	for _, log := range l {
		next, stop := iter.Pull2(pull(ctx, f, of(log)))
		defer stop()
		h := &head{name: log.Name, next: next}
		ok, err := h.advance()
		if err != nil {
			return err
		}
		if ok {
			heads = append(heads, h)
		}
	}
	for given := 0; len(heads) > 0; given++ {
		if f.Limit > 0 && given >= f.Limit {
			return nil
		}
		first := 0
		for i, h := range heads {
			if before(h.entry, heads[first].entry) {
				first = i
			}
		}
		h := heads[first]
		if err := fn(Entry{h.name, h.entry}); err != nil {
			return err
		}
		ok, err := h.advance()
		if err != nil {
			return err
		}
		if !ok {
			heads = append(heads[:first], heads[first+1:]...)
		}
	}
	return nil
}

func (h *head) advance() (bool, error) {
	e, err, ok := h.next()
	if err != nil {
		return false, fmt.Errorf("log %s: %w", h.name, err)
	}
	h.entry = e
	return ok, nil
}

// pull turns a Read inside out.
func pull(ctx context.Context, f audit.Filter, read Read) iter.Seq2[audit.Entry, error] {
	return func(yield func(audit.Entry, error) bool) {
		err := read(ctx, f, func(e audit.Entry) error {
			if !yield(e, nil) {
				return errEnd
			}
			return nil
		})
		if err != nil && !errors.Is(err, errEnd) {
			yield(audit.Entry{}, err)
		}
	}
}
