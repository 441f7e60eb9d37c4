package weaviate

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// aggregate answers Aggregate: one row, or one for each value of a property.
func (q *query) aggregate(f *field) []map[string]any {
	q.checkFigures(f)
	all := q.objects(f)
	by := q.strings(f.args["groupBy"])
	if len(by) == 0 {
		return []map[string]any{q.row(f, all, "", "")}
	}
	rows := []map[string]any{}
	p := q.class.property(by[0])
	if p == nil { // 1.39.1 answers no groups, and no error
		return rows
	}
	if p.element() == "object" || p.element() == "geoCoordinates" {
		q.failed(f.column, "hash of unhashable type: map[string]interface {}")
	}
	groups := map[string][]*object{}
	var order []string
	for _, o := range all {
		for _, v := range each(o.Properties[p.Name]) {
			value := fmt.Sprint(v)
			if groups[value] == nil {
				order = append(order, value)
			}
			groups[value] = append(groups[value], o)
		}
	}
	slices.SortStableFunc(order, func(a, b string) int { return cmp.Compare(len(groups[b]), len(groups[a])) })
	limit := q.int(f.args["limit"], 100)
	for _, value := range order[:min(limit, len(order))] {
		rows = append(rows, q.row(f, groups[value], p.Name, value))
	}
	return rows
}

// figuresOf are the fields that a type has in Aggregate, beside count and type.
var figuresOf = map[string]string{
	"int": "minimum maximum mean median mode sum", "number": "minimum maximum mean median mode sum", "date": "minimum maximum median mode",
	"boolean": "totalTrue totalFalse percentageTrue percentageFalse", "text": "topOccurrences", "uuid": "",
}

func (q *query) checkFigures(f *field) {
	for _, s := range f.fields {
		if s.name == "meta" || s.name == "groupedBy" {
			continue
		}
		p := q.class.property(s.name)
		if p == nil {
			q.invalid(s.column, "Cannot query field %q on type \"Aggregate%s\".", s.name, q.class.Class)
		}
		figures, ok := figuresOf[p.element()]
		if !ok {
			q.invalid(s.column, "Cannot query field %q on type \"Aggregate%s\".", s.name, q.class.Class)
		}
		for _, figure := range s.fields {
			if figure.name != "count" && figure.name != "type" && !slices.Contains(strings.Fields(figures), figure.name) {
				q.invalid(figure.column, "Cannot query field %q on type \"Aggregate%s%sObj\".", figure.name, q.class.Class, s.name)
			}
		}
	}
}

func (q *query) row(f *field, all []*object, by, value string) map[string]any {
	row := map[string]any{}
	for _, s := range f.fields {
		switch s.name {
		case "meta":
			row["meta"] = map[string]any{"count": len(all)}
		case "groupedBy":
			row["groupedBy"] = map[string]any{"path": []string{by}, "value": value}
		default:
			var values []any
			for _, o := range all {
				values = append(values, each(o.Properties[s.name])...)
			}
			row[s.name] = q.figures(s, q.class.property(s.name), values)
		}
	}
	return row
}

func (q *query) figures(f *field, p *property, values []any) map[string]any {
	out := map[string]any{}
	for _, s := range f.fields {
		out[s.name] = nil
		switch s.name {
		case "count":
			out["count"] = len(values)
		case "type":
			out["type"] = p.DataType[0]
		case "topOccurrences":
			out[s.name] = top(values, q.int(s.args["limit"], 5))
		case "totalTrue":
			out[s.name] = len(slices.DeleteFunc(slices.Clone(values), func(v any) bool { return v != true }))
		default:
			if len(values) > 0 {
				out[s.name] = figure(s.name, values)
			}
		}
	}
	return out
}

// figure is one of the figures of numbers or times; nil for others.
func figure(name string, values []any) any {
	if _, isText := values[0].(string); isText {
		sorted := slices.SortedFunc(slices.Values(values), func(a, b any) int { return when(a.(string)).Compare(when(b.(string))) })
		switch name {
		case "minimum":
			return sorted[0]
		case "maximum":
			return sorted[len(sorted)-1]
		}
		return nil
	}
	var all []float64
	sum := 0.0
	for _, v := range values {
		n, ok := v.(float64)
		if !ok {
			return nil
		}
		all = append(all, n)
		sum += n
	}
	slices.Sort(all)
	switch name {
	case "minimum":
		return all[0]
	case "maximum":
		return all[len(all)-1]
	case "sum":
		return sum
	case "mean":
		return sum / float64(len(all))
	case "median":
		return (all[(len(all)-1)/2] + all[len(all)/2]) / 2
	}
	return nil
}

func top(values []any, limit int) []map[string]any {
	counts := map[string]int{}
	var order []string
	for _, v := range values {
		s := fmt.Sprint(v)
		if counts[s] == 0 {
			order = append(order, s)
		}
		counts[s]++
	}
	slices.SortStableFunc(order, func(a, b string) int { return cmp.Compare(counts[b], counts[a]) })
	all := []map[string]any{}
	for _, s := range order[:min(limit, len(order))] {
		all = append(all, map[string]any{"value": s, "occurs": counts[s]})
	}
	return all
}
