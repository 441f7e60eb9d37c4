package sandbox

import (
	"maps"
	"net/http"
	"slices"
	"strings"
)

// metaCard is a question, model or metric. Its query is kept in the old shape.
type metaCard struct {
	id                int64
	name, description string
	kind              string // question, model, metric
	collection        int64
	dashboard         int64 // where it is only on one
	display           string
	query             map[string]any
	settings          map[string]any
	parameters        []any
	archived          bool
}

// model is what the search calls the kind.
func (c *metaCard) model() string {
	switch c.kind {
	case "model":
		return "dataset"
	case "metric":
		return "metric"
	}
	return "card"
}

// sql is the native query; "" where there is none.
func (c *metaCard) sql() string {
	native, _ := c.query["native"].(map[string]any)
	text, _ := native["query"].(string)
	return text
}

func (c *metaCard) tags() map[string]any {
	native, _ := c.query["native"].(map[string]any)
	tags, _ := native["template-tags"].(map[string]any)
	if tags == nil {
		tags = map[string]any{}
	}
	return tags
}

// metaSQLCard is a question in SQL with text parameters.
func metaSQLCard(id int64, name, description string, collection int64, display, sql string, tags ...string) *metaCard {
	c := &metaCard{id: id, name: name, description: description, kind: "question", collection: collection, display: display, settings: map[string]any{}, parameters: []any{}}
	all := map[string]any{}
	for _, t := range tags {
		id := "tag-" + t
		all[t] = map[string]any{"id": id, "name": t, "display-name": metaTitle(t), "type": "text"}
		c.parameters = append(c.parameters, map[string]any{
			"id": id, "name": metaTitle(t), "slug": t, "type": "string/=", "target": []any{"variable", []any{"template-tag", t}},
		})
	}
	c.query = map[string]any{"database": metaDatabaseID, "type": "native", "native": map[string]any{"query": sql, "template-tags": all}}
	return c
}

// metaBuiltCard is a question, model or metric without SQL.
func metaBuiltCard(id int64, kind, name string, collection int64, display string, inner map[string]any) *metaCard {
	return &metaCard{
		id: id, name: name, kind: kind, collection: collection, display: display, settings: map[string]any{}, parameters: []any{},
		query: map[string]any{"database": metaDatabaseID, "type": "query", "query": inner},
	}
}

func (m *metabase) card(id int64) *metaCard {
	for _, c := range m.cards {
		if c.id == id {
			return c
		}
	}
	return nil
}

// findCard answers 404 itself where there is none, or it is in the trash.
func (m *metabase) findCard(w http.ResponseWriter, r *http.Request) *metaCard {
	c := m.card(metaID(r))
	switch {
	case c == nil:
		metaMissing(w)
		return nil
	case c.archived:
		metaJSON(w, http.StatusNotFound, map[string]any{"message": "The object has been archived.", "error_code": "archived"})
		return nil
	}
	return c
}

func (m *metabase) getCard(w http.ResponseWriter, r *http.Request, edit bool) {
	c := m.findCard(w, r)
	if c == nil {
		return
	}
	metaJSON(w, http.StatusOK, m.cardJSON(c, edit, r.URL.Query().Get("legacy-mbql") == "true"))
}

// cardJSON shows the query as MBQL 5, unless the old shape is asked for.
func (m *metabase) cardJSON(c *metaCard, edit, legacy bool) map[string]any {
	query, kind, table := c.query, "query", any(nil)
	if sql := c.sql(); sql != "" {
		kind = "native"
		if !legacy {
			query = map[string]any{"lib/type": "mbql/query", "database": metaDatabaseID, "stages": []any{
				map[string]any{"lib/type": "mbql.stage/native", "native": sql, "template-tags": c.tags()},
			}}
		}
	} else if inner, ok := c.query["query"].(map[string]any); ok {
		table = inner["source-table"]
		if !legacy {
			first := maps.Clone(inner)
			first["lib/type"] = "mbql.stage/mbql"
			query = map[string]any{"lib/type": "mbql/query", "database": metaDatabaseID, "stages": []any{first}}
		}
	}
	if _, ok := table.(string); ok {
		table = nil
	}
	var metadata any
	if result, err := m.execute(c.query, nil); err == nil {
		metadata = result.cols()
	}
	out := map[string]any{
		"id": c.id, "name": c.name, "description": metaOrNull(c.description), "type": c.kind, "display": c.display,
		"collection_id": metaNull(c.collection), "dashboard_id": metaNull(c.dashboard), "database_id": metaDatabaseID, "table_id": table,
		"query_type": kind, "archived": c.archived, "creator_id": 1, "creator": map[string]any{"id": 1, "common_name": "Ana Costa"},
		"created_at": "2026-03-02T09:00:00Z", "updated_at": "2026-03-02T09:00:00Z", "can_write": edit,
		"parameters": c.parameters, "visualization_settings": c.settings, "result_metadata": metadata, "dataset_query": query, "collection": nil,
	}
	if n := m.collectionName(c.collection); n != "" {
		out["collection"] = map[string]any{"id": c.collection, "name": n}
	}
	return out
}

