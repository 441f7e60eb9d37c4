package tile

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"golang.org/x/mod/sumdb/tlog"

	"toolvault/audit"
)

// ErrMisfit is in the errors of a log whose records are not those that its newest
// checkpoint signs, however often the tiles are made again.
var ErrMisfit = errors.New("the records are not those that the log's newest checkpoint signs: run `toolvault audit verify`")

// ErrNone is returned for a hash, a tile or an entry that the tree has not.
var ErrNone = errors.New("the log has no such tile")

// Tree is the Merkle tree of a log at its newest checkpoint. It is for one
// goroutine and one piece of work: its reads end with the context that Open got.
// It is a tlog.HashReader.
type Tree struct {
	ctx      context.Context
	dir      string
	files    files
	keeps    bool  // writes the tiles that it makes
	keepErr  error // why it has stopped to
	note     []byte
	signed   tlog.Hash
	edge     edge
	cache    map[place][]tlog.Hash // full tiles that fit the one above
	progress func(done int64)
}

// place is where a full tile stands in the tree.
type place struct {
	level int
	n     int64
}

const maxCached = 128 // tiles of 8 KiB

// Open brings the tiles in the folder of a log up to date with its newest
// checkpoint and returns the tree that it signs. Only the records since the last
// time are read. progress, where it is not nil, hears about every thousandth.
// The checkpoint's signature is not checked: no key is needed. Where the folder
// cannot be written the tree is as good and the next Open as slow.
func Open(ctx context.Context, dir string, progress func(done int64)) (*Tree, error) {
	return open(ctx, dir, true, progress)
}

// Look is Open that writes nothing.
func Look(ctx context.Context, dir string, progress func(done int64)) (*Tree, error) {
	return open(ctx, dir, false, progress)
}

func open(ctx context.Context, dir string, keeps bool, progress func(int64)) (*Tree, error) {
	size, note, err := audit.Newest(dir)
	if err != nil {
		return nil, err
	}
	if progress == nil {
		progress = func(int64) {}
	}
	t := &Tree{ctx: ctx, dir: dir, files: files{dir, private}, keeps: keeps, note: note, cache: map[place][]tlog.Hash{}, progress: progress}
	if size == 0 {
		t.signed = t.edge.root()
		return t, nil
	}
	if _, _, t.signed, err = parse(note); err != nil {
		return nil, fmt.Errorf("the log's newest checkpoint cannot be read: %w", err)
	}
	return t, t.update(size)
}

// Size is the number of records in the tree.
func (t *Tree) Size() int64 { return t.edge.size }

// Root is the tree's root hash, the one that the checkpoint signs.
func (t *Tree) Root() tlog.Hash { return t.signed }

// Checkpoint is the signed note over the tree (c2sp.org/tlog-checkpoint); nil for
// a log without records.
func (t *Tree) Checkpoint() []byte { return t.note }

// Kept tells why the tiles were not written; nil: they were.
func (t *Tree) Kept() error { return t.keepErr }

// Inclusion proves that a record is in the tree of the first size records (RFC
// 6962, section 2.1.1).
func (t *Tree) Inclusion(size, index int64) (tlog.RecordProof, error) {
	if err := t.has(size); err != nil {
		return nil, err
	}
	if index < 0 || index >= size {
		return nil, fmt.Errorf("%w: record %d of %d", ErrNone, index, size)
	}
	return tlog.ProveRecord(size, index, t)
}

// Consistency proves that the tree of the first old records is a prefix of that
// of the first size ones (RFC 6962, section 2.1.2). It is empty where they are
// the same, and where old is 0.
func (t *Tree) Consistency(old, size int64) (tlog.TreeProof, error) {
	if err := t.has(size); err != nil {
		return nil, err
	}
	if old < 0 || old > size {
		return nil, fmt.Errorf("%w: a tree of %d records is no prefix of one of %d", ErrNone, old, size)
	}
	if old == 0 {
		return nil, nil
	}
	return tlog.ProveTree(size, old, t)
}

// RootAt is the root of the tree of the first size records.
func (t *Tree) RootAt(size int64) (tlog.Hash, error) {
	if err := t.has(size); err != nil {
		return tlog.Hash{}, err
	}
	return tlog.TreeHash(size, t)
}

func (t *Tree) has(size int64) error {
	if size < 0 || size > t.Size() {
		return fmt.Errorf("%w: it has %d records, not %d", ErrNone, t.Size(), size)
	}
	return nil
}

// ReadHashes implements tlog.HashReader: the hashes with those storage indexes
// (tlog.StoredHashIndex). Each was held against the signed root.
func (t *Tree) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		if index < 0 {
			return nil, fmt.Errorf("%w: hash %d", ErrNone, index)
		}
		depth, n := tlog.SplitStoredHashIndex(index)
		if n >= t.Size()>>depth {
			return nil, fmt.Errorf("%w: hash %s", ErrNone, strconv.FormatInt(index, 10))
		}
		level, above := depth/Height, depth%Height
		first := n << above // of the hashes at the tile's lower side
		tile, err := t.tile(level, first/Width)
		if err != nil {
			return nil, err
		}
		hashes[i] = subtree(tile[first%Width:][:1<<above])
	}
	return hashes, nil
}

// Tile returns a tile, or the bytes of its first width hashes, as
// c2sp.org/tlog-tiles lays them out.
func (t *Tree) Tile(level int, n int64, width int) ([]byte, error) {
	if level < 0 || level > maxLevel || n < 0 || n > full(t.Size(), level) || width < 1 || width > Width {
		return nil, fmt.Errorf("%w: %s", ErrNone, Path(level, n, width))
	}
	hashes, err := t.tile(level, n)
	if err != nil {
		return nil, err
	}
	if len(hashes) < width {
		return nil, fmt.Errorf("%w: %s", ErrNone, Path(level, n, width))
	}
	return join(hashes[:width]), nil
}

// tile returns the hashes of a tile, full or at the tree's edge.
func (t *Tree) tile(level int, n int64) ([]tlog.Hash, error) {
	if n == full(t.Size(), level) {
		return t.edge.tiles[level], nil
	}
	at := place{level, n}
	if hashes := t.cache[at]; hashes != nil {
		return hashes, nil
	}
	parent, err := t.tile(level+1, n/Width)
	if err != nil {
		return nil, err
	}
	want := parent[n%Width]
	hashes := t.files.read(level, n, Width)
	if hashes == nil || subtree(hashes) != want {
		if hashes, err = t.remake(level, n, want); err != nil {
			return nil, err
		}
	}
	if len(t.cache) >= maxCached {
		clear(t.cache)
	}
	t.cache[at] = hashes
	return hashes, nil
}
