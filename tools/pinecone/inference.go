package pinecone

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

func (s *service) inferenceTools() []tools.Tool {
	return []tools.Tool{
		tools.New("pinecone_embed", s.embed),
		tools.New("pinecone_rerank", s.rerank),
	}
}

type embedIn struct {
	Model  string   `json:"model"`
	Inputs []string `json:"inputs"`
	Type   string   `json:"input_type"`
	Values bool     `json:"include_values"`
}

// Embedding is the vector of one input.
type Embedding struct {
	Input int `json:"input"` // its place among the inputs, from 0
	Vector
}

// Embeddings is the answer of pinecone_embed.
type Embeddings struct {
	Model      string      `json:"model"`
	VectorType string      `json:"vector_type"`
	Embeddings []Embedding `json:"embeddings"`
	Dropped    []int       `json:"dropped,omitempty"` // inputs whose vectors did not fit
	Tokens     int         `json:"tokens,omitempty"`
}

// Text is one line an input, with the first numbers.
func (e Embeddings) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d %s vectors from %s.\n", len(e.Embeddings), e.VectorType, shown(e.Model))
	for _, one := range e.Embeddings {
		fmt.Fprintf(&b, "input %d:%s\n", one.Input, one.text())
	}
	if len(e.Dropped) > 0 {
		fmt.Fprintf(&b, "The values of %d more did not fit; embed them in a call of their own: inputs %v.\n", len(e.Dropped), e.Dropped)
	}
	return b.String()
}

// The request and answer of POST /embed.
type (
	embedRequest struct {
		Model      string         `json:"model"`
		Inputs     []embedInput   `json:"inputs"`
		Parameters map[string]any `json:"parameters"`
	}
	embedInput struct {
		Text string `json:"text"`
	}
	embedAnswer struct {
		Model      string `json:"model"`
		VectorType string `json:"vector_type"`
		Data       []struct {
			Values  []float64 `json:"values"`
			Indices []uint32  `json:"sparse_indices"`
			Weights []float64 `json:"sparse_values"`
		} `json:"data"`
		Usage struct {
			Tokens int `json:"total_tokens"`
		} `json:"usage"`
	}
)

// embedded asks a model for the vectors of texts, of its usual dimension where that
// is 0. A text beyond what the model reads is cut at its end, as the indexes with a
// model of their own do.
func (s *service) embedded(ctx context.Context, c *upstream.Client, model, kind string, dimension int, texts ...string) (embedAnswer, error) {
	body := embedRequest{Model: model, Parameters: map[string]any{"input_type": kind, "truncate": "END"}}
	if dimension > 0 {
		body.Parameters["dimension"] = dimension
	}
	for _, text := range texts {
		body.Inputs = append(body.Inputs, embedInput{text})
	}
	var answer embedAnswer
	err := c.Do(ctx, upstream.Request{Path: "/embed", JSON: body, Read: true, MaxBytes: 48 << 20}, &answer)
	if err != nil {
		return answer, s.aboutModel(ctx, c, err, model)
	}
	if len(answer.Data) != len(texts) {
		return answer, fault.New(fault.UpstreamError, "Pinecone answered with %d vectors for %d texts. Try again later; if it stays so, tell the operator.", len(answer.Data), len(texts))
	}
	return answer, nil
}

func (s *service) embed(ctx context.Context, c *upstream.Client, in embedIn) (Embeddings, error) {
	if len(in.Inputs) == 0 {
		f := fault.New(fault.InvalidArguments, "inputs is empty. Give 1 to 96 texts.")
		f.NotSent = true
		return Embeddings{}, f
	}
	answer, err := s.embedded(ctx, c, in.Model, in.Type, 0, in.Inputs...)
	if err != nil {
		return Embeddings{}, err
	}
	out := Embeddings{Model: upstream.Clean(answer.Model, 100), VectorType: upstream.Clean(answer.VectorType, 40), Embeddings: []Embedding{}, Tokens: answer.Usage.Tokens}
	budget := maxBudget
	for i, d := range answer.Data {
		e := Embedding{Input: i, Vector: Vector{Dimension: len(d.Values)}}
		if in.Values {
			e.Values = d.Values
			e.Sparse = (&sparseValues{d.Indices, d.Weights}).own()
			if budget -= e.cost(); budget < 0 && i > 0 {
				out.Dropped = append(out.Dropped, i)
				continue
			}
		}
		out.Embeddings = append(out.Embeddings, e)
	}
	return out, nil
}

