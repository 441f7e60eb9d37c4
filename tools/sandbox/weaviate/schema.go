package weaviate

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"toolvault/tools/pattern"
)

// class is a collection, in the wire's form, and what is in it.
type class struct {
	Class         string                  `json:"class"`
	Description   string                  `json:"description,omitempty"`
	Vectorizer    string                  `json:"vectorizer,omitempty"`
	VectorConfig  map[string]vectorConfig `json:"vectorConfig,omitempty"`
	ModuleConfig  json.RawMessage         `json:"moduleConfig,omitempty"`
	Properties    []*property             `json:"properties"`
	MultiTenancy  multiTenancy            `json:"multiTenancyConfig"`
	InvertedIndex invertedIndex           `json:"invertedIndexConfig"`
	IndexType     string                  `json:"vectorIndexType,omitempty"`
	IndexConfig   json.RawMessage         `json:"vectorIndexConfig,omitempty"`
	Replication   json.RawMessage         `json:"replicationConfig,omitempty"`
	Sharding      json.RawMessage         `json:"shardingConfig,omitempty"`

	tenants map[string]string // status by name: "HOT", "COLD"
	objects map[string]*object
}

type vectorConfig struct {
	Vectorizer map[string]json.RawMessage `json:"vectorizer"`
	IndexType  string                     `json:"vectorIndexType,omitempty"`
}

type multiTenancy struct {
	Enabled              bool `json:"enabled"`
	AutoTenantCreation   bool `json:"autoTenantCreation"`
	AutoTenantActivation bool `json:"autoTenantActivation"`
}

type invertedIndex struct {
	IndexNullState  bool `json:"indexNullState,omitempty"`
	IndexTimestamps bool `json:"indexTimestamps,omitempty"`
}

type property struct {
	Name            string      `json:"name"`
	DataType        []string    `json:"dataType"`
	Description     string      `json:"description,omitempty"`
	Tokenization    string      `json:"tokenization,omitempty"`
	IndexFilterable *bool       `json:"indexFilterable,omitempty"`
	IndexSearchable *bool       `json:"indexSearchable,omitempty"`
	Nested          []*property `json:"nestedProperties,omitempty"`
}

var (
	classForm    = pattern.New(`^[A-Z][_0-9A-Za-z]{0,254}$`)
	propertyForm = pattern.New(`^[_A-Za-z][_0-9A-Za-z]{0,230}$`)
	tenantForm   = pattern.New(`^[A-Za-z0-9_-]{1,64}$`)
)

var primitives = []string{"text", "int", "number", "boolean", "date", "uuid", "object", "geoCoordinates", "phoneNumber", "blob"}

func (p *property) element() string { return strings.TrimSuffix(p.DataType[0], "[]") }

func (p *property) isList() bool { return strings.HasSuffix(p.DataType[0], "[]") }

func (c *class) property(name string) *property {
	for _, p := range c.Properties {
		if p.Name == name {
			return p
		}
	}
	return nil
}

// modules are what makes the class's vectors, by the name of the vector.
func (c *class) modules() map[string]string {
	if len(c.VectorConfig) == 0 {
		return map[string]string{"": c.Vectorizer}
	}
	all := map[string]string{}
	for name, v := range c.VectorConfig {
		for module := range v.Vectorizer {
			all[name] = module
		}
	}
	return all
}

// complete checks a class that is to be made and fills in what the server would; it
// returns what is wrong.
func (c *cluster) complete(k *class) string {
	if k.Class != "" {
		k.Class = strings.ToUpper(k.Class[:1]) + k.Class[1:]
	}
	if !classForm.MatchString(k.Class) {
		return fmt.Sprintf("'%s' is not a valid class name", k.Class)
	}
	if c.classes[k.Class] != nil || c.aliases[k.Class] != "" {
		return fmt.Sprintf("class name %s already exists", k.Class)
	}
	if k.Vectorizer == "" && len(k.VectorConfig) == 0 {
		k.Vectorizer = "none"
	}
	for _, module := range k.modules() {
		if !slices.Contains([]string{"none", "text2vec-bigram", "text2vec-cohere", "text2vec-weaviate"}, module) {
			return fmt.Sprintf("vectorizer: no module with name %q present", module)
		}
	}
	var all []*property
	for _, p := range k.Properties {
		if wrong := c.completeProperty(k, all, p); wrong != "" {
			return wrong
		}
		all = append(all, p)
	}
	if k.Properties == nil {
		k.Properties = []*property{}
	}
	k.IndexType = cmp.Or(k.IndexType, "hnsw")
	k.tenants, k.objects = map[string]string{}, map[string]*object{}
	return ""
}

