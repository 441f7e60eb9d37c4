package audit

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
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
	list, _, err := query(ctx, dir, f, time.Now())
	return list, err
}

// place is a position between two batches.
type place struct {
	segment, offset int64
}

// query also returns the place up to which it has read.
func query(ctx context.Context, dir string, f Filter, now time.Time) ([]Entry, place, error) {
	segs, err := segments(dir)
	if err != nil {
		return nil, place{}, err
	}
	q := scanBack{filter: f, needles: f.needles(), now: now, outcomes: map[string][]byte{}}
	var end place
	for i, first := range slices.Backward(segs) {
		offset, err := q.segment(ctx, segmentPath(dir, first))
		if err != nil {
			return nil, place{}, err
		}
		if i == len(segs)-1 {
			end = place{first, offset}
		}
		if q.done {
			break
		}
	}
	if !q.done {
		q.orphans()
	}
	return q.list, end, nil
}

type scanBack struct {
	filter   Filter
	needles  [][]byte
	now      time.Time
	outcomes map[string][]byte // lines by call id, whose intent has not been met
	list     []Entry
	stop     bool // at the end of the last whole batch
	done     bool
}

// segment reads one segment from its end and returns the offset behind its last
// whole batch.
func (q *scanBack) segment(ctx context.Context, name string) (end int64, err error) {
	f, err := os.Open(name)
	if err != nil {
		return 0, fmt.Errorf("audit log: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return 0, fmt.Errorf("audit log: %w", err)
	}
	in := readLinesBack(f, info.Size())
	covered := false
	for n := 0; !q.done; n++ {
		if n%1024 == 0 && ctx.Err() != nil {
			return 0, fmt.Errorf("audit log: %w", context.Cause(ctx))
		}
		line, err := in.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return 0, fmt.Errorf("audit log: read %s: %w", name, err)
		}
		if len(line) == 0 {
			continue
		}
		if line[0] == '"' && !covered {
			covered, end = true, in.end()
			q.done = q.stop
		}
		if line[0] == '{' && covered {
			q.line(line)
		}
	}
	return end, nil
}

// line takes in one record line; what cannot be read is for Verify to name.
func (q *scanBack) line(line []byte) {
	phase, id, ok := quickPhase(line)
	callID := string(id)
	if !ok {
		var g glance
		if json.Unmarshal(line, &g) != nil {
			return
		}
		phase, callID = g.Phase, g.CallID
	}
	switch phase {
	case PhaseOutcome:
		if _, ok := q.outcomes[callID]; !ok && len(q.outcomes) < maxOpen {
			q.outcomes[callID] = bytes.Clone(line)
		}
	case PhaseIntent:
		outcome := q.outcomes[callID]
		delete(q.outcomes, callID)
		q.entry(line, outcome)
	default:
		q.entry(line, nil)
	}
}

func (q *scanBack) entry(line, outcome []byte) {
	for _, n := range q.needles {
		if !bytes.Contains(line, n) && !bytes.Contains(outcome, n) {
			if !q.filter.Since.IsZero() && tooOld(line, q.filter.Since) {
				q.done = true
			}
			return
		}
	}
	e, err := join(line, outcome, q.now)
	if err != nil {
		return
	}
	if !q.filter.Since.IsZero() && e.Time.Before(q.filter.Since.Add(-clockSlack)) {
		q.done = true
		return
	}
	if q.filter.match(&e) {
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
	for _, line := range q.outcomes {
		e, err := join(line, nil, q.now)
		if err == nil && q.filter.match(&e) {
			rest = append(rest, e)
		}
	}
	slices.SortFunc(rest, func(a, b Entry) int { return int(b.Index - a.Index) })
	q.list = append(q.list, rest...)
	if q.filter.Limit > 0 && len(q.list) > q.filter.Limit {
		q.list = q.list[:q.filter.Limit]
	}
}
