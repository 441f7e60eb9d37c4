package app

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"regexp/syntax"
	"slices"
	"strings"
)

// generator makes arguments from a JSON Schema: such as fit, at the bounds of what
// is allowed, and such as do not.
type generator struct {
	*rand.Rand
	wrong bool // something may be as it must not be
}

// schemaShape is as much of JSON Schema as the files use.
type schemaShape struct {
	Type       json.RawMessage            `json:"type"`
	Properties map[string]json.RawMessage `json:"properties"`
	Required   []string                   `json:"required"`
	Items      json.RawMessage            `json:"items"`
	Additional json.RawMessage            `json:"additionalProperties"`
	Enum       []json.RawMessage          `json:"enum"`
	Const      json.RawMessage            `json:"const"`
	AnyOf      []json.RawMessage          `json:"anyOf"`
	OneOf      []json.RawMessage          `json:"oneOf"`
	Pattern    string                     `json:"pattern"`
	MinLength  int                        `json:"minLength"`
	MaxLength  *int                       `json:"maxLength"`
	Minimum    *float64                   `json:"minimum"`
	Maximum    *float64                   `json:"maximum"`
	MinItems   int                        `json:"minItems"`
	MaxItems   *int                       `json:"maxItems"`
	MaxProps   *int                       `json:"maxProperties"`
}

// odd are texts that code trips over.
var odd = []string{
	"", " ", "a", "0", "-1", "null", "true", "#general", "@marta", "a@b.example", "https://x.example/y?z=1", "../..", "%2e%2e", "a/b\\c", "'; DROP TABLE x; --", "\"", "{{x}}",
	"\u202eabc", "\u200b", "\U0001f468\u200d\U0001f469", "ﬀ", "日本語", "\x7f", "a\nb", "\t", "1e999", "2026-11-24", "2026-02-30", "24h", "yesterday 9:00", "99999999999999999999", "1795424100.000125", "C07GENERAL01", "NaN", "\ufffd",
}

func (g *generator) pick(n int) bool { return g.IntN(n) == 0 }

// value is one that the schema describes, or, if it may be wrong, perhaps another.
func (g *generator) value(raw json.RawMessage, depth int) any {
	if g.wrong && g.pick(6) {
		return g.any(depth)
	}
	var s schemaShape
	if len(raw) == 0 || json.Unmarshal(raw, &s) != nil || depth > 12 {
		return g.any(depth)
	}
	if forms := append(slices.Clone(s.AnyOf), s.OneOf...); len(forms) > 0 {
		return g.value(forms[g.IntN(len(forms))], depth+1)
	}
	if s.Const != nil {
		return s.Const
	}
	if len(s.Enum) > 0 {
		return s.Enum[g.IntN(len(s.Enum))]
	}
	switch kind := g.kind(s); kind {
	case "object":
		return g.object(s, depth)
	case "array":
		most := 3
		if s.MaxItems != nil {
			most = *s.MaxItems
		}
		n := s.MinItems + g.IntN(3)
		if g.pick(20) {
			n = most
		}
		if g.wrong && g.pick(10) {
			n = most + 1
		}
		items := make([]any, 0, n)
		for range min(n, 300) {
			items = append(items, g.value(s.Items, depth+1))
		}
		return items
	case "string":
		return g.text(s)
	case "integer", "number":
		return g.number(s, kind == "integer")
	case "boolean":
		return g.pick(2)
	case "null":
		return nil
	}
	return g.any(depth)
}

// kind is one of the types that the schema allows.
func (g *generator) kind(s schemaShape) string {
	var one string
	var many []string
	switch {
	case json.Unmarshal(s.Type, &one) == nil:
		return one
	case json.Unmarshal(s.Type, &many) == nil && len(many) > 0:
		return many[g.IntN(len(many))]
	case s.Properties != nil:
		return "object"
	}
	return ""
}

