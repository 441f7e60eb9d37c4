package metabase

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

func (s *service) questionWriteTools() []tools.Tool {
	return []tools.Tool{
		tools.New("metabase_create_question", s.createQuestion),
		tools.New("metabase_update_question", s.updateQuestion),
	}
}

type createQuestionIn struct {
	Name        string            `json:"name"`
	Type        string            `json:"type"`
	Database    ref               `json:"database"`
	SQL         string            `json:"sql"`
	Parameters  map[string]string `json:"parameters"` // of the SQL: text, number, date
	Query       json.RawMessage   `json:"query"`
	Display     string            `json:"display"`
	Settings    json.RawMessage   `json:"settings"`
	Collection  ref               `json:"collection"`
	Dashboard   ref               `json:"dashboard"`
	Description string            `json:"description"`
}

func (s *service) createQuestion(ctx context.Context, c *upstream.Client, in createQuestionIn) (Saved, error) {
	if (in.SQL == "") == (len(in.Query) == 0) {
		return Saved{}, fault.Wrong("Give either sql, with database, or query.")
	}
	if in.Collection != "" && in.Dashboard != "" {
		return Saved{}, fault.Wrong("Give either collection or dashboard: a question on a dashboard only is in none.")
	}
	body := map[string]any{"name": in.Name, "display": in.Display, "type": in.Type, "visualization_settings": orEmpty(in.Settings)}
	var err error
	if in.SQL != "" {
		var parameters []map[string]any
		if body["dataset_query"], parameters, err = s.sqlQuestion(ctx, c, in.Database, in.SQL, in.Parameters, nil); err != nil {
			return Saved{}, err
		}
		if len(parameters) > 0 {
			body["parameters"] = parameters
		}
	} else if body["dataset_query"], err = s.builtQuestion(ctx, c, in.Query, in.Database, in.Type); err != nil {
		return Saved{}, err
	}
	if in.SQL != "" && in.Type == "metric" {
		return Saved{}, fault.Wrong("A metric is made from query, with one aggregation, and not from SQL.")
	}
	if in.Description != "" {
		body["description"] = in.Description
	}
	switch {
	case in.Dashboard != "":
		id, err := s.dashboard(ctx, c, in.Dashboard)
		if err != nil {
			return Saved{}, err
		}
		if !c.Allows("dashboard.write") {
			return Saved{}, lacks("dashboard.write", "To put a question on a dashboard")
		}
		body["dashboard_id"] = id
	case in.Collection != "":
		id, err := s.collection(ctx, c, in.Collection)
		if err != nil {
			return Saved{}, err
		}
		body["collection_id"] = orNull(id)
	}
	var m cardModel
	if err := c.Do(ctx, upstream.Request{Path: "/api/card", JSON: body}, &m); err != nil {
		return Saved{}, err
	}
	out := savedQuestion(c, m)
	if m.DashboardID != nil {
		out.Note = fmt.Sprintf("It is on dashboard %d only.", *m.DashboardID)
	}
	return out, nil
}

func savedQuestion(c *upstream.Client, m cardModel) Saved {
	return Saved{
		ID: m.ID, Model: m.model(), Name: upstream.Clean(m.Name, 254), Description: upstream.CleanLines(m.Description, maxDescription),
		Collection: value(m.CollectionID), CollectedIn: upstream.Clean(m.Collection.Name, 254), Link: link(c, m.model(), m.ID),
	}
}

func orEmpty(raw json.RawMessage) any {
	if len(raw) == 0 {
		return map[string]any{}
	}
	return raw
}

func lacks(scope, todo string) error {
	f := fault.New(fault.NotPermitted, "%s the scope metabase:%s is needed too, which this call has not. An admin can grant it.", todo, scope)
	f.NotSent, f.Needed = true, []string{scope}
	return f
}

