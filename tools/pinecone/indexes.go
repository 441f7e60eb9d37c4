package pinecone

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"toolvault/tools"
	"toolvault/tools/upstream"
)

const maxNamespaces = 50 // listed by describe_index

func (s *service) indexTools() []tools.Tool {
	return []tools.Tool{
		tools.New("pinecone_list_indexes", s.listIndexes),
		tools.New("pinecone_describe_index", s.describeIndex),
	}
}

// Index is one index, for a model.
type Index struct {
	Name       string `json:"name"`
	Kind       string `json:"kind"`        // integrated, vectors or documents
	Searchable bool   `json:"text_search"` // has an embedding model of its own
	Model      string `json:"model,omitempty"`
	TextField  string `json:"text_field,omitempty"` // what a record's text is called
	VectorType string `json:"vector_type,omitempty"`
	Dimension  int    `json:"dimension,omitempty"`
	Metric     string `json:"metric,omitempty"`
	State      string `json:"state"`
}

func summary(m indexModel) Index {
	f := m.facts()
	ix := Index{
		Name:       upstream.Clean(m.Name, 45),
		Kind:       f.kind,
		VectorType: upstream.Clean(m.VectorType, 40),
		Dimension:  m.Dimension,
		Metric:     upstream.Clean(m.Metric, 40),
		State:      upstream.Clean(m.Status.State, 40),
	}
	if f.kind == integrated {
		ix.Searchable = true
		ix.Model = upstream.Clean(f.model, 100)
		ix.TextField = upstream.Clean(f.textField, 100)
	}
	return ix
}

func (i Index) line() string {
	s := shown(i.Name) + "  " + i.State
	switch {
	case i.Searchable:
		s += fmt.Sprintf("  text search with %s on field %s", shown(i.Model), shown(i.TextField))
	case i.Kind == documents:
		s += "  documents"
	default:
		s += "  vectors only"
	}
	if i.VectorType == "sparse" {
		s += "  sparse"
	}
	if i.Dimension > 0 {
		s += fmt.Sprintf("  %d dimensions, %s", i.Dimension, i.Metric)
	}
	return s
}

type listIndexesIn struct {
	NameContains string `json:"name_contains"`
	Limit        int    `json:"limit"`
	Cursor       string `json:"cursor"`
}

// IndexList is the answer of pinecone_list_indexes.
type IndexList struct {
	Indexes []Index `json:"indexes"`
	Total   int     `json:"total"`
	Next    string  `json:"next_cursor,omitempty"`
}

// Text is one line an index.
func (l IndexList) Text() string {
	if len(l.Indexes) == 0 {
		return "No index."
	}
	var b strings.Builder
	for _, i := range l.Indexes {
		b.WriteString(i.line() + "\n")
	}
	if l.Next != "" {
		fmt.Fprintf(&b, "%d of %d. next_cursor: %s\n", len(l.Indexes), l.Total, l.Next)
	}
	return b.String()
}

// listIndexes pages by name, since the API answers all at once: an index that
// comes or goes between two pages moves nothing.
func (s *service) listIndexes(ctx context.Context, c *upstream.Client, in listIndexesIn) (IndexList, error) {
	query := listIndexesIn{NameContains: in.NameContains}
	after, err := tools.OpenCursor(query, in.Cursor)
	if err != nil {
		return IndexList{}, err
	}
	all, err := allIndexes(ctx, c)
	if err != nil {
		return IndexList{}, err
	}
	all = slices.DeleteFunc(all, func(m indexModel) bool {
		return !strings.Contains(strings.ToLower(m.Name), strings.ToLower(in.NameContains))
	})
	out := IndexList{Indexes: []Index{}, Total: len(all)}
	for _, m := range all {
		if m.Name <= after && after != "" {
			continue
		}
		if len(out.Indexes) == in.Limit {
			out.Next = tools.Cursor(query, out.Indexes[in.Limit-1].Name)
			break
		}
		out.Indexes = append(out.Indexes, summary(m))
	}
	return out, nil
}

type describeIndexIn struct {
	Index string `json:"index"`
}

// Namespace is a part of an index.
type Namespace struct {
	Name    string `json:"name"`
	Records int64  `json:"records"`
}

// Field is a field that an index of documents searches.
type Field struct {
	Name   string `json:"name"`
	Type   string `json:"type"`
	Detail string `json:"detail,omitempty"`
}

// Description is the answer of pinecone_describe_index.
type Description struct {
	Index
	Fields     []Field           `json:"fields,omitempty"`
	Host       string            `json:"host,omitempty"`
	Where      string            `json:"where,omitempty"` // cloud and region
	Protected  bool              `json:"deletion_protected"`
	Tags       map[string]string `json:"tags,omitempty"`
	Namespaces []Namespace       `json:"namespaces,omitempty"` // absent where the key may not see them
	More       int               `json:"more_namespaces,omitempty"`
}

// Text is the index in a line and its namespaces below.
func (d Description) Text() string {
	var b strings.Builder
	b.WriteString(d.line() + "\n")
	for _, f := range d.Fields {
		fmt.Fprintf(&b, "field %s  %s  %s\n", shown(f.Name), f.Type, f.Detail)
	}
	if d.Where != "" {
		fmt.Fprintf(&b, "in %s\n", d.Where)
	}
	if d.Protected {
		b.WriteString("protected against deletion\n")
	}
	for _, k := range slices.Sorted(maps.Keys(d.Tags)) {
		fmt.Fprintf(&b, "tag %s: %s\n", shown(k), shown(d.Tags[k]))
	}
	spaceLines(&b, d.Namespaces, d.More)
	return b.String()
}

func spaceLines(b *strings.Builder, all []Namespace, more int) {
	for _, n := range all {
		fmt.Fprintf(b, "namespace %s  %d records\n", shown(n.Name), n.Records)
	}
	if more > 0 {
		fmt.Fprintf(b, "and %d more namespaces\n", more)
	}
}

func (s *service) describeIndex(ctx context.Context, c *upstream.Client, in describeIndexIn) (Description, error) {
	m, err := s.describe(ctx, c, in.Index)
	if err != nil {
		return Description{}, err
	}
	d := describe(m)
	ix, err := s.learn(c, in.Index, m)
	if err != nil {
		return d, nil // not ready, or a host that is not to be trusted: no namespaces
	}
	stats, err := (&target{s: s, c: c, name: in.Index, known: ix, sure: true}).stats(ctx)
	if err != nil {
		return d, ctx.Err() // a key for the control plane only may not ask
	}
	d.Namespaces, d.More = stats.largest(maxNamespaces)
	return d, nil
}

// describe is what the control plane says of an index.
func describe(m indexModel) Description {
	d := Description{
		Index:     summary(m),
		Host:      upstream.Clean(m.Host, 253),
		Where:     m.where(),
		Protected: m.Protection == "enabled",
	}
	if d.Kind == documents {
		for _, name := range slices.Sorted(maps.Keys(m.Schema.Fields)) {
			if f := m.Schema.Fields[name]; len(d.Fields) < 100 {
				d.Fields = append(d.Fields, Field{upstream.Clean(name, 100), upstream.Clean(f.Type, 40), upstream.Clean(f.detail(), 120)})
			}
		}
	}
	for _, k := range slices.Sorted(maps.Keys(m.Tags)) {
		if d.Tags == nil {
			d.Tags = map[string]string{}
		}
		if len(d.Tags) < 50 {
			d.Tags[upstream.Clean(k, 80)] = upstream.Clean(m.Tags[k], 120)
		}
	}
	return d
}
