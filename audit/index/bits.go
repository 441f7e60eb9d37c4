package index

import (
	"encoding/binary"
	"math/bits"
)

// rowSet is a set of records of one block, by their position in it.
type rowSet [blockRows / 64]uint64

func (s *rowSet) add(row int)      { s[row/64] |= 1 << (row % 64) }
func (s *rowSet) remove(row int)   { s[row/64] &^= 1 << (row % 64) }
func (s *rowSet) has(row int) bool { return s[row/64]>>(row%64)&1 != 0 }

func (s *rowSet) and(o *rowSet) {
	for i := range s {
		s[i] &= o[i]
	}
}

func (s *rowSet) or(o *rowSet) {
	for i := range s {
		s[i] |= o[i]
	}
}

// fill adds the rows from first to the one before end.
func (s *rowSet) fill(first, end int) {
	for row := first; row < end; {
		if row%64 == 0 && end-row >= 64 {
			s[row/64] = ^uint64(0)
			row += 64
			continue
		}
		s.add(row)
		row++
	}
}

// last returns the highest row below one; -1: there is none.
func (s *rowSet) last(below int) int {
	i := (below - 1) / 64
	if below <= 0 {
		return -1
	}
	w := s[i] << (63 - (below-1)%64)
	if w != 0 {
		return below - 1 - bits.LeadingZeros64(w)
	}
	for i--; i >= 0; i-- {
		if s[i] != 0 {
			return i*64 + bits.Len64(s[i]) - 1
		}
	}
	return -1
}

const rowSetBytes = blockRows / 8

func (s *rowSet) encode(b []byte) []byte {
	for _, w := range s {
		b = binary.LittleEndian.AppendUint64(b, w)
	}
	return b
}

func (s *rowSet) decode(b []byte) {
	for i := range s {
		s[i] = binary.LittleEndian.Uint64(b[8*i:])
	}
}

func (s *rowSet) empty() bool { return *s == rowSet{} }
