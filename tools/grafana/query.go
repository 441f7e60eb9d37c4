package grafana

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

const (
	maxCell    = 200    // characters of a cell
	maxColumns = 50     // of a table
	maxTables  = 45_000 // bytes of an answer
)

func (s *service) queryTools() []tools.Tool {
	return []tools.Tool{tools.New("grafana_run_query", s.runQuery)}
}

// Query is one of those of grafana_run_query: SQL, or what else the data source
// takes.
type Query struct {
	SQL   string         `json:"sql"`
	Model map[string]any `json:"model"`
}

// QueryArgs are those of grafana_run_query.
type QueryArgs struct {
	Datasource string  `json:"datasource"`
	Queries    []Query `json:"queries"`
	From       string  `json:"from"`
	To         string  `json:"to"`
	MaxRows    int     `json:"max_rows"`
}

// Table is what a query brought.
type Table struct {
	Ref     string   `json:"ref"` // A is the first query
	Columns []string `json:"columns,omitempty"`
	Rows    [][]any  `json:"rows,omitempty"`
	Total   int      `json:"total_rows"`
	Error   string   `json:"error,omitempty"` // this query failed, the others did not
}

// Answers is the answer of grafana_run_query.
type Answers struct {
	Datasource string  `json:"datasource"`
	Tables     []Table `json:"tables"`
}

// Text is a table for each query, its cells in «».
func (a Answers) Text() string {
	var b strings.Builder
	for _, t := range a.Tables {
		fmt.Fprintf(&b, "query %s of %s: ", t.Ref, a.Datasource)
		if t.Error != "" {
			b.WriteString("it failed. It said: " + upstream.Quote(t.Error) + "\n")
			continue
		}
		fmt.Fprintf(&b, "%d rows\n", t.Total)
		if len(t.Columns) > 0 {
			b.WriteString(upstream.Quote(strings.Join(t.Columns, " | ")) + "\n")
		}
		for _, row := range t.Rows {
			cells := make([]string, len(row))
			for i, v := range row {
				if cells[i] = fmt.Sprint(v); v == nil {
					cells[i] = "null"
				}
			}
			b.WriteString(upstream.Quote(strings.Join(cells, " | ")) + "\n")
		}
		if more := t.Total - len(t.Rows); more > 0 {
			fmt.Fprintf(&b, "and %d more rows: count, group, or add a limit\n", more)
		}
	}
	return b.String()
}

// frame is a data frame: a column after the other.
type frame struct {
	Schema struct {
		Fields []struct {
			Name   string            `json:"name"`
			Labels map[string]string `json:"labels"`
		} `json:"fields"`
	} `json:"schema"`
	Data struct {
		Values [][]json.RawMessage `json:"values"`
	} `json:"data"`
}

type queryResult struct {
	Frames []frame `json:"frames"`
	Error  string  `json:"error"`
}

func (s *service) runQuery(ctx context.Context, c *upstream.Client, in QueryArgs) (Answers, error) {
	at, err := s.during(in.From, in.To)
	if err != nil {
		return Answers{}, err
	}
	src, err := s.source(ctx, c, in.Datasource)
	if err != nil {
		return Answers{}, err
	}
	var queries []map[string]any
	for i, q := range in.Queries {
		m, err := q.model(src)
		if err != nil {
			return Answers{}, err
		}
		m["refId"], m["datasource"] = ref(i), map[string]any{"uid": src.UID, "type": src.Type}
		m["intervalMs"], m["maxDataPoints"] = max(at.to.Sub(at.from).Milliseconds()/maxPoints, 1000), maxPoints
		queries = append(queries, m)
	}
	var r struct {
		Results map[string]queryResult `json:"results"`
	}
	err = s.do(ctx, c, upstream.Request{Path: "/api/ds/query", Fault: ofQueries, JSON: map[string]any{
		"queries": queries, "from": strconv.FormatInt(at.from.UnixMilli(), 10), "to": strconv.FormatInt(at.to.UnixMilli(), 10),
	}}, &r)
	if err != nil {
		return Answers{}, err
	}
	out := Answers{Datasource: src.UID, Tables: []Table{}}
	room, failed := maxTables, ""
	for i := range in.Queries {
		res, ok := r.Results[ref(i)]
		t := Table{Ref: ref(i)}
		switch {
		case !ok:
			t.Error = "Grafana has answered nothing for it"
		case res.Error != "":
			t.Error = upstream.Clean(res.Error, maxSaid)
			failed = res.Error
		default:
			t.fill(res.Frames, in.MaxRows, &room)
		}
		out.Tables = append(out.Tables, t)
	}
	if len(in.Queries) == 1 && failed != "" {
		return Answers{}, fault.New(fault.InvalidArguments, "The data source did not accept the query. It said: %s", quote(failed))
	}
	return out, nil
}

