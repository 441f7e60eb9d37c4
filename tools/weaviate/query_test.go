package weaviate

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	sandbox "toolvault/tools/sandbox/weaviate"
)

// literal is a text within a query.
var literal = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)

// checkQuery holds a query to what the package promises: no text of the caller stands
// in it, only names of the schema in quotes, numbers, and words of the language.
func checkQuery(t *testing.T, query string, variables map[string]any, col *collection) {
	t.Helper()
	for _, text := range literal.FindAllString(query, -1) {
		name, weight, _ := strings.Cut(strings.Trim(text, `"`), "^")
		known := name == "id" || strings.HasPrefix(name, "_") || slices.ContainsFunc(col.properties, func(p property) bool { return p.name == name }) ||
			slices.ContainsFunc(col.vectors, func(v vector) bool { return v.name == name })
		if !known || strings.Trim(weight, "0123456789") != "" {
			t.Errorf("the text %s stands in the query %s", text, query)
		}
	}
	rest := literal.ReplaceAllString(query, "")
	if bad := strings.Trim(rest, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-.$:!,[](){} "); bad != "" {
		t.Errorf("%q stands in the query %s", bad, query)
	}
	if strings.Count(query, "{") != strings.Count(query, "}") || strings.Count(rest, "query(") > 1 {
		t.Errorf("not one query: %s", query)
	}
	for name := range variables {
		if strings.Count(query, "$"+name) < 2 {
			t.Errorf("the variable %s is not declared and used: %s", name, query)
		}
	}
}

// Whatever a model writes, the query that is sent is one that the server can read, and
// its words are in variables only.
func FuzzQueries(f *testing.F) {
	d := sandbox.New(now)
	srv := newService(now)
	server := httptest.NewServer(d)
	f.Cleanup(server.Close)
	s := &service{now: now}
	client := (&world{svc: srv, url: server.URL, cred: bearer{key: d.Secret}}).client()
	col, err := s.load(f.Context(), client, "SupportArticle")
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range [][4]string{
		{"export", "title", "eq", "x"}, {`"}){title}}}`, "product", "in", `a","b`}, {"$v0", `title"`, "like", "*"}, {"\\", "views", "gt", "12"},
		{"\u2028", "updated", "lt", "2026-01-01"}, {"x", "helpful", "gte", "1e300"}, {"#", "published", "neq", "true"}, {"x", "title^2", "all", "\x00"}, {"x", "id", "not_in", "y"},
	} {
		f.Add(seed[0], seed[1], seed[2], seed[3])
	}
	f.Fuzz(func(t *testing.T, text, name, op, value string) {
		filters := []filterIn{{name, op, value}, {name, op, []any{value, text}}, {name, "in", []any{value, text}}}
		var all []*query
		var selected []string
		keep := func(q *query, selection string, err error) {
			if err == nil {
				all, selected = append(all, q), append(selected, selection)
			}
		}
		for n := range filters {
			for _, mode := range []string{keyword, hybrid, semantic} {
				q := newQuery("Get", col)
				err := searchIn{Query: text, SearchIn: []string{name}}.near(q, mode)
				if err != nil {
					q = newQuery("Get", col)
					err = searchIn{Query: text}.near(q, mode)
				}
				if err == nil {
					selection, err := s.narrow(q, filters[n:], n == 0, []string{name}, "")
					keep(q, selection, err)
				}
			}
			listed, err := s.listing(col, listObjectsIn{Filters: filters[n:], SortBy: name})
			if err == nil {
				keep(listed.query, listed.selected, nil)
			}
			q := newQuery("Aggregate", col)
			where, err := col.where(filters[n:], false, moment)
			if err == nil {
				q.where(where)
				q.tenant(text)
				selection, err := aggregateIn{GroupBy: name, Figures: []string{name}}.selection(q)
				keep(q, selection, err)
			}
		}
		for i, q := range all {
			sent := q.with(selected[i])
			checkQuery(t, sent, q.values, col)
			body, err := json.Marshal(graphQL{sent, q.values})
			if err != nil {
				t.Fatal(err)
			}
			r := httptest.NewRequest(http.MethodPost, "/v1/graphql", bytes.NewReader(body))
			r.Header.Set("Authorization", "Bearer "+d.Secret)
			rec := httptest.NewRecorder()
			d.ServeHTTP(rec, r)
			if answer := rec.Body.String(); strings.Contains(answer, "Syntax Error") || strings.Contains(answer, "Variable") || answer == "" {
				t.Errorf("%s for %s", answer, body)
			}
		}
	})
}
