package notion

import (
	"fmt"
	"strings"

	"toolvault/tools/pattern"
)

// Notion-flavored Markdown, v2: blocks are divided by blank lines, but for the items
// of a list, and a block that has children, other than an item, is a tag. v1 begins a
// block with every line.

var (
	fence   = pattern.New("^(```+|~~~+)\\s*([^`]*)$")
	item    = pattern.New(`^([-*+]|\d+[.)])\s+(?:\[([ xX])\]\s+)?(.*)$`)
	heading = pattern.New(`^(#{1,6})\s+(.*)$`)
	leads   = pattern.New(`^<(page|database) url="https://www\.notion\.so/([0-9a-f]{32})"[^>]*>(.*)</(?:page|database)>$`)
	lost    = pattern.New(`^<unknown url="[^"#]*#([0-9a-f]{32})"[^>]*/>$`)
	markup  = pattern.New("\\*\\*|~~|`|\\\\|\\[([^\\]]*)\\]\\([^)]*\\)")
)

// plain is a line without its Markdown.
func plain(text string) string { return markup.ReplaceAllString(text, "$1") }

type parser struct {
	w     *workspace
	lines []string
	v1    bool
	count int
}

// parse makes blocks of a Markdown.
func (w *workspace) parse(markdown, version string) ([]*block, *refusal) {
	p := &parser{w: w, lines: strings.Split(strings.ReplaceAll(markdown, "\r\n", "\n"), "\n"), v1: version != "v2"}
	all := p.blocks("")
	if p.count > maxBlocks {
		return nil, invalid("body failed validation: the content has %d blocks, which should be ≤ `%d`.", p.count, maxBlocks)
	}
	return all, nil
}

func (p *parser) make(kind, text string) *block {
	p.count++
	return &block{id: p.w.next("block"), kind: kind, text: text}
}

// blocks are those up to the line that closes a tag, or to the end.
func (p *parser) blocks(until string) []*block {
	var all []*block
	for len(p.lines) > 0 {
		line := strings.TrimSpace(p.lines[0])
		switch {
		case line == "":
			p.lines = p.lines[1:]
		case until != "" && line == until:
			p.lines = p.lines[1:]
			return all
		default:
			all = append(all, p.block(line))
		}
	}
	return all
}

func (p *parser) block(line string) *block {
	if m := fence.FindStringSubmatch(line); m != nil {
		return p.code(m[1], strings.TrimSpace(m[2]))
	}
	if item.MatchString(line) {
		return p.item(indent(p.lines[0]))
	}
	p.lines = p.lines[1:]
	if m := heading.FindStringSubmatch(line); m != nil {
		return p.make(fmt.Sprintf("heading_%d", min(len(m[1]), 4)), m[2])
	}
	if m := leads.FindStringSubmatch(line); m != nil {
		b := p.make("child_"+m[1], m[3])
		b.target = dashed(m[2])
		return b
	}
	if m := lost.FindStringSubmatch(line); m != nil {
		if b, _ := p.w.block(dashed(m[1])); b != nil {
			p.count++
			return b
		}
	}
	switch {
	case line == "---":
		return p.make("divider", "")
	case line == "<toggle>" || line == "<quote>":
		b := p.make(line[1:len(line)-1], "")
		if len(p.lines) > 0 {
			b.text = strings.TrimSpace(p.lines[0])
			p.lines = p.lines[1:]
		}
		b.children = p.blocks("</" + b.kind + ">")
		return b
	case strings.HasPrefix(line, ">"):
		return p.make("quote", p.more(strings.TrimSpace(line[1:]), ">"))
	case strings.HasPrefix(line, "|"):
		return p.table(line)
	}
	return p.make("paragraph", p.more(line, ""))
}

// more is a line with those that belong to the same block.
func (p *parser) more(text, mark string) string {
	for !p.v1 && len(p.lines) > 0 {
		line := strings.TrimSpace(p.lines[0])
		if line == "" || !strings.HasPrefix(line, mark) || mark == "" && (item.MatchString(line) || heading.MatchString(line) || fence.MatchString(line) || strings.HasPrefix(line, "<") || strings.HasPrefix(line, ">")) {
			break
		}
		text += " " + strings.TrimSpace(line[len(mark):])
		p.lines = p.lines[1:]
	}
	return text
}

func (p *parser) code(mark, lang string) *block {
	b := p.make("code", "")
	b.lang = lang
	p.lines = p.lines[1:]
	var code []string
	for len(p.lines) > 0 {
		line := p.lines[0]
		p.lines = p.lines[1:]
		if t := strings.TrimSpace(line); strings.HasPrefix(t, mark) && strings.Trim(t, mark[:1]) == "" {
			break
		}
		code = append(code, line)
	}
	b.text = strings.Join(code, "\n")
	return b
}

