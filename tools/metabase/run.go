package metabase

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

// maxAnswer bounds what is read of a query's answer; a card takes no limit.
const maxAnswer = 16 << 20

func (s *service) runTools() []tools.Tool {
	return []tools.Tool{tools.New("metabase_run_question", s.runQuestion)}
}

// run makes a request whose answer is rows. read says that it may be repeated
// after a failure. A query that takes longer than the call may is given up: the
// connection is closed, whereupon Metabase cancels it.
func run(ctx context.Context, c *upstream.Client, path string, body any, read bool, want portion) (*reading, error) {
	var rows *reading
	err := c.Do(ctx, upstream.Request{
		Path: path, JSON: body, Read: read, MaxBytes: maxAnswer,
		Stream: func(r io.Reader) (err error) {
			rows, err = readRows(r, want)
			return err
		},
	}, nil)
	var f *fault.Error
	if errors.As(err, &f) && f.Kind == fault.Timeout && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		f.Message = "The query took longer than a call may, and was given up; its connection is closed. Ask for less: narrow the filter or the dates, or count and group."
	}
	if err != nil {
		return nil, err
	}
	return rows, nil
}

type runQuestionIn struct {
	ID         ref                        `json:"id"`
	Parameters map[string]json.RawMessage `json:"parameters"`
	Limit      int                        `json:"limit"`
	Cursor     string                     `json:"cursor"`
}

// runQuestion first looks at the question: for the targets of its parameters,
// and for its columns, so that reading can stop after the rows that were asked
// for although Metabase sends the columns after the rows.
func (s *service) runQuestion(ctx context.Context, c *upstream.Client, in runQuestionIn) (Rows, error) {
	id, err := s.question(ctx, c, in.ID)
	if err != nil {
		return Rows{}, err
	}
	query := []any{"question", id, in.Parameters}
	want, err := openRows(query, in.Cursor, in.Limit)
	if err != nil {
		return Rows{}, err
	}
	card, err := getCard(ctx, c, id)
	if err != nil {
		return Rows{}, err
	}
	settings, err := s.settings(ctx, c, "question", card.parameters(), in.Parameters)
	if err != nil {
		return Rows{}, err
	}
	want.expected = len(card.Columns)
	rows, err := run(ctx, c, cardPath(id)+"/query", map[string]any{"ignore_cache": false, "parameters": settings}, true, want)
	if err != nil {
		return Rows{}, err
	}
	out := rows.answer(query, want, card.Columns)
	out.Question, out.Link = upstream.Clean(card.Name, 254), link(c, card.model(), id)
	return out, nil
}

func cardPath(id int64) string { return "/api/card/" + strconv.FormatInt(id, 10) }

// refuseParameter is wrong for a parameter.
func refuseParameter(format string, args ...any) error { return fault.Wrong(format, args...) }

// clipped is a list of names for an error.
func clipped(names []string) string {
	for i, n := range names {
		names[i] = upstream.Clean(n, 60)
	}
	return upstream.Clean(strings.Join(names, ", "), maxSaid)
}
