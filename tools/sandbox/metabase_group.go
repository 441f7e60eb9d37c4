package sandbox

import (
	"fmt"
	"slices"
)

// project picks the columns, or groups and aggregates, and orders.
func (e *metaEngine) project(q map[string]any) (*metaTable, error) {
	aggregations, _ := q["aggregation"].([]any)
	breakouts, _ := q["breakout"].([]any)
	order, _ := q["order-by"].([]any)
	if len(aggregations)+len(breakouts) > 0 {
		return e.group(breakouts, aggregations, order)
	}
	if err := e.sort(order); err != nil {
		return nil, err
	}
	fields, _ := q["fields"].([]any)
	if len(fields) == 0 {
		return &metaTable{columns: e.t.columns, rows: e.rows}, nil
	}
	out := &metaTable{}
	var readers []metaReader
	for _, v := range fields {
		f, err := e.field(v)
		if err != nil {
			return nil, err
		}
		readers = append(readers, f)
		out.columns = append(out.columns, f.metaColumn)
	}
	for _, row := range e.rows {
		line := make([]any, len(readers))
		for i, f := range readers {
			line[i] = f.of(row)
		}
		out.rows = append(out.rows, line)
	}
	return out, nil
}

// sort orders rows that are not grouped.
func (e *metaEngine) sort(order []any) error {
	for _, v := range slices.Backward(order) {
		clause, _ := v.([]any)
		f, err := e.field(metaAt(clause, 1))
		if err != nil {
			return err
		}
		slices.SortStableFunc(e.rows, func(a, b []any) int { return metaSign(clause) * metaOrder(f.of(a), f.of(b)) })
	}
	return nil
}

func metaSign(clause []any) int {
	if metaAt(clause, 0) == "desc" {
		return -1
	}
	return 1
}

// metaOrder compares, what is not there coming last.
func metaOrder(a, b any) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return 1
	case b == nil:
		return -1
	}
	return metaCompare(a, b)
}

func (e *metaEngine) group(breakouts, aggregations, order []any) (*metaTable, error) {
	out := &metaTable{}
	var by []metaReader
	for _, v := range breakouts {
		f, err := e.field(v)
		if err != nil {
			return nil, err
		}
		by = append(by, f)
		out.columns = append(out.columns, f.metaColumn)
	}
	var count []func(rows [][]any) any
	for _, v := range aggregations {
		clause, _ := v.([]any)
		name, fold, kind, err := e.aggregate(clause)
		if err != nil {
			return nil, err
		}
		count = append(count, fold)
		out.columns = append(out.columns, metaColumn{name, kind})
	}
	groups := map[string][][]any{}
	keys := map[string][]any{}
	var names []string
	for _, row := range e.rows {
		key := make([]any, len(by))
		for i, f := range by {
			key[i] = f.of(row)
		}
		name := fmt.Sprintf("%q", key)
		if groups[name] == nil {
			names, keys[name] = append(names, name), key
		}
		groups[name] = append(groups[name], row)
	}
	if len(by) == 0 && len(names) == 0 {
		names, keys[""] = []string{""}, nil // a count of nothing is a row
	}
	for _, name := range names {
		line := slices.Clone(keys[name])
		for _, fold := range count {
			line = append(line, fold(groups[name]))
		}
		out.rows = append(out.rows, line)
	}
	for i := len(by) - 1; i >= 0; i-- {
		slices.SortStableFunc(out.rows, func(a, b []any) int { return metaOrder(a[i], b[i]) })
	}
	return out, e.orderGroups(out, breakouts, len(by), order)
}

// orderGroups orders by breakouts and by ["aggregation", n].
func (e *metaEngine) orderGroups(out *metaTable, breakouts []any, by int, order []any) error {
	for _, v := range slices.Backward(order) {
		clause, _ := v.([]any)
		ref, _ := metaAt(clause, 1).([]any)
		at := -1
		if metaAt(ref, 0) == "aggregation" {
			at = by + int(metaInt(metaAt(ref, 1)))
		} else {
			at = slices.IndexFunc(breakouts, func(b any) bool { return fmt.Sprint(b) == fmt.Sprint(metaAt(clause, 1)) })
		}
		if at < 0 || at >= len(out.columns) {
			return metaBad("Invalid order-by clause: %v", v)
		}
		slices.SortStableFunc(out.rows, func(a, b []any) int { return metaSign(clause) * metaOrder(a[at], b[at]) })
	}
	return nil
}

// aggregate is how a clause such as ["sum", field] makes one value of rows.
func (e *metaEngine) aggregate(clause []any) (name string, fold func(rows [][]any) any, kind string, err error) {
	op, _ := metaAt(clause, 0).(string)
	if op == "count" && len(clause) == 1 {
		return "count", func(rows [][]any) any { return int64(len(rows)) }, "type/BigInteger", nil
	}
	f, err := e.field(metaAt(clause, 1))
	if err != nil {
		return "", nil, "", err
	}
	values := func(rows [][]any) (all []any) {
		for _, row := range rows {
			if v := f.of(row); v != nil {
				all = append(all, v)
			}
		}
		return all
	}
	total := func(rows [][]any) (sum int64) {
		for _, v := range values(rows) {
			n, _ := v.(int64)
			sum += n
		}
		return sum
	}
	switch op {
	case "count":
		return op, func(rows [][]any) any { return int64(len(values(rows))) }, "type/BigInteger", nil
	case "sum":
		return op, func(rows [][]any) any { return total(rows) }, f.kind, nil
	case "avg":
		return op, func(rows [][]any) any {
			if n := len(values(rows)); n > 0 {
				return float64(total(rows)) / float64(n)
			}
			return nil
		}, "type/Float", nil
	case "distinct":
		return op, func(rows [][]any) any {
			seen := map[any]bool{}
			for _, v := range values(rows) {
				seen[v] = true
			}
			return int64(len(seen))
		}, "type/BigInteger", nil
	case "min", "max":
		return op, func(rows [][]any) any {
			all := values(rows)
			if len(all) == 0 {
				return nil
			}
			if op == "min" {
				return slices.MinFunc(all, metaCompare)
			}
			return slices.MaxFunc(all, metaCompare)
		}, f.kind, nil
	}
	return "", nil, "", metaBad("Invalid aggregation: %v", clause)
}
