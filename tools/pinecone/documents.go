package pinecone

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"toolvault/schemas/near"
	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

// The Documents API of 2026-07: POST /namespaces/{ns}/documents/{search|fetch|list|
// upsert|update|delete}. Its official description is not public as a file; the
// shapes are those of the vendor's own client for Node.js, version 9.0.0.

func (s *service) documentTools() []tools.Tool {
	return []tools.Tool{tools.New("pinecone_search_documents", s.searchDocuments)}
}

func (t *target) documentsPath(method string) string {
	return "/namespaces/" + url.PathEscape(t.space) + "/documents/" + method
}

type searchDocumentsIn struct {
	Index     string         `json:"index"`
	Namespace string         `json:"namespace"`
	Type      string         `json:"type"`
	Query     string         `json:"query"`
	Vector    numbers        `json:"vector"`
	Sparse    sparse         `json:"sparse"`
	In        []string       `json:"search_fields"`
	TopK      int            `json:"top_k"`
	Filter    map[string]any `json:"filter"`
	Fields    []string       `json:"fields"`
}

// Documents is the answer of pinecone_search_documents.
type Documents struct {
	Index     string `json:"index"`
	Namespace string `json:"namespace"`
	Hits      []Hit  `json:"hits"` // best first
	Dropped   int    `json:"dropped,omitempty"`
	Note      string `json:"note,omitempty"`
}

// Text is one line a document: score, id, fields.
func (d Documents) Text() string {
	var b strings.Builder
	if len(d.Hits) == 0 {
		fmt.Fprintf(&b, "Nothing found in namespace %s of %s.\n", shown(d.Namespace), d.Index)
	}
	for _, h := range d.Hits {
		fmt.Fprintf(&b, "%.4g  %s  %s\n", h.Score, shown(h.ID), line(h.Fields))
	}
	droppedLine(&b, d.Dropped)
	if d.Note != "" {
		b.WriteString(d.Note + "\n")
	}
	return b.String()
}

// The request of documents/search. Without include_fields it answers no field.
type (
	documentsRequest struct {
		ScoreBy []scoring      `json:"score_by"`
		TopK    int            `json:"top_k"`
		Include []string       `json:"include_fields"`
		Filter  map[string]any `json:"filter,omitempty"`
	}
	scoring struct {
		Type   string        `json:"type"`
		Fields []string      `json:"fields,omitempty"`
		Query  string        `json:"query,omitempty"`
		Values []float64     `json:"values,omitempty"`
		Sparse *sparseValues `json:"sparse_values,omitempty"`
	}
)

func (s *service) searchDocuments(ctx context.Context, c *upstream.Client, in searchDocumentsIn) (Documents, error) {
	if err := checkFilter(in.Filter, true); err != nil {
		return Documents{}, err
	}
	var by scoring
	t, err := s.checked(ctx, c, in.Index, in.Namespace, func(t *target) (err error) {
		if t.kind != documents {
			return t.noDocuments()
		}
		by, err = t.scoring(in)
		return err
	})
	if err != nil {
		return Documents{}, err
	}
	body := documentsRequest{ScoreBy: []scoring{by}, TopK: in.TopK, Include: in.Fields, Filter: in.Filter}
	if len(body.Include) == 0 {
		body.Include = []string{"*"}
	}
	out := Documents{Index: in.Index, Namespace: in.Namespace, Hits: []Hit{}}
	budget := maxBudget
	read := reading{list: "matches", keys: t.vectorFields(), document: func(_ string, m map[string]json.RawMessage) {
		var h Hit
		_ = json.Unmarshal(m["_id"], &h.ID)
		_ = json.Unmarshal(m["_score"], &h.Score) // null where it is no finite number
		delete(m, "_score")
		h.Fields = fields(t.asRecord(h.ID, m, false).Metadata)
		if budget -= size(h.Fields); budget < 0 && len(out.Hits) > 0 || len(out.Hits) == in.TopK {
			out.Dropped++
			return
		}
		h.ID = upstream.Clean(h.ID, 512)
		out.Hits = append(out.Hits, h)
	}}
	err = t.do(ctx, upstream.Request{
		Path: t.documentsPath("search"), JSON: body, Read: true, MaxBytes: maxVectorBytes,
		Stream: func(r io.Reader) error { return read.from(r) },
	}, nil)
	if err != nil {
		return Documents{}, err
	}
	if len(out.Hits) == 0 {
		out.Note = t.nothing(ctx, len(in.Filter) > 0)
	}
	return out, nil
}

func (t *target) vectorFields() []string {
	return t.fieldsThat(func(f fieldModel) bool { return f.Type == "dense_vector" })
}

