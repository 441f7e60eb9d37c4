package notion

import (
	"context"
	"encoding/json"
	"strings"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/names"
	"toolvault/tools/upstream"
)

func (s *service) searchTools() []tools.Tool {
	return []tools.Tool{tools.New("notion_search", s.search)}
}

type searchIn struct {
	Query  string `json:"query"`
	Type   string `json:"type"` // "page", "data_source" or "any"
	Limit  int    `json:"limit"`
	Cursor string `json:"cursor"`
}

// Found is a page of what a search found.
type Found struct {
	Results []Hit  `json:"results"`
	Next    string `json:"next_cursor,omitempty"`
	Note    string `json:"note,omitempty"`
}

// Hit is a page or a data source.
type Hit struct {
	Type string `json:"type"`
	Page
}

// Text is one line a hit.
func (f Found) Text() string {
	var lines []string
	for _, h := range f.Results {
		lines = append(lines, h.Type+" "+h.line())
	}
	return listed(lines, "Nothing found.", f.Next, f.Note)
}

// hitModel is a page or a data source, which has its title on its own.
type hitModel struct {
	page  pageModel
	title string
}

// UnmarshalJSON implements json.Unmarshaler: what the properties are differs.
func (h *hitModel) UnmarshalJSON(b []byte) error {
	var source struct {
		Object         string      `json:"object"`
		ID             string      `json:"id"`
		URL            string      `json:"url"`
		Title          []textModel `json:"title"`
		Parent         parentModel `json:"parent"`
		DatabaseParent parentModel `json:"database_parent"`
		Edited         string      `json:"last_edited_time"`
		Trashed        *bool       `json:"in_trash"`
	}
	if err := json.Unmarshal(b, &source); err != nil {
		return err
	}
	if source.Object == "page" {
		err := json.Unmarshal(b, &h.page)
		h.title = h.page.title()
		return err
	}
	h.page = pageModel{Object: source.Object, ID: source.ID, URL: source.URL, Parent: source.Parent, Edited: source.Edited, Trashed: source.Trashed}
	h.title = upstream.Clean(plain(source.Title), 300)
	return nil
}

// find makes one search, newest first.
func find(ctx context.Context, c *upstream.Client, query, kind, cursor string, size int) (pageList[hitModel], error) {
	body := map[string]any{"page_size": size}
	if query != "" {
		body["query"] = query
	}
	if kind == "page" || kind == "data_source" {
		body["filter"] = map[string]string{"property": "object", "value": kind}
	}
	if query == "" {
		body["sort"] = map[string]string{"timestamp": "last_edited_time", "direction": "descending"}
	}
	if cursor != "" {
		body["start_cursor"] = cursor
	}
	var list pageList[hitModel]
	err := c.Do(ctx, upstream.Request{Method: "POST", Path: "/search", JSON: body, Read: true, Fault: readContent.judge}, &list)
	return list, err
}

func (s *service) search(ctx context.Context, c *upstream.Client, in searchIn) (Found, error) {
	out := Found{Results: []Hit{}}
	query := searchIn{Query: in.Query, Type: in.Type}
	at, err := tools.OpenPosition(query, in.Cursor)
	if err != nil {
		return out, err
	}
	list, err := find(ctx, c, strings.TrimSpace(in.Query), in.Type, at.Cursor, size(at, in.Limit))
	if err != nil {
		return out, err
	}
	all := []Hit{}
	for _, h := range list.Results {
		p := h.page.brief()
		p.Title = h.title
		all = append(all, Hit{Type: kindOf(h.page.Object), Page: p})
	}
	out.Results, out.Next = tools.Page(query, at, all, in.Limit, list.next())
	switch {
	case list.Request.Type == "incomplete":
		out.Note = "Notion stopped looking before it had seen everything. Narrow the query."
	case len(out.Results) == 0:
		out.Note = "Only titles are searched, and only of what is shared with the connection. What is new may not be found for a while."
	}
	return out, nil
}

func kindOf(object string) string {
	if object == "page" || object == "data_source" || object == "database" {
		return object
	}
	return "other"
}

// page is the id of the page that a word means: an id, an address, or a title.
func (s *service) page(ctx context.Context, c *upstream.Client, word string) (string, error) {
	id, ok, err := parseID("page", word)
	if ok || err != nil {
		return id, err
	}
	return s.called(ctx, c, "page", word)
}

// called is the id of what has a title, of a kind: "page" or "data_source". Titles are
// told only to those who may read.
func (s *service) called(ctx context.Context, c *upstream.Client, kind, word string) (string, error) {
	if !c.Allows("content.read") {
		return "", lacking("content.read", "To find something by its title", "Give its id or address.")
	}
	key := c.CredentialKey() + "\x00" + kind + "\x00" + word
	return s.titles.Get(key, func() (string, error) {
		all, err := titled(ctx, c, kind, word)
		if err != nil {
			return "", err
		}
		one, err := names.Pick(strings.ReplaceAll(kind, "_", " "), word, all, "notion_search")
		if err != nil {
			return "", err
		}
		return one.ID, nil
	})
}

const maxTitles = 50 // that a word is looked for among

// titled are those whose titles have something of the word in them, or, where there
// are none, the newest, among which one may be like it.
func titled(ctx context.Context, c *upstream.Client, kind, word string) ([]names.Named, error) {
	for _, query := range []string{word, ""} {
		list, err := find(ctx, c, query, kind, "", maxTitles)
		if err != nil {
			return nil, err
		}
		var all []names.Named
		for _, h := range list.Results {
			if id, ok := bareID(h.page.ID); ok && h.title != "" && h.page.Object == kind {
				all = append(all, names.Named{ID: id, Name: h.title})
			}
		}
		if len(all) > 0 {
			return all, nil
		}
	}
	return nil, nil
}

// into is where something is put: a page, or a data source, whose schema is then
// known.
type into struct {
	page   string
	source *source
}

func (p into) parent() map[string]string {
	if p.source != nil {
		return map[string]string{"type": "data_source_id", "data_source_id": p.source.ID}
	}
	return map[string]string{"type": "page_id", "page_id": p.page}
}

// into finds out what a parent is. Neither an id nor a title tells: row says that a
// data source is more likely.
func (s *service) into(ctx context.Context, c *upstream.Client, word string, row bool) (into, error) {
	id, ok, err := parseID("parent", word)
	if err != nil {
		return into{}, err
	}
	asPage := func() (into, error) {
		if !ok {
			found, err := s.called(ctx, c, "page", word)
			return into{page: found}, err
		}
		_, err := getPage(ctx, c, id)
		if f := fault.From(err); f != nil && f.Kind == fault.NotPermitted {
			err = nil // a connection that may only write: whether it is a page shows then
		}
		return into{page: id}, err
	}
	asSource := func() (into, error) {
		src, err := s.source(ctx, c, word)
		return into{source: src}, err
	}
	ways := []func() (into, error){asPage, asSource}
	if row {
		ways = []func() (into, error){asSource, asPage}
	}
	p, err := ways[0]()
	if err == nil || !missing(err) {
		return p, err
	}
	if p, other := ways[1](); other == nil || !missing(other) {
		return p, other
	}
	return into{}, err // what the likelier one said
}

// missing reports whether there is no such thing.
func missing(err error) bool {
	f := fault.From(err)
	return f != nil && f.Kind == fault.NotFound
}
