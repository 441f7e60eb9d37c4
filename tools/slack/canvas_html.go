package slack

import (
	"html"
	"strconv"
	"strings"

	"toolvault/tools/pattern"
	"toolvault/tools/upstream"
)

// Slack gives a canvas as HTML, in which each section has an id
// ("temp:C:…"). This file turns it into Markdown, section by section. It is no
// reader of HTML at large: what it does not know it takes the text of.

const (
	maxSections    = 5000
	maxSectionText = 20_000 // characters
)

// Section is a part of a canvas: a heading, a paragraph, a list, a table.
type Section struct {
	ID       string `json:"id,omitempty"`
	Markdown string `json:"markdown"`
}

var (
	attrForm    = pattern.New(`([a-zA-Z-]+)\s*=\s*("[^"]*"|'[^']*'|[^\s"'>]+)`)
	sectionForm = pattern.New(`^[A-Za-z0-9_:.-]{3,120}$`)
	spaces      = pattern.New(`[ \t\r\n\f]+`)
)

// canvasWriter writes Markdown while tags go by.
type canvasWriter struct {
	out   []Section
	b     strings.Builder
	id    string // of the section that is open
	open  string // its tag; "" between sections
	depth int    // of tags like it within it
	lists []int  // of each open list: the number of the next item; 0: no numbers
	hrefs []string
	skip  int // within what is not shown
	cells int
	rows  int
}

// canvasSections reads the HTML of a canvas.
func canvasSections(text string) []Section {
	w := &canvasWriter{out: []Section{}}
	for text != "" && len(w.out) < maxSections {
		start := strings.IndexByte(text, '<')
		if start < 0 {
			w.text(text)
			break
		}
		w.text(text[:start])
		text = text[start:]
		if strings.HasPrefix(text, "<!--") {
			_, rest, ok := strings.Cut(text[4:], "-->")
			if !ok {
				break
			}
			text = rest
			continue
		}
		end := strings.IndexByte(text, '>')
		if end < 0 {
			w.text(text)
			break
		}
		w.tag(text[1:end])
		text = text[end+1:]
	}
	w.flush()
	return w.out
}

func (w *canvasWriter) text(t string) {
	if w.skip > 0 || t == "" {
		return
	}
	t = html.UnescapeString(t)
	if w.open != "pre" {
		t = spaces.ReplaceAllString(t, " ")
		if s := w.b.String(); s == "" || strings.HasSuffix(s, "\n") || strings.HasSuffix(s, " ") {
			t = strings.TrimLeft(t, " ")
		}
	}
	if w.b.Len() < 4*maxSectionText {
		w.b.WriteString(t)
	}
}

// blocks are the tags that a section of its own begins with.
var blocks = map[string]string{
	"h1": "# ", "h2": "## ", "h3": "### ", "h4": "#### ", "h5": "##### ", "h6": "###### ", "p": "", "blockquote": "> ", "pre": "```\n", "ul": "", "ol": "", "table": "", "hr": "---",
}

// inline are the tags that stand for a mark on either side.
var inline = map[string]string{"b": "**", "strong": "**", "i": "_", "em": "_", "s": "~~", "del": "~~", "strike": "~~", "code": "`"}

func (w *canvasWriter) tag(raw string) {
	closing := strings.HasPrefix(raw, "/")
	raw = strings.TrimPrefix(raw, "/")
	name := strings.ToLower(raw)
	if i := strings.IndexAny(name, " \t\r\n\f/"); i >= 0 {
		name = name[:i]
	}
	switch name {
	case "script", "style", "head", "title":
		if closing {
			w.skip = max(0, w.skip-1)
		} else {
			w.skip++
		}
		return
	}
	if w.skip > 0 {
		return
	}
	prefix, isBlock := blocks[name]
	switch {
	case isBlock && w.open == "":
		if closing {
			return
		}
		w.flush()
		w.id, w.open, w.depth, w.rows, w.lists = attribute(raw, "id"), name, 1, 0, nil
		w.b.WriteString(prefix)
		if name == "hr" {
			w.flush()
			return
		}
	case name == w.open:
		if closing {
			w.depth--
		} else {
			w.depth++
		}
	}
	w.within(name, raw, closing)
	if w.open != "" && w.depth == 0 {
		w.flush()
	}
}

