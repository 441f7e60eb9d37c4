package grafana

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

// The size of a panel that does not say one, on a grid of 24 columns: two a row, as
// in Grafana's own editor.
const (
	panelWidth  = 12
	panelHeight = 8
)

// addPanel puts a panel below all others. It gets an id of its own.
func (m model) addPanel(value any) (string, error) {
	p, ok := value.(map[string]any)
	if !ok {
		return "", fault.Wrong("add_panel needs value: a panel.")
	}
	p = maps.Clone(p)
	next := int64(1)
	for _, s := range m.panels() {
		next = max(next, s.id+1)
	}
	id := json.Number(strconv.FormatInt(next, 10))
	if m.isV2() {
		return m.addElement(p, id)
	}
	if text(p, "type") == "" || p["spec"] != nil {
		return "", fault.Wrong("This dashboard is in the classic schema: a panel needs type, title and targets.")
	}
	p["id"] = id
	if object(p, "gridPos") == nil {
		p["gridPos"] = map[string]any{"x": 0, "y": bottom(items(m, "panels"), func(p map[string]any) map[string]any { return object(p, "gridPos") }, "h"), "w": panelWidth, "h": panelHeight}
	}
	m["panels"] = append(items(m, "panels"), p)
	return fmt.Sprintf("added panel %s %s", id, upstream.Quote(upstream.Clean(text(p, "title"), 100))), nil
}

// addElement does so in schema v2: an element, and a place in the layout.
func (m model) addElement(p map[string]any, id json.Number) (string, error) {
	if spec := object(p, "spec"); spec != nil {
		p = maps.Clone(spec)
	}
	if object(p, "vizConfig") == nil || object(p, "data") == nil {
		return "", fault.Wrong("This dashboard is in schema v2: a panel needs title, vizConfig and data. Look at one with grafana_get_dashboard, view \"panel\", and keep to its form.")
	}
	p["id"] = id
	elements := object(m, "elements")
	if elements == nil {
		elements = map[string]any{}
		m["elements"] = elements
	}
	name := "panel-" + id.String()
	for n := 2; elements[name] != nil; n++ {
		name = fmt.Sprintf("panel-%s-%d", id, n)
	}
	if !shown(object(m, "layout"), name) {
		return "", fault.Wrong("The layout of this dashboard is of a kind to which no panel can be added here. A person has to add it in Grafana.")
	}
	elements[name] = map[string]any{"kind": "Panel", "spec": p}
	return fmt.Sprintf("added panel %s %s", id, upstream.Quote(upstream.Clean(text(p, "title"), 100))), nil
}

// shown places an element at the end of a layout: in rows and tabs in the last one.
func shown(layout map[string]any, name string) bool {
	spec := object(layout, "spec")
	if spec == nil {
		return false
	}
	element := map[string]any{"kind": "ElementReference", "name": name}
	inner := ""
	switch text(layout, "kind") {
	case "GridLayout":
		y := bottom(items(spec, "items"), func(i map[string]any) map[string]any { return object(i, "spec") }, "height")
		spec["items"] = append(items(spec, "items"), map[string]any{"kind": "GridLayoutItem", "spec": map[string]any{
			"x": 0, "y": y, "width": panelWidth, "height": panelHeight, "element": element,
		}})
		return true
	case "AutoGridLayout":
		spec["items"] = append(items(spec, "items"), map[string]any{"kind": "AutoGridLayoutItem", "spec": map[string]any{"element": element}})
		return true
	case "RowsLayout":
		inner = "rows"
	case "TabsLayout":
		inner = "tabs"
	}
	all := items(spec, inner)
	if inner == "" || len(all) == 0 {
		return false
	}
	last, _ := all[len(all)-1].(map[string]any)
	return shown(object(object(last, "spec"), "layout"), name)
}

// bottom is the first free line below all of a grid.
func bottom(all []any, place func(map[string]any) map[string]any, height string) int64 {
	var low int64
	for _, v := range all {
		if m, ok := v.(map[string]any); ok {
			p := place(m)
			if y := number(p["y"]) + number(p[height]); y > low && y < 1_000_000 {
				low = y
			}
		}
	}
	return low
}

// removePanel takes a panel out, and in schema v2 out of the layout too.
func (m model) removePanel(p spot) {
	if m.isV2() {
		delete(object(m, "elements"), p.key)
		m["layout"] = without(m["layout"], p.key)
		return
	}
	gone := false
	var walk func(list []any) []any
	walk = func(list []any) []any {
		left := make([]any, 0, len(list))
		for _, v := range list {
			q, ok := v.(map[string]any)
			if ok && !gone && sameMap(q, p.body) {
				gone = true
				left = append(left, items(q, "panels")...) // a folded row that goes leaves its panels
				continue
			}
			if nested := items(q, "panels"); nested != nil {
				q["panels"] = walk(nested)
			}
			left = append(left, v)
		}
		return left
	}
	if list := items(m, "panels"); list != nil {
		m["panels"] = walk(list)
	}
	for _, r := range items(m, "rows") {
		if r, ok := r.(map[string]any); ok && items(r, "panels") != nil {
			r["panels"] = walk(items(r, "panels"))
		}
	}
}

// sameMap reports whether two are the very same, and not only alike: ids and titles
// may stand twice.
func sameMap(a, b map[string]any) bool {
	const mark = "\x00toolvault"
	a[mark] = true
	_, same := b[mark]
	delete(a, mark)
	return same
}

// without is a layout with the places of an element taken out.
func without(v any, name string) any {
	switch v := v.(type) {
	case map[string]any:
		for k, inner := range v {
			v[k] = without(inner, name)
		}
	case []any:
		v = slices.DeleteFunc(v, func(item any) bool {
			i, _ := item.(map[string]any)
			e := object(object(i, "spec"), "element")
			return text(e, "kind") == "ElementReference" && text(e, "name") == name
		})
		for i, inner := range v {
			v[i] = without(inner, name)
		}
		return v
	}
	return v
}
