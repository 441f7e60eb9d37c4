// Package near finds what somebody meant: the closest of the words that there
// are, for "did you mean".
package near

import "strings"

// Match returns the word closest to what was written, or "" if none is close:
// at most a third of its letters differ, case and the signs - _ . aside.
func Match(written string, words []string) string {
	w := fold(written)
	if w == "" || len(w) > 128 {
		return ""
	}
	best, bestDistance := "", len(w)/3+1
	for _, word := range words {
		f := fold(word)
		if d := len(f) - len(w); d >= bestDistance || -d >= bestDistance {
			continue
		}
		if d := distance(w, f); d < bestDistance {
			best, bestDistance = word, d
		}
	}
	return best
}

func fold(s string) string {
	return strings.NewReplacer("-", "", "_", "", ".", "").Replace(strings.ToLower(s))
}

// distance is the optimal string alignment distance: insertions, deletions,
// substitutions, and swaps of neighbours.
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
