package metabase

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

const (
	maxValue   = 500      // characters of a value
	maxColumns = 100      // of a table
	maxRows    = 48 << 10 // bytes of an answer's rows
	maxPad     = 30       // width to which a column of the text is padded
)

// Column is a column of a result.
type Column struct {
	Name string `json:"name"`
	Type string `json:"type"` // Metabase's, e.g. "Integer", "Text", "DateTime"
}

// Rows is the answer of metabase_run_question and metabase_run_sql.
type Rows struct {
	Question  string   `json:"question,omitempty"`
	Columns   []Column `json:"columns"`
	Rows      [][]any  `json:"rows"`
	Count     int      `json:"count"`     // rows in this answer
	Truncated bool     `json:"truncated"` // there are more
	Link      string   `json:"link,omitempty"`
}

// Text is a table, aligned as far as its values are short.
func (r Rows) Text() string {
	var b strings.Builder
	if r.Question != "" {
		fmt.Fprintf(&b, "%s  %s\n", r.Question, r.Link)
	}
	if len(r.Rows) == 0 {
		b.WriteString("No rows.\n")
		return b.String()
	}
	head := make([]string, len(r.Columns))
	for i, c := range r.Columns {
		head[i] = c.Name
	}
	table := [][]string{head}
	for _, row := range r.Rows {
		line := make([]string, len(row))
		for i, v := range row {
			if v != nil {
				line[i] = upstream.Clean(fmt.Sprint(v), maxValue)
			}
		}
		table = append(table, line)
	}
	width := make([]int, len(head))
	for _, line := range table {
		for i := range min(len(line), len(width)) {
			width[i] = max(width[i], min(utf8.RuneCountInString(line[i]), maxPad))
		}
	}
	for _, line := range table {
		var text strings.Builder
		for i, cell := range line {
			if i > 0 {
				text.WriteString(" | ")
			}
			text.WriteString(cell)
			if i < len(width) {
				text.WriteString(strings.Repeat(" ", max(0, width[i]-utf8.RuneCountInString(cell))))
			}
		}
		b.WriteString(strings.TrimRight(text.String(), " ") + "\n")
	}
	if r.Truncated {
		fmt.Fprintf(&b, "These are the first %d rows; there are more.\n", r.Count)
	}
	return b.String()
}

// column is a column as Metabase describes it.
type column struct {
	Name    string `json:"name"`
	Display string `json:"display_name"`
	Base    string `json:"base_type"`
	Actual  string `json:"effective_type"`
}

func (c column) clean() Column {
	kind := c.Actual
	if kind == "" {
		kind = c.Base
	}
	label := c.Display
	if label == "" {
		label = c.Name
	}
	return Column{upstream.Clean(label, 100), upstream.Clean(strings.TrimPrefix(kind, "type/"), 60)}
}

// reading is what has been read of a query's answer.
type reading struct {
	columns   []column
	rows      [][]any
	size      int
	seen      int  // rows that have gone by
	more      bool // rows that were left out, as far as known
	status    string
	message   string
	errorType string
	state     string
}

// errEnough ends the reading of an answer before its end.
var errEnough = errors.New("enough rows")

