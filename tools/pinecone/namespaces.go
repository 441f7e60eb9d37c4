package pinecone

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

func (s *service) namespaceTools() []tools.Tool {
	return []tools.Tool{
		tools.New("pinecone_index_stats", s.indexStats),
		tools.New("pinecone_list_namespaces", s.listNamespaces),
		tools.New("pinecone_create_namespace", s.createNamespace),
		tools.New("pinecone_delete_namespace", s.deleteNamespace),
	}
}

// stats is what an index says of its contents.
type stats struct {
	total     int64
	dimension int
	metric    string
	vector    string
	fullness  float64
	spaces    []Namespace // the largest first
}

func (s stats) largest(n int) ([]Namespace, int) {
	more := max(0, len(s.spaces)-n)
	return s.spaces[:len(s.spaces)-more], more
}

// stats asks POST /describe_index_stats, which counts per namespace.
func (t *target) stats(ctx context.Context) (stats, error) {
	var answer struct {
		Namespaces map[string]struct {
			VectorCount int64 `json:"vectorCount"`
		} `json:"namespaces"`
		Total     int64   `json:"totalVectorCount"`
		Dimension int     `json:"dimension"`
		Metric    string  `json:"metric"`
		Vector    string  `json:"vectorType"`
		Fullness  float64 `json:"indexFullness"`
	}
	whole := *t
	whole.space = ""
	err := whole.do(ctx, upstream.Request{Path: "/describe_index_stats", JSON: struct{}{}, Read: true}, &answer)
	if err != nil {
		return stats{}, err
	}
	out := stats{total: answer.Total, dimension: answer.Dimension, metric: answer.Metric, vector: answer.Vector, fullness: answer.Fullness}
	for n, v := range answer.Namespaces {
		out.spaces = append(out.spaces, Namespace{upstream.Clean(cmp.Or(n, defaultNamespace), 200), v.VectorCount})
	}
	slices.SortFunc(out.spaces, func(a, b Namespace) int {
		return cmp.Or(cmp.Compare(b.Records, a.Records), cmp.Compare(a.Name, b.Name))
	})
	return out, nil
}

type indexStatsIn struct {
	Index string `json:"index"`
	Limit int    `json:"limit"`
}

// Stats is the answer of pinecone_index_stats.
type Stats struct {
	Index      string      `json:"index"`
	Total      int64       `json:"total"`
	Dimension  int         `json:"dimension,omitempty"`
	Metric     string      `json:"metric,omitempty"`
	VectorType string      `json:"vector_type,omitempty"`
	Fullness   float64     `json:"fullness,omitempty"` // of a pod index, 0 to 1
	Namespaces []Namespace `json:"namespaces"`
	More       int         `json:"more_namespaces,omitempty"`
}

// Text is the total and one line a namespace.
func (s Stats) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s holds %d records", shown(s.Index), s.Total)
	if s.Dimension > 0 {
		fmt.Fprintf(&b, " of %d dimensions", s.Dimension)
	}
	if s.Fullness > 0 {
		fmt.Fprintf(&b, ", %.0f %% full", 100*s.Fullness)
	}
	b.WriteString("\n")
	spaceLines(&b, s.Namespaces, s.More)
	return b.String()
}

func (s *service) indexStats(ctx context.Context, c *upstream.Client, in indexStatsIn) (Stats, error) {
	t, err := s.target(ctx, c, in.Index, "")
	if err != nil {
		return Stats{}, err
	}
	got, err := t.stats(ctx)
	if err != nil {
		return Stats{}, err
	}
	out := Stats{
		Index: in.Index, Total: got.total, Dimension: got.dimension, Fullness: got.fullness,
		Metric: upstream.Clean(got.metric, 40), VectorType: upstream.Clean(got.vector, 40),
	}
	out.Namespaces, out.More = got.largest(in.Limit)
	if out.Namespaces == nil {
		out.Namespaces = []Namespace{}
	}
	return out, nil
}

type listNamespacesIn struct {
	Index  string `json:"index"`
	Prefix string `json:"prefix"`
	Limit  int    `json:"limit"`
	Cursor string `json:"cursor"`
}

// Space is a namespace as the list shows it.
type Space struct {
	Namespace
	Filterable []string `json:"filterable,omitempty"` // where only these fields are
}

// Spaces is the answer of pinecone_list_namespaces.
type Spaces struct {
	Index      string  `json:"index"`
	Namespaces []Space `json:"namespaces"` // in order of their names
	Total      int     `json:"total,omitempty"`
	Next       string  `json:"next_cursor,omitempty"`
}

// Text is one line a namespace.
func (s Spaces) Text() string {
	if len(s.Namespaces) == 0 {
		return "No namespace."
	}
	var b strings.Builder
	for _, n := range s.Namespaces {
		fmt.Fprintf(&b, "%s  %d records", shown(n.Name), n.Records)
		if len(n.Filterable) > 0 {
			b.WriteString("  filterable: " + shownAll(n.Filterable))
		}
		b.WriteString("\n")
	}
	if s.Next != "" {
		fmt.Fprintf(&b, "next_cursor: %s\n", s.Next)
	}
	return b.String()
}

