package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"sync"

	"golang.org/x/mod/sumdb/tlog"
)

// inspection is what one segment says of itself.
type inspection struct {
	v     *verification
	dir   string
	auth  *authority // of the segment's key
	key   string     // verifier key
	file  string
	first int64
	last  bool // of the log

	begin       tree // as its first line says
	begun       bool // there is such a line
	tree        tree // over all lines read
	good        tree // at the last checkpoint that fits
	checkpoints int64
	batch       []leaf
	leaves      []tlog.Hash // as the batch's leaves line says
	hash        hasher
	bodies      bodies
	open        map[string]int64
	ended       []string // outcomes of intents that are not in it
	next        string   // the key that its last key record names
	marks       []int64  // sizes at which roots are wanted, ascending
	roots       map[int64]tlog.Hash
	signatures  []*signature
	torn        int64
	problem     *Problem
	err         error
}

type leaf struct {
	hash tlog.Hash
	line int
}

// inspect inspects a segment; end is where the next one begins, -1 for the last.
func inspect(ctx context.Context, v *verification, p piece, end int64) *inspection {
	first := p.first
	s := &inspection{
		v: v, dir: p.dir, hash: newHasher(), auth: v.auth, key: v.auth.text, file: segmentName(first), first: first, last: end < 0,
		open: map[string]int64{}, roots: map[int64]tlog.Hash{},
	}
	s.tree.size = first
	for _, size := range v.sizes {
		if size > first && (end < 0 || size <= end) {
			s.marks = append(s.marks, size)
		}
	}
	s.err = s.read(ctx)
	s.settleSignatures()
	return s
}

func (s *inspection) fail(index int64, line int, format string, args ...any) {
	if s.problem == nil {
		s.problem = &Problem{Index: index, File: s.file, Line: line, Reason: fmt.Sprintf(format, args...)}
	}
}

func (s *inspection) read(ctx context.Context) error {
	r, err := openSegment(s.dir, s.first)
	if errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err != nil {
		s.fail(s.first, 0, "%v", err)
		return nil
	}
	defer r.close()
	s.file = r.name()
	in, err := r.from(s.first)
	if err != nil {
		return err
	}
	counted := s.tree.size
	n, whole := 0, int64(0) // lines; offset behind the last checkpoint
	file, plainly := in.(*lines)
	for s.problem == nil {
		line, err := in.next()
		if errors.Is(err, io.EOF) {
			break
		}
		n++
		if errors.Is(err, errLongLine) {
			s.fail(s.tree.size, n, "%v", err)
			return nil
		}
		if err != nil {
			if _, ok := r.(*sealed); ok {
				s.fail(s.tree.size, n, "the file was changed: %v", err)
				return nil
			}
			return fmt.Errorf("audit log: read %s: %w", s.file, err)
		}
		s.line(line, n)
		if plainly && len(s.batch) == 0 && n > 1 && line[0] == '"' {
			whole = file.off
		}
		if n%4096 == 0 {
			if ctx.Err() != nil {
				return fmt.Errorf("audit log: %w", context.Cause(ctx))
			}
			s.v.progress(s.tree.size - counted)
			counted = s.tree.size
		}
	}
	s.v.progress(s.tree.size - counted)
	if s.problem != nil {
		return nil
	}
	p, ok := r.(*plain)
	if ok && s.last {
		s.tail(p.size, whole, file.off)
	} else if len(s.batch) > 0 || s.checkpoints == 0 || ok && whole != p.size {
		s.fail(s.good.size, n+1, "segment ends within a batch: the records of its end are missing, or no checkpoint covers them")
	}
	return nil
}

// tail is for what stands behind the last checkpoint of the log.
func (s *inspection) tail(size, whole, off int64) {
	if whole == size {
		return
	}
	s.torn = size - whole
	if len(s.batch) > 0 && off == size {
		s.fail(s.good.size, s.batch[0].line, "no checkpoint covers the record: it was added without the key, or its write died at exactly this byte; "+
			"it was never acknowledged, and the next append cuts it off")
	}
	s.tree.set(&s.good)
	s.batch = s.batch[:0]
}

func (s *inspection) line(line []byte, n int) {
	switch {
	case n == 1:
		begin, err := parseTreeLine(line)
		if err != nil || begin.size != s.first {
			s.fail(s.first, n, "segment does not begin with the tree of the records before it")
			return
		}
		s.begin, s.begun = begin, true
		s.tree.set(&begin)
		s.good.set(&begin)
	case len(line) == 0:
		s.fail(s.tree.size, n, "line is empty")
	case line[0] == '{':
		s.record(line, n)
	case line[0] == '"':
		s.checkpoint(line, n)
	case isBodyLine(line):
		if !s.bodies.body(line) {
			s.fail(max(s.tree.size-1, 0), n, "its arguments, result, user or message were changed: they are not what the record commits to")
		}
	case isKeyLine(line) && n == 2:
		s.takeKey(line)
	case line[0] == '[':
		tag, _, leaves, err := parseArrayLine(line)
		if err != nil || tag != tagLeaves || len(leaves) != len(s.batch) || s.leaves != nil {
			s.fail(s.good.size, n, "line is not the hashes of the records before it")
			return
		}
		s.leaves = leaves
	default:
		s.fail(s.tree.size, n, "line is neither a record, a checkpoint, a tree nor leaves")
	}
}

