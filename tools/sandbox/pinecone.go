package sandbox

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// PineconeReader is a second key of the Pinecone double, with the role
// DataPlaneViewer on the data plane and ControlPlaneViewer on the control plane:
// it may look and not write. NewPinecone's Secret may do both.
const PineconeReader = "pcsk_sandbox_viewer_0f3a9c"

const (
	pineconeVersion   = "2026-04"
	pineconeBatch     = 96
	pineconeDefaultNS = "__default__"
)

// pinecone is a project with one index that embeds texts itself
// ("support-tickets") and one that is still being set up. Both planes answer
// under the double's own host.
type pinecone struct {
	editor string
	mu     sync.Mutex
	spaces map[string]*pineSpace // of support-tickets
}

// pineSpace is a namespace.
type pineSpace struct {
	records map[string]pineRecord
	lsn     int64
}

type pineRecord struct {
	fields map[string]any // metadata, with the text
	vector []float32
}

// NewPinecone is a double of Pinecone's control and data planes, seeded with
// support tickets in the default namespace.
func NewPinecone() *Double {
	p := &pinecone{editor: "pcsk_sandbox_editor_7d21be", spaces: map[string]*pineSpace{}}
	for _, t := range pineconeTickets() {
		p.put(pineconeDefaultNS, t.id, t.fields())
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /indexes", p.control(p.listIndexes))
	mux.HandleFunc("GET /indexes/{name}", p.control(p.describeIndex))
	mux.HandleFunc("POST /describe_index_stats", p.data(false, p.stats))
	mux.HandleFunc("GET /vectors/fetch", p.data(false, p.fetch))
	mux.HandleFunc("POST /records/namespaces/{ns}/search", p.data(false, p.search))
	mux.HandleFunc("POST /records/namespaces/{ns}/upsert", p.data(true, p.upsert))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		pineText(w, http.StatusNotFound, "404 page not found")
	})
	return &Double{Service: "pinecone", Handler: mux, Secret: p.editor}
}

// The three shapes of an error.

func pineText(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text)
}

func pineControl(w http.ResponseWriter, status int, code, message string) {
	pineJSON(w, status, map[string]any{"status": status, "error": map[string]any{"code": code, "message": message}})
}

func pineRPC(w http.ResponseWriter, status, code int, message string) {
	pineJSON(w, status, map[string]any{"code": code, "message": message, "details": []any{}})
}

func pineJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

func (p *pinecone) control(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if key := r.Header.Get("Api-Key"); key != p.editor && key != PineconeReader {
			pineControl(w, http.StatusUnauthorized, "UNAUTHENTICATED", "Invalid API key.")
			return
		}
		if v := r.Header.Get("X-Pinecone-Api-Version"); v != pineconeVersion {
			pineControl(w, http.StatusUnprocessableEntity, "INVALID_ARGUMENT", "Invalid or missing X-Pinecone-Api-Version header.")
			return
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		next(w, r)
	}
}

func (p *pinecone) data(write bool, next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		key := r.Header.Get("Api-Key")
		switch {
		case key != p.editor && key != PineconeReader:
			pineText(w, http.StatusUnauthorized, "Invalid API Key")
			return
		case write && key != p.editor:
			pineText(w, http.StatusForbidden, "Forbidden: the API key's role DataPlaneViewer does not allow writes.")
			return
		case r.Header.Get("X-Pinecone-Api-Version") != pineconeVersion:
			pineText(w, http.StatusBadRequest, "Invalid or missing X-Pinecone-Api-Version header.")
			return
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		next(w, r)
	}
}

// models are the indexes as the control plane shows them; host is the double's own.
func (p *pinecone) models(host string) []map[string]any {
	capacity := map[string]any{"mode": "OnDemand", "status": map[string]any{"state": "Ready"}}
	where := map[string]any{"serverless": map[string]any{"cloud": "aws", "region": "eu-west-1", "read_capacity": capacity}}
	return []map[string]any{
		{
			"name": "product-docs", "dimension": 1536, "metric": "cosine", "host": host, "vector_type": "dense",
			"spec": where, "status": map[string]any{"ready": false, "state": "Initializing"},
			"deletion_protection": "disabled",
		},
		{
			"name": "support-tickets", "dimension": pineconeDimension, "metric": "cosine", "host": host, "vector_type": "dense",
			"spec": where, "status": map[string]any{"ready": true, "state": "Ready"},
			"deletion_protection": "enabled", "tags": map[string]any{"team": "support"},
			"embed": map[string]any{
				"model": "llama-text-embed-v2", "metric": "cosine", "dimension": pineconeDimension, "vector_type": "dense",
				"field_map":        map[string]any{"text": "chunk_text"},
				"read_parameters":  map[string]any{"input_type": "query", "truncate": "END"},
				"write_parameters": map[string]any{"input_type": "passage", "truncate": "END"},
			},
		},
	}
}

func (p *pinecone) listIndexes(w http.ResponseWriter, r *http.Request) {
	pineJSON(w, http.StatusOK, map[string]any{"indexes": p.models(r.Host)})
}