// scoring is how the documents are to be compared, checked against the schema.
func (t *target) scoring(in searchDocumentsIn) (scoring, error) {
	by := scoring{Type: in.Type, Fields: in.In}
	refuse := func(format string, args ...any) (scoring, error) {
		f := fault.New(fault.InvalidArguments, format, args...)
		f.NotSent = true
		return by, f
	}
	can := func(f fieldModel) bool { return f.Type == in.Type }
	if in.Type == "text" {
		can = fieldModel.searchable
	}
	able := t.fieldsThat(can)
	if in.Type != "query_string" {
		if len(able) == 0 {
			return refuse("The index %s has no field for a search of type %s. pinecone_describe_index shows its fields.", t.name, in.Type)
		}
		for _, name := range in.In {
			if !slices.Contains(able, name) {
				return refuse("search_fields: %s", notAmong(name, able, in.Type))
			}
		}
		if len(by.Fields) == 0 {
			by.Fields = able
		}
	}
	switch in.Type {
	case "text", "query_string":
		if by.Query = strings.TrimSpace(in.Query); by.Query == "" {
			return refuse("query is missing: the words to search for.")
		}
		if in.Type == "query_string" && len(in.In) > 0 {
			return refuse("A query_string names its fields itself, as in title:\"csv export\". Leave search_fields out.")
		}
		return by, nil
	}
	if len(by.Fields) != 1 {
		return refuse("A search by vector takes one field; search_fields must name one of: %s.", strings.Join(able, ", "))
	}
	field := *t
	field.facts = facts{vector: strings.TrimSuffix(in.Type, "_vector"), dimension: t.schema[by.Fields[0]].Dimension, metric: t.schema[by.Fields[0]].Metric}
	if f := field.fits("vector", in.Vector, in.Sparse); f != nil {
		return by, f
	}
	by.Values, by.Sparse = in.Vector, in.Sparse.wire()
	return by, nil
}

func notAmong(name string, able []string, kind string) string {
	shown := upstream.Clean(name, 80)
	if m := near.Match(name, able); m != "" {
		return fmt.Sprintf("there is no field %q for a search of type %s. Did you mean %q?", shown, kind, m)
	}
	return fmt.Sprintf("there is no field %q for a search of type %s. There are: %s.", shown, kind, upstream.Clean(strings.Join(able, ", "), 400))
}

// asRecord is a document, as it comes through thin, in the form of a record: its
// vector fields are told by their dimension, and the values kept only where they
// are wanted.
func (t *target) asRecord(id string, doc map[string]json.RawMessage, withValues bool) vectorModel {
	m := vectorModel{ID: id, Metadata: doc}
	delete(doc, "_id")
	for name, field := range t.schema {
		raw, there := doc[name]
		if !there {
			continue
		}
		switch field.Type {
		case "dense_vector":
			m.Values = &thinned{N: field.Dimension}
			_ = json.Unmarshal(raw, m.Values)
			delete(doc, name)
		case "sparse_vector":
			if withValues {
				_ = json.Unmarshal(raw, &m.Sparse)
			}
			delete(doc, name)
		}
	}
	return m
}

// documentWrong says what is wrong with a document; "" nothing.
func (t *target) documentWrong(doc map[string]json.RawMessage) string {
	for name, raw := range doc {
		field, declared := t.schema[name]
		text := bytes.TrimSpace(raw)
		switch {
		case name == "_id":
		case strings.HasPrefix(name, "$") || strings.HasPrefix(name, "_"):
			return fmt.Sprintf("the name %q is reserved: names begin with neither _ nor $.", upstream.Clean(name, 80))
		case string(text) == "null":
			return fmt.Sprintf("%s is null, which cannot be kept. Leave it out.", upstream.Clean(name, 80))
		case declared && field.Type == "dense_vector":
			var v numbers
			if json.Unmarshal(raw, &v) != nil || field.Dimension > 0 && len(v) != field.Dimension {
				return fmt.Sprintf("%s must be a list of %d numbers, and has %d.", name, field.Dimension, len(v))
			}
		case declared && field.Type == "sparse_vector":
		case declared && field.searchable():
			if text[0] != '"' {
				return fmt.Sprintf("%s must be a text: the index searches it.", name)
			}
		case text[0] == '{':
			return fmt.Sprintf("%s is an object, and metadata is flat. Write its parts as fields of their own.", upstream.Clean(name, 80))
		}
	}
	return ""
}

// headLSN reads the lsn of a write from the headers.
func headLSN(into **int64) func(http.Header) {
	return func(h http.Header) {
		if n := lsn(h, headerWritten); n != nil {
			*into = n
		}
	}
}
