package audit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"sync"
	"time"
)

// Report is what Verify has found.
type Report struct {
	Records     int64    `json:"records"`            // that a good checkpoint covers
	Checkpoints int64    `json:"checkpoints"`        // that are good
	Root        string   `json:"root"`               // of the tree over Records, base64
	Keys        []Key    `json:"keys"`               // that have signed the log, oldest first
	Problem     *Problem `json:"problem,omitempty"`  //
	Archived    int64    `json:"archived,omitempty"` // records at the beginning that were moved away, as a record says
	Erased      int64    `json:"erased"`             // records whose body was erased, or dropped after its time
	TornBytes   int64    `json:"torn_bytes"`         // of an unfinished write at the end, never acknowledged
	Unknown     int      `json:"unknown"`            // writes past their deadline without an outcome
}

// Key is one of a log's keys.
type Key struct {
	Verifier string `json:"verifier"` // in the form of C2SP signed notes
	From     int64  `json:"from"`     // index of the first record that it has signed for
}

// Problem is the first thing that does not fit.
type Problem struct {
	Index  int64  `json:"index"` // of the first record that does not fit
	File   string `json:"file"`  // name in the folder; empty: what is wrong is in none
	Line   int    `json:"line"`  // from 1, of a sealed segment's text; 0: the file as a whole
	Reason string `json:"reason"`
}

func (p *Problem) Error() string {
	switch {
	case p.File == "":
		return fmt.Sprintf("record %d: %s", p.Index, p.Reason)
	case p.Line == 0:
		return fmt.Sprintf("record %d, %s: %s", p.Index, p.File, p.Reason)
	}
	return fmt.Sprintf("record %d, %s line %d: %s", p.Index, p.File, p.Line, p.Reason)
}

// VerifyOptions says which log to verify, and what to hold it against.
type VerifyOptions struct {
	Dir      string   // of the log; "": only Archives are verified, from their first record on
	Archives []string // folders that segments of it were moved to
	Key      string   // any verifier key that the log has had

	// Kept are checkpoints that were kept elsewhere: texts that Options.Kept has
	// handed out, or signed notes.
	Kept [][]byte
	// Progress hears how many records are done, from one goroutine at a time; may
	// be nil.
	Progress func(done int64)

	now time.Time // for tests; zero: now
}

