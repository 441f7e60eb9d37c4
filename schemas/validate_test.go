package schemas

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
)

func tool(t testing.TB) Tool {
	t.Helper()
	tool, err := Parse([]byte(`{"name":"shop_order","title":"Order","service":"shop","scope":"order.write","description":"Orders.",
		"annotations":{"readOnly":false,"destructive":false,"idempotent":false},
		"input":{"type":"object","additionalProperties":false,"required":["item"],"properties":{
			"item":{"type":"string","minLength":2,"maxLength":20,"pattern":"^[a-z]+$"},
			"count":{"type":"integer","minimum":1,"maximum":100,"default":1},
			"size":{"enum":["s","m","l"]},
			"to":{"type":"object","additionalProperties":{"type":"string","x-sensitive":true}},
			"notes":{"type":"array","maxItems":2,"items":{"type":"object","properties":{"text":{"type":"string","x-sensitive":true}}}},
			"card":{"type":"string","x-sensitive":true}}}}`))
	if err != nil {
		t.Fatal(err)
	}
	return tool
}

func TestEachWrongFieldIsNamedWithWhatWouldFit(t *testing.T) {
	for args, want := range map[string][]string{
		`{}`:                                  {"missing item"},
		``:                                    {"missing item"},
		`null`:                                {"missing item"},
		`[]`:                                  {"must be a JSON object"},
		`{"item":`:                            {"not valid JSON"},
		`{"item":7}`:                          {"item: must be string, not number"},
		`{"item":"ok","count":0,"size":"xl"}`: {"count: must be at least 1", `size: must be one of "s", "m", "l"`},
		`{"item":"ok","count":1e9}`:           {"count: must be at most 100"},
		`{"item":"a"}`:                        {"item: must have at least 2 characters"},
		`{"item":"UPPER"}`:                    {"item: must match ^[a-z]+$"},
		`{"itme":"ok"}`:                       {"missing item", `there is no argument "itme" (did you mean "item"?)`},
		`{"item":"ok","notes":[{},{},{}]}`:    {"notes: must have at most 2 items, not 3"},
		`{"item":"ok","to":{"a":1}}`:          {"to.a: must be string, not number"},
	} {
		_, err := tool(t).Validate(json.RawMessage(args))
		var invalid *InvalidError
		if !errors.As(err, &invalid) {
			t.Errorf("%s: %v", args, err)
			continue
		}
		for _, w := range want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%s: %q lacks %q", args, err, w)
			}
		}
	}
}

func TestAWrongValueIsNotRepeated(t *testing.T) {
	_, err := tool(t).Validate(json.RawMessage(`{"item":"SECRETVALUE","size":"SECRETVALUE"}`))
	if err == nil || strings.Contains(err.Error(), "SECRETVALUE") {
		t.Error(err)
	}
}

func TestAWholeNumberIsAnIntegerHoweverItIsWritten(t *testing.T) {
	for args, want := range map[string]string{
		`{"item":"ok","count":2.0}`: `{"count":2,"item":"ok"}`,
		`{"item":"ok","count":1e1}`: `{"count":10,"item":"ok"}`,
	} {
		if a, err := tool(t).Validate(json.RawMessage(args)); err != nil || string(a.Raw) != want {
			t.Errorf("%s: %s %v", args, a.Raw, err)
		}
	}
	if _, err := tool(t).Validate(json.RawMessage(`{"item":"ok","count":2.5}`)); err == nil {
		t.Error("half a count was accepted")
	}
}

func TestAPatternOfWordsIsReadOut(t *testing.T) {
	kinds, err := Parse([]byte(`{"name":"a_b","title":"T","service":"a","scope":"","description":"D","annotations":{"readOnly":true,"destructive":false,"idempotent":true},
		"input":{"type":"object","properties":{"type":{"type":"string","pattern":"^(contacts|deals|2-\\d+)$"}}}}`))
	if err != nil {
		t.Fatal(err)
	}
	_, err = kinds.Validate(json.RawMessage(`{"type":"contact"}`))
	if err == nil || !strings.Contains(err.Error(), `must be one of contacts, deals, or match 2-\d+ (did you mean "contacts"?)`) {
		t.Error(err)
	}
}

func TestDefaultsAreFilledInAndNumbersStayExact(t *testing.T) {
	a, err := tool(t).Validate(json.RawMessage(`{"item":"ok"}`))
	if err != nil || string(a.Raw) != `{"count":1,"item":"ok"}` || a.Map["count"] != json.Number("1") {
		t.Errorf("%s %v %v", a.Raw, a.Map, err)
	}
}

func TestSensitiveArgumentsAreFoundWhereverTheyAre(t *testing.T) {
	if got, want := tool(t).Sensitive(), []string{"/card", "/notes/*/text", "/to/*"}; !reflect.DeepEqual(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestEveryFileIsFitForAModel holds all files to what a model, and a client
// that knows nothing of us, can rely on.
func TestEveryFileIsFitForAModel(t *testing.T) {
	all, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, tool := range all {
		if c := tool.compile(); c.err != nil {
			t.Errorf("%s: %v", tool.Name, c.err)
		}
		var input struct {
			Type                 string `json:"type"`
			AdditionalProperties *bool  `json:"additionalProperties"`
		}
		if err := json.Unmarshal(tool.Input, &input); err != nil || input.Type != "object" || input.AdditionalProperties == nil || *input.AdditionalProperties {
			t.Errorf("%s: the input must be an object without additional properties", tool.Name)
		}
		if !strings.HasPrefix(tool.Name, tool.Service+"_") && tool.Service != "toolvault" || tool.Title == "" {
			t.Errorf("%s: needs a title, and a name that begins with its service", tool.Name)
		}
		if tool.Annotations.ReadOnly && tool.Annotations.Destructive {
			t.Errorf("%s: what only reads cannot destroy", tool.Name)
		}
		if tool.Annotations.ReadOnly && tool.Annotations.Irreversible || tool.Annotations.Irreversible && !tool.Annotations.Destructive {
			t.Errorf("%s: only what destroys can be irreversible", tool.Name)
		}
		if len(tool.Words) > 200 {
			t.Errorf("%s: %d bytes of words", tool.Name, len(tool.Words))
		}
		if len(tool.Example) == 0 {
			t.Errorf("%s: has no example", tool.Name)
		} else if _, err := tool.Validate(tool.Example); err != nil {
			t.Errorf("%s: its example: %v", tool.Name, err)
		}
	}
}

func FuzzValidate(f *testing.F) {
	for _, s := range []string{`{"item":"ok"}`, `{"item":"ok","count":2,"to":{"a":"b"},"notes":[{"text":"x"}]}`, `{"item":1e999}`, `{"item":"ok","item":7}`, `[[[[`} {
		f.Add([]byte(s))
	}
	tool := tool(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := tool.Validate(b)
		var invalid *InvalidError
		if err != nil {
			if !errors.As(err, &invalid) {
				t.Fatalf("%q: %v", b, err)
			}
			return
		}
		if _, err := tool.Validate(a.Raw); err != nil {
			t.Fatalf("%q was valid and became %s: %v", b, a.Raw, err)
		}
	})
}

func BenchmarkValidate(b *testing.B) {
	tool := tool(b)
	args := json.RawMessage(`{"item":"ok","count":2,"size":"m"}`)
	for b.Loop() {
		if _, err := tool.Validate(args); err != nil {
			b.Fatal(err)
		}
	}
}
