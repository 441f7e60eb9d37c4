package main

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"toolvault/tools/upstream"
)

// cell makes any text fit for a table on a terminal: on one line, and with
// nothing in it that moves the cursor, cannot be seen, or turns a line around.
// Such characters are shown as escapes, and so is a space that follows another or
// stands at an end: columns are told apart by two. What is wider than width
// columns is cut and ends in an ellipsis; 0 cuts nothing. An empty text is a dash.
//
// Clients choose the names of the tools that they call, and their call ids; so
// without this anybody with a token could write rows of his own.
func cell(s string, width int) string {
	if s == "" {
		return "-"
	}
	var b strings.Builder
	used, fits := 0, 0 // columns; bytes that leave room for the ellipsis
	gap := true        // a space here would not be seen
	for s != "" {
		r, n := utf8.DecodeRuneInString(s)
		text := s[:n]
		s = s[n:]
		switch {
		case r == ' ' && (gap || s == ""):
			text = `\x20`
		case r == utf8.RuneError && n == 1:
			text = fmt.Sprintf(`\x%02x`, text[0])
		case r == '\n':
			text = `\n`
		case r == '\r':
			text = `\r`
		case r == '\t':
			text = `\t`
		case r == '\\':
			text = `\\`
		case seen(r):
		case r < 0x80:
			text = fmt.Sprintf(`\x%02x`, r)
		case r < 0x10000:
			text = fmt.Sprintf(`\u%04x`, r)
		default:
			text = fmt.Sprintf(`\U%08x`, r)
		}
		gap = r == ' '
		used += columns(text)
		if width > 0 && used > width {
			return b.String()[:fits] + "…"
		}
		b.WriteString(text)
		if used < width {
			fits = b.Len()
		}
	}
	return b.String()
}

// seen reports whether a character has a place of its own on the screen. A mark
// that is drawn over the one before has none: any number of them fit in a cell.
func seen(r rune) bool {
	return unicode.IsPrint(r) && !upstream.Invisible(r) && !unicode.In(r, unicode.Mn, unicode.Me)
}

// columns is how wide a text is on a terminal at most: beyond the alphabets,
// from Hangul on, a character may take two.
func columns(s string) int {
	n := 0
	for _, r := range s {
		n++
		if r >= 0x1100 && r != '…' && r != '─' {
			n++
		}
	}
	return n
}

// pad fills a cell up to width columns.
func pad(s string, width int) string { return s + strings.Repeat(" ", max(0, width-columns(s))) }
