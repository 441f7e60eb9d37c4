package sandbox

import (
	"fmt"
	"net/http"
	"slices"
)

// pineModel is a hosted model.
type pineModel struct {
	name, about, kind, provider string
	vectorType                  string
	dimension                   int
	dimensions                  []int
	metrics                     []string
	batch, tokens, rankFields   int
}

func pineModels() []pineModel {
	return []pineModel{
		{name: "llama-text-embed-v2", about: "A dense embedding model for retrieval over long passages", kind: "embed", provider: "NVIDIA", vectorType: "dense", dimension: 1024, dimensions: []int{384, 512, 768, 1024, 2048}, metrics: []string{"cosine", "dotproduct"}, batch: 96, tokens: 2048},
		{name: "multilingual-e5-large", about: "A dense embedding model for many languages and short texts", kind: "embed", provider: "Microsoft", vectorType: "dense", dimension: 1024, dimensions: []int{1024}, metrics: []string{"cosine", "euclidean"}, batch: 96, tokens: 507},
		{name: "pinecone-sparse-english-v0", about: "A sparse embedding model for keyword search", kind: "embed", provider: "Pinecone", vectorType: "sparse", metrics: []string{"dotproduct"}, batch: 96, tokens: 512},
		{name: "bge-reranker-v2-m3", about: "A multilingual reranker", kind: "rerank", provider: "BAAI", batch: 100, tokens: 1024, rankFields: 1},
		{name: "cohere-rerank-3.5", about: "A reranker for several fields", kind: "rerank", provider: "Cohere", batch: 200, tokens: 40000, rankFields: 10},
		{name: "pinecone-rerank-v0", about: "A reranker for precision", kind: "rerank", provider: "Pinecone", batch: 100, tokens: 512, rankFields: 1},
	}
}

func pineModelNamed(name string) (pineModel, bool) {
	for _, m := range pineModels() {
		if m.name == name {
			return m, true
		}
	}
	return pineModel{}, false
}

func (m pineModel) show() map[string]any {
	out := map[string]any{
		"model": m.name, "short_description": m.about, "type": m.kind, "modality": "text", "provider_name": m.provider,
		"max_sequence_length": m.tokens, "max_batch_size": m.batch,
	}
	truncate := map[string]any{"parameter": "truncate", "type": "one_of", "value_type": "string", "required": false, "default": "END", "allowed_values": []string{"END", "NONE"}}
	if m.kind == "rerank" {
		out["supported_parameters"] = []any{truncate}
		return out
	}
	out["vector_type"], out["supported_metrics"] = m.vectorType, m.metrics
	if m.dimension > 0 {
		out["default_dimension"], out["supported_dimensions"] = m.dimension, m.dimensions
	}
	out["supported_parameters"] = []any{
		map[string]any{"parameter": "input_type", "type": "one_of", "value_type": "string", "required": true, "allowed_values": []string{"query", "passage"}},
		truncate,
	}
	return out
}

// inference is what api.pinecone.io answers about models.
func (p *pinecone) inference(mux *http.ServeMux) {
	mux.HandleFunc("GET /models", p.control(false, func(w http.ResponseWriter, r *http.Request) {
		list := []any{}
		for _, m := range pineModels() {
			if kind := r.URL.Query().Get("type"); kind == "" || kind == m.kind {
				list = append(list, m.show())
			}
		}
		pineJSON(w, http.StatusOK, map[string]any{"models": list})
	}))
	mux.HandleFunc("POST /embed", p.control(false, pineEmbedding))
	mux.HandleFunc("POST /rerank", p.control(false, pineReranking))
}

