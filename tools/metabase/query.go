package metabase

import (
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

// maxAnswer bounds what is read of a query's answer; a card takes no limit.
const maxAnswer = 16 << 20

type runSQLIn struct {
	Database   int64                      `json:"database"`
	SQL        string                     `json:"sql"`
	Parameters map[string]json.RawMessage `json:"parameters"`
	Limit      int                        `json:"limit"`
}

// The body of POST /api/dataset.
type (
	dataset struct {
		Database    int64          `json:"database"`
		Type        string         `json:"type"`
		Native      native         `json:"native"`
		Parameters  []setting      `json:"parameters,omitempty"`
		Constraints map[string]int `json:"constraints"`
	}
	native struct {
		Query string         `json:"query"`
		Tags  map[string]tag `json:"template-tags,omitempty"`
	}
	tag struct {
		ID          string `json:"id"`
		Name        string `json:"name"`
		DisplayName string `json:"display-name"`
		Type        string `json:"type"` // text, number
	}
	setting struct {
		ID     string          `json:"id,omitempty"`
		Type   string          `json:"type"`
		Target json.RawMessage `json:"target,omitempty"`
		Value  json.RawMessage `json:"value"`
	}
)

// runSQL runs a query that the guard has let through. It is not marked as a
// read: the guard is careful, and a query that failed half way is not run twice.
func runSQL(ctx context.Context, c *upstream.Client, in runSQLIn) (Rows, error) {
	names, err := guard(in.SQL)
	if err != nil {
		return Rows{}, err
	}
	for n := range in.Parameters {
		if !slices.Contains(names, n) {
			return Rows{}, refuseParameter("There is no {{%s}} in the SQL.", n)
		}
	}
	// One row more than asked for shows whether there are more.
	q := dataset{
		Database: in.Database, Type: "native", Native: native{Query: in.SQL},
		Constraints: map[string]int{"max-results": in.Limit + 1, "max-results-bare-rows": in.Limit + 1},
	}
	for _, n := range names {
		value, ok := in.Parameters[n]
		if !ok {
			return Rows{}, refuseParameter("The SQL has {{%s}}, and parameters gives it no value.", n)
		}
		kind, operator := "text", "category"
		if value[0] != '"' {
			kind, operator = "number", "number/="
		}
		if q.Native.Tags == nil {
			q.Native.Tags = map[string]tag{}
		}
		q.Native.Tags[n] = tag{ID: n, Name: n, DisplayName: n, Type: kind}
		q.Parameters = append(q.Parameters, setting{ID: n, Type: operator, Target: variable(n), Value: value})
	}
	var rows *reading
	err = c.Do(ctx, upstream.Request{
		Path: "/api/dataset", JSON: q, MaxBytes: maxAnswer,
		Stream: func(r io.Reader) (err error) {
			rows, err = readRows(r, in.Limit, 0)
			return err
		},
	}, nil)
	if err != nil {
		return Rows{}, err
	}
	return rows.answer(nil), nil
}

func refuseParameter(format string, args ...any) error {
	f := fault.New(fault.InvalidArguments, format, args...)
	f.NotSent = true
	return f
}

// variable is the target of a value for a template tag.
func variable(name string) json.RawMessage {
	b, _ := json.Marshal([]any{"variable", []any{"template-tag", name}})
	return b
}

type runQuestionIn struct {
	ID         int64                      `json:"id"`
	Parameters map[string]json.RawMessage `json:"parameters"`
	Limit      int                        `json:"limit"`
}

// cardModel is a question, what is used of it.
type cardModel struct {
	Name       string `json:"name"`
	Type       string `json:"type"`
	Parameters []struct {
		ID     string          `json:"id"`
		Slug   string          `json:"slug"`
		Type   string          `json:"type"`
		Target json.RawMessage `json:"target"`
	} `json:"parameters"`
	Columns []column `json:"result_metadata"` // of an earlier run; may be absent
	Query   struct {
		Native struct {
			Tags map[string]struct {
				ID   string `json:"id"`
				Type string `json:"type"`
				Kind string `json:"widget-type"`
			} `json:"template-tags"`
		} `json:"native"`
	} `json:"dataset_query"`
}

// runQuestion first looks at the question: for the targets of its parameters,
// and for its columns, so that reading can stop after the rows that were asked
// for although Metabase sends the columns after the rows.
func runQuestion(ctx context.Context, c *upstream.Client, in runQuestionIn) (Rows, error) {
	path := "/api/card/" + strconv.FormatInt(in.ID, 10)
	var card cardModel
	if err := c.Get(ctx, path, url.Values{"legacy-mbql": {"true"}}, &card); err != nil {
		return Rows{}, err
	}
	settings, err := card.settings(in.Parameters)
	if err != nil {
		return Rows{}, err
	}
	var rows *reading
	err = c.Do(ctx, upstream.Request{
		Path: path + "/query", Read: true, MaxBytes: maxAnswer,
		JSON: map[string]any{"ignore_cache": false, "parameters": settings},
		Stream: func(r io.Reader) (err error) {
			rows, err = readRows(r, in.Limit, len(card.Columns))
			return err
		},
	}, nil)
	if err != nil {
		return Rows{}, err
	}
	out := rows.answer(card.Columns)
	out.Question = upstream.Clean(card.Name, 254)
	model := "card"
	switch card.Type {
	case "model":
		model = "dataset"
	case "metric":
		model = "metric"
	}
	out.Link = link(c, model, in.ID)
	return out, nil
}

// settings turns {slug: value} into what the API takes.
func (m cardModel) settings(values map[string]json.RawMessage) ([]setting, error) {
	known := map[string]setting{}
	for slug, t := range m.Query.Native.Tags {
		s := setting{ID: t.ID, Type: t.Kind, Target: variable(slug)}
		switch t.Type {
		case "dimension":
			s.Target, _ = json.Marshal([]any{"dimension", []any{"template-tag", slug}})
		case "number":
			s.Type = "number/="
		case "date":
			s.Type = "date/single"
		}
		if s.Type == "" {
			s.Type = "category"
		}
		known[slug] = s
	}
	for _, p := range m.Parameters {
		known[p.Slug] = setting{ID: p.ID, Type: p.Type, Target: p.Target}
	}
	all := []setting{}
	for _, slug := range slices.Sorted(maps.Keys(values)) {
		s, ok := known[slug]
		if !ok {
			names := slices.Sorted(maps.Keys(known))
			for i, n := range names {
				names[i] = upstream.Clean(n, 60)
			}
			if len(names) == 0 {
				return nil, refuseParameter("The question takes no parameters.")
			}
			return nil, refuseParameter("The question has no parameter %q; it has: %s.", slug, upstream.Clean(strings.Join(names, ", "), maxSaid))
		}
		s.Value = values[slug]
		all = append(all, s)
	}
	return all, nil
}