// sqlQuestion is the query of a question in SQL. Who saves SQL could run it, by
// running the question, so it needs sql.run and passes the same guard. Tags that
// were there stay as they are.
func (s *service) sqlQuestion(ctx context.Context, c *upstream.Client, database ref, sql string, kinds map[string]string, old map[string]json.RawMessage) (dataset, []map[string]any, error) {
	if !c.Allows("sql.run") {
		return dataset{}, nil, lacks("sql.run", "To save SQL")
	}
	params, err := guard(sql)
	if err != nil {
		return dataset{}, nil, err
	}
	for _, n := range slices.Sorted(maps.Keys(kinds)) {
		if !slices.Contains(params, n) {
			return dataset{}, nil, refuseParameter("There is no {{%s}} in the SQL.", n)
		}
	}
	if database == "" {
		return dataset{}, nil, fault.Wrong("Which database? SQL needs database, its id or its name.")
	}
	id, err := s.database(ctx, c, database)
	if err != nil {
		return dataset{}, nil, err
	}
	q := dataset{Database: id, Type: "native", Native: native{Query: sql, Tags: map[string]any{}}}
	var parameters []map[string]any
	for _, n := range params {
		if raw, ok := old[n]; ok && kinds[n] == "" {
			q.Native.Tags[n] = raw
			continue
		}
		kind := kinds[n]
		if kind == "" {
			kind = "text"
		}
		t := tag{ID: "tag-" + shortHash(n), Name: n, DisplayName: strings.ReplaceAll(n, "_", " "), Type: kind}
		q.Native.Tags[n] = t
		operator := map[string]string{"text": "category", "number": "number/=", "date": "date/single"}[kind]
		parameters = append(parameters, map[string]any{"id": t.ID, "name": t.DisplayName, "slug": n, "type": operator, "target": variable(n)})
	}
	return q, parameters, nil
}

// builtQuestion is the query of a question without SQL.
func (s *service) builtQuestion(ctx context.Context, c *upstream.Client, raw json.RawMessage, database ref, kind string) (map[string]any, error) {
	var spec struct {
		querySpec
		Limit int `json:"limit"`
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&spec); err != nil {
		return nil, fault.Wrong("query takes table, database, fields, filter, aggregation, breakout, order, limit and mbql, as metabase_run_query: %s.", upstream.Clean(strings.TrimPrefix(err.Error(), "json: "), 120))
	}
	for _, f := range spec.Filter {
		if f.Op != "" && !slices.Contains(filterOps, f.Op) {
			return nil, fault.Wrong("query.filter: there is no op %q; there are %s.", upstream.Clean(f.Op, 40), strings.Join(filterOps, ", "))
		}
	}
	switch {
	case spec.Database == "":
		spec.Database = database
	case database != "" && spec.Database != database:
		return nil, fault.Wrong("query.database is %s, and database %s. Give one of them.", upstream.Clean(string(spec.Database), 80), upstream.Clean(string(database), 80))
	}
	if spec.Limit < 0 || spec.Limit > 1_000_000 {
		return nil, fault.Wrong("query.limit has to be between 1 and 1000000.")
	}
	b, err := s.build(ctx, c, spec.querySpec)
	if err != nil {
		return nil, err
	}
	if kind == "metric" && !b.counted && b.outer == nil {
		return nil, fault.Wrong("A metric needs one aggregation, such as count or sum(amount).")
	}
	return b.body(spec.Limit), nil
}

// displays are how a question can be shown, as metabase_create_question lists them.
var displays = []string{"table", "bar", "line", "area", "pie", "row", "scalar", "smartscalar", "gauge", "progress", "funnel", "combo", "scatter", "map", "pivot"}

type updateQuestionIn struct {
	ID          ref             `json:"id"`
	Name        *string         `json:"name"`
	Description *string         `json:"description"`
	SQL         string          `json:"sql"`
	Query       json.RawMessage `json:"query"`
	Display     string          `json:"display"`
	Settings    json.RawMessage `json:"settings"`
	Collection  ref             `json:"collection"`
}

