package audit

import (
	"crypto/sha256"
	"hash"
	"math/bits"
	"slices"

	"golang.org/x/mod/sumdb/tlog"
)

// tree is an RFC 6962 Merkle tree reduced to what appending needs: its size and
// its right edge, the roots of the perfect subtrees from the largest to the
// smallest, one for each bit that is set in size.
type tree struct {
	size int64
	edge []tlog.Hash
}

// hasher is tlog.RecordHash without an allocation.
type hasher struct{ sha hash.Hash }

func newHasher() hasher { return hasher{sha256.New()} }

// leaf hashes a record (RFC 6962, section 2.1).
func (h hasher) leaf(record []byte) (sum tlog.Hash) {
	h.sha.Reset()
	_, _ = h.sha.Write([]byte{0})
	_, _ = h.sha.Write(record)
	h.sha.Sum(sum[:0])
	return sum
}

func (t *tree) add(h tlog.Hash) {
	for n := t.size; n&1 == 1; n >>= 1 {
		last := len(t.edge) - 1
		h = tlog.NodeHash(t.edge[last], h)
		t.edge = t.edge[:last]
	}
	t.edge = append(t.edge, h)
	t.size++
}

func (t *tree) root() tlog.Hash {
	if len(t.edge) == 0 {
		empty, _ := tlog.TreeHash(0, nil) // of no records: needs no reader and cannot fail
		return empty
	}
	h := t.edge[len(t.edge)-1]
	for i := len(t.edge) - 2; i >= 0; i-- {
		h = tlog.NodeHash(t.edge[i], h)
	}
	return h
}

func (t *tree) clone() tree { return tree{t.size, slices.Clone(t.edge)} }

// set makes t a copy of u without allocating where it can.
func (t *tree) set(u *tree) {
	t.size, t.edge = u.size, append(t.edge[:0], u.edge...)
}

func (t *tree) equal(u *tree) bool { return t.size == u.size && slices.Equal(t.edge, u.edge) }

// sound reports whether the edge has as many hashes as the size asks for.
func (t *tree) sound() bool {
	return t.size >= 0 && len(t.edge) == bits.OnesCount64(uint64(t.size))
}
