package audit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// The head file holds the newest checkpoint, about a second old at most. It
// tells Verify of a tail that was cut off, and Open where to begin. It is
// written aside and renamed, never synced, and may be missing.
const headName = "head"

const lostPrefix = "lost-"

type head struct {
	note       []byte
	checkpoint checkpoint
	tree       tree
	segment    int64
	offset     int64
	next       string
}

// headFile is its form on disk.
type headFile struct {
	Checkpoint string   `json:"checkpoint"`     // a signed note
	Edge       []string `json:"edge"`           // of the tree at the checkpoint
	Segment    int64    `json:"segment"`        // first index of the segment that holds it
	Offset     int64    `json:"offset"`         // behind it, in that segment
	Next       string   `json:"next,omitempty"` // the key that takes over with the next segment
}

func (c *chain) writeHead() error {
	if c.note == nil {
		return nil
	}
	h := headFile{Checkpoint: string(c.note), Segment: c.segment, Offset: c.offset, Next: c.next}
	for _, e := range c.tree.edge {
		h.Edge = append(h.Edge, e.String())
	}
	text, err := json.Marshal(h)
	if err != nil {
		return err
	}
	if c.kept != nil {
		c.kept(bytes.Clone(text))
	}
	name := filepath.Join(c.dir, headName)
	if err := os.WriteFile(name+".new", append(text, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(name+".new", name)
}

// readHead returns the head of a log, nil where there is none. Its checkpoint is
// signed, and its tree is the one that was signed.
func readHead(dir string, a *authority) (*head, error) {
	h, err := readHeadFile(filepath.Join(dir, headName), a)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return h, err
}

func readHeadFile(name string, a *authority) (*head, error) {
	text, err := readSmall(name)
	if err != nil {
		return nil, err
	}
	return parseHead(text, name, a)
}

// parseHead reads a head; name is what an error calls it. Without an authority
// the signature is not checked.
func parseHead(text []byte, name string, a *authority) (*head, error) {
	var f headFile
	if err := json.Unmarshal(text, &f); err != nil {
		return nil, fmt.Errorf("%s is not JSON", name)
	}
	h := &head{note: []byte(f.Checkpoint), segment: f.Segment, offset: f.Offset, next: f.Next}
	var err error
	if a != nil {
		if err = a.check(h.note); err == nil {
			h.checkpoint, err = a.parse(h.note)
		}
	} else {
		_, h.checkpoint, err = parseCheckpoint(h.note)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	h.tree.size = h.checkpoint.size
	for _, s := range f.Edge {
		e, err := tlog.ParseHash(s)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		h.tree.edge = append(h.tree.edge, e)
	}
	if !h.tree.sound() || h.tree.root() != h.checkpoint.root || h.segment < 0 || h.segment > h.checkpoint.size {
		return nil, fmt.Errorf("%s does not fit its checkpoint", name)
	}
	return h, nil
}

// HeadSize is the number of records whose checkpoint a head holds, as
// Options.Kept hands it out, and the name of their log. It checks no signature.
func HeadSize(text []byte) (size int64, log string, err error) {
	var f headFile
	if err := json.Unmarshal(text, &f); err != nil {
		return 0, "", errors.New("head is not JSON")
	}
	log, c, err := parseCheckpoint([]byte(f.Checkpoint))
	return c.size, log, err
}

const maxHead = 64 << 10

func readSmall(name string) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxHead {
		return nil, fmt.Errorf("%s is too large to be a checkpoint", name)
	}
	return os.ReadFile(name)
}

func lostName(size int64) string { return fmt.Sprintf("%s%0*d", lostPrefix, segmentDigits, size) }

// keepLost keeps a head that is ahead of the lines: the only trace of records
// that were acknowledged and are gone. Verify reports it until it is moved away.
func keepLost(dir string, size int64) error {
	err := os.Rename(filepath.Join(dir, headName), filepath.Join(dir, lostName(size)))
	if err != nil {
		return fmt.Errorf("audit log: keep the checkpoint of missing records: %w", err)
	}
	return nil
}

// lost lists the heads that keepLost has kept, oldest tree first.
func lost(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir) // sorted
	if err != nil {
		return nil, fmt.Errorf("audit log: %w", err)
	}
	var names []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), lostPrefix) {
			names = append(names, e.Name())
		}
	}
	return names, nil
}
