package grafana

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"toolvault/tools/names"
	"toolvault/tools/upstream"
)

// model is a dashboard as Grafana holds it: the classic form, in which panels are
// a list, or schema v2, in which they are elements by name and a layout places
// them. Numbers stay as they were written.
type model map[string]any

// isV2 goes by the form, since it is the form that is changed.
func (m model) isV2() bool { _, ok := m["elements"]; return ok }

// spot is a panel where it stands. What is changed in body is changed in the model.
type spot struct {
	key   string // the name of its element; in the classic form its id, or its title where it has none
	id    int64
	title string
	kind  string // of the visualization: timeseries, stat, row
	row   string // the title of the row that it is in
	body  map[string]any
}

func (m model) panels() []spot {
	if m.isV2() {
		return m.elements()
	}
	var all []spot
	row := ""
	var walk func(list []any, inner bool)
	walk = func(list []any, inner bool) {
		for _, v := range list {
			p, ok := v.(map[string]any)
			if !ok {
				continue
			}
			s := spot{id: number(p["id"]), title: text(p, "title"), kind: text(p, "type"), row: row, body: p}
			if s.key = strconv.FormatInt(s.id, 10); s.id == 0 {
				s.key = "title " + s.title
			}
			if s.kind == "row" {
				row, s.row = s.title, ""
			}
			all = append(all, s)
			if nested := items(p, "panels"); !inner && nested != nil { // a row that is folded
				walk(nested, true)
			}
		}
	}
	walk(items(m, "panels"), false)
	for _, r := range items(m, "rows") { // before schema version 16
		if r, ok := r.(map[string]any); ok {
			row = text(r, "title")
			walk(items(r, "panels"), false)
		}
	}
	return all
}

func (m model) elements() []spot {
	var all []spot
	for key, v := range object(m, "elements") {
		e, ok := v.(map[string]any)
		if !ok {
			continue
		}
		body := object(e, "spec")
		if body == nil {
			body = map[string]any{}
		}
		s := spot{key: key, id: number(body["id"]), title: text(body, "title"), kind: text(e, "kind"), body: body}
		if viz := object(body, "vizConfig"); s.kind == "Panel" && viz != nil {
			s.kind = cmp.Or(text(viz, "group"), text(viz, "kind")) // v2alpha1 has it in kind
		}
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b spot) int { return cmp.Or(cmp.Compare(a.id, b.id), strings.Compare(a.key, b.key)) })
	return all
}

// panel finds one by its id, the name of its element, or its title.
func (m model) panel(ref string) (spot, error) {
	ref = strings.TrimSpace(ref)
	all := m.panels()
	named := make([]names.Named, len(all))
	for i, p := range all {
		if p.key == ref || p.id != 0 && strconv.FormatInt(p.id, 10) == ref {
			return p, nil
		}
		named[i] = names.Named{ID: p.key, Name: p.title}
	}
	one, err := names.Pick("panel", ref, named, "grafana_get_dashboard")
	if err != nil {
		return spot{}, err
	}
	return all[slices.IndexFunc(all, func(p spot) bool { return p.key == one.ID })], nil
}

// PanelQuery is a query of a panel.
type PanelQuery struct {
	Ref        string `json:"ref"`
	Datasource string `json:"datasource,omitempty"` // uid, or a variable of the dashboard
	Type       string `json:"type,omitempty"`
	Query      string `json:"query,omitempty"`
	Hidden     bool   `json:"hidden,omitempty"`
}

const (
	maxQueries   = 20
	maxQueryText = 1500
)

func (p spot) queries() []PanelQuery {
	var all []PanelQuery
	add := func(ref string, source map[string]any, kind string, body map[string]any, hidden bool) {
		if len(all) == maxQueries {
			return
		}
		q := PanelQuery{Ref: upstream.Clean(ref, 20), Type: word(kind, ""), Query: upstream.CleanLines(expression(body), maxQueryText), Hidden: hidden}
		q.Datasource = upstream.Clean(cmp.Or(text(source, "uid"), text(source, "name")), 100)
		all = append(all, q)
	}
	for _, v := range items(p.body, "targets") {
		if t, ok := v.(map[string]any); ok {
			source := object(t, "datasource")
			if source == nil {
				source = object(p.body, "datasource")
			}
			if source == nil { // before version 8 it is named
				source = map[string]any{"name": cmp.Or(text(t, "datasource"), text(p.body, "datasource"))}
			}
			hide, _ := t["hide"].(bool)
			add(text(t, "refId"), source, text(source, "type"), t, hide)
		}
	}
	for _, v := range items(object(object(p.body, "data"), "spec"), "queries") {
		v, _ := v.(map[string]any)
		outer := object(v, "spec")
		query := object(outer, "query")
		if query == nil {
			continue
		}
		body := object(query, "spec")
		source := object(query, "datasource")
		if source == nil {
			source = object(outer, "datasource") // v2alpha1
		}
		hidden, _ := outer["hidden"].(bool)
		add(text(outer, "refId"), source, cmp.Or(text(query, "group"), text(query, "kind")), body, hidden)
	}
	return all
}

// expression is what a query asks, whatever its data source calls it.
func expression(q map[string]any) string {
	for _, k := range []string{"expr", "rawSql", "query", "rawQuery", "queryText", "target", "sql", "expression"} {
		if s := text(q, k); s != "" {
			return s
		}
	}
	return ""
}

// object, items, text and number read what may not be there, or be something else.
func object(m map[string]any, key string) map[string]any {
	v, _ := m[key].(map[string]any)
	return v
}

func items(m map[string]any, key string) []any {
	v, _ := m[key].([]any)
	return v
}

func text(m map[string]any, key string) string {
	v, _ := m[key].(string)
	return v
}

func number(v any) int64 {
	switch v := v.(type) {
	case json.Number:
		n, _ := v.Int64()
		return n
	case float64:
		return int64(v)
	}
	return 0
}

// decoded reads JSON with its numbers as they were written; nil for what is no
// object.
func decoded(raw json.RawMessage) map[string]any {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var m map[string]any
	if dec.Decode(&m) != nil {
		return nil
	}
	return m
}
