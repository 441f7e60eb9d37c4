package sandbox

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// metaPage reads limit and offset; it answers itself where they are none.
func metaPage(w http.ResponseWriter, q url.Values) (limit, offset int, ok bool) {
	limit = 50
	for name, to := range map[string]*int{"limit": &limit, "offset": &offset} {
		if v := q.Get(name); v != "" {
			n, err := strconv.Atoi(v)
			if err != nil || n < 0 {
				metaInvalid(w, name, "value must be an integer greater or equal to than zero.")
				return 0, 0, false
			}
			*to = n
		}
	}
	return limit, offset, true
}

// item is a thing as lists show it.
func (m *metabase) item(model string, id, collection int64, name, description string, archived bool) map[string]any {
	item := map[string]any{
		"id": id, "model": model, "name": name, "description": metaOrNull(description), "archived": archived,
		"collection_id": metaNull(collection), "collection": map[string]any{"id": metaNull(collection), "name": nil},
		"can_write": true,
	}
	if n := m.collectionName(collection); n != "" {
		item["collection"] = map[string]any{"id": collection, "name": n}
	}
	if model == "card" || model == "dataset" || model == "metric" || model == "table" {
		item["database_id"] = metaDatabaseID
	}
	return item
}

func (m *metabase) search(w http.ResponseWriter, r *http.Request, _ bool) {
	q := r.URL.Query()
	limit, offset, ok := metaPage(w, q)
	if !ok {
		return
	}
	archived := q.Get("archived") == "true"
	all := []map[string]any{}
	add := func(model string, id, collection int64, name, description string, hidden bool) map[string]any {
		wanted := len(q["models"]) == 0 || slices.Contains(q["models"], model)
		if hidden != archived || !wanted || !metaFits(q.Get("q"), name+" "+description) {
			return map[string]any{}
		}
		item := m.item(model, id, collection, name, description, hidden)
		all = append(all, item)
		return item
	}
	byDatabase := q.Get("table_db_id")
	if byDatabase == "" {
		for _, d := range m.dashboards {
			add("dashboard", d.id, d.collection, d.name, d.description, d.archived)
		}
		for _, c := range m.collections {
			add("collection", c.id, c.id, c.name, c.description, c.archived)
		}
		add("database", metaDatabaseID, 0, "Support warehouse", "", false)
	}
	if byDatabase == "" || byDatabase == strconv.Itoa(metaDatabaseID) {
		for _, c := range m.cards {
			add(c.model(), c.id, c.collection, c.name, c.description, c.archived)
		}
		for i, name := range metaTableOrder {
			item := add("table", int64(i+1), 0, metaTitle(name), "", false)
			item["table_name"], item["table_schema"], item["table_id"] = name, "public", i+1
		}
	}
	total := len(all)
	from := min(offset, total)
	metaJSON(w, http.StatusOK, map[string]any{
		"data": all[from:min(from+limit, total)], "total": total, "limit": limit, "offset": offset, "models": q["models"],
	})
}

// metaTitle is what Metabase makes of a name: "created_at" is "Created At".
func metaTitle(name string) string {
	words := strings.Split(name, "_")
	for i, w := range words {
		if w == "id" {
			words[i] = "ID"
		} else if w != "" {
			words[i] = strings.ToUpper(w[:1]) + w[1:]
		}
	}
	return strings.Join(words, " ")
}

// metaFits reports whether each word of the query begins a word of the text.
func metaFits(query, text string) bool {
	words := strings.Fields(strings.ToLower(strings.ReplaceAll(text, "_", " ")))
	for _, q := range strings.Fields(strings.ToLower(strings.ReplaceAll(query, "_", " "))) {
		if !slices.ContainsFunc(words, func(w string) bool { return strings.HasPrefix(w, q) }) {
			return false
		}
	}
	return true
}
