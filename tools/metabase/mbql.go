package metabase

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"toolvault/tools/fault"
	"toolvault/tools/pattern"
	"toolvault/tools/upstream"
)

// querySpec is a query without SQL, in words that a person would use.
type querySpec struct {
	Table       ref             `json:"table"`
	Database    ref             `json:"database"`
	Fields      []string        `json:"fields"`
	Filter      []filterSpec    `json:"filter"`
	Aggregation []string        `json:"aggregation"`
	Breakout    []string        `json:"breakout"`
	Order       []string        `json:"order"`
	MBQL        json.RawMessage `json:"mbql"`
}

type filterSpec struct {
	Field string          `json:"field"`
	Op    string          `json:"op"`
	Value json.RawMessage `json:"value"`
}

// built is a query as the API takes it: the body but for a limit.
type built struct {
	database int64
	inner    map[string]any // in the old shape; nil where stages is set
	outer    map[string]any // MBQL 5
	counted  bool           // it aggregates
}

// body is the query with at most limit rows; 0: as many as there are.
func (b built) body(limit int) map[string]any {
	if b.outer != nil {
		out := map[string]any{"database": b.database}
		for _, k := range []string{"lib/type", "stages", "parameters"} {
			if v, ok := b.outer[k]; ok {
				out[k] = v
			}
		}
		return out
	}
	inner := maps.Clone(b.inner)
	if limit > 0 && smaller(inner["limit"], limit) {
		inner["limit"] = limit
	}
	return map[string]any{"database": b.database, "type": "query", "query": inner}
}

// smaller reports whether limit is less than a query's own, or that has none.
func smaller(own any, limit int) bool {
	n, ok := own.(json.Number)
	if !ok {
		return true
	}
	v, err := n.Int64()
	return err != nil || int64(limit) < v
}

// build makes a query of its description.
func (s *service) build(ctx context.Context, c *upstream.Client, in querySpec) (built, error) {
	if len(in.MBQL) > 0 && string(in.MBQL) != "null" {
		return s.rawQuery(ctx, c, in)
	}
	src, err := s.source(ctx, c, in.Table, in.Database)
	if err != nil {
		return built{}, err
	}
	m := &maker{s: s, c: c, ctx: ctx, src: src, inner: map[string]any{"source-table": src.id}}
	for _, step := range []func(querySpec) error{m.fields, m.filter, m.aggregation, m.breakout, m.order} {
		if err := step(in); err != nil {
			return built{}, err
		}
	}
	return built{database: src.table.DatabaseID, inner: m.inner, counted: len(in.Aggregation) > 0}, nil
}

// rawQuery takes MBQL as the caller wrote it, without SQL: an inner query of the
// old shape, a whole one, or MBQL 5.
func (s *service) rawQuery(ctx context.Context, c *upstream.Client, in querySpec) (built, error) {
	if in.Table != "" || len(in.Fields)+len(in.Filter)+len(in.Aggregation)+len(in.Breakout)+len(in.Order) > 0 {
		return built{}, fault.Wrong("Give either mbql or table, fields, filter, aggregation, breakout and order.")
	}
	q, err := guardMBQL(in.MBQL)
	if err != nil {
		return built{}, err
	}
	_, five := q["stages"]
	inner, whole := q["query"].(map[string]any)
	allowed, kind := innerKeys, "an MBQL query"
	if five || whole {
		allowed, kind = outerKeys, "a query"
	}
	for k := range q {
		if !slices.Contains(allowed, k) {
			return built{}, fault.Wrong("%s has no key %q; it may have: %s.", kind, upstream.Clean(k, 60), strings.Join(allowed, ", "))
		}
	}
	b := built{}
	switch {
	case five:
		b.outer = q
	case whole:
		for k := range inner {
			if !slices.Contains(innerKeys, k) {
				return built{}, fault.Wrong("an MBQL query has no key %q; it may have: %s.", upstream.Clean(k, 60), strings.Join(innerKeys, ", "))
			}
		}
		b.inner = inner
	default:
		b.inner = q
	}
	if b.database, err = s.databaseOf(ctx, c, in.Database, q, b.inner); err != nil {
		return built{}, err
	}
	_, b.counted = b.inner["aggregation"]
	return b, nil
}

