package hubspot

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

const maxCounted = 30 // values of a property that are counted one by one

type countObjectsIn struct {
	search
	By string `json:"by"`
}

// Counted is how many records there are.
type Counted struct {
	Total  int     `json:"total"`
	By     string  `json:"by,omitempty"`
	Groups []Group `json:"groups,omitempty"`
	Note   string  `json:"note,omitempty"`
}

// Group is how many have a value of the property; "" is none.
type Group struct {
	Value string `json:"value"`
	Label string `json:"label,omitempty"`
	Count int    `json:"count"`
}

// Text is one line a group.
func (n Counted) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d in all", n.Total)
	for _, g := range n.Groups {
		name := "without " + n.By
		if g.Value != "" {
			name = shown(g.Value)
		}
		if g.Label != "" {
			name = upstream.Quote(g.Label) + " (" + g.Value + ")"
		}
		fmt.Fprintf(&b, "\n%s: %d", name, g.Count)
	}
	return b.String() + more("", n.Note)
}

// countObjects counts what a search finds: HubSpot says the total with a page of
// one record. By a property it counts each of its values with a search of its own.
func (s *service) countObjects(ctx context.Context, c *upstream.Client, in countObjectsIn) (Counted, error) {
	k, req, err := s.prepared(ctx, c, in.search)
	if err != nil {
		return Counted{}, err
	}
	var groups []Group
	if in.By != "" {
		if groups, err = s.valuesOf(ctx, c, k, in.By); err != nil {
			return Counted{}, err
		}
		if n := len(req.Groups); slices.ContainsFunc(req.Groups, func(g wireGroup) bool { return len(g.Filters) == maxPerGroup }) || len(in.Filters)+n > maxFilters {
			return Counted{}, fault.New(fault.InvalidArguments, "by needs room for one more filter in each group: leave one out.")
		}
	}
	count := func(req wireSearch) (int, error) {
		req.Limit, req.Properties = 1, []string{"hs_object_id"}
		got, err := s.look(ctx, c, k, req)
		return got.Total, err
	}
	out := Counted{By: in.By}
	if out.Total, err = count(req); err != nil {
		return Counted{}, err
	}
	rest := out.Total
	for i, g := range groups {
		if rest <= 0 {
			break // all have been counted
		}
		if g.Count, err = count(req.and(wireFilter{Property: in.By, Operator: "EQ", Value: g.Value})); err != nil {
			return Counted{}, err
		}
		if g.Count > 0 {
			out.Groups = append(out.Groups, g)
		}
		rest -= g.Count
		c.Progress(float64(i+1), float64(len(groups)), "values counted")
	}
	if in.By != "" && rest > 0 {
		out.Groups = append(out.Groups, Group{Count: rest})
	}
	slices.SortStableFunc(out.Groups, func(a, b Group) int { return cmp.Compare(b.Count, a.Count) })
	return out, nil
}

// and is the search with one more filter in every group.
func (w wireSearch) and(f wireFilter) wireSearch {
	groups := w.Groups
	if len(groups) == 0 {
		groups = []wireGroup{{}}
	}
	w.Groups = nil
	for _, g := range groups {
		w.Groups = append(w.Groups, wireGroup{append(slices.Clone(g.Filters), f)})
	}
	return w
}

// valuesOf are the values that a property can have: stages, pipelines, owners, or
// the options of a list of choices.
func (s *service) valuesOf(ctx context.Context, c *upstream.Client, k kind, by string) ([]Group, error) {
	var groups []Group
	switch {
	case by == k.pipeline || by == k.stage:
		all, err := s.pipelinesOf(ctx, c, k)
		if err != nil {
			return nil, err
		}
		for _, p := range all {
			if by == k.pipeline {
				groups = append(groups, Group{Value: p.id, Label: p.name})
				continue
			}
			for _, st := range p.stages {
				label := st.name
				if len(all) > 1 {
					label += " in " + p.name
				}
				groups = append(groups, Group{Value: st.id, Label: label})
			}
		}
	case by == ownerProperty:
		if !c.Allows(ownerScope) {
			f := fault.New(fault.NotPermitted, "This agent may not look owners up: %s was not granted. An admin has to add the scope.", ownerScope)
			f.Needed, f.NotSent = []string{"hubspot:" + ownerScope}, true
			return nil, f
		}
		all, err := s.ownersOf(ctx, c)
		if err != nil {
			return nil, err
		}
		for _, o := range all {
			groups = append(groups, Group{Value: o.ID, Label: o.Name})
		}
	default:
		book, err := s.propertiesOf(ctx, c, k)
		if err != nil {
			return nil, err
		}
		i := slices.IndexFunc(book, func(p property) bool { return p.name == by })
		if i < 0 {
			return nil, fault.New(fault.InvalidArguments, "by: %s have no property %s.", k.called(), meant(by, book))
		}
		if book[i].kind == "bool" && len(book[i].options) == 0 {
			groups = []Group{{Value: "true"}, {Value: "false"}}
		}
		for _, o := range book[i].options {
			groups = append(groups, Group{Value: o.Value, Label: o.Label})
		}
		if len(groups) == 0 {
			return nil, fault.New(fault.InvalidArguments, "by: %s is %s, not a list of choices, so it cannot be counted by. Count with a filter for each range instead.", by, book[i].kind)
		}
	}
	if len(groups) > maxCounted {
		return nil, fault.New(fault.InvalidArguments, "by: %s has %d values, more than the %d that are counted at once. Count with a filter for those that matter.", by, len(groups), maxCounted)
	}
	return groups, nil
}

func (s *service) searchTools() []tools.Tool {
	return []tools.Tool{
		tools.New("hubspot_search_objects", s.searchObjects),
		tools.New("hubspot_count_objects", s.countObjects),
		tools.New("hubspot_list_objects", s.listObjects),
	}
}