func (s *inspection) takeKey(line []byte) {
	key, err := parseKeyLine(line)
	if err == nil {
		var a *authority
		if a, err = newVerifier(key); err == nil {
			s.auth, s.key = a, key
		}
	}
	if err != nil {
		s.fail(s.first, 2, "the key of the segment cannot be read")
	}
}

func (s *inspection) record(line []byte, n int) {
	want := s.tree.size
	index, ok := leafIndex(line)
	if !ok {
		var g glance
		if json.Unmarshal(line, &g) != nil {
			s.fail(want, n, "record cannot be read: it was changed")
			return
		}
		index = g.Index
	}
	switch {
	case s.leaves != nil:
		s.fail(want, n, "record stands between the hashes of a batch and its checkpoint")
	case index == want+1:
		s.fail(want, n, "record %d is missing: record %d stands in its place", want, index)
	case index != want:
		s.fail(want, n, "record %d stands in the place of record %d: records were moved, added or removed", index, want)
	}
	if s.problem != nil {
		return
	}
	s.bodies.leaf(want, line)
	h := s.hash.leaf(line)
	s.tree.add(h)
	if len(s.batch) == cap(s.batch) {
		s.batch = slices.Grow(s.batch, max(1024, len(s.batch)))
	}
	s.batch = append(s.batch, leaf{h, n})
	s.look(index, line)
	for len(s.marks) > 0 && s.marks[0] <= s.tree.size {
		s.roots[s.tree.size] = s.tree.root()
		s.marks = s.marks[1:]
	}
}

// look notes intents, and that they have ended, and what events say of the log.
func (s *inspection) look(index int64, line []byte) {
	phase, id, ok := quickPhase(line)
	if !ok {
		var g glance
		if json.Unmarshal(line, &g) != nil {
			return
		}
		phase, id = g.Phase, []byte(g.CallID)
	}
	switch phase {
	case PhaseIntent:
		if len(s.open) < maxOpen {
			s.open[string(id)] = index
		}
	case PhaseEvent:
		s.bodies.event(index, line)
		if key, ok := namedKey(line); ok {
			s.next = key
		}
	case PhaseOutcome:
		if _, ok := s.open[string(id)]; ok {
			delete(s.open, string(id))
		} else if len(s.ended) < maxOpen {
			s.ended = append(s.ended, string(id))
		}
	}
}

func (s *inspection) checkpoint(line []byte, n int) {
	first := s.good.size
	msg, err := parseCheckpointLine(line)
	if err != nil {
		s.fail(first, n, "%v", err)
		return
	}
	cp, err := s.auth.parse(msg)
	switch {
	case err != nil:
		s.fail(first, n, "%v", err)
	case len(s.batch) == 0:
		s.fail(first, n, "checkpoint covers no record: those before it are missing")
	case cp.size != s.tree.size:
		s.fail(first, n, "checkpoint is of %d records where %d stand: records were added or removed", cp.size, s.tree.size)
	case cp.root != s.tree.root():
		s.misfit(n, cp)
	}
	if s.problem != nil {
		return
	}
	s.later(&signature{msg: msg, before: s.good.clone(), line: n, first: s.batch[0].line})
	s.good.set(&s.tree)
	s.checkpoints++
	s.batch, s.leaves = s.batch[:0], nil
}

// misfit names the record of the batch that was changed: by the leaves, or the
// tiles beside the log, if they are those that the checkpoint signs; else it is
// the batch as a whole.
func (s *inspection) misfit(n int, cp checkpoint) {
	first := s.good.size
	leaves := s.leaves
	if leaves == nil {
		leaves = tileLeaves(s.v.dir, first, cp.size)
	}
	t := s.good.clone()
	for _, h := range leaves {
		t.add(h)
	}
	if t.size == cp.size && t.root() == cp.root {
		i := 0
		for s.batch[i].hash == leaves[i] { // the roots differ, so one of them does
			i++
		}
		s.fail(first+int64(i), s.batch[i].line, "record was changed: its hash is not the one that the checkpoint signs")
		return
	}
	if len(s.batch) == 1 {
		s.fail(first, s.batch[0].line, "record, or the checkpoint behind it in line %d, was changed: its hash is not the one that the checkpoint signs", n)
		return
	}
	s.fail(first, s.batch[0].line, "one of the records %d to %d, or the checkpoint behind them in line %d, was changed", first, s.tree.size-1, n)
}

// signature is one that is checked while the lines behind it are read:
// signatures are the dearest part of Verify, and do not depend on each other.
type signature struct {
	msg    []byte
	before tree // the last good one if this is forged
	line   int  // of the checkpoint
	first  int  // line of the first record it covers
	err    error
}

const signatureBatch = 256

// later has a signature checked; a batch of them at a time.
func (s *inspection) later(sig *signature) {
	s.signatures = append(s.signatures, sig)
	if len(s.signatures) >= signatureBatch {
		s.settleSignatures()
	}
}

// settleSignatures fails at the first signature that is not good; a problem found
// meanwhile stands behind them all.
func (s *inspection) settleSignatures() {
	list := s.signatures
	workers := min(runtime.GOMAXPROCS(0), len(list))
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := w; i < len(list); i += workers {
				list[i].err = s.auth.check(list[i].msg)
			}
		})
	}
	wg.Wait()
	for i, sig := range list {
		if sig.err != nil {
			s.problem = &Problem{Index: sig.before.size, File: s.file, Line: sig.first, Reason: sig.err.Error()}
			s.good = sig.before
			s.checkpoints -= int64(len(list) - i)
			break
		}
	}
	s.signatures = s.signatures[:0]
}
