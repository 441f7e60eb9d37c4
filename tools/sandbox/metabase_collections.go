package sandbox

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

func (m *metabase) collection(id int64) *metaCollection {
	for _, c := range m.collections {
		if c.id == id {
			return c
		}
	}
	return nil
}

// collectionName is "" for the root and for one that is not there.
func (m *metabase) collectionName(id int64) string {
	if c := m.collection(id); c != nil {
		return c.name
	}
	return ""
}

// location is the path of what is above: "/3/6/".
func (m *metabase) location(c *metaCollection) string {
	path := "/"
	for above := m.collection(c.parent); above != nil; above = m.collection(above.parent) {
		path = fmt.Sprintf("/%d%s", above.id, path)
	}
	return path
}

func (m *metabase) collectionJSON(c *metaCollection) map[string]any {
	return map[string]any{
		"id": c.id, "name": c.name, "description": metaOrNull(c.description), "archived": c.archived, "location": m.location(c),
		"namespace": nil, "authority_level": nil, "personal_owner_id": nil, "can_write": true, "type": nil,
		"slug": strings.ReplaceAll(strings.ToLower(c.name), " ", "_"),
	}
}

func (m *metabase) listCollections(w http.ResponseWriter, r *http.Request, _ bool) {
	all := []map[string]any{{"id": "root", "name": "Our analytics", "can_write": true}}
	for _, c := range m.collections {
		if c.archived == (r.URL.Query().Get("archived") == "true") {
			all = append(all, m.collectionJSON(c))
		}
	}
	metaJSON(w, http.StatusOK, all)
}

func (m *metabase) collectionItems(w http.ResponseWriter, r *http.Request, _ bool) {
	id, q := metaID(r), r.URL.Query()
	if r.PathValue("id") != "root" && m.collection(id) == nil {
		metaMissing(w)
		return
	}
	limit, offset, ok := metaPage(w, q)
	if !ok {
		return
	}
	archived := q.Get("archived") == "true"
	all := []map[string]any{}
	add := func(model string, thing, in int64, name, description string, hidden bool) {
		if in == id && hidden == archived && (len(q["models"]) == 0 || slices.Contains(q["models"], model)) {
			all = append(all, m.item(model, thing, in, name, description, hidden))
		}
	}
	for _, c := range m.collections {
		add("collection", c.id, c.parent, c.name, c.description, c.archived)
	}
	for _, d := range m.dashboards {
		add("dashboard", d.id, d.collection, d.name, d.description, d.archived)
	}
	for _, c := range m.cards {
		if c.dashboard == 0 {
			add(c.model(), c.id, c.collection, c.name, c.description, c.archived)
		}
	}
	total := len(all)
	from := min(offset, total)
	metaJSON(w, http.StatusOK, map[string]any{
		"data": all[from:min(from+limit, total)], "total": total, "limit": limit, "offset": offset, "models": q["models"],
	})
}

func (m *metabase) postCollection(w http.ResponseWriter, r *http.Request, edit bool) {
	body := metaBody(w, r)
	switch {
	case body == nil:
		return
	case !edit:
		metaForbidden(w)
		return
	}
	c := &metaCollection{}
	if !m.changeCollection(w, c, body) {
		return
	}
	if c.name == "" {
		metaInvalid(w, "name", "value must be a non-blank string.")
		return
	}
	c.id = m.next("collection")
	m.collections = append(m.collections, c)
	metaJSON(w, http.StatusOK, m.collectionJSON(c))
}

func (m *metabase) putCollection(w http.ResponseWriter, r *http.Request, edit bool) {
	c := m.collection(metaID(r))
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
	if !m.changeCollection(w, &next, body) {
		return
	}
	was := c.archived
	*c = next
	if was != c.archived {
		m.archiveWithin(c.id, c.archived)
	}
	metaJSON(w, http.StatusOK, m.collectionJSON(c))
}

// archiveWithin takes all that is in a collection with it.
func (m *metabase) archiveWithin(id int64, archived bool) {
	for _, c := range m.collections {
		if c.parent == id {
			c.archived = archived
			m.archiveWithin(c.id, archived)
		}
	}
	for _, d := range m.dashboards {
		if d.collection == id {
			d.archived = archived
		}
	}
	for _, c := range m.cards {
		if c.collection == id {
			c.archived = archived
		}
	}
}

// changeCollection answers itself where the body is wrong.
func (m *metabase) changeCollection(w http.ResponseWriter, c *metaCollection, body map[string]any) bool {
	for key, v := range body {
		switch key {
		case "name":
			text, _ := v.(string)
			if c.name = text; strings.TrimSpace(text) == "" {
				metaInvalid(w, "name", "value must be a non-blank string.")
				return false
			}
		case "description":
			c.description, _ = v.(string)
		case "archived":
			c.archived, _ = v.(bool)
		case "parent_id":
			c.parent = metaInt(v)
			if c.parent != 0 && m.collection(c.parent) == nil {
				metaMissing(w)
				return false
			}
			for above := m.collection(c.parent); above != nil; above = m.collection(above.parent) {
				if above.id == c.id {
					metaJSON(w, http.StatusBadRequest, map[string]any{"message": "You cannot move a Collection into itself or one of its descendants."})
					return false
				}
			}
		}
	}
	return true
}
