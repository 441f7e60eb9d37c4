package metabase

import (
	"context"
	"encoding/json"
	"slices"

	"toolvault/tools"
	"toolvault/tools/upstream"
)

func (s *service) sqlTools() []tools.Tool {
	return []tools.Tool{tools.New("metabase_run_sql", s.runSQL)}
}

type runSQLIn struct {
	Database   ref                        `json:"database"`
	SQL        string                     `json:"sql"`
	Parameters map[string]json.RawMessage `json:"parameters"`
	Limit      int                        `json:"limit"`
	Cursor     string                     `json:"cursor"`
}

// The body of POST /api/dataset, for SQL.
type (
	dataset struct {
		Database    int64          `json:"database"`
		Type        string         `json:"type"`
		Native      native         `json:"native"`
		Parameters  []setting      `json:"parameters,omitempty"`
		Constraints map[string]int `json:"constraints,omitempty"`
	}
	native struct {
		Query string         `json:"query"`
		Tags  map[string]any `json:"template-tags,omitempty"`
	}
	tag struct {
		ID          string `json:"id"`
		Name        string `json:"name"`
		DisplayName string `json:"display-name"`
		Type        string `json:"type"` // text, number, date
	}
)

// runSQL runs a query that the guard has let through. It is not marked as a
// read: the guard is careful, and a query that failed half way is not run twice.
func (s *service) runSQL(ctx context.Context, c *upstream.Client, in runSQLIn) (Rows, error) {
	names, err := guard(in.SQL)
	if err != nil {
		return Rows{}, err
	}
	for n := range in.Parameters {
		if !slices.Contains(names, n) {
			return Rows{}, refuseParameter("There is no {{%s}} in the SQL.", n)
		}
	}
	for _, n := range names {
		if _, ok := in.Parameters[n]; !ok {
			return Rows{}, refuseParameter("The SQL has {{%s}}, and parameters gives it no value.", n)
		}
	}
	id, err := s.database(ctx, c, in.Database)
	if err != nil {
		return Rows{}, err
	}
	query := []any{"sql", id, in.SQL, in.Parameters}
	want, err := openRows(query, in.Cursor, in.Limit)
	if err != nil {
		return Rows{}, err
	}
	q := dataset{Database: id, Type: "native", Native: native{Query: in.SQL}, Constraints: constraints(want)}
	for _, n := range names {
		value, kind, operator := in.Parameters[n], "text", "category"
		if value[0] != '"' {
			kind, operator = "number", "number/="
		}
		if q.Native.Tags == nil {
			q.Native.Tags = map[string]any{}
		}
		q.Native.Tags[n] = tag{ID: n, Name: n, DisplayName: n, Type: kind}
		q.Parameters = append(q.Parameters, setting{ID: n, Type: operator, Target: variable(n), Value: value})
	}
	rows, err := run(ctx, c, "/api/dataset", q, false, want)
	if err != nil {
		return Rows{}, err
	}
	return rows.answer(query, want, nil), nil
}

// constraints ask for one row more than is wanted: whether it comes shows whether
// there are more.
func constraints(want portion) map[string]int {
	n := want.skip + want.limit + 1
	return map[string]int{"max-results": n, "max-results-bare-rows": n}
}
