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
