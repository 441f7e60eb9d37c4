package schemas

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"toolvault/schemas/near"
)

// Arguments are arguments that fit: defaults filled in, and one value for
// everybody who looks at them. Policy and handler must never read the client's
// text again, since two readers of one JSON text may see two things.
type Arguments struct {
	Map map[string]any  // numbers are json.Number
	Raw json.RawMessage // Map as JSON
}

// InvalidError says which arguments do not fit, each with what would.
type InvalidError struct {
	Tool   string
	Fields []string // "limit: must be at most 100"
}

func (e *InvalidError) Error() string {
	return fmt.Sprintf("The arguments of %s do not fit its schema: %s. Correct them and call again.", e.Tool, strings.Join(e.Fields, "; "))
}

// maxReported bounds how many wrong fields one answer names.
const maxReported = 10

// Validate holds the arguments against the tool's input schema. No arguments at
// all count as {}. The error is an *InvalidError if the arguments are at fault.
func (t Tool) Validate(raw json.RawMessage) (Arguments, error) {
	c := t.compile()
	if c.err != nil {
		return Arguments{}, c.err
	}
	if len(bytes.TrimSpace(raw)) == 0 || string(bytes.TrimSpace(raw)) == "null" {
		raw = json.RawMessage("{}")
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		return Arguments{}, &InvalidError{t.Name, []string{"the arguments are not valid JSON"}}
	}
	m, ok := v.(map[string]any)
	if !ok {
		return Arguments{}, &InvalidError{t.Name, []string{"the arguments must be a JSON object"}}
	}
	if err := c.schema.Validate(m); err != nil {
		var ve *jsonschema.ValidationError
		if !errors.As(err, &ve) {
			return Arguments{}, err
		}
		var fields []string
		c.collect(ve, &fields)
		slices.Sort(fields)
		fields = slices.Compact(fields)
		if n := len(fields); n > maxReported {
			fields = append(fields[:maxReported], fmt.Sprintf("and %d more", n-maxReported))
		}
		return Arguments{}, &InvalidError{t.Name, fields}
	}
	plainIntegers(m)
	for name, value := range c.defaults {
		if _, given := m[name]; !given {
			m[name] = value
		}
	}
	out, err := json.Marshal(m)
	if err != nil {
		return Arguments{}, err
	}
	return Arguments{Map: m, Raw: out}, nil
}

// ValidateOutput holds a structured result against the output schema; a tool
// without one accepts everything. For tests: it is off the path of a call.
func (t Tool) ValidateOutput(raw json.RawMessage) error {
	c := t.compile()
	if c.err != nil || c.output == nil {
		return c.err
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		return err
	}
	return c.output.Validate(v)
}

// Sensitive lists the arguments marked "x-sensitive" as JSON pointers, with * for
// any item of an array or any key of a map.
func (t Tool) Sensitive() []string { return t.compile().sensitive }

// Default is what stands for an argument that a call leaves out; nil: nothing.
func (t Tool) Default(argument string) any { return t.compile().defaults[argument] }

// Properties lists the names of the arguments, sorted.
func (t Tool) Properties() []string { return t.compile().properties }

// compile does the work once, at the first call of the tool, so that a start
// does not pay for tools that nobody calls.
func (t Tool) compile() *compiled {
	c := t.compiled
	c.once.Do(func() {
		if c.schema, c.err = compileSchema(t.Name+"#input", t.Input); c.err != nil {
			return
		}
		if len(t.Output) > 0 {
			if c.output, c.err = compileSchema(t.Name+"#output", t.Output); c.err != nil {
				return
			}
		}
		var top struct {
			Properties map[string]struct {
				Default any `json:"default"`
			} `json:"properties"`
		}
		dec := json.NewDecoder(bytes.NewReader(t.Input))
		dec.UseNumber()
		if c.err = dec.Decode(&top); c.err != nil {
			return
		}
		c.defaults = map[string]any{}
		for name, p := range top.Properties {
			c.properties = append(c.properties, name)
			if p.Default != nil {
				c.defaults[name] = p.Default
			}
		}
		slices.Sort(c.properties)
		var schema any
		if c.err = json.Unmarshal(t.Input, &schema); c.err == nil {
			markSensitive(schema, "", &c.sensitive)
			slices.Sort(c.sensitive)
		}
	})
	return c
}

