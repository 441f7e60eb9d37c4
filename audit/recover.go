package audit

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"golang.org/x/mod/sumdb/tlog"
)

// found is what a scan of a segment's rest has found.
type found struct {
	offset int64  // behind the last whole batch that fits
	tree   tree   // there
	note   []byte // its checkpoint; nil: no batch fits
	next   string // the key that a record up to there has named
	named  string // the key that a record behind it names
	later  bool   // a signed checkpoint of a larger tree stands behind what does not fit
}

// scan reads the current segment from offset to size, batch by batch, as far as
// the lines fit the tree. A batch that does not fit at the very end is a write
// that was torn, in whatever order the disk has kept its pages; one with signed
// checkpoints behind it is not.
func (c *chain) scan(size int64) found {
	f := found{offset: c.offset, tree: c.tree.clone(), next: c.next}
	t := c.tree.clone()
	in := readLines(c.file, c.offset, size)
	for first := c.offset == 0; ; first = false {
		line, err := in.next()
		if err == nil {
			err = c.step(&t, &f, line, first, in.off)
		}
		if errors.Is(err, io.EOF) {
			return f
		}
		if err != nil {
			break
		}
	}
	for {
		line, err := in.next()
		if errors.Is(err, errLongLine) {
			continue
		}
		if err != nil {
			return f
		}
		if len(line) == 0 || line[0] != '"' {
			continue
		}
		msg, err := parseCheckpointLine(line)
		if err != nil {
			continue
		}
		cp, err := c.auth.parse(msg)
		if err == nil && cp.size > f.tree.size && c.auth.check(msg) == nil {
			f.later = true
			return f
		}
	}
}

var errMisfit = errors.New("line does not fit the tree")

// step takes in one line; at the end of a batch that fits it moves f.
func (c *chain) step(t *tree, f *found, line []byte, first bool, off int64) error {
	if len(line) == 0 {
		return errMisfit
	}
	if first {
		begin, err := parseTreeLine(line)
		if err != nil || !begin.equal(t) {
			return errMisfit
		}
		return nil
	}
	switch line[0] {
	case '{':
		t.add(tlog.RecordHash(line))
		if key, ok := namedKey(line); ok {
			f.named = key
		}
		return nil
	case '[':
		if key, err := parseKeyLine(line); err == nil && key != c.auth.text {
			return errMisfit // no record has named it
		}
		return nil // leaves, a hint for Verify, or a body, which the tree does not hold
	case '"':
		msg, err := parseCheckpointLine(line)
		if err != nil {
			return err
		}
		_, cp, err := parseCheckpoint(msg) // another log's may fit too; its signature will not
		if err != nil || cp.size != t.size || cp.size <= f.tree.size || cp.root != t.root() {
			return errMisfit
		}
		f.offset, f.note = off, msg
		if f.named != "" {
			f.next, f.named = f.named, ""
		}
		f.tree.set(t)
		return nil
	}
	return errMisfit
}

// open finds the end of the log. The head tells where to begin; where it does
// not fit, the last segment that has a whole batch is read from its tree line on.
func (c *chain) open() error {
	list, err := segments(c.dir)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		list = []int64{0}
	}
	h, err := readHead(c.dir, c.auth)
	if err != nil {
		c.logger.Warn("audit log: the head is not used", "error", err)
	}
	if h == nil || !c.resume(h) {
		if err := c.search(list); err != nil {
			return err
		}
	}
	if err := c.catchUp(); err != nil {
		return err
	}
	if h == nil || h.checkpoint.size <= c.tree.size {
		return nil
	}
	c.logger.Error("audit log: acknowledged records are missing from its end; their checkpoint is kept",
		"records", c.tree.size, "were", h.checkpoint.size, "file", lostName(h.checkpoint.size))
	return keepLost(c.dir, h.checkpoint.size)
}

// search starts at the newest segment that holds a whole batch.
func (c *chain) search(list []int64) error {
	c.next = ""
	for _, first := range slices.Backward(list) {
		if isSealed(c.dir, first) {
			return c.searchSealed(first)
		}
		if err := c.enter(first); err != nil {
			return err
		}
		info, err := c.file.Stat()
		if err != nil {
			return fmt.Errorf("audit log: %w", err)
		}
		if !c.start(readLines(c.file, 0, info.Size()), first) {
			continue
		}
		if c.scan(info.Size()).note != nil {
			return nil
		}
	}
	c.tree = tree{}
	if list[0] != 0 {
		return fmt.Errorf("%w (%s is missing)", ErrDamaged, segmentPath(c.dir, 0))
	}
	return nil
}

