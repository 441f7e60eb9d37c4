package sandbox

import (
	"fmt"
	"math"
	"net/http"
	"strings"
)

// pineSparse is SparseValues of the data plane.
type pineSparse struct {
	Indices []uint32  `json:"indices"`
	Values  []float32 `json:"values"`
}

func (s *pineSparse) weights() map[uint32]float32 {
	if s == nil {
		return nil
	}
	m := map[uint32]float32{}
	for i, at := range s.Indices[:min(len(s.Indices), len(s.Values))] {
		m[at] = s.Values[i]
	}
	return m
}

// pineVector is Vector of the data plane.
type pineVector struct {
	ID       string         `json:"id"`
	Values   []float32      `json:"values"`
	Sparse   *pineSparse    `json:"sparseValues"`
	Metadata map[string]any `json:"metadata"`
}

// takes says why the index does not take a vector; "" it does.
func (ix *pineIndex) takes(values []float32, sparse *pineSparse) string {
	switch {
	case sparse != nil && len(sparse.Indices) != len(sparse.Values):
		return "Sparse indices and values must have the same length"
	case ix.vectorType == "sparse" && (len(values) > 0 || sparse == nil):
		return "Index configuration does not support dense values"
	case ix.vectorType == "sparse":
		return ""
	case len(values) != ix.dimension:
		return fmt.Sprintf("Vector dimension %d does not match the dimension of the index %d", len(values), ix.dimension)
	case sparse != nil && ix.metric != "dotproduct":
		return "Index configuration does not support sparse values - only indices that are sparse or using dotproduct are supported"
	}
	return ""
}

// score compares two records as the index's metric does.
func (ix *pineIndex) score(a, b pineRecord) float64 {
	var sum float64
	for at, weight := range a.sparse {
		sum += float64(weight) * float64(b.sparse[at])
	}
	switch ix.metric {
	case "euclidean":
		for i := range min(len(a.vector), len(b.vector)) {
			d := float64(a.vector[i] - b.vector[i])
			sum += d * d
		}
		return sum
	case "cosine":
		return pineCosine(a.vector, b.vector)
	}
	return sum + pineDot(a.vector, b.vector)
}

func pineCosine(a, b []float32) float64 {
	length := math.Sqrt(pineDot(a, a) * pineDot(b, b))
	if length == 0 {
		return 0
	}
	return pineDot(a, b) / length
}

// rank is what matches a filter, the nearest first.
func (ix *pineIndex) rank(records map[string]pineRecord, like pineRecord, filter map[string]any, n int) ([]pineHit, error) {
	var all []pineHit
	for id, rec := range records {
		ok, err := pineMatches(filter, rec.fields)
		if err != nil {
			return nil, err
		}
		if ok {
			score := ix.score(like, rec)
			if ix.metric == "euclidean" {
				score = -score // the nearest has the smallest
			}
			all = append(all, pineHit{id, score, rec})
		}
	}
	all = pineBest(all, n)
	if ix.metric == "euclidean" {
		for i := range all {
			all[i].score = -all[i].score
		}
	}
	return all, nil
}

func (p *pinecone) queryVectors(w http.ResponseWriter, r *http.Request, ix *pineIndex) {
	var q struct {
		TopK      int            `json:"topK"`
		Namespace string         `json:"namespace"`
		Vector    []float32      `json:"vector"`
		ID        string         `json:"id"`
		Sparse    *pineSparse    `json:"sparseVector"`
		Filter    map[string]any `json:"filter"`
		Values    bool           `json:"includeValues"`
		Metadata  bool           `json:"includeMetadata"`
	}
	if !pineBody(w, r, &q) {
		pineRPC(w, http.StatusBadRequest, 3, "Invalid JSON in the request body")
		return
	}
	like := pineRecord{vector: q.Vector, sparse: q.Sparse.weights()}
	records := ix.space(q.Namespace).read(w)
	refused := ""
	switch {
	case q.TopK < 1 || q.TopK > 10000:
		refused = "topK must be between 1 and 10000"
	case q.ID != "" && len(q.Vector) > 0:
		refused = "Only one of id and vector can be given"
	case q.ID != "":
		rec, ok := records[q.ID]
		if !ok {
			records = nil
		}
		like = rec
	default:
		refused = ix.takes(q.Vector, q.Sparse)
	}
	if refused != "" {
		pineRPC(w, http.StatusBadRequest, 3, refused)
		return
	}
	found, err := ix.rank(records, like, q.Filter, q.TopK)
	if err != nil {
		pineRPC(w, http.StatusBadRequest, 3, err.Error())
		return
	}
	matches := []any{}
	for _, h := range found {
		m := pineShow(h.id, h.rec, q.Values, q.Metadata)
		m["score"] = float32(h.score)
		matches = append(matches, m)
	}
	pineJSON(w, http.StatusOK, map[string]any{"matches": matches, "namespace": q.Namespace, "usage": map[string]any{"readUnits": 1}})
}

