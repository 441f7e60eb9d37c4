package salesforce

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

const maxBatch = 2000

// query runs SOQL, and keeps what does not fit into one batch.
func (o *org) query(soql, options, prefix string) (answer, *fault) {
	q, err := ParseSOQL(soql)
	if err != nil {
		return nil, refuse(400, "MALFORMED_QUERY", "%s\n%s", clip(soql, 60), err)
	}
	rows, total, f := o.run(q)
	if f != nil {
		return nil, f
	}
	size := maxBatch
	if n, err := strconv.Atoi(strings.TrimPrefix(strings.ReplaceAll(options, " ", ""), "batchSize=")); err == nil && n >= 200 && n <= maxBatch {
		size = n
	}
	return o.batches(rows, total, size, prefix), nil
}

// batches is the first batch of an answer; the others are kept under locators.
func (o *org) batches(rows []answer, total, size int, prefix string) answer {
	if rows == nil {
		rows = []answer{}
	}
	if len(rows) <= size {
		return answer{"totalSize": total, "done": true, "records": rows}
	}
	o.numbers["locator"]++
	id := fmt.Sprintf("0r8Nw%013d", o.numbers["locator"])
	for from := size; from < len(rows); from += size {
		to := min(from+size, len(rows))
		batch := answer{"totalSize": total, "done": to == len(rows), "records": rows[from:to]}
		if to < len(rows) {
			batch["nextRecordsUrl"] = fmt.Sprintf("%s/query/%s-%d", prefix, id, to)
		}
		o.cursors[fmt.Sprintf("%s-%d", id, from)] = []answer{batch}
	}
	return answer{"totalSize": total, "done": false, "records": rows[:size], "nextRecordsUrl": fmt.Sprintf("%s/query/%s-%d", prefix, id, size)}
}

