package notion

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// take reads a value that a request gives a property, as its kind wants it, and
// returns what is kept of it: a text, a number, a bool, a list of texts, or a date.
func (w *workspace) take(p *prop, given any) (any, *refusal) {
	of, ok := given.(map[string]any)
	if !ok {
		return nil, invalid("body failed validation: body.properties.%s should be an object.", p.name)
	}
	v, ok := of[p.kind]
	if !ok {
		return nil, invalid("%s is expected to be %s.", p.name, p.kind)
	}
	bad := invalid("body failed validation: body.properties.%s.%s is not what it should be.", p.name, p.kind)
	switch p.kind {
	case "title", "rich_text":
		list, ok := v.([]any)
		if !ok || len(list) > 100 {
			return nil, bad
		}
		text := ""
		for _, one := range list {
			piece, _ := one.(map[string]any)
			of, _ := piece["text"].(map[string]any)
			t, ok := of["content"].(string)
			if !ok {
				return nil, bad
			}
			if n := len([]rune(t)); n > 2000 {
				return nil, invalid("body failed validation: body.properties.%s.%s[0].text.content.length should be ≤ `2000`, instead was `%d`.", p.name, p.kind, n)
			}
			text += t
		}
		return text, nil
	case "number":
		_, ok = v.(float64)
	case "checkbox":
		if _, ok := v.(bool); !ok {
			return nil, bad
		}
		return v, nil
	case "url", "email", "phone_number":
		_, ok = v.(string)
	case "select", "status":
		one, _ := v.(map[string]any)
		name, ok := one["name"].(string)
		if v != nil && !ok {
			return nil, bad
		}
		if v == nil {
			return nil, nil
		}
		return w.optionOf(p, name)
	case "multi_select", "people", "relation", "files":
		return w.takeList(p, v, bad)
	case "date":
		return takeDate(p, v, bad)
	default:
		return nil, invalid("%s cannot be set: it is a %s.", p.name, p.kind)
	}
	if v != nil && !ok {
		return nil, bad
	}
	return v, nil
}

// optionOf is an option of a property. A status has those that it has; a select gets
// a new one.
func (w *workspace) optionOf(p *prop, name string) (any, *refusal) {
	if !slices.Contains(p.options, name) {
		if p.kind == "status" {
			return nil, invalid("Status option %q does not exist for property %q.", name, p.name)
		}
		if strings.Contains(name, ",") || name == "" || len(name) > 100 {
			return nil, invalid("Invalid select option: %q.", name)
		}
		p.options = append(p.options, name)
	}
	return name, nil
}

func (w *workspace) takeList(p *prop, v any, bad *refusal) (any, *refusal) {
	list, ok := v.([]any)
	if !ok || len(list) > 100 {
		return nil, bad
	}
	out := []string{}
	for _, one := range list {
		of, _ := one.(map[string]any)
		id, _ := of["id"].(string)
		switch p.kind {
		case "multi_select":
			name, _ := of["name"].(string)
			if _, refused := w.optionOf(p, name); refused != nil {
				return nil, refused
			}
			out = append(out, name)
		case "people":
			if w.user(id) == nil {
				return nil, invalid("User with ID %s could not be found.", id)
			}
			out = append(out, id)
		case "relation":
			if w.page(id) == nil {
				return nil, notFound("page", id)
			}
			out = append(out, id)
		case "files":
			external, _ := of["external"].(map[string]any)
			address, _ := external["url"].(string)
			if address == "" {
				return nil, bad
			}
			out = append(out, address)
		}
	}
	return out, nil
}

func takeDate(p *prop, v any, bad *refusal) (any, *refusal) {
	if v == nil {
		return nil, nil
	}
	of, ok := v.(map[string]any)
	if !ok {
		return nil, bad
	}
	kept := answer{"start": of["start"], "end": of["end"], "time_zone": of["time_zone"]}
	for _, key := range []string{"start", "end"} {
		t, isText := of[key].(string)
		if key == "end" && of[key] == nil {
			continue
		}
		if _, ok := moment(t); !isText || !ok {
			return nil, invalid("body failed validation: body.properties.%s.date.%s should be a valid ISO 8601 date string, instead was `%q`.", p.name, key, t)
		}
	}
	return kept, nil
}

func moment(text string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// value is the value of a page's property as the API answers it.
func (w *workspace) value(p *page, of *prop) answer {
	v := p.values[of.id]
	a := answer{"id": of.shownID(), "type": of.kind}
	text, _ := v.(string)
	list, _ := v.([]string)
	shown := []answer{}
	switch of.kind {
	case "title":
		a["title"] = richText(p.title)
		return a
	case "rich_text":
		a["rich_text"] = richText(text)
		return a
	case "select", "status":
		a[of.kind] = nil
		if text != "" {
			a[of.kind] = answer{"id": uid("option " + of.id + text)[:8], "name": text, "color": "default"}
		}
		return a
	case "multi_select":
		for _, o := range list {
			shown = append(shown, answer{"id": uid("option " + of.id + o)[:8], "name": o, "color": "default"})
		}
	case "people":
		for _, id := range list {
			shown = append(shown, w.user(id).json(true))
		}
	case "relation":
		a["has_more"] = len(list) > 25
		for _, id := range list[:min(len(list), 25)] {
			shown = append(shown, answer{"id": id})
		}
	case "files":
		for _, address := range list {
			shown = append(shown, answer{"name": address[strings.LastIndexByte(address, '/')+1:], "type": "external", "external": answer{"url": address}})
		}
	case "checkbox":
		a["checkbox"] = v == true
		return a
	case "unique_id":
		a["unique_id"] = answer{"prefix": of.extra["prefix"], "number": p.number}
		return a
	case "created_time", "last_edited_time":
		a[of.kind] = stamp(map[bool]time.Time{true: p.created, false: p.edited}[of.kind == "created_time"])
		return a
	case "formula": // what a row pays in a year
		monthly, _ := p.values["m:r<"].(float64)
		a["formula"] = answer{"type": "number", "number": monthly * 12}
		return a
	default:
		a[of.kind] = v
		return a
	}
	a[of.kind] = shown
	return a
}

// compared is a property's value for filters and sorts: a text, a number, a bool, a
// list, or nil where it is empty.
func (w *workspace) compared(p *page, of *prop) any {
	switch of.kind {
	case "title":
		return p.title
	case "unique_id":
		return float64(p.number)
	case "created_time":
		return stamp(p.created)
	case "last_edited_time":
		return stamp(p.edited)
	case "checkbox":
		return p.values[of.id] == true
	case "date":
		d, _ := p.values[of.id].(answer)
		start, _ := d["start"].(string)
		return start
	case "formula":
		raw, _ := json.Marshal(w.value(p, of)["formula"])
		var f struct{ Number float64 }
		_ = json.Unmarshal(raw, &f)
		return f.Number
	}
	return p.values[of.id]
}

func empty(v any) bool {
	list, ok := v.([]string)
	return v == nil || v == "" || ok && len(list) == 0 || fmt.Sprint(v) == "map[]"
}
