package upstream

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// markHidden stands where something was that a person does not see and that could
// have carried a text.
const markHidden = "[hidden]"

// Invisible reports whether a person sees nothing of a character that a model
// reads, or cannot know what it is: format characters (category Cf: zero-width,
// bidirectional, tags), variation selectors, letters drawn as nothing, and those
// for private use (The Unicode Standard, chapter 23); all of planes 14 to 16.
func Invisible(r rune) bool {
	if r < 0xad {
		return false
	}
	switch r >> 8 { // of the pages of Unicode, these have any
	case 0x00, 0x03, 0x06, 0x07, 0x08, 0x11, 0x17, 0x18, 0x20, 0x31, 0xfe, 0xff, 0x110, 0x134, 0x1bc, 0x1d1:
	case 0x28:
		return r == '\u2800' // Braille with no dots
	default:
		return r >= 0xe000 && r <= 0xf8ff || r >= 0xe0000
	}
	return unicode.In(r, unicode.Cf, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point)
}

// strip takes out of a text what a person does not see, and returns at most most
// characters of the rest. Where lines do not matter a run of blanks is one space,
// and none at either end.
func strip(s string, most int, lines bool) string {
	var b strings.Builder
	b.Grow(min(len(s)+len(markHidden), utf8.UTFMax*most))
	n, gap := 0, false // characters written; a space is due
	marked := false    // nothing but blanks since a mark
	for i := 0; i < len(s) && n < most; {
		r, size := utf8.DecodeRuneInString(s[i:])
		if r >= ' ' && r < 0x7f && r != ' ' { // by far the most
			if gap {
				b.WriteByte(' ')
				n, gap = n+1, false
			}
			b.WriteByte(s[i])
			n, i, marked = n+1, i+1, false
			continue
		}
		switch r {
		case '\u2028', '\u2029', '\u0085':
			r = '\n'
		case '\v', '\f':
			r = ' '
		case '\r':
			if next := i + 1; lines && next < len(s) && (s[next] == '\n' || s[next] == '\r') {
				i++
				continue
			}
			r = '\n'
		}
		text := ""
		switch {
		case r == '\n' || r == '\t' || r == ' ':
			marked = marked && r != '\n'
			if !lines {
				gap, i = n > 0, i+size
				continue
			}
		case unicode.IsControl(r), Invisible(r):
			var telling bool
			if size, telling = unseen(s, i); !telling || marked {
				i += size
				continue
			}
			text = markHidden
		default:
			marked = marked && unicode.IsSpace(r)
		}
		i += size
		if gap {
			b.WriteByte(' ')
			n, gap = n+1, false
		}
		if text != "" {
			b.WriteString(text)
			n, marked = n+len(text), true
			continue
		}
		b.WriteRune(r) // what is not UTF-8 comes out as U+FFFD
		n++
	}
	return b.String()
}

// unseen measures, in bytes, the run of characters at s[at:] that a person does
// not see, and reports whether it could carry or hide a text.
func unseen(s string, at int) (size int, telling bool) {
	count := 0
	i := at
	for i < len(s) {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == '\n', r == '\t', r == '\r', r == '\v', r == '\f', r == '\u0085', r == '\u2028', r == '\u2029':
			n = 0
		case r == 0x1b, r >= 0x80 && r < 0xa0:
			seq := sequence(s[i:])
			n = max(n, seq)
			telling = telling || r == 0x1b || seq > 0
		case r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r >= 0xe0000 && r <= 0xe007f:
			telling = true
		case !unicode.IsControl(r) && !Invisible(r):
			n = 0
		}
		if n == 0 {
			break
		}
		i, count = i+n, count+1
	}
	run := s[at:i]
	if telling {
		return i - at, !aroundNumber(s, at, i) && !flag(s[:at], run)
	}
	// What is left is a joiner in an emoji, or a text in UTF-16 or 32 that was taken
	// for UTF-8.
	return i - at, count > 1 && run != "\ufe0f\u200d" && strings.Trim(run, "\x00") != ""
}

// flag reports whether tags are those of a flag that Unicode has: of England,
// Scotland or Wales (UTS #51, ED-14a).
func flag(before, tags string) bool {
	if !strings.HasSuffix(before, "🏴") {
		return false
	}
	var name []byte
	for _, r := range tags {
		name = append(name, byte(r-0xe0000))
	}
	switch string(name) {
	case "gbeng\x7f", "gbsct\x7f", "gbwls\x7f":
		return true
	}
	return false
}

// sequence measures the sequence at the beginning of s that steers a terminal
// (ECMA-48, section 5.4 and 5.6): one that begins with CSI and has an end, or a
// string such as a title or a link. 0: it is none, or has no end.
func sequence(s string) int {
	r, n := utf8.DecodeRuneInString(s)
	if r == 0x1b && len(s) > 1 {
		r, n = rune(s[1])+0x40, 2 // ESC [ is CSI, and so on
	}
	switch r {
	case 0x9b:
		for i := n; i < len(s) && i < n+64; i++ {
			switch c := s[i]; {
			case c >= 0x40 && c <= 0x7e:
				return i + 1
			case c < 0x20 || c > 0x3f:
				return 0
			}
		}
	case 0x90, 0x98, 0x9d, 0x9e, 0x9f:
		const most = 4096
		text := s[n:min(len(s), n+most)]
		for i := range len(text) {
			switch {
			case text[i] == '\a':
				return n + i + 1
			case strings.HasPrefix(text[i:], "\x1b\\"), strings.HasPrefix(text[i:], "\u009c"):
				return n + i + 2
			case text[i] == '\n', text[i] == 0x1b:
				return 0
			}
		}
	}
	return 0
}

// aroundNumber reports whether the run s[from:to] is one half of the pair of marks
// that telephones put around a number: it changes nothing there.
func aroundNumber(s string, from, to int) bool {
	const most = 40
	isNumber := func(text string) bool {
		return text != "" && len(text) <= most && strings.Trim(text, "+0123456789 ()-./\u00a0\u2011") == ""
	}
	switch s[from:to] {
	case "\u202a", "\u2066", "\u2068":
		rest := s[to:]
		end := strings.IndexAny(rest[:min(len(rest), most+3)], "\u202c\u2069")
		return end > 0 && isNumber(rest[:end])
	case "\u202c", "\u2069":
		head := s[max(0, from-most-3):from]
		start := strings.LastIndexAny(head, "\u202a\u2066\u2068")
		return start >= 0 && isNumber(head[start+3:])
	}
	return false
}
