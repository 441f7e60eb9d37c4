package metabase

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"toolvault/tools/upstream"
)

const (
	maxPad   = 30     // width to which a column of the text is padded
	maxTable = 60_000 // bytes of a table with such padding
)

// Column is a column of a result.
type Column struct {
	Name string `json:"name"`
	Type string `json:"type"` // Metabase's, e.g. "Integer", "Text", "DateTime"
}

// Rows is the answer of the tools that run something.
type Rows struct {
	Question  string   `json:"question,omitempty"`
	Columns   []Column `json:"columns"`
	Rows      [][]any  `json:"rows"`
	Count     int      `json:"count"`     // rows in this answer
	Truncated bool     `json:"truncated"` // there are more
	Next      string   `json:"next_cursor,omitempty"`
	Note      string   `json:"note,omitempty"`
	Link      string   `json:"link,omitempty"`

	skipped int // rows that earlier calls gave out
}

// Text is a table, aligned as far as its values are short. All that stands in it
// is somebody else's, so the whole is marked as such.
func (r Rows) Text() string {
	var b strings.Builder
	if r.Question != "" {
		fmt.Fprintf(&b, "%s  %s\n", upstream.Quote(r.Question), r.Link)
	}
	switch {
	case len(r.Rows) == 0 && r.skipped > 0:
		b.WriteString("No more rows.\n")
	case len(r.Rows) == 0:
		b.WriteString("No rows.\n")
	default:
		b.WriteString(upstream.Quote(r.table()) + "\n")
	}
	switch {
	case r.Truncated && r.skipped > 0:
		fmt.Fprintf(&b, "These are rows %d to %d; there are more.", r.skipped+1, r.skipped+r.Count)
	case r.Truncated:
		fmt.Fprintf(&b, "These are the first %d rows; there are more.", r.Count)
	}
	if r.Truncated {
		if r.Next != "" {
			b.WriteString(" next_cursor: " + r.Next)
		}
		b.WriteByte('\n')
	}
	if r.Note != "" {
		b.WriteString(r.Note + "\n")
	}
	return b.String()
}

func (r Rows) table() string {
	head := make([]string, len(r.Columns))
	for i, c := range r.Columns {
		head[i] = c.Name
	}
	table := [][]string{head}
	for _, row := range r.Rows {
		line := make([]string, len(row))
		for i, v := range row {
			line[i] = cellText(v)
		}
		table = append(table, line)
	}
	width, total := make([]int, len(head)), 0
	for _, line := range table {
		for i := range min(len(line), len(width)) {
			width[i] = max(width[i], min(utf8.RuneCountInString(line[i]), maxPad))
		}
	}
	for _, line := range table {
		for i, cell := range line {
			total += len(cell) + 3
			if i < len(width) {
				total += max(0, width[i]-utf8.RuneCountInString(cell))
			}
		}
	}
	var b strings.Builder
	b.Grow(total)
	for n, line := range table {
		if n > 0 {
			b.WriteByte('\n')
		}
		last := len(line) - 1
		for last > 0 && line[last] == "" {
			last--
		}
		for i, cell := range line[:last+1] {
			if i > 0 {
				b.WriteString(" | ")
			}
			b.WriteString(cell)
			if i < last && i < len(width) && total <= maxTable {
				b.WriteString(padding[:max(0, width[i]-utf8.RuneCountInString(cell))])
			}
		}
	}
	return b.String()
}

const padding = "                              " // maxPad blanks

// cellText is a value on one line.
func cellText(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case json.Number:
		return string(v)
	case string:
		if strings.ContainsAny(v, "\n\t") {
			return upstream.Clean(v, maxValue)
		}
		return v
	}
	return fmt.Sprint(v)
}
