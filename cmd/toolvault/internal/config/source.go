package config

import (
	"sort"
	"strings"

	"github.com/goccy/go-yaml/token"
)

// source finds places in the text of a file.
type source struct {
	text  []rune
	lines []int // where each line begins in text
}

func newSource(s string) *source {
	src := &source{text: []rune(s), lines: []int{0}}
	for i, c := range src.text {
		if c == '\n' {
			src.lines = append(src.lines, i+1)
		}
	}
	return src
}

// place is where a token begins. The library's columns leave out tabs, its
// offsets do not, so the offset is taken where it fits the text.
func (s *source) place(t *token.Token) Position {
	if t == nil || t.Position == nil {
		return Position{}
	}
	if i := t.Position.Offset - 1; s.fits(t, i) {
		return s.at(i)
	}
	line := min(max(t.Position.Line, 1), len(s.lines))
	return Position{Line: line, Column: min(max(t.Position.Column, 1), s.length(line)+1)}
}

// length is how many characters a line has.
func (s *source) length(line int) int {
	if line == len(s.lines) {
		return len(s.text) - s.lines[line-1]
	}
	return s.lines[line] - 1 - s.lines[line-1]
}

func (s *source) fits(t *token.Token, i int) bool {
	if i < 0 || i >= len(s.text) || s.at(i).Line != t.Position.Line {
		return false
	}
	switch t.Type {
	case token.SingleQuoteType:
		return s.text[i] == '\''
	case token.DoubleQuoteType:
		return s.text[i] == '"'
	}
	for _, c := range t.Value {
		return s.text[i] == c
	}
	return false
}

func (s *source) at(i int) Position {
	line := sort.SearchInts(s.lines, i+1)
	return Position{Line: line, Column: i - s.lines[line-1] + 1}
}

// offset is the index of a place in the text, or -1.
func (s *source) offset(p Position) int {
	if p.Line < 1 || p.Line > len(s.lines) {
		return -1
	}
	if i := s.lines[p.Line-1] + p.Column - 1; i < len(s.text) {
		return i
	}
	return -1
}

// within is the place in the file of a place in a text's value, both from 1. For
// a text that goes over several lines, and is no "|" block, it is where the text
// begins.
func (s *source) within(n *node, line, column int) Position {
	if n.kind != text || line < 1 {
		return n.at
	}
	column = max(column, 1)
	switch n.style {
	case token.LiteralType:
		p := Position{Line: n.at.Line + line, Column: column}
		if i := s.offset(Position{Line: p.Line, Column: 1}); i >= 0 {
			p.Column += s.indent(n)
			return p
		}
		return n.at
	case token.FoldedType:
		return n.at
	}
	i := s.offset(n.at)
	if i < 0 || line > 1 {
		return n.at
	}
	if n.style == token.SingleQuoteType || n.style == token.DoubleQuoteType {
		i++
	}
	for range column - 1 {
		if i >= len(s.text) || s.text[i] == '\n' {
			return n.at
		}
		i += s.width(n.style, i)
	}
	if i >= len(s.text) {
		return n.at
	}
	return s.at(i)
}

// width is how many characters of the file make the one at i of the value.
func (s *source) width(style token.Type, i int) int {
	rest := s.text[i:min(i+2, len(s.text))]
	switch {
	case style == token.SingleQuoteType && string(rest) == "''":
		return 2
	case style == token.DoubleQuoteType && len(rest) == 2 && rest[0] == '\\':
		switch rest[1] {
		case 'x':
			return 4
		case 'u':
			return 6
		case 'U':
			return 10
		}
		return 2
	}
	return 1
}

// indent is by how much the lines of a "|" block are indented.
func (s *source) indent(n *node) int {
	for line := n.at.Line; line < len(s.lines); line++ {
		begin := s.lines[line]
		content := string(s.text[begin : begin+s.length(line+1)])
		if trimmed := strings.TrimLeft(content, " "); trimmed != "" {
			return len(content) - len(trimmed)
		}
	}
	return 0
}
