package audit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
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

// meter adds up what several goroutines have done.
func meter(progress func(int64)) func(int64) {
	if progress == nil {
		return func(int64) {}
	}
	var mu sync.Mutex
	var done int64
	return func(more int64) {
		mu.Lock()
		defer mu.Unlock()
		done += more
		progress(done)
	}
}