// readRows reads an answer of Metabase's, {"data":{"rows":[…],"cols":[…]},
// "status":…}, keeping at most limit rows, and stops as soon as there is nothing
// more to learn. The keys come in any order; Metabase sends rows before columns.
// expected is how many columns the question had when it last ran, 0: unknown.
//
// The status is 202 whether the query worked or not; a failed one is returned as
// a fault, whose text is the message alone.
func readRows(r io.Reader, limit, expected int) (*reading, error) {
	got := &reading{rows: [][]any{}}
	dec := json.NewDecoder(r)
	err := object(dec, func(key string) error {
		switch key {
		case "data":
			return got.data(dec, limit, expected)
		case "status":
			return decodeText(dec, &got.status)
		case "error":
			return decodeText(dec, &got.message)
		case "error_type":
			return decodeText(dec, &got.errorType)
		case "state":
			return decodeText(dec, &got.state)
		}
		return skip(dec)
	})
	if got.status == "failed" || err == nil && (got.message != "" || got.status == "" && got.columns == nil) {
		return nil, queryFailed(got.errorType, got.state, got.message)
	}
	switch {
	case err == nil, errors.Is(err, errEnough):
		return got, nil
	case got.seen > limit:
		return got, nil // the rows asked for are here; the rest was too much or broke off
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return nil, fault.New(fault.UpstreamError, "Metabase's answer breaks off, or is larger than %d MB. Ask for less.", maxAnswer>>20).Because(err)
	}
	return nil, fault.New(fault.UpstreamError, "Metabase answered with something that is not a query's result. If it stays so, tell the operator to check services.metabase.base_url.").Because(err)
}

func (g *reading) data(dec *json.Decoder, limit, expected int) error {
	return object(dec, func(key string) error {
		switch key {
		case "rows":
			return g.readRows(dec, limit, expected)
		case "cols":
			return dec.Decode(&g.columns)
		}
		return skip(dec)
	})
}

func (g *reading) readRows(dec *json.Decoder, limit, expected int) error {
	t, err := dec.Token()
	if err != nil || t == nil {
		return err
	}
	if t != json.Delim('[') {
		return errors.New("rows is not a list")
	}
	for dec.More() {
		if g.seen >= limit || g.size > maxRows {
			g.more = true
			if g.columns != nil || expected > 0 && len(g.rows) > 0 && len(g.rows[0]) == min(expected, maxColumns) {
				return errEnough
			}
			g.seen++
			if err := skip(dec); err != nil {
				return err
			}
			continue
		}
		g.seen++
		var cells []json.RawMessage
		if err := dec.Decode(&cells); err != nil {
			return err
		}
		row := make([]any, 0, min(len(cells), maxColumns))
		for _, c := range cells[:min(len(cells), maxColumns)] {
			v := upstream.CleanJSON(c, maxValue)
			if s, ok := v.(string); ok {
				g.size += len(s)
			}
			g.size += 8
			row = append(row, v)
		}
		g.rows = append(g.rows, row)
	}
	_, err = dec.Token()
	return err
}

// answer is what was read as a result. Where the columns have not been read, the
// question's own of an earlier run stand in.
func (g *reading) answer(earlier []column) Rows {
	out := Rows{Columns: []Column{}, Rows: g.rows, Count: len(g.rows), Truncated: g.more}
	columns := g.columns
	if columns == nil {
		columns = earlier
	}
	for _, c := range columns[:min(len(columns), maxColumns)] {
		out.Columns = append(out.Columns, c.clean())
	}
	if len(g.rows) > 0 {
		for i := len(out.Columns); i < len(g.rows[0]); i++ {
			out.Columns = append(out.Columns, Column{fmt.Sprintf("column %d", i+1), ""})
		}
	}
	return out
}

// object reads a JSON object; each is called at every value and has to read it.
func object(dec *json.Decoder, each func(key string) error) error {
	t, err := dec.Token()
	if err != nil || t == nil {
		return err
	}
	if t != json.Delim('{') {
		return errors.New("not an object")
	}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return err
		}
		if err := each(fmt.Sprint(key)); err != nil {
			return err
		}
	}
	_, err = dec.Token()
	return err
}

func skip(dec *json.Decoder) error {
	var raw json.RawMessage
	return dec.Decode(&raw)
}

// decodeText reads a value that should be a text; anything else counts as none.
func decodeText(dec *json.Decoder, to *string) error {
	var raw json.RawMessage
	if err := dec.Decode(&raw); err != nil {
		return err
	}
	if json.Unmarshal(raw, to) != nil && string(raw) != "null" {
		*to = "unknown"
	}
	return nil
}
