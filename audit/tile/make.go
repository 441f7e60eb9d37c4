package tile

import (
	"errors"
	"fmt"
	"slices"

	"golang.org/x/mod/sumdb/tlog"

	"toolvault/audit"
)

// update makes the tiles from those that are there up to size, the edge with them.
func (t *Tree) update(size int64) error {
	from := min(t.files.count(0), full(size, 0)) * Width
	for _, begin := range []func() (edge, error){
		func() (edge, error) { return t.edgeAt(from, true) },
		func() (edge, error) { return t.edgeAt(from, false) },
		func() (edge, error) { return edge{}, nil }, // a tile is not what it must be, and nothing tells which: all anew
	} {
		var err error
		if t.edge, err = begin(); err == nil {
			err = t.grow(size)
		}
		if err != nil {
			return err
		}
		if t.edge.root() == t.signed {
			t.keepEdge()
			return nil
		}
		// What stands behind the end may be of a log that was rolled back.
		if t.keeps {
			t.kept(t.files.drop(size))
		}
	}
	return ErrMisfit
}

// edgeAt is the edge of the tree of a size that full tiles of level 0 cover:
// from the partial tiles on disk, as far as it may, and else from the tiles below.
func (t *Tree) edgeAt(size int64, partial bool) (edge, error) {
	e := edge{size: size}
	for level := 1; level <= maxLevel; level++ {
		n, w := full(size, level), width(size, level)
		var hashes []tlog.Hash
		if partial {
			hashes = t.files.prefix(level, n, w)
		}
		for len(hashes) < w {
			h, err := t.rootOf(level-1, n*Width+int64(len(hashes)))
			if err != nil {
				return edge{}, err
			}
			hashes = append(hashes, h)
		}
		e.tiles[level] = append(make([]tlog.Hash, 0, Width), hashes...)
	}
	return e, nil
}

// rootOf is the root of a full tile as it stands on disk, or else of the records.
func (t *Tree) rootOf(level int, n int64) (tlog.Hash, error) {
	hashes := t.files.read(level, n, Width)
	if hashes == nil {
		var err error
		if hashes, err = t.fromRecords(level, n); err != nil {
			return tlog.Hash{}, err
		}
	}
	return subtree(hashes), nil
}

// grow adds records to the edge until it is that of the first size ones.
func (t *Tree) grow(size int64) error {
	return t.addRecords(&t.edge, size, func(level int, n int64, hashes []tlog.Hash) error {
		t.keep(level, n, hashes)
		return nil
	})
}

// addRecords adds the log's records from the edge's size on.
func (t *Tree) addRecords(e *edge, end int64, done func(int, int64, []tlog.Hash) error) error {
	if e.size >= end {
		return nil
	}
	_, err := audit.Scan(t.ctx, t.dir, e.size, func(r audit.Raw) error {
		switch {
		case e.size == end:
			return errEnough
		case r.Index != e.size:
			return t.gone(e.size, r.Index)
		}
		if err := e.add(tlog.RecordHash(r.Leaf), done); err != nil {
			return err
		}
		if e.size%1000 == 0 {
			t.progress(e.size)
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	if err == nil && e.size < end {
		return fmt.Errorf("%w (they end at record %d of %d)", ErrMisfit, e.size, end)
	}
	return err
}

var errEnough = errors.New("enough")

func (t *Tree) gone(want, got int64) error {
	return fmt.Errorf("the audit records %d to %d are not in %s, nor is a tile that has their hashes: put back the segments that were moved away, or run `toolvault audit verify`", want, got-1, t.dir)
}

// remake makes a full tile whose root is known: from the tiles below, and where
// that is not it, from the records.
func (t *Tree) remake(level int, n int64, want tlog.Hash) ([]tlog.Hash, error) {
	if level > 0 {
		hashes := make([]tlog.Hash, Width)
		for i := range hashes {
			var err error
			if hashes[i], err = t.rootOf(level-1, n*Width+int64(i)); err != nil {
				return nil, err
			}
		}
		if subtree(hashes) == want {
			t.keep(level, n, hashes)
			return hashes, nil
		}
	}
	hashes, err := t.fromRecords(level, n)
	if err == nil && subtree(hashes) != want {
		err = ErrMisfit
	}
	return hashes, err
}

// fromRecords makes a full tile, and all below it, of the records alone.
func (t *Tree) fromRecords(level int, n int64) ([]tlog.Hash, error) {
	span := int64(1) << (Height * (level + 1)) // records under it
	e := edge{size: n * span}
	var made []tlog.Hash
	err := t.addRecords(&e, (n+1)*span, func(l int, k int64, hashes []tlog.Hash) error {
		if l > level {
			return nil
		}
		t.keep(l, k, hashes)
		if l == level {
			made = append(made, hashes...)
		}
		return nil
	})
	return made, err
}

// keep writes a full tile, if this tree may.
func (t *Tree) keep(level int, n int64, hashes []tlog.Hash) {
	if t.keeps {
		t.kept(t.files.write(level, n, hashes))
	}
}

// keepEdge writes the partial tiles.
func (t *Tree) keepEdge() {
	for level, hashes := range t.edge.tiles {
		if len(hashes) == 0 || !t.keeps {
			continue
		}
		n := full(t.Size(), level)
		if !slices.Equal(t.files.read(level, n, len(hashes)), hashes) {
			t.kept(t.files.write(level, n, hashes))
		}
	}
}

// kept stops to write where it fails: a proof needs no tile on disk.
func (t *Tree) kept(err error) {
	if err != nil {
		t.keeps, t.keepErr = false, err
	}
}