func (g *generator) object(s schemaShape, depth int) map[string]any {
	m := map[string]any{}
	for _, name := range sortedNames(s.Properties) {
		required := slices.Contains(s.Required, name)
		if required && !(g.wrong && g.pick(15)) || !required && g.pick(3) {
			m[name] = g.value(s.Properties[name], depth+1)
		}
	}
	if len(s.Additional) > 0 && string(s.Additional) != "false" && (s.MaxProps == nil || len(m) < *s.MaxProps) {
		for range g.IntN(3) {
			m["key_"+fmt.Sprint(g.IntN(5))] = g.value(s.Additional, depth+1)
		}
	}
	if g.wrong && g.pick(8) {
		m[odd[g.IntN(len(odd))]] = g.any(depth + 1)
	}
	return m
}

func (g *generator) text(s schemaShape) string {
	most := 200
	if s.MaxLength != nil {
		most = *s.MaxLength
	}
	text := odd[g.IntN(len(odd))]
	switch {
	case s.Pattern != "" && !(g.wrong && g.pick(4)):
		text = g.matching(s.Pattern)
	case g.pick(15):
		text = strings.Repeat("é", most)
	case g.wrong && g.pick(10):
		text = strings.Repeat("x", most+1)
	}
	for len([]rune(text)) < s.MinLength && !(g.wrong && g.pick(4)) {
		text += "abc"
	}
	if runes := []rune(text); len(runes) > most && !g.wrong {
		text = string(runes[:most])
	}
	return text
}

func (g *generator) number(s schemaShape, whole bool) any {
	least, most := -1e6, 1e6
	if s.Minimum != nil {
		least = *s.Minimum
	}
	if s.Maximum != nil {
		most = *s.Maximum
	}
	x := least + g.Float64()*(most-least)
	switch g.IntN(4) {
	case 0:
		x = least
	case 1:
		x = most
	}
	if g.wrong {
		switch g.IntN(12) {
		case 0:
			x = most + 1
		case 1:
			x = least - 1
		case 2:
			return json.Number([]string{"1e308", "-0", "1.5", "9007199254740993", "123456789012345678901234567890", "1e-400"}[g.IntN(6)])
		}
	}
	if whole {
		return int64(x)
	}
	return x
}

// matching is a text that matches a pattern.
func (g *generator) matching(pattern string) string {
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return "x"
	}
	var b strings.Builder
	g.match(&b, re.Simplify())
	return b.String()
}

func (g *generator) match(b *strings.Builder, re *syntax.Regexp) {
	switch re.Op {
	case syntax.OpLiteral:
		b.WriteString(string(re.Rune))
	case syntax.OpCharClass:
		i := g.IntN(len(re.Rune)/2) * 2
		from, to := re.Rune[i], min(re.Rune[i+1], re.Rune[i]+200)
		b.WriteRune(from + rune(g.IntN(int(to-from)+1)))
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		b.WriteRune(rune('a' + g.IntN(26)))
	case syntax.OpConcat, syntax.OpCapture:
		for _, sub := range re.Sub {
			g.match(b, sub)
		}
	case syntax.OpAlternate:
		g.match(b, re.Sub[g.IntN(len(re.Sub))])
	case syntax.OpStar, syntax.OpPlus, syntax.OpQuest, syntax.OpRepeat:
		n := re.Min
		switch re.Op {
		case syntax.OpPlus:
			n = 1 + g.IntN(3)
		case syntax.OpStar:
			n = g.IntN(4)
		case syntax.OpQuest:
			n = g.IntN(2)
		}
		for range n {
			g.match(b, re.Sub[0])
		}
	}
}

// any is any JSON value.
func (g *generator) any(depth int) any {
	if depth > 6 {
		return nil
	}
	switch g.IntN(9) {
	case 0:
		return nil
	case 1:
		return g.pick(2)
	case 2:
		return g.IntN(1000) - 500
	case 3:
		return json.Number("1e400")
	case 4:
		return []any{g.any(depth + 1), g.any(depth + 1)}
	case 5:
		return map[string]any{odd[g.IntN(len(odd))]: g.any(depth + 1)}
	case 6:
		deep := any("x")
		for range 200 {
			deep = []any{deep}
		}
		return deep
	}
	return odd[g.IntN(len(odd))]
}

func sortedNames(m map[string]json.RawMessage) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
