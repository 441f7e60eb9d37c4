package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
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
		// A sealed segment has one checkpoint, its last line, which was checked when it
		// was sealed: its records need not wait for it.
		if _, ok := s.(*sealed); ok && len(b.list) > 0 && len(line) > 0 && line[0] == '{' {
			if next, err = b.handOut(ctx, next, fn); err != nil {
				return next, err
			}
		}
		if !b.take(line) {
			continue
		}
		if next, err = b.handOut(ctx, next, fn); err != nil {
			return next, err
		}
	}
}

// handOut calls fn with the records that were collected, from an index on.
func (b *batch) handOut(ctx context.Context, from int64, fn func(Raw) error) (next int64, err error) {
	next = from
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
	return next, nil
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
