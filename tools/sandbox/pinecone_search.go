package sandbox

import (
	"hash/fnv"
	"math"
	"net/http"
	"slices"
	"strings"
)

const pineconeDimension = 384

// pineEmbed is a small real embedding: words and their letter triples are hashed
// into a vector of unit length, so that texts which share words, or parts of
// words, point the same way. It is the same on every machine.
func pineEmbed(text string, dimension int) []float32 {
	sums := make([]float64, dimension)
	add := func(feature string, weight float64) {
		h := fnv.New64a()
		_, _ = h.Write([]byte(feature))
		n := h.Sum64()
		if n>>63 == 1 {
			weight = -weight
		}
		sums[n%uint64(dimension)] += weight
	}
	for _, word := range pineconeWords(text) {
		if pineStopWords[word] {
			continue
		}
		add("w:"+word, 1)
		padded := "^" + word + "$"
		for i := 0; i+3 <= len(padded); i++ {
			add("t:"+padded[i:i+3], 0.5)
		}
	}
	var length float64
	for _, v := range sums {
		length += v * v
	}
	out := make([]float32, dimension)
	if length == 0 {
		return out
	}
	length = math.Sqrt(length)
	for i, v := range sums {
		out[i] = float32(v / length)
	}
	return out
}

// pineSparseEmbed gives each word a number and counts it.
func pineSparseEmbed(text string) map[uint32]float32 {
	out := map[uint32]float32{}
	for _, word := range pineconeWords(text) {
		if !pineStopWords[word] {
			h := fnv.New32a()
			_, _ = h.Write([]byte(word))
			out[h.Sum32()]++
		}
	}
	return out
}

func (s *pineSparse) sort() { slices.Sort(s.Indices) }

// embed is what an integrated index makes of a text.
func (ix *pineIndex) embed(text string) pineRecord {
	if ix.vectorType == "sparse" {
		return pineRecord{sparse: pineSparseEmbed(text)}
	}
	return pineRecord{vector: pineEmbed(text, ix.dimension)}
}

var pineStopWords = func() map[string]bool {
	m := map[string]bool{}
	for w := range strings.FieldsSeq("a an and are as at be but by can for from has have in is it its my no not of on or our since so that the their them then they this to was we were when with you your") {
		m[w] = true
	}
	return m
}()

func pineDot(a, b []float32) float64 {
	var sum float64
	for i := range min(len(a), len(b)) {
		sum += float64(a[i]) * float64(b[i])
	}
	return sum
}

type pineQuery struct {
	Query struct {
		TopK   int            `json:"top_k"`
		ID     string         `json:"id"`
		Filter map[string]any `json:"filter"`
		Inputs *struct {
			Text string `json:"text"`
		} `json:"inputs"`
		Vector *struct {
			Values  []float32 `json:"values"`
			Indices []uint32  `json:"sparse_indices"`
			Weights []float32 `json:"sparse_values"`
		} `json:"vector"`
		Terms *struct {
			Strategy string   `json:"strategy"`
			Terms    []string `json:"terms"`
		} `json:"match_terms"`
	} `json:"query"`
	Fields []string `json:"fields"`
	Rerank *struct {
		Model      string   `json:"model"`
		RankFields []string `json:"rank_fields"`
		TopN       int      `json:"top_n"`
		Query      string   `json:"query"`
	} `json:"rerank"`
}

type pineHit struct {
	id    string
	score float64
	rec   pineRecord
}

