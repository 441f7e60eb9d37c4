package pinecone

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"toolvault/tools/sandbox"
)

// The shapes of the Documents API, and of an index in 2026-07, as the vendor's own
// client for Node.js (9.0.0) has them. A body that has anything else fails the test.
type (
	shapeSparse struct {
		Indices []uint32  `json:"indices"`
		Values  []float64 `json:"values"`
	}
	shapeScoring struct {
		Type   string       `json:"type"`
		Fields []string     `json:"fields"`
		Field  string       `json:"field"`
		Query  string       `json:"query"`
		Values []float64    `json:"values"`
		Sparse *shapeSparse `json:"sparse_values"`
	}
	shapeUsage struct {
		ReadUnits int `json:"read_units"`
	}
	shapePage struct {
		Next string `json:"next"`
	}
	shapeSchema struct {
		Fields map[string]map[string]any `json:"fields"`
	}
)

// shape is a new value to decode a request, or its answer, into.
func shape(path string, answer bool) any {
	method := path[strings.LastIndexByte(path, '/')+1:]
	switch {
	case strings.HasPrefix(path, "/indexes/") && answer:
		return &struct {
			Name       string            `json:"name"`
			Host       string            `json:"host"`
			Status     map[string]any    `json:"status"`
			Protection string            `json:"deletion_protection"`
			Tags       map[string]string `json:"tags"`
			Deployment map[string]any    `json:"deployment"`
			Schema     shapeSchema       `json:"schema"`
		}{}
	case !strings.Contains(path, "/documents/"):
		return nil
	case method == "search" && answer:
		return &struct {
			Matches   []map[string]any `json:"matches"`
			Namespace string           `json:"namespace"`
			Usage     shapeUsage       `json:"usage"`
		}{}
	case method == "search":
		return &struct {
			ScoreBy []shapeScoring `json:"score_by"`
			TopK    int            `json:"top_k"`
			Include []string       `json:"include_fields"`
			Filter  map[string]any `json:"filter"`
		}{}
	case method == "fetch" && answer:
		return &struct {
			Documents  map[string]map[string]any `json:"documents"`
			Pagination shapePage                 `json:"pagination"`
			Namespace  string                    `json:"namespace"`
			Usage      shapeUsage                `json:"usage"`
		}{}
	case method == "fetch":
		return &struct {
			IDs     []string       `json:"ids"`
			Filter  map[string]any `json:"filter"`
			Include []string       `json:"include_fields"`
			Token   string         `json:"pagination_token"`
			Limit   int            `json:"limit"`
		}{}
	case method == "list" && answer:
		return &struct {
			Documents []struct {
				ID string `json:"_id"`
			} `json:"documents"`
			Pagination shapePage  `json:"pagination"`
			Namespace  string     `json:"namespace"`
			Usage      shapeUsage `json:"usage"`
		}{}
	case method == "list":
		return &struct {
			Prefix string `json:"prefix"`
			Limit  int    `json:"limit"`
			Token  string `json:"pagination_token"`
		}{}
	case method == "upsert" && answer:
		return &struct {
			Count int `json:"upserted_count"`
		}{}
	case method == "upsert":
		return &struct {
			Documents []map[string]any `json:"documents"`
		}{}
	case answer: // update, delete
		return &struct {
			Matched int `json:"matched_records"`
		}{}
	case method == "update":
		return &struct {
			Documents []map[string]any `json:"documents"`
			Filter    map[string]any   `json:"filter"`
			Set       map[string]any   `json:"set_fields"`
			Remove    []string         `json:"remove_fields"`
		}{}
	case method == "delete":
		return &struct {
			IDs    []string       `json:"ids"`
			Filter map[string]any `json:"filter"`
			All    bool           `json:"delete_all"`
		}{}
	}
	return nil
}

func strictly(b []byte, into any) error {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	return dec.Decode(into)
}

// newShapes holds requests and good answers of the newer API against the shapes.
func newShapes(t testing.TB, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, path := sandbox.PineconeDescribed(r)
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		if into := shape(path, false); into != nil {
			if err := strictly(body, into); err != nil {
				t.Errorf("%s %s: %v: %.300s", r.Method, path, err, body)
			}
		}
		rec := httptest.NewRecorder()
		next.ServeHTTP(rec, r)
		if into := shape(path, true); into != nil && rec.Code < 300 {
			if err := strictly(rec.Body.Bytes(), into); err != nil {
				t.Errorf("answer to %s %s: %v: %.300s", r.Method, path, err, rec.Body.Bytes())
			}
		}
		for k, v := range rec.Header() {
			w.Header()[k] = v
		}
		w.WriteHeader(rec.Code)
		_, _ = w.Write(rec.Body.Bytes())
	})
}