func (c *cluster) completeProperty(k *class, there []*property, p *property) string {
	if !propertyForm.MatchString(p.Name) {
		return fmt.Sprintf("'%s' is not a valid property name. Property names in Weaviate are restricted to valid GraphQL names, which must be “/[_A-Za-z][_0-9A-Za-z]{0,230}/”", p.Name)
	}
	if slices.ContainsFunc(there, func(o *property) bool { return o.Name == p.Name }) {
		return fmt.Sprintf("class %q: conflict for property %q: already in use or provided multiple times", k.Class, p.Name)
	}
	if len(p.DataType) == 0 {
		return fmt.Sprintf("property '%s': invalid dataType: []: dataType cannot be an empty string", p.Name)
	}
	if kind := p.DataType[0]; !slices.Contains(primitives, p.element()) && c.classes[kind] == nil && kind != k.Class {
		return fmt.Sprintf("property '%s': invalid dataType: [%s]: unknown primitive data type '%s'", p.Name, kind, kind)
	}
	if p.element() == "text" && p.Tokenization == "" {
		p.Tokenization = "word"
	}
	yes, isText := true, p.element() == "text"
	if p.IndexFilterable == nil {
		p.IndexFilterable = &yes
	}
	if p.IndexSearchable == nil {
		p.IndexSearchable = &isText
	}
	return ""
}

// find is the class of a path; its name may be an alias, or begin with a small letter.
func (c *cluster) find(name string) *class {
	if of := c.aliases[name]; of != "" {
		name = of
	}
	if name != "" {
		name = strings.ToUpper(name[:1]) + name[1:]
	}
	return c.classes[name]
}

func (r *request) listClasses() {
	all := []*class{}
	for _, name := range slices.Sorted(maps.Keys(r.c.classes)) {
		if r.user.may("read_collections", name) {
			all = append(all, r.c.classes[name])
		}
	}
	r.ok(map[string]any{"classes": all})
}

func (r *request) getClass() {
	k := r.c.find(r.PathValue("class"))
	if k == nil {
		if r.allow("read_collections", r.PathValue("class")) {
			r.w.WriteHeader(http.StatusNotFound)
		}
		return
	}
	if r.allow("read_collections", k.Class) {
		r.ok(k)
	}
}

func (r *request) createClass() {
	var k class
	if !r.body(&k) || !r.allow("create_collections", k.Class) {
		return
	}
	if wrong := r.c.complete(&k); wrong != "" {
		r.fail(http.StatusUnprocessableEntity, "%s", wrong)
		return
	}
	r.c.classes[k.Class] = &k
	r.ok(&k)
}

// deleteClass says of a class that is not there what it says of one that was.
func (r *request) deleteClass() {
	name := r.PathValue("class")
	if r.allow("delete_collections", name) {
		delete(r.c.classes, name)
		r.w.WriteHeader(http.StatusOK)
	}
}

func (r *request) addProperty() {
	k := r.c.find(r.PathValue("class"))
	var p property
	if !r.body(&p) || !r.allow("update_collections", r.PathValue("class")) {
		return
	}
	if k == nil {
		r.fail(http.StatusUnprocessableEntity, "class %q: not found", r.PathValue("class"))
		return
	}
	if wrong := r.c.completeProperty(k, k.Properties, &p); wrong != "" {
		r.fail(http.StatusUnprocessableEntity, "%s", wrong)
		return
	}
	k.Properties = append(k.Properties, &p)
	r.ok(&p)
}

// autoSchema makes the class and the properties of an object that has others, as the
// server does unless it is told not to.
func (c *cluster) autoSchema(name string, properties map[string]any) (*class, string) {
	k := c.find(name)
	if k == nil {
		k = &class{Class: name, Description: "This property was generated by Weaviate's auto-schema feature on " + c.now().UTC().Format(time.ANSIC)}
		if wrong := c.complete(k); wrong != "" {
			return nil, "invalid object: " + wrong
		}
		c.classes[k.Class] = k
	}
	for _, p := range slices.Sorted(maps.Keys(properties)) {
		if k.property(p) != nil || properties[p] == nil {
			continue
		}
		made := &property{Name: p, DataType: []string{guess(properties[p])}}
		if wrong := c.completeProperty(k, k.Properties, made); wrong != "" {
			return nil, "invalid object: " + wrong
		}
		k.Properties = append(k.Properties, made)
	}
	return k, ""
}

func guess(v any) string {
	switch v := v.(type) {
	case bool:
		return "boolean"
	case float64:
		return "number"
	case []any:
		if len(v) > 0 {
			return guess(v[0]) + "[]"
		}
	case map[string]any:
		return "object"
	case string:
		if _, err := time.Parse(time.RFC3339, v); err == nil {
			return "date"
		}
	}
	return "text"
}
