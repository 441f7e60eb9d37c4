package grafana

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

// Op is one change of a dashboard: set or remove what a JSON Pointer (RFC 6901)
// leads to, below a panel where one is named, or add or remove a whole panel.
type Op struct {
	Op    string `json:"op"`    // set, remove, add_panel, remove_panel
	Panel any    `json:"panel"` // id, or title
	Path  string `json:"path"`
	Value any    `json:"value"`
}

const maxSteps = 20 // of a path

// kept are what a dashboard's own identity is made of: no change touches them.
var kept = []string{"id", "uid", "version", "schemaVersion"}

// apply makes all changes, in order, and says of each what it did. It fails at the
// first that cannot be made, and where a panel would go that no remove_panel
// names; what m is then is of no use.
func (m model) apply(ops []Op) ([]string, error) {
	before := m.census()
	var said []string
	for i, op := range ops {
		what, err := m.applyOne(op)
		if err != nil {
			f := *fault.From(err)
			f.Message = fmt.Sprintf("Nothing was saved. Change %d: %s", i+1, f.Message)
			f.NotSent = true
			return nil, &f
		}
		if op.Op == "remove_panel" {
			if before[what]--; m.isV2() {
				delete(before, what) // it is gone from the layout too
			}
			what = "removed panel " + upstream.Quote(upstream.Clean(what, 100))
		}
		said = append(said, what)
	}
	after := m.census()
	for _, k := range keys(before) {
		if after[k] < before[k] {
			return nil, fault.Wrong("Nothing was saved: with these changes the panel %q would be gone from the dashboard. To remove a panel, name it in a remove_panel; to change one, name it in panel and what to change in path.", upstream.Clean(k, 80))
		}
	}
	return said, nil
}

// census counts panels by their key, and in schema v2 how often the layout shows
// each: one that no layout shows is lost to people.
func (m model) census() map[string]int {
	count := map[string]int{}
	for _, p := range m.panels() {
		count[p.key]++
	}
	if m.isV2() {
		shown := map[string]bool{}
		references(m["layout"], func(name string) { shown[name] = true })
		for name := range shown {
			if count[name] > 0 {
				count[name]++
			}
		}
	}
	return count
}

// references visits the names of elements that a layout shows.
func references(v any, visit func(name string)) {
	switch v := v.(type) {
	case map[string]any:
		if text(v, "kind") == "ElementReference" {
			visit(text(v, "name"))
		}
		for _, inner := range v {
			references(inner, visit)
		}
	case []any:
		for _, inner := range v {
			references(inner, visit)
		}
	}
}

func (m model) applyOne(op Op) (string, error) {
	if op.Op == "add_panel" {
		return m.addPanel(op.Value)
	}
	if op.Op == "remove_panel" {
		if op.Panel == nil {
			return "", fault.Wrong("remove_panel needs panel: an id or a title.")
		}
		p, err := m.panel(fmt.Sprint(op.Panel))
		if err != nil {
			return "", err
		}
		m.removePanel(p)
		return p.key, nil
	}
	root, whose := map[string]any(m), "the dashboard"
	if op.Panel != nil {
		p, err := m.panel(fmt.Sprint(op.Panel))
		if err != nil {
			return "", err
		}
		root, whose = p.body, "panel "+upstream.Quote(upstream.Clean(p.title, 100))
	}
	steps, err := pointer(op.Path)
	if err != nil {
		return "", err
	}
	if len(steps) == 0 {
		if op.Op != "set" || op.Panel != nil {
			return "", fault.Wrong("path is missing, such as /title.")
		}
		return m.replace(op.Value)
	}
	if len(steps) == 1 && slices.Contains(kept, steps[0]) {
		return "", fault.Wrong("%s cannot be changed.", steps[0])
	}
	if err := change(root, steps, op.Op == "remove", op.Value); err != nil {
		return "", err
	}
	return op.Op + " " + upstream.Quote(upstream.Clean(op.Path, 100)) + " of " + whose, nil
}

// replace puts a whole new form in place of the dashboard's, which keeps its
// identity.
func (m model) replace(value any) (string, error) {
	whole, ok := value.(map[string]any)
	if !ok {
		return "", fault.Wrong("path is missing, such as /title; without one, value has to be the whole dashboard.")
	}
	if model(whole).isV2() != m.isV2() {
		return "", fault.Wrong("The value is in another schema than the dashboard, which is stored %s. Read it with grafana_get_dashboard and keep to its form.", map[bool]string{true: "in schema v2, with elements and a layout", false: "in the classic schema, with panels"}[m.isV2()])
	}
	identity := map[string]any{}
	for _, k := range kept {
		if v, ok := m[k]; ok {
			identity[k] = v
		}
	}
	clear(m)
	maps.Copy(m, whole)
	for _, k := range kept {
		delete(m, k)
	}
	maps.Copy(m, identity)
	return "replaced the whole dashboard", nil
}

// pointer reads a JSON Pointer; a slash at the beginning may be left out.
func pointer(path string) ([]string, error) {
	path = strings.TrimPrefix(path, "/")
	if path == "" {
		return nil, nil
	}
	steps := strings.Split(path, "/")
	if len(steps) > maxSteps {
		return nil, fault.Wrong("The path has more than %d steps.", maxSteps)
	}
	for i, s := range steps {
		steps[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(s)
	}
	return steps, nil
}

// change sets or removes what the steps lead to. Objects on the way that are not
// there are made; in a list a step is an index, or "-" behind the last.
func change(at map[string]any, steps []string, remove bool, value any) error {
	var node any = at
	put := func(any) {} // puts a list that has grown or shrunk where it stood
	for i, step := range steps {
		last := i == len(steps)-1
		switch n := node.(type) {
		case map[string]any:
			inner, there := n[step]
			switch {
			case last && remove && !there:
				return missing(steps)
			case last && remove:
				delete(n, step)
			case last:
				n[step] = value
			case remove && !there:
				return missing(steps)
			case !there || inner == nil:
				inner = map[string]any{}
				n[step] = inner
			}
			put = func(list any) { n[step] = list }
			node = inner
		case []any:
			k, err := strconv.Atoi(step)
			if step == "-" {
				k, err = len(n), nil
			}
			if err != nil || k < 0 || k > len(n) || k == len(n) && (remove || !last) {
				return missing(steps)
			}
			switch {
			case last && remove:
				put(slices.Delete(n, k, k+1))
				return nil
			case last && k == len(n):
				put(append(n, value))
				return nil
			case last:
				n[k] = value
				return nil
			}
			put = func(list any) { n[k] = list }
			node = n[k]
		default:
			return missing(steps)
		}
	}
	return nil
}

func missing(steps []string) *fault.Error {
	return fault.Wrong("%q leads nowhere. Look at the panel with grafana_get_dashboard, view \"panel\".", upstream.Clean("/"+strings.Join(steps, "/"), 120))
}
