package weaviate

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

func (s *service) schemaTools() []tools.Tool {
	return []tools.Tool{
		tools.New("weaviate_create_collection", s.createCollection),
		tools.New("weaviate_add_property", s.addProperty),
		tools.New("weaviate_delete_collection", s.deleteCollection),
	}
}

// newProperty is a property as a model asks for it.
type newProperty struct {
	Name        string `json:"name"`
	Type        string `json:"type"`
	Description string `json:"description"`
	Exact       bool   `json:"exact"`
}

// newPropertyModel is a Property of the REST API, as it is sent.
type newPropertyModel struct {
	Name         string   `json:"name"`
	DataType     []string `json:"dataType"`
	Description  string   `json:"description,omitempty"`
	Tokenization string   `json:"tokenization,omitempty"`
}

func (p newProperty) model() (newPropertyModel, error) {
	m := newPropertyModel{Name: p.Name, DataType: []string{p.Type}, Description: p.Description}
	if p.Exact {
		if p.Type != "text" && p.Type != "text[]" {
			return m, refuse(fault.InvalidArguments, "%s is of the type %s, which is always compared as a whole. Leave exact out.", p.Name, p.Type)
		}
		m.Tokenization = "field"
	}
	return m, nil
}

type createCollectionIn struct {
	Name        string        `json:"name"`
	Description string        `json:"description"`
	Properties  []newProperty `json:"properties"`
	Vectorizer  string        `json:"vectorizer"`
	MultiTenant bool          `json:"multi_tenant"`
}

// newClass is a Class of the REST API, as it is sent: no moduleConfig, since with that
// a collection could name another host for the provider's key to go to.
type newClass struct {
	Class        string             `json:"class"`
	Description  string             `json:"description,omitempty"`
	Vectorizer   string             `json:"vectorizer,omitempty"`
	Properties   []newPropertyModel `json:"properties"`
	MultiTenancy *multiTenancy      `json:"multiTenancyConfig,omitempty"`
}

type multiTenancy struct {
	Enabled bool `json:"enabled"`
}

func (s *service) createCollection(ctx context.Context, c *upstream.Client, in createCollectionIn) (Schema, error) {
	body := newClass{Class: in.Name, Description: in.Description, Vectorizer: in.Vectorizer, Properties: []newPropertyModel{}}
	if in.MultiTenant {
		body.MultiTenancy = &multiTenancy{true}
	}
	for _, p := range in.Properties {
		m, err := p.model()
		if err != nil {
			return Schema{}, err
		}
		body.Properties = append(body.Properties, m)
	}
	var m classModel
	err := c.Do(ctx, upstream.Request{Path: "/v1/schema", JSON: body}, &m)
	var f *fault.Error
	if errors.As(err, &f) && f.Kind == fault.Conflict {
		f.Message = fmt.Sprintf("There is a collection %s already: weaviate_get_collection shows it. Choose another name.", in.Name)
	}
	if err != nil {
		return Schema{}, err
	}
	col, ok := m.collection()
	if !ok {
		return Schema{}, broken()
	}
	s.collections.Forget(keyOf(c, col.name))
	out := col.shown()
	out.Created = true
	if col.tenants {
		out.Note = "Make its tenants with weaviate_set_tenants before you write to it."
	}
	return out, nil
}

type addPropertyIn struct {
	Collection string `json:"collection"`
	newProperty
}

func (s *service) addProperty(ctx context.Context, c *upstream.Client, in addPropertyIn) (Schema, error) {
	m, err := in.model()
	if err != nil {
		return Schema{}, err
	}
	col, err := s.checked(ctx, c, in.Collection, func(col *collection) error {
		if p, err := col.property(in.Name); err == nil {
			return refuse(fault.Conflict, "The collection %s has a property %s already, a %s.", col.name, p.name, p.kind)
		}
		return nil
	})
	if err != nil {
		return Schema{}, err
	}
	defer s.collections.Forget(keyOf(c, col.name))
	if err := c.Do(ctx, upstream.Request{Path: "/v1/schema/" + col.name + "/properties", JSON: m}, nil); err != nil {
		return Schema{}, err
	}
	added := *col
	added.properties = append(col.properties[:len(col.properties):len(col.properties)], property{
		name: in.Name, kind: in.Type, description: upstream.Clean(in.Description, 200), tokenization: m.Tokenization, filterable: true,
		searchable: in.Type == "text" || in.Type == "text[]",
	})
	out := added.shown()
	out.Note = "Objects that are there already have no value for it."
	return out, nil
}

type deleteCollectionIn struct {
	Collection string `json:"collection"`
	Confirm    string `json:"confirm"`
}

// DeletedCollection is the answer of weaviate_delete_collection.
type DeletedCollection struct {
	Collection string `json:"collection"`
	Deleted    bool   `json:"deleted"`
}

// Text says that it is gone.
func (d DeletedCollection) Text() string {
	return fmt.Sprintf("Deleted the collection %s with everything in it.", d.Collection)
}

func (s *service) deleteCollection(ctx context.Context, c *upstream.Client, in deleteCollectionIn) (DeletedCollection, error) {
	if in.Confirm != in.Collection {
		return DeletedCollection{}, refuse(fault.InvalidArguments, "This deletes the collection %s with everything in it, for good. If that is what is wanted, give its name in confirm as well.", upstream.Clean(in.Collection, 80))
	}
	// The server says of one that is not there that it was deleted.
	col, err := s.checked(ctx, c, in.Collection, func(*collection) error { return nil })
	if err != nil {
		return DeletedCollection{}, err
	}
	defer s.collections.Forget(keyOf(c, col.name))
	if err := c.Do(ctx, upstream.Request{Method: http.MethodDelete, Path: "/v1/schema/" + col.name}, nil); err != nil {
		return DeletedCollection{}, err
	}
	return DeletedCollection{col.name, true}, nil
}
