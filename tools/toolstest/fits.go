package toolstest

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"toolvault/schemas"
	"toolvault/tools"
)

// FitsSchemas holds what every handler of the service takes and returns against
// its schema file, both ways: names, basic types, and which fields are required.
// It also holds the file to what a model's arguments need: a bound on everything,
// and no unknown arguments. A schema written by hand and a struct cannot drift
// apart unnoticed.
func FitsSchemas(t *testing.T, svc tools.Service) {
	t.Helper()
	files, err := schemas.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, tool := range svc.Tools {
		i := slices.IndexFunc(files, func(f schemas.Tool) bool { return f.Name == tool.Name })
		if i < 0 || files[i].Service != svc.Name {
			t.Errorf("%s has no file schemas/%s/%s.json", tool.Name, svc.Name, tool.Name)
			continue
		}
		for _, p := range fits(tool, files[i]) {
			t.Errorf("%s: %s", tool.Name, p)
		}
		if s := files[i].Scope; s != "" && !strings.Contains(s, "{") {
			if _, ok := svc.Scopes.Lookup(s); !ok {
				t.Errorf("%s: %s has no scope %q", tool.Name, svc.Name, s)
			}
		}
	}
	for _, f := range files {
		if f.Service == svc.Name && !slices.ContainsFunc(svc.Tools, func(tool tools.Tool) bool { return tool.Name == f.Name }) {
			t.Errorf("schemas/%s/%s.json has no handler", svc.Name, f.Name)
		}
	}
}

// fits returns what does not fit, one text a problem.
func fits(tool tools.Tool, file schemas.Tool) []string {
	in, out := tool.Types()
	var problems []string
	for _, side := range []struct {
		name   string
		value  any
		raw    json.RawMessage
		output bool
	}{{"input", in, file.Input, false}, {"output", out, file.Output, true}} {
		var s shape
		if err := json.Unmarshal(side.raw, &s); err != nil {
			problems = append(problems, fmt.Sprintf("%s: %v", side.name, err))
			continue
		}
		h := &holder{output: side.output}
		h.hold(side.name, reflect.TypeOf(side.value), &s)
		problems = append(problems, h.problems...)
	}
	return problems
}

// shape is as much of JSON Schema as the files use.
type shape struct {
	Type       words             `json:"type"`
	Properties map[string]*shape `json:"properties"`
	Required   []string          `json:"required"`
	Items      *shape            `json:"items"`
	Additional json.RawMessage   `json:"additionalProperties"`
	Enum       []any             `json:"enum"`
	Const      any               `json:"const"`
	Pattern    string            `json:"pattern"`
	Format     string            `json:"format"`
	MaxLength  *int              `json:"maxLength"`
	Maximum    *float64          `json:"maximum"`
	MaxItems   *int              `json:"maxItems"`
	MaxProps   *int              `json:"maxProperties"`
}

// words is one text or a list of them.
type words []string

func (w *words) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*w = words{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(w))
}

type holder struct {
	output   bool
	problems []string
}

func (h *holder) complain(at, format string, args ...any) {
	h.problems = append(h.problems, at+": "+fmt.Sprintf(format, args...))
}

var (
	unmarshaler = reflect.TypeFor[json.Unmarshaler]()
	rawMessage  = reflect.TypeFor[json.RawMessage]()
	number      = reflect.TypeFor[json.Number]()
)

// hold compares a type with a schema. A type that decodes itself, or any, fits
// whatever the schema says.
func (h *holder) hold(at string, t reflect.Type, s *shape) {
	if !h.output {
		h.bounded(at, s)
	}
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == nil || t.Kind() == reflect.Interface || t == rawMessage || reflect.PointerTo(t).Implements(unmarshaler) {
		return
	}
	if t == number {
		h.want(at, s, "number", "integer")
		return
	}
	switch t.Kind() {
	case reflect.String:
		h.want(at, s, "string")
	case reflect.Bool:
		h.want(at, s, "boolean")
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		h.want(at, s, "integer")
	case reflect.Float32, reflect.Float64:
		h.want(at, s, "number")
	case reflect.Slice, reflect.Array:
		h.want(at, s, "array")
		if s.Items != nil {
			h.hold(at+"[]", t.Elem(), s.Items)
		}
	case reflect.Map:
		h.want(at, s, "object")
		var values shape
		if len(s.Properties) == 0 && json.Unmarshal(s.Additional, &values) == nil && len(values.Type) > 0 {
			h.hold(at+".*", t.Elem(), &values)
		}
	case reflect.Struct:
		h.want(at, s, "object")
		h.object(at, t, s)
	default:
		h.complain(at, "a %s has no form in JSON", t.Kind())
	}
}

func (h *holder) want(at string, s *shape, types ...string) {
	if len(s.Type) == 0 && (s.Enum != nil || s.Const != nil) {
		return
	}
	for _, t := range types {
		if slices.Contains(s.Type, t) {
			return
		}
	}
	h.complain(at, "the schema says %v, the handler %s", []string(s.Type), strings.Join(types, " or "))
}

func (h *holder) object(at string, t reflect.Type, s *shape) {
	if string(s.Additional) != "false" && !h.output {
		h.complain(at, "additionalProperties must be false, or a misspelt argument is passed over")
	}
	seen := map[string]bool{}
	for _, f := range fields(t) {
		seen[f.name] = true
		sub, ok := s.Properties[f.name]
		if !ok {
			h.complain(at, "the handler has %q, the schema has not", f.name)
			continue
		}
		if required := slices.Contains(s.Required, f.name); h.output && required == f.optional {
			h.complain(at+"."+f.name, "required in the schema: %v; may be left out by the handler: %v", required, f.optional)
		}
		h.hold(at+"."+f.name, f.kind, sub)
	}
	for name := range s.Properties {
		if !seen[name] {
			h.complain(at, "the schema has %q, the handler has not", name)
		}
	}
	for _, name := range s.Required {
		if s.Properties[name] == nil {
			h.complain(at, "%q is required and not among the properties", name)
		}
	}
}

// bounded wants an end to everything that a model can send.
func (h *holder) bounded(at string, s *shape) {
	if s.Enum != nil || s.Const != nil {
		return
	}
	for _, t := range s.Type {
		switch {
		case t == "string" && s.MaxLength == nil && (s.Pattern == "" || strings.ContainsAny(s.Pattern, "*+")):
			h.complain(at, "a text without maxLength")
		case (t == "integer" || t == "number") && len(s.Type) == 1 && s.Maximum == nil:
			h.complain(at, "a number without maximum")
		case t == "array" && s.MaxItems == nil:
			h.complain(at, "a list without maxItems")
		case t == "object" && len(s.Properties) == 0 && s.MaxProps == nil && string(s.Additional) != "false":
			h.complain(at, "a map without maxProperties")
		}
	}
}

type field struct {
	name     string
	kind     reflect.Type
	optional bool
}

// fields are those that encoding/json sees, embedded ones included.
func fields(t reflect.Type) []field {
	var all []field
	for i := range t.NumField() {
		f := t.Field(i)
		tag, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous && tag == "" {
			e := f.Type
			if e.Kind() == reflect.Pointer {
				e = e.Elem()
			}
			if e.Kind() == reflect.Struct {
				all = append(all, fields(e)...)
				continue
			}
		}
		if !f.IsExported() || tag == "-" {
			continue
		}
		if tag == "" {
			tag = f.Name
		}
		all = append(all, field{tag, f.Type, strings.Contains(options, "omitempty") || strings.Contains(options, "omitzero")})
	}
	return all
}
