package weaviate

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
)

// where is WhereFilter of the REST API; filters of GraphQL are made into it.
type where struct {
	Operator         string    `json:"operator"`
	Path             []string  `json:"path,omitempty"`
	Operands         []*where  `json:"operands,omitempty"`
	ValueText        *string   `json:"valueText,omitempty"`
	ValueDate        *string   `json:"valueDate,omitempty"`
	ValueInt         *int64    `json:"valueInt,omitempty"`
	ValueNumber      *float64  `json:"valueNumber,omitempty"`
	ValueBoolean     *bool     `json:"valueBoolean,omitempty"`
	ValueTextArray   []string  `json:"valueTextArray,omitempty"`
	ValueIntArray    []int64   `json:"valueIntArray,omitempty"`
	ValueNumberArray []float64 `json:"valueNumberArray,omitempty"`
}

var comparisons = []string{"Equal", "NotEqual", "GreaterThan", "GreaterThanEqual", "LessThan", "LessThanEqual", "Like", "IsNull", "ContainsAny", "ContainsAll", "ContainsNone"}

var valueKeys = map[string]string{"text": "valueText", "uuid": "valueText", "int": "valueInt", "number": "valueNumber", "boolean": "valueBoolean", "date": "valueDate"}

// given is the key under which the filter has its value, and its values.
func (w *where) given() (string, []any) {
	switch {
	case w.ValueText != nil:
		return "valueText", []any{*w.ValueText}
	case w.ValueDate != nil:
		return "valueDate", []any{*w.ValueDate}
	case w.ValueInt != nil:
		return "valueInt", []any{float64(*w.ValueInt)}
	case w.ValueNumber != nil:
		return "valueNumber", []any{*w.ValueNumber}
	case w.ValueBoolean != nil:
		return "valueBoolean", []any{*w.ValueBoolean}
	case w.ValueTextArray != nil:
		return "valueText", anys(w.ValueTextArray)
	case w.ValueNumberArray != nil:
		return "valueNumber", anys(w.ValueNumberArray)
	case w.ValueIntArray != nil:
		var all []any
		for _, n := range w.ValueIntArray {
			all = append(all, float64(n))
		}
		return "valueInt", all
	}
	return "", nil
}

func anys[T any](list []T) []any {
	all := make([]any, len(list))
	for i, v := range list {
		all[i] = v
	}
	return all
}

// check holds a filter against the class; it returns what is wrong.
func (w *where) check(k *class) string {
	if w.Operator == "And" || w.Operator == "Or" || w.Operator == "Not" {
		if len(w.Operands) == 0 {
			return fmt.Sprintf("empty clause: got operator '%s', but no operands set - need at least one operand", w.Operator)
		}
		for _, o := range w.Operands {
			if wrong := o.check(k); wrong != "" {
				return wrong
			}
		}
		return ""
	}
	if !slices.Contains(comparisons, w.Operator) {
		return fmt.Sprintf("unrecognized operator: %s", w.Operator)
	}
	given, values := w.given()
	if len(w.Path) != 1 || given == "" {
		return fmt.Sprintf("got operator '%s', but no value<Type> field set", w.Operator)
	}
	p := k.field(w.Path[0])
	switch {
	case p == nil:
		return fmt.Sprintf("no such prop with name '%s' found in class '%s' in the schema. Check your schema files for which properties in this class are available", w.Path[0], k.Class)
	case w.Operator == "IsNull" && given != "valueBoolean":
		return "operator IsNull requires a booleanValue, got " + given + " instead"
	case w.Operator == "IsNull" && !k.InvertedIndex.IndexNullState:
		return "Nullstate must be indexed to be filterable! Add `indexNullState: true` to the invertedIndexConfig"
	case w.Operator != "IsNull" && given != valueKeys[p.element()]:
		return fmt.Sprintf("data type filter cannot use %q on type %q, use %q instead", given, p.element(), valueKeys[p.element()])
	}
	if p.element() == "text" && w.Operator != "Like" && w.Operator != "IsNull" {
		for _, v := range values {
			if len(tokens(v.(string), p.Tokenization, true)) == 0 {
				return "invalid search term, only stopwords provided. Stopwords can be configured in class.invertedIndexConfig.stopwords"
			}
		}
	}
	return ""
}

// field is the property of a path; every object has "id".
func (c *class) field(name string) *property {
	if name == "id" {
		return &property{Name: "id", DataType: []string{"uuid"}}
	}
	return c.property(name)
}

