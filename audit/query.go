package audit

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

const (
	// clockSlack is how much older a record may be than one before it, by
	// clocks that were set and processes that took turns: Query looks that much
	// further back than Filter.Since.
	clockSlack = time.Hour
	// maxOpen bounds the outcomes that wait for their intent, and the reverse.
	maxOpen = 100_000
)

// Query returns the entries that the filter selects, newest first by the time
// they began. It reads from the end, as far back as it has to, beside writers
// and without the key: it shows what stands in the log, Verify whether that is
// true. Records that no checkpoint covers are not shown.
func Query(ctx context.Context, dir string, f Filter) ([]Entry, error) {
	return query(ctx, dir, f, time.Now())
}

func query(ctx context.Context, dir string, f Filter, now time.Time) ([]Entry, error) {
	segs, err := segments(dir)
	if err != nil {
		return nil, err
	}
	q := scanBack{filter: f, needles: f.needles(), now: now, outcomes: map[string]Raw{}}
	for _, first := range slices.Backward(segs) {
		if err := q.segment(ctx, dir, first); err != nil {
			return nil, err
		}
		if q.done {
			break
		}
	}
	if !q.done {
		q.orphans()
	}
	return q.list, nil
}

type scanBack struct {
	filter   Filter
	needles  [][]byte
	now      time.Time
	outcomes map[string]Raw // by call id, whose intent has not been met
	body     []byte         // of the record whose line comes next
	list     []Entry
	done     bool
}

// segment reads one segment from its end.
func (q *scanBack) segment(ctx context.Context, dir string, first int64) error {
	s, err := openSegment(dir, first)
	if err != nil {
		return err
	}
	defer s.close()
	in := s.back()
	covered := false
	q.body = nil
	for n := 0; !q.done; n++ {
		if n%1024 == 0 && ctx.Err() != nil {
			return fmt.Errorf("audit log: %w", context.Cause(ctx))
		}
		line, err := in.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("audit log: read %s: %w", s.name(), err)
		}
		if len(line) == 0 {
			continue
		}
		switch {
		case line[0] == '"':
			covered = true
		case covered && line[0] == '{':
			q.line(Raw{Leaf: line, Body: q.body})
			q.body = nil
		case covered && isBodyLine(line):
			body, _ := parseBodyLine(line)
			q.body = bytes.Clone(body)
		}
	}
	return nil
}

// line takes in one record; what cannot be read is for Verify to name.
func (q *scanBack) line(r Raw) {
	if index, ok := leafIndex(r.Leaf); ok {
		if r.Index = index; q.filter.below > 0 && index >= q.filter.below {
			return
		}
	}
	phase, id, ok := quickPhase(r.Leaf)
	callID := string(id)
	if !ok {
		var g glance
		if json.Unmarshal(r.Leaf, &g) != nil {
			return
		}
		phase, callID = g.Phase, g.CallID
	}
	switch phase {
	case PhaseOutcome:
		if _, ok := q.outcomes[callID]; !ok && len(q.outcomes) < maxOpen {
			q.outcomes[callID] = r.Clone()
		}
	case PhaseIntent:
		outcome := q.outcomes[callID]
		delete(q.outcomes, callID)
		q.entry(r, outcome)
	default:
		q.entry(r, Raw{})
	}
}

func (q *scanBack) entry(r, outcome Raw) {
	for _, n := range q.needles {
		if !r.holds(n) && !outcome.holds(n) {
			if !q.filter.Since.IsZero() && tooOld(r.Leaf, q.filter.Since) {
				q.done = true
			}
			return
		}
	}
	e, err := Join(r, outcome, q.now)
	if err != nil {
		return
	}
	if !q.filter.Since.IsZero() && e.Time.Before(q.filter.Since.Add(-clockSlack)) {
		q.done = true
		return
	}
	if q.filter.Match(&e) {
		q.list = append(q.list, e)
		q.done = q.filter.Limit > 0 && len(q.list) >= q.filter.Limit
	}
}

func tooOld(line []byte, since time.Time) bool {
	_, rest, _ := bytes.Cut(line[:min(len(line), 128)], []byte(`"time":"`))
	text, _, ok := bytes.Cut(rest, []byte(`"`))
	if !ok {
		return false
	}
	at, err := time.Parse(time.RFC3339Nano, string(text))
	return err == nil && at.Before(since.Add(-clockSlack))
}

// orphans makes entries of the outcomes whose intent is not in the log.
func (q *scanBack) orphans() {
	var rest []Entry
	for _, r := range q.outcomes {
		e, err := Join(r, Raw{}, q.now)
		if err == nil && q.filter.Match(&e) {
			rest = append(rest, e)
		}
	}
	slices.SortFunc(rest, func(a, b Entry) int { return int(b.Index - a.Index) })
	q.list = append(q.list, rest...)
	if q.filter.Limit > 0 && len(q.list) > q.filter.Limit {
		q.list = q.list[:q.filter.Limit]
	}
}
