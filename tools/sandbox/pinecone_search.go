package sandbox

import (
	"encoding/json"
	"hash/fnv"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

const pineconeDimension = 384

// pineEmbed is a small real embedding: words and their letter triples are hashed
// into a vector of unit length, so that texts which share words, or parts of
// words, point the same way. It is the same on every machine.
func pineEmbed(text string) []float32 {
	sums := make([]float64, pineconeDimension)
	add := func(feature string, weight float64) {
		h := fnv.New64a()
		_, _ = h.Write([]byte(feature))
		n := h.Sum64()
		if n>>63 == 1 {
			weight = -weight
		}
		sums[n%pineconeDimension] += weight
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
	out := make([]float32, pineconeDimension)
	if length == 0 {
		return out
	}
	length = math.Sqrt(length)
	for i, v := range sums {
		out[i] = float32(v / length)
	}
	return out
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
			Values []float32 `json:"values"`
		} `json:"vector"`
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

func (p *pinecone) search(w http.ResponseWriter, r *http.Request) {
	var q pineQuery
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20))
	dec.UseNumber()
	if err := dec.Decode(&q); err != nil {
		pineRPC(w, http.StatusBadRequest, 3, "Invalid JSON in the request body")
		return
	}
	s := p.spaces[r.PathValue("ns")]
	if s == nil {
		s = &pineSpace{}
	}
	vector, message := q.vector(s)
	if q.Query.TopK < 1 || q.Query.TopK > 10000 {
		message = "top_k must be between 1 and 10000"
	}
	if message != "" {
		pineRPC(w, http.StatusBadRequest, 3, message)
		return
	}
	var hits []pineHit
	for id, rec := range s.records {
		ok, err := pineMatches(q.Query.Filter, rec.fields)
		if err != nil {
			pineRPC(w, http.StatusBadRequest, 3, err.Error())
			return
		}
		if ok {
			hits = append(hits, pineHit{id, pineDot(vector, rec.vector), rec})
		}
	}
	hits = pineBest(hits, q.Query.TopK)
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
	w.Header().Set("X-Pinecone-Max-Indexed-Lsn", strconv.FormatInt(s.lsn, 10))
	pineJSON(w, http.StatusOK, map[string]any{"result": map[string]any{"hits": out}, "usage": usage})
}

// vector is what is searched for: exactly one of a text, a vector and an id.
func (q *pineQuery) vector(s *pineSpace) ([]float32, string) {
	switch {
	case q.Query.Inputs != nil && q.Query.Inputs.Text != "":
		return pineEmbed(q.Query.Inputs.Text), ""
	case q.Query.Vector != nil && len(q.Query.Vector.Values) == pineconeDimension:
		return q.Query.Vector.Values, ""
	case q.Query.Vector != nil:
		return nil, "Vector dimension " + strconv.Itoa(len(q.Query.Vector.Values)) + " does not match the dimension of the index " + strconv.Itoa(pineconeDimension)
	case q.Query.ID != "":
		return s.records[q.Query.ID].vector, ""
	}
	return nil, "One of inputs, vector or id is required"
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
	switch q.Rerank.Model {
	case "bge-reranker-v2-m3", "pinecone-rerank-v0":
	default:
		return nil, "Model '" + q.Rerank.Model + "' not found"
	}
	if len(q.Rerank.RankFields) != 1 {
		return nil, "Model '" + q.Rerank.Model + "' takes one rank field"
	}
	text := q.Rerank.Query
	if text == "" && q.Query.Inputs != nil {
		text = q.Query.Inputs.Text
	}
	words := pineconeWords(text)
	out := slices.Clone(hits)
	for i, h := range out {
		field, ok := h.rec.fields[q.Rerank.RankFields[0]].(string)
		if !ok {
			return nil, "Document " + h.id + " is missing the rank field '" + q.Rerank.RankFields[0] + "'"
		}
		has, found := pineconeWords(field), 0
		for _, word := range words {
			if slices.Contains(has, word) {
				found++
			}
		}
		out[i].score = float64(found) / float64(max(1, len(words)))
	}
	n := q.Rerank.TopN
	if n == 0 {
		n = q.Query.TopK
	}
	return pineBest(out, n), ""
}
