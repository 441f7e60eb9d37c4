package weaviate

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"

	"toolvault/tools/fault"
	"toolvault/tools/upstream"
	"toolvault/tools/when"
)

// filterIn is one condition as a model writes it.
type filterIn struct {
	Property string `json:"property"`
	Op       string `json:"op"`
	Value    any    `json:"value"`
}

// condition is one of the server's, typed by the property that it is about: the
// server takes a value only under the key of the property's type.
type condition struct {
	operator string
	path     string
	kind     string // "Text", "Int", "Number", "Boolean", "Date"
	value    any    // string, int64, float64 or bool
	operands []condition
}

var operators = map[string]string{
	"eq": "Equal", "neq": "NotEqual", "gt": "GreaterThan", "gte": "GreaterThanEqual",
	"lt": "LessThan", "lte": "LessThanEqual", "like": "Like",
}

// where makes one condition of the filters: all of them have to hold, or any. It is
// nil where there are none.
func (col *collection) where(filters []filterIn, anyOf bool, now time.Time) (*condition, error) {
	var all []condition
	for _, f := range filters {
		c, err := col.condition(f, now)
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	switch {
	case len(all) == 0:
		return nil, nil
	case len(all) == 1:
		return &all[0], nil
	case anyOf:
		return &condition{operator: "Or", operands: all}, nil
	}
	return &condition{operator: "And", operands: all}, nil
}

func (col *collection) condition(f filterIn, now time.Time) (condition, error) {
	p, err := col.filtered(f.Property)
	if err != nil {
		return condition{}, err
	}
	if f.Op == "empty" {
		yes, isBool := f.Value.(bool)
		switch {
		case f.Value != nil && !isBool:
			return condition{}, refuse(fault.InvalidArguments, "The value of op empty is true or false.")
		case !col.nullState:
			return condition{}, refuse(fault.InvalidArguments, "The collection %s does not keep which properties are empty, so op empty does not work there.", col.name)
		}
		return condition{operator: "IsNull", path: p.name, kind: "Boolean", value: yes || f.Value == nil}, nil
	}
	if op, ok := operators[f.Op]; ok {
		if f.Op == "like" && p.element() != "text" {
			return condition{}, refuse(fault.InvalidArguments, "%s is of the type %s; op like is for texts.", p.name, p.kind)
		}
		return p.compare(op, f.Value, now)
	}
	return p.several(f, now)
}

// filtered is the property of a filter; "id" is that of every object.
func (col *collection) filtered(word string) (property, error) {
	if word == "id" {
		return property{name: "id", kind: "uuid", filterable: true}, nil
	}
	p, err := col.property(word)
	if err != nil {
		return p, err
	}
	if _, ok := valueKinds[p.element()]; !ok || !p.filterable {
		return p, refuse(fault.InvalidArguments, "%s is of the type %s, or not indexed: it cannot be filtered by. weaviate_get_collection shows which properties can.", p.name, p.kind)
	}
	return p, nil
}

// several is a condition on a list of values. One condition a value says the same as
// the server's ContainsAny, ContainsAll and ContainsNone, and works with variables.
func (p property) several(f filterIn, now time.Time) (condition, error) {
	values, ok := f.Value.([]any)
	if !ok {
		values = []any{f.Value}
	}
	if len(values) == 0 || len(values) > 100 {
		return condition{}, refuse(fault.InvalidArguments, "The value of op %s on %s is a list of 1 to 100 values.", f.Op, p.name)
	}
	var all []condition
	for _, v := range values {
		c, err := p.compare("Equal", v, now)
		if err != nil {
			return condition{}, err
		}
		all = append(all, c)
	}
	switch f.Op {
	case "all":
		return condition{operator: "And", operands: all}, nil
	case "not_in":
		return condition{operator: "Not", operands: []condition{{operator: "Or", operands: all}}}, nil
	}
	return condition{operator: "Or", operands: all}, nil
}

// valueKinds are, by the type of a property, under which key its values go.
var valueKinds = map[string]string{"text": "Text", "uuid": "Text", "int": "Int", "number": "Number", "boolean": "Boolean", "date": "Date"}

// compare is a condition on one value, which may be written as a text whatever the
// property's type.
func (p property) compare(operator string, value any, now time.Time) (condition, error) {
	c := condition{operator: operator, path: p.name, kind: valueKinds[p.element()]}
	var text string
	switch v := value.(type) {
	case string:
		text = v
	case json.Number:
		text = v.String()
	case bool:
		text = strconv.FormatBool(v)
	default:
		return c, refuse(fault.InvalidArguments, "The value for %s is one %s; lists are for op in, not_in and all.", p.name, p.element())
	}
	var err error
	switch c.kind {
	case "Text":
		c.value = text
	case "Int":
		c.value, err = strconv.ParseInt(text, 10, 64)
	case "Number":
		var n float64
		n, err = strconv.ParseFloat(text, 64)
		if math.IsInf(n, 0) || math.IsNaN(n) {
			err = strconv.ErrRange
		}
		c.value = n
	case "Boolean":
		c.value, err = strconv.ParseBool(text)
	case "Date":
		t, wrong := when.Parse(p.name, text, when.Clock{Now: now})
		if wrong != nil {
			return c, wrong
		}
		c.value = t.UTC().Format(time.RFC3339Nano)
	}
	if err != nil {
		return c, refuse(fault.InvalidArguments, "%s is of the type %s, and %q is none.", p.name, p.element(), upstream.Clean(text, 60))
	}
	return c, nil
}

// graphQL is the condition as it stands in a query, with its texts in variables.
func (c condition) graphQL(q *query) string {
	if len(c.operands) > 0 {
		var all []string
		for _, o := range c.operands {
			all = append(all, o.graphQL(q))
		}
		return "{operator:" + c.operator + ",operands:[" + strings.Join(all, ",") + "]}"
	}
	var value string
	switch v := c.value.(type) {
	case string:
		kind := c.kind
		if kind == "Date" {
			kind = "TextDate"
		}
		value = q.text(q.scalar(kind), v)
	case int64:
		value = strconv.FormatInt(v, 10)
	case float64:
		value = strconv.FormatFloat(v, 'g', -1, 64)
	case bool:
		value = strconv.FormatBool(v)
	}
	return "{operator:" + c.operator + ",path:" + quoted([]string{c.path}) + ",value" + c.kind + ":" + value + "}"
}

// whereFilter is WhereFilter of the REST API.
type whereFilter struct {
	Operator     string        `json:"operator"`
	Path         []string      `json:"path,omitempty"`
	Operands     []whereFilter `json:"operands,omitempty"`
	ValueText    *string       `json:"valueText,omitempty"`
	ValueDate    *string       `json:"valueDate,omitempty"`
	ValueInt     *int64        `json:"valueInt,omitempty"`
	ValueNumber  *float64      `json:"valueNumber,omitempty"`
	ValueBoolean *bool         `json:"valueBoolean,omitempty"`
}

// rest is the condition as the REST API takes it.
func (c condition) rest() whereFilter {
	w := whereFilter{Operator: c.operator}
	for _, o := range c.operands {
		w.Operands = append(w.Operands, o.rest())
	}
	if len(c.operands) > 0 {
		return w
	}
	w.Path = []string{c.path}
	switch v := c.value.(type) {
	case string:
		if c.kind == "Date" {
			w.ValueDate = &v
		} else {
			w.ValueText = &v
		}
	case int64:
		w.ValueInt = &v
	case float64:
		w.ValueNumber = &v
	case bool:
		w.ValueBoolean = &v
	}
	return w
}
