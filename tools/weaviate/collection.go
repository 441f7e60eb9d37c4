package weaviate

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"toolvault/schemas/near"
	"toolvault/tools/fault"
	"toolvault/tools/pattern"
	"toolvault/tools/upstream"
)

// Names of collections and properties, as the server takes them. Only what fits is
// ever put into a query.
var (
	className    = pattern.New(`^[A-Z][A-Za-z0-9_]{0,254}$`)
	propertyName = pattern.New(`^[A-Za-z_][A-Za-z0-9_]{0,230}$`)
)

// collection is what calls need to know of one.
type collection struct {
	name, description string
	properties        []property
	vectors           []vector
	tenants           bool // objects are kept apart by tenant
	autoTenants       bool // an unknown tenant is made by the first object in it
	nullState         bool // whether a property is empty can be asked
}

// property is a field of a collection's objects.
type property struct {
	name, kind, description string     // kind: "text", "int[]", "object", or "reference"
	nested                  []property // of an object
	targets                 []string   // of a reference: collections
	filterable, searchable  bool
	tokenization            string
}

// vector is one of a collection's vectors: name is "" where there is one for all.
type vector struct{ name, vectorizer string }

// The wire's form of a collection, as far as it is read.
type (
	classModel struct {
		Class        string                       `json:"class"`
		Description  string                       `json:"description"`
		Vectorizer   string                       `json:"vectorizer"`
		VectorConfig map[string]vectorConfigModel `json:"vectorConfig"`
		Properties   []propertyModel              `json:"properties"`
		MultiTenancy struct {
			Enabled            bool `json:"enabled"`
			AutoTenantCreation bool `json:"autoTenantCreation"`
		} `json:"multiTenancyConfig"`
		InvertedIndex struct {
			IndexNullState bool `json:"indexNullState"`
		} `json:"invertedIndexConfig"`
	}
	vectorConfigModel struct {
		Vectorizer map[string]json.RawMessage `json:"vectorizer"`
	}
	propertyModel struct {
		Name            string          `json:"name"`
		DataType        []string        `json:"dataType"`
		Description     string          `json:"description"`
		Tokenization    string          `json:"tokenization"`
		IndexFilterable *bool           `json:"indexFilterable"`
		IndexSearchable *bool           `json:"indexSearchable"`
		Nested          []propertyModel `json:"nestedProperties"`
	}
)

const (
	reference = "reference"
	maxNested = 3 // levels of objects in objects that are read
	maxProps  = 500
)

func (m classModel) collection() (*collection, bool) {
	if !className.MatchString(m.Class) {
		return nil, false
	}
	col := &collection{
		name: m.Class, description: upstream.Clean(m.Description, 300), properties: properties(m.Properties, 0),
		tenants: m.MultiTenancy.Enabled, autoTenants: m.MultiTenancy.AutoTenantCreation, nullState: m.InvertedIndex.IndexNullState,
	}
	if len(m.VectorConfig) == 0 {
		col.vectors = []vector{{"", upstream.Clean(cmp.Or(m.Vectorizer, "none"), 60)}}
	}
	for name, v := range m.VectorConfig {
		if !propertyName.MatchString(name) {
			continue
		}
		one := vector{name, "none"}
		for module := range v.Vectorizer {
			one.vectorizer = upstream.Clean(module, 60)
		}
		col.vectors = append(col.vectors, one)
	}
	slices.SortFunc(col.vectors, func(a, b vector) int { return cmp.Compare(a.name, b.name) })
	return col, true
}

func properties(models []propertyModel, depth int) []property {
	var all []property
	for _, m := range models[:min(len(models), maxProps)] {
		if !propertyName.MatchString(m.Name) || len(m.DataType) == 0 {
			continue
		}
		p := property{
			name: m.Name, kind: upstream.Clean(m.DataType[0], 40), description: upstream.Clean(m.Description, 200), tokenization: upstream.Clean(m.Tokenization, 20),
			filterable: m.IndexFilterable == nil || *m.IndexFilterable, searchable: m.IndexSearchable == nil || *m.IndexSearchable,
		}
		switch {
		case className.MatchString(m.DataType[0]):
			p.kind = reference
			for _, t := range m.DataType[:min(len(m.DataType), 10)] {
				p.targets = append(p.targets, upstream.Clean(t, 100))
			}
		case strings.HasPrefix(p.kind, "object") && depth < maxNested:
			p.nested = properties(m.Nested, depth+1)
		}
		p.searchable = p.searchable && p.element() == "text"
		all = append(all, p)
	}
	return all
}

// element is the type of one value of the property: "text" of "text[]".
func (p property) element() string {
	switch one := strings.TrimSuffix(p.kind, "[]"); one {
	case "string":
		return "text"
	default:
		return one
	}
}

