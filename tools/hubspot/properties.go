package hubspot

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"toolvault/schemas/near"
	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

const (
	maxProperties = 3000 // of one type that are kept: HubSpot allows fewer
	maxOptions    = 200  // of one property that are kept
	fewOptions    = 20   // that an error names
)

// property is what a property of a type of record is like.
type property struct {
	name, label, about, group string
	kind, field               string // "enumeration", "select"
	options                   []PropertyOption
	unlisted                  int // options beyond those that are kept
	hidden, readOnly          bool
	calculated, unique        bool
}

// PropertyOption is a value that a property may have.
type PropertyOption struct {
	Value string `json:"value"`
	Label string `json:"label,omitempty"`
}

type wireProperty struct {
	Name       string       `json:"name"`
	Label      string       `json:"label"`
	About      string       `json:"description"`
	Group      string       `json:"groupName"`
	Kind       string       `json:"type"`
	Field      string       `json:"fieldType"`
	Options    []wireOption `json:"options"`
	Hidden     bool         `json:"hidden"`
	Calculated bool         `json:"calculated"`
	Unique     bool         `json:"hasUniqueValue"`
	Meta       struct {
		ReadOnly bool `json:"readOnlyValue"`
	} `json:"modificationMetadata"`
}

type wireOption struct {
	Label  string `json:"label"`
	Value  string `json:"value"`
	Order  int    `json:"displayOrder"`
	Hidden bool   `json:"hidden"`
}

func (w wireProperty) property() property {
	p := property{
		name: w.Name, label: upstream.Clean(w.Label, 120), about: upstream.Clean(w.About, 300), group: upstream.Clean(w.Group, 100),
		kind: upstream.Clean(w.Kind, 40), field: upstream.Clean(w.Field, 40),
		hidden: w.Hidden, readOnly: w.Meta.ReadOnly, calculated: w.Calculated, unique: w.Unique,
	}
	for i, o := range w.Options {
		if len(p.options) == maxOptions {
			p.unlisted = len(w.Options) - i
			break
		}
		if o.Hidden {
			continue
		}
		option := PropertyOption{Value: upstream.Clean(o.Value, 120), Label: upstream.Clean(o.Label, 120)}
		if option.Label == option.Value {
			option.Label = ""
		}
		p.options = append(p.options, option)
	}
	return p
}

func propertiesAt(k kind) string { return propertiesPath + "/" + url.PathEscape(k.name) }

func (s *service) readProperties(ctx context.Context, c *upstream.Client, k kind, archived bool) ([]property, error) {
	var got struct {
		Results []wireProperty `json:"results"`
	}
	query := url.Values{}
	if archived {
		query.Set("archived", "true")
	}
	if err := c.Do(ctx, upstream.Request{Path: propertiesAt(k), Query: query, Read: true, MaxBytes: 32 << 20}, &got); err != nil {
		return nil, err
	}
	var all []property
	for _, w := range got.Results {
		if isProperty(w.Name) && len(all) < maxProperties {
			all = append(all, w.property())
		}
	}
	return all, nil
}

// propertiesOf are the properties of a type, kept for a while.
func (s *service) propertiesOf(ctx context.Context, c *upstream.Client, k kind) ([]property, error) {
	return s.books.properties.get(key(c, k.name), func() ([]property, error) { return s.readProperties(ctx, c, k, false) })
}

// known are the properties of a type where something was wrong and it helps to
// know them; none where the call may not know them, or they cannot be had.
func (s *service) known(ctx context.Context, c *upstream.Client, k kind) []property {
	if readable(c, k) != nil {
		return nil
	}
	return adorn(ctx, s.books, key(c, "properties", k.name), func() ([]property, error) { return s.propertiesOf(ctx, c, k) })
}

