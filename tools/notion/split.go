package notion

import (
	"strings"
	"unicode/utf8"

	"toolvault/tools/fault"
	"toolvault/tools/pattern"
)

// The service takes 1,000 blocks and 500 KB in a request
// (developers.notion.com/reference/request-limits). A block has a line at least, so
// that lines are counted; what the JSON around a part and the escaping of it take is
// counted in. 2,000 characters bound the pieces of rich text, which the service makes
// of a Markdown by itself.
const (
	maxPartLines = 800
	maxPartBytes = 400_000
	maxParts     = 25
)

// part is a stretch of a Markdown that goes into one request: text is what is sent,
// from and to are where it stands in the whole, in bytes. They differ where a block of
// code goes on in the next part: then its fence is closed here and opened there.
type part struct {
	text     string
	from, to int
}

// bounds are what a part may be at most.
type bounds struct{ lines, bytes int }

// split divides a Markdown into parts within the bounds, in order and without a gap.
// It divides between blocks: never within a table, an item with what is indented below
// it, or a tag such as <toggle>; a block of code, and a paragraph, only where one alone
// is too large. What cannot be divided is an invalid_arguments.
func split(markdown string, b bounds) ([]part, error) {
	var parts []part
	var now part
	lines, bytes := 0, 0
	flush := func(end int) {
		if end > now.from {
			now.to = end
			now.text = markdown[now.from:end]
			parts = append(parts, now)
		}
		now, lines, bytes = part{from: end}, 0, 0
	}
	for _, u := range units(markdown) {
		n, size := counted(markdown[u.from:u.to])
		if n > b.lines || size > b.bytes {
			flush(u.from)
			more, err := u.broken(markdown, b)
			if err != nil {
				return nil, err
			}
			parts = append(parts, more...)
			now.from = u.to
			continue
		}
		if lines+n > b.lines || bytes+size > b.bytes {
			flush(u.from)
		}
		lines, bytes = lines+n, bytes+size
	}
	flush(len(markdown))
	if len(parts) > maxParts {
		return nil, fault.Wrong("The text would take %d requests, more than %d. Write it in several calls or on several pages.", len(parts), maxParts)
	}
	return parts, nil
}

// counted is how many blocks a text can be at most, and its size as JSON.
func counted(text string) (lines, size int) {
	for line := range strings.Lines(text) {
		if strings.TrimSpace(line) != "" {
			lines++
		}
	}
	return lines, escaped(text)
}

// escaped is how many bytes a text takes as JSON, at most.
func escaped(text string) int {
	n := len(text)
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"' || c == '\\' || c == '\n' || c == '\t' || c == '\r':
			n++
		case c < ' ', c == '<', c == '>', c == '&', c >= 0xe2: // U+2028 and what is no UTF-8, to be safe
			n += 5
		}
	}
	return n
}

// unit is what stays together: a block with what belongs to it, and the blank lines
// behind it.
type unit struct {
	from, to int
	kind     kind
	fence    string // of a block of code: the line that opens it
}

type kind int

const (
	paragraph kind = iota
	code
	table
	nest // an item of a list with what is indented below it, or a tag with its children
)

var (
	fenceForm = pattern.New("^(\\s*)(```+|~~~+)(.*)$")
	itemForm  = pattern.New(`^(?:[-*+]|\d{1,9}[.)])\s`)
	headForm  = pattern.New(`^(?:#{1,6}\s|>\s?|---+\s*$)`)
	tagForm   = pattern.New(`<(/?)(details|toggle|quote|callout|columns?|table|synced_block|p|meeting-notes|transcript|summary|notes)\b[^<>]*?(/?)>`)
)

// units finds what stays together. Every byte is in one of them.
func units(markdown string) []unit {
	var all []unit
	open, depth, last := "", 0, "" // the fence and the tags that are open; the line before
	at := 0
	for line := range strings.Lines(markdown) {
		from := at
		at += len(line)
		bare := strings.TrimRight(line, "\r\n")
		blank, inside := strings.TrimSpace(bare) == "", open != "" || depth > 0
		k := kindOfLine(bare, open, depth)
		starts := len(all) == 0 || !inside && !blank && bare[0] != ' ' && bare[0] != '\t' && begins(bare, last, all[len(all)-1].kind, k)
		if starts {
			all = append(all, unit{from: from, kind: k})
			if k == code {
				all[len(all)-1].fence = bare
			}
		}
		u := &all[len(all)-1]
		u.to = at
		if !starts && !blank && u.kind == paragraph && (k != paragraph || bare[0] == ' ' || bare[0] == '\t') {
			u.kind = nest // something belongs to it
		}
		open, depth = after(bare, open, depth)
		last = bare
	}
	return all
}