func indent(line string) int {
	n := 0
	for _, r := range line {
		switch r {
		case ' ':
			n++
		case '\t':
			n += 4
		default:
			return n
		}
	}
	return n
}

func (p *parser) item(depth int) *block {
	m := item.FindStringSubmatch(strings.TrimSpace(p.lines[0]))
	p.lines = p.lines[1:]
	kind := "bulleted_list_item"
	switch {
	case m[2] != "":
		kind = "to_do"
	case len(m[1]) > 1:
		kind = "numbered_list_item"
	}
	b := p.make(kind, m[3])
	b.checked = m[2] == "x" || m[2] == "X"
	for len(p.lines) > 0 && strings.TrimSpace(p.lines[0]) != "" && indent(p.lines[0]) > depth {
		if item.MatchString(strings.TrimSpace(p.lines[0])) {
			b.children = append(b.children, p.item(indent(p.lines[0])))
			continue
		}
		line := strings.TrimSpace(p.lines[0])
		b.children = append(b.children, p.block(line))
	}
	return b
}

func (p *parser) table(line string) *block {
	b := p.make("table", line)
	for len(p.lines) > 0 && strings.HasPrefix(strings.TrimSpace(p.lines[0]), "|") {
		b.text += "\n" + strings.TrimSpace(p.lines[0])
		p.lines = p.lines[1:]
		p.count++
	}
	return b
}

// renderer makes a Markdown of blocks, and notes those that it could not show.
type renderer struct {
	w       *workspace
	page    string
	v1      bool
	left    int // blocks that may be shown
	cut     bool
	unknown []string
}

func (w *workspace) render(pageID string, all []*block, version string) (string, *renderer) {
	r := &renderer{w: w, page: pageID, v1: version != "v2", left: w.shown, unknown: []string{}}
	return r.blocks(all), r
}

func (r *renderer) blocks(all []*block) string {
	var out strings.Builder
	before := ""
	for _, b := range all {
		text := r.block(b)
		if text == "" {
			continue
		}
		if before != "" {
			out.WriteString("\n")
			if !r.v1 && !(isItem(before) && isItem(b.kind)) {
				out.WriteString("\n")
			}
		}
		out.WriteString(text)
		before = b.kind
	}
	return out.String()
}

func isItem(kind string) bool {
	return kind == "bulleted_list_item" || kind == "numbered_list_item" || kind == "to_do"
}

func (r *renderer) block(b *block) string {
	if r.left--; r.left < 0 {
		r.cut = true
		return r.lost(b)
	}
	switch b.kind {
	case "heading_1", "heading_2", "heading_3", "heading_4":
		return strings.Repeat("#", int(b.kind[8]-'0')) + " " + b.text
	case "paragraph", "table":
		return b.text
	case "divider":
		return "---"
	case "code":
		return "```" + b.lang + "\n" + b.text + "\n```"
	case "quote", "toggle":
		if b.kind == "quote" && len(b.children) == 0 {
			return "> " + b.text
		}
		return "<" + b.kind + ">\n" + b.text + "\n\n" + r.blocks(b.children) + "\n\n</" + b.kind + ">"
	case "bulleted_list_item", "numbered_list_item", "to_do":
		mark := map[string]string{"bulleted_list_item": "- ", "numbered_list_item": "1. ", "to_do": "- [ ] "}[b.kind]
		if b.checked {
			mark = "- [x] "
		}
		text := mark + b.text
		if len(b.children) > 0 {
			text += "\n\t" + strings.ReplaceAll(r.blocks(b.children), "\n", "\n\t")
		}
		return text
	case "child_page":
		p := r.w.page(b.target)
		if p == nil {
			return r.lost(b)
		}
		if p.trashed {
			return ""
		}
		return fmt.Sprintf(`<page url="%s">%s</page>`, address(p.id), p.title)
	case "child_database":
		if d := r.w.database(b.target); d != nil {
			return fmt.Sprintf(`<database url="%s">%s</database>`, address(d.id), d.title)
		}
	}
	return r.lost(b)
}

// lost stands for a block that has no Markdown, or that is not shared.
func (r *renderer) lost(b *block) string {
	r.unknown = append(r.unknown, b.id)
	return fmt.Sprintf(`<unknown url="%s#%s" alt="%s"/>`, address(r.page), strings.ReplaceAll(b.id, "-", ""), b.kind)
}
