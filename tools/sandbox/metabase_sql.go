package sandbox

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"toolvault/tools/pattern"
)

// metaSQLError is a query that failed, as the driver says it.
type metaSQLError struct{ message, kind, state string }

func (e *metaSQLError) Error() string { return e.message }

func metaSyntax(near string) error {
	if near == "" {
		return &metaSQLError{"ERROR: syntax error at end of input", "invalid-query", "42601"}
	}
	return &metaSQLError{"ERROR: syntax error at or near \"" + near + "\"", "invalid-query", "42601"}
}

type metaColumn struct{ name, kind string }

type metaTable struct {
	columns []metaColumn
	rows    [][]any // int64, string, nil
	built   bool    // the result of a query without SQL: people see its columns' titles
}

func (t *metaTable) column(name string) int {
	return slices.IndexFunc(t.columns, func(c metaColumn) bool { return strings.EqualFold(c.name, name) })
}

var metaToken = pattern.New(`^\s*(?:('(?:[^']|'')*')|([A-Za-z_][A-Za-z0-9_]*)|(\d+)|\{\{\s*(\w+)\s*\}\}|(<=|>=|<>|!=|[^\s]))`)

// metaQuery is the small part of SQL that the double knows:
//
//	SELECT * | item, … FROM table [WHERE column op value [AND …]]
//	  [GROUP BY column] [ORDER BY column [DESC]] [LIMIT n]
//
//	SELECT literal, …
//
// with item a column or count(*), op one of = <> < > <= >=, and {{tag}} as a value;
// GROUP BY and ORDER BY take a column by its number too.
type metaQuery struct {
	tokens []string
	values map[string]any
}

func (m *metabase) query(sql string, values map[string]any) (*metaTable, error) {
	q := &metaQuery{values: values}
	for rest := strings.TrimRight(sql, " ;\n\t"); strings.TrimSpace(rest) != ""; {
		if comment, ok := strings.CutPrefix(strings.TrimSpace(rest), "--"); ok {
			_, rest, _ = strings.Cut(comment, "\n")
			continue
		}
		g := metaToken.FindStringSubmatch(rest)
		rest = rest[len(g[0]):]
		switch {
		case g[4] != "":
			q.tokens = append(q.tokens, "{{"+g[4])
		default:
			q.tokens = append(q.tokens, cmp.Or(g[1], g[2], g[3], g[5]))
		}
	}
	return q.run(m.tables)
}

func (q *metaQuery) peek() string {
	if len(q.tokens) == 0 {
		return ""
	}
	return q.tokens[0]
}

func (q *metaQuery) take() string {
	t := q.peek()
	if len(q.tokens) > 0 {
		q.tokens = q.tokens[1:]
	}
	return t
}

// is takes the words if they come next.
func (q *metaQuery) is(words ...string) bool {
	if len(q.tokens) < len(words) {
		return false
	}
	for i, w := range words {
		if !strings.EqualFold(q.tokens[i], w) {
			return false
		}
	}
	q.tokens = q.tokens[len(words):]
	return true
}

const metaCount = "count(*)"

// literals answers SELECT 1, 'a': what people try first.
func (q *metaQuery) literals() *metaTable {
	if len(q.tokens) < 2 || len(q.tokens)%2 != 0 || !strings.EqualFold(q.tokens[0], "SELECT") {
		return nil
	}
	out, row := &metaTable{}, []any{}
	for i := 1; i < len(q.tokens); i += 2 {
		token := q.tokens[i]
		if i+1 < len(q.tokens) && q.tokens[i+1] != "," {
			return nil
		}
		switch n, err := strconv.ParseInt(token, 10, 64); {
		case err == nil:
			row = append(row, n)
			out.columns = append(out.columns, metaColumn{"?column?", "type/Integer"})
		case strings.HasPrefix(token, "'"):
			row = append(row, strings.ReplaceAll(strings.Trim(token, "'"), "''", "'"))
			out.columns = append(out.columns, metaColumn{"?column?", "type/Text"})
		default:
			return nil
		}
	}
	out.rows = [][]any{row}
	return out
}

func (q *metaQuery) run(tables map[string]*metaTable) (*metaTable, error) {
	if t := q.literals(); t != nil {
		return t, nil
	}
	items, names, err := q.items()
	if err != nil {
		return nil, err
	}
	name := q.take()
	t := tables[strings.ToLower(name)]
	if t == nil {
		return nil, &metaSQLError{"ERROR: relation \"" + name + "\" does not exist", "invalid-query", "42P01"}
	}
	rows, err := q.where(t)
	if err != nil {
		return nil, err
	}
	group := -1
	if q.is("GROUP", "BY") {
		if n, ok := q.position(len(items)); ok {
			if group = t.column(items[n]); group < 0 {
				return nil, &metaSQLError{"ERROR: aggregate functions are not allowed in GROUP BY", "invalid-query", "42803"}
			}
		} else if group, err = q.columnOf(t); err != nil {
			return nil, err
		}
	}
	out, err := metaProject(t, rows, items, names, group)
	if err != nil {
		return nil, err
	}
	if q.is("ORDER", "BY") {
		if err := q.order(out); err != nil {
			return nil, err
		}
	}
	if q.is("LIMIT") {
		n, err := strconv.Atoi(q.take())
		if err != nil {
			return nil, metaSyntax("LIMIT")
		}
		out.rows = out.rows[:min(n, len(out.rows))]
	}
	if q.peek() != "" {
		return nil, metaSyntax(q.peek())
	}
	return out, nil
}

