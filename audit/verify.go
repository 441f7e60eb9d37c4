package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// Report is what Verify has found.
type Report struct {
	Records     int64    `json:"records"`     // that a good checkpoint covers
	Checkpoints int64    `json:"checkpoints"` // that are good
	Root        string   `json:"root"`        // of the tree over Records, base64
	Problem     *Problem `json:"problem,omitempty"`
	Erased      int64    `json:"erased"`     // records whose body was erased, or dropped after its time
	TornBytes   int64    `json:"torn_bytes"` // of an unfinished write at the end, never acknowledged
	Unknown     int      `json:"unknown"`    // writes past their deadline without an outcome
}

// Problem is the first thing that does not fit.
type Problem struct {
	Index  int64  `json:"index"` // of the first record that does not fit
	File   string `json:"file"`  // name in the folder; empty: what is wrong is in none
	Line   int    `json:"line"`  // from 1; 0: the file as a whole
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

// Verify recomputes a log from its first byte: that each record has the index
// that it must have, that each batch's records are those whose tree its
// checkpoint signs, each signature, and that the log holds the newest checkpoint
// that was kept beside it and the heads that were kept elsewhere: kept are texts
// that Options.Kept has handed out. It stops at the first problem, and only reads.
// progress, where it is not nil, hears about every thousandth record. The log
// may be written meanwhile. The error is for what kept it from finding out: no
// log, an unreadable file, a malformed key, the end of the context.
//
// What it cannot find is said in the package comment.
func Verify(ctx context.Context, dir string, verifierKey string, progress func(done int64), kept ...[]byte) (Report, error) {
	a, err := newVerifier(verifierKey)
	if err != nil {
		return Report{}, err
	}
	return verify(ctx, dir, a, progress, time.Now(), kept)
}

func verify(ctx context.Context, dir string, a *authority, progress func(int64), now time.Time, kept [][]byte) (Report, error) {
	if progress == nil {
		progress = func(int64) {}
	}
	// Before the lines: the log only grows, so they cannot fall behind it.
	h, headErr := readHead(dir, a)
	list, err := segments(dir)
	if err != nil {
		return Report{}, err
	}
	v := &verification{auth: a, progress: progress, open: map[string]time.Time{}}
	if h != nil {
		v.marks = append(v.marks, mark{checkpoint: h.checkpoint, file: headName, what: "head"})
	}
	for _, text := range kept {
		h, err := parseHead(text, keptElsewhere, a)
		if err != nil {
			v.fail(0, 0, "%v", err)
			break
		}
		v.marks = append(v.marks, mark{checkpoint: h.checkpoint, what: keptElsewhere})
	}
	for i, first := range list {
		if v.problem != nil {
			break
		}
		if err := v.segment(ctx, dir, first, i == len(list)-1); err != nil {
			return Report{}, err
		}
	}
	v.flush()
	if index := v.bodies.missing(); index >= 0 && v.problem == nil {
		v.problem = &Problem{Index: index, Reason: "its arguments, result, user and message are gone, and no record says that they were erased"}
	}
	if v.problem == nil {
		if err := v.beside(dir, headErr); err != nil {
			return Report{}, err
		}
	}
	root := v.good.root()
	r := Report{Records: v.good.size, Checkpoints: v.checkpoints, Root: root.String(), Problem: v.problem, TornBytes: v.torn, Erased: count(v.bodies.gone)}
	for _, until := range v.open {
		if now.After(until) {
			r.Unknown++
		}
	}
	return r, nil
}

type verification struct {
	auth     *authority
	marks    []mark // that the log must hold
	progress func(int64)

	tree        tree // over all lines read
	good        tree // at the last checkpoint that fits
	checkpoints int64
	batch       []leaf
	leaves      []tlog.Hash // as the batch's leaves line says
	signatures  []signature // to be checked
	bodies      bodies
	torn        int64
	problem     *Problem
	open        map[string]time.Time // last moment of intents by call id
	file        string
}

const keptElsewhere = "checkpoint that was kept outside the folder"

// mark is a checkpoint that was kept apart from the lines.
type mark struct {
	checkpoint
	file, what string // where it was kept: file is empty for elsewhere
	met        bool
}

type leaf struct {
	hash tlog.Hash
	line int
}

func (v *verification) fail(index int64, line int, format string, args ...any) {
	if v.problem == nil {
		v.problem = &Problem{Index: index, File: v.file, Line: line, Reason: fmt.Sprintf(format, args...)}
	}
}

func (v *verification) segment(ctx context.Context, dir string, first int64, last bool) error {
	v.file = segmentName(first)
	if first != v.tree.size {
		v.fail(v.tree.size, 0, "records %d to %d are missing: the segment that begins with record %d follows", v.tree.size, first-1, first)
		if first < v.tree.size {
			v.problem.Reason = "segment overlaps the one before it"
		}
		return nil
	}
	f, err := os.Open(filepath.Join(dir, v.file))
	if err != nil {
		return fmt.Errorf("audit log: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("audit log: %w", err)
	}
	in := readLines(f, 0, info.Size())
	whole := int64(0) // behind the last checkpoint
	for v.problem == nil {
		line, err := in.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if errors.Is(err, errLongLine) {
			v.fail(v.tree.size, in.n, "%v", err)
			return nil
		}
		if err != nil {
			return fmt.Errorf("audit log: read %s: %w", v.file, err)
		}
		v.line(line, in.n)
		if len(v.batch) == 0 && in.n > 1 {
			whole = in.off
		}
		if v.tree.size%1000 == 0 {
			v.progress(v.tree.size)
			if ctx.Err() != nil {
				return fmt.Errorf("audit log: %w", context.Cause(ctx))
			}
		}
	}
	if v.problem != nil || whole == info.Size() {
		return nil
	}
	uncovered := v.good.size
	if !last {
		v.fail(uncovered, in.n+1, "segment ends within a batch: the records of its end are missing, or no checkpoint covers them")
		return nil
	}
	v.torn = info.Size() - whole
	if len(v.batch) > 0 && in.off == info.Size() {
		v.fail(uncovered, v.batch[0].line, "no checkpoint covers the record: it was added without the key, or its write died at exactly this byte; "+
			"it was never acknowledged, and the next append cuts it off")
	}
	v.tree.set(&v.good)
	v.batch = v.batch[:0]
	return nil
}

func (v *verification) line(line []byte, n int) {
	switch {
	case n == 1:
		begin, err := parseTreeLine(line)
		if err != nil {
			v.fail(v.tree.size, n, "%v", err)
		} else if !begin.equal(&v.tree) {
			v.fail(v.tree.size, n, "tree at the beginning of the segment does not fit the records before it")
		}
	case len(line) == 0:
		v.fail(v.tree.size, n, "line is empty")
	case line[0] == '{':
		v.record(line, n)
	case line[0] == '"':
		v.checkpoint(line, n)
	case isBodyLine(line):
		v.body(line, n)
	case line[0] == '[':
		tag, _, leaves, err := parseArrayLine(line)
		if err != nil || tag != tagLeaves || len(leaves) != len(v.batch) || v.leaves != nil {
			v.fail(v.good.size, n, "line is not the hashes of the records before it")
			return
		}
		v.leaves = leaves
	default:
		v.fail(v.tree.size, n, "line is neither a record, a checkpoint, a tree nor leaves")
	}
}

func (v *verification) record(line []byte, n int) {
	want := v.tree.size
	var g glance
	switch err := json.Unmarshal(line, &g); {
	case v.leaves != nil:
		v.fail(want, n, "record stands between the hashes of a batch and its checkpoint")
	case len(v.batch) == maxBatch:
		v.fail(want, n, "no checkpoint follows %d records", maxBatch)
	case err != nil:
		v.fail(want, n, "record cannot be read: it was changed")
	case g.Index == want+1:
		v.fail(want, n, "record %d is missing: record %d stands in its place", want, g.Index)
	case g.Index != want:
		v.fail(want, n, "record %d stands in the place of record %d: records were moved, added or removed", g.Index, want)
	}
	if v.problem != nil {
		return
	}
	v.bodies.leaf(want, line)
	h := tlog.RecordHash(line)
	v.tree.add(h)
	v.batch = append(v.batch, leaf{h, n})
	switch g.Phase {
	case PhaseIntent:
		v.open[g.CallID] = lastMoment(g.Time, g.Deadline)
	case PhaseOutcome:
		delete(v.open, g.CallID)
	}
}

func (v *verification) body(line []byte, n int) {
	if !v.bodies.body(line) {
		v.fail(max(v.tree.size-1, 0), n, "its arguments, result, user or message were changed: they are not what the record commits to")
	}
}

func (v *verification) checkpoint(line []byte, n int) {
	first := v.good.size
	msg, err := parseCheckpointLine(line)
	if err != nil {
		v.fail(first, n, "%v", err)
		return
	}
	cp, err := v.auth.parse(msg)
	root := v.tree.root()
	switch {
	case err != nil:
		v.fail(first, n, "%v", err)
	case len(v.batch) == 0:
		v.fail(first, n, "checkpoint covers no record: those before it are missing")
	case cp.size != v.tree.size:
		v.fail(first, n, "checkpoint is of %d records where %d stand: records were added or removed", cp.size, v.tree.size)
	case cp.root != root:
		v.misfit(n, cp)
	}
	v.meet(cp, n)
	if v.problem != nil {
		return
	}
	v.signatures = append(v.signatures, signature{msg, v.good.clone(), v.file, n, v.batch[0].line})
	v.good.set(&v.tree)
	v.checkpoints++
	v.batch, v.leaves = v.batch[:0], nil
	if len(v.signatures) == signatureBatch {
		v.flush()
	}
}

// meet holds the marks against a checkpoint that fits the lines.
func (v *verification) meet(cp checkpoint, n int) {
	if v.problem != nil {
		return
	}
	for i := range v.marks {
		m := &v.marks[i]
		if m.met || m.size > cp.size {
			continue
		}
		m.met = true
		if m.checkpoint != cp {
			v.fail(m.size-1, n, "the %s signs other records: one of the records 0 to %d was replaced by the log's own program after a part was cut off, or by whoever has the key", m.what, m.size-1)
		}
	}
}

// misfit names the record of the batch that was changed: by the leaves, if they
// are those that the checkpoint signs; else it is the batch as a whole.
func (v *verification) misfit(n int, cp checkpoint) {
	first := v.good.size
	t := v.good.clone()
	for _, h := range v.leaves {
		t.add(h)
	}
	if t.size == cp.size && t.root() == cp.root {
		i := 0
		for v.batch[i].hash == v.leaves[i] { // the roots differ, so one of them does
			i++
		}
		v.fail(first+int64(i), v.batch[i].line, "record was changed: its hash is not the one that the checkpoint signs")
		return
	}
	if len(v.batch) == 1 {
		v.fail(first, v.batch[0].line, "record, or the checkpoint behind it in line %d, was changed: its hash is not the one that the checkpoint signs", n)
		return
	}
	v.fail(first, v.batch[0].line, "one of the records %d to %d, or the checkpoint behind them in line %d, was changed", first, v.tree.size-1, n)
}

// beside holds the log against what is kept beside the segments.
func (v *verification) beside(dir string, headErr error) error {
	size := v.good.size
	for _, m := range v.marks {
		if m.size > size {
			v.file = m.file
			v.fail(size, 0, "records %d to %d are missing from the end: the %s covers them", size, m.size-1, m.what)
		}
	}
	v.file = headName
	if headErr != nil {
		v.fail(size, 0, "%v: it was changed, or is of another log; remove it to go on without it", headErr)
	}
	names, err := lost(dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		v.file = name
		h, err := readHeadFile(filepath.Join(dir, name), v.auth)
		if err != nil {
			v.fail(size, 0, "%v", err)
			continue
		}
		v.fail(h.checkpoint.size, 0, "records up to %d were once acknowledged and then missing from the end; those that now have their indices came later; "+
			"move the file away when this is cleared up", h.checkpoint.size-1)
	}
	return nil
}
