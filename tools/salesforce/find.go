package salesforce

import (
	"context"
	"slices"
	"strings"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

func (s *service) findTools() []tools.Tool {
	return []tools.Tool{tools.New("salesforce_find_records", s.findRecords), tools.New("salesforce_get_related", s.getRelated)}
}

// search is what is looked for.
type search struct {
	Object  string   `json:"object"`
	Filters []filter `json:"filters"`
	Match   string   `json:"match"` // all, any
}

// usual are the fields that people look at first, by object; as far as an organization
// has them and shows them.
var usual = map[string][]string{
	"Account":     {"Name", "Type", "Industry", "Phone", "Website", "BillingCity", "OwnerId"},
	"Contact":     {"Name", "Email", "Phone", "Title", "AccountId", "OwnerId"},
	"Lead":        {"Name", "Company", "Email", "Status", "LeadSource", "OwnerId", "CreatedDate"},
	"Case":        {"CaseNumber", "Subject", "Status", "Priority", "AccountId", "ContactId", "OwnerId", "CreatedDate"},
	"Opportunity": {"Name", "StageName", "Amount", "CloseDate", "AccountId", "OwnerId"},
	"Task":        {"Subject", "Status", "Priority", "ActivityDate", "WhoId", "WhatId", "OwnerId"},
	"Event":       {"Subject", "StartDateTime", "EndDateTime", "Location", "WhoId", "WhatId", "OwnerId"},
	"User":        {"Name", "Username", "Email", "Title", "IsActive"},
	"Report":      {"Name", "FolderName", "Description"},
	"CaseComment": {"CommentBody", "IsPublished", "CreatedById", "CreatedDate"},
}

// usual are the fields that are shown where none are asked for.
func (o *object) usual() []string {
	var out []string
	for _, name := range usual[o.name] {
		if o.has(name) != nil {
			out = append(out, name)
		}
	}
	if out != nil {
		return out
	}
	if o.nameField != "" {
		out = append(out, o.nameField)
	}
	for _, f := range o.fields {
		if own := strings.HasSuffix(f.name, "__c") || !o.custom && f.create; own && f.kind != "textarea" && f.kind != "base64" && len(out) < 10 && !slices.Contains(out, f.name) {
			out = append(out, f.name)
		}
	}
	return out
}

// selected are the fields of a query: those that are asked for, or the usual ones, the
// id, and beside the id of another record what that is called.
func (s *service) selected(ctx context.Context, c *upstream.Client, o *object, asked []string) ([]string, error) {
	out := []string{"Id"}
	add := func(p string) {
		if !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	if len(asked) == 0 {
		asked = o.usual()
	} else if o.nameField != "" {
		add(o.nameField)
	}
	for _, p := range asked {
		f, err := s.at(ctx, c, o, "fields", p)
		if err != nil {
			return nil, err
		}
		add(p)
		if name := nameOf(f); name != "" {
			up, _, _ := cutLast(p)
			add(up + f.rel + "." + name)
		}
	}
	return out, nil
}

// cutLast cuts a path before its last name: what is left ends in a dot.
func cutLast(p string) (up, last string, ok bool) {
	i := strings.LastIndexByte(p, '.')
	return p[:i+1], p[i+1:], i >= 0
}

// nameOf is the field that has the name of what a reference leads to; "" where it is
// not certain that there is one.
func nameOf(f *field) string {
	if f.kind != "reference" || f.rel == "" || len(f.to) == 0 {
		return ""
	}
	if len(f.to) > 1 {
		return "Name" // of an owner, or of whom and what a task is about
	}
	switch to := f.to[0]; to {
	case "Case":
		return "CaseNumber"
	case "Contract":
		return "ContractNumber"
	case "Order":
		return "OrderNumber"
	case "User", "Account", "Contact", "Lead", "Opportunity", "Campaign", "Product2", "Pricebook2", "RecordType", "Profile", "UserRole", "Asset", "Group":
		return "Name"
	default:
		if strings.HasSuffix(to, "__c") {
			return "Name"
		}
	}
	return ""
}

// ordering is what to order by: a field, or a path, after a minus for the other way
// round; where nothing is said, the newest first.
func (s *service) ordering(ctx context.Context, c *upstream.Client, o *object, by string) (string, error) {
	way := " ASC"
	if rest, ok := strings.CutPrefix(by, "-"); ok {
		by, way = rest, " DESC"
	}
	if by == "" {
		if f := o.has("CreatedDate"); f != nil && f.sort {
			return "CreatedDate DESC, Id", nil
		}
		return "Id", nil
	}
	f, err := s.at(ctx, c, o, "order_by", by)
	if err != nil {
		return "", err
	}
	if !f.sort {
		return "", fault.Wrong("order_by: Salesforce does not order by %s.", by)
	}
	return by + way + " NULLS LAST, Id", nil
}

type findIn struct {
	search
	Fields []string `json:"fields"`
	Order  string   `json:"order_by"`
	Limit  int      `json:"limit"`
	Cursor string   `json:"cursor"`
}

func (s *service) findRecords(ctx context.Context, c *upstream.Client, in findIn) (Found, error) {
	o, err := s.object(ctx, c, in.Object)
	if err != nil {
		return Found{}, err
	}
	where, err := s.conditions(ctx, c, o, in.Filters)
	if err != nil {
		return Found{}, err
	}
	return s.found(ctx, c, o, where, in.Match == "any", in)
}

// found runs the query of an object with conditions that are SOQL already.
func (s *service) found(ctx context.Context, c *upstream.Client, o *object, where []string, any bool, in findIn) (Found, error) {
	mark := []string{"find", o.name, in.Match, in.Order, strings.Join(in.Fields, ",")}
	for _, f := range in.Filters { // what the caller said, not the times that it means just now
		mark = append(mark, f.Field, f.Op, string(f.Value))
	}
	if in.Filters == nil {
		mark = append(mark, where...)
	}
	fields, err := s.selected(ctx, c, o, in.Fields)
	if err != nil {
		return Found{}, err
	}
	order, err := s.ordering(ctx, c, o, in.Order)
	if err != nil {
		return Found{}, err
	}
	out, err := page(ctx, c, mark, selection{fields: fields, from: o.name, where: where, any: any, order: order}.String(), in.Limit, in.Cursor)
	return out, s.outdated(c, o, err)
}

type relatedIn struct {
	Object       string   `json:"object"`
	ID           string   `json:"id"`
	Relationship string   `json:"relationship"`
	Fields       []string `json:"fields"`
	Order        string   `json:"order_by"`
	Limit        int      `json:"limit"`
	Cursor       string   `json:"cursor"`
}

// getRelated reads the records below one: those of another object that refer to it.
func (s *service) getRelated(ctx context.Context, c *upstream.Client, in relatedIn) (Found, error) {
	o, err := s.object(ctx, c, in.Object)
	if err != nil {
		return Found{}, err
	}
	rel, err := o.child(in.Relationship)
	if err != nil {
		return Found{}, err
	}
	id, err := s.recordID(ctx, c, o, "id", in.ID)
	if err != nil {
		return Found{}, err
	}
	below, err := s.object(ctx, c, rel.object)
	if err != nil {
		return Found{}, err
	}
	of, ok := literal(id)
	if f := below.has(rel.field); f == nil || !f.filter || !below.queryable || !ok {
		return Found{}, fault.Wrong("relationship: %s cannot be listed through the API. Try salesforce_query.", rel.rel)
	}
	return s.found(ctx, c, below, []string{rel.field + " = " + of}, false, findIn{Fields: in.Fields, Order: in.Order, Limit: in.Limit, Cursor: in.Cursor})
}

// child is the relationship that a word means: its name, or the only one to an object
// of that name.
func (o *object) child(word string) (child, error) {
	var known []string
	for _, ch := range o.children {
		if ch.rel == word {
			return ch, nil
		}
		known = append(known, ch.rel)
	}
	for _, ch := range o.children {
		if strings.EqualFold(ch.rel, word) || strings.EqualFold(ch.object, word) || strings.EqualFold(ch.rel, word+"__r") {
			return child{}, fault.Wrong("relationship: %s has none called %q. Did you mean %s (%s)?", o.name, upstream.Clean(word, 60), ch.rel, ch.object)
		}
	}
	if len(known) > 0 && len(known) <= 12 {
		return child{}, fault.Wrong("relationship: %s has none called %q. There are: %s.", o.name, upstream.Clean(word, 60), strings.Join(known, ", "))
	}
	return child{}, fault.Wrong("relationship: %s has none called %q. salesforce_describe_object with show children lists them.", o.name, upstream.Clean(word, 60))
}
