package pinecone

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"toolvault/schemas/near"
	"toolvault/tools/fault"
)

// The operators of a filter (docs.pinecone.io, "Filter by metadata"), and those
// that only an index of documents has, on its full-text fields.
var (
	operators     = []string{"$eq", "$ne", "$gt", "$gte", "$lt", "$lte", "$in", "$nin", "$exists"}
	textOperators = []string{"$match_phrase", "$match_all", "$match_any"}
)

const (
	maxFilterDepth = 10
	maxClauses     = 200    // comparisons of a filter
	maxChoices     = 10_000 // of $in and $nin: the vendor's limit
)

// checkFilter refuses a filter that Pinecone would refuse, or worse take for
// something else, and says what would be right. textual says that the index has
// the operators of full text.
func checkFilter(filter map[string]any, textual bool) error {
	c := &filterCheck{textual: textual}
	if wrong := c.all(filter, "filter", 1); wrong != "" {
		f := fault.New(fault.InvalidArguments, "%s", wrong)
		f.NotSent = true
		return f
	}
	return nil
}

type filterCheck struct {
	textual bool
	clauses int
}

func (c *filterCheck) all(filter map[string]any, at string, depth int) string {
	if depth > maxFilterDepth {
		return fmt.Sprintf("%s is nested deeper than %d.", at, maxFilterDepth)
	}
	for _, key := range sortedKeys(filter) {
		if c.clauses++; c.clauses > maxClauses {
			return fmt.Sprintf("The filter has more than %d comparisons. Use $in for lists of values.", maxClauses)
		}
		where := at + "." + key
		var wrong string
		switch {
		case key == "$and" || key == "$or":
			wrong = c.list(filter[key], where, depth)
		case strings.HasPrefix(key, "$"):
			wrong = c.misplaced(key, at)
		default:
			wrong = c.field(filter[key], where)
		}
		if wrong != "" {
			return wrong
		}
	}
	return ""
}

func (c *filterCheck) misplaced(key, at string) string {
	switch {
	case slices.Contains(operators, key) || c.textual && slices.Contains(textOperators, key):
		return fmt.Sprintf("%s: %s belongs under the name of a field, as in {\"status\": {%q: …}}.", at, key, key)
	case key == "$not" || key == "$nor":
		return fmt.Sprintf("%s: Pinecone has no %s. Turn the comparison around: $ne, $nin, or {\"$exists\": false}.", at, key)
	}
	return fmt.Sprintf("%s: there is no %s. Whole filters are joined with $and and $or.", at, key)
}

func (c *filterCheck) list(v any, at string, depth int) string {
	list, ok := v.([]any)
	if !ok || len(list) == 0 {
		return fmt.Sprintf("%s must be a list of filters that is not empty, as in [{\"a\": 1}, {\"b\": 2}].", at)
	}
	for i, e := range list {
		sub, ok := e.(map[string]any)
		if !ok {
			return fmt.Sprintf("%s[%d] must be a filter, as in {\"a\": 1}.", at, i)
		}
		if wrong := c.all(sub, fmt.Sprintf("%s[%d]", at, i), depth+1); wrong != "" {
			return wrong
		}
	}
	return ""
}

func (c *filterCheck) field(v any, at string) string {
	switch v := v.(type) {
	case map[string]any:
		if len(v) == 0 {
			return fmt.Sprintf("%s is empty. Compare it, as in {\"$eq\": \"open\"}.", at)
		}
		for _, op := range sortedKeys(v) {
			if c.clauses++; c.clauses > maxClauses {
				return fmt.Sprintf("The filter has more than %d comparisons.", maxClauses)
			}
			if wrong := c.compare(op, v[op], at+"."+op); wrong != "" {
				return wrong
			}
		}
		return ""
	case []any:
		return fmt.Sprintf("%s cannot be a list. For one of several values use {\"$in\": […]}.", at)
	case nil:
		return fmt.Sprintf("%s cannot be null, which no record holds. For records without the field use {\"$exists\": false}.", at)
	}
	return ""
}

func (c *filterCheck) compare(op string, v any, at string) string {
	_, number := v.(json.Number)
	_, isFloat := v.(float64)
	_, text := v.(string)
	_, truth := v.(bool)
	number = number || isFloat
	switch op {
	case "$eq", "$ne":
		if !number && !text && !truth {
			return fmt.Sprintf("%s must be a text, a number or a boolean. For one of several values use $in.", at)
		}
	case "$gt", "$gte", "$lt", "$lte":
		if text {
			return fmt.Sprintf("%s must be a number: texts have no order here. A date is kept and compared as a number, such as seconds since 1970.", at)
		}
		if !number {
			return fmt.Sprintf("%s must be a number.", at)
		}
	case "$in", "$nin":
		list, ok := v.([]any)
		if !ok || len(list) == 0 || len(list) > maxChoices {
			return fmt.Sprintf("%s must be a list of 1 to %d values.", at, maxChoices)
		}
		for _, e := range list {
			switch e.(type) {
			case string, json.Number, float64, bool:
			default:
				return fmt.Sprintf("%s may hold texts, numbers and booleans only.", at)
			}
		}
	case "$exists":
		if !truth {
			return fmt.Sprintf("%s must be true or false.", at)
		}
	case "$match_phrase", "$match_all", "$match_any":
		if !c.textual {
			return fmt.Sprintf("%s: only indexes of documents match words. Here a text equals the very same text ($eq).", at)
		}
		if !text {
			return fmt.Sprintf("%s must be a text.", at)
		}
	default:
		return c.unknown(op, at)
	}
	return ""
}

func (c *filterCheck) unknown(op, at string) string {
	known := operators
	if c.textual {
		known = append(slices.Clone(operators), textOperators...)
	}
	if !strings.HasPrefix(op, "$") {
		return fmt.Sprintf("%s: metadata is flat, so a field has no parts. Under it stand operators: %s.", at, strings.Join(known, ", "))
	}
	meant := ""
	if m := near.Match(op, known); m != "" {
		meant = fmt.Sprintf(" Did you mean %s?", m)
	}
	switch op {
	case "$like", "$regex", "$contains", "$text", "$startsWith", "$search":
		meant = " A filter knows no parts of texts: search by meaning, or filter on exact values. A field that is a list equals each of its entries."
	}
	return fmt.Sprintf("%s is not a valid operator.%s There are %s, and $and and $or between filters.", at, meant, strings.Join(known, ", "))
}

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