// ref is the name of a query: A, B, …
func ref(i int) string { return string(rune('A' + i)) }

// ofQueries lets through what is an answer for some of the queries: 207, and of
// versions and settings in which there is none, 400.
func ofQueries(r *upstream.Response) *fault.Error {
	if r.Status == http.StatusBadRequest || r.Status == http.StatusInternalServerError {
		var some struct {
			Results map[string]queryResult `json:"results"`
		}
		if json.Unmarshal(r.Body, &some) == nil && len(some.Results) > 0 {
			return nil
		}
	}
	return readFault(r)
}

// model is the query as its data source takes it.
func (q Query) model(src Source) (map[string]any, error) {
	switch sqlKind := strings.ToLower(src.Type); {
	case q.SQL == "" && len(q.Model) > 0:
		m := map[string]any{}
		for k, v := range q.Model {
			m[k] = v
		}
		return m, nil
	case q.SQL == "" || len(q.Model) > 0:
		return nil, fault.Wrong("A query is either sql or model.")
	case strings.Contains(sqlKind, "clickhouse"):
		return map[string]any{"rawSql": q.SQL, "format": 1, "queryType": "table", "editorType": "sql"}, nil
	case strings.Contains(sqlKind, "postgres"), strings.Contains(sqlKind, "mysql"), strings.Contains(sqlKind, "mssql"):
		return map[string]any{"rawSql": q.SQL, "format": "table", "rawQuery": true, "editorMode": "code"}, nil
	}
	return nil, fault.Wrong("The data source %s is of the type %s, for which no form of SQL is known here: give model, as in a panel's JSON.", src.UID, src.Type)
}

// fill puts frames, which hold a column after the other, into rows. Of several
// frames, which are series, each row says by its labels which one it is of.
func (t *Table) fill(frames []frame, most int, room *int) {
	several := len(frames) > 1
	for n, f := range frames {
		width := min(len(f.Schema.Fields), len(f.Data.Values), maxColumns)
		length, series := 0, ""
		var columns []string
		for k, field := range f.Schema.Fields[:width] {
			length = max(length, len(f.Data.Values[k]))
			columns = append(columns, upstream.Clean(field.Name, 100))
			if len(field.Labels) > 0 {
				series = labelled(field.Labels)
			}
		}
		if several {
			columns = append([]string{"series"}, columns...)
		}
		if n == 0 {
			t.Columns = columns
		}
		t.Total += length
		for i := 0; i < length && len(t.Rows) < most && *room > 0 && len(columns) == len(t.Columns); i++ {
			var row []any
			if several {
				row = append(row, series)
			}
			for _, column := range f.Data.Values[:width] {
				var cell any
				if i < len(column) {
					cell = upstream.CleanJSON(column[i], maxCell)
				}
				row = append(row, cell)
			}
			raw, _ := json.Marshal(row)
			if *room -= len(raw); *room > 0 {
				t.Rows = append(t.Rows, row)
			}
		}
	}
}
