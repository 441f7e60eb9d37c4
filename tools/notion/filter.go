package notion

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

// condition is one comparison, as a model writes it.
type condition struct {
	Property string          `json:"property"`
	Op       string          `json:"op"`
	Value    json.RawMessage `json:"value,omitempty"`
}

// conditions may come as a text that is the JSON of them.
type conditions = loose[[]condition]

const (
	maxConditions = 20
	maxChoices    = 30 // of "in"
)

// kinds of comparison, by type of property, and how each spells our operators
// (developers.notion.com/reference/filter-data-source-entries).
var operators = map[string]map[string]string{
	"text": {
		"equals": "equals", "not_equals": "does_not_equal", "contains": "contains", "not_contains": "does_not_contain",
		"starts_with": "starts_with", "ends_with": "ends_with",
	},
	"number": {"equals": "equals", "not_equals": "does_not_equal", "gt": "greater_than", "gte": "greater_than_or_equal_to", "lt": "less_than", "lte": "less_than_or_equal_to"},
	"option": {"equals": "equals", "not_equals": "does_not_equal", "contains": "equals", "not_contains": "does_not_equal"},
	"truth":  {"equals": "equals", "not_equals": "does_not_equal"},
	"many":   {"contains": "contains", "not_contains": "does_not_contain", "equals": "contains", "not_equals": "does_not_contain"},
	"date":   {"equals": "equals", "gt": "after", "gte": "on_or_after", "lt": "before", "lte": "on_or_before"},
	"files":  {},
}

// family is how the values of a type are compared; "" for one that cannot be.
func family(kind string) string {
	switch kind {
	case "title", "rich_text", "url", "email", "phone_number":
		return "text"
	case "number", "unique_id":
		return "number"
	case "select", "status":
		return "option"
	case "checkbox":
		return "truth"
	case "multi_select", "people", "created_by", "last_edited_by", "relation":
		return "many"
	case "date", "created_time", "last_edited_time":
		return "date"
	case "files":
		return "files"
	}
	return ""
}

// periods are what a date can be held against in place of a time.
var periods = []string{"this_week", "past_week", "past_month", "past_year", "next_week", "next_month", "next_year"}

// filter is all conditions joined by "and" or "or"; nil for none.
func (s *service) filter(ctx context.Context, c *upstream.Client, src *source, all []condition, either bool) (map[string]any, error) {
	if len(all) > maxConditions {
		return nil, fault.Wrong("More than %d filters at once.", maxConditions)
	}
	var parts []any
	for _, one := range all {
		part, err := s.compare(ctx, c, src, one)
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
	}
	switch {
	case len(parts) == 0:
		return nil, nil
	case len(parts) == 1:
		return parts[0].(map[string]any), nil
	case either:
		return map[string]any{"or": parts}, nil
	}
	return map[string]any{"and": parts}, nil
}

// stamp is a time that every page has, whether the schema shows it or not.
func stamp(word string) bool { return word == "created_time" || word == "last_edited_time" }

// compared is the property that a filter or a sort is about.
func (src *source) compared(word string) (property, error) {
	p, err := src.column(word)
	if err != nil && stamp(word) {
		return property{name: word, kind: word}, nil
	}
	return p, err
}

func (s *service) compare(ctx context.Context, c *upstream.Client, src *source, one condition) (map[string]any, error) {
	p, err := src.compared(one.Property)
	if err != nil {
		return nil, err
	}
	holds := func(condition any) map[string]any {
		if p.id == "" && stamp(p.name) {
			return map[string]any{"timestamp": p.name, p.name: condition}
		}
		return map[string]any{"property": p.name, p.kind: condition}
	}
	if p.kind == "formula" {
		return s.compareFormula(ctx, c, p, one)
	}
	kind := family(p.kind)
	if kind == "" {
		return nil, fault.Wrong("%s is a %s, by which rows cannot be filtered here.", shown(p.name), shown(p.kind))
	}
	switch one.Op {
	case "empty", "not_empty":
		if kind == "truth" {
			return nil, fault.Wrong("%s is a checkbox, which is never empty: use equals true or false.", shown(p.name))
		}
		return holds(map[string]bool{"is_" + one.Op: true}), nil
	case "in":
		return s.among(ctx, c, src, one, kind)
	}
	op, ok := operators[kind][one.Op]
	if !ok {
		return nil, s.cannot(p, kind, one.Op)
	}
	if kind == "date" {
		if period, ok := inPeriod(one); ok {
			if one.Op != "equals" {
				return nil, fault.Wrong("%s: %s goes with the operator equals.", shown(p.name), period)
			}
			return holds(map[string]any{period: map[string]any{}}), nil
		}
	}
	v, err := s.operand(ctx, c, p, kind, op, one.Value)
	if err != nil {
		return nil, err
	}
	return holds(map[string]any{op: v}), nil
}

