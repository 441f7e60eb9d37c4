package hubspot

import (
	"context"
	"net/http"
	"net/url"
	"slices"

	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

// forms are the types of property as people choose them in HubSpot: the type of
// the value, and of the field in which it is written.
var forms = map[string][2]string{
	"text": {"string", "text"}, "textarea": {"string", "textarea"}, "html": {"string", "html"}, "phone": {"string", "phonenumber"}, "file": {"string", "file"},
	"number": {"number", "number"}, "date": {"date", "date"}, "datetime": {"datetime", "date"}, "checkbox": {"bool", "booleancheckbox"},
	"select": {"enumeration", "select"}, "radio": {"enumeration", "radio"}, "multi_select": {"enumeration", "checkbox"},
}

// groups are those into which HubSpot itself puts the properties of a type.
var groups = map[string]string{"contacts": "contactinformation", "companies": "companyinformation", "deals": "dealinformation", "tickets": "ticketinformation"}

type wireDefinition struct {
	Name    string       `json:"name,omitempty"`
	Label   string       `json:"label,omitempty"`
	About   string       `json:"description,omitempty"`
	Group   string       `json:"groupName,omitempty"`
	Kind    string       `json:"type,omitempty"`
	Field   string       `json:"fieldType,omitempty"`
	Options []wireOption `json:"options,omitempty"`
	Unique  bool         `json:"hasUniqueValue,omitempty"`
	Hidden  *bool        `json:"hidden,omitempty"`
	Form    *bool        `json:"formField,omitempty"`
}

type createPropertyIn struct {
	ObjectType  string           `json:"object_type"`
	Name        string           `json:"name"`
	Label       string           `json:"label"`
	Type        string           `json:"type"`
	Description string           `json:"description"`
	Group       string           `json:"group"`
	Options     []PropertyOption `json:"options"`
	Unique      bool             `json:"unique"`
	Form        *bool            `json:"form_field"`
}

// Defined is a property as it is now.
type Defined struct {
	Property Property `json:"property"`
	Note     string   `json:"note,omitempty"`
}

// Text is one line.
func (d Defined) Text() string {
	return PropertyList{Total: 1, Properties: []Property{d.Property}, Note: d.Note}.Text()
}

// createProperty makes a property. A list of choices needs its options; the group
// is HubSpot's own unless another is given.
func (s *service) createProperty(ctx context.Context, c *upstream.Client, in createPropertyIn) (Defined, error) {
	k, err := s.kind(ctx, c, in.ObjectType)
	if err != nil {
		return Defined{}, err
	}
	form := forms[in.Type]
	if (form[0] == "enumeration") != (len(in.Options) > 0) {
		return Defined{}, fault.New(fault.InvalidArguments, "options: select, radio and multi_select need at least one, the other types take none.")
	}
	req := wireDefinition{Name: in.Name, Label: in.Label, About: in.Description, Group: in.Group, Kind: form[0], Field: form[1], Unique: in.Unique, Form: in.Form, Options: ordered(nil, in.Options)}
	if req.Group == "" {
		if req.Group = groups[k.name]; req.Group == "" {
			if req.Group, err = s.firstGroup(ctx, c, k); err != nil {
				return Defined{}, err
			}
		}
	}
	if form[0] == "bool" {
		req.Options = []wireOption{{Label: "Yes", Value: "true"}, {Label: "No", Value: "false", Order: 1}}
	}
	var w wireProperty
	err = c.Do(ctx, upstream.Request{Method: http.MethodPost, Path: propertiesAt(k), JSON: req}, &w)
	return s.defined(c, k, w, err)
}

// firstGroup is a group of properties of a custom type, which has one of its own.
func (s *service) firstGroup(ctx context.Context, c *upstream.Client, k kind) (string, error) {
	var got struct {
		Results []struct {
			Name string `json:"name"`
		} `json:"results"`
	}
	if err := c.Get(ctx, propertiesAt(k)+"/groups", nil, &got); err != nil {
		return "", err
	}
	if len(got.Results) == 0 {
		return "", fault.New(fault.InvalidArguments, "group: %s have no group of properties yet. Name one that exists.", k.called())
	}
	return got.Results[0].Name, nil
}

func (s *service) defined(c *upstream.Client, k kind, w wireProperty, err error) (Defined, error) {
	if err != nil {
		return Defined{}, err
	}
	s.books.properties.forget(key(c, k.name))
	if !isProperty(w.Name) {
		return Defined{}, fault.New(fault.UpstreamError, "HubSpot answered without the property. Look with hubspot_list_properties whether it was done before doing it again.")
	}
	return Defined{Property: w.property().shown(true, true)}, nil
}

// ordered adds options behind those that there are.
func ordered(there []wireOption, added []PropertyOption) []wireOption {
	for _, o := range added {
		if o.Label == "" {
			o.Label = o.Value
		}
		if i := slices.IndexFunc(there, func(w wireOption) bool { return w.Value == o.Value }); i >= 0 {
			there[i].Label = o.Label
			continue
		}
		there = append(there, wireOption{Label: o.Label, Value: o.Value, Order: len(there)})
	}
	return there
}

type updatePropertyIn struct {
	ObjectType  string           `json:"object_type"`
	Name        string           `json:"name"`
	Label       string           `json:"label"`
	Description string           `json:"description"`
	Group       string           `json:"group"`
	Add         []PropertyOption `json:"add_options"`
	Options     []PropertyOption `json:"options"`
	Hidden      *bool            `json:"hidden"`
	Form        *bool            `json:"form_field"`
}

// updateProperty changes what a property is like; its name and type stay.
func (s *service) updateProperty(ctx context.Context, c *upstream.Client, in updatePropertyIn) (Defined, error) {
	k, err := s.kind(ctx, c, in.ObjectType)
	if err != nil {
		return Defined{}, err
	}
	path := propertiesAt(k) + "/" + url.PathEscape(in.Name)
	req := wireDefinition{Label: in.Label, About: in.Description, Group: in.Group, Hidden: in.Hidden, Form: in.Form, Options: ordered(nil, in.Options)}
	if len(in.Add) > 0 {
		if len(in.Options) > 0 {
			return Defined{}, fault.New(fault.InvalidArguments, "Give add_options or options, which replaces them all, not both.")
		}
		var now wireProperty
		if err := c.Get(ctx, path, nil, &now); err != nil {
			return Defined{}, err
		}
		req.Options = ordered(now.Options, in.Add)
	}
	if req.Label == "" && req.About == "" && req.Group == "" && req.Hidden == nil && req.Form == nil && len(req.Options) == 0 {
		return Defined{}, fault.New(fault.InvalidArguments, "Nothing to change: give a label, description, group, options, hidden or form_field.")
	}
	var w wireProperty
	err = c.Do(ctx, upstream.Request{Method: http.MethodPatch, Path: path, JSON: req}, &w)
	return s.defined(c, k, w, err)
}
