package main

import (
	"fmt"
	"slices"
	"strings"

	"toolvault/audit"
)

// The columns of the demo's table, in the order of entryCells.
const (
	trailAgent, trailTool, trailCall, trailCredential, trailOutcome = 1, 2, 3, 4, 5
	shortCall                                                       = 12 // characters of a call id's end
	narrowest                                                       = 12 // columns; a cell is not cut below
)

// table is rows of raw texts under a header.
type table struct {
	rows   [][]string // the first is the header
	widths []int      // of the columns; 0: not shown
}

// trail is the audit log as a table, oldest first. On a terminal that is narrower
// than the table, what is the same in all rows is said once above it, ids are
// shortened, and then cells are cut, until it fits.
func (s *storyteller) trail(entries []audit.Entry) {
	header := make([]string, len(entryColumns))
	for i, c := range entryColumns {
		header[i] = c.name
	}
	t := table{rows: [][]string{header}, widths: make([]int, len(header))}
	for _, e := range slices.Backward(entries) {
		t.rows = append(t.rows, entryCells(e, e.Time.Local().Format("15:04:05")))
	}
	for i := range header {
		t.measure(i)
	}
	for _, note := range t.fit(s.columns) {
		s.text("%s", note)
	}
	for n, row := range t.rows {
		var b strings.Builder
		for i, text := range row {
			if t.widths[i] == 0 {
				continue
			}
			padded := pad(cell(text, t.widths[i]), t.widths[i])
			switch {
			case n == 0:
				padded = s.paint(bold, padded)
			case i == trailOutcome && text == "ok":
				padded = s.paint(green, padded)
			case i == trailOutcome:
				padded = s.paint(yellow, padded)
			}
			b.WriteString(padded)
			if i < len(row)-1 {
				b.WriteString("  ")
			}
		}
		_, _ = fmt.Fprintln(s.w, strings.TrimRight(b.String(), " "))
	}
}

// measure sets a column's width to that of its widest cell.
func (t *table) measure(column int) {
	t.widths[column] = 0
	for _, row := range t.rows {
		t.widths[column] = max(t.widths[column], columns(cell(row[column], 0)))
	}
}

// tooWide tells by how many columns the table goes beyond a bound.
func (t *table) tooWide(bound int) int {
	total := -2
	for _, w := range t.widths {
		if w > 0 {
			total += w + 2
		}
	}
	return total - bound
}

// fit makes the table at most bound columns wide, as far as that goes, and
// returns what has to be said above it. 0 is no bound.
func (t *table) fit(bound int) (notes []string) {
	rows := t.rows[1:]
	if bound == 0 || len(rows) == 0 || t.tooWide(bound) <= 0 {
		return nil
	}
	if agent := rows[0][trailAgent]; !slices.ContainsFunc(rows, func(row []string) bool { return row[trailAgent] != agent }) {
		t.widths[trailAgent] = 0
		notes = append(notes, "All of it by "+cell(agent, 0)+".")
	}
	if t.tooWide(bound) > 0 {
		for _, row := range rows {
			if id := []rune(row[trailCall]); len(id) > shortCall {
				row[trailCall] = string(id[len(id)-shortCall:])
			}
		}
		t.measure(trailCall)
		notes = append(notes, "Of call ids the last 12 characters are shown.")
	}
	for t.tooWide(bound) > 0 {
		i := trailTool
		for _, j := range []int{trailCredential, trailOutcome, trailCall} {
			if t.widths[j] > t.widths[i] {
				i = j
			}
		}
		if t.widths[i] <= narrowest {
			break
		}
		t.widths[i]--
	}
	return notes
}
