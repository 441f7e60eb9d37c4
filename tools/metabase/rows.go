package metabase

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"strconv"
	"strings"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

const (
	maxValue   = 500      // characters of a value
	maxColumns = 100      // of a table
	maxRows    = 48 << 10 // bytes of an answer's rows
	maxSkip    = 1_000_000
)

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
	return Column{upstream.Clean(label, 100), ownWord(strings.TrimPrefix(kind, "type/"), 60)}
}

// portion is which rows of an answer are wanted: limit of them, behind the skip
// rows that an earlier call gave out, whose hash is sum. expected is how many
// columns the question had when it last ran, 0: unknown.
type portion struct {
	limit, skip, expected int
	sum                   string
}

// The API has no way to go on with the rows of a query. So a cursor says how many
// rows were given out and what they were: the query runs again, and goes on only
// if the same rows come again before. It never skips or repeats one unnoticed.

// openRows reads such a cursor.
func openRows(query any, cursor string, limit int) (portion, error) {
	p := portion{limit: limit}
	text, err := tools.OpenCursor(query, cursor)
	if err != nil || text == "" {
		return p, err
	}
	n, sum, _ := strings.Cut(text, " ")
	p.skip, err = strconv.Atoi(n)
	if p.sum = sum; err != nil || p.skip < 1 || p.skip > maxSkip || len(sum) != 2*sumBytes {
		return p, fault.Wrong("The cursor is not one that this tool gave. Leave it out to start from the first row.")
	}
	return p, nil
}

const sumBytes = 12

func sumOf(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)[:sumBytes]) }

// reading is what has been read of a query's answer.
type reading struct {
	columns   []column
	rows      [][]any
	size      int
	width     int  // cells of the row before
	seen      int  // rows that have gone by, those that were skipped included
	more      bool // rows were left out
	capped    int  // at so many rows Metabase stopped by itself
	sum       string
	status    string
	message   json.RawMessage
	errorType string
	state     string
}

// readRows reads an answer of Metabase's, {"data":{"rows":[…],"cols":[…]},
// "status":…}, keeping no more than the rows that are wanted, and stops as soon
// as there is nothing more to learn. The keys come in any order; Metabase sends
// rows before columns.
//
// The status is 202 whether the query worked or not; a failed one is returned as
// a fault, whose text is the message alone.
func readRows(r io.Reader, want portion) (*reading, error) {
	got := &reading{rows: [][]any{}}
	h := sha256.New()
	var raw json.RawMessage // of the row at hand; its memory is used again
	changed := false
	each := func(dec *json.Decoder) error {
		if got.full(want) {
			got.more = true
			if got.columns != nil || want.expected > 0 && len(got.rows) > 0 && len(got.rows[0]) == min(want.expected, maxColumns) {
				return upstream.ErrEnough
			}
			got.seen++
			return nil
		}
		if err := dec.Decode(&raw); err != nil {
			return err
		}
		got.seen++
		_, _ = h.Write(raw)
		if got.seen <= want.skip {
			if got.seen == want.skip && sumOf(h) != want.sum {
				changed = true
				return upstream.ErrEnough
			}
			return nil
		}
		return got.keep(raw)
	}
	err := upstream.Items(r, "data.rows", each, upstream.Beside{
		"data.cols": &got.columns, "data.rows_truncated": &got.capped,
		"status": &got.status, "error": &got.message, "error_type": (*loose)(&got.errorType), "state": (*loose)(&got.state),
	})
	got.sum = sumOf(h)
	said := wording(got.message)
	switch {
	case changed || err == nil && got.seen < want.skip && got.status != "failed":
		return nil, fault.New(fault.Conflict, "The result has changed since the call that gave the cursor, so it cannot be gone on with. Leave the cursor out to start from the first row; an order that is the same each time helps.")
	case got.status == "failed", err == nil && !got.more && (said != "" || got.status == "" && got.columns == nil && got.seen == 0):
		return nil, queryFailed(got.errorType, got.state, said)
	case err == nil, got.more:
		return got, nil // where the rows asked for are here, the rest may have broken off
	case errors.Is(err, io.ErrUnexpectedEOF):
		return nil, fault.New(fault.UpstreamError, "Metabase's answer breaks off, or is larger than %d MB. Ask for less.", maxAnswer>>20).Because(err)
	}
	return nil, strange(err)
}

// strange is the fault of an answer that is not a query's result.
func strange(err error) error {
	f := *fault.From(err)
	if f.Kind == fault.UpstreamError {
		f.Message = "Metabase answered with something that is not a query's result. If it stays so, tell the operator to check services.metabase.base_url."
	}
	return &f
}

// full reports whether all that is wanted has been kept.
func (g *reading) full(want portion) bool {
	return g.seen >= want.skip+want.limit || g.size > maxRows
}

// keep takes one row, which is valid JSON.
func (g *reading) keep(raw json.RawMessage) error {
	if len(raw) == 0 || raw[0] != '[' {
		return fault.New(fault.UpstreamError, "A row is not a list.")
	}
	row := make([]any, 0, min(max(len(g.columns), g.width), maxColumns))
	eachCell(raw, func(cell []byte) bool {
		v := cellValue(cell)
		switch v := v.(type) {
		case string:
			g.size += len(v) + strings.Count(v, "\n") + strings.Count(v, `"`) + strings.Count(v, `\`)
		case json.Number:
			g.size += len(v)
		}
		g.size += 5
		row = append(row, v)
		return len(row) < maxColumns
	})
	g.width = len(row)
	g.rows = append(g.rows, row)
	return nil
}

// answer is what was read as a result. Where the columns have not been read, the
// question's own of an earlier run stand in.
func (g *reading) answer(query any, want portion, earlier []column) Rows {
	out := Rows{Columns: []Column{}, Rows: g.rows, Count: len(g.rows), Truncated: g.more, skipped: want.skip}
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
	if len(columns) > maxColumns {
		out.Note = fmt.Sprintf("There are %d columns; the first %d are shown.", len(columns), maxColumns)
	}
	switch {
	case g.more && want.skip+len(g.rows) <= maxSkip:
		out.Next = tools.Cursor(query, strconv.Itoa(want.skip+len(g.rows))+" "+g.sum)
	case !g.more && g.capped > 0:
		out.Truncated = true
		out.Note = fmt.Sprintf("Metabase itself stops at %d rows. Narrow the query, or count and group instead; a saved question can be exported whole with metabase_export_question.", g.capped)
	}
	return out
}

// loose takes a value that should be a text; anything else counts as none.
type loose string

func (l *loose) UnmarshalJSON(b []byte) error {
	*l = loose(wording(b))
	return nil
}

// wording is a JSON text, or a word for what is none; "" for null and nothing.
func wording(raw json.RawMessage) string {
	var s string
	if len(raw) == 0 || string(raw) == "null" {
		return ""
	}
	if json.Unmarshal(raw, &s) != nil {
		return "unknown"
	}
	return s
}