// databaseOf is the database of MBQL: as the caller says, as the query says, or
// that of its table.
func (s *service) databaseOf(ctx context.Context, c *upstream.Client, named ref, q, inner map[string]any) (int64, error) {
	if named != "" {
		return s.database(ctx, c, named)
	}
	if n, ok := q["database"].(json.Number); ok {
		if id, ok := ref(n.String()).number(); ok && id > 0 {
			return id, nil
		}
	}
	if n, ok := inner["source-table"].(json.Number); ok {
		if id, ok := ref(n.String()).number(); ok && id > 0 {
			m, err := getTable(ctx, c, id)
			return m.DatabaseID, err
		}
	}
	return 0, fault.Wrong("Which database? Give database, its id or its name.")
}

// origin is what a query reads from: a table, or a model or question.
type origin struct {
	id    any // of a table its number, of a model "card__ID"
	card  bool
	table tableModel // of a model: its columns as fields, without ids
}

var cardSource = pattern.New(`^card__(\d{1,10})$`)

func (s *service) source(ctx context.Context, c *upstream.Client, r, database ref) (origin, error) {
	if m := cardSource.FindStringSubmatch(string(r)); m != nil {
		id, _ := strconv.ParseInt(m[1], 10, 64)
		card, err := getCard(ctx, c, id)
		if err != nil {
			return origin{}, err
		}
		t := tableModel{Name: card.Name, DatabaseID: value(card.DatabaseID)}
		if t.DatabaseID == 0 {
			t.DatabaseID = card.Query.Database
		}
		if err := s.sameDatabase(ctx, c, t.DatabaseID, database); err != nil {
			return origin{}, err
		}
		for _, col := range card.Columns {
			t.Fields = append(t.Fields, fieldModel{Name: col.Name, Display: col.Display, Base: col.Base, Actual: col.Actual})
		}
		if len(t.Fields) == 0 {
			return origin{}, fault.Wrong("Question %d has not run yet, so its columns are not known. Run it once with metabase_run_question.", id)
		}
		return origin{string(r), true, t}, nil
	}
	id, err := s.table(ctx, c, r, database)
	if err != nil {
		return origin{}, err
	}
	m, err := getTable(ctx, c, id)
	return origin{m.ID, false, m}, err
}

// maker builds the inner query of one source.
type maker struct {
	s     *service
	c     *upstream.Client
	ctx   context.Context
	src   origin
	inner map[string]any
	joins int // tables that were looked at through foreign keys
}

const maxJoins = 5

// column is a field of the source, or one behind a foreign key: "customer_id.name".
func (m *maker) column(word string) (fieldModel, []any, error) {
	if before, after := cutLast(word); before != "" && !m.src.card {
		key, err := m.src.table.field(before)
		if err == nil && key.PointsTo != nil {
			f, err := m.behind(key, after)
			if err != nil {
				return fieldModel{}, nil, err
			}
			return f, []any{"field", f.ID, map[string]any{"source-field": key.ID}}, nil
		}
		if strings.EqualFold(before, m.src.table.Name) {
			word = after
		} else if err == nil {
			return fieldModel{}, nil, fault.Wrong("Field %s of table %s is no foreign key, so there is no %s behind it.", upstream.Clean(before, 80), upstream.Clean(m.src.table.Name, 80), upstream.Clean(after, 80))
		}
	}
	f, err := m.src.table.field(word)
	if err != nil {
		return f, nil, err
	}
	if m.src.card {
		return f, []any{"field", f.Name, map[string]any{"base-type": f.kind()}}, nil
	}
	return f, []any{"field", f.ID, nil}, nil
}

// behind is a field of the table that a foreign key points to.
func (m *maker) behind(key fieldModel, word string) (fieldModel, error) {
	table := key.Target.TableID
	if m.joins++; m.joins > 4*maxJoins {
		return fieldModel{}, fault.Wrong("The query follows too many foreign keys.")
	}
	if table == 0 {
		var f struct {
			TableID int64 `json:"table_id"`
		}
		if err := m.c.Get(m.ctx, "/api/field/"+strconv.FormatInt(*key.PointsTo, 10), nil, &f); err != nil {
			return fieldModel{}, err
		}
		table = f.TableID
	}
	t, err := getTable(m.ctx, m.c, table)
	if err != nil {
		return fieldModel{}, err
	}
	return t.field(word)
}

func (m *maker) fields(in querySpec) error {
	if len(in.Fields) > 0 && len(in.Aggregation)+len(in.Breakout) > 0 {
		return fault.Wrong("fields are of rows; with aggregation or breakout leave them out.")
	}
	var list []any
	for _, word := range in.Fields {
		_, col, err := m.column(word)
		if err != nil {
			return err
		}
		list = append(list, col)
	}
	if list != nil {
		m.inner["fields"] = list
	}
	return nil
}

