package toolstest

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/routers"
)

// unknownParameters finds query parameters that the description does not name:
// most services ignore a misspelt one, and the test would never know.
func unknownParameters(r *http.Request, route *routers.Route, extra map[string]bool) []string {
	known := func(name string) bool {
		for _, list := range []openapi3.Parameters{route.PathItem.Parameters, route.Operation.Parameters} {
			for _, p := range list {
				if p.Value == nil || p.Value.In != openapi3.ParameterInQuery {
					continue
				}
				if base, _, _ := strings.Cut(name, "["); p.Value.Name == name || p.Value.Name == base || p.Value.Name == base+"[]" {
					return true
				}
			}
		}
		return extra[name]
	}
	var problems []string
	for name := range r.URL.Query() {
		if !known(name) {
			problems = append(problems, fmt.Sprintf("query parameter %q is not in the description", name))
		}
	}
	slices.Sort(problems)
	return problems
}

// unknownProperties does the same for the body.
func unknownProperties(r *http.Request, op *openapi3.Operation, body []byte, extra map[string]bool) []string {
	if op.RequestBody == nil || op.RequestBody.Value == nil || len(body) == 0 {
		return nil
	}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return nil // the validator has said so
	}
	media := op.RequestBody.Value.Content.Get(kind)
	if media == nil || media.Schema == nil {
		return nil
	}
	var value any
	switch {
	case kind == "application/x-www-form-urlencoded":
		form, err := url.ParseQuery(string(body))
		if err != nil {
			return []string{"the form cannot be read: " + err.Error()}
		}
		fields := map[string]any{}
		for name := range form {
			fields[name] = nil
		}
		value = fields
	case strings.HasSuffix(kind, "json"):
		if err := json.Unmarshal(body, &value); err != nil {
			return nil
		}
	}
	var problems []string
	walk(media.Schema, value, "", func(path string) {
		if !extra[path] && !slices.Contains(problems, path) {
			problems = append(problems, path)
		}
	})
	slices.Sort(problems)
	for i, p := range problems {
		problems[i] = fmt.Sprintf("body property %q is not in the description", p)
	}
	return problems
}

// walk reports the properties of value that the schema does not know. A schema
// that says additionalProperties, that combines others with anyOf or oneOf, or
// that names no property at all, is open on purpose.
func walk(ref *openapi3.SchemaRef, value any, path string, report func(path string)) {
	if ref == nil || ref.Value == nil {
		return
	}
	switch v := value.(type) {
	case []any:
		for _, item := range v {
			walk(ref.Value.Items, item, path, report)
		}
	case map[string]any:
		known, open := properties(ref.Value, 0)
		for name, item := range v {
			at := strings.TrimPrefix(path+"."+name, ".")
			if child, ok := known[name]; ok {
				walk(child, item, at, report)
			} else if !open {
				report(at)
			}
		}
	}
}

// properties are those of a schema and of all it is made of by allOf.
func properties(s *openapi3.Schema, depth int) (known map[string]*openapi3.SchemaRef, open bool) {
	known = map[string]*openapi3.SchemaRef{}
	a := s.AdditionalProperties
	open = len(s.AnyOf) > 0 || len(s.OneOf) > 0 || a.Schema != nil || a.Has != nil && *a.Has || depth > 20
	for name, p := range s.Properties {
		known[name] = p
	}
	for _, part := range s.AllOf {
		if part.Value == nil || depth > 20 {
			continue
		}
		more, o := properties(part.Value, depth+1)
		open = open || o && len(more) > 0
		for name, p := range more {
			known[name] = p
		}
	}
	return known, open || len(known) == 0
}