func (p *pinecone) describeIndex(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	for _, m := range p.models(r.Host) {
		if m["name"] == name {
			pineJSON(w, http.StatusOK, m)
			return
		}
	}
	pineControl(w, http.StatusNotFound, "NOT_FOUND", "Index "+name+" not found.")
}

func (p *pinecone) stats(w http.ResponseWriter, _ *http.Request) {
	spaces, total := map[string]any{}, 0
	for name, s := range p.spaces {
		spaces[name] = map[string]any{"vectorCount": len(s.records)}
		total += len(s.records)
	}
	pineJSON(w, http.StatusOK, map[string]any{
		"namespaces": spaces, "totalVectorCount": total, "dimension": pineconeDimension,
		"metric": "cosine", "vectorType": "dense", "indexFullness": 0,
	})
}

func (p *pinecone) fetch(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	ns := q.Get("namespace")
	if ns == "" {
		ns = pineconeDefaultNS
	}
	if len(q["ids"]) == 0 || len(q["ids"]) > 1000 {
		pineRPC(w, http.StatusBadRequest, 3, "ids must have between 1 and 1000 entries.")
		return
	}
	found := map[string]any{}
	s := p.spaces[ns]
	if s != nil {
		for _, id := range q["ids"] {
			if rec, ok := s.records[id]; ok {
				found[id] = map[string]any{"id": id, "values": rec.vector, "metadata": rec.fields}
			}
		}
		w.Header().Set("X-Pinecone-Max-Indexed-Lsn", strconv.FormatInt(s.lsn, 10))
	}
	pineJSON(w, http.StatusOK, map[string]any{"vectors": found, "namespace": ns, "usage": map[string]any{"readUnits": 1}})
}

// put stores a record; the caller holds the lock, or nobody else knows p yet.
func (p *pinecone) put(ns, id string, fields map[string]any) int64 {
	s := p.spaces[ns]
	if s == nil {
		s = &pineSpace{records: map[string]pineRecord{}}
		p.spaces[ns] = s
	}
	text, _ := fields["chunk_text"].(string)
	s.records[id] = pineRecord{fields: fields, vector: pineEmbed(text)}
	s.lsn++
	return s.lsn
}

func (p *pinecone) upsert(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Content-Type") != "application/x-ndjson" {
		pineText(w, http.StatusUnsupportedMediaType, "Content-Type must be application/x-ndjson")
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 2<<20))
	if err != nil {
		pineRPC(w, http.StatusBadRequest, 3, "Request size exceeds the maximum of 2MB.")
		return
	}
	lines, message := pineconeLines(body)
	if message != "" { // all or nothing
		pineRPC(w, http.StatusBadRequest, 3, message)
		return
	}
	var lsn int64
	for _, l := range lines {
		lsn = p.put(r.PathValue("ns"), l.id, l.fields)
	}
	w.Header().Set("X-Pinecone-Request-Lsn", strconv.FormatInt(lsn, 10))
	w.WriteHeader(http.StatusCreated)
}

type pineLine struct {
	id     string
	fields map[string]any
}

// pineconeLines reads NDJSON; message says what is wrong with it.
func pineconeLines(body []byte) (lines []pineLine, message string) {
	sc := bufio.NewScanner(bytes.NewReader(body))
	sc.Buffer(nil, 4<<20)
	for sc.Scan() {
		if len(bytes.TrimSpace(sc.Bytes())) == 0 {
			continue
		}
		dec := json.NewDecoder(bytes.NewReader(sc.Bytes()))
		dec.UseNumber()
		fields := map[string]any{}
		if dec.Decode(&fields) != nil {
			return nil, "Invalid JSON in line " + strconv.Itoa(len(lines)+1)
		}
		id, _ := fields["_id"].(string)
		if id == "" {
			id, _ = fields["id"].(string)
		}
		delete(fields, "_id")
		if id == "" || len(id) > 512 {
			return nil, "Record is missing a valid _id"
		}
		if text, _ := fields["chunk_text"].(string); text == "" {
			return nil, "Record " + id + " is missing the field chunk_text of the index's field_map"
		}
		for name, v := range fields {
			if !pineconeMetadata(v) {
				return nil, "Metadata value of " + name + " must be a string, number, boolean or list of strings"
			}
		}
		lines = append(lines, pineLine{id, fields})
	}
	switch {
	case len(lines) == 0:
		return nil, "No records in the request"
	case len(lines) > pineconeBatch:
		return nil, "Batch size exceeds " + strconv.Itoa(pineconeBatch)
	}
	return lines, ""
}

func pineconeMetadata(v any) bool {
	switch v := v.(type) {
	case string, json.Number, bool:
		return true
	case []any:
		return !slices.ContainsFunc(v, func(e any) bool { _, ok := e.(string); return !ok })
	}
	return false
}

func pineconeWords(s string) []string {
	return strings.FieldsFunc(strings.ToLower(s), func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r > 127)
	})
}
