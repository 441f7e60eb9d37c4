package audit

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/mod/sumdb/tlog"
)

// seal puts a segment that is full into its sealed form, without the bodies that
// gone selects (nil: none). It also does so to one that is sealed already. A
// segment that does not fit its checkpoint is left as it is: that is evidence,
// and the error is ErrDamaged. It needs the upkeep lock.
func seal(dir string, first int64, gone func(index int64) bool) error {
	s, err := openSegment(dir, first)
	if err != nil {
		return err
	}
	defer s.close()
	path := sealedPath(dir, first)
	if err := writeSealed(path+".new", s, gone); err != nil {
		_ = os.Remove(path + ".new")
		return err
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("audit log: %w", err)
	}
	if err := syncDir(dir); err != nil {
		return fmt.Errorf("audit log: %w", err)
	}
	return removePlain(dir, first)
}

// endSealing ends what a crash has cut short between the two steps of seal. Of a
// segment in both forms, readers take the one that is not sealed.
func endSealing(dir string, first int64) error {
	if _, err := os.Stat(sealedPath(dir, first)); err != nil {
		return nil
	}
	return removePlain(dir, first)
}

// removePlain removes what a sealed segment was made of.
func removePlain(dir string, first int64) error {
	err := os.Remove(segmentPath(dir, first))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("audit log: %w", err)
	}
	return nil
}

func writeSealed(name string, s segmentReader, gone func(int64) bool) (err error) {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("audit log: %w", err)
	}
	defer func() {
		if e := f.Close(); err == nil && e != nil {
			err = fmt.Errorf("audit log: %w", e)
		}
	}()
	w := bufio.NewWriterSize(f, 1<<20)
	p, err := newPacker(w, s.first())
	if err != nil {
		return fmt.Errorf("audit log: %w", err)
	}
	in, err := s.from(s.first())
	if err != nil {
		return err
	}
	c := copying{from: s, to: p, gone: gone}
	if err := c.run(in); err != nil {
		return fmt.Errorf("seal %s: %w", filepath.Base(name), err)
	}
	if err := errors.Join(p.end(), w.Flush(), f.Sync()); err != nil {
		return fmt.Errorf("audit log: %w", err)
	}
	return nil
}

// copying is a segment on its way into its sealed form. What its lines say is
// held against its last checkpoint on the way.
type copying struct {
	from segmentReader
	to   *packer
	gone func(int64) bool

	tree  tree
	drop  bool   // the body that comes next
	last  []byte // checkpoint line
	lines int
}

func (c *copying) run(in liner) error {
	for {
		line, err := in.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("%w (%w)", ErrDamaged, err)
		}
		if err := c.line(line); err != nil {
			return fmt.Errorf("%w (line %d: %w)", ErrDamaged, c.lines, err)
		}
	}
	msg, err := parseCheckpointLine(c.last)
	if err != nil {
		return fmt.Errorf("%w (%w)", ErrDamaged, err)
	}
	if _, cp, err := parseCheckpoint(msg); err != nil || cp.size != c.tree.size || cp.root != c.tree.root() {
		return fmt.Errorf("%w (its records are not those of its last checkpoint)", ErrDamaged)
	}
	c.to.line(c.last)
	return nil
}

func (c *copying) line(line []byte) error {
	c.lines++
	switch {
	case len(line) == 0:
		return errMisfit
	case c.lines == 1:
		begin, err := parseTreeLine(line)
		if err != nil || begin.size != c.from.first() {
			return errMisfit
		}
		c.tree = begin
		c.to.line(line)
	case line[0] == '{':
		if err := c.to.begin(c.tree.size); err != nil {
			return err
		}
		c.drop = c.gone != nil && c.gone(c.tree.size)
		c.tree.add(tlog.RecordHash(line))
		c.to.line(line)
	case isBodyLine(line):
		if _, ok := parseBodyLine(line); ok && !c.drop {
			c.to.line(line)
		}
	case line[0] == '"':
		c.last = append(c.last[:0], line...)
	case isKeyLine(line):
		c.to.line(line)
	case line[0] != '[':
		return errMisfit
	}
	return nil
}
