package salesforce

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

// filter is one condition on the records of an object.
type filter struct {
	Field string          `json:"field"` // or a path: Account.Name
	Op    string          `json:"op"`
	Value json.RawMessage `json:"value"` // a list for in, not_in, includes and excludes
}

const maxValues = 200 // in a list of a filter

// operators are those of SOQL.
var operators = map[string]string{
	"eq": "=", "neq": "!=", "lt": "<", "lte": "<=", "gt": ">", "gte": ">=", "in": "IN", "not_in": "NOT IN",
	"contains": "LIKE", "not_contains": "LIKE", "starts_with": "LIKE", "includes": "INCLUDES", "excludes": "EXCLUDES",
}

// conditions are filters as SOQL.
func (s *service) conditions(ctx context.Context, c *upstream.Client, o *object, filters []filter) ([]string, error) {
	var all []string
	for i, f := range filters {
		argument := fmt.Sprintf("filters.%d", i)
		fl, err := s.at(ctx, c, o, argument, f.Field)
		if err != nil {
			return nil, err
		}
		if !fl.filter {
			return nil, fault.Wrong("%s: Salesforce does not filter by %s, since it is a long text. salesforce_search finds words in it.", argument, f.Field)
		}
		one, err := s.condition(ctx, c, argument, f, fl)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, nil
}

func (s *service) condition(ctx context.Context, c *upstream.Client, argument string, f filter, fl *field) (string, error) {
	values, err := scalars(f.Value)
	if err != nil {
		return "", fault.Wrong("%s: the value %v.", argument, err)
	}
	op, kind := operators[f.Op], fl.kind
	switch f.Op {
	case "is_empty", "not_empty":
		return f.Field + map[string]string{"is_empty": " = null", "not_empty": " != null"}[f.Op], nil
	case "in", "not_in", "includes", "excludes":
		if len(values) == 0 {
			return "", fault.Wrong("%s: %s needs a value that is a list.", argument, f.Op)
		}
		if len(values) > maxValues {
			return "", fault.Wrong("%s: a list has at most %d values.", argument, maxValues)
		}
	default:
		if len(values) != 1 || values[0].text == "" && kind == "boolean" {
			return "", fault.Wrong("%s: %s needs one value; is_empty and not_empty find what has none, in takes a list.", argument, f.Op)
		}
	}
	multi, within := kind == "multipicklist", f.Op == "includes" || f.Op == "excludes"
	switch {
	case within && !multi, multi && !within && f.Op != "eq" && f.Op != "neq":
		return "", fault.Wrong("%s: %s is no operator for %s, which is a %s. A field with several values takes includes, excludes, eq and neq; no other takes the first two.", argument, f.Op, f.Field, kind)
	case kind == "boolean" && f.Op != "eq" && f.Op != "neq":
		return "", fault.Wrong("%s: %s is true or false, so it takes eq and neq.", argument, f.Field)
	}
	switch f.Op {
	case "contains", "not_contains", "starts_with":
		if !textual(kind) || kind == "id" || kind == "reference" {
			return "", fault.Wrong("%s: %s is no text, so it has no parts to look for: use eq, in, lt or gt.", argument, f.Field)
		}
		pattern, ok := like(values[0].text, f.Op == "starts_with")
		if !ok || values[0].text == "" {
			return "", fault.Wrong("%s: the value is empty or has control characters in it, which no text here has.", argument)
		}
		if f.Op == "not_contains" {
			return "(NOT " + f.Field + " LIKE " + pattern + ")", nil
		}
		return f.Field + " LIKE " + pattern, nil
	case "in", "not_in", "includes", "excludes":
		var parts []string
		for _, v := range values {
			l, err := s.literal(ctx, c, argument, fl, v)
			if err != nil {
				return "", err
			}
			parts = append(parts, l)
		}
		return f.Field + " " + op + " (" + strings.Join(parts, ", ") + ")", nil
	}
	if kind == "datetime" && dayForm.MatchString(values[0].text) {
		return s.onDay(ctx, c, argument, f, values[0].text)
	}
	l, err := s.literal(ctx, c, argument, fl, values[0])
	return f.Field + " " + op + " " + l, err
}

// onDay compares a time with a whole day of the user's.
func (s *service) onDay(ctx context.Context, c *upstream.Client, argument string, f filter, day string) (string, error) {
	from, err := s.instant(ctx, c, argument, day, false)
	if err != nil {
		return "", err
	}
	begins, ends := from.UTC().Format(soqlTime), from.AddDate(0, 0, 1).UTC().Format(soqlTime)
	switch f.Op {
	case "eq":
		return fmt.Sprintf("(%s >= %s AND %s < %s)", f.Field, begins, f.Field, ends), nil
	case "neq":
		return fmt.Sprintf("(%s < %s OR %s >= %s)", f.Field, begins, f.Field, ends), nil
	case "gt":
		return f.Field + " >= " + ends, nil
	case "lte":
		return f.Field + " < " + ends, nil
	}
	return f.Field + " " + operators[f.Op] + " " + begins, nil
}

const soqlTime = "2006-01-02T15:04:05Z"

// literal is a value as SOQL writes one of a field's type: only texts have quotes.
func (s *service) literal(ctx context.Context, c *upstream.Client, argument string, f *field, v scalar) (string, error) {
	switch f.kind {
	case "boolean":
		if v.text != "true" && v.text != "false" {
			return "", fault.Wrong("%s: %s is true or false.", argument, f.name)
		}
		return v.text, nil
	case "int", "long", "double", "currency", "percent":
		if !numberForm.MatchString(v.text) {
			return "", fault.Wrong("%s: %s is a number, as in 12.5.", argument, f.name)
		}
		return v.text, nil
	case "date", "datetime":
		if dateLiteral.MatchString(v.text) {
			return v.text, nil
		}
		t, err := s.instant(ctx, c, argument, v.text, false)
		if err != nil {
			return "", err
		}
		if f.kind == "date" {
			return t.Format("2006-01-02"), nil
		}
		return t.UTC().Format(soqlTime), nil
	case "time":
		if !clockForm.MatchString(v.text) {
			return "", fault.Wrong("%s: %s is a time of day, as in 14:30:00.", argument, f.name)
		}
		return strings.TrimSuffix(v.text, "Z") + "Z", nil
	case "id", "reference":
		id, err := s.refer(ctx, c, argument, f, v.text)
		if err != nil {
			return "", err
		}
		v.text = id
	case "picklist", "combobox", "multipicklist":
		v.text = f.pickOf(v.text)
	case "base64", "location", "address", "complexvalue":
		return "", fault.Wrong("%s: Salesforce does not filter by %s.", argument, f.name)
	}
	l, ok := literal(v.text)
	if !ok {
		return "", fault.Wrong("%s: the value has control characters in it, which no text here has.", argument)
	}
	return l, nil
}

// textual reports whether values of a type are texts.
func textual(kind string) bool {
	return !slices.Contains([]string{"boolean", "int", "long", "double", "currency", "percent", "date", "datetime", "time", "base64", "location", "address"}, kind)
}

// pickOf is the value that a word means, which may be what people see in its place.
func (f *field) pickOf(word string) string {
	for _, same := range []func(p pick) bool{
		func(p pick) bool { return p.value == word },
		func(p pick) bool { return p.label == word },
		func(p pick) bool { return strings.EqualFold(p.value, word) || strings.EqualFold(p.label, word) },
	} {
		if i := slices.IndexFunc(f.picks, same); i >= 0 {
			return f.picks[i].value
		}
	}
	return word
}

// scalar is a value as a model may write it, and whether it was a text.
type scalar struct {
	text   string
	quoted bool
	null   bool
}

// scalars are the values of an argument that is one of them or a list.
func scalars(raw json.RawMessage) ([]scalar, error) {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 {
		return nil, nil
	}
	if raw[0] != '[' {
		one, err := scalarOf(raw)
		if err != nil || one.null {
			return nil, err
		}
		return []scalar{one}, nil
	}
	var list []json.RawMessage
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, fmt.Errorf("cannot be read")
	}
	var all []scalar
	for _, r := range list {
		one, err := scalarOf(bytes.TrimSpace(r))
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, nil
}

func scalarOf(raw json.RawMessage) (scalar, error) {
	switch {
	case len(raw) == 0 || string(raw) == "null":
		return scalar{null: true}, nil
	case raw[0] == '{' || raw[0] == '[':
		return scalar{}, fmt.Errorf("must be a text, a number, true or false")
	case raw[0] == '"':
		s := scalar{quoted: true}
		err := json.Unmarshal(raw, &s.text)
		return s, err
	}
	return scalar{text: string(raw)}, nil
}
