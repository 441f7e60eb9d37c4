package notion

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"toolvault/tools/upstream"
)

const (
	maxCell  = 2000 // characters of one value
	maxCells = 100  // of a list in one value

	maxValues = 15_000 // bytes of all values of a page, as JSON
)

// valueModel is the value of a property, as the service answers it
// (developers.notion.com/reference/page-property-values).
type valueModel struct {
	ID       string      `json:"id"`
	Type     string      `json:"type"`
	Title    []textModel `json:"title"`
	RichText []textModel `json:"rich_text"`
	Number   json.Number `json:"number"`
	Select   named       `json:"select"`
	Status   named       `json:"status"`
	Multi    []named     `json:"multi_select"`
	Date     *dateModel  `json:"date"`
	People   []userModel `json:"people"`
	Files    []struct {
		Name     string `json:"name"`
		External struct {
			URL string `json:"url"`
		} `json:"external"`
	} `json:"files"`
	Checkbox bool      `json:"checkbox"`
	URL      string    `json:"url"`
	Email    string    `json:"email"`
	Phone    string    `json:"phone_number"`
	Relation []named   `json:"relation"`
	HasMore  bool      `json:"has_more"` // of a relation or people: not all are here
	Created  string    `json:"created_time"`
	Edited   string    `json:"last_edited_time"`
	Creator  userModel `json:"created_by"`
	Editor   userModel `json:"last_edited_by"`
	Unique   struct {
		Prefix string      `json:"prefix"`
		Number json.Number `json:"number"`
	} `json:"unique_id"`
	Formula      *resultModel `json:"formula"`
	Rollup       *resultModel `json:"rollup"`
	Verification struct {
		State string `json:"state"`
	} `json:"verification"`
}

type named struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

type dateModel struct {
	Start string `json:"start"`
	End   string `json:"end"`
	Zone  string `json:"time_zone"`
}

func (d *dateModel) text() string {
	if d == nil {
		return ""
	}
	text := d.Start
	if d.End != "" {
		text += "/" + d.End
	}
	if d.Zone != "" {
		text += " " + d.Zone
	}
	return text
}

// resultModel is what a formula or a rollup came to.
type resultModel struct {
	Type    string       `json:"type"`
	String  string       `json:"string"`
	Number  json.Number  `json:"number"`
	Boolean bool         `json:"boolean"`
	Date    *dateModel   `json:"date"`
	Array   []valueModel `json:"array"`
}

// Values are the properties of a page by name: a text, a number, true or false, or a
// list of texts. What is empty is left out.
type Values map[string]any

// line is the values in a fixed order; the title is left to whoever shows it.
func (v Values) line() string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(v)) {
		text := fmt.Sprint(v[name])
		if list, ok := v[name].([]string); ok {
			text = strings.Join(list, ", ")
		}
		parts = append(parts, upstream.Quote(name+": "+text))
	}
	return strings.Join(parts, " ")
}

// shownValues are the values of the properties, but the title, as far as they fit. note
// says what is not there, or "".
func shownValues(all map[string]valueModel) (values Values, note string) {
	values = Values{}
	room, left := maxValues, 0
	for _, name := range slices.Sorted(maps.Keys(all)) {
		v := all[name]
		name = upstream.Clean(name, 100)
		if one := v.shown(0); one != nil && v.Type != "title" {
			raw, _ := json.Marshal(one) // of texts and numbers that were cleaned
			if room -= len(name) + len(raw); room < 0 {
				left++
				continue
			}
			values[name] = one
		}
		if v.HasMore {
			note = fmt.Sprintf("Of the property %s only the first 25 are shown.", upstream.Quote(name))
		}
	}
	if left > 0 {
		note = fmt.Sprintf("%d values of a row are left out: they do not fit. notion_query_data_source shows single properties.", left)
	}
	return values, note
}

// shown is the value as a model sees it, or nil.
func (v valueModel) shown(depth int) any {
	switch v.Type {
	case "title":
		return text(plain(v.Title))
	case "rich_text":
		return text(plain(v.RichText))
	case "number":
		return number(v.Number)
	case "select":
		return text(v.Select.Name)
	case "status":
		return text(v.Status.Name)
	case "checkbox":
		return v.Checkbox
	case "date":
		return text(v.Date.text())
	case "url":
		return text(v.URL)
	case "email":
		return text(v.Email)
	case "phone_number":
		return text(v.Phone)
	case "created_time":
		return text(v.Created)
	case "last_edited_time":
		return text(v.Edited)
	case "created_by":
		return text(v.Creator.called())
	case "last_edited_by":
		return text(v.Editor.called())
	case "verification":
		return text(v.Verification.State)
	case "unique_id":
		if v.Unique.Prefix == "" {
			return number(v.Unique.Number)
		}
		return text(v.Unique.Prefix + "-" + v.Unique.Number.String())
	case "formula", "rollup":
		of := v.Formula
		if v.Type == "rollup" {
			of = v.Rollup
		}
		return of.shown(depth)
	}
	var all []string
	switch v.Type {
	case "multi_select":
		for _, o := range v.Multi {
			all = append(all, o.Name)
		}
	case "relation":
		for _, o := range v.Relation {
			all = append(all, o.ID)
		}
	case "people":
		for _, u := range v.People {
			all = append(all, u.called())
		}
	case "files":
		for _, f := range v.Files {
			all = append(all, strings.TrimSpace(f.Name+" "+f.External.URL))
		}
	}
	return texts(all)
}

// called is who it is, as well as the answer says: without the capability to see
// people it has ids only.
func (u userModel) called() string {
	if u.Name != "" {
		return u.Name
	}
	return u.ID
}

func (r *resultModel) shown(depth int) any {
	switch {
	case r == nil || depth > 2:
		return nil
	case r.Type == "string":
		return text(r.String)
	case r.Type == "number":
		return number(r.Number)
	case r.Type == "boolean":
		return r.Boolean
	case r.Type == "date":
		return text(r.Date.text())
	}
	var all []string
	for _, v := range r.Array[:min(len(r.Array), maxCells)] {
		switch one := v.shown(depth + 1).(type) {
		case nil:
		case []string:
			all = append(all, one...)
		default:
			all = append(all, fmt.Sprint(one))
		}
	}
	return texts(all)
}

func text(s string) any {
	if s = upstream.CleanLines(s, maxCell); s == "" {
		return nil
	}
	return s
}

func number(n json.Number) any {
	if n == "" || len(n) > 40 {
		return nil
	}
	return n
}

func texts(all []string) any {
	var out []string
	for _, s := range all[:min(len(all), maxCells)] {
		if s = upstream.Clean(s, 300); s != "" {
			out = append(out, s)
		}
	}
	if more := len(all) - maxCells; more > 0 {
		out = append(out, fmt.Sprintf("and %d more", more))
	}
	if out == nil {
		return nil
	}
	return out
}
