package monitor

import (
	"context"
	"errors"
	"time"

	"toolvault/audit"
)

// Replay judges the records of a log that lie between two times, as a Monitor with
// the settings would have that had learned from all before, and calls fn with what
// it would have told. A zero to is the end of the log. step, which may be nil,
// hears the index that comes next. Nothing is changed. It returns how many records
// were judged.
func Replay(ctx context.Context, dir string, s Settings, from, to time.Time, fn func(Finding) error, step func(next int64)) (judged int64, err error) {
	size, _, err := audit.Newest(dir)
	if err != nil {
		return 0, err
	}
	begin, err := indexAt(dir, size, from.Add(-learnFrom))
	if err != nil {
		return 0, err
	}
	j := NewJudge(s)
	learning := true
	var last time.Time
	_, err = audit.Scan(ctx, dir, begin, func(r audit.Raw) error {
		var t seen
		if t.read(r) {
			last = t.time
		}
		if !to.IsZero() && !last.Before(to) {
			return errEnough
		}
		if learning && !last.Before(from) {
			learning = false
			j.forget()
		}
		found := j.Observe(r)
		if step != nil && r.Index%4096 == 0 {
			step(r.Index)
		}
		if learning {
			return nil
		}
		judged++
		return each(found, fn)
	})
	if err != nil && !errors.Is(err, errEnough) {
		return judged, err
	}
	if to.IsZero() {
		to = last
	}
	return judged, each(j.Tick(to), fn)
}

func each(found []Finding, fn func(Finding) error) error {
	for _, f := range found {
		if err := fn(f); err != nil {
			return err
		}
	}
	return nil
}