// items reads SELECT … FROM: nil means all columns.
func (q *metaQuery) items() (items, names []string, err error) {
	if !q.is("SELECT") {
		return nil, nil, metaSyntax(q.peek())
	}
	if q.is("*") {
		if !q.is("FROM") {
			return nil, nil, metaSyntax(q.peek())
		}
		return nil, nil, nil
	}
	for {
		item := q.take()
		if strings.EqualFold(item, "count") && q.is("(", "*", ")") {
			item = metaCount
		}
		name := strings.TrimSuffix(item, "(*)")
		if q.is("AS") {
			name = q.take()
		}
		items, names = append(items, item), append(names, name)
		if q.is("FROM") {
			return items, names, nil
		}
		if !q.is(",") {
			return nil, nil, metaSyntax(q.peek())
		}
	}
}

// position reads a column that is named by where it stands in the answer: GROUP BY 1.
func (q *metaQuery) position(columns int) (int, bool) {
	n, err := strconv.Atoi(q.peek())
	if err != nil || n < 1 || n > columns {
		return 0, false
	}
	q.take()
	return n - 1, true
}

func (q *metaQuery) columnOf(t *metaTable) (int, error) {
	name := q.take()
	i := t.column(name)
	if i < 0 {
		return 0, &metaSQLError{"ERROR: column \"" + name + "\" does not exist", "invalid-query", "42703"}
	}
	return i, nil
}

func (q *metaQuery) where(t *metaTable) ([][]any, error) {
	rows := t.rows
	if !q.is("WHERE") {
		return rows, nil
	}
	for {
		col, err := q.columnOf(t)
		if err != nil {
			return nil, err
		}
		op := q.take()
		want, err := q.value()
		if err != nil {
			return nil, err
		}
		holds, ok := map[string]func(int) bool{
			"=": func(c int) bool { return c == 0 }, "<>": func(c int) bool { return c != 0 }, "!=": func(c int) bool { return c != 0 },
			"<": func(c int) bool { return c < 0 }, ">": func(c int) bool { return c > 0 },
			"<=": func(c int) bool { return c <= 0 }, ">=": func(c int) bool { return c >= 0 },
		}[op]
		if !ok {
			return nil, metaSyntax(op)
		}
		var kept [][]any
		for _, row := range rows {
			if row[col] != nil && holds(metaCompare(row[col], want)) {
				kept = append(kept, row)
			}
		}
		rows = kept
		if !q.is("AND") {
			return rows, nil
		}
	}
}

func (q *metaQuery) value() (any, error) {
	t := q.take()
	switch {
	case strings.HasPrefix(t, "'"):
		return strings.ReplaceAll(t[1:len(t)-1], "''", "'"), nil
	case strings.HasPrefix(t, "{{"):
		v, ok := q.values[t[2:]]
		if !ok {
			return nil, &metaSQLError{"You'll need to pick a value for '" + t[2:] + "' before this query can run.", "missing-required-parameter", ""}
		}
		switch v := v.(type) {
		case []any:
			if len(v) == 1 {
				return metaValue(v[0]), nil
			}
		case json.Number:
			return metaValue(v), nil
		}
		return v, nil
	}
	n, err := strconv.ParseInt(t, 10, 64)
	if err != nil {
		return nil, metaSyntax(t)
	}
	return n, nil
}

func metaCompare(a, b any) int {
	x, aIs := a.(int64)
	y, bIs := b.(int64)
	if aIs && bIs {
		return cmp.Compare(x, y)
	}
	return strings.Compare(fmt.Sprint(a), fmt.Sprint(b))
}

// metaProject picks the columns, counting where that is asked for.
func metaProject(t *metaTable, rows [][]any, items, names []string, group int) (*metaTable, error) {
	if items == nil && group < 0 {
		return &metaTable{columns: t.columns, rows: slices.Clone(rows)}, nil
	}
	out := &metaTable{}
	var from []int
	counts := group >= 0
	for i, item := range items {
		if item == metaCount {
			out.columns, from, counts = append(out.columns, metaColumn{names[i], "type/BigInteger"}), append(from, -1), true
			continue
		}
		c := t.column(item)
		if c < 0 {
			return nil, &metaSQLError{"ERROR: column \"" + item + "\" does not exist", "invalid-query", "42703"}
		}
		out.columns, from = append(out.columns, metaColumn{names[i], t.columns[c].kind}), append(from, c)
	}
	for _, c := range from {
		if counts && c >= 0 && c != group {
			return nil, &metaSQLError{"ERROR: column \"" + t.columns[c].name + "\" must appear in the GROUP BY clause", "invalid-query", "42803"}
		}
	}
	if !counts {
		for _, row := range rows {
			line := make([]any, len(from))
			for i, c := range from {
				line[i] = row[c]
			}
			out.rows = append(out.rows, line)
		}
		return out, nil
	}
	var keys []any
	tally := map[any]int64{}
	for _, row := range rows {
		var key any
		if group >= 0 {
			key = row[group]
		}
		if tally[key] == 0 {
			keys = append(keys, key)
		}
		tally[key]++
	}
	if group < 0 && len(keys) == 0 {
		keys = []any{nil} // a count of nothing is a row
	}
	for _, key := range keys {
		line := make([]any, len(from))
		for i, c := range from {
			if c < 0 {
				line[i] = tally[key]
			} else {
				line[i] = key
			}
		}
		out.rows = append(out.rows, line)
	}
	return out, nil
}

func (q *metaQuery) order(t *metaTable) error {
	col, ok := q.position(len(t.columns))
	if !ok {
		var err error
		if col, err = q.columnOf(t); err != nil {
			return err
		}
	}
	sign := 1
	if q.is("DESC") {
		sign = -1
	} else {
		q.is("ASC")
	}
	slices.SortStableFunc(t.rows, func(a, b []any) int { return sign * metaCompare(a[col], b[col]) })
	return nil
}
