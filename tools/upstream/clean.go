package upstream

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// Clean makes a text of an upstream fit for a model and a terminal: one line, at
// most limit characters, an ellipsis where something was cut.
//
// What a person does not see is not let through. A single character that is
// ordinary there (a joiner in an emoji or a word, a soft hyphen, one mark of
// direction) is dropped without a word; what can carry or hide a text (tags, runs
// of characters without width, overrides of direction, sequences that steer a
// terminal) is replaced by one [hidden].
//
// What looks like a model's own markup, or like an order to it, gets a mark: [!]
// stands inside <[!]system>, [[!]INST] and the like, and before an order such as
// "[!] ignore all previous instructions"; a line that begins like a turn of a
// conversation has its head in parentheses: "(System:)". Nothing else of it is
// changed, and Clean changes nothing in what it has returned.
//
// It guards the eye and the form, not the mind. Whoever writes an order in other
// words, or in another language, gets it through: what is left is still somebody
// else's text, and has to be treated as such. An outsider can write the marks
// himself, which makes his text look worse, and no other better.
func Clean(s string, limit int) string { return clean(s, limit, false) }

// CleanLines is Clean for a text whose lines matter: line feeds and tabs stay.
func CleanLines(s string, limit int) string { return clean(s, limit, true) }

// beyond is how many characters behind the limit are looked at: more than the
// longest order that has to be recognised where the text is cut.
const beyond = 256

func clean(s string, limit int, lines bool) string {
	if limit <= 0 {
		return ""
	}
	ascii, ready := readable(s, limit, lines)
	if !ready {
		s = strip(s, limit+beyond, lines)
		ascii = false
	}
	s = defang(s, ascii)
	if len(s) <= limit {
		return s
	}
	return cut(s, limit)
}

// cut cuts a text to limit characters, the last of which is then an ellipsis.
func cut(s string, limit int) string {
	n, last := 0, 0
	for i := range s {
		if n == limit-1 {
			last = i
		}
		if n == limit {
			return s[:last] + "…"
		}
		n++
	}
	return s
}

// readable reports whether strip would change nothing, and whether all of the
// text is ASCII. It spares the common case an allocation.
func readable(s string, limit int, lines bool) (ascii, ready bool) {
	if len(s) > utf8.UTFMax*(limit+beyond) {
		return false, false
	}
	ascii = true
	for i := 0; i < len(s); {
		if lines && i+8 <= len(s) && eightPrintable(s[i:i+8]) {
			i += 8
			continue
		}
		c := s[i]
		switch {
		case c > ' ' && c < 0x7f:
			i++
		case c == ' ':
			if !lines && (i == 0 || i == len(s)-1 || s[i-1] == ' ') {
				return false, false
			}
			i++
		case lines && (c == '\n' || c == '\t'):
			i++
		case c < utf8.RuneSelf:
			return false, false
		default:
			ascii = false
			r, size := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && size == 1 || r < 0xa0 || r == '\u2028' || r == '\u2029' || Invisible(r) {
				return false, false
			}
			i += size
		}
	}
	return ascii, true
}

// eightPrintable reports whether eight bytes are printable ASCII.
func eightPrintable(s string) bool {
	_ = s[7]
	x := uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 | uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
	const ones, high = 0x0101010101010101, 0x8080808080808080
	// ASCII, so that nothing is carried from byte to byte; no less than a blank; no DEL.
	return x&high == 0 && ((x|high)-' '*ones)&high == high && (x+ones)&high == 0
}

// CleanJSON makes one JSON value of an upstream fit for a model: a text is
// cleaned and cut to limit characters, a number stays as it was written (so that
// large integers stay exact), true, false and null stay, and a list or object
// becomes its JSON text, cut likewise. The result is a string, a json.Number, a
// bool or nil.
func CleanJSON(raw json.RawMessage, limit int) any {
	var s string
	if json.Unmarshal(raw, &s) == nil && string(raw) != "null" {
		return CleanLines(s, limit)
	}
	text := string(bytes.TrimSpace(raw))
	switch {
	case text == "" || text == "null":
		return nil
	case text == "true" || text == "false":
		return text == "true"
	case text[0] != '{' && text[0] != '[' && len(text) <= 64 && json.Valid([]byte(text)):
		return json.Number(text)
	}
	return CleanLines(text, limit)
}

// Quote marks a cleaned text as somebody else's words, for a result's text: it
// stands in «», and has none of its own, nor what looks like them. So nothing in
// it can seem to stand outside.
func Quote(s string) string {
	if strings.ContainsAny(s, guillemets) {
		s = strings.NewReplacer("«", "‹", "»", "›", "≪", "‹", "≫", "›", "⟪", "‹", "⟫", "›", "《", "〈", "》", "〉").Replace(s)
	}
	return "«" + s + "»"
}

const guillemets = "«»≪≫⟪⟫《》"
