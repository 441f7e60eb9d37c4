package tile

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"golang.org/x/mod/sumdb/tlog"
)

// Exported is what Export has written.
type Exported struct {
	Records int64 `json:"records"` // in the tree
	Tiles   int64 `json:"tiles"`   // written now
	Bundles int64 `json:"bundles"` // written now
	Missing int64 `json:"missing"` // bundles that cannot be made: their records were moved away
}

// Export writes a log as a static tiled log with its entries into a folder that
// anybody may read, for a web server or a mirror, or brings such a folder up to
// date: what its checkpoint covers is taken to be there. The checkpoint is
// written last. Bodies, with all that may be erased, are not in it. Every entry
// is held against the tree before it is written. The error is ErrRolledBack where
// the folder holds a checkpoint that the log does not continue.
func Export(ctx context.Context, dir, to string, progress func(done int64)) (Exported, error) {
	t, err := Open(ctx, dir, progress)
	if err != nil {
		return Exported{}, err
	}
	x := exporter{tree: t, to: files{to, public}, done: Exported{Records: t.Size()}}
	var from int64 // what is there
	old, err := Published(to)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return x.done, err
	default:
		if err := t.continues(old); err != nil {
			return x.done, err
		}
		_, from, _, _ = parse(old)
	}
	if t.Size() == 0 || from == t.Size() {
		return x.done, nil
	}
	for level := 0; level <= maxLevel; level++ {
		for n := full(from, level); n <= full(t.Size(), level); n++ {
			if err := x.tile(level, n); err != nil {
				return x.done, err
			}
			if level == 0 {
				if err := x.bundle(ctx, n); err != nil {
					return x.done, err
				}
				t.progress(min((n+1)*Width, t.Size()))
			}
		}
	}
	return x.done, writeFile(filepath.Join(to, CheckpointName), t.note, public)
}

type exporter struct {
	tree *Tree
	to   files
	done Exported
}

func (x *exporter) tile(level int, n int64) error {
	hashes, err := x.tree.tile(level, n)
	if err != nil || len(hashes) == 0 {
		return err
	}
	x.done.Tiles++
	return x.to.write(level, n, hashes)
}

func (x *exporter) bundle(ctx context.Context, n int64) error {
	hashes, err := x.tree.tile(0, n)
	if err != nil || len(hashes) == 0 {
		return err
	}
	b, err := Bundle(ctx, x.tree.dir, n, len(hashes))
	if errors.Is(err, ErrNone) {
		x.done.Missing++
		return nil
	}
	if err != nil {
		return err
	}
	for i, rest := 0, b; len(rest) > 0; i++ {
		size := 2 + int(binary.BigEndian.Uint16(rest))
		if tlog.RecordHash(rest[2:size]) != hashes[i] {
			return fmt.Errorf("%w (record %d)", ErrMisfit, n*Width+int64(i))
		}
		rest = rest[size:]
	}
	x.done.Bundles++
	return x.to.writeBundle(n, len(hashes), b)
}
