package sandbox

import (
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"

	"toolvault/tools/sandbox/double"
)

// PineconeReader is a second key of the Pinecone double, with the role
// DataPlaneViewer on the data plane and ControlPlaneViewer on the control plane:
// it may look and not write. NewPinecone's Secret may do both.
const PineconeReader = "pcsk_sandbox_viewer_0f3a9c"

// pineKnown reports whether the double speaks a version of the API: the classic ones
// are the same here.
func pineKnown(version string) bool {
	switch version {
	case "2025-04", "2025-10", "2026-01", pineconeVersion, pineconeDocuments:
		return true
	}
	return false
}

const (
	pineconeVersion   = "2026-04"
	pineconeDocuments = "2026-07" // of indexes with a schema
	pineconeDefaultNS = "__default__"
	pineconeHome      = "support-tickets" // the index whose host is the double's own, without a path
)

// pinecone is a project with indexes of every kind. Both planes answer under the
// double's own host: the data plane of one index at its root, that of any other
// below /i/NAME, which is the host that the control plane names for it.
type pinecone struct {
	editor  string
	lag     int // reads that do not see a write yet
	mu      sync.Mutex
	indexes map[string]*pineIndex
}

// pineIndex is an index. Its kind is told by what it has: a model ("integrated"), a
// schema ("documents"), or neither ("vectors").
type pineIndex struct {
	name, model, textField     string
	metric, vectorType, region string
	cloud                      string
	dimension                  int
	protected                  bool
	tags                       map[string]string
	schema                     map[string]pineField
	initializing, settles      bool // settles: is ready when it is next looked at
	spaces                     map[string]*pineSpace
}

// PineconeLag makes each of the next reads of a namespace, after a write to it,
// miss that write, n times, as the eventually consistent service does.
func PineconeLag(n int) func(*pinecone) { return func(p *pinecone) { p.lag = n } }

// NewPinecone is a double of Pinecone's control and data planes and of its
// inference, seeded with an index of each kind: see pinecone_seed.go.
func NewPinecone(options ...func(*pinecone)) *double.Double {
	p := &pinecone{editor: "pcsk_sandbox_editor_7d21be", indexes: map[string]*pineIndex{}}
	p.seed()
	for _, o := range options {
		o(p)
	}
	mux := http.NewServeMux()
	p.controlPlane(mux)
	p.inference(mux)
	p.dataPlane(mux)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		pineText(w, http.StatusNotFound, "404 page not found")
	})
	return &double.Double{Service: "pinecone", Handler: p.byIndex(mux), Secret: p.editor, Snapshot: p.snapshot}
}

// PineconeDescribed tells which of the official descriptions a request to the
// double falls under, "" for none (the 2026-07 API has no public one, and an upsert
// of NDJSON is described as a JSON array), and its path there.
func PineconeDescribed(r *http.Request) (file, path string) {
	_, path = pineSplit(r.URL.Path)
	switch {
	case r.Header.Get("X-Pinecone-Api-Version") == pineconeDocuments, r.Header.Get("Content-Type") == "application/x-ndjson":
		return "", path
	case strings.HasPrefix(path, "/indexes"):
		return "pinecone/db_control_2026-04.oas.yaml", path
	case path == "/embed", path == "/rerank", strings.HasPrefix(path, "/models"):
		return "pinecone/inference_2026-04.oas.yaml", path
	}
	return "pinecone/db_data_2026-04.oas.yaml", path
}

// pineSplit divides "/i/NAME/rest" into NAME and "/rest".
func pineSplit(path string) (index, rest string) {
	below, ok := strings.CutPrefix(path, "/i/")
	if !ok {
		return "", path
	}
	index, rest, _ = strings.Cut(below, "/")
	return index, "/" + rest
}

type pineIndexKey struct{}

// byIndex takes the index out of the path.
func (p *pinecone) byIndex(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		index, path := pineSplit(r.URL.Path)
		if index == "" {
			index = pineconeHome
		}
		r = r.WithContext(context.WithValue(r.Context(), pineIndexKey{}, index))
		url := *r.URL
		url.Path = path
		if url.RawPath != "" {
			_, url.RawPath = pineSplit(url.RawPath)
		}
		r.URL = &url
		next.ServeHTTP(w, r)
	})
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

// pineBody reads a JSON body of at most 2 MB into v.
func pineBody(w http.ResponseWriter, r *http.Request, v any) bool {
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, 2<<20))
	dec.UseNumber()
	return dec.Decode(v) == nil
}

func (p *pinecone) control(write bool, next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		key, v := r.Header.Get("Api-Key"), r.Header.Get("X-Pinecone-Api-Version")
		switch {
		case key != p.editor && key != PineconeReader:
			pineControl(w, http.StatusUnauthorized, "UNAUTHENTICATED", "Invalid API key.")
		case !pineKnown(v):
			pineControl(w, http.StatusUnprocessableEntity, "INVALID_ARGUMENT", "Invalid or missing X-Pinecone-Api-Version header.")
		case write && key != p.editor:
			pineControl(w, http.StatusForbidden, "FORBIDDEN", "The API key's role ControlPlaneViewer does not allow this operation.")
		default:
			p.mu.Lock()
			defer p.mu.Unlock()
			next(w, r)
		}
	}
}

