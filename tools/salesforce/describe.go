package salesforce

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"toolvault/tools"
	"toolvault/tools/upstream"
)

func (s *service) objectTools() []tools.Tool {
	return []tools.Tool{tools.New("salesforce_list_objects", s.listObjects), tools.New("salesforce_describe_object", s.describeObject)}
}

type listObjectsIn struct {
	Search string `json:"search"`
	Custom bool   `json:"custom_only"`
	Limit  int    `json:"limit"`
	Cursor string `json:"cursor"`
}

// Object is an object in a list.
type Object struct {
	Name   string `json:"name"`
	Label  string `json:"label"`
	Custom bool   `json:"custom,omitempty"`
}

// Objects is the answer of salesforce_list_objects.
type Objects struct {
	Total   int      `json:"total"`
	Objects []Object `json:"objects"`
	Next    string   `json:"next_cursor,omitempty"`
}

// Text is one line an object.
func (l Objects) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d of %d objects\n", len(l.Objects), l.Total)
	for _, o := range l.Objects {
		b.WriteString(o.Name + " " + upstream.Quote(o.Label) + "\n")
	}
	if l.Next != "" {
		b.WriteString("next_cursor: " + l.Next)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// machinery ends the names of objects that belong to others: their history, who sees
// them, and events of their changes.
var machinery = []string{"History", "Share", "Feed", "ChangeEvent", "__Tag", "OwnerSharingRule", "TeamMember", "__x", "__e", "__mdt"}

func (s *service) listObjects(ctx context.Context, c *upstream.Client, in listObjectsIn) (Objects, error) {
	mark := []any{"objects", in.Search, in.Custom}
	at, err := tools.OpenPosition(mark, in.Cursor)
	if err != nil {
		return Objects{}, err
	}
	all, err := s.list(ctx, c)
	if err != nil {
		return Objects{}, err
	}
	word := strings.ToLower(strings.TrimSpace(in.Search))
	kept := []Object{}
	for _, b := range all {
		apart := slices.ContainsFunc(machinery, func(end string) bool { return strings.HasSuffix(b.Name, end) })
		fits := strings.Contains(strings.ToLower(b.Name+"\n"+b.Label+"\n"+b.Plural), word)
		if word == "" && apart || !fits || in.Custom && !b.Custom {
			continue
		}
		kept = append(kept, Object{b.Name, b.Label, b.Custom})
	}
	out := Objects{Total: len(kept), Objects: []Object{}}
	page, next := tools.Page(mark, at, kept, in.Limit, "")
	out.Objects, out.Next = append(out.Objects, page...), next
	return out, nil
}

type describeIn struct {
	Object string `json:"object"`
	Show   string `json:"show"` // fields, children
	Search string `json:"search"`
	Limit  int    `json:"limit"`
	Cursor string `json:"cursor"`
}

// Field is a field of an object, or with Show children a relationship to records below.
type Field struct {
	Name     string   `json:"name"`
	Label    string   `json:"label,omitempty"`
	Type     string   `json:"type,omitempty"`
	RefersTo []string `json:"refers_to,omitempty"`
	Path     string   `json:"path,omitempty"`   // of what it refers to: Account, as in Account.Name
	Flags    []string `json:"flags,omitempty"`  // required, read_only, unique, external_id, name
	Values   []string `json:"values,omitempty"` // of a picklist
	More     int      `json:"more_values,omitempty"`
}

// Description is the answer of salesforce_describe_object.
type Description struct {
	Object   string  `json:"object"`
	Label    string  `json:"label"`
	Total    int     `json:"total"`
	Fields   []Field `json:"fields,omitempty"`
	Children []Field `json:"children,omitempty"`
	Next     string  `json:"next_cursor,omitempty"`
}

// Text is one line a field.
func (d Description) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s, %d of %d\n", d.Object, upstream.Quote(d.Label), len(d.Fields)+len(d.Children), d.Total)
	for _, f := range append(slices.Clone(d.Fields), d.Children...) {
		b.WriteString(f.Name)
		if f.Label != "" {
			b.WriteString(" " + upstream.Quote(f.Label))
		}
		if f.Type != "" {
			b.WriteString(" " + f.Type)
		}
		if f.RefersTo != nil {
			b.WriteString(" → " + strings.Join(f.RefersTo, ", "))
		}
		if f.Path != "" {
			b.WriteString(" (" + f.Path + ")")
		}
		if f.Flags != nil {
			b.WriteString(" " + strings.Join(f.Flags, " "))
		}
		if f.Values != nil {
			b.WriteString(": " + upstream.Quote(strings.Join(f.Values, "; ")))
		}
		if f.More > 0 {
			fmt.Fprintf(&b, " and %d more", f.More)
		}
		b.WriteByte('\n')
	}
	if d.Next != "" {
		b.WriteString("next_cursor: " + d.Next)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

const maxShownPicks = 30

func (s *service) describeObject(ctx context.Context, c *upstream.Client, in describeIn) (Description, error) {
	mark := []any{"describe", in.Object, in.Show, in.Search}
	at, err := tools.OpenPosition(mark, in.Cursor)
	if err != nil {
		return Description{}, err
	}
	o, err := s.object(ctx, c, in.Object)
	if err != nil {
		return Description{}, err
	}
	word := strings.ToLower(strings.TrimSpace(in.Search))
	var all []Field
	if in.Show == "children" {
		for _, ch := range o.children {
			if strings.Contains(strings.ToLower(ch.rel+"\n"+ch.object), word) {
				all = append(all, Field{Name: ch.rel, RefersTo: []string{ch.object}, Path: ch.object + "." + ch.field})
			}
		}
	} else {
		for _, f := range o.fields {
			if strings.Contains(strings.ToLower(f.name+"\n"+f.label), word) {
				all = append(all, o.shown(f, word != ""))
			}
		}
	}
	out := Description{Object: o.name, Label: o.label, Total: len(all)}
	page, next := tools.Page(mark, at, all, in.Limit, "")
	if out.Next = next; in.Show == "children" {
		out.Children = page
	} else {
		out.Fields = page
	}
	return out, nil
}

// shown is a field for a model; with all values of a picklist where it was looked for.
func (o *object) shown(f field, all bool) Field {
	out := Field{Name: f.name, Label: f.label, Type: f.kind, RefersTo: f.to}
	if f.kind == "reference" {
		out.Path = f.rel
	}
	for flag, is := range map[string]bool{
		"required": f.required, "read_only": !f.create && !f.update, "unique": f.unique && !f.external, "external_id": f.external, "name": f.name == o.nameField, "formula": f.formula, "no_filter": !f.filter,
	} {
		if is {
			out.Flags = append(out.Flags, flag)
		}
	}
	slices.Sort(out.Flags)
	most := maxShownPicks
	if all {
		most = 200
	}
	for _, p := range f.picks[:min(len(f.picks), most)] {
		v := upstream.Clean(p.value, 80)
		if p.label != "" && p.label != v {
			v += " (" + p.label + ")"
		}
		out.Values = append(out.Values, v)
	}
	out.More = max(0, len(f.picks)-most)
	return out
}
