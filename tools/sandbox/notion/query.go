package notion

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// rows are the pages of a data source, oldest first.
func (w *workspace) rows(source string) []*page {
	var all []*page
	for _, p := range w.pages {
		if p.parent.id == source && !p.hidden {
			all = append(all, p)
		}
	}
	return all
}

func (w *workspace) query(c *call) (answer, *refusal) {
	if refused := c.only("filter", "sorts", "start_cursor", "page_size", "in_trash", "result_type"); refused != nil {
		return nil, refused
	}
	s := w.source(c.id)
	if s == nil {
		return nil, notFound("data source", c.id)
	}
	only := c.query["filter_properties"]
	for _, word := range only {
		if p := s.prop(word); p == nil || p.id != word {
			return nil, invalid("Could not find property with name or id: %s", word)
		}
	}
	var found []*page
	for _, p := range w.rows(s.id) {
		if p.trashed {
			continue
		}
		ok, refused := true, (*refusal)(nil)
		if c.body["filter"] != nil {
			ok, refused = w.matches(s, p, c.body["filter"], 0)
		}
		if refused != nil {
			return nil, refused
		}
		if ok {
			found = append(found, p)
		}
	}
	if refused := w.sorted(s, found, c.body["sorts"]); refused != nil {
		return nil, refused
	}
	a, refused := paged(c, "page_or_data_source", found, func(p *page) string { return p.id }, func(p *page) answer { return w.pageJSON(p, only) })
	if refused == nil {
		a["request_status"] = answer{"type": "complete"}
	}
	return a, refused
}

func (w *workspace) sorted(s *source, all []*page, given any) *refusal {
	list, _ := given.([]any)
	slices.Reverse(list)
	for _, one := range list {
		sort, _ := one.(map[string]any)
		direction := sort["direction"]
		word, _ := sort["property"].(string)
		of := s.prop(word)
		if stamp, ok := sort["timestamp"].(string); ok && (stamp == "created_time" || stamp == "last_edited_time") {
			of = &prop{kind: stamp}
		}
		if of == nil || direction != "ascending" && direction != "descending" {
			return invalid("Could not find sort property with name or id: %s", word)
		}
		slices.SortStableFunc(all, func(a, b *page) int {
			x, y := w.compared(a, of), w.compared(b, of)
			if empty(x) || empty(y) { // last, whatever the direction
				return cmp.Compare(fmt.Sprint(empty(x)), fmt.Sprint(empty(y)))
			}
			n := cmp.Compare(fmt.Sprint(x), fmt.Sprint(y))
			if f, ok := x.(float64); ok {
				g, _ := y.(float64)
				n = cmp.Compare(f, g)
			}
			if direction == "descending" {
				n = -n
			}
			return n
		})
	}
	return nil
}

// matches holds a page against a filter, which may be nested two deep.
func (w *workspace) matches(s *source, p *page, given any, depth int) (bool, *refusal) {
	f, ok := given.(map[string]any)
	if !ok || depth > 2 {
		return false, invalid("body failed validation: body.filter should be an object, nested two levels deep at most.")
	}
	for _, join := range []string{"and", "or"} {
		list, ok := f[join].([]any)
		if !ok {
			continue
		}
		result := join == "and"
		for _, one := range list {
			yes, refused := w.matches(s, p, one, depth+1)
			if refused != nil {
				return false, refused
			}
			if join == "and" {
				result = result && yes
			} else {
				result = result || yes
			}
		}
		return result, nil
	}
	word, _ := f["property"].(string)
	of := s.prop(word)
	if t, ok := f["timestamp"].(string); ok && (t == "created_time" || t == "last_edited_time") {
		of = &prop{name: t, kind: t}
	}
	if of == nil {
		return false, invalid("Could not find property with name or id: %s", word)
	}
	condition, ok := f[of.kind].(map[string]any)
	if !ok || len(condition) != 1 {
		return false, invalid("database property %s does not match filter: it is a %s.", of.kind, of.name)
	}
	kind := of.kind
	if kind == "formula" {
		if condition, ok = condition["number"].(map[string]any); !ok {
			return false, invalid("formula property %s does not match filter.", of.name)
		}
		kind = "number"
	}
	for op, operand := range condition {
		return w.holds(p, of, kind, op, operand)
	}
	return false, nil
}

