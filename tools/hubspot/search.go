package hubspot

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

// HubSpot's bounds on a search
// (developers.hubspot.com/docs/api-reference/search/guide).
const (
	maxGroups     = 5
	maxPerGroup   = 6
	maxFilters    = 18
	maxSearchable = 10_000 // records that one search can page through
)

type searchObjectsIn struct {
	ObjectType string   `json:"object_type"`
	Query      string   `json:"query"`
	Filters    []filter `json:"filters"`
	With       *Ref     `json:"associated_with"`
	Properties []string `json:"properties"`
	Sort       string   `json:"sort"`
	Limit      int      `json:"limit"`
	Cursor     string   `json:"cursor"`
}

type filter struct {
	Property string   `json:"property"`
	Op       string   `json:"op"`
	Value    *scalar  `json:"value"`
	High     *scalar  `json:"high"`
	Values   []scalar `json:"values"`
	Group    int      `json:"group"` // filters of one group have to match together; 0 is 1
}

// operators are HubSpot's names.
var operators = map[string]string{
	"eq": "EQ", "neq": "NEQ", "lt": "LT", "lte": "LTE", "gt": "GT", "gte": "GTE", "between": "BETWEEN", "in": "IN", "not_in": "NOT_IN",
	"has": "HAS_PROPERTY", "not_has": "NOT_HAS_PROPERTY", "contains": "CONTAINS_TOKEN", "not_contains": "NOT_CONTAINS_TOKEN",
}

type wireSearch struct {
	Query      string      `json:"query,omitempty"`
	Groups     []wireGroup `json:"filterGroups,omitempty"`
	Properties []string    `json:"properties,omitempty"`
	Sorts      []string    `json:"sorts,omitempty"` // "-createdate"; the description has texts, older pages objects
	Limit      int         `json:"limit"`
	After      string      `json:"after,omitempty"`
}

type wireGroup struct {
	Filters []wireFilter `json:"filters"`
}

type wireFilter struct {
	Property string   `json:"propertyName"`
	Operator string   `json:"operator"`
	Value    string   `json:"value,omitempty"`
	High     string   `json:"highValue,omitempty"`
	Values   []string `json:"values,omitempty"`
}

// Found is a page of records.
type Found struct {
	Total   int      `json:"total"`
	Results []Record `json:"results"`
	Next    string   `json:"next_cursor,omitempty"`
	Note    string   `json:"note,omitempty"`
}

// Text is one line a record.
func (f Found) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d of %d\n", len(f.Results), f.Total)
	for _, r := range f.Results {
		b.WriteString(r.line() + "\n")
	}
	if f.Next != "" {
		b.WriteString("More: next_cursor " + f.Next + "\n")
	}
	if f.Note != "" {
		b.WriteString("Note: " + f.Note + "\n")
	}
	return strings.TrimRight(b.String(), "\n")
}

type wirePaging struct {
	Next struct {
		After string `json:"after"`
	} `json:"next"`
}

func (s *service) searchObjects(ctx context.Context, c *upstream.Client, in searchObjectsIn) (Found, error) {
	k, err := parseKind(in.ObjectType)
	if err != nil {
		return Found{}, err
	}
	req := wireSearch{Query: in.Query, Properties: k.properties(in.Properties), Limit: in.Limit}
	if req.Groups, err = groups(c, in.Filters, in.With); err != nil {
		return Found{}, err
	}
	if in.Sort != "" {
		req.Sorts = []string{in.Sort}
	}
	query := []any{"search_objects", k.name, in.Query, req.Groups, in.Sort}
	if req.After, err = tools.OpenCursor(query, in.Cursor); err != nil {
		return Found{}, err
	}
	var got struct {
		Total   int          `json:"total"`
		Results []wireRecord `json:"results"`
		Paging  wirePaging   `json:"paging"`
	}
	err = c.Do(ctx, upstream.Request{Path: k.path("search"), JSON: req, Read: true}, &got)
	if err != nil {
		return Found{}, err
	}
	out := Found{Total: got.Total, Results: []Record{}, Next: tools.Cursor(query, got.Paging.Next.After), Note: unknown(in.Properties, got.Results)}
	room := maxPageValues
	for _, w := range got.Results[:min(len(got.Results), in.Limit)] {
		out.Results = append(out.Results, s.record(ctx, c, k, w, shortValue, &room))
	}
	if got.Total > maxSearchable {
		out.Note = strings.TrimPrefix(out.Note+fmt.Sprintf("; only the first %d can be paged through: narrow the search", maxSearchable), "; ")
	}
	return out, nil
}

// groups turns filters into HubSpot's filter groups. An association is a filter
// on a pseudo-property, in every group.
func groups(c *upstream.Client, filters []filter, with *Ref) ([]wireGroup, error) {
	byGroup := map[int][]wireFilter{}
	total := 0
	for i, f := range filters {
		w, err := f.wire(i)
		if err != nil {
			return nil, err
		}
		g := max(1, f.Group)
		byGroup[g] = append(byGroup[g], w)
		total++
	}
	if with != nil {
		k, err := parseKind(with.Type)
		if err != nil {
			return nil, err
		}
		if err := readable(c, k); err != nil {
			return nil, err
		}
		if len(byGroup) == 0 {
			byGroup[1] = nil
		}
		for g := range byGroup {
			byGroup[g] = append(byGroup[g], wireFilter{Property: "associations." + k.singular, Operator: "EQ", Value: with.ID})
			total++
		}
	}
	var order []int
	for g := range byGroup {
		order = append(order, g)
	}
	slices.Sort(order)
	var out []wireGroup
	for _, g := range order {
		if len(byGroup[g]) > maxPerGroup || total > maxFilters || len(order) > maxGroups {
			return nil, fault.New(fault.InvalidArguments, "filters: HubSpot takes at most %d filters a group, %d groups and %d filters in all, associated_with included.", maxPerGroup, maxGroups, maxFilters)
		}
		out = append(out, wireGroup{byGroup[g]})
	}
	return out, nil
}

func (f filter) wire(i int) (wireFilter, error) {
	w := wireFilter{Property: f.Property, Operator: operators[f.Op]}
	wrong := func(want string) (wireFilter, error) {
		return w, fault.New(fault.InvalidArguments, "filters.%d: %s needs %s.", i, f.Op, want)
	}
	switch f.Op {
	case "has", "not_has":
		return w, nil
	case "in", "not_in":
		for _, v := range f.Values {
			w.Values = append(w.Values, v.text)
		}
		if len(w.Values) == 0 {
			return wrong("values, a list")
		}
		return w, nil
	case "between":
		if f.Value == nil || f.High == nil || f.Value.text == "" || f.High.text == "" {
			return wrong("value and high")
		}
		w.Value, w.High = f.Value.text, f.High.text
		return w, nil
	}
	if f.Value == nil || f.Value.text == "" {
		return wrong("a value; to find empty properties use not_has")
	}
	w.Value = f.Value.text
	return w, nil
}
