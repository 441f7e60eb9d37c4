package sandbox

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// MetabaseReader is a second key of the Metabase double, of a group that may see
// and run everything, native SQL apart, and change nothing. NewMetabase's Secret
// may edit.
const MetabaseReader = "mb_sandbox_viewer_5c1d"

// metabase is an instance with one database, some saved questions and a few
// dashboards in collections.
type metabase struct {
	editor      string // an API key
	username    string // somebody who may edit, and logs in
	password    string
	mu          sync.Mutex
	sessions    map[string]bool
	tables      map[string]*metaTable
	cards       []*metaCard
	dashboards  []*metaDashboard
	collections []metaCollection
	now         time.Time // grows by a second with each change, so that answers are the same each time
}

type metaCollection struct {
	id   int64
	name string
}

type metaCard struct {
	id                int64
	name, description string
	collection        int64
	display, sql      string
	tags              []string // parameters of the SQL
	archived          bool
}

type metaDashboard struct {
	id                int64
	name, description string
	collection        int64 // 0: the root
	archived          bool
	updated           time.Time
	cards             []map[string]any // dashcards as the API shows them
}

// NewMetabase is a double of a Metabase instance, with dashboard 42, "Support
// health". ExpireTokens ends all sessions.
func NewMetabase() *Double {
	m := newMetabaseState()
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/session", m.logIn)
	mux.HandleFunc("GET /api/user/current", m.auth(m.me))
	mux.HandleFunc("GET /api/database", m.auth(m.listDatabases))
	mux.HandleFunc("GET /api/search", m.auth(m.search))
	mux.HandleFunc("GET /api/card/{id}", m.auth(m.getCard))
	mux.HandleFunc("POST /api/card/{id}/query", m.auth(m.runCard))
	mux.HandleFunc("POST /api/dataset", m.auth(m.dataset))
	mux.HandleFunc("GET /api/dashboard/{id}", m.auth(m.getDashboard))
	mux.HandleFunc("PUT /api/dashboard/{id}", m.auth(m.putDashboard))
	mux.HandleFunc("/api/", func(w http.ResponseWriter, r *http.Request) {
		metaText(w, http.StatusNotFound, "API endpoint does not exist.")
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { // the web application
		w.Header().Set("Content-Type", "text/html;charset=utf-8")
		_, _ = io.WriteString(w, "<!DOCTYPE html><html><head><title>Metabase</title></head><body></body></html>")
	})
	return &Double{
		Service: "metabase", Handler: mux, Secret: m.editor, Username: m.username, Password: m.password, ExpireTokens: m.expire,
	}
}

func metaText(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text)
}

func metaJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json;charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

func metaForbidden(w http.ResponseWriter) {
	metaText(w, http.StatusForbidden, "You don't have permissions to do that.")
}

func metaMissing(w http.ResponseWriter) { metaText(w, http.StatusNotFound, "Not found.") }

func metaInvalid(w http.ResponseWriter, field, text string) {
	metaJSON(w, http.StatusBadRequest, map[string]any{
		"errors": map[string]string{field: text}, "specific-errors": map[string]any{field: []string{text}},
	})
}

// auth checks the key and hands on whether it may edit.
func (m *metabase) auth(next func(w http.ResponseWriter, r *http.Request, edit bool)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		m.mu.Lock()
		defer m.mu.Unlock()
		edit, ok := m.known(r.Header)
		if !ok {
			metaText(w, http.StatusUnauthorized, "Unauthenticated")
			return
		}
		next(w, r, edit)
	}
}

func (m *metabase) me(w http.ResponseWriter, _ *http.Request, edit bool) {
	name, id, groups := "Sandbox viewer", 12, []int{1, 4}
	if edit {
		name, id, groups = "Sandbox editor", 11, []int{1, 3}
	}
	metaJSON(w, http.StatusOK, map[string]any{
		"id": id, "email": "api-key-user-" + strconv.Itoa(id) + "@api-key.invalid", "first_name": name, "last_name": "",
		"common_name": name, "is_superuser": false, "is_active": true, "group_ids": groups, "personal_collection_id": nil,
	})
}

