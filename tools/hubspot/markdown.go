package hubspot

import (
	"html"
	"net/url"
	"strings"

	"toolvault/tools/pattern"
)

// markdown turns the Markdown that models write into the HTML that a note holds:
// paragraphs, headings, lists, quotes, code, bold, italic, links. Everything
// else is text, and all text is escaped first, so no HTML of the model's (or of
// whoever it quotes) gets through. Only http, https and mailto are links.
func markdown(src string) string {
	src = strings.ReplaceAll(strings.ReplaceAll(src, "\r\n", "\n"), "\x00", "")
	w := &writer{}
	var code []string
	fenced := false
	for _, line := range strings.Split(src, "\n") {
		trimmed := strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(trimmed, "```"):
			if fenced {
				w.raw("<pre>" + html.EscapeString(strings.Join(code, "\n")) + "</pre>")
				code = nil
			}
			fenced = !fenced
		case fenced:
			code = append(code, line)
		case trimmed == "":
			w.close()
		default:
			w.line(trimmed)
		}
	}
	if fenced {
		w.raw("<pre>" + html.EscapeString(strings.Join(code, "\n")) + "</pre>")
	}
	w.close()
	return w.b.String()
}

// writer keeps which element is open: "p", "ul", "ol", "blockquote" or none.
type writer struct {
	b    strings.Builder
	open string
}

func (w *writer) close() {
	if w.open != "" {
		w.b.WriteString("</" + w.open + ">")
		w.open = ""
	}
}

func (w *writer) raw(s string) {
	w.close()
	w.b.WriteString(s)
}

func (w *writer) in(element string) (begun bool) {
	if w.open == element {
		return false
	}
	w.close()
	w.open = element
	w.b.WriteString("<" + element + ">")
	return true
}

var (
	heading = pattern.New(`^#{1,6}\s+(.*?)\s*#*$`)
	bullet  = pattern.New(`^[-*+]\s+(.*)$`)
	number  = pattern.New(`^\d{1,9}[.)]\s+(.*)$`)
)

func (w *writer) line(s string) {
	if m := heading.FindStringSubmatch(s); m != nil {
		w.raw("<p><strong>" + inline(m[1]) + "</strong></p>")
		return
	}
	if m := bullet.FindStringSubmatch(s); m != nil {
		w.in("ul")
		w.b.WriteString("<li>" + inline(m[1]) + "</li>")
		return
	}
	if m := number.FindStringSubmatch(s); m != nil {
		w.in("ol")
		w.b.WriteString("<li>" + inline(m[1]) + "</li>")
		return
	}
	element := "p"
	if rest, ok := strings.CutPrefix(s, ">"); ok {
		element, s = "blockquote", strings.TrimSpace(rest)
	}
	if !w.in(element) {
		w.b.WriteString("<br>")
	}
	w.b.WriteString(inline(s))
}

var (
	span   = pattern.New("`([^`]+)`")
	link   = pattern.New(`\[([^\[\]]+)\]\(([^()\s]+)\)`)
	bold   = pattern.New(`\*\*([^*]+)\*\*|__([^_]+)__`)
	italic = pattern.New(`(^|[\s(])\*([^*\s][^*]*)\*`)
)

// inline escapes a line and marks up what is in it, code first: nothing within
// code is markup.
func inline(s string) string {
	var b strings.Builder
	for {
		at := span.FindStringSubmatchIndex(s)
		if at == nil {
			break
		}
		b.WriteString(words(s[:at[0]]) + "<code>" + html.EscapeString(s[at[2]:at[3]]) + "</code>")
		s = s[at[1]:]
	}
	b.WriteString(words(s))
	return b.String()
}

func words(s string) string {
	var b strings.Builder
	for {
		at := link.FindStringSubmatchIndex(s)
		if at == nil {
			break
		}
		b.WriteString(emphasis(s[:at[0]]))
		text, address := s[at[2]:at[3]], s[at[4]:at[5]]
		if safeLink(address) {
			b.WriteString(`<a href="` + html.EscapeString(address) + `">` + emphasis(text) + "</a>")
		} else {
			b.WriteString(emphasis(s[at[0]:at[1]]))
		}
		s = s[at[1]:]
	}
	b.WriteString(emphasis(s))
	return b.String()
}

func emphasis(s string) string {
	s = html.EscapeString(s)
	s = bold.ReplaceAllString(s, "<strong>$1$2</strong>")
	return italic.ReplaceAllString(s, "$1<em>$2</em>")
}

func safeLink(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	switch strings.ToLower(u.Scheme) {
	case "http", "https":
		return u.Host != ""
	case "mailto":
		return true
	}
	return false
}
