package weaviate

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// get answers Get: what a search or a filter finds, in its order.
func (q *query) get(f *field) []map[string]any {
	limit, offset := q.int(f.args["limit"], 100), q.int(f.args["offset"], 0)
	if limit < 0 {
		limit = 100
	}
	if limit+offset > maxResults {
		q.failed(f.column, "explorer: list class: search: invalid pagination params: %s", tooMany(offset, limit))
	}
	found := q.found(f, q.objects(f))
	q.sort(f, found)
	found = found[min(offset, len(found)):]
	rows := []map[string]any{}
	for _, r := range found[:min(limit, len(found))] {
		rows = append(rows, q.shown(f, r))
	}
	return rows
}

func (q *query) found(f *field, all []*object) []ranked {
	for _, search := range []struct {
		name string
		run  func(*field, value, []*object) []ranked
	}{{"bm25", q.bm25}, {"hybrid", q.hybrid}, {"nearText", q.nearText}, {"nearObject", q.nearObject}} {
		if v, ok := f.args[search.name]; ok {
			return search.run(f, v, all)
		}
	}
	found := make([]ranked, 0, len(all))
	for _, o := range all {
		found = append(found, ranked{object: o})
	}
	return found
}

func (q *query) bm25(f *field, v value, all []*object) []ranked {
	q.known("bm25", v, "query", "properties")
	text := q.string(v.object["query"], "String")
	if text == "" {
		q.failed(f.column, "keyword search (bm25) must have query set")
	}
	found, wrong := q.class.words(all, text, q.strings(v.object["properties"]))
	if wrong != "" {
		q.failed(f.column, "%s", wrong)
	}
	return found
}

func (q *query) hybrid(f *field, v value, all []*object) []ranked {
	q.known("hybrid", v, "query", "alpha", "properties", "targetVectors", "fusionType")
	text, alpha := q.string(v.object["query"], "String"), q.number(v.object["alpha"], 0.75)
	words, wrong := q.class.words(all, text, q.strings(v.object["properties"]))
	if wrong != "" {
		q.failed(f.column, "%s", wrong)
	}
	var near []ranked
	if alpha > 0 { // with 0 no vector is made, so that it works without a vectorizer
		target, vector, wrong := q.class.vectorOf(text, q.strings(v.object["targetVectors"]), q.providerKey())
		if wrong != "" {
			q.failed(f.column, "%s", wrong)
		}
		near = nearest(all, target, vector)
	}
	return fuse(near, words, alpha)
}

func (q *query) nearText(f *field, v value, all []*object) []ranked {
	q.known("nearText", v, "concepts", "targetVectors", "distance", "certainty")
	text := strings.Join(q.strings(v.object["concepts"]), " ")
	target, vector, wrong := q.class.vectorOf(text, q.strings(v.object["targetVectors"]), q.providerKey())
	if wrong != "" {
		q.failed(f.column, "explorer: get class: vectorize search vector: %s", wrong)
	}
	return nearest(all, target, vector)
}

func (q *query) nearObject(f *field, v value, all []*object) []ranked {
	q.known("nearObject", v, "id", "beacon", "targetVectors", "distance", "certainty")
	id := q.string(v.object["id"], "String")
	target, wrong := q.class.target(q.strings(v.object["targetVectors"]))
	if wrong != "" {
		q.failed(f.column, "%s", wrong)
	}
	o := q.class.objects[key(q.tenant, strings.ToLower(id))]
	switch {
	case o == nil:
		q.failed(f.column, "explorer: get class: concurrentTargetVectorSearch): explorer: get class: vectorize search vector: nearObject params: vector not found")
	case o.vectors[target] == nil:
		q.failed(f.column, "explorer: get class: concurrentTargetVectorSearch): explorer: get class: vectorize search vector: nearObject params: nearObject search-object with id %s has no vector", id)
	}
	return nearest(all, target, o.vectors[target])
}

// sort puts what was found into the order that is asked for; what has no value comes
// first, as if it were less than all.
func (q *query) sort(f *field, found []ranked) {
	v, ok := f.args["sort"]
	if !ok {
		return
	}
	if v.kind == object_ {
		v = value{kind: list, list: []value{v}}
	}
	for i, by := range slices.Backward(v.list) {
		path := q.strings(by.object["path"])
		if len(path) != 1 || path[0] != "_creationTimeUnix" && path[0] != "_lastUpdateTimeUnix" && q.class.property(path[0]) == nil {
			q.failed(f.column, "invalid 'sort' parameter: sort parameter at position %d: no such prop with name '%s' found in class '%s' in the schema. Check your schema files for which properties in this class are available", i, strings.Join(path, "."), q.class.Class)
		}
		descending := by.object["order"].text == "desc"
		slices.SortStableFunc(found, func(a, b ranked) int {
			n := compareValues(sortValue(a.object, path[0]), sortValue(b.object, path[0]))
			if descending {
				return -n
			}
			return n
		})
	}
}

func sortValue(o *object, name string) any {
	switch name {
	case "_creationTimeUnix":
		return float64(o.Created)
	case "_lastUpdateTimeUnix":
		return float64(o.Updated)
	}
	return o.Properties[name]
}

func compareValues(a, b any) int {
	if x, ok := a.(float64); ok {
		if y, ok := b.(float64); ok {
			return compare(x, y)
		}
	}
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return -1
	case b == nil:
		return 1
	}
	return cmp.Compare(strings.ToLower(fmt.Sprint(a)), strings.ToLower(fmt.Sprint(b)))
}

// shown is an object as the fields select it.
func (q *query) shown(f *field, r ranked) map[string]any {
	row := map[string]any{}
	for _, s := range f.fields {
		if s.name != "_additional" {
			row[cmp.Or(s.alias, s.name)] = part(s, r.Properties[s.name])
			continue
		}
		more := map[string]any{}
		for _, a := range s.fields {
			switch a.name {
			case "id":
				more["id"] = r.ID
			case "score":
				more["score"] = strconv.FormatFloat(r.score, 'g', -1, 64)
			case "distance":
				more["distance"] = r.distance
			case "creationTimeUnix":
				more[a.name] = strconv.FormatInt(r.Created, 10)
			case "lastUpdateTimeUnix":
				more[a.name] = strconv.FormatInt(r.Updated, 10)
			case "certainty", "explainScore", "vector", "isConsistent":
				more[a.name] = nil
			default:
				q.invalid(a.column, "Cannot query field %q on type \"%sAdditional\".", a.name, q.class.Class)
			}
		}
		row["_additional"] = more
	}
	return row
}

// part is a value as it is selected: of an object, some fields.
func part(f *field, v any) any {
	switch v := v.(type) {
	case map[string]any:
		if len(f.fields) == 0 {
			return v
		}
		some := map[string]any{}
		for _, s := range f.fields {
			some[s.name] = part(s, v[s.name])
		}
		return some
	case []any:
		all := make([]any, len(v))
		for i := range v {
			all[i] = part(f, v[i])
		}
		return all
	}
	return v
}
