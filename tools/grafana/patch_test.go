package grafana

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

const classicForm = `{"title":"T","version":3,"panels":[
  {"id":1,"type":"stat","title":"A","targets":[{"refId":"A","expr":"up"}],"gridPos":{"x":0,"y":0,"w":12,"h":8}},
  {"id":2,"type":"stat","title":"B"},
  {"id":3,"type":"row","title":"R","panels":[{"id":4,"type":"logs","title":"L"}]},
  {"type":"text","title":"no id"}]}`

const v2Form = `{"title":"T","elements":{
  "panel-1":{"kind":"Panel","spec":{"id":1,"title":"A","vizConfig":{"group":"stat"},"data":{"spec":{"queries":[]}}}},
  "panel-2":{"kind":"LibraryPanel","spec":{"id":2,"title":"B"}}},
  "layout":{"kind":"RowsLayout","spec":{"rows":[{"kind":"RowsLayoutRow","spec":{"layout":{"kind":"GridLayout","spec":{"items":[
    {"kind":"GridLayoutItem","spec":{"x":0,"y":0,"width":24,"height":8,"element":{"kind":"ElementReference","name":"panel-1"}}},
    {"kind":"GridLayoutItem","spec":{"x":0,"y":8,"width":24,"height":8,"element":{"kind":"ElementReference","name":"panel-2"}}}]}}}}]}}}`

func formed(t testing.TB, form string) model {
	t.Helper()
	m := model(decoded(json.RawMessage(form)))
	if m == nil {
		t.Fatalf("no JSON: %s", form)
	}
	return m
}

