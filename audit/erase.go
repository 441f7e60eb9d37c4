package audit

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"time"
)

// An erasure that has begun is in this file until it is done, so that one which a
// crash has cut short is done by the next upkeep.
const erasingName = "erasing"

const maxSpans = 1000 // spans in one record

// Erasure is bodies of records that are to be taken away.
type Erasure struct {
	Spans   []Span `json:"spans"`
	Event   string `json:"event"`             // EventErased or EventDropped
	Admin   string `json:"admin,omitempty"`   // who wants it
	Message string `json:"message,omitempty"` // why: nothing that is to be erased
}

// Erase takes away the bodies of records: arguments, results, users, messages.
// What remains is their leaves, so that the tree still verifies. That it was done
// is on record before the first body goes. Once begun it is done, by this call
// or, after a crash, by the next Upkeep. In the segment that is written to, the
// bytes are written over; others are written anew.
func (l *Log) Erase(ctx context.Context, e Erasure) error {
	e.Spans = union(e.Spans)
	if len(e.Spans) == 0 {
		return nil
	}
	if end := e.Spans[len(e.Spans)-1].End; e.Spans[0].First < 0 || end > l.Size() {
		return fmt.Errorf("audit log: there are no records %d to %d to erase", e.Spans[0].First, end-1)
	}
	if e.Event != EventErased && e.Event != EventDropped {
		return fmt.Errorf("audit log: %q is no event of an erasure", e.Event)
	}
	release, err := l.upkeepLock(ctx)
	if err != nil {
		return err
	}
	defer release()
	if err := l.resumeErasure(ctx); err != nil {
		return err
	}
	return l.erase(ctx, e)
}

func (l *Log) erase(ctx context.Context, e Erasure) error {
	text, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("audit log: %w", err)
	}
	if err := replaceFile(filepath.Join(l.dir, erasingName), text); err != nil {
		return err
	}
	return l.carryOut(ctx, e)
}

