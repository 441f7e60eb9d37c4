package index

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"toolvault/audit"
)

const (
	blockSuffix    = ".idx"
	asideSuffix    = ".new"
	blockDigits    = 10
	generationName = "generation"
	lockName       = "lock"
)

// shelf is the folder with the blocks of a log. A log that lies where nobody can
// write, as on a read-only medium, has an index all the same: it is then built
// for each query and not kept.
type shelf struct {
	log   string
	dir   string
	per   int64 // records of a block
	keeps bool
}

func openShelf(log string, per int64, make bool) *shelf {
	s := &shelf{log: log, dir: filepath.Join(log, folder), per: per}
	if make {
		// Only a folder that was there before the records were read is told of what is
		// forgotten meanwhile.
		s.keeps = os.MkdirAll(s.dir, 0o700) == nil
	}
	return s
}

func blockName(number int64) string {
	return fmt.Sprintf("%0*d.v%d%s", blockDigits, number, version, blockSuffix)
}

// blockNumber reads the number in the name of a block, of whatever version, or of
// one in the making.
func blockNumber(name string) (int64, bool) {
	digits, rest, ok := strings.Cut(name, ".")
	if !ok || len(digits) != blockDigits || !strings.HasSuffix(rest, blockSuffix) && !strings.HasSuffix(rest, asideSuffix) {
		return 0, false
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	return n, err == nil && n >= 0
}

// abandoned reports whether a block in the making is of a process that was killed:
// making one takes a moment.
func abandoned(e fs.DirEntry) bool {
	info, err := e.Info()
	return err == nil && time.Since(info.ModTime()) > time.Hour
}

// there lists the numbers of the blocks on the shelf, and removes those of other
// versions and what was abandoned.
func (s *shelf) there() map[int64]bool {
	have := map[int64]bool{}
	names, err := os.ReadDir(s.dir)
	if err != nil {
		s.keeps = false
		return have
	}
	for _, e := range names {
		n, ok := blockNumber(e.Name())
		switch {
		case ok && e.Name() == blockName(n):
			have[n] = true
		case ok && s.keeps && (strings.HasSuffix(e.Name(), blockSuffix) || abandoned(e)):
			_ = os.Remove(filepath.Join(s.dir, e.Name()))
		}
	}
	return have
}

// extentOf is what of a log there is: its records from oldest to the one before
// size.
type extentOf struct{ oldest, size int64 }

// full reports whether the log has all records up to the end of a block.
func (s *shelf) full(l extentOf, number int64) bool { return (number+1)*s.per <= l.size }

// wanted returns the rows of a full block that are in the log.
func (s *shelf) wanted(l extentOf, number int64) (first, count int) {
	first = int(min(max(l.oldest-number*s.per, 0), s.per))
	return first, int(s.per) - first
}

// open opens a block from the shelf; where there is an error, it has to be built.
func (s *shelf) open(l extentOf, number int64) (*view, error) {
	f, err := os.Open(filepath.Join(s.dir, blockName(number)))
	if err != nil {
		return nil, err
	}
	v, err := openView(f, f.Close)
	if err == nil {
		first, count := s.wanted(l, number)
		if v.number != number || v.per != s.per || v.first != first || v.count != count {
			err = errDamaged // older records were moved away since, or brought back
		}
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return v, nil
}

// build reads a block from the log and, where it is full, puts it on the shelf.
// One that is not is without words, if so wished.
func (s *shelf) build(ctx context.Context, l extentOf, number int64, wordless bool) (*view, error) {
	full := s.full(l, number)
	for {
		generation, err := s.generation()
		keeps := s.keeps && full && err == nil
		b, err := read(ctx, s.log, number, s.per, l.size, wordless && !full)
		if err != nil {
			return nil, err
		}
		data := b.file()
		_, count := s.wanted(l, number)
		if keeps && b.count == count {
			if err := s.put(number, data, generation); errors.Is(err, errForgotten) {
				continue
			}
			// What cannot be kept can be used.
		}
		return openView(bytes.NewReader(data), func() error { return nil })
	}
}

// errForgotten is for a block that was made of records whose bodies may have been
// erased meanwhile.
var errForgotten = errors.New("records were forgotten meanwhile")

// put puts a block on the shelf, unless something was forgotten since a
// generation was read.
func (s *shelf) put(number int64, data []byte, generation string) error {
	f, err := os.CreateTemp(s.dir, blockName(number)+".*"+asideSuffix)
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }()
	_, err = f.Write(data)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return s.locked(func() error {
		now, err := s.generation()
		if err != nil {
			return err
		}
		if now != generation {
			return errForgotten
		}
		return os.Rename(f.Name(), filepath.Join(s.dir, blockName(number)))
	})
}

// generation changes whenever something is forgotten.
func (s *shelf) generation() (string, error) {
	f, err := os.Open(filepath.Join(s.dir, generationName))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("audit index: %w", err)
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, 64))
	if err != nil {
		return "", fmt.Errorf("audit index: %w", err)
	}
	return string(text), nil
}

// locked does something short that no other process does at the same time.
func (s *shelf) locked(do func() error) error {
	f, err := os.OpenFile(filepath.Join(s.dir, lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("audit index: %w", err)
	}
	defer func() { _ = f.Close() }() // which lets go of the lock
	if err := lockFile(f); err != nil {
		return fmt.Errorf("audit index: lock %s: %w", f.Name(), err)
	}
	return do()
}

// remove removes blocks, and those in the making, that are of a number.
func (s *shelf) remove(of func(number int64) bool) error {
	names, err := os.ReadDir(s.dir)
	if err != nil {
		return fmt.Errorf("audit index: %w", err)
	}
	for _, e := range names {
		n, ok := blockNumber(e.Name())
		if !ok || !of(n) {
			continue
		}
		if err := os.Remove(filepath.Join(s.dir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("audit index: %w", err)
		}
	}
	return nil
}

// check removes the blocks of another log: one that was rolled back, or that
// stood here before. It looks at the newest block, and for such as are ahead.
func (s *shelf) check(l extentOf, have map[int64]bool) {
	newest := int64(-1)
	for n := range have {
		newest = max(newest, n)
	}
	if newest < 0 || s.fits(l, newest) {
		return
	}
	clear(have)
	if s.remove(func(int64) bool { return true }) != nil {
		s.keeps = false
	}
}

// fits reports whether a block is of this log, as far as that can be told.
func (s *shelf) fits(l extentOf, number int64) bool {
	end := (number + 1) * s.per
	if end > l.size {
		return false
	}
	v, err := s.open(l, number)
	if err != nil {
		return true // it is built anew anyway
	}
	defer func() { _ = v.close() }()
	r := audit.NewReader(s.log)
	defer func() { _ = r.Close() }()
	raw, err := r.At(end - 1)
	return err != nil || sameLeaf(raw.Leaf, v.newest[:])
}

// measure finds out what of the log there is.
func measure(ctx context.Context, log string) (l extentOf, err error) {
	if l.size, _, err = audit.Newest(log); err != nil || l.size == 0 {
		return l, err
	}
	_, err = audit.Scan(ctx, log, 0, func(r audit.Raw) error {
		l.oldest = r.Index
		return errFull
	})
	if err != nil && !errors.Is(err, errFull) {
		return l, err
	}
	return l, nil
}