// holds reports whether a filter that has been checked holds for an object.
func (w *where) holds(k *class, o *object) bool {
	switch w.Operator {
	case "And":
		return !slices.ContainsFunc(w.Operands, func(x *where) bool { return !x.holds(k, o) })
	case "Or":
		return slices.ContainsFunc(w.Operands, func(x *where) bool { return x.holds(k, o) })
	case "Not":
		return !w.Operands[0].holds(k, o)
	}
	p := k.field(w.Path[0])
	value := o.Properties[p.Name]
	if p.Name == "id" {
		value = o.ID
	}
	_, values := w.given()
	equal := func(want any) bool {
		return slices.ContainsFunc(each(value), func(v any) bool { return p.equal(v, want) })
	}
	switch w.Operator {
	case "IsNull":
		return (value == nil) == *w.ValueBoolean
	case "Equal":
		return equal(values[0])
	case "NotEqual":
		return !equal(values[0])
	case "ContainsAny":
		return slices.ContainsFunc(values, equal)
	case "ContainsNone":
		return !slices.ContainsFunc(values, equal)
	case "ContainsAll":
		return !slices.ContainsFunc(values, func(v any) bool { return !equal(v) })
	case "Like":
		return slices.ContainsFunc(each(value), func(v any) bool { return p.like(v, values[0].(string)) })
	}
	return slices.ContainsFunc(each(value), func(v any) bool { return ordered(w.Operator, v, values[0]) })
}

// each are the values of a list, or the one value.
func each(v any) []any {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		return v
	default:
		return []any{v}
	}
}

func (p *property) equal(have, want any) bool {
	a, isText := have.(string)
	b, alike := want.(string)
	switch {
	case isText != alike:
		return false
	case isText && p.element() == "text":
		there := tokens(a, p.Tokenization, false)
		return !slices.ContainsFunc(tokens(b, p.Tokenization, true), func(t string) bool { return !slices.Contains(there, t) })
	case isText && p.element() == "date":
		return when(a).Equal(when(b))
	case isText:
		return strings.EqualFold(a, b)
	}
	return have == want
}

// like compares each word with each pattern: * stands for anything, ? for one letter.
func (p *property) like(have any, pattern string) bool {
	text, _ := have.(string)
	there := tokens(text, p.Tokenization, false)
	patterns := strings.Fields(pattern)
	if p.Tokenization == "field" {
		patterns = []string{pattern}
	}
	for _, one := range patterns {
		if p.Tokenization != "field" {
			one = strings.ToLower(one)
		}
		form := strings.NewReplacer(`\*`, `.*`, `\?`, `.`).Replace(regexp.QuoteMeta(one))
		re, err := regexp.Compile("^" + form + "$")
		if err != nil || !slices.ContainsFunc(there, re.MatchString) {
			return false
		}
	}
	return len(patterns) > 0
}

func ordered(operator string, have, want any) bool {
	n := 0
	switch a := have.(type) {
	case float64:
		n = compare(a, want.(float64))
	case string:
		b := want.(string)
		if x, y := when(a), when(b); !x.IsZero() && !y.IsZero() {
			n = x.Compare(y)
		} else {
			n = strings.Compare(strings.ToLower(a), strings.ToLower(b))
		}
	default:
		return false
	}
	switch operator {
	case "GreaterThan":
		return n > 0
	case "GreaterThanEqual":
		return n >= 0
	case "LessThan":
		return n < 0
	}
	return n <= 0
}

func compare(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func when(s string) time.Time {
	t, _ := time.Parse(time.RFC3339, s)
	return t
}

// stopwords are some of the server's English preset.
var stopwords = strings.Fields("a an and are as at be but by for if in into is it no not of on or such that the their then there these they this to was will with")

// tokens are the words of a text as its property's tokenization has them; those of
// what is looked for lack the stop words.
func tokens(s, tokenization string, sought bool) []string {
	var all []string
	switch tokenization {
	case "field":
		if s = strings.TrimSpace(s); s != "" {
			all = []string{s}
		}
		return all
	case "whitespace":
		all = strings.Fields(s)
	case "lowercase":
		all = strings.Fields(strings.ToLower(s))
	default:
		all = strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	}
	if sought {
		all = slices.DeleteFunc(all, func(t string) bool { return slices.Contains(stopwords, t) })
	}
	return all
}
