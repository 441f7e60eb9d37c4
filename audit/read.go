package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// followEvery is how often Follow looks for more.
const followEvery = 100 * time.Millisecond

// Bounds on what Follow hands out at once.
const (
	maxFollowed      = 1024 // records
	maxFollowedBytes = 1 << 20
)

// Scan calls fn for every record from an index on, in order, as far as a
// checkpoint covers them, and returns the index to go on with. It reads beside
// writers and without the key; Verify tells whether what stands there is true.
// An error of fn ends it and is returned. Where records before from are not in
// the folder any more, it begins with the first that is.
func Scan(ctx context.Context, dir string, from int64, fn func(Raw) error) (next int64, err error) {
	list, err := segments(dir)
	if err != nil {
		return from, err
	}
	i, exact := slices.BinarySearch(list, from)
	if !exact && i > 0 {
		i--
	}
	next = from
	for _, first := range list[min(i, len(list)):] {
		next = max(next, first)
		if next, err = scanSegment(ctx, dir, first, next, fn); err != nil {
			return next, err
		}
	}
	return next, nil
}

// scanSegment is Scan for one segment.
func scanSegment(ctx context.Context, dir string, first, from int64, fn func(Raw) error) (next int64, err error) {
	s, err := openSegment(dir, first)
	if errors.Is(err, fs.ErrNotExist) {
		return from, nil // moved away since the folder was listed
	}
	if err != nil {
		return from, err
	}
	defer s.close()
	in, err := s.from(from)
	if err != nil {
		return from, err
	}
	next = from
	var b batch
	for {
		line, err := in.next()
		if errors.Is(err, errLongLine) {
			continue
		}
		if errors.Is(err, io.EOF) {
			return next, nil
		}
		if err != nil {
			return next, fmt.Errorf("audit log: read %s: %w", s.name(), err)
		}
		if !b.take(line) {
			continue
		}
		for _, r := range b.records() {
			if r.Index < next {
				continue
			}
			if err := ctx.Err(); err != nil {
				return next, fmt.Errorf("audit log: %w", context.Cause(ctx))
			}
			if err := fn(r); err != nil {
				return next, err
			}
			next = r.Index + 1
		}
		b.reset()
	}
}

// batch collects lines up to the checkpoint that covers them.
type batch struct {
	text []byte
	list []Raw // with the bounds of their bytes in ends until records is asked for
	ends []bounds
}

type bounds struct{ leaf, body, end int }

// take takes in a line and reports whether it was the batch's checkpoint.
func (b *batch) take(line []byte) bool {
	if len(line) == 0 {
		return false
	}
	switch {
	case line[0] == '{':
		index, ok := leafIndex(line)
		if !ok || len(b.list) >= maxBatch || len(b.text) > 4*maxBatchBytes {
			return false // not of our making: Verify names it
		}
		start := len(b.text)
		b.text = append(b.text, line...)
		b.list = append(b.list, Raw{Index: index})
		b.ends = append(b.ends, bounds{start, len(b.text), len(b.text)})
	case line[0] == '"':
		return true
	case isBodyLine(line) && len(b.list) > 0:
		if body, ok := parseBodyLine(line); ok {
			b.text = append(b.text, body...)
			b.ends[len(b.ends)-1].end = len(b.text)
		}
	}
	return false
}

func (b *batch) records() []Raw {
	for i, e := range b.ends {
		b.list[i].Leaf = b.text[e.leaf:e.body:e.body]
		if e.end > e.body {
			b.list[i].Body = b.text[e.body:e.end:e.end]
		}
	}
	return b.list
}

func (b *batch) reset() { b.text, b.list, b.ends = b.text[:0], b.list[:0], b.ends[:0] }

// Follow is Scan that goes on: it calls fn with records from an index on, some at
// a time, as any process appends them, until the context ends, which is no error,
// or fn returns one. What fn gets is only lent.
func Follow(ctx context.Context, dir string, from int64, fn func([]Raw) error) error {
	return follower{dir: dir, from: from}.run(ctx, fn)
}

type follower struct {
	dir  string
	from int64
	idle func() error // is called when all has been handed out; nil: nobody
}

