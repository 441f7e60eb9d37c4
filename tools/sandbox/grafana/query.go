package grafana

import (
	"encoding/json"
	"net/http"
	"sort"
	"strconv"
	"strings"
	"time"

	"toolvault/tools/pattern"
)

// dsQuery is POST /api/ds/query: every query by itself, 207 where some failed, 400
// where all did.
func (g *grafana) dsQuery(w http.ResponseWriter, r *http.Request, c caller) {
	m := body(w, r)
	if m == nil {
		return
	}
	queries, _ := m["queries"].([]any)
	_, from := m["from"].(string)
	_, to := m["to"].(string)
	if len(queries) == 0 || !from || !to {
		answer(w, http.StatusBadRequest, map[string]any{"message": "No queries found in query", "messageId": "query.noQueries", "statusCode": 400, "traceID": ""})
		return
	}
	results, failed := map[string]any{}, 0
	for i, v := range queries {
		q, _ := v.(map[string]any)
		ref, _ := q["refId"].(string)
		if ref == "" {
			ref = string(rune('A' + i))
		}
		of, _ := q["datasource"].(map[string]any)
		uid, _ := of["uid"].(string)
		s := g.source(c.org, uid)
		if s == nil {
			answer(w, http.StatusNotFound, map[string]any{"message": "Data source not found", "messageId": "datasource.notFound", "statusCode": 404, "traceID": ""})
			return
		}
		columns, rows, fault := g.ask(*s, q)
		if fault != "" {
			failed++
			results[ref] = map[string]any{"status": 400, "error": fault, "errorSource": "downstream", "frames": []any{}}
			continue
		}
		results[ref] = map[string]any{"status": 200, "frames": []any{inColumns(ref, columns, rows)}}
	}
	status := http.StatusOK
	switch {
	case failed == len(queries):
		status = http.StatusBadRequest
	case failed > 0:
		status = http.StatusMultiStatus
	}
	answer(w, status, map[string]any{"results": results})
}

// inColumns is a data frame.
func inColumns(ref string, columns []string, rows [][]any) map[string]any {
	fields, values := []any{}, []any{}
	for i, name := range columns {
		kind, column := "string", make([]any, len(rows))
		for k, row := range rows {
			column[k] = row[i]
			if _, ok := row[i].(string); !ok {
				kind = "number"
			}
		}
		fields = append(fields, map[string]any{"name": name, "type": kind, "typeInfo": map[string]any{"frame": kind}})
		values = append(values, column)
	}
	return map[string]any{"schema": map[string]any{"refId": ref, "meta": map[string]any{"typeVersion": []int{0, 0}}, "fields": fields}, "data": map[string]any{"values": values}}
}

// ask answers one query; the fault is what the data source says against it.
func (g *grafana) ask(s source, q map[string]any) (columns []string, rows [][]any, fault string) {
	switch {
	case strings.Contains(s.kind, "postgres"):
		sql, _ := q["rawSql"].(string)
		return g.sql(sql)
	case strings.Contains(s.kind, "prometheus"):
		expr, _ := q["expr"].(string)
		at := g.now()
		result, fault := evaluate(expr, []time.Time{at})
		for _, e := range result {
			rows = append(rows, []any{at.UnixMilli(), e.values[0]})
		}
		return []string{"Time", "Value"}, rows, fault
	}
	return nil, nil, "unknown query type"
}

var (
	selectForm = pattern.New(`(?is)^\s*select\s+(.+?)\s+from\s+([a-z_]+)(?:\s+where\s+([a-z_]+)\s*=\s*('[^']*'|\d+))?(?:\s+limit\s+(\d+))?\s*;?\s*$`)
	updateForm = pattern.New(`(?is)^\s*update\s+([a-z_]+)\s+set\s+([a-z_]+)\s*=\s*(?:([a-z_]+)\s*\+\s*(\d+)|('[^']*'|\d+))(?:\s+where\s+([a-z_]+)\s*=\s*('[^']*'|\d+))?\s*;?\s*$`)
)

// sql is as much of SQL as one table needs: select and update. Grafana hands on
// whatever it gets.
func (g *grafana) sql(text string) (columns []string, rows [][]any, fault string) {
	if m := updateForm.FindStringSubmatch(text); m != nil {
		if m[1] != "exports" {
			return nil, nil, `pq: relation "` + m[1] + `" does not exist`
		}
		for _, row := range g.exports {
			if m[6] != "" && !same(row[m[6]], m[7]) {
				continue
			}
			if m[3] != "" {
				n, _ := strconv.ParseInt(m[4], 10, 64)
				old, _ := row[m[3]].(int64)
				row[m[2]] = old + n
			} else {
				row[m[2]] = literal(m[5])
			}
		}
		return nil, nil, ""
	}
	m := selectForm.FindStringSubmatch(text)
	switch {
	case m == nil:
		word, _, _ := strings.Cut(strings.TrimSpace(text), " ")
		return nil, nil, `pq: syntax error at or near "` + word + `"`
	case m[2] != "exports":
		return nil, nil, `pq: relation "` + m[2] + `" does not exist`
	}
	known := []string{"id", "customer", "state", "attempts"}
	if columns = known; strings.TrimSpace(m[1]) != "*" {
		columns = nil
		for _, name := range strings.Split(m[1], ",") {
			name = strings.TrimSpace(name)
			if i := sort.SearchStrings([]string{"attempts", "customer", "id", "state"}, name); i == 4 || []string{"attempts", "customer", "id", "state"}[i] != name {
				return nil, nil, `pq: column "` + name + `" does not exist`
			}
			columns = append(columns, name)
		}
	}
	limit, err := strconv.Atoi(m[5])
	for _, row := range g.exports {
		if m[3] != "" && !same(row[m[3]], m[4]) || err == nil && len(rows) == limit {
			continue
		}
		var out []any
		for _, name := range columns {
			out = append(out, row[name])
		}
		rows = append(rows, out)
	}
	return columns, rows, ""
}

func literal(text string) any {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n
	}
	return strings.Trim(text, "'")
}

func same(value any, text string) bool {
	a, _ := json.Marshal(value)
	b, _ := json.Marshal(literal(text))
	return string(a) == string(b)
}