// checked finds a collection by its whole name, and holds a call against it. What is
// remembered may be out of date, so that a check which fails by memory is made again
// by what the server says now.
func (s *service) checked(ctx context.Context, c *upstream.Client, word string, check func(*collection) error) (*collection, error) {
	if !className.MatchString(word) {
		return nil, s.noCollection(ctx, c, word)
	}
	key, fresh := keyOf(c, word), false
	load := func() (*collection, error) {
		fresh = true
		return s.load(ctx, c, word)
	}
	col, err := s.collections.Get(key, load)
	if err != nil {
		return nil, err
	}
	wrong := check(col)
	if wrong == nil || fresh {
		return col, wrong
	}
	s.collections.Forget(key)
	if col, err = s.collections.Get(key, load); err != nil {
		return nil, err
	}
	return col, check(col)
}

func keyOf(c *upstream.Client, class string) string {
	return c.CredentialKey() + " " + c.BaseURL() + " " + class
}

// load asks the server about a collection. A name that leads to one of another name
// (an alias, other capitals) is refused: rules of policies go by the name.
func (s *service) load(ctx context.Context, c *upstream.Client, class string) (*collection, error) {
	var m classModel
	err := c.Get(ctx, "/v1/schema/"+class, nil, &m)
	var f *fault.Error
	if errors.As(err, &f) && f.Status == http.StatusNotFound {
		return nil, s.noCollection(ctx, c, class)
	}
	if err != nil {
		return nil, err
	}
	col, ok := m.collection()
	switch {
	case !ok:
		return nil, broken()
	case col.name != class:
		return nil, refuse(fault.NotFound, "%s is another name for the collection %s. Call it by that.", class, col.name)
	}
	return col, nil
}

// noCollection says that there is none of the name, and which could be meant.
func (s *service) noCollection(ctx context.Context, c *upstream.Client, word string) error {
	all, err := classes(ctx, c)
	if err != nil {
		return err
	}
	var known []string
	for _, col := range all {
		known = append(known, col.name)
	}
	return refuse(fault.NotFound, "There is no collection %q here. %s", upstream.Clean(word, 80), proposal(word, known, "weaviate_list_collections"))
}

// classes are all collections that the credential may see, by name.
func classes(ctx context.Context, c *upstream.Client) ([]*collection, error) {
	var answer struct {
		Classes []classModel `json:"classes"`
	}
	if err := c.Get(ctx, "/v1/schema", nil, &answer); err != nil {
		return nil, err
	}
	var all []*collection
	for _, m := range answer.Classes {
		if col, ok := m.collection(); ok {
			all = append(all, col)
		}
	}
	slices.SortFunc(all, func(a, b *collection) int { return cmp.Compare(a.name, b.name) })
	return all, nil
}

// property is the one of the exact name. A near one is only proposed.
func (col *collection) property(word string) (property, error) {
	var known []string
	for _, p := range col.properties {
		if p.name == word {
			return p, nil
		}
		known = append(known, p.name)
	}
	return property{}, refuse(fault.InvalidArguments, "The collection %s has no property %q. %s", col.name, upstream.Clean(word, 80), proposal(word, known, "weaviate_get_collection"))
}

// forTenant holds the tenant of a call against the collection.
func (col *collection) forTenant(tenant string) error {
	switch {
	case col.tenants && tenant == "":
		return refuse(fault.InvalidArguments, "The collection %s keeps the objects of its tenants apart. Give tenant; weaviate_list_tenants shows them.", col.name)
	case !col.tenants && tenant != "":
		return refuse(fault.InvalidArguments, "The collection %s has no tenants. Leave tenant out.", col.name)
	}
	return nil
}

// proposal says what could be meant by a word: those that are like it, or all if they
// are few.
func proposal(word string, known []string, where string) string {
	const few = 12
	if m := near.Match(word, known); m != "" {
		return fmt.Sprintf("Did you mean %s?", m)
	}
	var like []string
	if low := strings.ToLower(word); len(low) >= 3 {
		for _, k := range known {
			if strings.Contains(strings.ToLower(k), low) {
				like = append(like, k)
			}
		}
	}
	switch {
	case len(like) > 0 && len(like) <= few:
		return fmt.Sprintf("Did you mean %s?", strings.Join(like, " or "))
	case len(known) == 0:
		return "There is none at all that this credential can see."
	case len(known) <= few:
		return fmt.Sprintf("There are: %s.", strings.Join(known, ", "))
	}
	return fmt.Sprintf("%s shows which there are.", where)
}

// refuse is the fault of a call that was not made.
func refuse(kind fault.Kind, format string, args ...any) error {
	f := fault.New(kind, format, args...)
	f.NotSent = true
	return f
}
