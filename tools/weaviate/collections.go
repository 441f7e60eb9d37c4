package weaviate

import (
	"context"
	"fmt"
	"strings"

	"toolvault/tools"
	"toolvault/tools/upstream"
)

func (s *service) collectionTools() []tools.Tool {
	return []tools.Tool{
		tools.New("weaviate_list_collections", s.listCollections),
		tools.New("weaviate_get_collection", s.getCollection),
	}
}

type listCollectionsIn struct {
	NameContains string `json:"name_contains"`
	Limit        int    `json:"limit"`
	Cursor       string `json:"cursor"`
}

// Brief is a collection in a list.
type Brief struct {
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
	Properties  int    `json:"properties"`
	Semantic    bool   `json:"semantic"`     // the server makes vectors of texts
	MultiTenant bool   `json:"multi_tenant"` // calls need a tenant
}

// Collections is the answer of weaviate_list_collections.
type Collections struct {
	Collections []Brief `json:"collections"`
	Total       int     `json:"total"`
	Next        string  `json:"next_cursor,omitempty"`
}

// Text is a line a collection.
func (l Collections) Text() string {
	var b strings.Builder
	for _, col := range l.Collections {
		fmt.Fprintf(&b, "%s: %d properties", col.Name, col.Properties)
		if col.Semantic {
			b.WriteString(", searched by meaning and by words")
		} else {
			b.WriteString(", searched by words only")
		}
		if col.MultiTenant {
			b.WriteString(", with tenants")
		}
		if col.Description != "" {
			b.WriteString(" " + upstream.Quote(col.Description))
		}
		b.WriteByte('\n')
	}
	if len(l.Collections) == 0 {
		b.WriteString("No collection.\n")
	}
	if l.Next != "" {
		fmt.Fprintf(&b, "%d in all; more with next_cursor %s\n", l.Total, l.Next)
	}
	return b.String()
}

func (s *service) listCollections(ctx context.Context, c *upstream.Client, in listCollectionsIn) (Collections, error) {
	query := in
	query.Cursor = ""
	at, err := tools.OpenPosition(query, in.Cursor)
	if err != nil {
		return Collections{}, err
	}
	all, err := classes(ctx, c)
	if err != nil {
		return Collections{}, err
	}
	fitting := []Brief{}
	for _, col := range all {
		if strings.Contains(strings.ToLower(col.name), strings.ToLower(in.NameContains)) {
			fitting = append(fitting, Brief{col.name, col.description, len(col.properties), col.semantic(), col.tenants})
		}
	}
	out := Collections{Total: len(fitting)}
	out.Collections, out.Next = tools.Page(query, at, fitting, in.Limit, "")
	return out, nil
}

type getCollectionIn struct {
	Collection string `json:"collection"`
}

// Field is a property of a collection.
type Field struct {
	Name        string   `json:"name"`
	Type        string   `json:"type"`
	Description string   `json:"description,omitempty"`
	Filter      bool     `json:"filter"` // can be filtered and grouped by
	Words       bool     `json:"words"`  // is searched for words
	Exact       bool     `json:"exact"`  // a text that eq compares as a whole, not word by word
	Targets     []string `json:"targets,omitempty"`
	Fields      []string `json:"fields,omitempty"` // of an object: "lang text"
}

// Vectorizer is one of the vectors of a collection, and what makes it.
type Vectorizer struct {
	Name   string `json:"name,omitempty"`
	Module string `json:"module"` // "none": whoever writes objects brings them
}

// Schema is the answer of weaviate_get_collection.
type Schema struct {
	Name        string       `json:"name"`
	Description string       `json:"description,omitempty"`
	Properties  []Field      `json:"properties"`
	Vectors     []Vectorizer `json:"vectors"`
	MultiTenant bool         `json:"multi_tenant"`
	Empty       bool         `json:"filter_empty"` // the filter op empty works
	Created     bool         `json:"created,omitempty"`
	Note        string       `json:"note,omitempty"`
}

// Text is the collection and a line a property.
func (m Schema) Text() string {
	var b strings.Builder
	b.WriteString(m.Name)
	if m.MultiTenant {
		b.WriteString(", with tenants")
	}
	if m.Description != "" {
		b.WriteString(" " + upstream.Quote(m.Description))
	}
	b.WriteByte('\n')
	for _, v := range m.Vectors {
		maker := "made by " + v.Module
		if v.Module == "none" {
			maker = "the server makes none of texts"
		}
		fmt.Fprintf(&b, "vector %s: %s\n", orNone(v.Name), maker)
	}
	for _, p := range m.Properties {
		fmt.Fprintf(&b, "- %s: %s", p.Name, p.Type)
		if len(p.Targets) > 0 {
			b.WriteString(" to " + strings.Join(p.Targets, ", "))
		}
		if len(p.Fields) > 0 {
			b.WriteString(" of " + strings.Join(p.Fields, ", "))
		}
		switch {
		case p.Exact:
			b.WriteString(", compared as a whole")
		case p.Words:
			b.WriteString(", compared word by word")
		}
		if !p.Filter {
			b.WriteString(", no filter")
		}
		if p.Description != "" {
			b.WriteString(" " + upstream.Quote(p.Description))
		}
		b.WriteByte('\n')
	}
	if m.Note != "" {
		b.WriteString(m.Note + "\n")
	}
	return b.String()
}

func (s *service) getCollection(ctx context.Context, c *upstream.Client, in getCollectionIn) (Schema, error) {
	s.collections.Forget(keyOf(c, in.Collection)) // who asks wants to know how it is now
	col, err := s.checked(ctx, c, in.Collection, func(*collection) error { return nil })
	if err != nil {
		return Schema{}, err
	}
	return col.shown(), nil
}

func (col *collection) shown() Schema {
	out := Schema{
		Name: col.name, Description: col.description, MultiTenant: col.tenants, Empty: col.nullState,
		Properties: []Field{}, Vectors: []Vectorizer{},
	}
	for _, p := range col.properties {
		f := Field{Name: p.name, Type: p.kind, Description: p.description, Filter: p.filterable, Words: p.searchable, Targets: p.targets}
		f.Exact = p.searchable && p.tokenization == "field"
		for _, n := range p.nested {
			f.Fields = append(f.Fields, n.name+" "+n.kind)
		}
		out.Properties = append(out.Properties, f)
	}
	for _, v := range col.vectors {
		out.Vectors = append(out.Vectors, Vectorizer{v.name, v.vectorizer})
	}
	return out
}

// semantic reports whether the server makes a vector of a text for the collection.
func (col *collection) semantic() bool {
	for _, v := range col.vectors {
		if v.vectorizer != "none" {
			return true
		}
	}
	return false
}
