package auth

import (
	"fmt"
	"strings"
	"time"
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

// Duration writes a length of time for people: "24 h", "1 h 30 min", "-1 h".
func Duration(d time.Duration) string {
	if d == 0 {
		return "0 s"
	}
	var words []string
	rest := max(d, -d)
	if rest < 0 { // the smallest int64 has no counterpart
		return d.String()
	}
	for _, unit := range []struct {
		length time.Duration
		name   string
	}{{time.Hour, "h"}, {time.Minute, "min"}, {time.Second, "s"}, {time.Millisecond, "ms"}, {time.Microsecond, "µs"}, {1, "ns"}} {
		if n := rest / unit.length; n > 0 {
			words = append(words, fmt.Sprintf("%d %s", n, unit.name))
			rest -= n * unit.length
		}
	}
	if d < 0 {
		words[0] = "-" + words[0]
	}
	return strings.Join(words, " ")
}
