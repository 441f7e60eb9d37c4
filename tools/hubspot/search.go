package hubspot

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

type searchObjectsIn struct {
	search
	Properties []string `json:"properties"`
	Sort       string   `json:"sort"`
	Limit      int      `json:"limit"`
	Cursor     string   `json:"cursor"`
}

const maxSearchPage = 200 // records of one answer of HubSpot's

type wireSearch struct {
	Query      string      `json:"query,omitempty"`
	Groups     []wireGroup `json:"filterGroups,omitempty"`
	Properties []string    `json:"properties,omitempty"`
	Sorts      []string    `json:"sorts,omitempty"` // "-createdate"; the description has texts, older pages objects
	Limit      int         `json:"limit"`
	After      string      `json:"after,omitempty"`
}

type wireFound struct {
	Total   int          `json:"total"`
	Results []wireRecord `json:"results"`
	Paging  wirePaging   `json:"paging"`
}

type wirePaging struct {
	Next struct {
		After string `json:"after"`
	} `json:"next"`
}

// Found is a page of records.
type Found struct {
	Total   int      `json:"total"`
	Results []Record `json:"results"`
	Next    string   `json:"next_cursor,omitempty"`
	Note    string   `json:"note,omitempty"`
}

// Text is one line a record.
func (f Found) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d of %d", len(f.Results), f.Total)
	for _, r := range f.Results {
		b.WriteString("\n" + r.line())
	}
	return b.String() + more(f.Next, f.Note)
}

// prepared is a search as HubSpot wants it.
func (s *service) prepared(ctx context.Context, c *upstream.Client, in search) (kind, wireSearch, error) {
	k, err := s.kind(ctx, c, in.ObjectType)
	if err != nil {
		return kind{}, wireSearch{}, err
	}
	req := wireSearch{Query: in.Query}
	req.Groups, err = s.groups(ctx, c, k, in)
	return k, req, err
}

// look makes one search. A filter on a property that there is not is explained.
func (s *service) look(ctx context.Context, c *upstream.Client, k kind, req wireSearch) (wireFound, error) {
	var got wireFound
	err := c.Do(ctx, upstream.Request{Path: k.path("search"), JSON: req, Read: true}, &got)
	if err != nil {
		given := map[string]string{}
		for _, g := range req.Groups {
			for _, f := range g.Filters {
				if !strings.HasPrefix(f.Property, "associations.") {
					given[f.Property] = ""
				}
			}
		}
		for _, sort := range req.Sorts {
			given[strings.TrimPrefix(sort, "-")] = ""
		}
		return got, s.explain(ctx, c, k, given, err)
	}
	return got, nil
}

// sorting reads an order: a property, or one from above with a minus before it or
// desc behind.
func sorting(word string) (string, error) {
	property, minus := strings.CutPrefix(strings.TrimSpace(word), "-")
	property, way, _ := strings.Cut(property, " ")
	switch way = strings.ToLower(strings.TrimSpace(way)); {
	case !isProperty(property) || way != "" && (minus || way != "asc" && way != "desc"):
		return "", fault.New(fault.InvalidArguments, "sort: %q is no order. Write one property, such as closedate, with a minus for the last first: -closedate.", upstream.Clean(word, 60))
	case minus || way == "desc":
		return "-" + property, nil
	}
	return property, nil
}

func (s *service) searchObjects(ctx context.Context, c *upstream.Client, in searchObjectsIn) (Found, error) {
	k, req, err := s.prepared(ctx, c, in.search)
	if err != nil {
		return Found{}, err
	}
	// What the caller said counts, not the times that it means just now.
	query := []any{"search_objects", k.name, in.Query, in.Filters, in.With, in.Sort, in.Properties}
	at, err := tools.OpenPosition(query, in.Cursor)
	if err != nil {
		return Found{}, err
	}
	req.Properties, req.After, req.Limit = k.properties(in.Properties), at.Cursor, in.Limit+at.Skip
	if in.Sort != "" {
		sort, err := sorting(in.Sort)
		if err != nil {
			return Found{}, err
		}
		req.Sorts = []string{sort}
	}
	from, _ := strconv.Atoi(at.Cursor)
	req.Limit = max(1, min(req.Limit, maxSearchPage, maxSearchable-from))
	got, err := s.look(ctx, c, k, req)
	if err != nil {
		return Found{}, err
	}
	got.Results = got.Results[:min(len(got.Results), req.Limit)]
	next := got.Paging.Next.After
	if n, err := strconv.Atoi(next); err == nil && n >= maxSearchable {
		next = ""
	}
	out := Found{Total: got.Total, Results: []Record{}}
	page, cursor := tools.Page(query, at, s.records(ctx, c, k, got.Results, shortValue), in.Limit, next)
	out.Results, out.Next = append(out.Results, page...), cursor
	out.Note = s.missing(ctx, c, k, unknown(in.Properties, got.Results))
	switch {
	case got.Total > maxSearchable:
		out.Note = notes(out.Note, fmt.Sprintf("one search pages through the first %d only: sort by hs_object_id and go on with a filter hs_object_id gt the last id, or narrow it", maxSearchable))
	case got.Total == 0 && len(in.Filters) == 0 && in.With == nil && in.Query != "":
		out.Note = notes(out.Note, "words are looked for in names, e-mails, phones and domains; a filter looks into any property, and hubspot_list_objects shows what is too new to be found")
	}
	return out, nil
}
