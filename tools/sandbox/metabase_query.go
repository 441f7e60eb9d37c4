package sandbox

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"toolvault/tools/pattern"
)

const metaRowLimit = 2000 // rows of a query without aggregation

// metaParameter gives a template tag or a field a value.
type metaParameter struct {
	Target []any
	Value  any
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

func metaParameters(body map[string]any) []metaParameter {
	list, _ := body["parameters"].([]any)
	var all []metaParameter
	for _, v := range list {
		p, _ := v.(map[string]any)
		target, _ := p["target"].([]any)
		all = append(all, metaParameter{target, p["value"]})
	}
	return all
}

// execute runs a query of the old shape.
func (m *metabase) execute(query map[string]any, parameters []metaParameter) (*metaTable, error) {
	if native, ok := query["native"].(map[string]any); ok {
		sql, _ := native["query"].(string)
		values := map[string]any{}
		for _, p := range parameters {
			values[p.tag()] = p.Value
		}
		return m.query(metaOptional(sql, values), values)
	}
	inner, ok := query["query"].(map[string]any)
	if !ok {
		return nil, &metaSQLError{"Invalid query: it has neither native nor query.", "invalid-query", ""}
	}
	return m.mbql(inner, parameters, 0)
}

var (
	metaClause = pattern.New(`\[\[(.*?)\]\]`)
	metaTag    = pattern.New(`\{\{\s*(\w+)\s*\}\}`)
)

// metaOptional drops the clauses in [[ ]] whose parameters have no value.
func metaOptional(sql string, values map[string]any) string {
	return metaClause.ReplaceAllStringFunc(sql, func(clause string) string {
		for _, tag := range metaTag.FindAllStringSubmatch(clause, -1) {
			if _, ok := values[tag[1]]; !ok {
				return ""
			}
		}
		return strings.Trim(clause, "[]")
	})
}

func (m *metabase) dataset(w http.ResponseWriter, r *http.Request, edit bool) {
	body := metaBody(w, r)
	if body == nil {
		return
	}
	if metaInt(body["database"]) != metaDatabaseID {
		metaMissing(w)
		return
	}
	query := metaLegacy(body)
	native, isNative := query["native"].(map[string]any)
	switch {
	case query == nil:
		metaFailed(w, &metaSQLError{"Only native queries and MBQL are understood here.", "unsupported-feature", ""})
		return
	case isNative && !edit:
		metaFailed(w, &metaSQLError{"You do not have permissions to run this query.", "missing-required-permissions", ""})
		return
	}
	if isNative {
		tags, _ := native["template-tags"].(map[string]any)
		for _, p := range metaParameters(body) {
			if _, ok := tags[p.tag()]; !ok {
				metaFailed(w, &metaSQLError{"Invalid parameter: there is no template tag " + p.tag(), "invalid-parameter", ""})
				return
			}
		}
	}
	limit := metaRowLimit
	bounds, _ := body["constraints"].(map[string]any)
	for _, key := range []string{"max-results", "max-results-bare-rows"} {
		if n := metaInt(bounds[key]); n > 0 {
			limit = min(limit, int(n))
		}
	}
	m.answer(w, query, metaParameters(body), limit)
}

// cols are the columns as a result has them.
func (t *metaTable) cols() []map[string]any {
	cols := make([]map[string]any, 0, len(t.columns))
	for i, c := range t.columns {
		cols = append(cols, map[string]any{
			"name": c.name, "display_name": t.heads()[i], "base_type": c.kind, "effective_type": c.kind,
			"semantic_type": nil, "field_ref": []any{"field", c.name, map[string]any{"base-type": c.kind}},
		})
	}
	return cols
}

// heads are the columns' names as people see them: of SQL as it names them.
func (t *metaTable) heads() []string {
	heads := make([]string, len(t.columns))
	for i, c := range t.columns {
		if heads[i] = c.name; t.built {
			heads[i] = metaTitle(c.name)
		}
	}
	return heads
}

// answer runs and answers 202 whether the query worked or not, with the rows before
// the columns and the status last, as Metabase's stream does.
func (m *metabase) answer(w http.ResponseWriter, query map[string]any, parameters []metaParameter, limit int) {
	result, err := m.execute(query, parameters)
	if err != nil {
		metaFailed(w, err)
		return
	}
	rows := result.rows[:min(len(result.rows), limit)]
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
	after, _ := json.Marshal(result.cols())
	native, _ := query["native"].(map[string]any)
	form, _ := json.Marshal(map[string]any{"query": native["query"], "params": nil})
	b.WriteString(`],"cols":` + string(after) + `,"native_form":` + string(form) + `,"results_timezone":"UTC"`)
	if len(rows) == limit && len(result.rows) > limit {
		count, _ := json.Marshal(limit)
		b.WriteString(`,"rows_truncated":` + string(count))
	}
	count, _ := json.Marshal(len(rows))
	b.WriteString(`},"database_id":1,"context":"ad-hoc","json_query":{},"row_count":` + string(count) + `,"running_time":3,"status":"completed"}`)
	_, _ = w.Write([]byte(b.String()))
}

func metaFailed(w http.ResponseWriter, err error) {
	var e *metaSQLError
	if !errors.As(err, &e) {
		e = &metaSQLError{message: err.Error()}
	}
	v := map[string]any{
		"status": "failed", "error": e.message, "row_count": 0, "running_time": 0, "database_id": metaDatabaseID,
		"context": "ad-hoc", "json_query": map[string]any{}, "data": map[string]any{"rows": []any{}, "cols": []any{}},
		"class":      "class org.postgresql.util.PSQLException",
		"stacktrace": []string{"--> driver.sql_jdbc.execute$fn__88812.invokeStatic(execute.clj:712)"},
		"via":        []any{map[string]any{"class": "class clojure.lang.ExceptionInfo", "error": "Error executing query"}},
	}
	if e.kind != "" {
		v["error_type"] = e.kind
	}
	if e.state != "" {
		v["state"] = e.state
	}
	metaJSON(w, http.StatusAccepted, v)
}
