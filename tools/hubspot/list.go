package hubspot

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"toolvault/tools"
	"toolvault/tools/upstream"
)

type listObjectsIn struct {
	ObjectType   string   `json:"object_type"`
	Properties   []string `json:"properties"`
	Associations []string `json:"associations"`
	Archived     bool     `json:"archived"`
	Limit        int      `json:"limit"`
	Cursor       string   `json:"cursor"`
}

// Listed is a page of records of a type.
type Listed struct {
	Results []Record `json:"results"`
	Next    string   `json:"next_cursor,omitempty"`
	Note    string   `json:"note,omitempty"`
}

// Text is one line a record.
func (l Listed) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d records", len(l.Results))
	for _, r := range l.Results {
		b.WriteString("\n" + r.line())
	}
	return b.String() + more(l.Next, l.Note)
}

// listObjects reads records as they stand in the database: without filters, and
// without the delay with which a search finds them.
func (s *service) listObjects(ctx context.Context, c *upstream.Client, in listObjectsIn) (Listed, error) {
	k, err := s.kind(ctx, c, in.ObjectType)
	if err != nil {
		return Listed{}, err
	}
	associations, err := s.seen(ctx, c, in.Associations)
	if err != nil {
		return Listed{}, err
	}
	query := []any{"list_objects", k.name, in.Properties, in.Associations, in.Archived}
	at, err := tools.OpenPosition(query, in.Cursor)
	if err != nil {
		return Listed{}, err
	}
	params := url.Values{"limit": {strconv.Itoa(min(in.Limit+at.Skip, maxBatch))}, "properties": k.properties(in.Properties)}
	if len(associations) > 0 {
		params["associations"] = associations
	}
	if in.Archived {
		params.Set("archived", "true")
	}
	if at.Cursor != "" {
		params.Set("after", at.Cursor)
	}
	var got wireFound
	if err := c.Get(ctx, k.path(""), params, &got); err != nil {
		return Listed{}, err
	}
	got.Results = got.Results[:min(len(got.Results), maxBatch)]
	out := Listed{Results: []Record{}, Note: s.missing(ctx, c, k, unknown(in.Properties, got.Results))}
	page, next := tools.Page(query, at, s.records(ctx, c, k, got.Results, shortValue), in.Limit, got.Paging.Next.After)
	out.Results, out.Next = append(out.Results, page...), next
	return out, nil
}

// seen are the names of types whose associations are asked for, all of which the
// call may read.
func (s *service) seen(ctx context.Context, c *upstream.Client, words []string) ([]string, error) {
	var all []string
	for _, word := range words {
		k, err := s.kind(ctx, c, word)
		if err != nil {
			return nil, err
		}
		if err := readable(c, k); err != nil {
			return nil, err
		}
		all = append(all, k.name)
	}
	return all, nil
}