// Verify recomputes a log from its first byte: that each record has the index
// that it must have, that the records are those whose tree the checkpoints sign,
// each signature, each body, that every key was named by the one before it, that
// what was moved away or erased is so by a record, and that the log holds the
// newest checkpoint that was kept beside it and those that were kept elsewhere.
// It stops at the first problem, and only reads. The log may be written
// meanwhile. The error is for what kept it from finding out: no log, an
// unreadable file, a malformed key, the end of the context.
//
// What it cannot find is said in the package comment.
func Verify(ctx context.Context, o VerifyOptions) (Report, error) {
	a, err := newVerifier(o.Key)
	if err != nil {
		return Report{}, err
	}
	if o.now.IsZero() {
		o.now = time.Now()
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	v := &verification{dir: o.Dir, auth: a, open: map[string]int64{}, progress: meter(o.Progress)}
	// Before the lines: the log only grows, so they cannot fall behind it.
	v.marks = readMarks(o.Dir, a, o.Kept)
	for _, m := range v.marks {
		v.sizes = append(v.sizes, m.size)
	}
	slices.Sort(v.sizes)
	pieces, err := piecesOf(o.Dir, o.Archives)
	if err != nil {
		return Report{}, err
	}
	for s := range v.inspect(ctx, pieces) {
		if s.err != nil {
			return Report{}, s.err
		}
		if v.take(s); v.problem != nil {
			break
		}
	}
	v.finish()
	if v.problem == nil {
		if err := v.beside(); err != nil {
			return Report{}, err
		}
	}
	root := v.good.root()
	r := Report{
		Records: v.good.size, Checkpoints: v.checkpoints, Root: root.String(), Keys: v.keys, Problem: v.problem,
		Archived: v.archived, TornBytes: v.torn, Erased: count(v.bodies.gone),
	}
	r.Unknown, err = v.unknown(ctx, pieces, o.now)
	return r, err
}

// piece is a segment and where it lies.
type piece struct {
	dir   string
	first int64
}

// piecesOf lists the segments of a log and of its archives, by their first
// record; of one that lies in two places the log's own is taken.
func piecesOf(dir string, archives []string) ([]piece, error) {
	seen := map[int64]bool{}
	var list []piece
	for _, d := range append([]string{dir}, archives...) {
		if d == "" {
			continue
		}
		firsts, err := segments(d)
		if err != nil {
			return nil, err
		}
		for _, first := range firsts {
			if !seen[first] {
				seen[first] = true
				list = append(list, piece{d, first})
			}
		}
	}
	slices.SortFunc(list, func(a, b piece) int { return cmp.Compare(a.first, b.first) })
	return list, nil
}

// verification puts together what the inspections of the segments have found.
type verification struct {
	dir      string
	auth     *authority // of the key that was given
	marks    []mark     // that the log must hold
	sizes    []int64    // of those: at them roots are wanted, ascending
	progress func(int64)

	good        tree // at the last checkpoint that fits
	checkpoints int64
	keys        []Key
	next        string // the key that must sign the next segment; "": the same
	signed      bool   // by the key that was given
	bodies      bodies
	open        map[string]int64 // indices of intents without an outcome, by call id
	archived    int64
	torn        int64
	problem     *Problem
}

// inspect inspects the segments side by side and gives what was found in their
// order.
func (v *verification) inspect(ctx context.Context, list []piece) func(func(*inspection) bool) {
	return func(yield func(*inspection) bool) {
		ahead := make(chan chan *inspection, max(runtime.GOMAXPROCS(0)-1, 1))
		go func() {
			defer close(ahead)
			for i, p := range list {
				found := make(chan *inspection, 1)
				select {
				case ahead <- found:
				case <-ctx.Done():
					return
				}
				end := int64(-1)
				if i+1 < len(list) {
					end = list[i+1].first
				}
				go func() { found <- inspect(ctx, v, p, end) }()
			}
		}()
		for found := range ahead {
			if !yield(<-found) {
				return
			}
		}
		if err := ctx.Err(); err != nil {
			yield(&inspection{err: fmt.Errorf("audit log: %w", context.Cause(ctx))})
		}
	}
}

func (v *verification) fail(index int64, file string, line int, format string, args ...any) {
	if v.problem == nil {
		v.problem = &Problem{Index: index, File: file, Line: line, Reason: fmt.Sprintf(format, args...)}
	}
}

// take takes in the next segment.
func (v *verification) take(s *inspection) {
	if !v.follows(s) {
		return
	}
	if s.last && s.problem == nil && s.checkpoints == 0 { // it was begun, and its first write died
		v.torn = s.torn
		return
	}
	v.takeKey(s)
	if v.problem != nil {
		return
	}
	v.good.set(&s.good)
	v.checkpoints += s.checkpoints
	v.signed = v.signed || s.checkpoints > 0 && s.key == v.auth.text
	v.torn = s.torn
	v.bodies.join(&s.bodies)
	for _, id := range s.ended {
		delete(v.open, id)
	}
	for id, index := range s.open {
		if len(v.open) < maxOpen {
			v.open[id] = index
		}
	}
	v.meet(s)
	if v.problem == nil {
		v.problem = s.problem
	}
	v.next = s.next
}

// follows reports whether a segment goes on where the one before it has ended.
func (v *verification) follows(s *inspection) bool {
	size := v.good.size
	switch {
	case s.first == size:
	case size == 0 && v.keys == nil: // moved away, if a record says so
		v.archived = s.first
	case s.first < size:
		v.fail(size, s.file, 0, "segment overlaps the one before it")
		return false
	default:
		v.fail(size, s.file, 0, "records %d to %d are missing: the segment that begins with record %d follows", size, s.first-1, s.first)
		return false
	}
	if s.begun && v.archived != s.first && !s.begin.equal(&v.good) {
		v.fail(size, s.file, 1, "tree at the beginning of the segment does not fit the records before it")
		return false
	}
	return true
}

// takeKey holds the key that a segment is signed with against what the records
// before say.
func (v *verification) takeKey(s *inspection) {
	want := v.next
	if n := len(v.keys); n > 0 && want == "" {
		want = v.keys[n-1].Verifier
	}
	if want != "" && s.key != want {
		v.fail(s.first, s.file, 2, "the segment is signed by the key %s, and no record says that it took over from %s", keyName(s.key), keyName(want))
		return
	}
	if n := len(v.keys); n == 0 || v.keys[n-1].Verifier != s.key {
		v.keys = append(v.keys, Key{s.key, s.first})
	}
}

// finish is for what only the whole log can tell.
func (v *verification) finish() {
	switch {
	case v.problem != nil:
	case v.checkpoints > 0 && !v.signed:
		v.fail(0, "", 0, "the log is not signed with the key %s, but with %s", keyName(v.auth.text), keyName(v.keys[len(v.keys)-1].Verifier))
	case v.dir != "" && v.archived > v.bodies.moved():
		v.fail(v.bodies.moved(), "", 0, "records %d to %d are missing, and no record says that they were moved away", v.bodies.moved(), v.archived-1)
	default:
		if index := v.bodies.missing(); index >= 0 {
			v.fail(index, "", 0, "its arguments, result, user and message are gone, and no record says that they were erased")
		}
	}
}

// unknown counts the intents that are past their time.
func (v *verification) unknown(ctx context.Context, list []piece, now time.Time) (n int, err error) {
	readers := map[string]*Reader{}
	defer func() {
		for _, r := range readers {
			_ = r.Close()
		}
	}()
	for _, index := range slices.Sorted(maps.Values(v.open)) {
		if err := ctx.Err(); err != nil {
			return n, fmt.Errorf("audit log: %w", context.Cause(ctx))
		}
		i, exact := slices.BinarySearchFunc(list, index, func(p piece, index int64) int { return cmp.Compare(p.first, index) })
		if !exact {
			i--
		}
		r := readers[list[i].dir]
		if r == nil {
			r = NewReader(list[i].dir)
			readers[list[i].dir] = r
		}
		raw, err := r.At(index)
		if errors.Is(err, ErrNoRecord) {
			continue // moved away meanwhile
		}
		if err != nil {
			return n, err
		}
		if rec, err := raw.Record(); err == nil && now.After(lastMoment(rec.Time, rec.Deadline)) {
			n++
		}
	}
	return n, nil
}

// meter adds up what several goroutines have done.
func meter(progress func(int64)) func(int64) {
	if progress == nil {
		return func(int64) {}
	}
	var mu sync.Mutex
	var done int64
	return func(more int64) {
		mu.Lock()
		defer mu.Unlock()
		done += more
		progress(done)
	}
}
