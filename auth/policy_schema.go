package auth

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
)

// ToolShape is what a policy needs to know of a tool.
type ToolShape struct {
	Name, Service string
	Input         json.RawMessage // JSON Schema of its arguments
}

type argKind int

const (
	kindAny argKind = iota
	kindString
	kindInt
	kindDouble
	kindBool
	kindMap
	kindList
)

// argType is what a schema says of one argument, as far as CEL can know it. The
// zero value is anything.
type argType struct {
	kind     argKind
	of       argKind // elements of a list
	nullable bool
}

func (t argType) cel() *cel.Type {
	switch t.kind {
	case kindMap:
		if !t.nullable {
			return cel.MapType(cel.StringType, cel.DynType)
		}
	case kindList:
		if !t.nullable {
			return cel.ListType(argType{kind: t.of}.cel())
		}
	case kindString, kindInt, kindDouble, kindBool:
		simple := map[argKind]*cel.Type{kindString: cel.StringType, kindInt: cel.IntType, kindDouble: cel.DoubleType, kindBool: cel.BoolType}[t.kind]
		if t.nullable {
			return cel.NullableType(simple)
		}
		return simple
	}
	return cel.DynType
}

// shape is what a tool's arguments look like.
type shape struct {
	args  map[string]argType
	open  bool  // names beyond args are accepted
	there names // arguments that every call has: required, or with a default
}

// lacks reports whether no call of the tool can have the argument.
func (s shape) lacks(name string) bool {
	_, ok := s.args[name]
	return !ok && !s.open
}

// schemaNode is the part of JSON Schema (2020-12) that shape reads.
type schemaNode struct {
	Ref                  string                     `json:"$ref"`
	Defs                 map[string]json.RawMessage `json:"$defs"`
	Type                 json.RawMessage            `json:"type"`
	Properties           map[string]json.RawMessage `json:"properties"`
	PatternProperties    map[string]json.RawMessage `json:"patternProperties"`
	AdditionalProperties json.RawMessage            `json:"additionalProperties"`
	Items                json.RawMessage            `json:"items"`
	Required             []string                   `json:"required"`
	Default              json.RawMessage            `json:"default"`
	AllOf                []json.RawMessage          `json:"allOf"`
	AnyOf                []json.RawMessage          `json:"anyOf"`
	OneOf                []json.RawMessage          `json:"oneOf"`
	Then                 json.RawMessage            `json:"then"`
	Else                 json.RawMessage            `json:"else"`
}

func readShape(t ToolShape) (shape, error) {
	s := shape{args: map[string]argType{}, there: names{}}
	var root schemaNode
	if err := json.Unmarshal(t.Input, &root); err != nil {
		return shape{}, fmt.Errorf("the input schema of %s is not JSON Schema: %w", t.Name, err)
	}
	s.collect(t.Input, root.Defs, 0)
	s.args[Account], s.there[Account] = argType{kind: kindString}, true
	for _, name := range root.Required {
		s.there[name] = true
	}
	for name, property := range root.Properties {
		var n schemaNode
		if json.Unmarshal(property, &n) == nil && len(n.Default) > 0 {
			s.there[name] = true
		}
	}
	return s, nil
}

// collect gathers the properties of a schema and of those it is composed of. A
// property that is declared twice may be anything.
func (s *shape) collect(raw json.RawMessage, defs map[string]json.RawMessage, depth int) {
	var n schemaNode
	if depth > 16 || json.Unmarshal(raw, &n) != nil {
		return // a boolean schema, or one that refers to itself, adds no names
	}
	if n.Ref != "" {
		name, local := strings.CutPrefix(n.Ref, "#/$defs/")
		if def, ok := defs[name]; local && ok {
			s.collect(def, defs, depth+1)
		} else {
			s.open = true
		}
	}
	extra := strings.TrimSpace(string(n.AdditionalProperties))
	if extra != "" && extra != "false" || len(n.PatternProperties) > 0 {
		s.open = true
	}
	for name, property := range n.Properties {
		t := readType(property)
		if old, twice := s.args[name]; twice && old != t {
			t = argType{}
		}
		s.args[name] = t
	}
	for _, part := range slices.Concat(n.AllOf, n.AnyOf, n.OneOf, []json.RawMessage{n.Then, n.Else}) {
		if len(part) > 0 {
			s.collect(part, defs, depth+1)
		}
	}
}

func readType(raw json.RawMessage) argType {
	var n schemaNode
	if json.Unmarshal(raw, &n) != nil {
		return argType{}
	}
	var names []string
	var one string
	if json.Unmarshal(n.Type, &one) == nil {
		names = []string{one}
	} else if json.Unmarshal(n.Type, &names) != nil {
		return argType{}
	}
	var t argType
	if i := slices.Index(names, "null"); i >= 0 && len(names) == 2 {
		t.nullable = true
		names = slices.Delete(names, i, i+1)
	}
	if len(names) != 1 {
		return argType{}
	}
	t.kind = map[string]argKind{
		"string": kindString, "integer": kindInt, "number": kindDouble, "boolean": kindBool,
		"object": kindMap, "array": kindList,
	}[names[0]]
	if t.kind == kindList && len(n.Items) > 0 {
		// Elements reach a rule as they are, so only types that JSON and CEL
		// tell apart in the same way can be promised.
		if of := readType(n.Items); !of.nullable && (of.kind == kindString || of.kind == kindBool) {
			t.of = of.kind
		}
	}
	return t
}

// common is what several tools have in common: every name that one of them knows,
// with its type where all that know it agree.
func common(shapes []shape) shape {
	all := shape{args: map[string]argType{}}
	for _, s := range shapes {
		all.open = all.open || s.open
		for name, t := range s.args {
			if old, ok := all.args[name]; ok && old != t {
				t = argType{}
			}
			all.args[name] = t
		}
	}
	return all
}
