package metabase

import (
	"encoding/json"
	"strings"

	"toolvault/tools/fault"
	"toolvault/tools/pattern"
	"toolvault/tools/upstream"
)

var filterOps = []string{"=", "!=", ">", ">=", "<", "<=", "between", "contains", "not-contains", "starts-with", "ends-with", "empty", "not-empty"}

func (m *maker) filter(in querySpec) error {
	list := []any{"and"}
	for _, f := range in.Filter {
		clause, err := m.oneFilter(f)
		if err != nil {
			return err
		}
		list = append(list, clause)
	}
	switch len(list) {
	case 1:
	case 2:
		m.inner["filter"] = list[1]
	default:
		m.inner["filter"] = list
	}
	return nil
}

// oneFilter is a clause such as ["=", ["field",3,null], "open", "new"].
func (m *maker) oneFilter(f filterSpec) (any, error) {
	field, col, err := m.column(f.Field)
	if err != nil {
		return nil, err
	}
	shown := upstream.Clean(f.Field, 80)
	switch f.Op {
	case "empty", "not-empty":
		op := map[string]string{"empty": "is-null", "not-empty": "not-null"}[f.Op]
		return []any{op, col}, nil
	}
	if len(f.Value) == 0 || string(f.Value) == "null" {
		return nil, fault.Wrong("filter on %s: %s needs a value.", shown, f.Op)
	}
	values, err := m.values(field, f)
	if err != nil {
		return nil, err
	}
	switch f.Op {
	case "=", "!=", "":
		if len(values) == 0 {
			return nil, fault.Wrong("filter on %s: the list of values is empty.", shown)
		}
		op := f.Op
		if op == "" {
			op = "="
		}
		return append([]any{op, col}, values...), nil
	case "between":
		if len(values) != 2 {
			return nil, fault.Wrong("filter on %s: between takes a list of two values.", shown)
		}
		return append([]any{"between", col}, values...), nil
	}
	if len(values) != 1 {
		return nil, fault.Wrong("filter on %s: %s takes one value.", shown, f.Op)
	}
	switch f.Op {
	case "contains", "starts-with", "ends-with":
		return []any{f.Op, col, values[0], map[string]any{"case-sensitive": false}}, nil
	case "not-contains":
		return []any{"does-not-contain", col, values[0], map[string]any{"case-sensitive": false}}, nil
	}
	return []any{f.Op, col, values[0]}, nil
}

var digits = pattern.New(`^-?\d{1,19}$`)

// values are what a field is compared with: dates as the reports' time zone has
// them, and numbers that were written as text, such as ids beyond 2^53, as numbers.
func (m *maker) values(field fieldModel, f filterSpec) ([]any, error) {
	v, err := decoded(f.Value)
	if err != nil {
		return nil, fault.Wrong("filter on %s: the value cannot be read.", upstream.Clean(f.Field, 80))
	}
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	for i, one := range list {
		text, isText := one.(string)
		switch {
		case !isText && one != nil:
			switch one.(type) {
			case json.Number, bool:
			default:
				return nil, fault.Wrong("filter on %s: a value is a text, a number, true or false.", upstream.Clean(f.Field, 80))
			}
		case temporal(field):
			clock, err := m.s.clock(m.ctx, m.c)
			if err != nil {
				return nil, err
			}
			if list[i], err = day("filter on "+upstream.Clean(field.Name, 60), text, clock); err != nil {
				return nil, err
			}
		case numeric(field) && digits.MatchString(text):
			list[i] = json.Number(text)
		}
	}
	return list, nil
}

func temporal(f fieldModel) bool {
	k := strings.TrimPrefix(f.kind(), "type/")
	return strings.HasPrefix(k, "Date") || k == "Instant"
}

func numeric(f fieldModel) bool {
	switch strings.TrimPrefix(f.kind(), "type/") {
	case "Integer", "BigInteger", "Float", "Decimal", "Number":
		return true
	}
	return false
}