// begins reports whether a line that is not indented, outside of all, begins a block.
func begins(line, before string, was, is kind) bool {
	switch {
	case strings.TrimSpace(before) == "":
		return !(was == table && is == table)
	case is == table || was == table:
		return was != is
	}
	return was == code || is == code || is == nest || itemForm.MatchString(line) || headForm.MatchString(line) || headForm.MatchString(before)
}

func kindOfLine(line, open string, depth int) kind {
	switch {
	case open != "":
		return code
	case depth > 0:
		return nest
	case fenceForm.MatchString(line):
		return code
	case strings.HasPrefix(line, "|"):
		return table
	case tagForm.MatchString(line):
		return nest
	}
	return paragraph
}

// after is what is open behind a line.
func after(line, open string, depth int) (string, int) {
	if m := fenceForm.FindStringSubmatch(line); m != nil {
		switch {
		case open == "":
			if m[2][0] == '`' && strings.Contains(m[3], "`") { // code within a line
				break
			}
			return m[2], depth
		case m[2][0] == open[0] && len(m[2]) >= len(open) && strings.TrimSpace(m[3]) == "":
			return "", depth
		}
	}
	if open != "" {
		return open, depth
	}
	for _, tag := range tagForm.FindAllStringSubmatch(line, -1) {
		switch {
		case tag[3] == "/":
		case tag[1] == "/":
			depth = max(0, depth-1)
		default:
			depth++
		}
	}
	return open, depth
}

// broken divides a unit that is too large for one part.
func (u unit) broken(markdown string, b bounds) ([]part, error) {
	text := markdown[u.from:u.to]
	switch u.kind {
	case table:
		return nil, fault.Wrong("A table is too large for one request to Notion: %d lines are the most. Divide it, each with its head, or make a data source of it.", b.lines)
	case nest:
		return nil, fault.Wrong("A list item or a block such as <toggle>, with all that is in it, is too large for one request to Notion: %d lines are the most. Divide it in several.", b.lines)
	}
	opening, closing := "", ""
	if u.kind == code {
		m := fenceForm.FindStringSubmatch(u.fence)
		opening, closing = u.fence+"\n", "\n"+m[1]+m[2]+"\n"
		if n, size := counted(opening + closing); n+1 >= b.lines || size*2 > b.bytes {
			return nil, fault.Wrong("A block of code begins with a line that is too long.")
		}
	}
	around, extra := counted(opening + closing)
	var parts []part
	for from := 0; from < len(text); {
		to := from + fit(text[from:], bounds{b.lines - around, b.bytes - extra}, u.kind == code)
		p := part{from: u.from + from, to: u.from + to, text: text[from:to]}
		if u.kind == code && from > 0 {
			p.text = opening + p.text
		}
		if u.kind == code && to < len(text) {
			p.text = strings.TrimSuffix(p.text, "\n") + closing
		}
		parts = append(parts, p)
		from = to
	}
	return parts, nil
}

// fit is how much of a text is within the bounds: up to the end of a line, else, in
// prose, up to a blank, else as much as fits. It is one character at least.
func fit(text string, b bounds, code bool) int {
	n, size, lines := 0, 0, 0
	for line := range strings.Lines(text) {
		lines++
		if size += escaped(line); lines > b.lines || size > b.bytes {
			break
		}
		n += len(line)
	}
	if n > 0 {
		return n
	}
	size = 0
	blank := 0
	for n < len(text) {
		_, width := utf8.DecodeRuneInString(text[n:])
		if size += escaped(text[n : n+width]); size > b.bytes && n > 0 {
			break
		}
		if n += width; text[n-1] == ' ' && !code {
			blank = n
		}
	}
	if blank > 0 && n < len(text) {
		return blank
	}
	return n
}