type rerankDocsIn struct {
	Query     string            `json:"query"`
	Documents []json.RawMessage `json:"documents"`
	Fields    []string          `json:"fields"`
	Model     string            `json:"model"`
	TopN      int               `json:"top_n"`
}

// Ranked is a document in its new place.
type Ranked struct {
	Index    int            `json:"index"` // its place among those that were given, from 0
	Score    float64        `json:"score"`
	Document map[string]any `json:"document,omitempty"`
}

// Ranking is the answer of pinecone_rerank.
type Ranking struct {
	Model   string   `json:"model"`
	Results []Ranked `json:"results"`
	Note    string   `json:"note,omitempty"`
}

// Text is one line a document.
func (r Ranking) Text() string {
	var b strings.Builder
	for _, one := range r.Results {
		fmt.Fprintf(&b, "%.3f  documents[%d]  %s\n", one.Score, one.Index, line(one.Document))
	}
	if r.Note != "" {
		b.WriteString(r.Note + "\n")
	}
	return b.String()
}

// The request and answer of POST /rerank.
type (
	rerankRequest struct {
		Model      string           `json:"model"`
		Query      string           `json:"query"`
		Documents  []map[string]any `json:"documents"`
		TopN       int              `json:"top_n"`
		Return     bool             `json:"return_documents"`
		RankFields []string         `json:"rank_fields"`
	}
	rankedModel struct {
		Index int     `json:"index"`
		Score float64 `json:"score"`
	}
)

// rank reranks. The documents are not asked back: who asked has them.
func (s *service) rank(ctx context.Context, c *upstream.Client, body rerankRequest) ([]rankedModel, error) {
	var answer struct {
		Data []rankedModel `json:"data"`
	}
	if err := c.Do(ctx, upstream.Request{Path: "/rerank", JSON: body, Read: true}, &answer); err != nil {
		return nil, s.aboutModel(ctx, c, err, body.Model)
	}
	for _, r := range answer.Data {
		if r.Index < 0 || r.Index >= len(body.Documents) {
			return nil, fault.New(fault.UpstreamError, "Pinecone ranked a document that was not sent. Try again later; if it stays so, tell the operator.")
		}
	}
	return answer.Data[:min(len(answer.Data), body.TopN)], nil
}

func (s *service) rerank(ctx context.Context, c *upstream.Client, in rerankDocsIn) (Ranking, error) {
	wanted := in.Fields
	if len(wanted) == 0 {
		wanted = []string{"text"}
	}
	refuse := func(format string, args ...any) (Ranking, error) {
		f := fault.New(fault.InvalidArguments, format, args...)
		f.NotSent = true
		return Ranking{}, f
	}
	body := rerankRequest{Model: in.Model, Query: in.Query, RankFields: wanted}
	for i, raw := range in.Documents {
		var doc map[string]any
		var text string
		switch {
		case json.Unmarshal(raw, &text) == nil:
			doc = map[string]any{wanted[0]: text}
		case json.Unmarshal(raw, &doc) != nil:
			return refuse("documents[%d] must be a text or an object.", i)
		}
		for _, name := range wanted {
			if s, ok := doc[name].(string); !ok || strings.TrimSpace(s) == "" {
				return refuse("documents[%d] has no text in the field %q, by which it would be compared. Name the right fields in fields.", i, upstream.Clean(name, 80))
			}
		}
		body.Documents = append(body.Documents, doc)
	}
	if len(body.Documents) == 0 {
		return refuse("documents is empty. Give 1 to 100 texts or objects.")
	}
	body.TopN = min(in.TopN, len(body.Documents))
	ranked, err := s.rank(ctx, c, body)
	if err != nil {
		return Ranking{}, err
	}
	out := Ranking{Model: in.Model, Results: []Ranked{}}
	budget := maxBudget
	for _, r := range ranked {
		doc := map[string]json.RawMessage{}
		for name, v := range body.Documents[r.Index] {
			doc[name], _ = compact(v)
		}
		one := Ranked{r.Index, r.Score, fields(doc)}
		if budget -= size(one.Document); budget < 0 {
			one.Document, out.Note = nil, "Later documents are told by their place only: they did not fit."
		}
		out.Results = append(out.Results, one)
	}
	return out, nil
}