func TestPatch(t *testing.T) {
	for _, c := range []struct {
		name, form, ops string
		want, fails     string // a part of what comes of it, or of what is said against it
	}{
		{"the title", classicForm, `[{"op":"set","path":"/title","value":"New"}]`, `"title":"New","version":3`, ""},
		{"without the slash", classicForm, `[{"op":"set","path":"title","value":"New"}]`, `"title":"New"`, ""},
		{"of a panel", classicForm, `[{"op":"set","panel":1,"path":"/targets/0/expr","value":"down"}]`, `"expr":"down"`, ""},
		{"what is not there yet", classicForm, `[{"op":"set","panel":"B","path":"/fieldConfig/defaults/unit","value":"s"}]`, `"fieldConfig":{"defaults":{"unit":"s"}}`, ""},
		{"behind the last", classicForm, `[{"op":"set","panel":1,"path":"/targets/-","value":{"refId":"B"}}]`, `{"expr":"up","refId":"A"},{"refId":"B"}`, ""},
		{"of a nested panel", classicForm, `[{"op":"set","panel":4,"path":"/title","value":"Logs"}]`, `"title":"Logs"`, ""},
		{"take away", classicForm, `[{"op":"remove","panel":1,"path":"/targets/0"}]`, `"targets":[]`, ""},
		{"a slash in a name", classicForm, `[{"op":"set","panel":1,"path":"/a~1b/c~0d","value":1}]`, `"a/b":{"c~d":1}`, ""},
		{"a panel", classicForm, `[{"op":"remove_panel","panel":"B"}]`, `{"id":3,"panels"`, ""},
		{"a folded row leaves its panels", classicForm, `[{"op":"remove_panel","panel":"R"}]`, `{"id":2,"title":"B","type":"stat"},{"id":4,`, ""},
		{"a nested panel", classicForm, `[{"op":"remove_panel","panel":4}]`, `"id":3,"panels":[]`, ""},
		{"one without an id", classicForm, `[{"op":"remove_panel","panel":"no id"}]`, `"version":3`, ""},
		{"a new one", classicForm, `[{"op":"add_panel","value":{"type":"stat","title":"N"}}]`, `{"gridPos":{"h":8,"w":12,"x":0,"y":8},"id":5,"title":"N","type":"stat"}`, ""},
		{"a new one in v2", v2Form, `[{"op":"add_panel","value":{"title":"N","vizConfig":{},"data":{}}}]`, `{"element":{"kind":"ElementReference","name":"panel-3"},"height":8,"width":12,"x":0,"y":16}`, ""},
		{"with its kind", v2Form, `[{"op":"add_panel","value":{"kind":"Panel","spec":{"title":"N","vizConfig":{},"data":{}}}}]`, `"panel-3":{"kind":"Panel","spec":{"data":{},"id":3`, ""},
		{"one of v2", v2Form, `[{"op":"remove_panel","panel":"B"}]`, `"items":[{"kind":"GridLayoutItem","spec":{"element":{"kind":"ElementReference","name":"panel-1"}`, ""},
		{"in v2 by its element", v2Form, `[{"op":"set","panel":"panel-1","path":"/title","value":"Z"}]`, `"title":"Z","vizConfig"`, ""},

		{"the list of panels", classicForm, `[{"op":"set","path":"/panels","value":[]}]`, "", `"1" would be gone`},
		{"one by its place", classicForm, `[{"op":"remove","path":"/panels/1"}]`, "", `"2" would be gone`},
		{"another in its place", classicForm, `[{"op":"set","path":"/panels/1","value":{"id":9}}]`, "", `"2" would be gone`},
		{"its id", classicForm, `[{"op":"set","panel":1,"path":"/id","value":9}]`, "", "id cannot be changed"},
		{"those of a row", classicForm, `[{"op":"remove","panel":3,"path":"/panels"}]`, "", `"4" would be gone`},
		{"an element", v2Form, `[{"op":"remove","path":"/elements/panel-2"}]`, "", `"panel-2" would be gone`},
		{"out of the layout", v2Form, `[{"op":"remove","path":"/layout/spec/rows/0/spec/layout/spec/items/0"}]`, "", `"panel-1" would be gone`},
		{"the layout", v2Form, `[{"op":"set","path":"/layout","value":{}}]`, "", `would be gone`},
		{"the version", classicForm, `[{"op":"set","path":"/version","value":9}]`, "", "version cannot be changed"},
		{"nowhere", classicForm, `[{"op":"remove","panel":1,"path":"/a/b"}]`, "", "leads nowhere"},
		{"through a text", classicForm, `[{"op":"set","path":"/title/x","value":1}]`, "", "leads nowhere"},
		{"behind the end", classicForm, `[{"op":"set","panel":1,"path":"/targets/2","value":1}]`, "", "leads nowhere"},
		{"no path", classicForm, `[{"op":"set","panel":1,"value":1}]`, "", "path is missing"},
		{"another schema", classicForm, `[{"op":"set","value":{"elements":{}}}]`, "", "another schema"},
		{"a classic panel in v2", v2Form, `[{"op":"add_panel","value":{"type":"stat","title":"N"}}]`, "", "schema v2"},
		{"the second fails", classicForm, `[{"op":"set","path":"/title","value":"New"},{"op":"remove_panel","panel":99}]`, "", "Change 2"},
	} {
		m := formed(t, c.form)
		var ops []Op
		if err := json.Unmarshal([]byte(c.ops), &ops); err != nil {
			t.Fatal(err)
		}
		_, err := m.apply(ops)
		raw, _ := json.Marshal(m)
		switch {
		case c.fails != "":
			if err == nil || !strings.Contains(err.Error(), c.fails) {
				t.Errorf("%s: got %v\n%s", c.name, err, raw)
			}
		case err != nil || !strings.Contains(string(raw), c.want):
			t.Errorf("%s: %v\n%s", c.name, err, raw)
		}
	}
}

