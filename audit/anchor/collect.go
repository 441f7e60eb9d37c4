package anchor

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
)

// Bounds on what Collect reads.
const (
	maxCollected      = 4 << 20   // checkpoints
	maxCollectedBytes = 512 << 20 // of all of them
)

// Collect reads the checkpoints that were kept at a path, for audit.Verify: all
// "SIZE.checkpoint" of a folder, or those of one file, which may hold several
// notes one after the other, or the head of a log as JSON. They come in the order
// of their sizes. It checks no signature, but that each file holds what its name
// says. A place without any checkpoint is an error: nothing would be held against
// it.
func Collect(path string) ([][]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return collectFile(path)
	}
	d, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = d.Close() }()
	var sizes []int64
	for {
		names, err := d.Readdirnames(4096)
		for _, name := range names {
			if n := sizeOf(name); n > 0 {
				sizes = append(sizes, n)
			}
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if len(sizes) > maxCollected {
			return nil, fmt.Errorf("the folder %s holds more than %d checkpoints: verify with some of them, the newest among them", path, maxCollected)
		}
	}
	if len(sizes) == 0 {
		return nil, fmt.Errorf("there is no checkpoint in the folder %s: they are files named SIZE%s", path, noteSuffix)
	}
	slices.Sort(sizes)
	list, bytes := make([][]byte, 0, len(sizes)), 0
	for _, size := range sizes {
		c, err := readNote(noteName(path, size))
		if err != nil {
			return nil, err
		}
		if c.Size != size {
			return nil, fmt.Errorf("%s is of %d records: it was renamed, or its content changed", noteName(path, size), c.Size)
		}
		if bytes += len(c.Note); bytes > maxCollectedBytes {
			return nil, fmt.Errorf("the checkpoints in the folder %s are too large", path)
		}
		list = append(list, c.Note)
	}
	return list, nil
}

// collectFile reads a file of one checkpoint, of several, or of a head.
func collectFile(path string) ([][]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, maxCollectedBytes+1))
	switch {
	case err != nil:
		return nil, err
	case len(text) > maxCollectedBytes:
		return nil, fmt.Errorf("%s is too large to be checkpoints", path)
	case len(bytes.TrimSpace(text)) == 0:
		return nil, fmt.Errorf("there is no checkpoint in %s", filepath.Clean(path))
	case text[0] == '{':
		return [][]byte{text}, nil
	}
	var list [][]byte
	for len(text) > 0 {
		note := text[:end(text)]
		if _, err := Parse(note); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		list = append(list, note)
		text = bytes.TrimLeft(text[len(note):], "\n")
	}
	return list, nil
}

// end is where the first of several notes ends: behind the signature lines that
// follow its empty line.
func end(text []byte) int {
	i := bytes.Index(text, []byte("\n\n"))
	if i < 0 {
		return len(text)
	}
	i += 2
	for bytes.HasPrefix(text[i:], []byte("— ")) {
		n := bytes.IndexByte(text[i:], '\n')
		if n < 0 {
			return len(text)
		}
		i += n + 1
	}
	return i
}
