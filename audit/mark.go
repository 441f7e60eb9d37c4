package audit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"runtime"
	"sync"
)

// mark is a checkpoint that was kept apart from the lines. Its signature is
// checked when the keys of the log are known.
type mark struct {
	checkpoint
	note []byte
	file string // where it was kept, in the folder; empty: elsewhere
	what string
	bad  string // why it is none; empty: it is one
	met  bool
}

const keptElsewhere = "checkpoint that was kept outside the folder"

// readMarks reads the head beside the log and what was kept elsewhere.
func readMarks(dir string, a *authority, kept [][]byte) []mark {
	var list []mark
	if dir != "" {
		if m := readMark(filepath.Join(dir, headName), headName, "head", a); m.bad != absent {
			list = append(list, m)
		}
	}
	for _, text := range kept {
		list = append(list, parseMark(text, mark{what: keptElsewhere}, a))
	}
	return list
}

const absent = "is not there"

func readMark(path, file, what string, a *authority) mark {
	m := mark{file: file, what: what}
	text, err := readSmall(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		m.bad = absent
	case err != nil:
		m.bad = err.Error()
	default:
		m = parseMark(text, m, a)
	}
	return m
}

// parseMark reads a head, as Options.Kept hands it out, or a checkpoint as a
// signed note.
func parseMark(text []byte, m mark, a *authority) mark {
	m.note = text
	if bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) {
		var f headFile
		if err := json.Unmarshal(text, &f); err != nil {
			m.bad = m.what + " is not JSON: it was changed, or is of another log; remove it to go on without it"
			return m
		}
		m.note = []byte(f.Checkpoint)
	}
	var err error
	if m.checkpoint, err = a.parse(m.note); err != nil {
		m.bad = fmt.Sprintf("%s: %v: it was changed, or is of another log; remove it to go on without it", m.what, err)
	}
	return m
}

// meet holds the marks against the tree at their size.
func (v *verification) meet(s *inspection) {
	for i := range v.marks {
		m := &v.marks[i]
		root, ok := s.roots[m.size]
		if m.met || m.bad != "" || !ok {
			continue
		}
		m.met = true
		if root == m.root {
			continue
		}
		if err := v.signedByUs(*m, append(v.keys, Key{Verifier: s.key})); err != nil {
			v.fail(m.size-1, m.file, 0, "%s: %v: it was changed, or is of another log", m.what, err)
		} else {
			v.fail(m.size-1, s.file, 0, "the %s signs other records: one of the records 0 to %d was replaced by the log's own program after a part was cut off, or by whoever has the key", m.what, m.size-1)
		}
	}
}

// beside holds the log against what is kept beside the segments.
func (v *verification) beside() error {
	size := v.good.size
	errs := v.checkMarks()
	for i, m := range v.marks {
		switch err := errs[i]; {
		case m.bad != "":
			v.fail(size, m.file, 0, "%s", m.bad)
		case err != nil:
			v.fail(size, m.file, 0, "%s: %v: it was changed, or is of another log", m.what, err)
		case m.size > size:
			v.fail(size, m.file, 0, "records %d to %d are missing from the end: the %s covers them", size, m.size-1, m.what)
		}
	}
	if v.dir == "" {
		return nil
	}
	names, err := lost(v.dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		m := readMark(filepath.Join(v.dir, name), name, name, v.auth)
		if err := v.signedByUs(m, v.keys); m.bad != "" || err != nil {
			v.fail(size, name, 0, "%s%v", m.bad, err)
			continue
		}
		v.fail(m.size, name, 0, "records up to %d were once acknowledged and then missing from the end; those that now have their indices came later; "+
			"move the file away when this is cleared up", m.size-1)
	}
	return nil
}

// checkMarks checks the signatures of the marks, side by side.
func (v *verification) checkMarks() []error {
	errs := make([]error, len(v.marks))
	workers := min(runtime.GOMAXPROCS(0), len(errs))
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := w; i < len(errs); i += workers {
				errs[i] = v.signedByUs(v.marks[i], v.keys)
			}
		})
	}
	wg.Wait()
	return errs
}

// signedByUs checks a mark's signature with the keys of the log.
func (v *verification) signedByUs(m mark, keys []Key) error {
	if m.bad != "" {
		return nil
	}
	err := v.auth.check(m.note)
	for _, k := range keys {
		if err == nil {
			return nil
		}
		if k.Verifier == v.auth.text {
			continue
		}
		if a, e := newVerifier(k.Verifier); e == nil && a.check(m.note) == nil {
			return nil
		}
	}
	return err
}
