package sandbox

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

type metaDashboard struct {
	id                int64
	name, description string
	collection        int64 // 0: the root
	archived          bool
	updated           time.Time
	parameters        []map[string]any
	tabs              []map[string]any
	cards             []map[string]any // dashcards as the API shows them
}

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
		"id": d.id, "name": d.name, "description": metaOrNull(d.description), "archived": d.archived, "can_write": edit,
		"collection_id": metaNull(d.collection), "collection": nil, "dashcards": cards, "tabs": append([]map[string]any{}, d.tabs...), "width": "fixed",
		"auto_apply_filters": true, "creator_id": 1, "created_at": "2026-03-02T09:00:00Z",
		"updated_at":     d.updated.Format(time.RFC3339Nano),
		"last-edit-info": map[string]any{"id": 1, "timestamp": d.updated.Format(time.RFC3339Nano)},
		"parameters":     append([]map[string]any{}, d.parameters...),
	}
	if n := m.collectionName(d.collection); n != "" {
		out["collection"] = map[string]any{"id": d.collection, "name": n}
	}
	return out
}

func (m *metabase) postDashboard(w http.ResponseWriter, r *http.Request, edit bool) {
	body := metaBody(w, r)
	switch {
	case body == nil:
		return
	case !edit:
		metaForbidden(w)
		return
	}
	d := &metaDashboard{}
	delete(body, "dashcards") // it takes none
	if !m.changeDashboard(w, d, body) {
		return
	}
	if d.name == "" {
		metaInvalid(w, "name", "value must be a non-blank string.")
		return
	}
	d.id, d.updated = m.next("dashboard"), m.tick()
	m.dashboards = append(m.dashboards, d)
	m.revise("dashboard", d.id, "created this.")
	metaJSON(w, http.StatusOK, m.dashboardJSON(d, edit))
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
	body := metaBody(w, r)
	if body == nil {
		return
	}
	next := *d
	if !m.changeDashboard(w, &next, body) {
		return
	}
	next.updated = m.tick()
	*d = next
	m.revise("dashboard", d.id, "edited this.")
	metaJSON(w, http.StatusOK, m.dashboardJSON(d, edit))
}

// changeDashboard answers itself where the body is wrong.
func (m *metabase) changeDashboard(w http.ResponseWriter, d *metaDashboard, body map[string]any) bool {
	renamed := map[int64]int64{} // new tabs: the id that was sent, and the one they have
	if v, ok := body["tabs"]; ok {
		tabs, problem := m.replaceTabs(d, v, renamed)
		if problem != "" {
			metaInvalid(w, "tabs", problem)
			return false
		}
		d.tabs = tabs
	}
	for key, v := range body {
		text, isText := v.(string)
		problem := ""
		switch key {
		case "name":
			if d.name = text; strings.TrimSpace(text) == "" {
				problem = "value must be a non-blank string."
			}
		case "description":
			if d.description = text; !isText && v != nil {
				problem = "nullable string"
			}
		case "archived":
			archived, ok := v.(bool)
			if d.archived = archived; !ok {
				problem = "nullable boolean"
			}
		case "collection_id":
			if d.collection = metaInt(v); d.collection < 0 {
				problem = "nullable value must be an integer greater than zero."
			} else if d.collection > 0 && m.collection(d.collection) == nil {
				metaMissing(w)
				return false
			}
		case "parameters":
			list, ok := v.([]any)
			d.parameters = nil
			for _, p := range list {
				one, _ := p.(map[string]any)
				if one["id"] == nil || one["type"] == nil {
					ok = false
				}
				d.parameters = append(d.parameters, one)
			}
			if !ok {
				problem = "value must be an array of parameter maps with :id and :type keys"
			}
		case "dashcards":
			d.cards, problem = m.replaceCards(d, v, renamed)
		}
		if problem != "" {
			metaInvalid(w, key, problem)
			return false
		}
	}
	return true
}

