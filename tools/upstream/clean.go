package upstream

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode"
)

// Clean makes a text of an upstream fit for a model and a terminal: one line,
// at most limit characters, an ellipsis where something was cut. Control characters
// are dropped, and so is every character that a person does not see (zero-width
// and bidirectional marks, tags, variation selectors, fillers), because such
// characters carry instructions past a reviewer, or turn a line around.
//
// It guards the eye, not the mind: what is left is still somebody else's text.
func Clean(s string, limit int) string { return clean(s, limit, false) }

// CleanLines is Clean for a text whose lines matter: line feeds and tabs stay.
func CleanLines(s string, limit int) string { return clean(s, limit, true) }

func clean(s string, limit int, lines bool) string {
	if limit <= 0 {
		return ""
	}
	if plain(s, limit, lines) {
		return s
	}
	var b strings.Builder
	b.Grow(min(len(s), 4*limit))
	n, cut := 0, 0 // characters written; bytes written while there was room for the ellipsis
	write := func(r rune) bool {
		if n == limit {
			return false
		}
		if n == limit-1 {
			cut = b.Len()
		}
		b.WriteRune(r) // what is not UTF-8 comes out as U+FFFD
		n++
		return true
	}
	gap := false // in one line a run of blanks is one space, and none at either end
	for _, r := range s {
		switch r {
		case '\u2028', '\u2029', '\u0085':
			r = '\n'
		case '\v', '\f':
			r = ' '
		}
		switch {
		case !lines && (r == '\n' || r == '\r' || r == '\t' || r == ' '):
			gap = n > 0
			continue
		case lines && (r == '\n' || r == '\t'):
		case unicode.IsControl(r), Invisible(r):
			continue
		}
		if gap && !write(' ') || !write(r) {
			return b.String()[:cut] + "…"
		}
		gap = false
	}
	return b.String()
}

// plain reports whether there is nothing to do: printable ASCII that fits. It
// spares the common case an allocation.
func plain(s string, limit int, lines bool) bool {
	if len(s) > limit {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if lines && (c == '\n' || c == '\t') {
			continue
		}
		if c < ' ' || c >= 0x7f || !lines && c == ' ' && (i == 0 || i == len(s)-1 || s[i-1] == ' ') {
			return false
		}
	}
	return true
}

// Invisible reports whether a person sees nothing of a character that a model
// reads, or cannot know what it is: format characters (category Cf: zero-width,
// bidirectional, tags), variation selectors, letters drawn as nothing, and those
// for private use (The Unicode Standard, chapter 23).
func Invisible(r rune) bool {
	return r >= 0xad && (unicode.In(r, unicode.Cf, unicode.Co, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point) ||
		r == '\u2800') // Braille with no dots
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
// stands in «», and has none of its own.
func Quote(s string) string {
	if strings.ContainsAny(s, "«»") {
		s = strings.NewReplacer("«", "‹", "»", "›").Replace(s)
	}
	return "«" + s + "»"
}
