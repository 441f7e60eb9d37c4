package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"
)

const tailEvery = 200 * time.Millisecond

// Tail calls fn for the last entries, oldest first, and, with follow, for each
// that any process appends, until the context ends (which is then no error) or
// fn returns one. A write that has not ended is shown once as pending if it is
// among the last, and again when it ends or becomes unknown; one that begins
// later is shown when it ends.
func Tail(ctx context.Context, dir string, last int, follow bool, fn func(Entry) error) error {
	t := tail{dir: dir, fn: fn, open: map[string]openIntent{}, now: time.Now}
	var list []Entry
	var err error
	if last > 0 {
		list, t.at, err = query(ctx, dir, Filter{Limit: last}, t.now())
	} else {
		t.at, err = endOf(dir)
	}
	if err != nil {
		return err
	}
	for _, e := range slices.Backward(list) {
		if e.Status == StatusPending {
			line, err := json.Marshal(e.Record)
			if err != nil {
				return fmt.Errorf("audit log: %w", err)
			}
			t.hold(e.CallID, line, lastMoment(e.Time, e.Deadline))
		}
		if err := fn(e); err != nil {
			return err
		}
	}
	if !follow {
		return nil
	}
	tick := time.NewTicker(tailEvery)
	defer tick.Stop()
	for {
		if err := t.poll(ctx); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// openIntent is a write that has not ended.
type openIntent struct {
	line  []byte
	until time.Time
}

type tail struct {
	dir  string
	at   place
	fn   func(Entry) error
	open map[string]openIntent
	now  func() time.Time
}

func (t *tail) hold(id string, line []byte, until time.Time) {
	if len(t.open) < maxOpen {
		t.open[id] = openIntent{line, until}
	}
}

// poll shows what has been appended since, and writes that are past their time.
func (t *tail) poll(ctx context.Context) error {
	for {
		next, err := t.segment(ctx)
		if err != nil {
			return err
		}
		if next == t.at.segment {
			break
		}
		t.at = place{next, 0}
	}
	now := t.now()
	for id, o := range t.open {
		if now.After(o.until) {
			delete(t.open, id)
			if err := t.show(o.line, nil); err != nil {
				return err
			}
		}
	}
	return nil
}

// segment reads the whole batches that the current segment has got, and returns
// the segment to go on with.
func (t *tail) segment(ctx context.Context) (next int64, err error) {
	// Listed before the segment is read: what is then behind its end has been
	// written before a later segment was begun.
	list, err := segments(t.dir)
	if err != nil {
		return 0, err
	}
	next = t.at.segment
	if i, _ := slices.BinarySearch(list, t.at.segment+1); i < len(list) {
		next = list[i]
	}
	f, err := os.Open(segmentPath(t.dir, t.at.segment))
	if errors.Is(err, fs.ErrNotExist) {
		return next, nil // not yet begun, or taken away
	}
	if err != nil {
		return 0, fmt.Errorf("audit log: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return 0, fmt.Errorf("audit log: %w", err)
	}
	// A batch that could not be made durable is taken back to where it began.
	t.at.offset = min(t.at.offset, info.Size())
	if t.at.offset == info.Size() {
		return next, nil
	}
	in := readLines(f, t.at.offset, info.Size())
	var batch [][]byte
	for {
		line, err := in.next()
		if errors.Is(err, errLongLine) {
			continue
		}
		if err != nil {
			return next, nil
		}
		switch {
		case len(line) == 0:
		case line[0] == '{' && len(batch) < maxBatch:
			batch = append(batch, slices.Clone(line))
		case line[0] == '"':
			for _, line := range batch {
				if err := ctx.Err(); err != nil {
					return 0, err
				}
				if err := t.line(line); err != nil {
					return 0, err
				}
			}
			batch, t.at.offset = nil, in.off
		}
	}
}

func (t *tail) line(line []byte) error {
	var g glance
	if json.Unmarshal(line, &g) != nil {
		return nil
	}
	switch g.Phase {
	case PhaseIntent:
		t.hold(g.CallID, line, lastMoment(g.Time, g.Deadline))
		return nil
	case PhaseOutcome:
		if o, ok := t.open[g.CallID]; ok {
			delete(t.open, g.CallID)
			return t.show(o.line, line)
		}
	}
	return t.show(line, nil)
}

func (t *tail) show(line, outcome []byte) error {
	e, err := join(line, outcome, t.now())
	if err != nil {
		return nil // not of our making: Verify names it
	}
	return t.fn(e)
}

// endOf is the place behind the last whole batch.
func endOf(dir string) (place, error) {
	list, err := segments(dir)
	if err != nil || len(list) == 0 {
		return place{}, err
	}
	last := list[len(list)-1]
	q := scanBack{stop: true}
	offset, err := q.segment(context.Background(), segmentPath(dir, last))
	return place{last, offset}, err
}
