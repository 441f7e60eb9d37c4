package sandbox

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// mbql runs the part of MBQL that the double knows, in the old shape: source-table
// (a table or card__ID), fields, filter, aggregation, breakout with a unit of time,
// order-by and limit; a field behind a foreign key by source-field.
func (m *metabase) mbql(q map[string]any, parameters []metaParameter, depth int) (*metaTable, error) {
	t, err := m.sourceTable(q["source-table"], depth)
	if err != nil {
		return nil, err
	}
	e := &metaEngine{m: m, t: t, rows: slices.Clone(t.rows)}
	for _, p := range parameters {
		if len(p.Target) == 2 && p.Target[0] == "dimension" {
			if err := e.filter(append([]any{"=", p.Target[1]}, metaList(p.Value)...)); err != nil {
				return nil, err
			}
		}
	}
	if f, ok := q["filter"].([]any); ok {
		if err := e.filter(f); err != nil {
			return nil, err
		}
	}
	out, err := e.project(q)
	if err != nil {
		return nil, err
	}
	out.built = true
	if n := metaInt(q["limit"]); n > 0 {
		out.rows = out.rows[:min(int(n), len(out.rows))]
	}
	return out, nil
}

func metaBad(format string, args ...any) error {
	return &metaSQLError{fmt.Sprintf(format, args...), "invalid-query", ""}
}

func (m *metabase) sourceTable(source any, depth int) (*metaTable, error) {
	if text, ok := source.(string); ok {
		c := m.card(metaNumber(strings.TrimPrefix(text, "card__")))
		if c == nil || depth > 3 {
			return nil, metaBad("Card %s does not exist.", text)
		}
		if inner, ok := c.query["query"].(map[string]any); ok {
			return m.mbql(inner, nil, depth+1)
		}
		return m.execute(c.query, nil)
	}
	id := metaInt(source)
	if id < 1 || int(id) > len(metaTableOrder) {
		return nil, metaBad("Table %d does not exist.", id)
	}
	return m.tables[metaTableOrder[id-1]], nil
}

// metaEngine is a query at work.
type metaEngine struct {
	m    *metabase
	t    *metaTable
	rows [][]any
}

// metaReader is a column: its name, its type and how a row gives it.
type metaReader struct {
	metaColumn
	of func(row []any) any
}

// field resolves ["field", id or name, options].
func (e *metaEngine) field(v any) (metaReader, error) {
	ref, _ := v.([]any)
	if len(ref) < 2 || ref[0] != "field" {
		return metaReader{}, metaBad("Invalid clause: %v", v)
	}
	options, _ := metaAt(ref, 2).(map[string]any)
	if name, ok := ref[1].(string); ok {
		i := e.t.column(name)
		if i < 0 {
			return metaReader{}, metaBad("Field %q does not exist.", name)
		}
		return metaBucket(metaReader{e.t.columns[i], func(row []any) any { return row[i] }}, options), nil
	}
	table, i := e.m.fieldOf(metaInt(ref[1]))
	if table == nil {
		return metaReader{}, metaBad("Field %v does not exist.", ref[1])
	}
	if by := metaInt(options["source-field"]); by > 0 {
		_, from := e.m.fieldOf(by)
		_, key := e.m.fieldOf(metaForeign[by])
		if metaForeign[by] == 0 {
			return metaReader{}, metaBad("Field %d is no foreign key.", by)
		}
		return metaBucket(metaReader{table.columns[i], func(row []any) any {
			for _, other := range table.rows {
				if other[key] == row[from] {
					return other[i]
				}
			}
			return nil
		}}, options), nil
	}
	if table != e.t {
		return metaReader{}, metaBad("Field %v is of another table.", ref[1])
	}
	return metaBucket(metaReader{table.columns[i], func(row []any) any { return row[i] }}, options), nil
}

func metaAt(list []any, i int) any {
	if i < len(list) {
		return list[i]
	}
	return nil
}

