package sandbox

import (
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"toolvault/tools/sandbox/double"
)

// MetabaseReader is a second key of the Metabase double, of a group that may see
// and run everything, native SQL apart, and change nothing. NewMetabase's Secret
// may edit.
const MetabaseReader = "mb_sandbox_viewer_5c1d"

// metabase is an instance with one database, some saved questions, dashboards in
// collections, an alert and a subscription.
type metabase struct {
	editor      string // an API key
	username    string // somebody who may edit, and logs in
	password    string
	mu          sync.Mutex
	sessions    map[string]bool
	tables      map[string]*metaTable
	cards       []*metaCard
	dashboards  []*metaDashboard
	collections []*metaCollection
	alerts      []map[string]any // as the API shows them
	pulses      []map[string]any
	revisions   []metaRevision // oldest first
	last        map[string]int64
	now         time.Time // grows by a second with each change, so that answers are the same each time
}

type metaCollection struct {
	id, parent        int64 // parent 0: the root
	name, description string
	archived          bool
}

// NewMetabase is a double of a Metabase instance, with dashboard 42, "Support
// health". ExpireTokens ends all sessions.
func NewMetabase() *double.Double {
	m := newMetabaseState()
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/session", m.logIn)
	mux.HandleFunc("GET /api/session/properties", m.properties)
	for pattern, handle := range map[string]func(w http.ResponseWriter, r *http.Request, edit bool){
		"GET /api/user/current": m.me, "GET /api/user/recipients": m.recipients, "GET /api/search": m.search,

		"GET /api/database": m.listDatabases, "GET /api/database/{id}/schemas": m.schemas, "GET /api/database/{id}/schema/{schema}": m.schema,
		"GET /api/table/{id}/query_metadata": m.tableMetadata, "GET /api/field/{id}": m.getField,
		"GET /api/field/{id}/values": m.fieldValues, "GET /api/field/{id}/search/{other}": m.searchField,

		"GET /api/collection": m.listCollections, "GET /api/collection/{id}/items": m.collectionItems,
		"POST /api/collection": m.postCollection, "PUT /api/collection/{id}": m.putCollection,

		"GET /api/card/{id}": m.getCard, "POST /api/card": m.postCard, "PUT /api/card/{id}": m.putCard, "POST /api/card/{id}/copy": m.copyCard,
		"GET /api/card/{id}/dashboards": m.cardDashboards,
		"POST /api/card/{id}/query":     m.runCard, "POST /api/card/{id}/query/{format}": m.exportCard,
		"GET /api/card/{id}/params/{key}/values": m.cardParameter, "POST /api/dataset": m.dataset,

		"GET /api/dashboard/{id}": m.getDashboard, "POST /api/dashboard": m.postDashboard, "PUT /api/dashboard/{id}": m.putDashboard,
		"POST /api/dashboard/{id}/copy": m.copyDashboard, "GET /api/dashboard/{id}/params/{key}/values": m.dashboardParameter,
		"GET /api/dashboard/{id}/params/{key}/search/{query}":            m.dashboardParameter,
		"POST /api/dashboard/{id}/dashcard/{dashcard}/card/{card}/query": m.runDashcard,

		"GET /api/notification": m.listAlerts, "GET /api/notification/{id}": m.getAlert,
		"POST /api/notification": m.postAlert, "PUT /api/notification/{id}": m.putAlert,
		"GET /api/pulse": m.listPulses, "GET /api/pulse/{id}": m.getPulse, "POST /api/pulse": m.postPulse, "PUT /api/pulse/{id}": m.putPulse,
		"GET /api/revision": m.listRevisions, "POST /api/revision/revert": m.revert,
	} {
		mux.HandleFunc(pattern, m.auth(handle))
	}
	mux.HandleFunc("/api/", func(w http.ResponseWriter, r *http.Request) {
		metaText(w, http.StatusNotFound, "API endpoint does not exist.")
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { // the web application
		w.Header().Set("Content-Type", "text/html;charset=utf-8")
		_, _ = io.WriteString(w, "<!DOCTYPE html><html><head><title>Metabase</title></head><body></body></html>")
	})
	return &double.Double{
		Service: "metabase", Handler: mux, Secret: m.editor, Username: m.username, Password: m.password, ExpireTokens: m.expire,
		Snapshot: m.snapshot,
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

// body decodes a request; it answers itself where there is no JSON object. Numbers
// stay as they were written.
func metaBody(w http.ResponseWriter, r *http.Request) map[string]any {
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20))
	dec.UseNumber()
	var body map[string]any
	if dec.Decode(&body) != nil || body == nil {
		metaJSON(w, http.StatusBadRequest, map[string]any{"message": "Malformed JSON in request body."})
		return nil
	}
	return body
}

// next is a new id of a kind.
func (m *metabase) next(kind string) int64 {
	m.last[kind]++
	return m.last[kind]
}

// tick is the time of a change.
func (m *metabase) tick() time.Time {
	m.now = m.now.Add(time.Second)
	return m.now
}

func (m *metabase) properties(w http.ResponseWriter, _ *http.Request) {
	metaJSON(w, http.StatusOK, map[string]any{
		"version": map[string]any{"tag": "v0.63.1", "date": "2026-11-01"}, "site-url": "https://metabase.sandbox.example",
		"site-name": "Sandbox", "report-timezone-short": "CET", "report-timezone-long": "Europe/Berlin",
	})
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

// metaPeople are who can be sent something.
func metaPeople() []map[string]any {
	return []map[string]any{
		{"id": int64(1), "common_name": "Ana Costa", "first_name": "Ana", "last_name": "Costa", "email": "ana@sandbox.example"},
		{"id": int64(2), "common_name": "Ben Okoye", "first_name": "Ben", "last_name": "Okoye", "email": "ben@sandbox.example"},
	}
}

func (m *metabase) recipients(w http.ResponseWriter, _ *http.Request, _ bool) {
	metaJSON(w, http.StatusOK, map[string]any{"data": metaPeople(), "total": len(metaPeople())})
}

// metaID reads the id in a path; 0 where it is none.
func metaID(r *http.Request) int64 { return metaNumber(r.PathValue("id")) }

func metaNumber(text string) int64 {
	n, _ := strconv.ParseInt(text, 10, 64)
	return n
}

func metaNull(id int64) any {
	if id == 0 {
		return nil
	}
	return id
}

// metaOrNull is a text, or null.
func metaOrNull(text string) any {
	if text == "" {
		return nil
	}
	return text
}

// metaInt is a number of a request's body; 0 for null and for what is none.
func metaInt(v any) int64 {
	switch v := v.(type) {
	case json.Number:
		n, _ := v.Int64()
		return n
	case int64:
		return v
	}
	return 0
}
