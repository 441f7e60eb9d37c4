package weaviate

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// query is one that is being answered.
type query struct {
	*request
	op     *operation
	given  map[string]any // the variables' values
	used   map[string]bool
	root   string // "Get" or "Aggregate"
	class  *class
	tenant string
}

// refusal is an error of GraphQL. Those of validation come without data.
type refusal struct {
	message string
	column  int
	ran     bool // the query was fine, and running it failed
}

// nothing is a panic within 1.39.1 that is answered by a 200 without a body.
type nothing struct{}

func (q *query) invalid(column int, format string, args ...any) {
	panic(refusal{fmt.Sprintf(format, args...), column, false})
}

func (q *query) failed(column int, format string, args ...any) {
	panic(refusal{fmt.Sprintf(format, args...), column, true})
}

// graphQL answers 200, whatever is wrong with the query.
func (r *request) graphQL() {
	var body struct {
		Query     string         `json:"query"`
		Variables map[string]any `json:"variables"`
	}
	if !r.body(&body) {
		return
	}
	if !r.user.may("read_collections", "*") || r.user.class != "*" {
		r.fail(http.StatusForbidden, "due to GraphQL introspection, this role must have the permission to `read_collections` on `*` (all) collections: %s", r.user.forbidden("read_collections", "*"))
		return
	}
	op, err := parse(body.Query)
	if err != nil {
		r.ok(map[string]any{"errors": []any{graphQLError(err.Error(), 1, nil)}})
		return
	}
	defer func() {
		switch r := recover().(type) {
		case nil, nothing:
		default:
			panic(r)
		}
	}()
	q := &query{request: r, op: op, given: body.Variables, used: map[string]bool{}}
	data, errs := q.run()
	answer := map[string]any{}
	if data != nil {
		answer["data"] = data
	}
	if len(errs) > 0 {
		answer["errors"] = errs
	}
	r.ok(answer)
}

func graphQLError(message string, column int, path any) map[string]any {
	return map[string]any{"message": message, "path": path, "locations": []map[string]int{{"line": 1, "column": column}}}
}

func (q *query) run() (data map[string]any, errs []any) {
	data = map[string]any{}
	uses(q.op.fields, q.used)
	for name, typ := range q.op.variables {
		if !q.used[name] {
			return nil, []any{graphQLError(fmt.Sprintf("Variable \"$%s\" is never used.", name), 1, nil)}
		}
		if strings.HasSuffix(typ, "!") && q.given[name] == nil {
			return nil, []any{graphQLError(fmt.Sprintf("Variable \"$%s\" of required type %q was not provided.", name, typ), 1, nil)}
		}
	}
	for _, root := range q.op.fields {
		if root.name != "Get" && root.name != "Aggregate" {
			return nil, []any{graphQLError(fmt.Sprintf("Cannot query field %q on type \"WeaviateObj\".", root.name), root.column, nil)}
		}
		all := map[string]any{}
		data[root.name] = all
		for _, f := range root.fields {
			rows, wrong := q.answer(root.name, f)
			if wrong != nil && !wrong.ran {
				return nil, []any{graphQLError(wrong.message, wrong.column, nil)}
			}
			if wrong != nil {
				errs = append(errs, graphQLError(wrong.message, wrong.column, []string{root.name, f.name}))
			}
			all[cmp.Or(f.alias, f.name)] = rows
		}
	}
	return data, errs
}

// uses finds the variables that fields use.
func uses(fields []*field, used map[string]bool) {
	var inside func(v value)
	inside = func(v value) {
		if v.kind == variable {
			used[v.text] = true
		}
		for _, one := range v.list {
			inside(one)
		}
		for _, one := range v.object {
			inside(one)
		}
	}
	for _, f := range fields {
		for _, v := range f.args {
			inside(v)
		}
		uses(f.fields, used)
	}
}

// answer is what one collection answers; nil where it fails.
func (q *query) answer(root string, f *field) (rows any, wrong *refusal) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case refusal:
			rows, wrong = nil, &r
		default:
			panic(r)
		}
	}()
	q.root, q.class = root, q.c.find(f.name)
	if q.class == nil {
		q.invalid(f.column, "Cannot query field %q on type \"%sObjectsObj\".", f.name, root)
	}
	for name := range f.args {
		if !slices.Contains(q.arguments(), name) {
			near := ""
			if name == "nearText" {
				near = " Did you mean \"nearVector\" or \"nearObject\"?"
			}
			q.invalid(f.column, "Unknown argument %q on field %q of type \"%sObjectsObj\".%s", name, f.name, root, near)
		}
	}
	q.tenant = q.string(f.args["tenant"], "String")
	if root == "Get" {
		q.checkFields(f, q.class.Properties, q.class.Class)
		return q.get(f), nil
	}
	return q.aggregate(f), nil
}

// arguments are those that the class takes.
func (q *query) arguments() []string {
	all := []string{"where", "limit"}
	if q.class.MultiTenancy.Enabled {
		all = append(all, "tenant")
	}
	if q.root == "Aggregate" {
		return append(all, "groupBy")
	}
	all = append(all, "offset", "sort", "bm25", "hybrid", "nearObject", "nearVector")
	for _, module := range q.class.modules() {
		if module == "text2vec-cohere" || module == "text2vec-weaviate" {
			all = append(all, "nearText")
		}
	}
	return all
}