func (o *org) queryMore(locator string) (answer, *fault) {
	kept, ok := o.cursors[locator]
	if !ok {
		return nil, refuse(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
	}
	return kept[0], nil
}

// run is the rows of a query, and how many there are: COUNT() has none.
func (o *org) run(q *Query) ([]answer, int, *fault) {
	ob := o.object(q.From)
	if ob == nil {
		return nil, 0, refuse(400, "INVALID_TYPE", "sObject type '%s' is not supported. If you are attempting to use a custom object, be sure to append the '__c' after the entity name.", q.From)
	}
	var found []*record
	for _, r := range o.records[ob.name] {
		ok, f := o.matches(q.Where, ob, r)
		if f != nil {
			return nil, 0, f
		}
		if ok {
			found = append(found, r)
		}
	}
	if q.Where != nil && len(o.records[ob.name]) == 0 { // it is checked all the same
		if _, f := o.matches(q.Where, ob, &record{fields: map[string]any{}}); f != nil {
			return nil, 0, f
		}
	}
	grouped := len(q.GroupBy) > 0 || slices.ContainsFunc(q.Select, func(i Item) bool { return i.Func != "" })
	if grouped {
		return o.aggregate(q, ob, found)
	}
	if f := o.sort(q.OrderBy, ob, found); f != nil {
		return nil, 0, f
	}
	if q.Offset > 2000 {
		return nil, 0, refuse(400, "NUMBER_OUTSIDE_VALID_RANGE", "Maximum SOQL offset allowed is 2000")
	}
	found = found[min(max(q.Offset, 0), len(found)):]
	if q.Limit >= 0 {
		found = found[:min(q.Limit, len(found))]
	}
	var rows []answer
	probe := append(slices.Clone(found), &record{fields: map[string]any{}}) // so that fields are checked where there is no row
	for i, r := range probe {
		row := answer{"attributes": attributes(ob, r)}
		for _, item := range q.Select {
			if f := o.put(row, item, ob, r, q); f != nil {
				return nil, 0, f
			}
		}
		if i < len(found) {
			rows = append(rows, row)
		}
	}
	return rows, len(rows), nil
}

// put selects one item of a record into a row, a parent's fields into an object of
// their own.
func (o *org) put(row answer, item Item, ob *object, r *record, outer *Query) *fault {
	if item.Sub != nil {
		child, fl := o.child(ob, item.Sub.From)
		if child == nil {
			return refuse(400, "INVALID_TYPE", "Didn't understand relationship '%s' in FROM part of query call.", item.Sub.From)
		}
		sub := *item.Sub
		sub.From = child.name
		mine := Condition{Op: "=", Path: fl.name, Values: []Literal{{Kind: 's', Text: cmp.Or(r.id, orgID)}}} // of no row: none
		if sub.Where != nil {
			mine = Condition{Op: "AND", Parts: []Condition{mine, *sub.Where}}
		}
		sub.Where = &mine
		rows, total, f := o.run(&sub)
		if f != nil {
			return f
		}
		row[item.Sub.From] = nil
		if total > 0 {
			row[item.Sub.From] = answer{"totalSize": total, "done": true, "records": rows}
		}
		return nil
	}
	steps := strings.Split(item.Path, ".")
	if strings.EqualFold(steps[0], outer.From) && len(steps) > 1 {
		steps = steps[1:]
	}
	for len(steps) > 1 {
		parent, at, fl, f := o.parent(ob, r, steps[0])
		if f != nil {
			return f
		}
		if parent == nil {
			row[fl.rel] = nil
			_, _, f := o.value1(o.objects[fl.to[len(fl.to)-1]], &record{fields: map[string]any{}}, steps[1:])
			return f
		}
		inner, ok := row[fl.rel].(answer)
		if !ok {
			inner = answer{"attributes": attributes(at, parent)}
			row[fl.rel] = inner
		}
		row, ob, r, steps = inner, at, parent, steps[1:]
	}
	fl := ob.field(steps[0])
	if fl == nil {
		return noColumn(ob, steps[0])
	}
	row[fl.name] = r.fields[fl.name]
	return nil
}

// parent follows a relationship.
func (o *org) parent(ob *object, r *record, rel string) (*record, *object, *field, *fault) {
	i := slices.IndexFunc(ob.fields, func(f *field) bool { return f.rel != "" && strings.EqualFold(f.rel, rel) })
	if i < 0 {
		return nil, nil, nil, refuse(400, "INVALID_FIELD", "Didn't understand relationship '%s' in field path. If you are attempting to use a custom relationship, be sure to append the '__r' after the custom relationship name.", rel)
	}
	fl := ob.fields[i]
	id, _ := r.fields[fl.name].(string)
	at := o.ofID(id)
	if at == nil {
		return nil, nil, fl, nil
	}
	return o.find(at.name, id), at, fl, nil
}

// child is the object below, by the name of the relationship.
func (o *org) child(ob *object, rel string) (*object, *field) {
	for _, n := range o.order {
		for _, f := range o.objects[n].fields {
			if strings.EqualFold(f.childRel, rel) && slices.Contains(f.to, ob.name) {
				return o.objects[n], f
			}
		}
	}
	return nil, nil
}

// value1 is a record's value at a path, and the field.
func (o *org) value1(ob *object, r *record, steps []string) (any, *field, *fault) {
	for len(steps) > 1 {
		parent, at, fl, f := o.parent(ob, r, steps[0])
		if f != nil {
			return nil, nil, f
		}
		if parent == nil {
			at, parent = o.objects[fl.to[len(fl.to)-1]], &record{fields: map[string]any{}}
		}
		ob, r, steps = at, parent, steps[1:]
	}
	fl := ob.field(steps[0])
	if fl == nil {
		return nil, nil, noColumn(ob, steps[0])
	}
	return r.fields[fl.name], fl, nil
}

func (o *org) sort(by []Order, ob *object, found []*record) *fault {
	var wrong *fault
	for _, or := range by {
		if _, fl, f := o.value1(ob, &record{fields: map[string]any{}}, strings.Split(or.Path, ".")); f != nil {
			return f
		} else if fl.kind == "textarea" {
			return refuse(400, "INVALID_FIELD", "field '%s' can not be sorted in a query call", fl.name)
		}
	}
	slices.SortStableFunc(found, func(a, b *record) int {
		for _, or := range by {
			x, _, f := o.value1(ob, a, strings.Split(or.Path, "."))
			y, _, g := o.value1(ob, b, strings.Split(or.Path, "."))
			if f != nil || g != nil {
				wrong = cmp.Or(f, g)
				return 0
			}
			if n := ordered(x, y, or); n != 0 {
				return n
			}
		}
		return 0
	})
	return wrong
}

func ordered(x, y any, by Order) int {
	switch {
	case x == nil && y == nil:
		return 0
	case x == nil || y == nil:
		n := 1
		if x == nil != by.NullsLast {
			n = -1
		}
		return n
	}
	n := compare(x, y)
	if by.Down {
		n = -n
	}
	return n
}

// compare orders two values of one kind; texts whatever their case.
func compare(x, y any) int {
	switch x := x.(type) {
	case float64:
		y, _ := y.(float64)
		return cmp.Compare(x, y)
	case bool:
		y, _ := y.(bool)
		return cmp.Compare(fmt.Sprint(x), fmt.Sprint(y))
	case string:
		y, _ := y.(string)
		return cmp.Compare(strings.ToLower(x), strings.ToLower(y))
	}
	return 0
}

func clip(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n])
	}
	return s
}
