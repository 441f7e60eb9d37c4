package index

import "slices"

// The Bloom filters of a block stand on edge: slice i has bit i of each of its
// groups. So a word is looked for by reading a few slices, for all groups at once.
const (
	sliceBytes   = groups / 8
	bitsPerWord  = 24
	wordHashes   = 8 // with 24 bits for a word one in some 20,000 groups is looked at in vain
	minSlices    = 512
	maxCommon    = 1 << 12
	maxSlices    = 1 << 18 // 16 MiB
	maxWords     = 1 << 24 // of a block that are held at once: 64 MiB, with long results only
	crowdedWords = 1 << 16 // of a group: more is no use
)

// wordSets are the words of each group, by their hashes, some twice.
type wordSets struct {
	of    [groups][]uint32
	full  [groups]bool // groups with so many words that they are always looked at
	total int
}

func (w *wordSets) add(group int, word uint32) {
	if w.full[group] {
		return
	}
	w.of[group] = append(w.of[group], word)
	if w.total++; w.total > maxWords {
		w.shrink()
	}
}

// shrink removes what is there twice and, where that does not help, gives up the
// groups that have most.
func (w *wordSets) shrink() {
	w.total = 0
	for g := range w.of {
		w.distinct(g)
		if len(w.of[g]) > crowdedWords {
			w.of[g], w.full[g] = nil, true
		}
		w.total += len(w.of[g])
	}
	for w.total > maxWords/4*3 {
		most := 0
		for g := range w.of {
			if len(w.of[g]) > len(w.of[most]) {
				most = g
			}
		}
		w.total -= len(w.of[most])
		w.of[most], w.full[most] = nil, true
	}
}

func (w *wordSets) distinct(group int) {
	slices.Sort(w.of[group])
	w.of[group] = slices.Compact(w.of[group])
}

// summary is what the block's filters are made with.
type summary struct {
	slices int
	common map[uint32]bool // words of most groups: they stand for themselves, not in the filters
}

// summary looks at some of the groups. Names of members and the like are in nearly
// all of them: to ask the filters for such a word is no use, and without them
// there is more room for the others.
func (w *wordSets) summary() summary {
	s := summary{slices: minSlices, common: map[uint32]bool{}}
	count := map[uint32]int{}
	words, looked := 0, 0
	for g := 0; g < groups; g += 8 {
		if len(w.of[g]) == 0 {
			continue
		}
		w.distinct(g)
		words += len(w.of[g])
		looked++
		for _, word := range w.of[g] {
			count[word]++
		}
	}
	if looked < 8 {
		if looked > 0 {
			s.slices = max(words/looked*bitsPerWord, minSlices)
		}
		s.slices = min(s.slices, maxSlices)
		return s
	}
	for word, n := range count {
		if n*4 >= looked*3 && len(s.common) < maxCommon {
			s.common[word] = true
			words -= n
		}
	}
	s.slices = min(max(words/looked*bitsPerWord, minSlices), maxSlices)
	return s
}

// encode appends the slices.
func (w *wordSets) encode(b []byte, block int64, s summary) []byte {
	start := len(b)
	b = append(b, make([]byte, s.slices*sliceBytes)...)
	out := b[start:]
	var maybe [1 << 16 / 64]uint64 // common words by 16 of their bits
	for word := range s.common {
		maybe[uint16(word)/64] |= 1 << (word % 64)
	}
	for g := range w.of {
		at, bit := g/8, byte(1)<<(g%8)
		if w.full[g] {
			for i := range s.slices {
				out[i*sliceBytes+at] |= bit
			}
			continue
		}
		for _, word := range w.of[g] {
			if maybe[uint16(word)/64]>>(word%64)&1 != 0 && s.common[word] {
				continue
			}
			for _, slice := range slicesOf(word, block, s.slices) {
				out[slice*sliceBytes+at] |= bit
			}
		}
	}
	return b
}

// slicesOf are those that a word has its bits in. They differ from block to block:
// else a word that shares some with the most frequent ones would be found in vain
// everywhere.
func slicesOf(word uint32, block int64, n int) (list [wordHashes]int) {
	h := (uint64(word)<<32 | uint64(block)&(1<<32-1)) * 0x9e3779b97f4a7c15
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	h ^= h >> 31
	step := h>>32 | 1
	for i := range list {
		list[i] = int((h & (1<<32 - 1)) * uint64(n) >> 32)
		h += step
		h ^= h << 13 & (1<<32 - 1)
	}
	return list
}