type spaceModel struct {
	Name    string `json:"name"`
	Records int64  `json:"record_count"`
	Schema  struct {
		Fields map[string]struct{} `json:"fields"`
	} `json:"schema"`
}

func (s *service) listNamespaces(ctx context.Context, c *upstream.Client, in listNamespacesIn) (Spaces, error) {
	query := listNamespacesIn{Index: in.Index, Prefix: in.Prefix}
	at, err := tools.OpenPosition(query, in.Cursor)
	if err != nil {
		return Spaces{}, err
	}
	t, err := s.target(ctx, c, in.Index, "")
	if err != nil {
		return Spaces{}, err
	}
	q := url.Values{"limit": {strconv.Itoa(in.Limit)}}
	if in.Prefix != "" {
		q.Set("prefix", in.Prefix)
	}
	if at.Cursor != "" {
		q.Set("paginationToken", at.Cursor)
	}
	var answer struct {
		Namespaces []spaceModel `json:"namespaces"`
		Pagination struct {
			Next string `json:"next"`
		} `json:"pagination"`
		Total int `json:"total_count"`
	}
	if err := t.do(ctx, upstream.Request{Path: "/namespaces", Query: q, Read: true}, &answer); err != nil {
		return Spaces{}, err
	}
	all := make([]Space, 0, len(answer.Namespaces))
	for _, n := range answer.Namespaces {
		space := Space{Namespace: Namespace{upstream.Clean(cmp.Or(n.Name, defaultNamespace), 200), n.Records}}
		for name := range n.Schema.Fields {
			if len(space.Filterable) < maxFields {
				space.Filterable = append(space.Filterable, upstream.Clean(name, 100))
			}
		}
		slices.Sort(space.Filterable)
		all = append(all, space)
	}
	out := Spaces{Index: in.Index, Total: answer.Total}
	out.Namespaces, out.Next = tools.Page(query, at, all, in.Limit, answer.Pagination.Next)
	return out, nil
}

type createNamespaceIn struct {
	Index string `json:"index"`
	Name  string `json:"name"`
}

// CreatedNamespace is the answer of pinecone_create_namespace.
type CreatedNamespace struct {
	Index   string `json:"index"`
	Name    string `json:"name"`
	Created bool   `json:"created"` // false: it was there
}

// Text says whether it is new.
func (n CreatedNamespace) Text() string {
	if n.Created {
		return fmt.Sprintf("Made the namespace %s in %s.", shown(n.Name), n.Index)
	}
	return fmt.Sprintf("The namespace %s was there already in %s; nothing was changed.", shown(n.Name), n.Index)
}

func (s *service) createNamespace(ctx context.Context, c *upstream.Client, in createNamespaceIn) (CreatedNamespace, error) {
	t, err := s.target(ctx, c, in.Index, "")
	if err != nil {
		return CreatedNamespace{}, err
	}
	err = t.do(ctx, upstream.Request{Path: "/namespaces", JSON: map[string]string{"name": in.Name}}, nil)
	var f *fault.Error
	if errors.As(err, &f) && f.Status == http.StatusConflict {
		return CreatedNamespace{Index: in.Index, Name: upstream.Clean(in.Name, 512)}, nil
	}
	return CreatedNamespace{Index: in.Index, Name: upstream.Clean(in.Name, 512), Created: true}, err
}

type deleteNamespaceIn struct {
	Index     string `json:"index"`
	Namespace string `json:"namespace"`
	Confirm   string `json:"confirm"`
}

// DeletedNamespace is the answer of pinecone_delete_namespace.
type DeletedNamespace struct {
	Index     string `json:"index"`
	Namespace string `json:"namespace"`
	Records   int64  `json:"records"` // that it held
}

// Text says what is gone.
func (n DeletedNamespace) Text() string {
	return fmt.Sprintf("Deleted the namespace %s of %s with its %d records.", shown(n.Namespace), n.Index, n.Records)
}

func (s *service) deleteNamespace(ctx context.Context, c *upstream.Client, in deleteNamespaceIn) (DeletedNamespace, error) {
	if in.Confirm != in.Namespace {
		return DeletedNamespace{}, unconfirmed("namespace", in.Namespace)
	}
	t, err := s.target(ctx, c, in.Index, in.Namespace)
	if err != nil {
		return DeletedNamespace{}, err
	}
	path := "/namespaces/" + url.PathEscape(in.Namespace)
	var there spaceModel
	if err := t.do(ctx, upstream.Request{Path: path, Read: true}, &there); err != nil {
		return DeletedNamespace{}, err
	}
	err = t.do(ctx, upstream.Request{Method: http.MethodDelete, Path: path}, nil)
	return DeletedNamespace{Index: in.Index, Namespace: in.Namespace, Records: there.Records}, err
}

// unconfirmed refuses to delete what was not named twice.
func unconfirmed(what, name string) *fault.Error {
	f := fault.New(fault.InvalidArguments, "confirm must be the name of the %s once more (%s): deleting it cannot be undone. Nothing was deleted.", what, quote(upstream.Clean(name, 80)))
	f.NotSent = true
	return f
}
