package pinecone

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

// The kinds of index, by the API that each takes.
const (
	integrated = "integrated" // embeds texts itself: records
	vectors    = "vectors"    // bare vectors
	documents  = "documents"  // a schema of fields: documents, since documentsVersion
)

// indexModel is IndexModel of db_control_2026-04, what is used of it, and the
// schema that it has in 2026-07.
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
	Schema     schemaModel `json:"schema"`
	Deployment struct {
		Cloud       string `json:"cloud"`
		Region      string `json:"region"`
		Environment string `json:"environment"`
	} `json:"deployment"` // of 2026-07, in place of spec
}

// schemaModel is IndexSchema of 2026-07.
type schemaModel struct {
	Fields map[string]fieldModel `json:"fields"`
}

type fieldModel struct {
	Type      string         `json:"type"` // dense_vector, sparse_vector, string, semantic_text, …
	Dimension int            `json:"dimension"`
	Metric    string         `json:"metric"`
	Model     string         `json:"model"`
	FullText  map[string]any `json:"full_text_search"`
	Embed     map[string]any `json:"embed"`
	Sparse    map[string]any `json:"sparse_embed"`
}

// searchable reports whether a text can be searched for in the field.
func (f fieldModel) searchable() bool {
	return f.Type == "semantic_text" || f.Type == "string" && (f.FullText != nil || f.Embed != nil || f.Sparse != nil)
}

func (f fieldModel) detail() string {
	switch {
	case f.Type == "dense_vector":
		return fmt.Sprintf("%d dimensions, %s", f.Dimension, f.Metric)
	case f.Model != "":
		return "embedded with " + f.Model
	case f.FullText != nil:
		return "full text"
	case f.Embed != nil || f.Sparse != nil:
		return "embedded"
	}
	return ""
}

// facts are what a call has to know of an index.
type facts struct {
	kind      string
	textField string // of integrated: the field that is embedded
	model     string // of integrated
	vector    string // "dense" or "sparse"; "" unknown
	metric    string
	dimension int
	schema    map[string]fieldModel // of documents
}

// facts of a documents index are told by its schema: that of any other kind has
// nothing but reserved names, which begin with "_", and filterable metadata.
func (m indexModel) facts() facts {
	f := facts{kind: vectors, vector: m.VectorType, metric: m.Metric, dimension: m.Dimension}
	if m.Embed != nil {
		f.kind, f.textField, f.model = integrated, m.textField(), m.Embed.Model
		return f
	}
	for name, field := range m.Schema.Fields {
		if !strings.HasPrefix(name, "_") && (field.searchable() || strings.HasSuffix(field.Type, "_vector")) {
			f.kind, f.schema = documents, m.Schema.Fields
		}
	}
	return f
}

// textField is the record field that the index embeds, "" if it has no model.
func (m indexModel) textField() string {
	if m.Embed == nil {
		return ""
	}
	return cmp.Or(m.Embed.FieldMap["text"], "text")
}

func (m indexModel) where() string {
	switch {
	case m.Spec.Serverless != nil:
		return upstream.Clean(m.Spec.Serverless.Cloud+" "+m.Spec.Serverless.Region, 100)
	case m.Spec.Pod != nil:
		return upstream.Clean(m.Spec.Pod.Environment, 100)
	case m.Spec.BYOC != nil:
		return upstream.Clean(m.Spec.BYOC.Environment, 100)
	case m.Deployment.Region != "":
		return upstream.Clean(m.Deployment.Cloud+" "+m.Deployment.Region, 100)
	}
	return upstream.Clean(m.Deployment.Environment, 100)
}

// getIndexes lists the indexes that a version of the API shows; a nil header is the
// version of most.
func getIndexes(ctx context.Context, c *upstream.Client, header http.Header) ([]indexModel, error) {
	var list struct {
		Indexes []indexModel `json:"indexes"`
	}
	err := c.Do(ctx, upstream.Request{Path: "/indexes", Read: true, Header: header}, &list)
	return list.Indexes, err
}

// allIndexes lists all, by name: the newer API adds the schemas, and the indexes
// that the older one does not show. A control plane that does not speak it has
// neither.
func allIndexes(ctx context.Context, c *upstream.Client) ([]indexModel, error) {
	all, err := getIndexes(ctx, c, nil)
	if err != nil {
		return nil, err
	}
	newer, err := getIndexes(ctx, c, version(documents))
	if err != nil && !refused(err) {
		return nil, err
	}
	at := map[string]int{}
	for i, m := range all {
		at[m.Name] = i
	}
	for _, m := range newer {
		if i, ok := at[m.Name]; ok {
			all[i].Schema = m.Schema
		} else {
			all = append(all, m)
		}
	}
	slices.SortFunc(all, func(a, b indexModel) int { return strings.Compare(a.Name, b.Name) })
	return all, nil
}

// noModel says that text is of no use with an index of another kind.
func (t *target) noModel() *fault.Error {
	f := fault.New(fault.InvalidArguments, "The index %s has no embedding model of its own, so it takes no text. pinecone_list_indexes shows which indexes have text search; pinecone_query_vectors searches this one, by a vector or by a text that it embeds first.", t.name)
	if t.kind == documents {
		f = fault.New(fault.InvalidArguments, "The index %s holds documents (it was made with API 2026-07 and keeps to it). Use pinecone_search_documents and pinecone_upsert_documents.", t.name)
	}
	f.NotSent = true
	return f
}

// noVectors says, of an index of documents, that it takes no bare vectors.
func (t *target) noVectors() *fault.Error {
	f := fault.New(fault.InvalidArguments, "The index %s holds documents (it was made with API 2026-07 and keeps to it): a vector is a field of a document there. Use pinecone_search_documents with type dense_vector, and pinecone_upsert_documents.", t.name)
	f.NotSent = true
	return f
}

// noDocuments says, of an index of another kind, that it takes no documents.
func (t *target) noDocuments() *fault.Error {
	other := "pinecone_query_vectors and pinecone_upsert_vectors"
	if t.kind == integrated {
		other = "pinecone_search_records and pinecone_upsert_records"
	}
	f := fault.New(fault.InvalidArguments, "The index %s holds no documents: it was made with an API before 2026-07 and keeps to it. Use %s.", t.name, other)
	f.NotSent = true
	return f
}

// fields of the schema by what they can do, in order.
func (f facts) fieldsThat(can func(fieldModel) bool) []string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(f.schema)) {
		if can(f.schema[name]) {
			all = append(all, name)
		}
	}
	return all
}
