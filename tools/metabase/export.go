package metabase

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

func (s *service) exportTools() []tools.Tool {
	return []tools.Tool{tools.New("metabase_export_question", s.exportQuestion)}
}

type exportIn struct {
	ID         ref                        `json:"id"`
	Parameters map[string]json.RawMessage `json:"parameters"`
	Format     string                     `json:"format"`
	MaxBytes   int                        `json:"max_bytes"`
	Cursor     string                     `json:"cursor"`
}

// Export is the answer of metabase_export_question: whole rows only.
type Export struct {
	Question  string `json:"question"`
	Format    string `json:"format"`
	Content   string `json:"content"`
	Rows      int    `json:"rows"` // of content, the heading of CSV not counted
	Bytes     int    `json:"bytes"`
	Truncated bool   `json:"truncated"`
	Next      string `json:"next_cursor,omitempty"`
	Link      string `json:"link"`
}

// Text is the content, and how to go on.
func (e Export) Text() string {
	t := fmt.Sprintf("%s  %s\n%s\n%d rows", upstream.Quote(e.Question), e.Link, upstream.Quote(e.Content), e.Rows)
	if e.Truncated {
		t += "; there are more."
		if e.Next != "" {
			t += " next_cursor: " + e.Next
		}
	}
	return t + "\n"
}

// maxExport bounds what is read of an export, in bytes.
const maxExport = 64 << 20

func (s *service) exportQuestion(ctx context.Context, c *upstream.Client, in exportIn) (Export, error) {
	id, err := s.question(ctx, c, in.ID)
	if err != nil {
		return Export{}, err
	}
	query := []any{"export", id, in.Format, in.Parameters}
	want, err := openRows(query, in.Cursor, 0)
	if err != nil {
		return Export{}, err
	}
	card, err := getCard(ctx, c, id)
	if err != nil {
		return Export{}, err
	}
	settings, err := s.settings(ctx, c, "question", card.parameters(), in.Parameters)
	if err != nil {
		return Export{}, err
	}
	e := &export{want: want, room: in.MaxBytes, sum: sha256.New()}
	read := e.csv
	if in.Format == "json" {
		read, e.between = e.json, ",\n"
	}
	err = c.Do(ctx, upstream.Request{
		Path: cardPath(id) + "/query/" + in.Format, Read: true, MaxBytes: maxExport, Stream: read,
		JSON:   map[string]any{"parameters": settings, "format_rows": false, "pivot_results": false},
		Header: map[string][]string{"Accept": {"*/*"}},
	}, nil)
	if err != nil {
		return Export{}, err
	}
	if e.changed || e.seen < want.skip {
		return Export{}, fault.New(fault.Conflict, "The result has changed since the call that gave the cursor, so it cannot be gone on with. Leave the cursor out to start from the first row.")
	}
	out := Export{
		Question: upstream.Clean(card.Name, 254), Format: in.Format, Content: e.content(in.Format), Rows: e.rows,
		Truncated: e.more, Link: link(c, card.model(), id),
	}
	out.Bytes = len(out.Content)
	if e.more {
		out.Next = tools.Cursor(query, fmt.Sprintf("%d %s", want.skip+e.rows, sumOf(e.sum)))
	}
	return out, nil
}

// export is what has been read of one.
type export struct {
	want    portion
	room    int // bytes left for the content, as JSON spells it
	between string
	sum     hash.Hash
	out     strings.Builder
	seen    int
	rows    int // that were kept
	more    bool
	changed bool
}

func (e *export) content(format string) string {
	if format == "json" {
		return "[" + e.out.String() + "]"
	}
	return e.out.String()
}

// row takes a row; false: nothing more is wanted.
func (e *export) row(text string) bool {
	if e.seen < e.want.skip {
		e.seen++
		_, _ = e.sum.Write([]byte(text))
		if e.seen == e.want.skip && sumOf(e.sum) != e.want.sum {
			e.changed = true
			return false
		}
		return true
	}
	clean := upstream.CleanLines(text, len(text)+1)
	n := len(clean) + strings.Count(clean, "\n") + strings.Count(clean, `"`) + strings.Count(clean, `\`)
	if e.room -= n; e.room < 0 && e.rows > 0 {
		e.more = true
		return false
	}
	e.seen++
	e.rows++
	_, _ = e.sum.Write([]byte(text))
	if e.rows > 1 {
		e.out.WriteString(e.between)
	}
	e.out.WriteString(clean)
	return true
}

const maxLine = 30_000 // bytes of a row

func tooLong() error {
	return fault.New(fault.UpstreamError, "A row of the export is longer than %d bytes, so it cannot be shown. Use metabase_run_question, which cuts long values.", maxLine)
}

// csv reads lines; one that is inside quotes goes on in the next. The heading is
// given with the first rows only.
func (e *export) csv(r io.Reader) error {
	in := bufio.NewReaderSize(r, 16<<10)
	first, quotes := true, 0
	var line []byte
	for {
		part, err := in.ReadSlice('\n')
		line = append(line, part...)
		quotes += strings.Count(string(part), `"`)
		if len(line) > maxLine {
			return tooLong()
		}
		if errors.Is(err, bufio.ErrBufferFull) || err == nil && quotes%2 == 1 {
			continue
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		text := strings.ReplaceAll(string(line), "\r\n", "\n")
		line, quotes = line[:0], 0
		switch {
		case text == "":
		case first && strings.HasPrefix(text, `{"`): // a failure, which is JSON whatever the format
			return failedExport(text)
		case first:
			_, _ = e.sum.Write([]byte(text))
			if e.want.skip == 0 {
				e.room -= len(text)
				e.out.WriteString(upstream.CleanLines(text, maxLine))
			}
			first = false
		case !e.row(text):
			return nil
		}
		if err != nil {
			return nil
		}
	}
}

// json reads an array of objects, or the object of a failure.
func (e *export) json(r io.Reader) error {
	in := bufio.NewReaderSize(r, 16<<10)
	head, err := in.Peek(1)
	if err != nil {
		return fault.New(fault.UpstreamError, "Metabase answered the export with nothing.").Because(err)
	}
	if head[0] == '{' {
		b, err := io.ReadAll(io.LimitReader(in, 1<<20))
		if err != nil {
			return err
		}
		return failedExport(string(b))
	}
	var raw json.RawMessage
	return upstream.Items(in, "", func(dec *json.Decoder) error {
		if err := dec.Decode(&raw); err != nil {
			return err
		}
		if len(raw) > maxLine {
			return tooLong()
		}
		if !e.row(string(raw)) {
			return upstream.ErrEnough
		}
		return nil
	})
}

// failedExport is the fault of an export that came as an error in a 2xx.
func failedExport(body string) error {
	var f struct {
		Status string          `json:"status"`
		Error  json.RawMessage `json:"error"`
		Kind   loose           `json:"error_type"`
		State  loose           `json:"state"`
	}
	if json.Unmarshal([]byte(body), &f) != nil {
		return fault.New(fault.UpstreamError, "Metabase answered the export with something else.")
	}
	return queryFailed(string(f.Kind), string(f.State), wording(f.Error))
}