func compileSchema(name string, raw json.RawMessage) (*jsonschema.Schema, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("schema of %s: %w", name, err)
	}
	comp := jsonschema.NewCompiler()
	comp.AssertFormat()
	url := "mem:///" + strings.ReplaceAll(name, "#", "/")
	if err := comp.AddResource(url, doc); err != nil {
		return nil, fmt.Errorf("schema of %s: %w", name, err)
	}
	s, err := comp.Compile(url)
	if err != nil {
		return nil, fmt.Errorf("schema of %s: %w", name, err)
	}
	return s, nil
}

func markSensitive(schema any, at string, out *[]string) {
	m, ok := schema.(map[string]any)
	if !ok {
		return
	}
	if m["x-sensitive"] == true {
		*out = append(*out, at)
		return
	}
	if props, ok := m["properties"].(map[string]any); ok {
		for name, sub := range props {
			markSensitive(sub, at+"/"+strings.NewReplacer("~", "~0", "/", "~1").Replace(name), out)
		}
	}
	markSensitive(m["items"], at+"/*", out)
	markSensitive(m["additionalProperties"], at+"/*", out)
	for _, word := range []string{"anyOf", "oneOf", "allOf"} {
		if list, ok := m[word].([]any); ok {
			for _, sub := range list {
				markSensitive(sub, at, out)
			}
		}
	}
}

// collect turns a tree of errors into one line for each field that is wrong.
func (c *compiled) collect(e *jsonschema.ValidationError, out *[]string) {
	switch e.ErrorKind.(type) {
	case *kind.AnyOf, *kind.OneOf:
		*out = append(*out, at(e)+"fits none of the forms that it may have"+c.alternatives(e))
		return
	}
	if len(e.Causes) > 0 {
		for _, cause := range e.Causes {
			c.collect(cause, out)
		}
		return
	}
	*out = append(*out, at(e)+c.explain(e))
}

func (c *compiled) alternatives(e *jsonschema.ValidationError) string {
	var all []string
	for _, cause := range e.Causes {
		c.collect(cause, &all)
	}
	if len(all) == 0 || len(all) > 4 {
		return ""
	}
	return " (" + strings.Join(all, ", or ") + ")"
}

func at(e *jsonschema.ValidationError) string {
	if len(e.InstanceLocation) == 0 {
		return ""
	}
	where := strings.Map(func(r rune) rune { // names of arguments are the caller's
		if unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, strings.Join(e.InstanceLocation, "."))
	if len(where) > 100 {
		where = where[:100] + "…"
	}
	return where + ": "
}

// explain says what would fit, without repeating what was given: that may be a
// secret, or a megabyte.
func (c *compiled) explain(e *jsonschema.ValidationError) string {
	switch k := e.ErrorKind.(type) {
	case *kind.Required:
		return "missing " + strings.Join(k.Missing, ", ")
	case *kind.AdditionalProperties:
		var words []string
		for _, p := range k.Properties {
			if len(p) > 60 {
				p = p[:60] + "…"
			}
			word := fmt.Sprintf("%q", p)
			if len(e.InstanceLocation) == 0 {
				if m := near.Match(p, c.properties); m != "" {
					word += fmt.Sprintf(" (did you mean %q?)", m)
				}
			}
			words = append(words, word)
			if len(words) == maxReported {
				break
			}
		}
		return "there is no argument " + strings.Join(words, ", ")
	case *kind.Type:
		return fmt.Sprintf("must be %s, not %s", strings.Join(k.Want, " or "), k.Got)
	case *kind.Enum:
		return "must be one of " + list(k.Want)
	case *kind.Const:
		return "must be " + list([]any{k.Want})
	case *kind.Minimum:
		return "must be at least " + number(k.Want)
	case *kind.Maximum:
		return "must be at most " + number(k.Want)
	case *kind.MinLength:
		return "must have at least " + count(k.Want, "character")
	case *kind.MaxLength:
		return fmt.Sprintf("must have at most %s, not %d", count(k.Want, "character"), k.Got)
	case *kind.MinItems:
		return "must have at least " + count(k.Want, "item")
	case *kind.MaxItems:
		return fmt.Sprintf("must have at most %s, not %d", count(k.Want, "item"), k.Got)
	case *kind.MinProperties:
		return "must have at least " + count(k.Want, "entry")
	case *kind.MaxProperties:
		return fmt.Sprintf("must have at most %s, not %d", count(k.Want, "entry"), k.Got)
	case *kind.Pattern:
		return pattern(k)
	case *kind.Format:
		return "must be a " + k.Want
	}
	return "does not fit the schema"
}

func list(values []any) string {
	var words []string
	for i, v := range values {
		if i == 20 {
			words = append(words, "…")
			break
		}
		b, _ := json.Marshal(v)
		words = append(words, string(b))
	}
	return strings.Join(words, ", ")
}
