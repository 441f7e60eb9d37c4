package salesforce

import (
	"context"
	"slices"
	"strings"

	"toolvault/schemas/near"
	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

// object is what an organization says of one of its objects, as far as it is used.
type object struct {
	name, label, plural string
	prefix              string // the first three characters of ids
	nameField           string
	custom, queryable   bool
	fields              []field
	children            []child
}

// field is one of an object's.
type field struct {
	name, label, kind   string
	length              int
	to                  []string // objects that a reference leads to
	rel                 string   // its name on the way there
	picks               []pick
	restricted          bool // to the values of picks
	required            bool // of a new record
	unique, external    bool
	create, update      bool
	filter, sort, group bool
	formula             bool
}

type pick struct{ value, label string }

// child is a relationship to the records below.
type child struct{ rel, object, field string }

// wireObject is GET /sobjects/NAME/describe.
type wireObject struct {
	brief
	Fields []struct {
		Name       string   `json:"name"`
		Label      string   `json:"label"`
		Type       string   `json:"type"`
		Length     int      `json:"length"`
		To         []string `json:"referenceTo"`
		Rel        string   `json:"relationshipName"`
		Nillable   bool     `json:"nillable"`
		Create     bool     `json:"createable"`
		Update     bool     `json:"updateable"`
		Defaulted  bool     `json:"defaultedOnCreate"`
		Unique     bool     `json:"unique"`
		External   bool     `json:"externalId"`
		NameField  bool     `json:"nameField"`
		Filter     bool     `json:"filterable"`
		Sort       bool     `json:"sortable"`
		Group      bool     `json:"groupable"`
		Formula    bool     `json:"calculated"`
		Restricted bool     `json:"restrictedPicklist"`
		Picks      []struct {
			Active bool   `json:"active"`
			Value  string `json:"value"`
			Label  string `json:"label"`
		} `json:"picklistValues"`
	} `json:"fields"`
	Children []struct {
		Rel    string `json:"relationshipName"`
		Object string `json:"childSObject"`
		Field  string `json:"field"`
		Hidden bool   `json:"deprecatedAndHidden"`
	} `json:"childRelationships"`
}

// brief is an object in the list of all.
type brief struct {
	Name      string `json:"name"`
	Label     string `json:"label"`
	Plural    string `json:"labelPlural"`
	Prefix    string `json:"keyPrefix"`
	Custom    bool   `json:"custom"`
	Queryable bool   `json:"queryable"`
	Hidden    bool   `json:"deprecatedAndHidden"`
}

const (
	maxObjects = 5000
	maxFields  = 1000
	maxPicks   = 1000
)

// list is all objects that can be queried.
func (s *service) list(ctx context.Context, c *upstream.Client) ([]brief, error) {
	return s.lists.Get(key(c, ""), func() ([]brief, error) {
		var all struct {
			Objects []brief `json:"sobjects"`
		}
		if err := c.Get(ctx, path(c, "sobjects"), nil, &all); err != nil {
			return nil, err
		}
		kept := slices.DeleteFunc(all.Objects, func(b brief) bool { return !b.Queryable || b.Hidden || !objectName.MatchString(b.Name) })
		if len(kept) == 0 {
			return nil, lacking("any object")
		}
		kept = kept[:min(len(kept), maxObjects)]
		for i := range kept {
			kept[i].Label, kept[i].Plural = upstream.Clean(kept[i].Label, 80), upstream.Clean(kept[i].Plural, 80)
		}
		return kept, nil
	})
}

// object is what one looks like. Its name has to be written as Salesforce writes it,
// although that is not particular: a rule about args.object is.
func (s *service) object(ctx context.Context, c *upstream.Client, word string) (*object, error) {
	if !objectName.MatchString(word) {
		return nil, fault.Wrong("object: %q is no API name of an object. salesforce_list_objects lists them.", upstream.Clean(word, 60))
	}
	ob, err := s.objects.Get(key(c, word), func() (*object, error) {
		var w wireObject
		if err := c.Get(ctx, path(c, "sobjects", word, "describe"), nil, &w); err != nil {
			return nil, err
		}
		return w.trimmed()
	})
	if f := fault.From(err); f != nil && f.Kind == fault.NotFound {
		return nil, s.noObject(ctx, c, word)
	}
	if err != nil {
		return nil, err
	}
	if ob.name != word {
		return nil, fault.Wrong("object: write %s, as Salesforce does.", ob.name)
	}
	return ob, nil
}

// noObject says that there is none of that name, and which one is near.
func (s *service) noObject(ctx context.Context, c *upstream.Client, word string) error {
	all, err := s.list(ctx, c)
	if err != nil {
		return err
	}
	meant := ""
	var known []string
	for _, b := range all {
		known = append(known, b.Name)
		if strings.EqualFold(b.Name, word) || strings.EqualFold(b.Label, word) || strings.EqualFold(b.Plural, word) || strings.EqualFold(b.Name, word+"__c") {
			meant = b.Name
			break
		}
	}
	if meant == "" {
		meant = near.Match(word, known)
	}
	if meant != "" {
		return fault.Wrong("There is no object %q. Did you mean %s?", word, meant)
	}
	f := fault.New(fault.NotFound, "There is no object %q that this user can see. salesforce_list_objects lists them.", word)
	f.NotSent = true
	return f
}

// trimmed keeps what is used, and only what has the form that it should have.
func (w wireObject) trimmed() (*object, error) {
	if !objectName.MatchString(w.Name) || len(w.Fields) == 0 {
		return nil, lacking("the description of the object")
	}
	o := &object{name: w.Name, label: upstream.Clean(w.Label, 80), plural: upstream.Clean(w.Plural, 80), custom: w.Custom, queryable: w.Queryable}
	if idPrefix.MatchString(w.Prefix) {
		o.prefix = w.Prefix
	}
	for _, f := range w.Fields {
		if !objectName.MatchString(f.Name) || !objectName.MatchString(f.Type) || len(o.fields) >= maxFields {
			continue
		}
		one := field{
			name: f.Name, label: upstream.Clean(f.Label, 80), kind: f.Type, length: f.Length, restricted: f.Restricted,
			required: f.Create && !f.Nillable && !f.Defaulted && f.Type != "boolean", unique: f.Unique, external: f.External, create: f.Create, update: f.Update,
			filter: f.Filter, sort: f.Sort, group: f.Group, formula: f.Formula,
		}
		if f.NameField {
			o.nameField = f.Name
		}
		if objectName.MatchString(f.Rel) {
			one.rel = f.Rel
		}
		for _, to := range f.To {
			if objectName.MatchString(to) {
				one.to = append(one.to, to)
			}
		}
		for _, p := range f.Picks[:min(len(f.Picks), maxPicks)] {
			if p.Active && p.Value != "" {
				one.picks = append(one.picks, pick{p.Value, upstream.Clean(p.Label, 80)})
			}
		}
		o.fields = append(o.fields, one)
	}
	for _, ch := range w.Children {
		if objectName.MatchString(ch.Rel) && objectName.MatchString(ch.Object) && objectName.MatchString(ch.Field) && !ch.Hidden {
			o.children = append(o.children, child{ch.Rel, ch.Object, ch.Field})
		}
	}
	return o, nil
}

// has is the field of that name; nil: there is none.
func (o *object) has(name string) *field {
	for i := range o.fields {
		if o.fields[i].name == name {
			return &o.fields[i]
		}
	}
	return nil
}

// field is the one that a name means, or an error with the one that is near.
func (o *object) field(argument, word string) (*field, error) {
	if f := o.has(word); f != nil {
		return f, nil
	}
	var known []string
	for _, f := range o.fields {
		if strings.EqualFold(f.name, word) || strings.EqualFold(f.label, word) || strings.EqualFold(f.name, word+"__c") || strings.EqualFold(f.name, word+"Id") {
			return nil, fault.Wrong("%s: %s has no field %q. Did you mean %s?", argument, o.name, upstream.Clean(word, 60), f.name)
		}
		known = append(known, f.name)
	}
	if m := near.Match(word, known); m != "" {
		return nil, fault.Wrong("%s: %s has no field %q. Did you mean %s?", argument, o.name, upstream.Clean(word, 60), m)
	}
	return nil, fault.Wrong("%s: %s has no field %q that this user can see. salesforce_describe_object lists them.", argument, o.name, upstream.Clean(word, 60))
}

// at is the field at a path, such as Account.Owner.Name: what is on the way is a
// relationship. The path that is returned has nothing in it but names that the
// organization has given.
func (s *service) at(ctx context.Context, c *upstream.Client, o *object, argument, p string) (*field, error) {
	rel, rest, ok := strings.Cut(p, ".")
	if !ok {
		return o.field(argument, p)
	}
	if strings.Count(rest, ".") > 4 {
		return nil, fault.Wrong("%s: %q goes up more than five parents.", argument, upstream.Clean(p, 60))
	}
	i := slices.IndexFunc(o.fields, func(f field) bool { return f.rel == rel })
	if i < 0 || rel == "" {
		var rels []string
		for _, f := range o.fields {
			if f.rel != "" {
				rels = append(rels, f.rel)
			}
		}
		if m := near.Match(rel, rels); m != "" {
			return nil, fault.Wrong("%s: %s has no relationship %q. Did you mean %s?", argument, o.name, upstream.Clean(rel, 60), m)
		}
		return nil, fault.Wrong("%s: %s has no relationship %q to a parent. salesforce_describe_object lists the fields that refer to others.", argument, o.name, upstream.Clean(rel, 60))
	}
	to := o.fields[i].to
	if len(to) == 0 {
		return nil, lacking("where " + rel + " leads")
	}
	parent := to[0]
	if slices.Contains(to, "User") { // an owner is a user or a queue
		parent = "User"
	}
	at, err := s.object(ctx, c, parent)
	if err != nil {
		return nil, err
	}
	return s.at(ctx, c, at, argument, rest)
}
