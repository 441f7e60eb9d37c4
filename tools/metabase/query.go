package metabase

import (
	"context"

	"toolvault/tools"
	"toolvault/tools/upstream"
)

func (s *service) queryTools() []tools.Tool {
	return []tools.Tool{tools.New("metabase_run_query", s.runQuery)}
}

type runQueryIn struct {
	querySpec
	Limit  int    `json:"limit"`
	Cursor string `json:"cursor"`
}

// runQuery runs a query that holds no SQL. It only reads, so it may be repeated
// after a failure.
func (s *service) runQuery(ctx context.Context, c *upstream.Client, in runQueryIn) (Rows, error) {
	q, err := s.build(ctx, c, in.querySpec)
	if err != nil {
		return Rows{}, err
	}
	tag := []any{"query", q.body(0)}
	want, err := openRows(tag, in.Cursor, in.Limit)
	if err != nil {
		return Rows{}, err
	}
	body := q.body(want.skip + want.limit + 1)
	body["constraints"] = constraints(want)
	rows, err := run(ctx, c, "/api/dataset", body, true, want)
	if err != nil {
		return Rows{}, err
	}
	return rows.answer(tag, want, nil), nil
}
