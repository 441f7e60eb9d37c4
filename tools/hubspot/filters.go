package hubspot

import (
	"context"
	"slices"
	"strings"

	"toolvault/tools/fault"
	"toolvault/tools/pattern"
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

// search is what is looked for: words and filters.
type search struct {
	ObjectType string   `json:"object_type"`
	Query      string   `json:"query"`
	Filters    []filter `json:"filters"`
	With       *Ref     `json:"associated_with"`
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

// groups turns filters into HubSpot's filter groups. An association is a filter
// on a pseudo-property, in every group.
func (s *service) groups(ctx context.Context, c *upstream.Client, k kind, in search) ([]wireGroup, error) {
	byGroup := map[int][]wireFilter{}
	total := 0
	for i, f := range in.Filters {
		w, err := f.wire(i)
		if err != nil {
			return nil, err
		}
		g := max(1, f.Group)
		byGroup[g] = append(byGroup[g], w)
		total++
	}
	if in.With != nil {
		to, err := s.kind(ctx, c, in.With.Type)
		if err != nil {
			return nil, err
		}
		if err := readable(c, to); err != nil {
			return nil, err
		}
		if err := numbers("associated_with", in.With.ID); err != nil {
			return nil, err
		}
		if len(byGroup) == 0 {
			byGroup[1] = nil
		}
		for g := range byGroup {
			byGroup[g] = append(byGroup[g], wireFilter{Property: "associations." + to.singular, Operator: "EQ", Value: in.With.ID})
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
		named, err := s.named(ctx, c, k, byGroup[g])
		if err != nil {
			return nil, err
		}
		out = append(out, wireGroup{named})
	}
	return out, nil
}

func (f filter) wire(i int) (wireFilter, error) {
	w := wireFilter{Property: f.Property, Operator: operators[f.Op]}
	wrong := func(want string) (wireFilter, error) {
		return w, fault.New(fault.InvalidArguments, "filters.%d: %s needs %s.", i, f.Op, want)
	}
	// A pseudo-property of HubSpot's tells of other records, which takes a right of
	// its own.
	if pseudo, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(f.Property)), "."); pseudo == "associations" {
		return w, fault.New(fault.InvalidArguments, "filters.%d: %q is no property. Name the record in associated_with.", i, upstream.Clean(f.Property, 60))
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

// named turns what people say in the filters of one group into what HubSpot
// knows: owners, pipelines and stages by id, times as such.
func (s *service) named(ctx context.Context, c *upstream.Client, k kind, filters []wireFilter) ([]wireFilter, error) {
	within := ""
	for i := range filters { // the pipeline first, since a stage is one of it
		w := &filters[i]
		switch {
		case w.Property == k.pipeline && k.pipeline != "":
			if err := each(w, func(v string) ([]string, error) { return s.pipelineIDs(ctx, c, k, v) }); err != nil {
				return nil, err
			}
			if w.Operator == "EQ" {
				within = w.Value
			}
		case w.Property == ownerProperty:
			if err := each(w, func(v string) ([]string, error) {
				id, err := s.owner(ctx, c, v)
				return []string{id}, err
			}); err != nil {
				return nil, err
			}
		case isTime(w.Property):
			if err := each(w, func(v string) ([]string, error) { return s.times(ctx, c, w, v) }); err != nil {
				return nil, err
			}
		}
	}
	for i := range filters {
		if w := &filters[i]; w.Property == k.stage && k.stage != "" {
			if err := each(w, func(v string) ([]string, error) { return s.stageIDs(ctx, c, k, within, v) }); err != nil {
				return nil, err
			}
		}
	}
	return filters, nil
}

// each replaces the values of a filter by what they mean. One that means several
// things turns "is" into "is one of".
func each(w *wireFilter, mean func(string) ([]string, error)) error {
	switch w.Operator {
	case "EQ", "NEQ":
		ids, err := mean(w.Value)
		if err != nil {
			return err
		}
		if len(ids) == 1 {
			w.Value = ids[0]
			return nil
		}
		w.Operator, w.Value, w.Values = map[string]string{"EQ": "IN", "NEQ": "NOT_IN"}[w.Operator], "", ids
	case "IN", "NOT_IN":
		var all []string
		for _, v := range w.Values {
			ids, err := mean(v)
			if err != nil {
				return err
			}
			all = append(all, ids...)
		}
		w.Values = all
	case "LT", "LTE", "GT", "GTE", "BETWEEN":
		for _, v := range []*string{&w.Value, &w.High} {
			if *v == "" {
				continue
			}
			ids, err := mean(*v)
			if err != nil {
				return err
			}
			*v = ids[0]
		}
	}
	return nil
}

func (s *service) pipelineIDs(ctx context.Context, c *upstream.Client, k kind, word string) (ids []string, err error) {
	err = s.looked(ctx, c, k, func(all []pipeline) error {
		p, err := findPipeline(all, word)
		ids = []string{p.id}
		return err
	})
	return orGiven(ids, word, err)
}

// stageIDs are the stages of that name, in one pipeline or in all.
func (s *service) stageIDs(ctx context.Context, c *upstream.Client, k kind, within, word string) (ids []string, err error) {
	err = s.looked(ctx, c, k, func(all []pipeline) error {
		ids = nil
		for _, p := range all {
			for _, st := range p.stages {
				if (within == "" || within == p.id) && strings.EqualFold(st.name, strings.TrimSpace(word)) {
					ids = append(ids, st.id)
				}
			}
		}
		if len(ids) > 0 {
			return nil
		}
		_, st, err := findStage(all, within, word)
		ids = []string{st.id}
		return err
	})
	return orGiven(ids, word, err)
}

// orGiven takes a word as the id that it may be where the pipelines cannot be had.
func orGiven(ids []string, word string, err error) ([]string, error) {
	if f := fault.From(err); f != nil && f.Status != 0 && plainID.MatchString(word) {
		return []string{word}, nil
	}
	return ids, err
}

// isTime reports whether a property holds a time, as far as its name tells.
func isTime(property string) bool {
	return timeProperties[property] || strings.HasSuffix(property, "_date") || strings.HasSuffix(property, "_at") || strings.HasSuffix(property, "_timestamp")
}

// dayForm is a date without a time of day.
var dayForm = pattern.New(`^\d{4}-\d{2}-\d{2}$`)

// times reads a time in a filter. Of a property that only its name makes one of
// time, a plain date stays as it is, since a day in HubSpot is no point in time,
// and so does what is compared for being the same.
func (s *service) times(ctx context.Context, c *upstream.Client, w *wireFilter, word string) ([]string, error) {
	sure := timeProperties[w.Property]
	if digits.MatchString(word) || !sure && (dayForm.MatchString(word) || !strings.Contains("LTE GTE BETWEEN", w.Operator)) {
		return []string{word}, nil
	}
	t, err := s.instant(ctx, c, "filters: "+w.Property, word, false)
	if err != nil && !sure {
		return []string{word}, nil
	}
	return []string{t.UTC().Format(stampForm)}, err
}