type pineHandler func(w http.ResponseWriter, r *http.Request, ix *pineIndex)

// data guards an operation of the data plane. of tells which indexes have it.
func (p *pinecone) data(write bool, of func(*pineIndex) string, next pineHandler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		key, v := r.Header.Get("Api-Key"), r.Header.Get("X-Pinecone-Api-Version")
		switch {
		case key != p.editor && key != PineconeReader:
			pineText(w, http.StatusUnauthorized, "Invalid API Key")
			return
		case write && key != p.editor:
			pineText(w, http.StatusForbidden, "Forbidden: the API key's role DataPlaneViewer does not allow writes.")
			return
		case !pineKnown(v):
			pineText(w, http.StatusBadRequest, "Invalid or missing X-Pinecone-Api-Version header.")
			return
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		name, _ := r.Context().Value(pineIndexKey{}).(string)
		ix := p.indexes[name]
		if ix == nil || ix.initializing {
			pineText(w, http.StatusNotFound, "404 page not found")
			return
		}
		if of != nil {
			if refused := of(ix); refused != "" {
				pineRPC(w, http.StatusBadRequest, 9, refused)
				return
			}
		}
		next(w, r, ix)
	}
}

func pineHasVectors(ix *pineIndex) string {
	if ix.schema != nil {
		return "This index has a schema and is served by the Documents API; vector and record operations are not supported on it."
	}
	return ""
}

func pineHasRecords(ix *pineIndex) string {
	if ix.schema == nil && ix.model == "" {
		return "Integrated inference is not configured for this index."
	}
	return pineHasVectors(ix)
}

func pineHasDocuments(ix *pineIndex) string {
	if ix.schema == nil {
		return "This index has no document schema; use the vector operations."
	}
	return ""
}

// dataPlane is what an index's own host answers.
func (p *pinecone) dataPlane(mux *http.ServeMux) {
	mux.HandleFunc("POST /describe_index_stats", p.data(false, nil, p.stats))
	mux.HandleFunc("GET /namespaces", p.data(false, nil, p.listNamespaces))
	mux.HandleFunc("POST /namespaces", p.data(true, nil, p.createNamespace))
	mux.HandleFunc("GET /namespaces/{ns}", p.data(false, nil, p.describeNamespace))
	mux.HandleFunc("DELETE /namespaces/{ns}", p.data(true, nil, p.deleteNamespace))

	mux.HandleFunc("POST /query", p.data(false, pineHasVectors, p.queryVectors))
	mux.HandleFunc("GET /vectors/fetch", p.data(false, pineHasVectors, p.fetch))
	mux.HandleFunc("POST /vectors/fetch_by_metadata", p.data(false, pineHasVectors, p.fetchByMetadata))
	mux.HandleFunc("GET /vectors/list", p.data(false, pineHasVectors, p.listIDs))
	mux.HandleFunc("POST /vectors/upsert", p.data(true, pineHasVectors, p.upsertVectors))
	mux.HandleFunc("POST /vectors/update", p.data(true, pineHasVectors, p.updateVectors))
	mux.HandleFunc("POST /vectors/delete", p.data(true, pineHasVectors, p.deleteVectors))

	mux.HandleFunc("POST /records/namespaces/{ns}/search", p.data(false, pineHasRecords, p.search))
	mux.HandleFunc("POST /records/namespaces/{ns}/upsert", p.data(true, pineHasRecords, p.upsert))

	for method, next := range map[string]pineHandler{
		"search": p.searchDocuments, "fetch": p.fetchDocuments, "list": p.listDocuments,
		"upsert": p.upsertDocuments, "update": p.updateDocuments, "delete": p.deleteDocuments,
	} {
		write := method == "upsert" || method == "update" || method == "delete"
		guarded := p.data(write, pineHasDocuments, next)
		mux.HandleFunc("POST /namespaces/{ns}/documents/"+method, func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("X-Pinecone-Api-Version") != pineconeDocuments {
				pineText(w, http.StatusNotFound, "404 page not found") // no other version knows it
				return
			}
			guarded(w, r)
		})
	}
}

// snapshot is what the project holds.
func (p *pinecone) snapshot() map[string]string {
	p.mu.Lock()
	defer p.mu.Unlock()
	text := func(v any) string {
		b, _ := json.Marshal(v)
		return string(b)
	}
	all := map[string]string{}
	for name, ix := range p.indexes {
		all["index "+name] = text(map[string]any{
			"model": ix.model, "field": ix.textField, "metric": ix.metric, "type": ix.vectorType, "dimension": ix.dimension,
			"place": ix.cloud + " " + ix.region, "protected": ix.protected, "tags": ix.tags, "schema": ix.schema,
		})
		for ns, space := range ix.spaces {
			all["namespace "+name+"/"+ns] = ""
			for id, rec := range space.records {
				all["record "+name+"/"+ns+"/"+id] = text([]any{rec.fields, rec.vector, rec.sparse})
			}
		}
	}
	return all
}

func pineKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