func (p *pinecone) search(w http.ResponseWriter, r *http.Request, ix *pineIndex) {
	var q pineQuery
	if !pineBody(w, r, &q) {
		pineRPC(w, http.StatusBadRequest, 3, "Invalid JSON in the request body")
		return
	}
	records := ix.space(r.PathValue("ns")).read(w)
	like, message := q.like(ix, records)
	switch {
	case q.Query.TopK < 1 || q.Query.TopK > 10000:
		message = "top_k must be between 1 and 10000"
	case q.Query.Terms != nil && ix.vectorType != "sparse":
		message = "match_terms is supported only for sparse indexes with integrated embedding"
	}
	if message != "" {
		pineRPC(w, http.StatusBadRequest, 3, message)
		return
	}
	hits, err := ix.rank(q.terms(ix, records), like, q.Query.Filter, q.Query.TopK)
	if err != nil {
		pineRPC(w, http.StatusBadRequest, 3, err.Error())
		return
	}
	usage := map[string]any{"read_units": 1}
	if q.Query.Inputs != nil {
		usage["embed_total_tokens"] = len(pineconeWords(q.Query.Inputs.Text))
	}
	if q.Rerank != nil {
		if hits, message = q.rerank(hits); message != "" {
			pineRPC(w, http.StatusBadRequest, 3, message)
			return
		}
		usage["rerank_units"] = 1
	}
	out := make([]map[string]any, 0, len(hits))
	for _, h := range hits {
		fields := map[string]any{}
		for n, v := range h.rec.fields {
			if q.Fields == nil || slices.Contains(q.Fields, n) {
				fields[n] = v
			}
		}
		out = append(out, map[string]any{"_id": h.id, "_score": float32(h.score), "fields": fields})
	}
	pineJSON(w, http.StatusOK, map[string]any{"result": map[string]any{"hits": out}, "usage": usage})
}

// terms are the records whose text has all the terms that were asked for.
func (q *pineQuery) terms(ix *pineIndex, records map[string]pineRecord) map[string]pineRecord {
	if q.Query.Terms == nil {
		return records
	}
	wanted := pineconeWords(strings.Join(q.Query.Terms.Terms, " "))
	out := map[string]pineRecord{}
	for id, rec := range records {
		text, _ := rec.fields[ix.textField].(string)
		has := pineconeWords(text)
		if !slices.ContainsFunc(wanted, func(word string) bool { return !slices.Contains(has, word) }) {
			out[id] = rec
		}
	}
	return out
}

// like is what is searched for: exactly one of a text, a vector and an id.
func (q *pineQuery) like(ix *pineIndex, records map[string]pineRecord) (pineRecord, string) {
	switch {
	case q.Query.Inputs != nil && q.Query.Inputs.Text != "":
		return ix.embed(q.Query.Inputs.Text), ""
	case q.Query.Vector != nil:
		v := q.Query.Vector
		var sparse *pineSparse
		if v.Indices != nil {
			sparse = &pineSparse{v.Indices, v.Weights}
		}
		return pineRecord{vector: v.Values, sparse: sparse.weights()}, ix.takes(v.Values, sparse)
	case q.Query.ID != "":
		return records[q.Query.ID], ""
	}
	return pineRecord{}, "One of inputs, vector or id is required"
}

// pineBest sorts by score, then id, so that an answer is the same each time.
func pineBest(hits []pineHit, n int) []pineHit {
	slices.SortFunc(hits, func(a, b pineHit) int {
		if a.score != b.score {
			if a.score > b.score {
				return -1
			}
			return 1
		}
		return strings.Compare(a.id, b.id)
	})
	return hits[:min(n, len(hits))]
}

// rerank scores by the share of the query's words that the rank field has.
func (q *pineQuery) rerank(hits []pineHit) ([]pineHit, string) {
	if m, ok := pineModelNamed(q.Rerank.Model); !ok || m.kind != "rerank" {
		return nil, "Model '" + q.Rerank.Model + "' not found"
	} else if len(q.Rerank.RankFields) > m.rankFields {
		return nil, "Model '" + q.Rerank.Model + "' takes one rank field"
	}
	text := q.Rerank.Query
	if text == "" && q.Query.Inputs != nil {
		text = q.Query.Inputs.Text
	}
	out := slices.Clone(hits)
	for i, h := range out {
		field, ok := h.rec.fields[q.Rerank.RankFields[0]].(string)
		if !ok {
			return nil, "Document " + h.id + " is missing the rank field '" + q.Rerank.RankFields[0] + "'"
		}
		out[i].score = pineShare(text, field)
	}
	n := q.Rerank.TopN
	if n == 0 {
		n = q.Query.TopK
	}
	return pineBest(out, n), ""
}

// pineShare is how many of a query's words a text has, from 0 to 1.
func pineShare(query, text string) float64 {
	words, has, found := pineconeWords(query), pineconeWords(text), 0
	for _, word := range words {
		if slices.Contains(has, word) {
			found++
		}
	}
	return float64(found) / float64(max(1, len(words)))
}