// resumeErasure does what was begun and not ended.
func (l *Log) resumeErasure(ctx context.Context) error {
	text, err := os.ReadFile(filepath.Join(l.dir, erasingName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var e Erasure
	if err == nil {
		err = json.Unmarshal(text, &e)
	}
	if err != nil {
		return fmt.Errorf("audit log: an erasure that was begun cannot be read: %w", err)
	}
	return l.carryOut(ctx, e)
}

func (l *Log) carryOut(ctx context.Context, e Erasure) error {
	ctx = context.WithoutCancel(ctx) // half an erasure helps nobody
	for spans := range slices.Chunk(e.Spans, maxSpans) {
		_, err := l.Append(ctx, Record{
			Phase: PhaseEvent, Event: e.Event, Admin: e.Admin, Outcome: "ok", Spans: spans,
			Message: strings.TrimSpace(fmt.Sprintf("%d records lost their arguments, results, messages and users. %s", count(spans), e.Message)),
		})
		if err != nil {
			return err
		}
	}
	if err := eraseBodies(l.dir, e.Spans); err != nil {
		return err
	}
	if l.erased != nil {
		if err := l.erased(e.Spans); err != nil {
			return err
		}
	}
	if err := os.Remove(filepath.Join(l.dir, erasingName)); err != nil {
		return fmt.Errorf("audit log: %w", err)
	}
	return nil
}

// eraseBodies removes the bodies of sorted spans from the segments.
func eraseBodies(dir string, spans []Span) error {
	list, err := segments(dir)
	if err != nil {
		return err
	}
	for i, first := range list {
		end := int64(1<<63 - 1)
		if i+1 < len(list) {
			end = list[i+1]
		}
		here := overlap(spans, first, end)
		if len(here) == 0 {
			continue
		}
		err := endSealing(dir, first)
		if err == nil {
			err = blank(segmentPath(dir, first), here)
		}
		if errors.Is(err, fs.ErrNotExist) {
			err = seal(dir, first, func(index int64) bool { return includes(here, index) })
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// overlap returns the parts of sorted spans that lie between two indices.
func overlap(spans []Span, first, end int64) []Span {
	var out []Span
	for _, s := range spans {
		s.First, s.End = max(s.First, first), min(s.End, end)
		if s.First < s.End {
			out = append(out, s)
		}
	}
	return out
}

// includes reports whether one of sorted spans has an index.
func includes(spans []Span, index int64) bool {
	i := sort.Search(len(spans), func(i int) bool { return spans[i].End > index })
	return i < len(spans) && spans[i].First <= index
}

// blank writes spaces over bodies, so that nothing moves while others read and
// append. Where it is cut short it is done again.
func blank(path string, spans []Span) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("audit log: %w", err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("audit log: %w", err)
	}
	p := &plain{file: f, size: info.Size(), begin: -1}
	for _, s := range spans {
		at, err := p.locate(s.First)
		if err != nil {
			return err
		}
		if err := blankSpan(f, readLines(f, at, p.size), s); err != nil {
			return fmt.Errorf("audit log: erase in %s: %w", filepath.Base(path), err)
		}
	}
	if err := syncData(f); err != nil {
		return fmt.Errorf("audit log: %w", err)
	}
	return nil
}

func blankSpan(f *os.File, in *lines, s Span) error {
	inside := false
	for {
		at := in.off
		line, err := in.next()
		if errors.Is(err, errLongLine) {
			continue
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if index, ok := leafIndex(line); ok {
			if index >= s.End {
				return nil
			}
			inside = index >= s.First
		}
		if inside && isBodyLine(line) {
			spaces := bytes.Repeat([]byte(" "), len(line)-len(bodyHead)-len(bodyTail))
			if _, err := f.WriteAt(spaces, at+int64(len(bodyHead))); err != nil {
				return err
			}
		}
	}
}

// Upkeep does what a log needs from time to time: it ends an erasure that was
// cut short, seals the segments that are full, and takes away the bodies that
// are older than keep (0: none). While another process is at it, it does nothing.
func (l *Log) Upkeep(ctx context.Context, keep time.Duration) error {
	release, err := l.tryUpkeepLock()
	if err != nil || release == nil {
		return err
	}
	defer release()
	if err := l.resumeErasure(ctx); err != nil {
		return err
	}
	if err := l.sealFull(ctx); err != nil {
		return err
	}
	if keep <= 0 {
		return nil
	}
	return l.dropOld(ctx, l.now().Add(-keep))
}

// sealFull seals all segments but the one that is written to.
func (l *Log) sealFull(ctx context.Context) error {
	list, err := segments(l.dir)
	if err != nil || len(list) == 0 {
		return err
	}
	for _, first := range list[:len(list)-1] {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("audit log: %w", context.Cause(ctx))
		}
		if err := endSealing(l.dir, first); err != nil {
			return err
		}
		if isSealed(l.dir, first) {
			continue
		}
		if err := seal(l.dir, first, nil); err != nil {
			return err
		}
	}
	return nil
}

// dropOld takes away the bodies of the records before a time, a whole number of
// frames at a time, so that it has something to do once in a while, not always.
func (l *Log) dropOld(ctx context.Context, before time.Time) error {
	done, err := l.dropped()
	if err != nil {
		return err
	}
	end, err := firstSince(ctx, l.dir, done, before)
	if err != nil {
		return err
	}
	end -= end % frameRecords
	if end <= done {
		return nil
	}
	err = l.erase(ctx, Erasure{
		Spans: []Span{{done, end}}, Event: EventDropped,
		Message: "They were older than " + before.UTC().Format(time.RFC3339) + ".",
	})
	if err != nil {
		return err
	}
	return replaceFile(filepath.Join(l.dir, droppedName), fmt.Appendf(nil, "%d\n", end))
}

// droppedName holds the index up to which bodies were dropped for their age.
const droppedName = "dropped"

func (l *Log) dropped() (int64, error) {
	text, err := readSmall(filepath.Join(l.dir, droppedName))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	var n int64
	if err == nil {
		_, err = fmt.Sscanf(string(text), "%d\n", &n)
	}
	if err != nil || n < 0 {
		return 0, fmt.Errorf("audit log: %s cannot be read: remove it: %w", droppedName, err)
	}
	return n, nil
}

// firstSince finds the first record from an index on that is not before a time:
// by segments, then by frames, then by records.
func firstSince(ctx context.Context, dir string, from int64, since time.Time) (int64, error) {
	size, _, err := Newest(dir)
	if err != nil {
		return 0, err
	}
	r := NewReader(dir)
	defer func() { _ = r.Close() }()
	low, high := from, size
	for low < high {
		if err := ctx.Err(); err != nil {
			return 0, fmt.Errorf("audit log: %w", context.Cause(ctx))
		}
		middle := low + (high-low)/2
		raw, err := r.At(middle)
		if errors.Is(err, ErrNoRecord) { // moved away: it is older than what is here
			low = middle + 1
			continue
		}
		if err != nil {
			return 0, err
		}
		var g glance
		if err := json.Unmarshal(raw.Leaf, &g); err != nil {
			return 0, fmt.Errorf("audit record %d cannot be read: %w", middle, err)
		}
		if g.Time.Before(since) {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low, nil
}

// replaceFile puts a durable file in place of another, or none.
func replaceFile(path string, text []byte) error {
	f, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("audit log: %w", err)
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(path+".new", path)
	}
	if err == nil {
		err = syncDir(filepath.Dir(path))
	}
	if err != nil {
		return fmt.Errorf("audit log: %w", err)
	}
	return nil
}

// upkeepLock waits until no other process seals or erases.
func (l *Log) upkeepLock(ctx context.Context) (release func(), err error) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		release, err := l.tryUpkeepLock()
		if err != nil || release != nil {
			return release, err
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("audit log: another process seals or erases: %w", context.Cause(ctx))
		case <-tick.C:
		}
	}
}

func (l *Log) tryUpkeepLock() (release func(), err error) {
	f, err := os.OpenFile(filepath.Join(l.dir, "upkeep"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("audit log: %w", err)
	}
	ok, err := tryLock(f)
	if err != nil || !ok {
		_ = f.Close()
		return nil, err
	}
	return func() { _ = f.Close() }, nil // which lets go of the lock
}
