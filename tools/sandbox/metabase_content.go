package sandbox

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

func (m *metabase) dashboard(id int64) *metaDashboard {
	for _, d := range m.dashboards {
		if d.id == id {
			return d
		}
	}
	return nil
}

func (m *metabase) getDashboard(w http.ResponseWriter, r *http.Request, edit bool) {
	d := m.dashboard(metaID(r))
	if d == nil {
		metaMissing(w)
		return
	}
	metaJSON(w, http.StatusOK, m.dashboardJSON(d, edit))
}

func (m *metabase) dashboardJSON(d *metaDashboard, edit bool) map[string]any {
	cards := []map[string]any{}
	for _, dc := range d.cards {
		dc = maps.Clone(dc)
		if id, ok := dc["card_id"].(int64); ok {
			if c := m.card(id); c != nil {
				dc["card"] = map[string]any{"id": c.id, "name": c.name, "display": c.display}
			}
		}
		cards = append(cards, dc)
	}
	out := map[string]any{
		"id": d.id, "name": d.name, "description": nil, "archived": d.archived, "can_write": edit,
		"collection_id": metaNull(d.collection), "collection": nil, "dashcards": cards, "tabs": []any{}, "width": "fixed",
		"auto_apply_filters": true, "creator_id": 1, "created_at": "2026-03-02T09:00:00Z",
		"updated_at": d.updated.Format(time.RFC3339Nano),
		"parameters": []map[string]any{{"id": "c0ffee01", "name": "Created", "slug": "created", "type": "date/all-options", "sectionId": "date"}},
	}
	if d.description != "" {
		out["description"] = d.description
	}
	if n := m.collectionName(d.collection); n != "" {
		out["collection"] = map[string]any{"id": d.collection, "name": n}
	}
	return out
}

// putDashboard changes what the body names. A list of dashcards is the whole
// list, as in Metabase: cards that are not in it are gone.
func (m *metabase) putDashboard(w http.ResponseWriter, r *http.Request, edit bool) {
	d := m.dashboard(metaID(r))
	switch {
	case d == nil:
		metaMissing(w)
		return
	case !edit:
		metaForbidden(w)
		return
	}
	var body map[string]json.RawMessage
	if json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&body) != nil {
		metaJSON(w, http.StatusBadRequest, map[string]any{"message": "Malformed JSON in request body."})
		return
	}
	next := *d
	for key, raw := range body {
		field, problem := key, ""
		switch key {
		case "name":
			if json.Unmarshal(raw, &next.name) != nil || strings.TrimSpace(next.name) == "" {
				problem = "value must be a non-blank string."
			}
		case "description":
			next.description = ""
			if json.Unmarshal(raw, &next.description) != nil {
				problem = "nullable string"
			}
		case "archived":
			if json.Unmarshal(raw, &next.archived) != nil {
				problem = "nullable boolean"
			}
		case "collection_id":
			next.collection = 0
			if json.Unmarshal(raw, &next.collection) != nil || next.collection < 0 {
				problem = "nullable value must be an integer greater than zero."
			} else if next.collection > 0 && m.collectionName(next.collection) == "" {
				metaMissing(w)
				return
			}
		case "dashcards":
			next.cards, problem = m.replaceCards(d, raw)
		}
		if problem != "" {
			metaInvalid(w, field, problem)
			return
		}
	}
	m.now = m.now.Add(time.Second)
	next.updated = m.now
	*d = next
	metaJSON(w, http.StatusOK, m.dashboardJSON(d, edit))
}

// replaceCards takes the new list of dashcards: negative ids are new ones, others
// must be there, each with its place.
func (m *metabase) replaceCards(d *metaDashboard, raw json.RawMessage) ([]map[string]any, string) {
	var list []map[string]any
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	if dec.Decode(&list) != nil || list == nil {
		return nil, "value must be seq of maps in which ids are unique"
	}
	seen := map[int64]bool{}
	for _, dc := range list {
		for _, key := range []string{"id", "row", "col", "size_x", "size_y"} {
			n, ok := dc[key].(json.Number)
			v, err := n.Int64()
			if !ok || err != nil || key != "id" && v < 0 {
				return nil, "value must be seq of maps in which ids are unique, and " + key + " is an integer"
			}
			dc[key] = v
		}
		id := dc["id"].(int64)
		known := slices.ContainsFunc(d.cards, func(c map[string]any) bool { return c["id"] == id })
		if seen[id] || id >= 0 && !known {
			return nil, "value must be seq of maps in which ids are unique"
		}
		seen[id] = true
		if n, ok := dc["card_id"].(json.Number); ok {
			dc["card_id"], _ = n.Int64()
		}
		dc["dashboard_id"] = d.id
	}
	return list, ""
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
	tags, parameters := map[string]any{}, []map[string]any{}
	for _, t := range c.tags {
		id := "tag-" + t
		tags[t] = map[string]any{"id": id, "name": t, "display-name": t, "type": "text"}
		parameters = append(parameters, map[string]any{
			"id": id, "name": t, "slug": t, "type": "string/=", "target": []any{"variable", []any{"template-tag", t}},
		})
	}
	query := map[string]any{ // MBQL 5, unless the old shape is asked for
		"lib/type": "mbql/query", "database": metaDatabaseID,
		"stages": []any{map[string]any{"lib/type": "mbql.stage/native", "native": c.sql, "template-tags": tags}},
	}
	if r.URL.Query().Get("legacy-mbql") == "true" {
		query = map[string]any{"database": metaDatabaseID, "type": "native", "native": map[string]any{"query": c.sql, "template-tags": tags}}
	}
	metaJSON(w, http.StatusOK, map[string]any{
		"id": c.id, "name": c.name, "description": c.description, "type": "question", "display": c.display,
		"collection_id": metaNull(c.collection), "database_id": metaDatabaseID, "query_type": "native", "archived": false,
		"creator_id": 1, "created_at": "2026-03-02T09:00:00Z", "updated_at": "2026-03-02T09:00:00Z", "can_write": edit,
		"parameters": parameters, "visualization_settings": map[string]any{}, "result_metadata": nil, "dataset_query": query,
	})
}