// within writes what a tag stands for inside a section.
func (w *canvasWriter) within(name, raw string, closing bool) {
	switch name {
	case "ul", "ol":
		if closing {
			w.lists = w.lists[:max(0, len(w.lists)-1)]
		} else if len(w.lists) < 8 {
			w.lists = append(w.lists, map[string]int{"ol": 1}[name])
		}
	case "li":
		if closing {
			return
		}
		if w.id == "" {
			w.id = attribute(raw, "id")
		}
		w.line()
		mark, depth := "- ", len(w.lists)-1
		if depth >= 0 && w.lists[depth] > 0 {
			mark = strconv.Itoa(w.lists[depth]) + ". "
			w.lists[depth]++
		}
		switch class := attribute(raw, "class"); {
		case strings.Contains(class, "unchecked"):
			mark += "[ ] "
		case strings.Contains(class, "checked"):
			mark += "[x] "
		}
		w.b.WriteString(strings.Repeat("  ", max(0, depth)) + mark)
	case "tr":
		if closing {
			w.b.WriteString("|")
			if w.rows == 0 {
				w.b.WriteString("\n|" + strings.Repeat(" --- |", min(w.cells, 50)))
			}
			w.rows++
		} else {
			w.line()
			w.cells = 0
		}
	case "td", "th":
		if !closing {
			w.b.WriteString("| ")
			w.cells++
		} else {
			w.b.WriteString(" ")
		}
	case "br":
		w.b.WriteByte('\n')
	case "p", "div":
		if w.open != "" && w.open != "p" && closing && w.open != "table" && len(w.lists) == 0 {
			w.line()
		}
	case "a":
		if !closing {
			w.hrefs = append(w.hrefs[:min(len(w.hrefs), 8)], attribute(raw, "href"))
			w.b.WriteByte('[')
		} else if n := len(w.hrefs); n > 0 {
			w.b.WriteString("](" + w.hrefs[n-1] + ")")
			w.hrefs = w.hrefs[:n-1]
		}
	case "img":
		if alt := attribute(raw, "alt"); alt != "" && !closing {
			w.b.WriteString(alt)
		}
	default:
		if w.open != "pre" {
			w.b.WriteString(inline[name])
		}
	}
}

// line begins a new line, unless one has just begun.
func (w *canvasWriter) line() {
	if s := w.b.String(); s != "" && !strings.HasSuffix(s, "\n") {
		w.b.WriteByte('\n')
	}
}

func (w *canvasWriter) flush() {
	text := w.b.String()
	if w.open == "pre" {
		text = strings.TrimRight(text, "\n") + "\n```"
	}
	w.b.Reset()
	if text = upstream.CleanLines(strings.TrimSpace(text), maxSectionText); strings.Trim(text, "#>-*_` \n") != "" || text == "---" {
		id := w.id
		if !sectionForm.MatchString(id) {
			id = ""
		}
		w.out = append(w.out, Section{ID: id, Markdown: text})
	}
	w.id, w.open, w.depth, w.lists, w.hrefs = "", "", 0, nil, nil
}

// attribute is the value of one of a tag's attributes.
func attribute(raw, name string) string {
	if len(raw) > 8<<10 {
		raw = raw[:8<<10]
	}
	for _, m := range attrForm.FindAllStringSubmatch(raw, 20) {
		if strings.EqualFold(m[1], name) {
			return html.UnescapeString(strings.Trim(m[2], `"'`))
		}
	}
	return ""
}
