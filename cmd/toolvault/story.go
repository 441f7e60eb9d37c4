package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// storyteller prints for a person: in colour on a terminal, plain elsewhere.
type storyteller struct {
	w      io.Writer
	colour bool
	width  int // of prose

	columns int // of the terminal; 0: none
	steps   int
}

func newStoryteller(w io.Writer) *storyteller {
	s := &storyteller{w: w, width: 88}
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		s.colour = os.Getenv("NO_COLOR") == ""
		if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 40 {
			s.width, s.columns = min(width, 110), width
		}
	}
	return s
}

const (
	bold   = "1"
	dim    = "2"
	red    = "31"
	green  = "32"
	yellow = "33"
	cyan   = "36"
)

func (s *storyteller) paint(code, text string) string {
	if !s.colour {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (s *storyteller) line(indent, text string) {
	for i, l := range wrap(text, s.width-len(indent)) {
		if i > 0 {
			indent = strings.Repeat(" ", len(indent))
		}
		_, _ = fmt.Fprintln(s.w, indent+l)
	}
}

func (s *storyteller) title(text string) {
	_, _ = fmt.Fprintf(s.w, "\n%s\n", s.paint(bold, text))
	if !s.colour {
		_, _ = fmt.Fprintln(s.w, strings.Repeat("-", len(text)))
	}
}

func (s *storyteller) text(format string, args ...any) { s.line("", fmt.Sprintf(format, args...)) }

func (s *storyteller) step(text string) {
	s.steps++
	_, _ = fmt.Fprintln(s.w)
	s.line(fmt.Sprintf("%2d. ", s.steps), text)
}

func (s *storyteller) mark(code, sign, text string) {
	for i, l := range wrap(text, s.width-8) {
		if i > 0 {
			sign = " "
		}
		_, _ = fmt.Fprintln(s.w, "    "+s.paint(code, sign)+" "+l)
	}
}

func (s *storyteller) good(format string, args ...any) {
	s.mark(green, "✓", fmt.Sprintf(format, args...))
}

func (s *storyteller) note(format string, args ...any) {
	s.mark(dim, "·", fmt.Sprintf(format, args...))
}

// answer shows the first lines of what a tool answered.
func (s *storyteller) answer(tool, text string) {
	_, _ = fmt.Fprintf(s.w, "    %s %s\n", s.paint(green, "✓"), s.paint(cyan, tool))
	lines := strings.Split(strings.TrimSpace(text), "\n")
	more := 0
	if len(lines) > 5 {
		more, lines = len(lines)-5, lines[:5]
	}
	for _, l := range lines {
		if r := []rune(l); len(r) > s.width-8 {
			l = string(r[:s.width-9]) + "…"
		}
		_, _ = fmt.Fprintln(s.w, "      "+s.paint(dim, l))
	}
	if more > 0 {
		_, _ = fmt.Fprintln(s.w, "      "+s.paint(dim, fmt.Sprintf("… and %d lines more", more)))
	}
}

func (s *storyteller) refusal(tool, kind, text string) {
	_, _ = fmt.Fprintf(s.w, "    %s %s %s\n", s.paint(yellow, "✗"), s.paint(cyan, tool), s.paint(yellow, kind))
	for _, l := range wrap(text, s.width-8) {
		_, _ = fmt.Fprintln(s.w, "      "+s.paint(dim, l))
	}
}

func wrap(text string, width int) []string {
	var lines []string
	for _, paragraph := range strings.Split(text, "\n") {
		line := ""
		for _, word := range strings.Fields(paragraph) {
			if line != "" && len([]rune(line))+1+len([]rune(word)) > width {
				lines = append(lines, line)
				line = ""
			}
			if line != "" {
				line += " "
			}
			line += word
		}
		lines = append(lines, line)
	}
	return lines
}
