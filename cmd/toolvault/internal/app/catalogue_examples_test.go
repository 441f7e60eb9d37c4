package app

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"toolvault/schemas"
)

// TestEveryExampleWorks calls every tool with the example of its file, on doubles
// as they start.
func TestEveryExampleWorks(t *testing.T) {
	everyTool(t, func(t *testing.T, w *whole, tool schemas.Tool) {
		r, records := w.do(t.Context(), tool.Name, tool.Example)
		if tool.Name == "call_tool" { // it is the call that it stands for
			tool = fileOf(t, calledBy(t, tool))
		}
		checkRecords(t, tool, r, records)
		if r.Failure != nil {
			t.Fatalf("%s: %s", r.Failure.Kind, r.Failure.Message)
		}
		for _, line := range w.logged.take() {
			t.Errorf("logged: %s", line)
		}
		if err := tool.ValidateOutput(r.Structured); err != nil {
			t.Errorf("the result does not fit the output schema: %v\n%s", err, r.Structured)
		}
		if tool.Name == "describe_tool" { // its answer is a schema and an example: JSON, in which {} says something
			return
		}
		for _, p := range empties(t, r.Structured, tool.Output) {
			t.Errorf("an empty field: %s", p)
		}
		checkText(t, r.Text, r.Structured)
	})
}

// calledBy is the tool that an example of call_tool calls.
func calledBy(t *testing.T, tool schemas.Tool) string {
	var args struct{ Name string }
	check(t, json.Unmarshal(tool.Example, &args))
	return args.Name
}

func fileOf(t *testing.T, name string) schemas.Tool {
	t.Helper()
	all, err := schemas.Load()
	check(t, err)
	i := slices.IndexFunc(all, func(f schemas.Tool) bool { return f.Name == name })
	if i < 0 {
		t.Fatalf("there is no tool %s", name)
	}
	return all[i]
}

// checkText holds the text of a result against its structured form: it is for
// reading, no longer, and names the same things.
func checkText(t *testing.T, text string, structured json.RawMessage) {
	t.Helper()
	if json.Valid([]byte(text)) {
		t.Errorf("the text is JSON: %.200s", text)
	}
	const room = 160 // for what says how the text is to be read
	if most := len(structured)*13/10 + room; len(text) > most {
		t.Errorf("the text is %d bytes, the structured result %d:\n%s\n%s", len(text), len(structured), text, structured)
	}
	for _, id := range ids(t, structured) {
		if !strings.Contains(text, id) {
			t.Errorf("the text does not name %s:\n%s\n%s", id, text, structured)
		}
	}
}

// ids are the values of the fields that are called id, ts, or end in _id.
func ids(t *testing.T, structured json.RawMessage) []string {
	var found []string
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for name, x := range v {
				if name == "id" || name == "ts" || name == "ids" || strings.HasSuffix(name, "_id") || strings.HasSuffix(name, "_ids") {
					for _, one := range list(x) {
						switch one := one.(type) {
						case string:
							found = append(found, one)
						case json.Number:
							found = append(found, string(one))
						}
					}
				}
				walk(x)
			}
		case []any:
			for _, x := range v {
				walk(x)
			}
		}
	}
	walk(decoded(t, structured))
	slices.Sort(found)
	return slices.Compact(found)
}

func list(v any) []any {
	if l, ok := v.([]any); ok {
		return l
	}
	return []any{v}
}

func decoded(t testing.TB, raw json.RawMessage) any {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var v any
	check(t, dec.Decode(&v))
	return v
}

// empties are the places of a result that say nothing: null, and "", [] or {} where
// the schema does not require them. What the schema leaves open, such as the
// fields of a record, is what the service holds.
func empties(t *testing.T, structured, schema json.RawMessage) []string {
	type shape struct {
		Properties map[string]json.RawMessage `json:"properties"`
		Required   []string                   `json:"required"`
		Items      json.RawMessage            `json:"items"`
	}
	var found []string
	var walk func(path string, v any, raw json.RawMessage, required bool)
	walk = func(path string, v any, raw json.RawMessage, required bool) {
		var s shape
		if len(raw) > 0 {
			_ = json.Unmarshal(raw, &s)
		}
		switch v := v.(type) {
		case nil:
			found = append(found, path+" is null")
		case string:
			if v == "" && !required {
				found = append(found, path+` is ""`)
			}
		case map[string]any:
			if len(v) == 0 && !required {
				found = append(found, path+" is {}")
			}
			if s.Properties == nil {
				return
			}
			for name, x := range v {
				walk(path+"."+name, x, s.Properties[name], slices.Contains(s.Required, name))
			}
		case []any:
			if len(v) == 0 && !required {
				found = append(found, path+" is []")
			}
			for i, x := range v {
				if x == nil || x == "" { // a cell of a table is what it is
					continue
				}
				walk(fmt.Sprintf("%s[%d]", path, i), x, s.Items, true)
			}
		}
	}
	walk("result", decoded(t, structured), schema, true)
	return found
}
