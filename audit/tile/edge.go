package tile

import (
	"slices"

	"golang.org/x/mod/sumdb/tlog"
)

// edge is the right side of a tree: the partial tiles of its levels, lowest
// first, with (size >> 8*level) % 256 hashes each.
type edge struct {
	size  int64
	tiles [maxLevel + 1][]tlog.Hash
}

// width is how many hashes the partial tile of a level has in a tree of a size.
func width(size int64, level int) int { return int(size >> (Height * level) % Width) }

// full is how many full tiles a level has in a tree of a size.
func full(size int64, level int) int64 { return size >> (Height * level) >> Height }

// add takes in the hash of a record and hands each tile that it makes full to
// done, which must not keep it.
func (e *edge) add(h tlog.Hash, done func(level int, n int64, hashes []tlog.Hash) error) error {
	for level := range e.tiles {
		e.tiles[level] = append(e.tiles[level], h)
		if len(e.tiles[level]) < Width {
			break
		}
		if err := done(level, full(e.size, level), e.tiles[level]); err != nil {
			return err
		}
		h = subtree(e.tiles[level])
		e.tiles[level] = e.tiles[level][:0]
	}
	e.size++
	return nil
}

// root is that of the tree (RFC 6962, section 2.1).
func (e *edge) root() tlog.Hash {
	var parts []tlog.Hash // roots of perfect trees, the largest first
	for _, hashes := range slices.Backward(e.tiles[:]) {
		for n := Width / 2; n > 0; n /= 2 {
			if len(hashes)&n != 0 {
				parts = append(parts, subtree(hashes[:n]))
				hashes = hashes[n:]
			}
		}
	}
	if len(parts) == 0 {
		empty, _ := tlog.TreeHash(0, nil) // of no records: needs no reader and cannot fail
		return empty
	}
	h := parts[len(parts)-1]
	for _, left := range slices.Backward(parts[:len(parts)-1]) {
		h = tlog.NodeHash(left, h)
	}
	return h
}

// subtree is the root over hashes whose number is a power of two.
func subtree(hashes []tlog.Hash) tlog.Hash {
	var buf [Width]tlog.Hash
	level := buf[:copy(buf[:], hashes)]
	for len(level) > 1 {
		for i := 0; i < len(level); i += 2 {
			level[i/2] = tlog.NodeHash(level[i], level[i+1])
		}
		level = level[:len(level)/2]
	}
	return level[0]
}

func join(hashes []tlog.Hash) []byte {
	b := make([]byte, 0, len(hashes)*tlog.HashSize)
	for _, h := range hashes {
		b = append(b, h[:]...)
	}
	return b
}

// split is its inverse; nil where the bytes are not those of some hashes.
func split(b []byte) []tlog.Hash {
	if len(b)%tlog.HashSize != 0 || len(b) > Width*tlog.HashSize {
		return nil
	}
	hashes := make([]tlog.Hash, len(b)/tlog.HashSize)
	for i := range hashes {
		hashes[i] = tlog.Hash(b[i*tlog.HashSize:])
	}
	return hashes
}
