package pinecone

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

func (s *service) queryTools() []tools.Tool {
	return []tools.Tool{tools.New("pinecone_query_vectors", s.queryVectors)}
}

type queryIn struct {
	Index     string         `json:"index"`
	Namespace string         `json:"namespace"`
	Vector    numbers        `json:"vector"`
	ID        string         `json:"id"`
	Text      string         `json:"text"`
	Model     string         `json:"model"`
	Sparse    sparse         `json:"sparse"`
	TopK      int            `json:"top_k"`
	Filter    map[string]any `json:"filter"`
	Metadata  bool           `json:"include_metadata"`
	Values    bool           `json:"include_values"`
	MinLSN    int64          `json:"min_lsn"`
}

// Neighbour is a record that is near.
type Neighbour struct {
	ID     string         `json:"id"`
	Score  float64        `json:"score"`
	Fields map[string]any `json:"fields,omitempty"`
	Vector
}

// Neighbours is the answer of pinecone_query_vectors.
type Neighbours struct {
	Index     string      `json:"index"`
	Namespace string      `json:"namespace"`
	Hits      []Neighbour `json:"hits"` // best first
	Dropped   int         `json:"dropped,omitempty"`
	Seen
}

// Text is one line a record: score, id, fields.
func (n Neighbours) Text() string {
	var b strings.Builder
	if len(n.Hits) == 0 {
		fmt.Fprintf(&b, "Nothing found in namespace %s of %s.\n", shown(n.Namespace), n.Index)
	}
	for _, h := range n.Hits {
		fmt.Fprintf(&b, "%.4g  %s  %s%s\n", h.Score, shown(h.ID), line(h.Fields), h.text())
	}
	droppedLine(&b, n.Dropped)
	b.WriteString(n.end())
	return b.String()
}

// queryRequest is QueryRequest of the data plane. The default namespace is named
// by silence there.
type queryRequest struct {
	TopK      int            `json:"topK"`
	Namespace string         `json:"namespace,omitempty"`
	Vector    []float64      `json:"vector,omitempty"`
	ID        string         `json:"id,omitempty"`
	Sparse    *sparseValues  `json:"sparseVector,omitempty"`
	Filter    map[string]any `json:"filter,omitempty"`
	Values    bool           `json:"includeValues"`
	Metadata  bool           `json:"includeMetadata"`
}

func (q queryRequest) space() string { return q.Namespace }

// silent is a namespace as the Vectors API names it.
func silent(namespace string) string {
	if namespace == defaultNamespace {
		return ""
	}
	return namespace
}

func (s *service) queryVectors(ctx context.Context, c *upstream.Client, in queryIn) (Neighbours, error) {
	if err := checkFilter(in.Filter, false); err != nil {
		return Neighbours{}, err
	}
	t, err := s.checked(ctx, c, in.Index, in.Namespace, func(t *target) error {
		if t.kind == documents {
			return t.noVectors()
		}
		if err := t.oneOf(&in); err != nil || in.ID != "" || in.Text != "" {
			return err
		}
		if f := t.fits("vector", in.Vector, in.Sparse); f != nil {
			return f
		}
		return nil
	})
	if err != nil {
		return Neighbours{}, err
	}
	if in.Text != "" {
		if err := s.vectorOf(ctx, c, t, &in); err != nil {
			return Neighbours{}, err
		}
	}
	body := queryRequest{
		TopK: in.TopK, Namespace: silent(in.Namespace), Vector: in.Vector, ID: in.ID, Sparse: in.Sparse.wire(),
		Filter: in.Filter, Values: in.Values, Metadata: in.Metadata,
	}
	out := Neighbours{Index: in.Index, Namespace: in.Namespace, Hits: []Neighbour{}}
	if err := t.query(ctx, body, &out); err != nil {
		return Neighbours{}, err
	}
	out.judge(in.MinLSN)
	if len(out.Hits) == 0 {
		note := t.nothing(ctx, len(in.Filter) > 0)
		if note == "" && in.ID != "" {
			note = fmt.Sprintf("Perhaps there is no record %s: pinecone_fetch_records tells.", shown(in.ID))
		}
		out.add(note)
	}
	return out, nil
}

