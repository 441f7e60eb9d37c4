package notion

import (
	"context"
	"net/url"
	"strings"

	"toolvault/tools"
	"toolvault/tools/upstream"
)

func (s *service) queryTools() []tools.Tool {
	return []tools.Tool{tools.New("notion_query_data_source", s.query)}
}

type queryIn struct {
	Source     string     `json:"data_source"`
	Filters    conditions `json:"filters"`
	Match      string     `json:"match"` // "all" or "any"
	Sort       []string   `json:"sort"`  // names, "-" before one that descends
	Properties []string   `json:"properties"`
	Limit      int        `json:"limit"`
	Cursor     string     `json:"cursor"`
}

// Rows is a page of a data source.
type Rows struct {
	ID   string `json:"data_source_id"`
	Rows []Row  `json:"rows"`
	Next string `json:"next_cursor,omitempty"`
	Note string `json:"note,omitempty"`
}

// Row is a page of a data source with its values.
type Row struct {
	ID     string `json:"id"`
	Title  string `json:"title"`
	URL    string `json:"url,omitempty"`
	Values Values `json:"properties"`
}

// Text is one line a row.
func (r Rows) Text() string {
	lines := []string{"Data source " + r.ID}
	for _, row := range r.Rows {
		lines = append(lines, "- "+upstream.Quote(row.Title)+" "+row.ID+" "+row.Values.line())
	}
	if len(r.Rows) == 0 {
		lines = append(lines, "No rows.")
	}
	return listed(lines, "", r.Next, r.Note)
}

func (s *service) query(ctx context.Context, c *upstream.Client, in queryIn) (Rows, error) {
	var out Rows
	err := s.using(ctx, c, in.Source, func(src *source) error {
		var err error
		out, err = s.rows(ctx, c, src, in)
		return err
	})
	return out, err
}

func (s *service) rows(ctx context.Context, c *upstream.Client, src *source, in queryIn) (Rows, error) {
	out := Rows{ID: src.ID, Rows: []Row{}}
	body := map[string]any{}
	filter, err := s.filter(ctx, c, src, in.Filters.Value, in.Match == "any")
	if err != nil {
		return out, err
	}
	if filter != nil {
		body["filter"] = filter
	}
	if sorts, err := src.sorts(in.Sort); err != nil {
		return out, err
	} else if len(sorts) > 0 {
		body["sorts"] = sorts
	}
	only := url.Values{}
	for _, word := range in.Properties {
		p, err := src.column(word)
		if err != nil {
			return out, err
		}
		only.Add("filter_properties", p.id)
	}
	if len(only) > 0 {
		only.Add("filter_properties", src.titleColumn().id)
	}
	marks := in
	marks.Source, marks.Cursor, marks.Limit = src.ID, "", 0
	at, err := tools.OpenPosition(marks, in.Cursor)
	if err != nil {
		return out, err
	}
	body["page_size"] = size(at, in.Limit)
	if at.Cursor != "" {
		body["start_cursor"] = at.Cursor
	}
	var list pageList[pageModel]
	if err := c.Do(ctx, upstream.Request{Method: "POST", Path: "/data_sources/" + src.ID + "/query", Query: only, JSON: body, Read: true, Fault: readContent.judge}, &list); err != nil {
		return out, err
	}
	all, note := []Row{}, ""
	for _, p := range list.Results {
		values, short := shownValues(p.Properties)
		if short != "" {
			note = short
		}
		all = append(all, Row{ID: upstream.Clean(p.ID, 60), Title: p.title(), URL: link(p.URL), Values: values})
	}
	out.Rows, out.Next = tools.Page(marks, at, all, in.Limit, list.next())
	switch {
	case list.Request.Type == "incomplete":
		out.Note = "Notion gives 10,000 rows of a query at most, and there are more. Narrow the filters."
	case note != "":
		out.Note = note
	case len(out.Rows) == 0 && filter != nil:
		out.Note = "Nothing matches these filters."
	}
	return out, nil
}

// sorts are what to sort by, most important first.
func (src *source) sorts(words []string) ([]any, error) {
	var out []any
	for _, word := range words {
		name, descending := strings.CutPrefix(strings.TrimSpace(word), "-")
		direction := "ascending"
		if descending {
			direction = "descending"
		}
		p, err := src.compared(name)
		if err != nil && descending { // the name may begin with it
			if q, other := src.column(word); other == nil {
				p, direction, err = q, "ascending", nil
			}
		}
		if err != nil {
			return nil, err
		}
		if p.id == "" && stamp(p.name) {
			out = append(out, map[string]string{"timestamp": p.name, "direction": direction})
			continue
		}
		out = append(out, map[string]string{"property": p.name, "direction": direction})
	}
	return out, nil
}
