// Package words takes texts apart into words, for search: the same for the words
// that are asked for and for those of a record.
//
// A word is a run of letters, digits and combining marks, in lower case. Han,
// Hiragana and Katakana are written without spaces between words: each character
// of theirs is a word. So "Acme.com, 客户 Über_uns" is acme, com, 客, 户, über, uns.
package words

import (
	"bytes"
	"slices"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Of returns the words of a text, each once, in the order in which they come.
func Of(text string) []string {
	var list []string
	s := Splitter{}
	s.Text([]byte(text), func(word []byte) {
		if !slices.Contains(list, string(word)) {
			list = append(list, string(word))
		}
	})
	return list
}

// Splitter finds words. The zero value is ready; it keeps a buffer from one text
// to the next and is for one goroutine.
type Splitter struct{ word []byte }

// Text calls fn with every word of a text. The word is lent.
func (s *Splitter) Text(text []byte, fn func(word []byte)) { s.split(text, false, fn) }

// JSON calls fn with every word of a JSON value: of its texts, names of members and
// numbers, as a decoder would read them. The word is lent.
func (s *Splitter) JSON(value []byte, fn func(word []byte)) { s.split(value, true, fn) }

func (s *Splitter) split(text []byte, escapes bool, fn func([]byte)) {
	w := s.word[:0]
	for i := 0; i < len(text); {
		c := text[i]
		if lower := ascii[c]; lower != 0 {
			w = append(w, lower)
			i++
			continue
		}
		var r rune
		n := 1
		switch {
		case c >= utf8.RuneSelf:
			r, n = utf8.DecodeRune(text[i:])
		case c == '\\' && escapes:
			r, n = escaped(text[i:])
		}
		i += n
		kind := kindOf(r)
		if kind == inWord {
			w = utf8.AppendRune(w, unicode.ToLower(r))
			continue
		}
		if len(w) > 0 {
			fn(w)
			w = w[:0]
		}
		if kind == alone {
			w = utf8.AppendRune(w, r)
			fn(w)
			w = w[:0]
		}
	}
	if len(w) > 0 {
		fn(w)
	}
	s.word = w[:0]
}

// ascii has the lower case of the ASCII characters that are in words, 0 for others.
var ascii = func() (table [256]byte) {
	for c := byte('a'); c <= 'z'; c++ {
		table[c], table[c-'a'+'A'] = c, c
	}
	for c := byte('0'); c <= '9'; c++ {
		table[c] = c
	}
	return table
}()

type kind int

const (
	between kind = iota
	inWord
	alone
)

func kindOf(r rune) kind {
	switch {
	case r < utf8.RuneSelf:
		if ascii[byte(r)] != 0 { // it was written as an escape
			return inWord
		}
		return between
	case r == utf8.RuneError:
		return between
	case unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana):
		return alone
	case unicode.IsLetter(r), unicode.IsDigit(r), unicode.IsMark(r):
		return inWord
	}
	return between
}

// escaped reads the escape of a JSON text that b begins with. What stands for a
// character that is in no word is 0.
func escaped(b []byte) (r rune, n int) {
	if len(b) < 2 {
		return 0, 1
	}
	if b[1] != 'u' {
		return 0, 2 // a quote, a slash or a control
	}
	r, ok := hex4(b[2:])
	if !ok {
		return 0, 2
	}
	if !utf16.IsSurrogate(r) {
		return r, 6
	}
	if rest, ok := bytes.CutPrefix(b[6:], []byte(`\u`)); ok {
		if low, ok := hex4(rest); ok {
			if both := utf16.DecodeRune(r, low); both != utf8.RuneError {
				return both, 12
			}
		}
	}
	return 0, 6
}

func hex4(b []byte) (rune, bool) {
	if len(b) < 4 {
		return 0, false
	}
	var r rune
	for _, c := range b[:4] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}