// oneOf wants one thing to search by.
func (t *target) oneOf(in *queryIn) error {
	given := 0
	for _, there := range []bool{len(in.Vector) > 0, in.ID != "", in.Text != ""} {
		if there {
			given++
		}
	}
	wrong := ""
	switch {
	case given > 1:
		wrong = "Give one of vector, id and text, not several."
	case given == 0 && len(in.Sparse) == 0:
		wrong = "Give one of vector, id and text to search by; on a sparse index sparse."
	case in.ID != "" && len(in.Sparse) > 0:
		wrong = "id brings the record's own vector, so it cannot go with sparse."
	case in.Text != "" && in.Model == "" && t.model == "":
		wrong = fmt.Sprintf("The index %s does not say which model filled it. Name it in model, or give a vector of that model.", t.name)
	case in.Text != "" && t.model != "" && in.Model != "" && in.Model != t.model:
		wrong = fmt.Sprintf("The index %s was filled by its own model %s, and vectors of %s mean nothing there. Leave model out.", t.name, upstream.Clean(t.model, 100), upstream.Clean(in.Model, 100))
	}
	if wrong == "" {
		return nil
	}
	f := fault.New(fault.InvalidArguments, "%s", wrong)
	f.NotSent = true
	return f
}

// vectorOf puts the vector of the text in its place.
func (s *service) vectorOf(ctx context.Context, c *upstream.Client, t *target, in *queryIn) error {
	if !c.Allows("inference.run") {
		f := fault.New(fault.NotPermitted, "Embedding the text needs the scope pinecone:inference.run, which this call was not granted. Give a vector or an id, or ask an admin for the scope.")
		f.Needed = []string{"pinecone:inference.run"}
		f.NotSent = true
		return f
	}
	model := in.Model
	if model == "" {
		model = t.model
	}
	answer, err := s.embedded(ctx, c, model, "query", 0, in.Text)
	if err != nil {
		return err
	}
	if n := len(answer.Data[0].Values); n > 0 && t.dimension > 0 && n != t.dimension {
		// Some models can do several dimensions, and an index be filled with another
		// than the usual one. One that cannot says so.
		if other, err := s.embedded(ctx, c, model, "query", t.dimension, in.Text); err == nil {
			answer = other
		}
	}
	d := answer.Data[0]
	if t.vector == "sparse" || len(d.Values) == 0 {
		in.Sparse = (&sparseValues{d.Indices, d.Weights}).own()
	}
	in.Vector = d.Values
	if f := t.fits(fmt.Sprintf("The vector that %s made of the text", upstream.Clean(model, 100)), in.Vector, in.Sparse); f != nil {
		f.Message += " pinecone_list_models shows the dimensions of the hosted models."
		return f
	}
	return nil
}

// query reads the answer as it comes: with values it is large.
func (t *target) query(ctx context.Context, body queryRequest, out *Neighbours) error {
	budget := maxBudget
	read := reading{
		list:   "matches",
		values: func() bool { return body.Values && budget > 0 },
		take: func(m vectorModel) {
			n := Neighbour{ID: upstream.Clean(m.ID, 512), Score: m.Score, Vector: m.vector(body.Values)}
			if body.Metadata {
				n.Fields = fields(m.Metadata)
			}
			if budget -= size(n.Fields) + n.cost(); (budget < 0 && len(out.Hits) > 0) || len(out.Hits) == body.TopK {
				out.Dropped++
				return
			}
			out.Hits = append(out.Hits, n)
		},
	}
	return t.do(ctx, upstream.Request{
		Path: "/query", JSON: body, Read: true, MaxBytes: maxVectorBytes,
		Head:   func(h http.Header) { out.IndexedLSN = lsn(h, headerIndexed) },
		Stream: func(r io.Reader) error { return read.from(r) },
	}, nil)
}