// replaceTabs takes the new list of tabs; negative ids are new ones.
func (m *metabase) replaceTabs(d *metaDashboard, v any, renamed map[int64]int64) ([]map[string]any, string) {
	list, ok := v.([]any)
	if !ok {
		return nil, "value must be seq of maps in which ids are unique"
	}
	var tabs []map[string]any
	for _, one := range list {
		tab, _ := one.(map[string]any)
		id := metaInt(tab["id"])
		name, _ := tab["name"].(string)
		known := slices.ContainsFunc(d.tabs, func(t map[string]any) bool { return t["id"] == id })
		if name == "" || id >= 0 && !known {
			return nil, "value must be seq of maps in which ids are unique"
		}
		if id < 0 {
			renamed[id] = m.next("tab")
			id = renamed[id]
		}
		tab["id"], tab["dashboard_id"] = id, d.id
		tabs = append(tabs, tab)
	}
	return tabs, ""
}

// replaceCards takes the new list of dashcards: negative ids are new ones, others
// must be there, each with its place, and on a tab where there are tabs.
func (m *metabase) replaceCards(d *metaDashboard, v any, renamed map[int64]int64) ([]map[string]any, string) {
	list, ok := v.([]any)
	if !ok {
		return nil, "value must be seq of maps in which ids are unique"
	}
	var cards []map[string]any
	seen := map[int64]bool{}
	for _, one := range list {
		dc, _ := one.(map[string]any)
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
		if id < 0 {
			dc["id"] = m.next("dashcard")
		}
		dc["card_id"] = metaNull(metaInt(dc["card_id"]))
		tab := metaInt(dc["dashboard_tab_id"])
		if to, ok := renamed[tab]; ok {
			tab = to
		}
		if (tab == 0) != (len(d.tabs) == 0) || tab != 0 && !slices.ContainsFunc(d.tabs, func(t map[string]any) bool { return t["id"] == tab }) {
			return nil, "This dashboard has tab, makes sure every card has a tab"
		}
		dc["dashboard_tab_id"], dc["dashboard_id"] = metaNull(tab), d.id
		delete(dc, "card")
		cards = append(cards, dc)
	}
	return cards, ""
}

// copyDashboard copies the cards with it, and their questions where that is asked.
func (m *metabase) copyDashboard(w http.ResponseWriter, r *http.Request, edit bool) {
	d := m.dashboard(metaID(r))
	body := metaBody(w, r)
	switch {
	case body == nil:
		return
	case d == nil:
		metaMissing(w)
		return
	case !edit:
		metaForbidden(w)
		return
	}
	twin := &metaDashboard{name: d.name, description: d.description, collection: d.collection, parameters: d.parameters}
	deep, _ := body["is_deep_copy"].(bool)
	if !m.changeDashboard(w, twin, body) {
		return
	}
	twin.id, twin.updated = m.next("dashboard"), m.tick()
	tabs := map[int64]int64{}
	for _, tab := range d.tabs {
		tab = maps.Clone(tab)
		old := metaInt(tab["id"])
		tabs[old] = m.next("tab")
		tab["id"], tab["dashboard_id"] = tabs[old], twin.id
		twin.tabs = append(twin.tabs, tab)
	}
	for _, dc := range d.cards {
		dc = maps.Clone(dc)
		dc["id"], dc["dashboard_id"], dc["dashboard_tab_id"] = m.next("dashcard"), twin.id, metaNull(tabs[metaInt(dc["dashboard_tab_id"])])
		if c := m.card(metaInt(dc["card_id"])); deep && c != nil {
			copied := *c
			copied.id, copied.collection = m.next("card"), twin.collection
			m.cards = append(m.cards, &copied)
			dc["card_id"] = copied.id
		}
		twin.cards = append(twin.cards, dc)
	}
	m.dashboards = append(m.dashboards, twin)
	m.revise("dashboard", twin.id, "created this.")
	metaJSON(w, http.StatusOK, m.dashboardJSON(twin, edit))
}

// dashboardParameter answers the values of the column that a filter is named for,
// those that hold the query where there is one.
func (m *metabase) dashboardParameter(w http.ResponseWriter, r *http.Request, _ bool) {
	d := m.dashboard(metaID(r))
	if d == nil {
		metaMissing(w)
		return
	}
	for _, p := range d.parameters {
		slug, _ := p["slug"].(string)
		if p["id"] != r.PathValue("key") {
			continue
		}
		values := [][]any{}
		if i := m.tables["tickets"].column(slug); i >= 0 {
			values = m.distinct(10+int64(i)+1, r.PathValue("query"))
		}
		metaJSON(w, http.StatusOK, map[string]any{"values": values, "has_more_values": false})
		return
	}
	metaInvalid(w, "param-key", "Dashboard does not have a parameter with that ID.")
}
