package audit

import (
	"errors"
	"fmt"
	"io"
)

// Handover is a key of the log that gave way to the next.
type Handover struct {
	From, To   string // verifier keys
	Index      int64  // of the record that names To
	Leaf       []byte // of that record
	Size       int64  // of the tree in Checkpoint
	Checkpoint []byte // the last that From has signed, a note: it covers the record
}

// Handovers lists the keys that gave way to others, oldest first, as far as the
// segments that tell of them are in the folder. Where the key was never rotated
// it looks at two segments only. It checks nothing: Verify does.
func Handovers(dir string) ([]Handover, error) {
	firsts, err := segments(dir)
	if err != nil || len(firsts) < 2 {
		return nil, err
	}
	oldest, err := keyOfSegment(dir, firsts[0])
	if err != nil {
		return nil, err
	}
	newest, err := keyOfSegment(dir, firsts[len(firsts)-1])
	if err != nil || newest == oldest {
		return nil, err
	}
	var list []Handover
	key := oldest
	for i, first := range firsts[1:] {
		next, err := keyOfSegment(dir, first)
		if err != nil {
			return nil, err
		}
		if next == key || next == "" { // "": only begun
			continue
		}
		h, err := handoverAt(dir, firsts[i])
		if err != nil {
			return nil, err
		}
		if h.To == next {
			h.From = key
			list = append(list, h)
		}
		key = next
	}
	return list, nil
}

// keyOfSegment reads the key of a segment from its second line; "" where it has
// none: it is not written yet, or older than such lines.
func keyOfSegment(dir string, first int64) (string, error) {
	s, err := openSegment(dir, first)
	if err != nil {
		return "", err
	}
	defer s.close()
	in, err := s.from(first)
	if err != nil {
		return "", err
	}
	var line []byte
	for range 2 {
		if line, err = in.next(); errors.Is(err, io.EOF) {
			return "", nil
		} else if err != nil {
			return "", fmt.Errorf("audit log: read %s: %w", s.name(), err)
		}
	}
	if !isKeyLine(line) {
		return "", nil
	}
	return parseKeyLine(line)
}

// handoverAt reads the end of the segment that a key has signed last.
func handoverAt(dir string, first int64) (h Handover, err error) {
	s, err := openSegment(dir, first)
	if err != nil {
		return h, err
	}
	defer s.close()
	in := s.back()
	for h.To == "" {
		line, err := in.next()
		if errors.Is(err, io.EOF) {
			return h, nil
		}
		if err != nil {
			return h, fmt.Errorf("audit log: read %s: %w", s.name(), err)
		}
		switch {
		case len(line) == 0:
		case line[0] == '"' && h.Checkpoint == nil:
			if h.Checkpoint, err = parseCheckpointLine(line); err != nil {
				return h, err
			}
			_, c, err := parseCheckpoint(h.Checkpoint)
			if err != nil {
				return h, err
			}
			h.Size = c.size
		case line[0] == '{' && h.Checkpoint != nil:
			if key, ok := namedKey(line); ok {
				h.To, h.Leaf = key, append([]byte(nil), line...)
				h.Index, _ = leafIndex(line)
			}
		}
	}
	return h, nil
}

// NamedKey returns the verifier key that a leaf names as the one that takes over;
// ok is false for every other record.
func NamedKey(leaf []byte) (verifier string, ok bool) { return namedKey(leaf) }
