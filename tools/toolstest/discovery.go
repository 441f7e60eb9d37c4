package toolstest

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/routers/gorillamux"
)

// TryDiscovery is TrySpec for a Google discovery document
// (developers.google.com/discovery/v1/reference/apis). Every member may be null, as
// PATCH takes it for one that is to go.
func TryDiscovery(t testing.TB, rel string) *Description {
	t.Helper()
	file := filepath.Join(repositoryRoot(t), "..", "shared", "specs", filepath.FromSlash(rel))
	if _, err := os.Stat(file); errors.Is(err, os.ErrNotExist) {
		t.Logf("REQUESTS NOT CHECKED: the official description %s is not there; put it into ../shared/specs beside the repository", rel)
		return nil
	}
	load, _ := loaded.LoadOrStore(file, sync.OnceValues(func() (*Description, error) { return readDiscovery(file) }))
	d, err := load.(func() (*Description, error))()
	if err != nil {
		t.Fatalf("read the description %s: %v", rel, err)
	}
	return d
}

// discovery is a discovery document, or a part of one: resources hold resources.
type discovery struct {
	Parameters map[string]parameter  `json:"parameters"`
	Schemas    map[string]any        `json:"schemas"`
	Resources  map[string]*discovery `json:"resources"`
	Methods    map[string]struct {
		Path       string               `json:"path"`
		Method     string               `json:"httpMethod"`
		Parameters map[string]parameter `json:"parameters"`
		Request    *reference           `json:"request"`
		Response   *reference           `json:"response"`
	} `json:"methods"`
}

type reference struct {
	Ref string `json:"$ref"`
}

type parameter map[string]any

func readDiscovery(file string) (*Description, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var from discovery
	if err := json.Unmarshal(b, &from); err != nil {
		return nil, err
	}
	schemas := map[string]any{}
	for name, s := range from.Schemas {
		schemas[name] = schemaOf(s)
	}
	paths := map[string]map[string]any{}
	from.operations(from.Parameters, paths)
	b, err = json.Marshal(map[string]any{
		"openapi": "3.0.3", "info": map[string]any{"title": filepath.Base(file), "version": "1"}, "paths": paths, "components": map[string]any{"schemas": schemas},
	})
	if err != nil {
		return nil, err
	}
	doc, err := openapi3.NewLoader().LoadFromData(b)
	if err != nil {
		return nil, err
	}
	router, err := gorillamux.NewRouter(doc)
	if err != nil {
		return nil, err
	}
	return &Description{name: filepath.Base(file), doc: doc, router: router}, nil
}

// operations adds those of a resource, and of all below it, to the paths of an OpenAPI
// document. common are the parameters that each takes.
func (d *discovery) operations(common map[string]parameter, paths map[string]map[string]any) {
	for _, m := range d.Methods {
		var params []any
		for name, p := range common {
			params = append(params, p.of(name))
		}
		for name, p := range m.Parameters {
			params = append(params, p.of(name))
		}
		body := func(r *reference) map[string]any {
			return map[string]any{"application/json": map[string]any{"schema": map[string]any{"$ref": "#/components/schemas/" + r.Ref}}}
		}
		success := map[string]any{"description": "success"}
		if m.Response != nil {
			success["content"] = body(m.Response)
		}
		op := map[string]any{"parameters": params, "responses": map[string]any{"200": success, "204": map[string]any{"description": "success"}}}
		if m.Request != nil {
			op["requestBody"] = map[string]any{"required": true, "content": body(m.Request)}
		}
		path := "/" + m.Path
		if paths[path] == nil {
			paths[path] = map[string]any{}
		}
		paths[path][strings.ToLower(m.Method)] = op
	}
	for _, r := range d.Resources {
		r.operations(common, paths)
	}
}

func (p parameter) of(name string) map[string]any {
	schema := schemaOf(map[string]any(p))
	delete(schema, "nullable")
	if p["repeated"] == true {
		schema = map[string]any{"type": "array", "items": schema}
	}
	return map[string]any{"name": name, "in": p["location"], "required": p["location"] == "path" || p["required"] == true, "schema": schema}
}

// schemaOf is a schema of a discovery document (JSON Schema draft 3, and numbers as
// texts) as OpenAPI has it.
func schemaOf(v any) map[string]any {
	from, _ := v.(map[string]any)
	if ref, ok := from["$ref"].(string); ok {
		return map[string]any{"$ref": "#/components/schemas/" + ref}
	}
	to := map[string]any{"nullable": true}
	for _, name := range []string{"format", "enum", "pattern"} {
		if from[name] != nil {
			to[name] = from[name]
		}
	}
	if from["type"] != "any" && from["type"] != nil {
		to["type"] = from["type"]
	}
	for _, name := range []string{"minimum", "maximum"} {
		if text, ok := from[name].(string); ok {
			if n, err := strconv.ParseFloat(text, 64); err == nil {
				to[name] = n
			}
		}
	}
	if items, ok := from["items"]; ok {
		to["items"] = schemaOf(items)
	}
	if more, ok := from["additionalProperties"]; ok {
		to["additionalProperties"] = schemaOf(more)
	}
	if properties, ok := from["properties"].(map[string]any); ok {
		all := map[string]any{}
		for name, p := range properties {
			all[name] = schemaOf(p)
		}
		to["properties"] = all
	}
	return to
}
