package salesforce

import (
	"fmt"
	"slices"
	"strings"
)

// aggregate is the rows of a query with functions: one a group.
func (o *org) aggregate(q *Query, ob *object, found []*record) ([]answer, int, *fault) {
	if len(q.Select) == 1 && q.Select[0].Func == "COUNT" && q.Select[0].Path == "" && len(q.GroupBy) == 0 {
		n := len(found)
		if q.Limit >= 0 {
			n = min(n, q.Limit)
		}
		return nil, n, nil
	}
	if len(q.GroupBy) == 0 && q.Limit >= 0 {
		return nil, 0, refuse(400, "MALFORMED_QUERY", "Aggregate query does not support a LIMIT without a GROUP BY")
	}
	groups := map[string][]*record{}
	var order []string
	for _, r := range found {
		key := ""
		for _, g := range q.GroupBy {
			v, fl, f := o.value1(ob, r, strings.Split(g, "."))
			if f != nil {
				return nil, 0, f
			}
			if fl.kind == "textarea" || fl.kind == "currency" || fl.kind == "double" || fl.kind == "datetime" {
				return nil, 0, refuse(400, "MALFORMED_QUERY", "field '%s' can not be grouped in a query call", fl.name)
			}
			key += fmt.Sprint(v) + "\x00"
		}
		if groups[key] == nil {
			order = append(order, key)
		}
		groups[key] = append(groups[key], r)
	}
	if len(q.GroupBy) == 0 {
		order, groups[""] = []string{""}, found
	}
	rows := []answer{}
	for _, key := range order {
		row := answer{"attributes": answer{"type": "AggregateResult"}}
		unnamed := 0
		for _, item := range q.Select {
			name := item.Alias
			v, f := any(nil), (*fault)(nil)
			if item.Func == "" {
				if !slices.ContainsFunc(q.GroupBy, func(g string) bool { return strings.EqualFold(g, item.Path) }) {
					return nil, 0, refuse(400, "MALFORMED_QUERY", "Field must be grouped or aggregated: %s", item.Path)
				}
				if name == "" {
					name = item.Path[strings.LastIndexByte(item.Path, '.')+1:]
				}
				v, _, f = o.value1(ob, groups[key][0], strings.Split(item.Path, "."))
			} else {
				if name == "" {
					name = fmt.Sprintf("expr%d", unnamed)
					unnamed++
				}
				v, f = o.function(item, ob, groups[key])
			}
			if f != nil {
				return nil, 0, f
			}
			row[name] = v
		}
		rows = append(rows, row)
	}
	if f := orderGroups(q, rows); f != nil {
		return nil, 0, f
	}
	if q.Limit >= 0 {
		rows = rows[:min(q.Limit, len(rows))]
	}
	return rows, len(rows), nil
}

// orderGroups orders groups by what is selected: a field, or a function by itself.
func orderGroups(q *Query, rows []answer) *fault {
	for _, by := range slices.Backward(q.OrderBy) {
		key := ""
		unnamed := 0
		for _, item := range q.Select {
			name, path := item.Alias, item.Path
			if item.Func != "" {
				path = item.Func + "(" + item.Path + ")"
				if name == "" {
					name = fmt.Sprintf("expr%d", unnamed)
					unnamed++
				}
			} else if name == "" {
				name = item.Path[strings.LastIndexByte(item.Path, '.')+1:]
			}
			if strings.EqualFold(path, by.Path) {
				key = name
			}
		}
		if key == "" {
			return refuse(400, "MALFORMED_QUERY", "Ordered field must be grouped or aggregated: %s", by.Path)
		}
		slices.SortStableFunc(rows, func(a, b answer) int { return ordered(a[key], b[key], by) })
	}
	return nil
}

func (o *org) function(item Item, ob *object, group []*record) (any, *fault) {
	if item.Path == "" {
		return float64(len(group)), nil
	}
	var all []any
	var kind string
	for _, r := range append(slices.Clone(group), &record{fields: map[string]any{}}) {
		v, fl, f := o.value1(ob, r, strings.Split(item.Path, "."))
		if f != nil {
			return nil, f
		}
		kind = fl.kind
		if v != nil {
			all = append(all, v)
		}
	}
	numeric := kind == "int" || kind == "double" || kind == "currency" || kind == "percent"
	switch {
	case item.Func == "COUNT":
		return float64(len(all)), nil
	case item.Func == "COUNT_DISTINCT":
		seen := map[string]bool{}
		for _, v := range all {
			seen[strings.ToLower(fmt.Sprint(v))] = true
		}
		return float64(len(seen)), nil
	case (item.Func == "SUM" || item.Func == "AVG") && !numeric:
		return nil, refuse(400, "MALFORMED_QUERY", "field %s does not support aggregate operator %s", item.Path, item.Func)
	case len(all) == 0:
		return nil, nil
	case item.Func == "MIN":
		return slices.MinFunc(all, compare), nil
	case item.Func == "MAX":
		return slices.MaxFunc(all, compare), nil
	}
	sum := 0.0
	for _, v := range all {
		x, _ := v.(float64)
		sum += x
	}
	if item.Func == "AVG" {
		sum /= float64(len(all))
	}
	return sum, nil
}