// missing says of properties that HubSpot passed over what they may have been
// meant to be.
func (s *service) missing(ctx context.Context, c *upstream.Client, k kind, absent []string) string {
	if len(absent) == 0 {
		return ""
	}
	book := s.known(ctx, c, k)
	var parts []string
	for _, name := range absent[:min(len(absent), 10)] {
		if !slices.ContainsFunc(book, func(p property) bool { return p.name == name }) {
			parts = append(parts, meant(name, book))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return fmt.Sprintf("%s have no property %s", k.called(), strings.Join(parts, ", "))
}

// meant is a name that is none, with the one that it may stand for.
func meant(name string, book []property) string {
	byName, labels := []string{}, map[string]string{}
	for _, p := range book {
		byName = append(byName, p.name)
		labels[p.label] = p.name
	}
	shown := upstream.Clean(name, 60)
	for label, other := range labels {
		if strings.EqualFold(label, name) {
			return fmt.Sprintf("%s (did you mean %s?)", shown, other)
		}
	}
	if m := near.Match(name, byName); m != "" {
		return fmt.Sprintf("%s (did you mean %s?)", shown, m)
	}
	if m := near.Match(name, slices.Sorted(maps.Keys(labels))); m != "" {
		return fmt.Sprintf("%s (did you mean %s?)", shown, labels[m])
	}
	return shown + " (hubspot_list_properties finds the right one)"
}

// explain adds to a refusal of HubSpot's what would have been right: the names of
// properties near those that there are not, and the values that one may have.
func (s *service) explain(ctx context.Context, c *upstream.Client, k kind, given map[string]string, err error) error {
	f := fault.From(err)
	if f == nil || f.Kind != fault.InvalidArguments || f.Status == 0 || len(given) == 0 {
		return err
	}
	book := s.known(ctx, c, k)
	if len(book) == 0 {
		return err
	}
	var wrong []string
	for _, name := range slices.Sorted(maps.Keys(given)) {
		i := slices.IndexFunc(book, func(p property) bool { return p.name == name })
		switch {
		case i < 0:
			wrong = append(wrong, fmt.Sprintf("%s have no property %s", k.called(), meant(name, book)))
		default:
			if said := book[i].refuses(given[name]); said != "" {
				wrong = append(wrong, said)
			}
		}
	}
	if len(wrong) == 0 {
		return err
	}
	g := *f
	g.Message = "HubSpot did not accept the request: " + strings.Join(wrong[:min(len(wrong), 5)], "; ") + ". Correct the arguments and call again."
	return &g
}

// refuses says what is wrong with a value; "": nothing that can be told.
func (p property) refuses(value string) string {
	if p.kind == "number" && value != "" && !digits.MatchString(value) {
		return fmt.Sprintf("%s is a number, write it in digits, such as 12000 or 0.5, not %q", p.name, upstream.Clean(value, 60))
	}
	if p.kind != "enumeration" || value == "" || len(p.options) == 0 || p.unlisted > 0 {
		return ""
	}
	var allowed []string
	for _, o := range p.options {
		allowed = append(allowed, o.Value)
	}
	for _, v := range strings.Split(strings.TrimPrefix(value, ";"), ";") {
		if slices.Contains(allowed, v) {
			continue
		}
		text := fmt.Sprintf("%s cannot be %q", p.name, upstream.Clean(v, 60))
		for _, o := range p.options {
			if strings.EqualFold(o.Label, v) || strings.EqualFold(o.Value, v) {
				return text + fmt.Sprintf(", write %q", o.Value)
			}
		}
		if more := len(allowed) - fewOptions; more > 0 {
			allowed = append(allowed[:fewOptions], fmt.Sprintf("and %d more", more))
		}
		return text + ", it takes " + strings.Join(allowed, ", ")
	}
	return ""
}

type listPropertiesIn struct {
	ObjectType string   `json:"object_type"`
	Search     string   `json:"search"`
	Names      []string `json:"names"`
	Options    bool     `json:"include_options"`
	Hidden     bool     `json:"include_hidden"`
	Archived   bool     `json:"archived"`
	Limit      int      `json:"limit"`
	Cursor     string   `json:"cursor"`
}

// PropertyList is a page of properties.
type PropertyList struct {
	Total      int        `json:"total"`
	Properties []Property `json:"properties"`
	Next       string     `json:"next_cursor,omitempty"`
	Note       string     `json:"note,omitempty"`
}

// Property is a property of a type of record.
type Property struct {
	Name        string           `json:"name"`
	Label       string           `json:"label,omitempty"`
	Type        string           `json:"type"` // "enumeration/select"
	Description string           `json:"description,omitempty"`
	Group       string           `json:"group,omitempty"`
	Flags       []string         `json:"flags,omitempty"` // read_only, calculated, unique, hidden
	OptionCount int              `json:"option_count,omitempty"`
	Options     []PropertyOption `json:"options,omitempty"`
}

// Text is one line a property.
func (l PropertyList) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d of %d properties", len(l.Properties), l.Total)
	for _, p := range l.Properties {
		b.WriteString("\n" + p.Name)
		if p.Label != "" {
			b.WriteString(" " + upstream.Quote(p.Label))
		}
		b.WriteString(" " + p.Type)
		for _, flag := range p.Flags {
			b.WriteString(" " + flag)
		}
		if p.Description != "" {
			b.WriteString(" | " + upstream.Quote(p.Description))
		}
		if len(p.Options) == 0 && p.OptionCount > 0 {
			fmt.Fprintf(&b, " | %d options", p.OptionCount)
		}
		for i, o := range p.Options {
			b.WriteString(map[bool]string{true: " | options: ", false: ", "}[i == 0] + shown(o.Value))
			if o.Label != "" {
				b.WriteString(" " + upstream.Quote(o.Label))
			}
		}
		if hidden := p.OptionCount - len(p.Options); len(p.Options) > 0 && hidden > 0 {
			fmt.Fprintf(&b, ", and %d more", hidden)
		}
	}
	return b.String() + more(l.Next, l.Note)
}

func (s *service) listProperties(ctx context.Context, c *upstream.Client, in listPropertiesIn) (PropertyList, error) {
	k, err := s.kind(ctx, c, in.ObjectType)
	if err != nil {
		return PropertyList{}, err
	}
	query := []any{"list_properties", k.name, in.Search, in.Names, in.Options, in.Hidden, in.Archived}
	at, err := tools.OpenPosition(query, in.Cursor)
	if err != nil {
		return PropertyList{}, err
	}
	load := s.propertiesOf
	if in.Archived {
		load = func(ctx context.Context, c *upstream.Client, k kind) ([]property, error) {
			return s.readProperties(ctx, c, k, true)
		}
	}
	book, err := load(ctx, c, k)
	if err != nil {
		return PropertyList{}, err
	}
	out := PropertyList{Properties: []Property{}}
	var fit []Property
	for _, p := range pick(book, in) {
		fit = append(fit, p.shown(len(in.Names) > 0, in.Options || len(in.Names) > 0))
	}
	out.Total = len(fit)
	page, next := tools.Page(query, at, fit, in.Limit, "")
	out.Properties, out.Next = append(out.Properties, page...), next
	for _, name := range in.Names {
		if !slices.ContainsFunc(book, func(p property) bool { return p.name == name }) {
			out.Note = notes(out.Note, "there is no "+meant(name, book))
		}
	}
	return out, nil
}

// pick are the properties that were asked for: by name, or those in which all
// words of the search stand, first where they stand in the name or label.
func pick(book []property, in listPropertiesIn) []property {
	var first, then []property
	words := strings.Fields(strings.ToLower(in.Search))
	for _, p := range book {
		if len(in.Names) > 0 {
			if slices.Contains(in.Names, p.name) {
				first = append(first, p)
			}
			continue
		}
		if p.hidden && !in.Hidden {
			continue
		}
		name := strings.ToLower(p.name + " " + p.label)
		all := strings.ToLower(name + " " + p.about + " " + p.group)
		switch {
		case !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(name, w) }):
			first = append(first, p)
		case !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(all, w) }):
			then = append(then, p)
		}
	}
	return append(first, then...)
}

// shown is the property as a result has it.
func (p property) shown(whole, options bool) Property {
	out := Property{Name: p.name, Label: p.label, Type: p.kind + "/" + p.field, OptionCount: len(p.options) + p.unlisted}
	for _, flag := range []struct {
		on   bool
		name string
	}{{p.readOnly, "read_only"}, {p.calculated, "calculated"}, {p.unique, "unique"}, {p.hidden, "hidden"}} {
		if flag.on {
			out.Flags = append(out.Flags, flag.name)
		}
	}
	if whole {
		out.Description, out.Group = p.about, p.group
	}
	if options {
		out.Options = p.options
	}
	return out
}

func (s *service) propertyTools() []tools.Tool {
	return []tools.Tool{
		tools.New("hubspot_list_properties", s.listProperties),
		tools.New("hubspot_create_property", s.createProperty),
		tools.New("hubspot_update_property", s.updateProperty),
	}
}
