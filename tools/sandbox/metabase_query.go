package sandbox

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
)

const metaRowLimit = 2000 // rows of a query without aggregation

func (m *metabase) runCard(w http.ResponseWriter, r *http.Request, _ bool) {
	c := m.findCard(w, r)
	if c == nil {
		return
	}
	var body struct {
		Parameters []metaParameter `json:"parameters"`
	}
	if json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&body) != nil {
		metaJSON(w, http.StatusBadRequest, map[string]any{"message": "Malformed JSON in request body."})
		return
	}
	m.run(w, c.sql, body.Parameters, metaRowLimit)
}

// metaParameter gives a template tag a value.
type metaParameter struct {
	ID     string `json:"id"`
	Type   string `json:"type"`
	Target []any  `json:"target"`
	Value  any    `json:"value"`
}

// tag is the template tag that the target names, ["variable",["template-tag",x]].
func (p metaParameter) tag() string {
	if len(p.Target) == 2 {
		if inner, ok := p.Target[1].([]any); ok && len(inner) == 2 && inner[0] == "template-tag" {
			name, _ := inner[1].(string)
			return name
		}
	}
	return ""
}

func (m *metabase) dataset(w http.ResponseWriter, r *http.Request, edit bool) {
	var q struct {
		Database    int64  `json:"database"`
		Type        string `json:"type"`
		Constraints struct {
			Max  int `json:"max-results"`
			Bare int `json:"max-results-bare-rows"`
		} `json:"constraints"`
		Native struct {
			Query string                     `json:"query"`
			Tags  map[string]json.RawMessage `json:"template-tags"`
		} `json:"native"`
		Parameters []metaParameter `json:"parameters"`
	}
	if json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&q) != nil {
		metaJSON(w, http.StatusBadRequest, map[string]any{"message": "Malformed JSON in request body."})
		return
	}
	switch {
	case q.Database != metaDatabaseID:
		metaMissing(w)
	case q.Type != "native" || q.Native.Query == "":
		metaFailed(w, "Only native queries are understood here.", "unsupported-feature", "")
	case !edit:
		metaFailed(w, "You do not have permissions to run this query.", "missing-required-permissions", "")
	default:
		for _, p := range q.Parameters {
			if _, ok := q.Native.Tags[p.tag()]; !ok {
				metaFailed(w, "Invalid parameter: there is no template tag "+p.tag(), "invalid-parameter", "")
				return
			}
		}
		limit := metaRowLimit
		for _, n := range []int{q.Constraints.Max, q.Constraints.Bare} {
			if n > 0 {
				limit = min(limit, n)
			}
		}
		m.run(w, q.Native.Query, q.Parameters, limit)
	}
}

// run answers 202 whether the query worked or not, with the rows before the
// columns and the status last, as Metabase's stream does.
func (m *metabase) run(w http.ResponseWriter, sql string, parameters []metaParameter, limit int) {
	values := map[string]any{}
	for _, p := range parameters {
		values[p.tag()] = p.Value
	}
	result, err := m.query(sql, values)
	if err != nil {
		var e *metaSQLError
		if !errors.As(err, &e) {
			e = &metaSQLError{message: err.Error()}
		}
		metaFailed(w, e.message, e.kind, e.state)
		return
	}
	rows := result.rows[:min(len(result.rows), limit)]
	cols := make([]map[string]any, 0, len(result.columns))
	for _, c := range result.columns {
		cols = append(cols, map[string]any{
			"name": c.name, "display_name": c.name, "base_type": c.kind, "effective_type": c.kind,
			"semantic_type": nil, "field_ref": []any{"field", c.name, map[string]any{"base-type": c.kind}},
		})
	}
	w.Header().Set("Content-Type", "application/json;charset=utf-8")
	w.WriteHeader(http.StatusAccepted)
	var b strings.Builder
	b.WriteString(`{"data":{"rows":[`)
	for i, row := range rows {
		if i > 0 {
			b.WriteByte(',')
		}
		line, _ := json.Marshal(row)
		b.Write(line)
	}
	after, _ := json.Marshal(cols)
	form, _ := json.Marshal(map[string]any{"query": sql, "params": nil})
	b.WriteString(`],"cols":` + string(after) + `,"native_form":` + string(form) + `,"results_timezone":"UTC"`)
	if len(rows) == limit && len(result.rows) > limit {
		count, _ := json.Marshal(limit)
		b.WriteString(`,"rows_truncated":` + string(count))
	}
	count, _ := json.Marshal(len(rows))
	b.WriteString(`},"database_id":1,"context":"ad-hoc","json_query":{},"row_count":` + string(count) + `,"running_time":3,"status":"completed"}`)
	_, _ = w.Write([]byte(b.String()))
}

func metaFailed(w http.ResponseWriter, message, kind, state string) {
	v := map[string]any{
		"status": "failed", "error": message, "row_count": 0, "running_time": 0, "database_id": metaDatabaseID,
		"context": "ad-hoc", "json_query": map[string]any{}, "data": map[string]any{"rows": []any{}, "cols": []any{}},
		"class":      "class org.postgresql.util.PSQLException",
		"stacktrace": []string{"--> driver.sql_jdbc.execute$fn__88812.invokeStatic(execute.clj:712)"},
		"via":        []any{map[string]any{"class": "class clojure.lang.ExceptionInfo", "error": "Error executing query"}},
	}
	if kind != "" {
		v["error_type"] = kind
	}
	if state != "" {
		v["state"] = state
	}
	metaJSON(w, http.StatusAccepted, v)
}
