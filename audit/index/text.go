package index

import "slices"

// The Bloom filters of a block stand on edge: slice i has bit i of each of its
// groups. So a word is looked for by reading a few slices, for all groups at once.
const (
	sliceBytes   = groups / 8
	bitsPerWord  = 20
	wordHashes   = 8 // with 20 bits for a word one in some 7,000 groups is looked at in vain
	minSlices    = 512
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

// slices returns how many the block needs, from the words of some of its groups.
func (w *wordSets) slices() int {
	words, looked := 0, 0
	for g := 0; g < groups; g += 8 {
		if len(w.of[g]) > 0 {
			w.distinct(g)
			words += len(w.of[g])
			looked++
		}
	}
	if looked == 0 {
		return minSlices
	}
	return min(max(words/looked*bitsPerWord, minSlices), maxSlices)
}

// encode appends the slices.
func (w *wordSets) encode(b []byte, block int64, n int) []byte {
	start := len(b)
	b = append(b, make([]byte, n*sliceBytes)...)
	out := b[start:]
	for g := range w.of {
		at, bit := g/8, byte(1)<<(g%8)
		if w.full[g] {
			for i := range n {
				out[i*sliceBytes+at] |= bit
			}
			continue
		}
		for _, word := range w.of[g] {
			for _, slice := range slicesOf(word, block, n) {
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