// start takes the tree and the key from the first lines of a segment.
func (c *chain) start(in liner, first int64) bool {
	line, err := in.next()
	if err != nil {
		return false
	}
	begin, err := parseTreeLine(line)
	if err != nil || begin.size != first {
		return false
	}
	c.tree = begin
	line, err = in.next()
	if err != nil || !isKeyLine(line) {
		return true // of a log that is older than key lines
	}
	if key, err := parseKeyLine(line); err == nil && key != c.auth.text {
		if auth, err := newVerifier(key); err == nil {
			c.auth = auth
		}
	}
	return true
}

// searchSealed starts behind a sealed segment: the one after it is not there, or
// holds no whole batch.
func (c *chain) searchSealed(first int64) error {
	damaged := func(err error) error { return fmt.Errorf("%w (%s: %w)", ErrDamaged, sealedPath(c.dir, first), err) }
	s, err := openSealed(c.dir, first)
	if err != nil {
		return damaged(err)
	}
	defer s.close()
	in, err := s.from(first)
	if err != nil {
		return err
	}
	if !c.start(in, first) {
		return damaged(errMisfit)
	}
	if in, err = s.from(first); err != nil {
		return err
	}
	for {
		line, err := in.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return damaged(err)
		}
		switch {
		case len(line) > 0 && line[0] == '{':
			c.tree.add(tlog.RecordHash(line))
			if key, ok := namedKey(line); ok {
				c.next = key
			}
		case len(line) > 0 && line[0] == '"':
			if c.note, err = parseCheckpointLine(line); err != nil {
				return damaged(err)
			}
		}
	}
	_, cp, err := parseCheckpoint(c.note)
	if err == nil && (cp.size != c.tree.size || cp.root != c.tree.root()) {
		err = errMisfit
	}
	if err == nil {
		err = c.auth.check(c.note)
	}
	if err != nil {
		return damaged(err)
	}
	return c.goOn()
}

// resume starts where the head says, if the segment holds its checkpoint there.
func (c *chain) resume(h *head) bool {
	if !c.holds(h) || c.enter(h.segment) != nil {
		return false
	}
	c.offset, c.note, c.next = h.offset, h.note, h.next
	c.tree.set(&h.tree)
	return true
}

// holds reports whether a head's checkpoint stands where the head says.
func (c *chain) holds(h *head) bool {
	want := appendCheckpointLine(nil, h.note)
	if h.offset < int64(len(want)) {
		return false
	}
	f, err := os.Open(segmentPath(c.dir, h.segment))
	if err != nil {
		return false
	}
	defer f.Close()
	got := make([]byte, len(want))
	_, err = f.ReadAt(got, h.offset-int64(len(want)))
	return err == nil && bytes.Equal(got, want)
}

// contains reports whether the log has a head's tree in its past: what holds
// tells at once as long as the segment is not sealed.
func (c *chain) contains(h *head) bool {
	if h.checkpoint.size > c.tree.size {
		return false
	}
	list, err := segments(c.dir)
	if err != nil {
		return false
	}
	i, _ := slices.BinarySearch(list, h.checkpoint.size)
	if i == 0 {
		return false
	}
	s, err := openSegment(c.dir, list[i-1])
	if err != nil {
		return false
	}
	defer s.close()
	in, err := s.from(list[i-1])
	if err != nil {
		return false
	}
	line, err := in.next()
	if err != nil {
		return false
	}
	t, err := parseTreeLine(line)
	for err == nil && t.size < h.checkpoint.size {
		if line, err = in.next(); err == nil && len(line) > 0 && line[0] == '{' {
			t.add(tlog.RecordHash(line))
		}
	}
	return err == nil && t.size == h.checkpoint.size && t.root() == h.checkpoint.root
}

// compare holds the log against a head that was kept elsewhere, and tells nobody
// of newer ones where they do not agree.
func (c *chain) compare(known []byte) {
	// Whoever keeps it has kept it from others: the signature may be of a key that
	// has been rotated since.
	h, err := parseHead(known, keptElsewhere, nil)
	if err == nil && (c.holds(h) || c.contains(h)) {
		return
	}
	c.kept = nil
	if err != nil {
		c.logger.Error("audit log: cannot be held against the checkpoint that was kept outside the folder", "error", err)
		return
	}
	c.logger.Error("audit log: it was rolled back: the checkpoint that was kept outside the folder does not stand in it; run `toolvault audit verify`",
		"records", c.tree.size, "were", h.checkpoint.size)
}