func (s *service) cannot(p property, kind, op string) error {
	all := []string{"empty", "not_empty"}
	for name := range operators[kind] {
		all = append(all, name)
	}
	if kind != "truth" && kind != "files" {
		all = append(all, "in")
	}
	slices.Sort(all)
	return fault.Wrong("%s is a %s, which cannot be compared by %q: use %s.", shown(p.name), shown(p.kind), upstream.Clean(op, 40), strings.Join(all, ", "))
}

// among is one of several values: Notion has no such operator.
func (s *service) among(ctx context.Context, c *upstream.Client, src *source, one condition, kind string) (map[string]any, error) {
	var list []json.RawMessage
	if json.Unmarshal(one.Value, &list) != nil || len(list) == 0 || len(list) > maxChoices {
		return nil, fault.Wrong("The operator in takes a list of 1 to %d values.", maxChoices)
	}
	if kind == "truth" || kind == "files" {
		p, err := src.compared(one.Property)
		if err != nil {
			return nil, err
		}
		return nil, s.cannot(p, kind, one.Op)
	}
	var parts []any
	for _, v := range list {
		part, err := s.compare(ctx, c, src, condition{Property: one.Property, Op: "equals", Value: v})
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
	}
	return map[string]any{"or": parts}, nil
}

func inPeriod(one condition) (string, bool) {
	var word string
	if json.Unmarshal(one.Value, &word) != nil {
		return "", false
	}
	word = strings.ReplaceAll(strings.ToLower(strings.TrimSpace(word)), " ", "_")
	word = strings.Replace(word, "last_", "past_", 1)
	return word, slices.Contains(periods, word)
}

// operand is the value that a property is held against.
func (s *service) operand(ctx context.Context, c *upstream.Client, p property, kind, op string, raw json.RawMessage) (any, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return nil, fault.Wrong("%s: which value? Use empty or not_empty for rows without one, or with any.", shown(p.name))
	}
	switch kind {
	case "number":
		if p.kind == "unique_id" { // "TCK-12" is number 12
			t, err := p.text(raw)
			if err != nil {
				return nil, err
			}
			raw = json.RawMessage(t[strings.LastIndexByte(t, '-')+1:])
		}
		return p.number(raw)
	case "truth":
		return p.truth(raw)
	case "date":
		t, err := p.text(raw)
		if err != nil {
			return nil, p.wants("a date or a time")
		}
		return s.moment(p, t, false, false)
	}
	t, err := p.text(raw)
	if err != nil {
		return nil, p.wants("one text; for several use in")
	}
	switch p.kind {
	case "select", "status", "multi_select":
		return p.option(t)
	case "people", "created_by", "last_edited_by":
		return s.person(ctx, c, t)
	case "relation":
		id, ok, err := parseID("page", t)
		if err == nil && !ok {
			err = fault.Wrong("%s leads to pages: give the id or the address of one.", shown(p.name))
		}
		return id, err
	}
	if len([]rune(t)) > maxPiece {
		return nil, fault.Wrong("%s: the text is longer than %d characters.", shown(p.name), maxPiece)
	}
	return t, nil
}

// compareFormula goes by the value, since the schema does not say what a formula
// comes to.
func (s *service) compareFormula(ctx context.Context, c *upstream.Client, p property, one condition) (map[string]any, error) {
	of, kind := "string", "text"
	var v any
	switch _ = json.Unmarshal(one.Value, &v); v.(type) {
	case bool:
		of, kind = "checkbox", "truth"
	case float64:
		of, kind = "number", "number"
	case string:
		if _, date := operators["text"][one.Op]; !date && one.Op != "empty" && one.Op != "not_empty" {
			of, kind = "date", "date"
		}
	}
	var condition map[string]any
	if one.Op == "empty" || one.Op == "not_empty" {
		condition = map[string]any{"is_" + one.Op: true}
	} else {
		op, ok := operators[kind][one.Op]
		if !ok {
			return nil, s.cannot(p, kind, one.Op)
		}
		val, err := s.operand(ctx, c, property{name: p.name, kind: of}, kind, op, one.Value)
		if err != nil {
			return nil, err
		}
		condition = map[string]any{op: val}
	}
	return map[string]any{"property": p.name, "formula": map[string]any{of: condition}}, nil
}