var (
	aggregate    = pattern.New(`^\s*([a-z][a-z-]*)\s*(?:\(\s*([^()]*?)\s*\))?\s*$`)
	aggregations = []string{"count", "sum", "avg", "min", "max", "distinct", "median", "stddev", "cum-sum", "cum-count"}
	units        = []string{"minute", "hour", "day", "week", "month", "quarter", "year", "hour-of-day", "day-of-week", "day-of-month", "month-of-year", "quarter-of-year"}
)

func (m *maker) aggregation(in querySpec) error {
	var list []any
	for _, word := range in.Aggregation {
		clause, err := m.oneAggregation(word)
		if err != nil {
			return err
		}
		list = append(list, clause)
	}
	if list != nil {
		m.inner["aggregation"] = list
	}
	return nil
}

func (m *maker) oneAggregation(word string) (any, error) {
	p := aggregate.FindStringSubmatch(strings.ToLower(word))
	if p == nil || !slices.Contains(aggregations, p[1]) {
		return nil, fault.Wrong("aggregation %q: write count, or one of %s with a field, such as sum(amount).", upstream.Clean(word, 80), strings.Join(aggregations, ", "))
	}
	inside := word[strings.IndexByte(word, '(')+1:]
	inside = strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(inside), ")"))
	if p[2] == "" || p[2] == "*" {
		if p[1] != "count" && p[1] != "cum-count" {
			return nil, fault.Wrong("aggregation %q needs a field, such as %s(amount).", upstream.Clean(word, 80), p[1])
		}
		return []any{p[1]}, nil
	}
	_, col, err := m.column(inside)
	if err != nil {
		return nil, err
	}
	return []any{p[1], col}, nil
}

func (m *maker) breakout(in querySpec) error {
	var list []any
	for _, word := range in.Breakout {
		col, err := m.bucketed(word)
		if err != nil {
			return err
		}
		list = append(list, col)
	}
	if list != nil {
		m.inner["breakout"] = list
	}
	return nil
}

// bucketed is a field with a unit of time: "created_at:month".
func (m *maker) bucketed(word string) (any, error) {
	label, unit, ok := strings.Cut(word, ":")
	f, col, err := m.column(label)
	if err != nil || !ok {
		return col, err
	}
	if !slices.Contains(units, unit) {
		return nil, fault.Wrong("breakout %q: the unit has to be one of %s.", upstream.Clean(word, 80), strings.Join(units, ", "))
	}
	if !temporal(f) {
		return nil, fault.Wrong("breakout %q: %s is no date.", upstream.Clean(word, 80), upstream.Clean(f.Name, 80))
	}
	options, _ := col[2].(map[string]any)
	with := map[string]any{"temporal-unit": unit}
	for k, v := range options {
		with[k] = v
	}
	return []any{col[0], col[1], with}, nil
}

// order takes what is selected: "id", "-count", "created_at:month", "sum(amount)".
func (m *maker) order(in querySpec) error {
	var list []any
	for _, word := range in.Order {
		direction, rest := "asc", strings.TrimSpace(word)
		if cut, ok := strings.CutPrefix(rest, "-"); ok {
			direction, rest = "desc", cut
		} else if cut, ok := strings.CutSuffix(strings.ToLower(rest), " desc"); ok {
			direction, rest = "desc", rest[:len(cut)]
		} else if cut, ok := strings.CutSuffix(strings.ToLower(rest), " asc"); ok {
			rest = rest[:len(cut)]
		}
		by, err := m.orderBy(in, strings.TrimSpace(rest))
		if err != nil {
			return err
		}
		list = append(list, []any{direction, by})
	}
	if list != nil {
		m.inner["order-by"] = list
	}
	return nil
}

func (m *maker) orderBy(in querySpec, word string) (any, error) {
	plain := func(s string) string { return strings.ReplaceAll(strings.ToLower(s), " ", "") }
	for i, a := range in.Aggregation {
		if p := aggregate.FindStringSubmatch(strings.ToLower(a)); plain(a) == plain(word) || p != nil && p[1] == plain(word) {
			return []any{"aggregation", i}, nil
		}
	}
	for _, b := range in.Breakout {
		if label, _, _ := strings.Cut(b, ":"); plain(b) == plain(word) || plain(label) == plain(word) {
			return m.bucketed(b)
		}
	}
	if len(in.Aggregation)+len(in.Breakout) > 0 {
		return nil, fault.Wrong("order %q: order by one of the aggregations or breakouts.", upstream.Clean(word, 80))
	}
	_, col, err := m.column(word)
	return col, err
}

// decoded is a value of MBQL; numbers stay as they were written.
func decoded(raw json.RawMessage) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var v any
	err := dec.Decode(&v)
	return v, err
}
