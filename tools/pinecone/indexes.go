package pinecone

import (
	"cmp"
	"context"
	"encoding/base64"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

const maxNamespaces = 50 // listed by describe_index

// indexModel is IndexModel of db_control_2026-04, what is used of it.
type indexModel struct {
	Name       string            `json:"name"`
	Dimension  int               `json:"dimension"`
	Metric     string            `json:"metric"`
	Host       string            `json:"host"`
	VectorType string            `json:"vector_type"`
	Protection string            `json:"deletion_protection"`
	Tags       map[string]string `json:"tags"`
	Embed      *struct {
		Model    string            `json:"model"`
		FieldMap map[string]string `json:"field_map"`
	} `json:"embed"`
	Spec struct {
		Serverless *struct {
			Cloud  string `json:"cloud"`
			Region string `json:"region"`
		} `json:"serverless"`
		Pod *struct {
			Environment string `json:"environment"`
		} `json:"pod"`
		BYOC *struct {
			Environment string `json:"environment"`
		} `json:"byoc"`
	} `json:"spec"`
	Status struct {
		Ready bool   `json:"ready"`
		State string `json:"state"`
	} `json:"status"`
}

// textField is the record field that the index embeds, "" if it has no model.
func (m indexModel) textField() string {
	if m.Embed == nil {
		return ""
	}
	return cmp.Or(m.Embed.FieldMap["text"], "text")
}

func getIndexes(ctx context.Context, c *upstream.Client) ([]indexModel, error) {
	var list struct {
		Indexes []indexModel `json:"indexes"`
	}
	err := c.Get(ctx, "/indexes", nil, &list)
	return list.Indexes, err
}

func getIndex(ctx context.Context, c *upstream.Client, index string) (indexModel, error) {
	var m indexModel
	err := c.Get(ctx, "/indexes/"+url.PathEscape(index), nil, &m)
	return m, err
}

// Index is one index, for a model.
type Index struct {
	Name       string `json:"name"`
	Searchable bool   `json:"text_search"` // has an embedding model of its own
	Model      string `json:"model,omitempty"`
	TextField  string `json:"text_field,omitempty"` // what a record's text is called
	VectorType string `json:"vector_type,omitempty"`
	Dimension  int    `json:"dimension,omitempty"`
	Metric     string `json:"metric,omitempty"`
	State      string `json:"state"`
}

func summary(m indexModel) Index {
	ix := Index{
		Name:       upstream.Clean(m.Name, 45),
		VectorType: upstream.Clean(m.VectorType, 40),
		Dimension:  m.Dimension,
		Metric:     upstream.Clean(m.Metric, 40),
		State:      upstream.Clean(m.Status.State, 40),
	}
	if m.Embed != nil {
		ix.Searchable = true
		ix.Model = upstream.Clean(m.Embed.Model, 100)
		ix.TextField = upstream.Clean(m.textField(), 100)
	}
	return ix
}

func (i Index) line() string {
	s := i.Name + "  " + i.State
	if i.Searchable {
		s += fmt.Sprintf("  text search with %s on field %s", i.Model, i.TextField)
	} else {
		s += "  vectors only"
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
	after, err := base64.RawURLEncoding.DecodeString(in.Cursor)
	if err != nil {
		return IndexList{}, fault.New(fault.InvalidArguments, "cursor is not one that pinecone_list_indexes gave. Leave it out to begin anew.")
	}
	all, err := getIndexes(ctx, c)
	if err != nil {
		return IndexList{}, err
	}
	all = slices.DeleteFunc(all, func(m indexModel) bool {
		return !strings.Contains(strings.ToLower(m.Name), strings.ToLower(in.NameContains))
	})
	slices.SortFunc(all, func(a, b indexModel) int { return strings.Compare(a.Name, b.Name) })
	out := IndexList{Indexes: []Index{}, Total: len(all)}
	for _, m := range all {
		if m.Name <= string(after) && len(after) > 0 {
			continue
		}
		if len(out.Indexes) == in.Limit {
			out.Next = base64.RawURLEncoding.EncodeToString([]byte(out.Indexes[in.Limit-1].Name))
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

// Description is the answer of pinecone_describe_index.
type Description struct {
	Index
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
	if d.Where != "" {
		fmt.Fprintf(&b, "in %s\n", d.Where)
	}
	for _, n := range d.Namespaces {
		fmt.Fprintf(&b, "namespace %s  %d records\n", n.Name, n.Records)
	}
	if d.More > 0 {
		fmt.Fprintf(&b, "and %d more namespaces\n", d.More)
	}
	return b.String()
}

func (s *service) describeIndex(ctx context.Context, c *upstream.Client, in describeIndexIn) (Description, error) {
	m, err := getIndex(ctx, c, in.Index)
	if err != nil {
		return Description{}, err
	}
	d := Description{
		Index:     summary(m),
		Host:      upstream.Clean(m.Host, 253),
		Protected: m.Protection == "enabled",
	}
	switch {
	case m.Spec.Serverless != nil:
		d.Where = upstream.Clean(m.Spec.Serverless.Cloud+" "+m.Spec.Serverless.Region, 100)
	case m.Spec.Pod != nil:
		d.Where = upstream.Clean(m.Spec.Pod.Environment, 100)
	case m.Spec.BYOC != nil:
		d.Where = upstream.Clean(m.Spec.BYOC.Environment, 100)
	}
	for k, v := range m.Tags {
		if d.Tags == nil {
			d.Tags = map[string]string{}
		}
		if len(d.Tags) < 50 {
			d.Tags[upstream.Clean(k, 80)] = upstream.Clean(v, 120)
		}
	}
	ix, err := s.learn(c, in.Index, m)
	if err != nil {
		return d, nil // not ready, or a host that is not to be trusted: no namespaces
	}
	if d.Namespaces, d.More, err = s.namespaces(ctx, c, in.Index, ix); err != nil {
		if ctx.Err() != nil {
			return d, err
		}
		return d, nil // a key for the control plane only may not ask
	}
	return d, nil
}

// namespaces lists the largest ones.
func (s *service) namespaces(ctx context.Context, c *upstream.Client, index string, ix known) ([]Namespace, int, error) {
	var stats struct {
		Namespaces map[string]struct {
			VectorCount int64 `json:"vectorCount"`
		} `json:"namespaces"`
	}
	req := upstream.Request{Path: "/describe_index_stats", JSON: struct{}{}, Read: true}
	if err := s.onIndex(ctx, c, index, ix, true, req, &stats); err != nil {
		return nil, 0, err
	}
	var all []Namespace
	for n, v := range stats.Namespaces {
		all = append(all, Namespace{upstream.Clean(cmp.Or(n, defaultNamespace), 200), v.VectorCount})
	}
	slices.SortFunc(all, func(a, b Namespace) int {
		return cmp.Or(cmp.Compare(b.Records, a.Records), cmp.Compare(a.Name, b.Name))
	})
	more := max(0, len(all)-maxNamespaces)
	return all[:len(all)-more], more, nil
}