func (m *metabase) postCard(w http.ResponseWriter, r *http.Request, edit bool) {
	body := metaBody(w, r)
	switch {
	case body == nil:
		return
	case !edit:
		metaForbidden(w)
		return
	}
	c := &metaCard{kind: "question", settings: map[string]any{}, parameters: []any{}}
	if !m.changeCard(w, c, body) {
		return
	}
	for _, missing := range []struct {
		field string
		there bool
	}{{"name", c.name != ""}, {"dataset_query", c.query != nil}, {"display", c.display != ""}} {
		if !missing.there {
			metaInvalid(w, missing.field, "value must be present.")
			return
		}
	}
	c.id = m.next("card")
	m.cards = append(m.cards, c)
	m.revise("card", c.id, "created this.")
	if d := m.dashboard(c.dashboard); d != nil { // it goes to the end of it
		row := int64(0)
		for _, dc := range d.cards {
			row = max(row, metaInt(dc["row"])+metaInt(dc["size_y"]))
		}
		d.cards = append(d.cards, metaPlace(m.next("dashcard"), d.id, c.id, row, 0, 12, 6))
	}
	metaJSON(w, http.StatusOK, m.cardJSON(c, edit, false))
}

func (m *metabase) putCard(w http.ResponseWriter, r *http.Request, edit bool) {
	c := m.card(metaID(r))
	body := metaBody(w, r)
	switch {
	case body == nil:
		return
	case c == nil:
		metaMissing(w)
		return
	case !edit:
		metaForbidden(w)
		return
	}
	next := *c
	if !m.changeCard(w, &next, body) {
		return
	}
	*c = next
	m.revise("card", c.id, "edited this.")
	metaJSON(w, http.StatusOK, m.cardJSON(c, edit, false))
}

// changeCard answers itself where the body is wrong.
func (m *metabase) changeCard(w http.ResponseWriter, c *metaCard, body map[string]any) bool {
	for key, v := range body {
		text, _ := v.(string)
		object, isObject := v.(map[string]any)
		problem := ""
		switch key {
		case "name":
			if c.name = text; strings.TrimSpace(text) == "" {
				problem = "value must be a non-blank string."
			}
		case "description":
			c.description = text
		case "display":
			if c.display = text; text == "" {
				problem = "value must be a non-blank string."
			}
		case "type":
			c.kind = text
		case "archived":
			c.archived, _ = v.(bool)
		case "visualization_settings":
			if c.settings = object; !isObject {
				problem = "Value must be a map."
			}
		case "parameters":
			if list, ok := v.([]any); ok {
				c.parameters = list
			}
		case "dataset_query":
			if c.query = metaLegacy(object); c.query == nil {
				problem = "Value must be a map."
			}
		case "dashboard_id":
			if c.dashboard = metaInt(v); c.dashboard != 0 && m.dashboard(c.dashboard) == nil {
				metaMissing(w)
				return false
			}
		case "collection_id":
			if c.collection = metaInt(v); c.collection != 0 && m.collection(c.collection) == nil {
				metaMissing(w)
				return false
			}
		}
		if problem != "" {
			metaInvalid(w, key, problem)
			return false
		}
	}
	return true
}

// metaLegacy is a query of either shape in the old one; nil where it is none.
func metaLegacy(q map[string]any) map[string]any {
	stages, ok := q["stages"].([]any)
	if !ok {
		if q["native"] == nil && q["query"] == nil {
			return nil
		}
		return q
	}
	if len(stages) == 0 {
		return nil
	}
	first, _ := stages[0].(map[string]any)
	if sql, ok := first["native"].(string); ok {
		return map[string]any{"database": q["database"], "type": "native", "native": map[string]any{"query": sql, "template-tags": first["template-tags"]}}
	}
	return map[string]any{"database": q["database"], "type": "query", "query": first}
}

func (m *metabase) copyCard(w http.ResponseWriter, r *http.Request, edit bool) {
	c := m.findCard(w, r)
	switch {
	case c == nil:
		return
	case !edit:
		metaForbidden(w)
		return
	}
	twin := *c
	twin.id, twin.name = m.next("card"), "Copy of "+c.name
	m.cards = append(m.cards, &twin)
	m.revise("card", twin.id, "created this.")
	metaJSON(w, http.StatusOK, m.cardJSON(&twin, edit, false))
}

func (m *metabase) cardDashboards(w http.ResponseWriter, r *http.Request, _ bool) {
	c := m.findCard(w, r)
	if c == nil {
		return
	}
	all := []map[string]any{}
	for _, d := range m.dashboards {
		if slices.ContainsFunc(d.cards, func(dc map[string]any) bool { return dc["card_id"] == c.id }) {
			all = append(all, map[string]any{"id": d.id, "name": d.name})
		}
	}
	metaJSON(w, http.StatusOK, all)
}

// cardParameter answers the values of the column that the parameter is named for.
func (m *metabase) cardParameter(w http.ResponseWriter, r *http.Request, _ bool) {
	c := m.findCard(w, r)
	if c == nil {
		return
	}
	for _, v := range c.parameters {
		p, _ := v.(map[string]any)
		slug, _ := p["slug"].(string)
		if i := m.tables["tickets"].column(slug); p["id"] == r.PathValue("key") && i >= 0 {
			metaJSON(w, http.StatusOK, map[string]any{"values": m.distinct(10+int64(i)+1, ""), "has_more_values": false})
			return
		}
	}
	metaJSON(w, http.StatusOK, map[string]any{"values": []any{}, "has_more_values": false})
}
