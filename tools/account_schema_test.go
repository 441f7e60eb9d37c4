package tools_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"toolvault/schemas"
	"toolvault/tools"
)

// The schema that the list shows is the one of the file, and what asks for the
// account. The file and its digest stay as they are.
func TestTheSchemaThatAsksIsTheFilesAndOneArgument(t *testing.T) {
	w, _ := accounted(t)
	before := w.List(w.id)
	w.has(t, "us read-write", "emea read-write")
	for i, s := range w.List(w.id) {
		plain := before[i]
		if s.Digest != plain.Digest || s.Name != plain.Name || s.Description != plain.Description {
			t.Errorf("%s is another tool now", s.Name)
		}
		var got, want map[string]any
		must(t, json.Unmarshal(s.Input, &got))
		must(t, json.Unmarshal(plain.Input, &want))
		properties, required := want["properties"].(map[string]any), want["required"].([]any)
		properties["account"] = map[string]any{"type": "string", "enum": []any{"emea", "us"}, "description": "Which Shelf account the call is about."}
		want["required"] = append([]any{"account"}, required...)
		a, _ := json.Marshal(got)
		b, _ := json.Marshal(want)
		if string(a) != string(b) {
			t.Errorf("%s:\n%s\nwant\n%s", s.Name, a, b)
		}
		if again := w.List(w.id)[i]; &again.Input[0] != &s.Input[0] {
			t.Errorf("%s: the schema was made again", s.Name)
		}
	}
}

// Every tool that there is can ask for an account.
func TestEverySchemaCanAsk(t *testing.T) {
	files, err := schemas.Load()
	must(t, err)
	for _, f := range files {
		shown, err := tools.Asking(f.Input, []string{"emea", "us"})
		must(t, err)
		doc, err := jsonschema.UnmarshalJSON(strings.NewReader(string(shown)))
		must(t, err)
		c := jsonschema.NewCompiler()
		must(t, c.AddResource("mem:///x", doc))
		if _, err := c.Compile("mem:///x"); err != nil {
			t.Errorf("%s: %v", f.Name, err)
		}
		if doc.(map[string]any)["properties"].(map[string]any)["account"] == nil {
			t.Errorf("%s does not ask:\n%s", f.Name, shown)
		}
	}
	for name, c := range map[string]struct{ in, out string }{
		"nothing":          {`{"type":"object","x":{"properties":{"a":1},"required":["b"]}}`, `{"properties":{"account":1},"required":["account"],"type":"object","x":{"properties":{"a":1},"required":["b"]}}`},
		"empty":            {`{"properties":{},"required":[]}`, `{"properties":{"account":1},"required":["account"]}`},
		"in another order": {` { "required" : [ "a" ] , "properties" : { "a" : {"properties":{"account":{}}} } }`, ` { "required" : ["account", "a" ] , "properties" : {"account":1, "a" : {"properties":{"account":{}}} } }`},
		"its own account":  {`{"properties":{"b":{},"account":{}}}`, ""},
		"no keys":          {`{}`, ""},
		"no object":        {`[]`, ""},
		"cut off":          {`{"properties":{`, ""},
		"a list":           {`{"properties":[]}`, ""},
	} {
		got, err := tools.With(json.RawMessage(c.in), json.RawMessage("1"))
		if string(got) != c.out || (err != nil) != (c.out == "") {
			t.Errorf("%s: %s, %v", name, got, err)
		}
	}
}

// What is taken out is what everybody else would have read, and all the rest is
// still there.
func FuzzTakeAccount(f *testing.F) {
	for _, seed := range []string{
		``, `null`, `{}`, `[]`, `{"account":"a"}`, `{"account":"a","account":"b","x":1e400}`, `{"x":"<&>\u2028","account":null}`, `{"a\u0063count":"a"}`,
		`{"account":{"account":"a"}}`, "{\"account\":\"\xff\"}", `{"Account":"a"} `, `{"account":"a"}{}`, `{"account":`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		rest, account, ok := tools.TakeAccount(json.RawMessage(text))
		if !ok {
			if string(rest) != text {
				t.Fatalf("nothing taken out, and %q left of %q", rest, text)
			}
			return
		}
		var before, after map[string]json.RawMessage
		if json.Unmarshal([]byte(text), &before) != nil || json.Unmarshal(rest, &after) != nil {
			t.Fatalf("taken out of %q: %q", text, rest)
		}
		var want any
		must := func(err error) {
			if err != nil {
				t.Fatal(err)
			}
		}
		must(json.Unmarshal(before["account"], &want))
		a, _ := json.Marshal(account)
		b, _ := json.Marshal(want)
		if string(a) != string(b) {
			t.Fatalf("of %q %s was taken out", text, a)
		}
		delete(before, "account")
		a, _ = json.Marshal(before)
		if string(a) != string(rest) || after["account"] != nil {
			t.Fatalf("of %q is left %s", text, rest)
		}
	})
}