// string is a text, or the variable that stands for it, which must have the type.
func (q *query) string(v value, typ string) string {
	switch {
	case v.kind == variable && v.text != "":
		s, _ := q.variable(v.text, typ).(string)
		return s
	case v.kind == text:
		return v.text
	}
	return ""
}

// strings is a list of texts.
func (q *query) strings(v value) []string {
	var all []string
	switch {
	case v.kind == variable && v.text != "":
		for _, s := range each(q.variable(v.text, "[String]")) {
			text, _ := s.(string)
			all = append(all, text)
		}
	case v.kind == text:
		all = []string{v.text}
	}
	for _, one := range v.list {
		all = append(all, q.string(one, "String"))
	}
	return all
}

func (q *query) variable(name, typ string) any {
	declared, ok := q.op.variables[name]
	switch {
	case !ok:
		q.invalid(1, "Variable \"$%s\" is not defined.", name)
	case typ == "Int":
		q.failed(1, "interface conversion: interface {} is int64, not int")
	case strings.TrimSuffix(declared, "!") != typ:
		q.invalid(1, "Variable \"$%s\" of type %q used in position expecting type %q.", name, declared, typ)
	}
	return q.given[name]
}

func (q *query) int(v value, otherwise int) int {
	switch {
	case v.kind == variable && v.text != "":
		q.variable(v.text, "Int")
	case v.kind == integer:
		n, _ := strconv.Atoi(v.text)
		return n
	case v.kind == text, v.kind == float:
		q.invalid(1, "Argument has invalid value %q.\nExpected type \"Int\", found %q.", v.text, v.text)
	}
	return otherwise
}

func (q *query) number(v value, otherwise float64) float64 {
	if v.kind == variable && v.text != "" {
		if n, ok := q.variable(v.text, "Float").(float64); ok {
			return n
		}
	} else if n, err := strconv.ParseFloat(v.text, 64); err == nil {
		return n
	}
	return otherwise
}

// known refuses fields of an argument that it does not have.
func (q *query) known(argument string, v value, names ...string) {
	for name := range v.object {
		if !slices.Contains(names, name) {
			q.invalid(1, "Argument %q has invalid value.\nIn field %q: Unknown field.", argument, name)
		}
	}
}

// where makes the filter that REST has of a filter of GraphQL.
func (q *query) where(v value) *where {
	q.known("where", v, "operator", "path", "operands", "valueText", "valueString", "valueDate", "valueInt", "valueNumber", "valueBoolean")
	w := &where{Operator: v.object["operator"].text, Path: q.strings(v.object["path"])}
	for _, o := range v.object["operands"].list {
		w.Operands = append(w.Operands, q.where(o))
	}
	scalar := q.root + "Objects" + q.class.Class
	for name, given := range v.object {
		switch name {
		case "valueText", "valueString":
			if given.kind == list {
				if slices.ContainsFunc(given.list, func(v value) bool { return v.kind == variable }) {
					panic(nothing{})
				}
				w.ValueTextArray = q.strings(given)
				continue
			}
			s := q.string(given, "Text"+scalar)
			w.ValueText = &s
		case "valueDate":
			s := q.string(given, "TextDate"+scalar)
			w.ValueDate = &s
		case "valueInt":
			n, _ := strconv.ParseInt(given.text, 10, 64)
			w.ValueInt = &n
		case "valueNumber":
			n, _ := strconv.ParseFloat(given.text, 64)
			w.ValueNumber = &n
		case "valueBoolean":
			b := given.text == "true"
			w.ValueBoolean = &b
		}
	}
	return w
}

// objects are those of the tenant for which the filter holds.
func (q *query) objects(f *field) []*object {
	var w *where
	if v, ok := f.args["where"]; ok {
		w = q.where(v)
		if wrong := w.check(q.class); wrong != "" {
			q.failed(f.column, "invalid 'where' filter: %s", wrong)
		}
	}
	if wrong := q.class.place(q.tenant); wrong != "" {
		q.failed(f.column, "explorer: list class: search: object search at index %s: %s", strings.ToLower(q.class.Class), wrong)
	}
	all := q.class.of(q.tenant)
	if w != nil {
		all = slices.DeleteFunc(all, func(o *object) bool { return !w.holds(q.class, o) })
	}
	return all
}

// checkFields holds what is selected against the class.
func (q *query) checkFields(f *field, properties []*property, typ string) {
	for _, s := range f.fields {
		if s.on != "" {
			continue
		}
		if s.name == "_additional" || s.name == "__typename" {
			continue
		}
		i := slices.IndexFunc(properties, func(p *property) bool { return p.Name == s.name })
		if i < 0 {
			q.invalid(s.column, "Cannot query field %q on type %q.", s.name, typ)
		}
		p := properties[i]
		inside := p.element() == "object" || p.element() == "geoCoordinates" || p.element() == "phoneNumber" || classForm.MatchString(p.DataType[0])
		switch {
		case inside && len(s.fields) == 0:
			q.invalid(s.column, "Field %q of type \"%s_%s_object\" must have a sub selection.", s.name, typ, s.name)
		case !inside && len(s.fields) > 0:
			q.invalid(s.column, "Field %q of type \"String\" must not have a sub selection.", s.name)
		case p.element() == "object":
			q.checkFields(s, p.Nested, typ+"_"+s.name+"_object")
		}
	}
}
