package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// Tail calls fn for the last entries, oldest first, and, with follow, for each
// that any process appends, until the context ends (which is then no error) or
// fn returns one. A write that has not ended is shown once as pending if it is
// among the last, and again when it ends or becomes unknown; one that begins
// later is shown when it ends.
func Tail(ctx context.Context, dir string, last int, follow bool, fn func(Entry) error) error {
	t := tail{fn: fn, open: map[string]openIntent{}, now: time.Now}
	size, _, err := Newest(dir)
	if err != nil {
		return err
	}
	if last > 0 {
		if err := t.begin(ctx, dir, last, size); err != nil {
			return err
		}
	}
	if !follow {
		return nil
	}
	return (&follower{dir: dir, from: size, idle: t.expire}).run(ctx, t.take)
}

// openIntent is a write that has not ended.
type openIntent struct {
	raw   Raw
	until time.Time
}

type tail struct {
	fn   func(Entry) error
	open map[string]openIntent
	now  func() time.Time
}

// begin shows the last entries of the first size records.
func (t *tail) begin(ctx context.Context, dir string, last int, size int64) error {
	list, err := query(ctx, dir, Filter{Limit: last, below: size}, t.now())
	if err != nil {
		return err
	}
	for _, e := range slices.Backward(list) {
		if e.Status == StatusPending {
			leaf, err := json.Marshal(e.Record)
			if err != nil {
				return fmt.Errorf("audit log: %w", err)
			}
			t.hold(e.CallID, Raw{Index: e.Index, Leaf: leaf}, lastMoment(e.Time, e.Deadline))
		}
		if err := t.fn(e); err != nil {
			return err
		}
	}
	return nil
}

func (t *tail) hold(id string, r Raw, until time.Time) {
	if len(t.open) < maxOpen {
		t.open[id] = openIntent{r, until}
	}
}

func (t *tail) take(list []Raw) error {
	for _, r := range list {
		if err := t.record(r); err != nil {
			return err
		}
	}
	return nil
}

func (t *tail) record(r Raw) error {
	var g glance
	if json.Unmarshal(r.Leaf, &g) != nil {
		return nil
	}
	switch g.Phase {
	case PhaseIntent:
		t.hold(g.CallID, r.Clone(), lastMoment(g.Time, g.Deadline))
		return nil
	case PhaseOutcome:
		if o, ok := t.open[g.CallID]; ok {
			delete(t.open, g.CallID)
			return t.show(o.raw, r)
		}
	}
	return t.show(r, Raw{})
}

// expire shows the writes that are past their time.
func (t *tail) expire() error {
	now := t.now()
	for id, o := range t.open {
		if now.After(o.until) {
			delete(t.open, id)
			if err := t.show(o.raw, Raw{}); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *tail) show(r, outcome Raw) error {
	e, err := Join(r, outcome, t.now())
	if err != nil {
		return nil // not of our making: Verify names it
	}
	return t.fn(e)
}
