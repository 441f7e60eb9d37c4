package audit

import (
	"encoding/json"
	"strconv"
	"unicode/utf8"
)

func itoa(i int) string { return strconv.Itoa(i) }

// skipString passes a string and tells whether it has escapes, or bytes that are
// not UTF-8 and have to be looked at as their decoder sees them.
func (w *walker) skipString() (escaped bool, err error) {
	if w.pos >= len(w.in) || w.in[w.pos] != '"' {
		return false, errSyntax
	}
	start := w.pos
	ascii := true
	for w.pos++; w.pos < len(w.in); w.pos++ {
		switch c := w.in[w.pos]; {
		case c == '"':
			w.pos++
			if !ascii && !utf8.ValidString(w.in[start:w.pos]) {
				escaped = true
			}
			return escaped, nil
		case c < 0x20:
			return false, errSyntax
		case c >= utf8.RuneSelf:
			ascii = false
		case c == '\\':
			escaped = true
			w.pos++
			if err := w.escape(); err != nil {
				return false, err
			}
		}
	}
	return false, errSyntax
}

func (w *walker) escape() error {
	if w.pos >= len(w.in) {
		return errSyntax
	}
	switch w.in[w.pos] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return nil
	case 'u':
		for range 4 {
			w.pos++
			if w.pos >= len(w.in) || !isHex(w.in[w.pos]) {
				return errSyntax
			}
		}
		return nil
	}
	return errSyntax
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// text decodes a string with its quotes.
func text(quoted string, escaped bool) string {
	if !escaped {
		return quoted[1 : len(quoted)-1]
	}
	var s string
	if json.Unmarshal([]byte(quoted), &s) != nil {
		return quoted // cannot be: its syntax has been checked
	}
	return s
}

func (w *walker) number() error {
	digits := func() bool {
		start := w.pos
		for w.pos < len(w.in) && '0' <= w.in[w.pos] && w.in[w.pos] <= '9' {
			w.pos++
		}
		return w.pos > start
	}
	is := func(c byte) bool { return w.pos < len(w.in) && w.in[w.pos] == c }
	if is('-') {
		w.pos++
	}
	if is('0') {
		w.pos++
	} else if !digits() {
		return errSyntax
	}
	if is('.') {
		w.pos++
		if !digits() {
			return errSyntax
		}
	}
	if is('e') || is('E') {
		w.pos++
		if is('+') || is('-') {
			w.pos++
		}
		if !digits() {
			return errSyntax
		}
	}
	return nil
}
