package weaviate

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

// query is a GraphQL query about one collection. What a caller writes goes into
// variables, so that no text of theirs can end one thing and begin another; in the
// query itself stand names of collections and properties, which the server's own
// schema has named and which have the form of names, and numbers.
//
// Numbers have to stand there: the server breaks on variables of the type Int
// (1.39.1: "int64, not int"), and on lists of variables where a filter takes several
// values; filter.go makes one condition of each value.
type query struct {
	root   string // "Get" or "Aggregate"
	col    *collection
	args   []string
	types  []string // of the variables
	values map[string]any
}

func newQuery(root string, col *collection) *query {
	return &query{root: root, col: col, values: map[string]any{}}
}

// text makes a variable of a caller's text, or of a list of texts, and returns what
// stands for it.
func (q *query) text(typ string, value any) string {
	name := "v" + strconv.Itoa(len(q.types))
	q.types = append(q.types, "$"+name+":"+typ)
	q.values[name] = value
	return "$" + name
}

// scalar is the type of a value of a filter: each collection has its own, one for
// getting and one for aggregating.
func (q *query) scalar(kind string) string { return kind + q.root + "Objects" + q.col.name }

func (q *query) arg(format string, args ...any) {
	q.args = append(q.args, fmt.Sprintf(format, args...))
}

// tenant names the tenant, where there is one.
func (q *query) tenant(name string) {
	if name != "" {
		q.arg("tenant:%s", q.text("String", name))
	}
}

// where puts the condition of the filters into the query.
func (q *query) where(c *condition) {
	if c != nil {
		q.arg("where:%s", c.graphQL(q))
	}
}

// with is the whole query, for what is selected of each result.
func (q *query) with(selection string) string {
	var b strings.Builder
	if len(q.types) > 0 {
		b.WriteString("query(" + strings.Join(q.types, ",") + ")")
	}
	b.WriteString("{" + q.root + "{" + q.col.name)
	if len(q.args) > 0 {
		b.WriteString("(" + strings.Join(q.args, ",") + ")")
	}
	b.WriteString("{" + selection + "}}}")
	return b.String()
}

// graphQL is the body of POST /v1/graphql.
type graphQL struct {
	Query     string         `json:"query"`
	Variables map[string]any `json:"variables,omitempty"`
}

// run asks the server, and reads the list that it answers into out.
func (q *query) run(ctx context.Context, c *upstream.Client, selection string, out any) error {
	var answer struct {
		Data   map[string]map[string]json.RawMessage `json:"data"`
		Errors []struct {
			Message string `json:"message"`
		} `json:"errors"`
	}
	err := c.Do(ctx, upstream.Request{Path: "/v1/graphql", JSON: graphQL{q.with(selection), q.values}, Read: true}, &answer)
	if err != nil {
		return err
	}
	if len(answer.Errors) > 0 {
		said := answer.Errors[0].Message
		if f := explain(said); f != nil {
			return f
		}
		return fault.New(fault.UpstreamError, "Weaviate could not answer that.%s", quotation(said))
	}
	raw := answer.Data[q.root][q.col.name]
	if len(raw) == 0 || string(raw) == "null" || json.Unmarshal(raw, out) != nil {
		return broken()
	}
	return nil
}

// quoted are names of properties as a list in a query.
func quoted(names []string) string { return `["` + strings.Join(names, `","`) + `"]` }