// pineShow is a record as Vector, or ScoredVector, of the data plane.
func pineShow(id string, rec pineRecord, values, metadata bool) map[string]any {
	m := map[string]any{"id": id}
	if values {
		m["values"] = rec.vector
		if rec.vector == nil {
			m["values"] = []float32{}
		}
		if len(rec.sparse) > 0 {
			s := pineSparse{}
			for at := range rec.sparse {
				s.Indices = append(s.Indices, at)
			}
			s.sort()
			for _, at := range s.Indices {
				s.Values = append(s.Values, rec.sparse[at])
			}
			m["sparseValues"] = s
		}
	}
	if metadata && len(rec.fields) > 0 {
		m["metadata"] = rec.fields
	}
	return m
}

func (p *pinecone) fetch(w http.ResponseWriter, r *http.Request, ix *pineIndex) {
	q := r.URL.Query()
	if len(q["ids"]) == 0 || len(q["ids"]) > 1000 {
		pineRPC(w, http.StatusBadRequest, 3, "ids must have between 1 and 1000 entries.")
		return
	}
	found := map[string]any{}
	records := ix.space(q.Get("namespace")).read(w)
	for _, id := range q["ids"] {
		if rec, ok := records[id]; ok {
			found[id] = pineShow(id, rec, true, true)
		}
	}
	pineJSON(w, http.StatusOK, map[string]any{"vectors": found, "namespace": q.Get("namespace"), "usage": map[string]any{"readUnits": 1}})
}

// pineFilter is a filter that must not be empty, applied: the ids, sorted.
func pineFilter(records map[string]pineRecord, filter map[string]any) ([]string, error) {
	if len(filter) == 0 {
		return nil, fmt.Errorf("filter must not be empty")
	}
	var ids []string
	for _, id := range pineKeys(records) {
		ok, err := pineMatches(filter, records[id].fields)
		if err != nil {
			return nil, err
		}
		if ok {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

func (p *pinecone) fetchByMetadata(w http.ResponseWriter, r *http.Request, ix *pineIndex) {
	var q struct {
		Namespace string         `json:"namespace"`
		Filter    map[string]any `json:"filter"`
		Limit     int            `json:"limit"`
		Token     string         `json:"paginationToken"`
	}
	if !pineBody(w, r, &q) {
		pineRPC(w, http.StatusBadRequest, 3, "Invalid JSON in the request body")
		return
	}
	records := ix.space(q.Namespace).read(w)
	ids, err := pineFilter(records, q.Filter)
	if err != nil {
		pineRPC(w, http.StatusBadRequest, 3, err.Error())
		return
	}
	if q.Limit == 0 {
		q.Limit = 100
	}
	page, next := pinePage(ids, q.Token, q.Limit)
	found := map[string]any{}
	for _, id := range page {
		found[id] = pineShow(id, records[id], true, true)
	}
	out := map[string]any{"vectors": found, "namespace": q.Namespace, "usage": map[string]any{"readUnits": 1}}
	if next != "" {
		out["pagination"] = map[string]any{"next": next}
	}
	pineJSON(w, http.StatusOK, out)
}

func (p *pinecone) listIDs(w http.ResponseWriter, r *http.Request, ix *pineIndex) {
	q := r.URL.Query()
	var ids []string
	for _, id := range pineKeys(ix.space(q.Get("namespace")).read(w)) {
		if strings.HasPrefix(id, q.Get("prefix")) {
			ids = append(ids, id)
		}
	}
	page, next := pinePage(ids, q.Get("paginationToken"), pineLimit(q.Get("limit"), 100))
	list := []any{}
	for _, id := range page {
		list = append(list, map[string]any{"id": id})
	}
	out := map[string]any{"vectors": list, "namespace": q.Get("namespace"), "usage": map[string]any{"readUnits": 1}}
	if next != "" {
		out["pagination"] = map[string]any{"next": next}
	}
	pineJSON(w, http.StatusOK, out)
}
