package audit

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
)

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