// metaBucket cuts a time at the unit that the options have.
func metaBucket(r metaReader, options map[string]any) metaReader {
	unit, _ := options["temporal-unit"].(string)
	n := map[string]int{"day": 10, "month": 7, "year": 4}[unit]
	if n == 0 {
		return r
	}
	inner := r.of
	r.of = func(row []any) any {
		text, ok := inner(row).(string)
		if !ok || len(text) < n {
			return nil
		}
		return text[:n] + "2026-01-01"[n:] + "T00:00:00Z"
	}
	return r
}

func metaList(v any) []any {
	if list, ok := v.([]any); ok {
		return list
	}
	return []any{v}
}

// filter keeps the rows that a clause holds for.
func (e *metaEngine) filter(clause []any) error {
	holds, err := e.clause(clause)
	if err != nil {
		return err
	}
	e.rows = slices.DeleteFunc(e.rows, func(row []any) bool { return !holds(row) })
	return nil
}

func (e *metaEngine) clause(clause []any) (func(row []any) bool, error) {
	op, _ := metaAt(clause, 0).(string)
	if op == "and" || op == "or" {
		var all []func(row []any) bool
		for _, v := range clause[1:] {
			inner, _ := v.([]any)
			one, err := e.clause(inner)
			if err != nil {
				return nil, err
			}
			all = append(all, one)
		}
		return func(row []any) bool {
			for _, one := range all {
				if one(row) == (op == "or") {
					return op == "or"
				}
			}
			return op == "and"
		}, nil
	}
	f, err := e.field(metaAt(clause, 1))
	if err != nil {
		return nil, err
	}
	args := []any{}
	for _, v := range clause[min(2, len(clause)):] {
		if _, options := v.(map[string]any); !options {
			args = append(args, metaValue(v))
		}
	}
	test, ok := metaTests[op]
	if !ok || op == "between" && len(args) != 2 || op != "is-null" && op != "not-null" && len(args) == 0 {
		return nil, metaBad("Invalid clause: %v", clause)
	}
	return func(row []any) bool {
		v := f.of(row)
		if text, ok := v.(string); ok && strings.HasPrefix(f.kind, "type/Date") && len(text) >= 10 && len(args) > 0 && len(fmt.Sprint(args[0])) == 10 {
			v = text[:10] // a day compares with days
		}
		return test(v, args)
	}, nil
}

// metaValue is a literal as rows hold them.
func metaValue(v any) any {
	if n, ok := v.(json.Number); ok {
		i, err := n.Int64()
		if err == nil {
			return i
		}
		return n.String()
	}
	return v
}

var metaTests = map[string]func(v any, args []any) bool{
	"=": func(v any, args []any) bool {
		return slices.ContainsFunc(args, func(a any) bool { return v != nil && metaCompare(v, a) == 0 })
	},
	"!=": func(v any, args []any) bool {
		return !slices.ContainsFunc(args, func(a any) bool { return v != nil && metaCompare(v, a) == 0 })
	},
	"<":  func(v any, args []any) bool { return v != nil && metaCompare(v, args[0]) < 0 },
	">":  func(v any, args []any) bool { return v != nil && metaCompare(v, args[0]) > 0 },
	"<=": func(v any, args []any) bool { return v != nil && metaCompare(v, args[0]) <= 0 },
	">=": func(v any, args []any) bool { return v != nil && metaCompare(v, args[0]) >= 0 },
	"between": func(v any, args []any) bool {
		return v != nil && metaCompare(v, args[0]) >= 0 && metaCompare(v, args[1]) <= 0
	},
	"is-null":  func(v any, _ []any) bool { return v == nil },
	"not-null": func(v any, _ []any) bool { return v != nil },
	"contains": func(v any, args []any) bool { return metaText2(v, args[0], strings.Contains) },
	"does-not-contain": func(v any, args []any) bool {
		return !metaText2(v, args[0], strings.Contains)
	},
	"starts-with": func(v any, args []any) bool { return metaText2(v, args[0], strings.HasPrefix) },
	"ends-with":   func(v any, args []any) bool { return metaText2(v, args[0], strings.HasSuffix) },
}

// metaText2 compares two texts whatever the case.
func metaText2(v, arg any, fits func(s, part string) bool) bool {
	return v != nil && fits(strings.ToLower(fmt.Sprint(v)), strings.ToLower(fmt.Sprint(arg)))
}