// keepsPanels makes changes and checks what holds whatever they are: no panel is gone
// that no remove_panel named, each is shown as before, the dashboard is who it was,
// and what comes of it is JSON.
func keepsPanels(t interface{ Errorf(string, ...any) }, m model, ops []Op) {
	v2, version := m.isV2(), fmt.Sprint(m["version"])
	before := m.census()
	said, err := m.apply(ops)
	if err != nil {
		return
	}
	if len(said) != len(ops) {
		t.Errorf("%d changes, %d said", len(ops), len(said))
	}
	named := map[string]int{}
	for _, s := range said {
		if key, ok := strings.CutPrefix(s, "removed panel «"); ok {
			named[strings.TrimSuffix(key, "»")]++
		}
	}
	after := m.census()
	for key, n := range before {
		may := named[key]
		if v2 {
			may *= 2 // the element, and its place
		}
		if after[key] < n-may {
			t.Errorf("of the panel %q there were %d and are %d, and %d were named: %v", key, n, after[key], named[key], ops)
		}
	}
	if m.isV2() != v2 || fmt.Sprint(m["version"]) != version {
		t.Errorf("it is another: v2 %v, version %v", m.isV2(), m["version"])
	}
	if _, err := json.Marshal(m); err != nil {
		t.Errorf("%v", err)
	}
}

func FuzzPatchLosesNoPanel(f *testing.F) {
	f.Add(`[{"op":"set","path":"/panels","value":[]}]`, false)
	f.Add(`[{"op":"remove_panel","panel":3},{"op":"remove","path":"/panels/0/targets"}]`, false)
	f.Add(`[{"op":"set","path":"","value":{"panels":[{"id":1}]}}]`, false)
	f.Add(`[{"op":"set","path":"/layout","value":null},{"op":"add_panel","value":{"vizConfig":{},"data":{}}}]`, true)
	f.Add(`[{"op":"remove_panel","panel":"panel-1"},{"op":"set","path":"/elements/panel-1/spec/id","value":2}]`, true)
	f.Add(`[{"op":"add_panel","value":{"type":"row","id":1,"panels":[{"id":2}]}},{"op":"remove_panel","panel":1}]`, false)
	f.Fuzz(func(t *testing.T, changes string, v2 bool) {
		var ops []Op
		dec := json.NewDecoder(strings.NewReader(changes))
		dec.UseNumber()
		if dec.Decode(&ops) == nil && len(ops) <= 30 {
			keepsPanels(t, formed(t, map[bool]string{false: classicForm, true: v2Form}[v2]), ops)
		}
	})
}

func TestPatchLosesNoPanel(t *testing.T) {
	step := rapid.SampledFrom([]string{"panels", "rows", "elements", "layout", "spec", "items", "0", "1", "2", "3", "-", "panel-1", "panel-2", "element", "name", "kind", "id", "title", "targets", "type"})
	value := rapid.SampledFrom([]string{
		`null`, `[]`, `{}`, `"x"`, `7`, `{"id":1}`, `{"id":4,"type":"row","title":"B","panels":[{"id":1},{"id":2}]}`, `[{"id":1},{"id":2},{"id":3},{"id":4},{"title":"no id"}]`,
		`{"type":"stat","title":"A"}`, `{"title":"A","vizConfig":{},"data":{}}`, `{"kind":"ElementReference","name":"panel-1"}`, `{"panels":[]}`, `{"elements":{},"layout":{}}`,
		`{"kind":"GridLayout","spec":{"items":[{"spec":{"element":{"kind":"ElementReference","name":"panel-2"}}}]}}`, classicForm, v2Form,
	})
	one := rapid.Custom(func(t *rapid.T) Op {
		op := Op{Op: rapid.SampledFrom([]string{"set", "set", "remove", "add_panel", "remove_panel"}).Draw(t, "op")}
		if rapid.Bool().Draw(t, "of a panel") {
			op.Panel = rapid.SampledFrom([]any{"A", "B", "R", "L", "no id", json.Number("1"), json.Number("4"), "panel-2"}).Draw(t, "panel")
		}
		op.Path = "/" + strings.Join(rapid.SliceOfN(step, 0, 6).Draw(t, "path"), "/")
		dec := json.NewDecoder(strings.NewReader(value.Draw(t, "value")))
		dec.UseNumber()
		if err := dec.Decode(&op.Value); err != nil {
			t.Fatal(err)
		}
		return op
	})
	rapid.Check(t, func(r *rapid.T) {
		form := rapid.SampledFrom([]string{classicForm, v2Form}).Draw(r, "form")
		keepsPanels(r, formed(t, form), rapid.SliceOfN(one, 1, 5).Draw(r, "changes"))
	})
}