// updateQuestion sends only what is to change, and reads the question before where
// a part of it has to stay: the tags of the SQL, the other settings.
func (s *service) updateQuestion(ctx context.Context, c *upstream.Client, in updateQuestionIn) (Saved, error) {
	id, err := s.question(ctx, c, in.ID)
	if err != nil {
		return Saved{}, err
	}
	if in.SQL != "" && len(in.Query) > 0 {
		return Saved{}, fault.Wrong("Give either sql or query.")
	}
	body := map[string]any{}
	if in.Name != nil {
		body["name"] = *in.Name
	}
	if in.Description != nil {
		body["description"] = *in.Description
	}
	if in.Display != "" {
		if !slices.Contains(displays, in.Display) {
			return Saved{}, fault.Wrong("display: there is no %q; there are %s.", upstream.Clean(in.Display, 40), strings.Join(displays, ", "))
		}
		body["display"] = in.Display
	}
	if in.Collection != "" {
		collection, err := s.collection(ctx, c, in.Collection)
		if err != nil {
			return Saved{}, err
		}
		body["collection_id"] = orNull(collection)
	}
	if in.SQL != "" || len(in.Query) > 0 || len(in.Settings) > 0 {
		if err := s.requery(ctx, c, id, in, body); err != nil {
			return Saved{}, err
		}
	}
	if len(body) == 0 {
		return Saved{}, fault.Wrong("There is nothing to change: give name, description, sql, query, display, settings or collection.")
	}
	var m cardModel
	if err := c.Do(ctx, upstream.Request{Method: http.MethodPut, Path: cardPath(id), JSON: body}, &m); err != nil {
		return Saved{}, err
	}
	sql, _, _ := m.Query.native()
	if in.Name != nil && strings.TrimSpace(m.Name) != strings.TrimSpace(*in.Name) || in.SQL != "" && strings.TrimSpace(sql) != strings.TrimSpace(in.SQL) ||
		in.Display != "" && m.Display != in.Display {
		return Saved{}, unlike("question", id, "metabase_get_question")
	}
	return savedQuestion(c, m), nil
}

// requery adds a new query and merged settings to the body of a change.
func (s *service) requery(ctx context.Context, c *upstream.Client, id int64, in updateQuestionIn, body map[string]any) error {
	raw, err := getCard(ctx, c, id)
	if err != nil {
		return err
	}
	database := ref(fmt.Sprint(max(value(raw.DatabaseID), raw.Query.Database)))
	switch {
	case in.SQL != "":
		_, tags, _ := raw.Query.native()
		q, added, err := s.sqlQuestion(ctx, c, database, in.SQL, nil, tags)
		if err != nil {
			return err
		}
		body["dataset_query"] = q
		body["parameters"] = keptParameters(raw, q, added)
	case len(in.Query) > 0:
		q, err := s.builtQuestion(ctx, c, in.Query, database, raw.Type)
		if err != nil {
			return err
		}
		body["dataset_query"] = q
	}
	if len(in.Settings) > 0 {
		var changed map[string]json.RawMessage
		if json.Unmarshal(in.Settings, &changed) != nil {
			return fault.Wrong("settings has to be an object.")
		}
		merged := maps.Clone(raw.Settings)
		if merged == nil {
			merged = map[string]json.RawMessage{}
		}
		maps.Copy(merged, changed)
		body["visualization_settings"] = merged
	}
	return nil
}

// keptParameters are the question's parameters that the new SQL still has, as they
// came, and those of its new tags.
func keptParameters(m cardModel, q dataset, added []map[string]any) []any {
	list := []any{}
	for _, p := range m.Parameters {
		if _, ok := q.Native.Tags[p.Slug]; ok {
			list = append(list, p.raw)
		}
	}
	for _, p := range added {
		list = append(list, p)
	}
	return list
}