func pineEmbedding(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Model  string `json:"model"`
		Inputs []struct {
			Text string `json:"text"`
		} `json:"inputs"`
		Parameters struct {
			InputType string `json:"input_type"`
			Dimension int    `json:"dimension"`
			Truncate  string `json:"truncate"`
		} `json:"parameters"`
	}
	if !pineBody(w, r, &in) {
		pineControl(w, http.StatusUnprocessableEntity, "UNPROCESSABLE_ENTITY", "Failed to deserialize the JSON body into the target type")
		return
	}
	m, ok := pineModelNamed(in.Model)
	if in.Parameters.Dimension == 0 {
		in.Parameters.Dimension = m.dimension
	}
	switch {
	case !ok || m.kind != "embed":
		pineControl(w, http.StatusNotFound, "NOT_FOUND", "Model '"+in.Model+"' not found")
		return
	case len(in.Inputs) == 0 || len(in.Inputs) > m.batch:
		pineControl(w, http.StatusBadRequest, "INVALID_ARGUMENT", fmt.Sprintf("Input length '%d' exceeds inputs limit of %d for model '%s': max inputs per batch", len(in.Inputs), m.batch, m.name))
		return
	case in.Parameters.InputType != "query" && in.Parameters.InputType != "passage":
		pineControl(w, http.StatusBadRequest, "INVALID_ARGUMENT", "Missing required parameter 'input_type'")
		return
	case m.dimension > 0 && !slices.Contains(m.dimensions, in.Parameters.Dimension):
		pineControl(w, http.StatusBadRequest, "INVALID_ARGUMENT", fmt.Sprintf("Model '%s' does not support dimension %d", m.name, in.Parameters.Dimension))
		return
	}
	data, tokens := []any{}, 0
	for _, input := range in.Inputs {
		words := pineconeWords(input.Text)
		if tokens += len(words); len(words) > m.tokens && in.Parameters.Truncate == "NONE" {
			pineControl(w, http.StatusBadRequest, "INVALID_ARGUMENT", fmt.Sprintf("Input text exceeds the maximum sequence length of %d tokens for model '%s'", m.tokens, m.name))
			return
		}
		if m.vectorType == "sparse" {
			s := pineSparse{}
			weights := pineSparseEmbed(input.Text)
			for at := range weights {
				s.Indices = append(s.Indices, at)
			}
			s.sort()
			for _, at := range s.Indices {
				s.Values = append(s.Values, weights[at])
			}
			data = append(data, map[string]any{"vector_type": "sparse", "sparse_indices": s.Indices, "sparse_values": s.Values})
			continue
		}
		data = append(data, map[string]any{"vector_type": "dense", "values": pineEmbed(input.Text, in.Parameters.Dimension)})
	}
	pineJSON(w, http.StatusOK, map[string]any{"model": m.name, "vector_type": m.vectorType, "data": data, "usage": map[string]any{"total_tokens": tokens}})
}

func pineReranking(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Model     string           `json:"model"`
		Query     string           `json:"query"`
		Documents []map[string]any `json:"documents"`
		TopN      int              `json:"top_n"`
		Return    *bool            `json:"return_documents"`
		Fields    []string         `json:"rank_fields"`
	}
	if !pineBody(w, r, &in) {
		pineControl(w, http.StatusUnprocessableEntity, "UNPROCESSABLE_ENTITY", "Failed to deserialize the JSON body into the target type")
		return
	}
	if len(in.Fields) == 0 {
		in.Fields = []string{"text"}
	}
	m, ok := pineModelNamed(in.Model)
	switch {
	case !ok || m.kind != "rerank":
		pineControl(w, http.StatusNotFound, "NOT_FOUND", "Model '"+in.Model+"' not found")
		return
	case len(in.Documents) == 0 || len(in.Documents) > m.batch:
		pineControl(w, http.StatusBadRequest, "INVALID_ARGUMENT", fmt.Sprintf("Documents length '%d' exceeds the batch size of %d for model '%s'", len(in.Documents), m.batch, m.name))
		return
	case len(in.Fields) > m.rankFields:
		pineControl(w, http.StatusBadRequest, "INVALID_ARGUMENT", "Model '"+m.name+"' supports only one rank field")
		return
	}
	type ranked struct {
		index int
		score float64
	}
	var all []ranked
	for i, doc := range in.Documents {
		text := ""
		for _, name := range in.Fields {
			value, ok := doc[name].(string)
			if !ok {
				pineControl(w, http.StatusBadRequest, "INVALID_ARGUMENT", fmt.Sprintf("Document %d is missing the rank field '%s'", i, name))
				return
			}
			text += value + " "
		}
		all = append(all, ranked{i, pineShare(in.Query, text)})
	}
	slices.SortStableFunc(all, func(a, b ranked) int {
		switch {
		case a.score > b.score:
			return -1
		case a.score < b.score:
			return 1
		}
		return 0
	})
	if in.TopN > 0 && in.TopN < len(all) {
		all = all[:in.TopN]
	}
	data := []any{}
	for _, one := range all {
		out := map[string]any{"index": one.index, "score": one.score}
		if in.Return == nil || *in.Return {
			out["document"] = in.Documents[one.index]
		}
		data = append(data, out)
	}
	pineJSON(w, http.StatusOK, map[string]any{"model": m.name, "data": data, "usage": map[string]any{"rerank_units": 1}})
}
