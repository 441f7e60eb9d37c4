package auth

import (
	"strings"
	"unicode/utf8"
)

// clip shortens a text to at most n characters of one line.
func clip(s string, n int) string {
	if len(s) > 4*n {
		s = s[:4*n] // n characters take at most that; what follows need not be looked at
	}
	s = strings.Join(strings.Fields(strings.ToValidUTF8(s, "?")), " ")
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n-1]) + "…"
}

// nearest returns the word that is written most nearly like the one given, or ""
// if none is near enough to be what was meant.
func nearest(word string, words []string) string {
	if len(word) > 100 {
		return ""
	}
	best, at := "", 1+max(1, len(word)/3)
	for _, w := range words {
		if d := distance(word, w); d < at || d == at && best != "" && w < best {
			best, at = w, d
		}
	}
	return best
}

// distance is the number of letters to insert, delete, change or swap with their
// neighbour (Damerau, in its restricted form) to turn one text into the other.
func distance(a, b string) int {
	x, y := []rune(strings.ToLower(a)), []rune(strings.ToLower(b))
	before, last := make([]int, len(y)+1), make([]int, len(y)+1)
	for j := range last {
		last[j] = j
	}
	for i := range x {
		row := make([]int, len(y)+1)
		row[0] = i + 1
		for j := range y {
			cost := 1
			if x[i] == y[j] {
				cost = 0
			}
			row[j+1] = min(last[j]+cost, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && x[i] == y[j-1] && x[i-1] == y[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last = last, row
	}
	return last[len(y)]
}
