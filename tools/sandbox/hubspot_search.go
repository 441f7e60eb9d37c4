package sandbox

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

type hubspotSearch struct {
	Query  string `json:"query"`
	Groups []struct {
		Filters []hubspotFilter `json:"filters"`
	} `json:"filterGroups"`
	Properties []string `json:"properties"`
	Sorts      []any    `json:"sorts"`
	Limit      *int     `json:"limit"`
	After      string   `json:"after"`
}

type hubspotFilter struct {
	Property string   `json:"propertyName"`
	Operator string   `json:"operator"`
	Value    string   `json:"value"`
	High     string   `json:"highValue"`
	Values   []string `json:"values"`
}

// search has HubSpot's bounds: 5 groups, 6 filters each, 18 in all, 200 a page,
// 10,000 in all.
func (p *hubspotPortal) search(w http.ResponseWriter, r *http.Request, kind string) {
	var in hubspotSearch
	if !p.body(w, r, &in) {
		return
	}
	refuse := func(text string) { p.fail(w, http.StatusBadRequest, "VALIDATION_ERROR", text, nil) }
	limit, filters := 10, 0
	if in.Limit != nil {
		limit = *in.Limit
	}
	after, err := strconv.Atoi(in.After)
	if in.After == "" {
		after, err = 0, nil
	}
	for _, g := range in.Groups {
		filters += len(g.Filters)
		for _, f := range g.Filters {
			if !strings.HasPrefix(f.Property, "associations.") && p.property(kind, f.Property) == nil {
				refuse(fmt.Sprintf("There was a problem with the request. Property %q does not exist", f.Property))
				return
			}
		}
		if len(g.Filters) > 6 {
			refuse("filterGroups contains too many filters")
			return
		}
	}
	switch {
	case err != nil || after < 0:
		refuse("after must be a number")
		return
	case limit < 1 || limit > 200:
		refuse("limit must be between 1 and 200")
		return
	case len(in.Groups) > 5 || filters > 18:
		refuse("too many filters")
		return
	case len(in.Query) > 3000:
		refuse("query is too long")
		return
	case after+limit > 10_000:
		refuse("Paging is limited to 10000 results")
		return
	}
	var fit []*hubspotRecord
	for _, rec := range p.records[kind] {
		if !rec.archived && matchesQuery(rec, in.Query) && p.matchesGroups(kind, rec, in) {
			fit = append(fit, rec)
		}
	}
	if property, descending := sortOf(in.Sorts); property != "" {
		if p.property(kind, property) == nil {
			refuse(fmt.Sprintf("There was a problem with the request. Property %q does not exist", property))
			return
		}
		slices.SortStableFunc(fit, func(a, b *hubspotRecord) int {
			c := compare(a.properties[property], b.properties[property])
			if descending {
				return -c
			}
			return c
		})
	}
	results := []answer{}
	from, to := min(after, len(fit)), min(after+limit, len(fit))
	for _, rec := range fit[from:to] {
		results = append(results, p.wire(kind, rec, in.Properties))
	}
	body := answer{"total": len(fit), "results": results}
	if to < len(fit) {
		body["paging"] = answer{"next": answer{"after": strconv.Itoa(to)}}
	}
	p.send(w, http.StatusOK, body)
}

// matchesQuery wants every word to begin a word of some value.
func matchesQuery(rec *hubspotRecord, query string) bool {
	for _, word := range strings.Fields(strings.ToLower(query)) {
		found := false
		for _, v := range rec.properties {
			v = strings.ToLower(v)
			found = found || strings.HasPrefix(v, word) || slices.ContainsFunc(strings.FieldsFunc(v, func(r rune) bool { return r == ' ' || r == '@' }), func(t string) bool { return strings.HasPrefix(t, word) })
		}
		if !found {
			return false
		}
	}
	return true
}

func (p *hubspotPortal) matchesGroups(kind string, rec *hubspotRecord, in hubspotSearch) bool {
	if len(in.Groups) == 0 {
		return true
	}
	for _, g := range in.Groups {
		all := true
		for _, f := range g.Filters {
			if to, ok := strings.CutPrefix(f.Property, "associations."); ok {
				all = all && p.links[hubspotLink{kind, rec.id, hubspotType(to), f.Value}]
			} else {
				all = all && f.matches(rec.properties[f.Property])
			}
		}
		if all {
			return true
		}
	}
	return false
}

func (f hubspotFilter) matches(v string) bool {
	switch f.Operator {
	case "HAS_PROPERTY":
		return v != ""
	case "NOT_HAS_PROPERTY":
		return v == ""
	case "EQ":
		return strings.EqualFold(v, f.Value)
	case "NEQ":
		return v != "" && !strings.EqualFold(v, f.Value)
	case "IN":
		return slices.ContainsFunc(f.Values, func(x string) bool { return strings.EqualFold(x, v) })
	case "NOT_IN":
		return !slices.ContainsFunc(f.Values, func(x string) bool { return strings.EqualFold(x, v) })
	case "CONTAINS_TOKEN", "NOT_CONTAINS_TOKEN":
		word := strings.ToLower(strings.Trim(f.Value, "*"))
		has := slices.ContainsFunc(strings.FieldsFunc(strings.ToLower(v), func(r rune) bool { return r == ' ' || r == '@' || r == '.' }), func(t string) bool {
			return t == word || strings.Contains(f.Value, "*") && strings.Contains(t, word)
		})
		return has == (f.Operator == "CONTAINS_TOKEN")
	}
	if v == "" {
		return false
	}
	switch c := compare(v, f.Value); f.Operator {
	case "LT":
		return c < 0
	case "LTE":
		return c <= 0
	case "GT":
		return c > 0
	case "GTE":
		return c >= 0
	case "BETWEEN":
		return c >= 0 && compare(v, f.High) <= 0
	}
	return false
}

// compare compares numbers as numbers and all else as text.
func compare(a, b string) int {
	x, err1 := strconv.ParseFloat(a, 64)
	y, err2 := strconv.ParseFloat(b, 64)
	switch {
	case err1 != nil || err2 != nil:
		return strings.Compare(a, b)
	case x < y:
		return -1
	case x > y:
		return 1
	}
	return 0
}

// sortOf reads the first sort, in either form that HubSpot takes.
func sortOf(sorts []any) (property string, descending bool) {
	if len(sorts) == 0 {
		return "", false
	}
	switch s := sorts[0].(type) {
	case string:
		property, descending = strings.CutPrefix(s, "-")
	case map[string]any:
		property, _ = s["propertyName"].(string)
		descending = s["direction"] == "DESCENDING"
	}
	return property, descending
}
