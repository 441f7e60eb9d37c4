package find

import (
	"cmp"
	"slices"
	"strings"
)

// spelling knows every word that the index knows, and finds the one that was
// meant where one letter is missing, added, wrong, or swapped with the next.
type spelling struct {
	words []spelled // by length, then by word
	seen  map[string]bool
}

type spelled struct {
	word    string
	letters uint32 // one bit for each letter of the alphabet that is in it
}

// shortest is the fewest letters of a word that is mended: below, one letter makes
// another word too easily.
const shortest = 5

func (s *spelling) learn(word string) {
	if s.seen == nil {
		s.seen = map[string]bool{}
	}
	if len(word) >= shortest-1 && !s.seen[word] {
		word = strings.Clone(word)
		s.seen[word] = true
		s.words = append(s.words, spelled{word, letters(word)})
	}
}

func (s *spelling) ready() {
	slices.SortFunc(s.words, func(a, b spelled) int {
		return cmp.Or(cmp.Compare(len(a.word), len(b.word)), cmp.Compare(a.word, b.word))
	})
}

// mend returns the first known word that is one letter from the given one, or "".
// Both begin alike: people rarely get the first letter wrong, and many words differ
// in nothing else (deal, meal, real).
func (s *spelling) mend(word string) string {
	if len(word) < shortest {
		return ""
	}
	mask := letters(word)
	from, _ := slices.BinarySearchFunc(s.words, len(word)-1, func(e spelled, n int) int { return cmp.Compare(len(e.word), n) })
	for _, e := range s.words[from:] {
		if len(e.word) > len(word)+1 {
			break
		}
		if e.word[0] == word[0] && few(mask^e.letters) && oneAway(word, e.word) {
			return e.word
		}
	}
	return ""
}

// few reports whether at most two bits are set: one letter for another is two.
func few(bits uint32) bool {
	bits &= bits - 1
	return bits&(bits-1) == 0
}

func letters(w string) uint32 {
	var mask uint32
	for i := range len(w) {
		mask |= 1 << (w[i] & 31)
	}
	return mask
}

// oneAway reports whether one letter makes a of b: the optimal string alignment
// distance is 1.
func oneAway(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	i := 0
	for i < len(a) && a[i] == b[i] {
		i++
	}
	if len(a) < len(b) {
		return a[i:] == b[i+1:]
	}
	if i == len(a) {
		return false
	}
	return a[i+1:] == b[i+1:] || i+1 < len(a) && a[i] == b[i+1] && a[i+1] == b[i] && a[i+2:] == b[i+2:]
}