func (w *workspace) holds(p *page, of *prop, kind, op string, operand any) (bool, *refusal) {
	v := w.compared(p, of)
	if op == "is_empty" || op == "is_not_empty" {
		if kind == "checkbox" || operand != true {
			return false, invalid("body failed validation: body.filter.%s.%s should be not present.", kind, op)
		}
		return empty(v) == (op == "is_empty"), nil
	}
	bad := invalid("body failed validation: body.filter.%s.%s is not valid for %s.", kind, op, of.name)
	text, isText := operand.(string)
	switch kind {
	case "title", "rich_text", "url", "email", "phone_number":
		if !isText {
			return false, bad
		}
		return compareText(fmt.Sprint(orEmpty(v)), op, text, bad)
	case "number", "unique_id":
		n, ok := operand.(float64)
		x, has := v.(float64)
		if !ok {
			return false, bad
		}
		return compareOrder(cmp.Compare(x, n), has, op, []string{"greater_than", "less_than", "greater_than_or_equal_to", "less_than_or_equal_to"}, bad)
	case "checkbox":
		if _, ok := operand.(bool); !ok || op != "equals" && op != "does_not_equal" {
			return false, bad
		}
		return (v == operand) == (op == "equals"), nil
	case "select", "status":
		if !isText || op != "equals" && op != "does_not_equal" {
			return false, bad
		}
		if !slices.Contains(of.options, text) {
			return false, invalid("%s option %q not found for property %q.", kind, text, of.name)
		}
		return (v == operand) == (op == "equals"), nil
	case "multi_select", "people", "relation":
		list, _ := v.([]string)
		if !isText || op != "contains" && op != "does_not_contain" {
			return false, bad
		}
		if kind != "multi_select" && !idForm.MatchString(text) {
			return false, bad
		}
		return slices.Contains(list, text) == (op == "contains"), nil
	case "date", "created_time", "last_edited_time":
		return w.compareDate(fmt.Sprint(orEmpty(v)), op, operand, bad)
	}
	return false, bad
}

func orEmpty(v any) any {
	if v == nil {
		return ""
	}
	return v
}

func compareText(v, op, text string, bad *refusal) (bool, *refusal) {
	v, text = strings.ToLower(v), strings.ToLower(text)
	switch op {
	case "equals":
		return v == text, nil
	case "does_not_equal":
		return v != text, nil
	case "contains":
		return strings.Contains(v, text), nil
	case "does_not_contain":
		return !strings.Contains(v, text), nil
	case "starts_with":
		return strings.HasPrefix(v, text), nil
	case "ends_with":
		return strings.HasSuffix(v, text), nil
	}
	return false, bad
}

// compareOrder judges by how two values compare. names are greater, less, and the same
// with equal.
func compareOrder(n int, has bool, op string, names []string, bad *refusal) (bool, *refusal) {
	switch op {
	case "equals":
		return has && n == 0, nil
	case "does_not_equal":
		return !has || n != 0, nil
	case names[0]:
		return has && n > 0, nil
	case names[1]:
		return has && n < 0, nil
	case names[2]:
		return has && n >= 0, nil
	case names[3]:
		return has && n <= 0, nil
	}
	return false, bad
}

func (w *workspace) compareDate(v, op string, operand any, bad *refusal) (bool, *refusal) {
	at, has := moment(v)
	now := w.now()
	spans := map[string][2]time.Time{
		"past_week": {now.AddDate(0, 0, -7), now}, "past_month": {now.AddDate(0, -1, 0), now}, "past_year": {now.AddDate(-1, 0, 0), now},
		"next_week": {now, now.AddDate(0, 0, 7)}, "next_month": {now, now.AddDate(0, 1, 0)}, "next_year": {now, now.AddDate(1, 0, 0)},
		"this_week": {now.AddDate(0, 0, -int(now.Weekday())), now.AddDate(0, 0, 7-int(now.Weekday()))},
	}
	if span, ok := spans[op]; ok {
		if of, ok := operand.(map[string]any); !ok || len(of) > 0 {
			return false, bad
		}
		return has && !at.Before(span[0]) && at.Before(span[1]), nil
	}
	text, _ := operand.(string)
	other, ok := moment(text)
	if !ok {
		return false, bad
	}
	if len(text) == len(time.DateOnly) {
		at = at.Truncate(24 * time.Hour)
	}
	return compareOrder(at.Compare(other), has, op, []string{"after", "before", "on_or_after", "on_or_before"}, bad)
}