func (f follower) run(ctx context.Context, fn func([]Raw) error) error {
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	var b bundle
	for {
		next, err := Scan(ctx, f.dir, f.from, func(r Raw) error {
			b.add(r)
			if len(b.list) < maxFollowed && len(b.text) < maxFollowedBytes {
				return nil
			}
			return b.flush(fn)
		})
		if err == nil {
			err = b.flush(fn)
		}
		if err == nil && f.idle != nil {
			err = f.idle()
		}
		if ctx.Err() != nil {
			return nil
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		f.from = max(f.from, next)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// bundle is copies of records that are handed out together.
type bundle struct {
	text []byte
	list []Raw
}

func (b *bundle) add(r Raw) {
	b.text = append(append(b.text, r.Leaf...), r.Body...)
	b.list = append(b.list, Raw{r.Index, r.Leaf, r.Body})
}

func (b *bundle) flush(fn func([]Raw) error) error {
	if len(b.list) == 0 {
		return nil
	}
	rest := b.text
	for i := range b.list {
		r := &b.list[i]
		r.Leaf, rest = rest[:len(r.Leaf):len(r.Leaf)], rest[len(r.Leaf):]
		if r.Body != nil {
			r.Body, rest = rest[:len(r.Body):len(r.Body)], rest[len(r.Body):]
		}
	}
	err := fn(b.list)
	b.text, b.list = b.text[:0], b.list[:0]
	return err
}

// Reader finds single records by their index. It is for one goroutine.
type Reader struct {
	dir  string
	open segmentReader
	list []int64
}

// ErrNoRecord is returned for an index that has no record here: it is beyond the
// end of the log, or its segment was moved away.
var ErrNoRecord = errors.New("there is no such audit record here")

// NewReader returns a reader of the log in a folder. Close must follow.
func NewReader(dir string) *Reader { return &Reader{dir: dir} }

// At returns the record with an index; it is valid until the next call. Whether a
// checkpoint covers it is for Size to say.
func (r *Reader) At(index int64) (Raw, error) {
	if err := r.enter(index); err != nil {
		return Raw{}, err
	}
	in, err := r.open.from(index)
	if err != nil {
		return Raw{}, err
	}
	var b batch
	for {
		line, err := in.next()
		if errors.Is(err, errLongLine) {
			continue
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return Raw{}, fmt.Errorf("audit log: read %s: %w", r.open.name(), err)
		}
		// A record ends where the line after its body begins.
		if n := len(b.list); n > 0 && (err != nil || !isBodyLine(line)) {
			found := b.records()[n-1]
			if found.Index == index {
				return found, nil
			}
			return Raw{}, fmt.Errorf("%w (%d)", ErrNoRecord, index)
		}
		if err != nil {
			return Raw{}, fmt.Errorf("%w (%d)", ErrNoRecord, index)
		}
		b.take(line)
	}
}

// enter opens the segment that holds an index.
func (r *Reader) enter(index int64) error {
	for again := false; ; again = true {
		i, exact := slices.BinarySearch(r.list, index)
		if !exact {
			i--
		}
		if i >= 0 && (i < len(r.list)-1 || again) {
			first := r.list[i]
			if r.open != nil && r.open.first() == first {
				return nil
			}
			s, err := openSegment(r.dir, first)
			if err == nil {
				r.close()
				r.open = s
				return nil
			}
			if !errors.Is(err, fs.ErrNotExist) || again {
				return err
			}
		}
		if again {
			return fmt.Errorf("%w (%d)", ErrNoRecord, index)
		}
		var err error
		if r.list, err = segments(r.dir); err != nil {
			return err
		}
	}
}

func (r *Reader) close() {
	if r.open != nil {
		r.open.close()
		r.open = nil
	}
}

// Close lets go of the files.
func (r *Reader) Close() error {
	r.close()
	return nil
}

// Newest returns the newest checkpoint in a folder, a C2SP signed note, and the
// number of records that it covers. Both are empty for a log without records. It
// checks no signature.
func Newest(dir string) (size int64, note []byte, err error) {
	list, err := segments(dir)
	if err != nil {
		return 0, nil, err
	}
	for _, first := range slices.Backward(list) {
		s, err := openSegment(dir, first)
		if err != nil {
			return 0, nil, err
		}
		in := s.back()
		for note == nil {
			line, err := in.next()
			if err != nil {
				break
			}
			if len(line) > 0 && line[0] == '"' {
				if note, err = parseCheckpointLine(line); err == nil {
					_, c, e := parseCheckpoint(note)
					size, err = c.size, e
				}
				if err != nil {
					note = nil
				}
			}
		}
		s.close()
		if note != nil {
			return size, bytes.Clone(note), nil
		}
	}
	return 0, nil, nil
}

// plain is a segment that is not sealed.
type plain struct {
	file  *os.File
	begin int64
	size  int64 // when it was opened
}

func (p *plain) name() string { return segmentName(p.begin) }
func (p *plain) first() int64 { return p.begin }
func (p *plain) close()       { _ = p.file.Close() }
func (p *plain) back() liner  { return readLinesBack(p.file, p.size) }

// from finds the record by halving: nothing but the lines themselves tells where
// it stands.
func (p *plain) from(index int64) (liner, error) {
	info, err := p.file.Stat()
	if err != nil {
		return nil, fmt.Errorf("audit log: %w", err)
	}
	p.size = info.Size()
	at, err := p.locate(index)
	if err != nil {
		return nil, err
	}
	in := readLines(p.file, at, p.size)
	if index <= p.begin {
		return in, nil
	}
	return skipTo(in, index), nil
}

// locate returns an offset a little before a record.
func (p *plain) locate(index int64) (int64, error) {
	low, high := int64(0), p.size
	for index > p.begin && high-low > 32<<10 {
		middle := low + (high-low)/2
		at, there, err := p.leafAfter(middle, high)
		if err != nil {
			return 0, fmt.Errorf("audit log: read %s: %w", filepath.Base(p.file.Name()), err)
		}
		if at < 0 || there > index {
			high = middle
		} else {
			low = at
		}
	}
	return low, nil
}

// leafAfter finds the first record line that begins behind an offset; at is -1
// where there is none before end.
func (p *plain) leafAfter(offset, end int64) (at, index int64, err error) {
	mark := []byte("\n" + indexHead)
	var chunk [4096]byte
	for offset < end {
		n, err := p.file.ReadAt(chunk[:min(end-offset, int64(len(chunk)))], offset)
		if err != nil && !errors.Is(err, io.EOF) {
			return 0, 0, err
		}
		if i := bytes.Index(chunk[:n], mark); i >= 0 {
			if len(mark)+segmentDigits > n-i && offset+int64(n) < end { // cut: begin the chunk here
				if i > 0 {
					offset += int64(i)
					continue
				}
			}
			if index, ok := leafIndex(chunk[i+1 : n]); ok {
				return offset + int64(i) + 1, index, nil
			}
			offset += int64(i) + 1
			continue
		}
		if n <= len(mark) {
			break
		}
		offset += int64(n - len(mark) + 1)
	}
	return -1, 0, nil
}

// skipTo passes over the lines before the record with an index.
func skipTo(in *lines, index int64) liner { return &skipping{in, index} }

type skipping struct {
	lines *lines
	until int64
}

func (s *skipping) next() ([]byte, error) {
	for {
		line, err := s.lines.next()
		if err != nil || s.until < 0 {
			return line, err
		}
		if there, ok := leafIndex(line); ok && there >= s.until {
			s.until = -1
			return line, nil
		}
	}
}

// liner gives line after line, without their newlines, each valid until the next;
// io.EOF at the end.
type liner interface{ next() ([]byte, error) }

// segmentReader reads a segment, sealed or not.
type segmentReader interface {
	name() string
	first() int64
	from(index int64) (liner, error) // from the line of that record on
	back() liner                     // from the end
	close()
}

func openSegment(dir string, first int64) (segmentReader, error) {
	f, err := os.Open(segmentPath(dir, first))
	if errors.Is(err, fs.ErrNotExist) {
		return openSealed(dir, first)
	}
	if err != nil {
		return nil, fmt.Errorf("audit log: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("audit log: %w", err)
	}
	return &plain{file: f, begin: first, size: info.Size()}, nil
}
