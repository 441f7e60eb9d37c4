package sandbox

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// metaRevision is a question or dashboard as it once was.
type metaRevision struct {
	id        int64
	entity    string // card, dashboard
	item      int64
	what      string
	at        time.Time
	reversion bool
	card      metaCard
	dashboard metaDashboard
}

// revise notes the state that a thing has now.
func (m *metabase) revise(entity string, item int64, what string) {
	r := metaRevision{id: m.next("revision"), entity: entity, item: item, what: what, at: m.now}
	switch entity {
	case "card":
		r.card = *m.card(item)
	case "dashboard":
		r.dashboard = *m.dashboard(item)
	}
	m.revisions = append(m.revisions, r)
}

func (m *metabase) listRevisions(w http.ResponseWriter, r *http.Request, _ bool) {
	entity, item := r.URL.Query().Get("entity"), metaNumber(r.URL.Query().Get("id"))
	if entity == "card" && m.card(item) == nil || entity == "dashboard" && m.dashboard(item) == nil {
		metaMissing(w)
		return
	}
	all := []map[string]any{}
	for _, one := range slices.Backward(m.revisions) {
		if one.entity == entity && one.item == item {
			all = append(all, map[string]any{
				"id": one.id, "is_reversion": one.reversion, "is_creation": one.what == "created this.", "description": one.what,
				"timestamp": one.at.Format(time.RFC3339), "user": map[string]any{"id": 1, "common_name": "Ana Costa"},
			})
		}
	}
	metaJSON(w, http.StatusOK, all)
}

// revert brings back a state of before, which becomes the newest.
func (m *metabase) revert(w http.ResponseWriter, r *http.Request, edit bool) {
	body := metaBody(w, r)
	switch {
	case body == nil:
		return
	case !edit:
		metaForbidden(w)
		return
	}
	for _, one := range m.revisions {
		if one.id != metaInt(body["revision_id"]) || one.entity != body["entity"] || one.item != metaInt(body["id"]) {
			continue
		}
		switch one.entity {
		case "card":
			*m.card(one.item) = one.card
		case "dashboard":
			*m.dashboard(one.item) = one.dashboard
			m.dashboard(one.item).updated = m.tick()
		}
		m.revise(one.entity, one.item, fmt.Sprintf("reverted to version %d.", one.id))
		m.revisions[len(m.revisions)-1].reversion = true
		metaJSON(w, http.StatusOK, map[string]any{"id": m.last["revision"], "is_reversion": true})
		return
	}
	metaMissing(w)
}

// snapshot is what is there, each thing by a name of its own; see Double.Snapshot.
func (m *metabase) snapshot() map[string]string {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := map[string]string{}
	add := func(kind string, id int64, v any) {
		raw, err := json.Marshal(v)
		if err != nil {
			raw = []byte(err.Error())
		}
		out[fmt.Sprintf("%s %d", kind, id)] = string(raw)
	}
	for _, c := range m.collections {
		add("collection", c.id, []any{c.name, c.description, c.parent, c.archived})
	}
	for _, c := range m.cards {
		add("question", c.id, []any{c.name, c.description, c.kind, c.collection, c.dashboard, c.display, c.query, c.settings, c.parameters, c.archived})
	}
	for _, d := range m.dashboards {
		add("dashboard", d.id, []any{d.name, d.description, d.collection, d.archived, d.parameters})
		for _, tab := range d.tabs {
			add("tab", metaInt(tab["id"]), tab)
		}
		for _, dc := range d.cards {
			add("dashcard", metaInt(dc["id"]), dc)
		}
	}
	for _, a := range m.alerts {
		add("alert", metaInt(a["id"]), a)
	}
	for _, p := range m.pulses {
		add("subscription", metaInt(p["id"]), p)
	}
	return out
}