func (m *metabase) listDatabases(w http.ResponseWriter, _ *http.Request, edit bool) {
	native := map[bool]string{true: "write", false: "none"}[edit]
	metaJSON(w, http.StatusOK, map[string]any{"total": 1, "data": []map[string]any{{
		"id": metaDatabaseID, "name": "Support warehouse", "engine": "postgres", "native_permissions": native,
		"is_sample": false, "initial_sync_status": "complete", "timezone": "UTC", "features": []string{"basic-aggregations"},
	}}})
}

func (m *metabase) collectionName(id int64) string {
	for _, c := range m.collections {
		if c.id == id {
			return c.name
		}
	}
	return ""
}

// metaID reads the id in a path; 0 where it is none.
func metaID(r *http.Request) int64 {
	n, _ := strconv.ParseInt(r.PathValue("id"), 10, 64)
	return n
}

func metaNull(id int64) any {
	if id == 0 {
		return nil
	}
	return id
}

func (m *metabase) search(w http.ResponseWriter, r *http.Request, _ bool) {
	q := r.URL.Query()
	limit, offset := 50, 0
	for name, to := range map[string]*int{"limit": &limit, "offset": &offset} {
		if v := q.Get(name); v != "" {
			n, err := strconv.Atoi(v)
			if err != nil || n < 0 {
				metaInvalid(w, name, "value must be an integer greater or equal to than zero.")
				return
			}
			*to = n
		}
	}
	archived := q.Get("archived") == "true"
	wanted := func(model string) bool { return len(q["models"]) == 0 || slices.Contains(q["models"], model) }
	var all []map[string]any
	add := func(model string, id, collection int64, name, description string, hidden bool) {
		if hidden != archived || !wanted(model) || !metaFits(q.Get("q"), name+" "+description) {
			return
		}
		item := map[string]any{
			"id": id, "model": model, "name": name, "description": nil, "archived": hidden,
			"collection_id": metaNull(collection), "collection": map[string]any{"id": metaNull(collection), "name": metaNull(0)},
			"can_write": true,
		}
		if description != "" {
			item["description"] = description
		}
		if n := m.collectionName(collection); n != "" {
			item["collection"] = map[string]any{"id": collection, "name": n}
		}
		if model == "card" || model == "table" {
			item["database_id"] = metaDatabaseID
		}
		all = append(all, item)
	}
	byDatabase := q.Get("table_db_id")
	if byDatabase == "" {
		for _, d := range m.dashboards {
			add("dashboard", d.id, d.collection, d.name, d.description, d.archived)
		}
		for _, c := range m.collections {
			add("collection", c.id, c.id, c.name, "", false)
		}
		add("database", metaDatabaseID, 0, "Support warehouse", "", false)
	}
	if byDatabase == "" || byDatabase == strconv.Itoa(metaDatabaseID) {
		for _, c := range m.cards {
			add("card", c.id, c.collection, c.name, c.description, c.archived)
		}
		for i, name := range metaTableOrder {
			add("table", int64(i+1), 0, name, "", false)
		}
	}
	total := len(all)
	from := min(offset, total)
	metaJSON(w, http.StatusOK, map[string]any{
		"data": append([]map[string]any{}, all[from:min(from+limit, total)]...), "total": total,
		"limit": limit, "offset": offset, "models": q["models"],
	})
}

// metaFits reports whether each word of the query begins a word of the text.
func metaFits(query, text string) bool {
	words := strings.Fields(strings.ToLower(text))
	for _, q := range strings.Fields(strings.ToLower(query)) {
		if !slices.ContainsFunc(words, func(w string) bool { return strings.HasPrefix(w, q) }) {
			return false
		}
	}
	return true
}
