package notion

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"unicode/utf8"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

func (s *service) pageTools() []tools.Tool {
	return []tools.Tool{
		tools.New("notion_create_page", s.createPage),
		tools.New("notion_update_page", s.updatePage),
		tools.New("notion_move_page", s.movePage),
		tools.New("notion_trash_page", s.trashPage),
	}
}

// Changed is a page as it is after a change.
type Changed struct {
	Page
	Did string `json:"did"`
}

// Text is one line.
func (p Changed) Text() string {
	text := p.Did + ": " + p.line()
	if p.URL != "" {
		text += " " + p.URL
	}
	return text
}

type createIn struct {
	Parent     string `json:"parent"`
	Title      string `json:"title"`
	Properties given  `json:"properties"`
	Markdown   string `json:"markdown"`
	Icon       string `json:"icon"`
}

func (s *service) createPage(ctx context.Context, c *upstream.Client, in createIn) (Changed, error) {
	parts, err := split(in.Markdown, bounds{maxPartLines, maxPartBytes})
	if err != nil {
		return Changed{}, err
	}
	row := len(in.Properties.Value) > 0
	to, err := s.into(ctx, c, in.Parent, row)
	if err != nil {
		return Changed{}, err
	}
	heading := property{name: "title", kind: "title"}
	properties := map[string]any{}
	switch {
	case to.source != nil:
		heading = to.source.titleColumn()
		err = s.using(ctx, c, in.Parent, func(src *source) error {
			to.source = src
			properties, err = s.written(ctx, c, src, in.Properties.Value)
			return err
		})
	case row:
		err = fault.Wrong("Only rows of a data source have properties; the parent here is a page. Give the data source as parent, or put it in the text.")
	}
	if err != nil {
		return Changed{}, err
	}
	if in.Title != "" || properties[heading.name] == nil {
		if in.Title == "" {
			return Changed{}, fault.Wrong("The page needs a title.")
		}
		pieces, err := rich("title", in.Title)
		if err != nil {
			return Changed{}, err
		}
		properties[heading.name] = map[string]any{"title": pieces}
	}
	body := map[string]any{"parent": to.parent(), "properties": properties}
	if in.Icon != "" {
		body["icon"] = map[string]string{"type": "emoji", "emoji": in.Icon}
	}
	if len(parts) > 0 {
		body["markdown"], body["markdown_version"] = parts[0].text, markdownVersion
	}
	var p pageModel
	if err := c.Do(ctx, upstream.Request{Method: http.MethodPost, Path: "/pages", JSON: body, Fault: insertContent.judge}, &p); err != nil {
		return Changed{}, err
	}
	id, ok := bareID(p.ID)
	if !ok || p.Object != "page" {
		return Changed{}, unseen("the new page")
	}
	if len(parts) > 1 {
		if _, err := insert(ctx, c, id, parts[1:], "end", 1, len(parts)); err != nil {
			return Changed{}, err
		}
	}
	out := Changed{Page: p.brief(), Did: "Created"}
	if out.Title == "" {
		out.Title = upstream.Clean(in.Title, 300)
	}
	if len(parts) > 1 {
		out.Did = fmt.Sprintf("Created, in %d requests", len(parts))
	}
	return out, nil
}

type updateIn struct {
	Page       string `json:"page"`
	Title      string `json:"title"`
	Properties given  `json:"properties"`
	Icon       string `json:"icon"`
	Locked     *bool  `json:"locked"`
}

func (s *service) updatePage(ctx context.Context, c *upstream.Client, in updateIn) (Changed, error) {
	if in.Title == "" && len(in.Properties.Value) == 0 && in.Icon == "" && in.Locked == nil {
		return Changed{}, fault.Wrong("Nothing to change: give title, properties, icon or locked.")
	}
	id, err := s.page(ctx, c, in.Page)
	if err != nil {
		return Changed{}, err
	}
	body, properties := map[string]any{}, map[string]any{}
	if len(in.Properties.Value) > 0 {
		p, err := getPage(ctx, c, id)
		if err != nil {
			return Changed{}, err
		}
		if p.Parent.DataSourceID == "" {
			return Changed{}, fault.Wrong("%s is not a row of a data source, so it has no properties but its title. Use title, or notion_edit_page for its text.", upstream.Quote(p.title()))
		}
		err = s.using(ctx, c, p.Parent.DataSourceID, func(src *source) error {
			properties, err = s.written(ctx, c, src, in.Properties.Value)
			return err
		})
		if err != nil {
			return Changed{}, err
		}
	}
	if in.Title != "" {
		pieces, err := rich("title", in.Title)
		if err != nil {
			return Changed{}, err
		}
		properties["title"] = map[string]any{"title": pieces} // the id of a title, whatever it is called
	}
	if len(properties) > 0 {
		body["properties"] = properties
	}
	if in.Icon != "" {
		body["icon"] = map[string]string{"type": "emoji", "emoji": in.Icon}
	}
	if in.Locked != nil {
		body["is_locked"] = *in.Locked
	}
	p, err := altered(ctx, c, upstream.Request{Method: http.MethodPatch, Path: "/pages/" + id, JSON: body})
	return Changed{Page: p.brief(), Did: "Changed"}, err
}

func getPage(ctx context.Context, c *upstream.Client, id string) (pageModel, error) {
	var p pageModel
	err := c.Do(ctx, upstream.Request{Path: "/pages/" + id, Read: true, Fault: readContent.judge}, &p)
	if err == nil && (p.Object != "page" || p.ID == "") {
		err = strange("the page")
	}
	return p, err
}

// altered makes a request that answers the page as it is then.
func altered(ctx context.Context, c *upstream.Client, req upstream.Request) (pageModel, error) {
	req.Fault = updateContent.judge
	var p pageModel
	err := c.Do(ctx, req, &p)
	if err == nil && (p.Object != "page" || p.ID == "") {
		err = unseen("the page")
	}
	return p, err
}

type trashIn struct {
	Page    string `json:"page"`
	Restore bool   `json:"restore"`
}

func (s *service) trashPage(ctx context.Context, c *upstream.Client, in trashIn) (Changed, error) {
	id, err := s.page(ctx, c, in.Page)
	if err != nil {
		return Changed{}, err
	}
	p, err := altered(ctx, c, upstream.Request{Method: http.MethodPatch, Path: "/pages/" + id, JSON: map[string]any{"in_trash": !in.Restore}})
	if err == nil && p.Trashed != nil && *p.Trashed == in.Restore {
		err = unseen("a page in the state that was asked for")
	}
	out := Changed{Page: p.brief(), Did: "Moved to the trash"}
	if in.Restore {
		out.Did = "Restored"
	}
	return out, err
}

type moveIn struct {
	Page   string `json:"page"`
	Parent string `json:"parent"`
}

func (s *service) movePage(ctx context.Context, c *upstream.Client, in moveIn) (Changed, error) {
	id, err := s.page(ctx, c, in.Page)
	if err != nil {
		return Changed{}, err
	}
	to, err := s.into(ctx, c, in.Parent, false)
	if err != nil {
		return Changed{}, err
	}
	if to.page == id {
		return Changed{}, fault.Wrong("A page cannot be moved into itself.")
	}
	p, err := altered(ctx, c, upstream.Request{Method: http.MethodPost, Path: "/pages/" + id + "/move", JSON: map[string]any{"parent": to.parent()}})
	return Changed{Page: p.brief(), Did: "Moved"}, err
}

type readIn struct {
	Page       string `json:"page"`
	Properties bool   `json:"include_properties"`
	Offset     int    `json:"offset"`
	Most       int    `json:"max_chars"`
}

// Read is a page and a stretch of its text.
type Read struct {
	ID       string   `json:"id"`
	Title    string   `json:"title,omitempty"`
	URL      string   `json:"url,omitempty"`
	Parent   string   `json:"parent,omitempty"`
	Edited   string   `json:"edited,omitempty"`
	Trash    bool     `json:"in_trash,omitempty"`
	Values   Values   `json:"properties,omitempty"`
	Markdown string   `json:"markdown"`
	Total    int      `json:"total_chars"`
	Next     int      `json:"next_offset,omitempty"` // where the text goes on
	Unknown  []string `json:"unknown_block_ids,omitempty"`
	Note     string   `json:"note,omitempty"`
}

// Text is what a person would read.
func (r Read) Text() string {
	p := Page{ID: r.ID, Title: r.Title, Parent: r.Parent, Edited: r.Edited, Trash: r.Trash}
	lines := []string{p.line()}
	if len(r.Values) > 0 {
		lines = append(lines, r.Values.line())
	}
	lines = append(lines, upstream.Quote(r.Markdown))
	if len(r.Unknown) > 0 {
		lines = append(lines, "Not shown, blocks "+strings.Join(r.Unknown, ", "))
	}
	if r.Next > 0 {
		lines = append(lines, fmt.Sprintf("%d of %d characters; go on with offset %d", r.Next, r.Total, r.Next))
	}
	return listed(lines, "", "", r.Note)
}

const maxUnknown = 50 // ids of blocks that are named

func (s *service) readPage(ctx context.Context, c *upstream.Client, in readIn) (Read, error) {
	id, err := s.page(ctx, c, in.Page)
	if err != nil {
		return Read{}, err
	}
	out := Read{ID: id}
	if in.Properties {
		p, err := getPage(ctx, c, id)
		if missing(err) {
			err = explained(err)
		}
		if err != nil {
			return Read{}, err
		}
		b := p.brief()
		out.Title, out.URL, out.Parent, out.Edited, out.Trash = b.Title, b.URL, b.Parent, b.Edited, b.Trash
		out.Values, out.Note = shownValues(p.Properties)
	}
	var m markdownModel
	err = c.Do(ctx, upstream.Request{
		Path: "/pages/" + id + "/markdown", Query: map[string][]string{"markdown_version": {markdownVersion}},
		Read: true, MaxBytes: maxMarkdown, Fault: readContent.judge,
	}, &m)
	if err == nil && m.Object != "page_markdown" {
		err = strange("the text of the page")
	}
	if err != nil {
		return Read{}, err
	}
	out.window(m.Markdown, in.Offset, in.Most)
	for _, b := range m.Unknown[:min(len(m.Unknown), maxUnknown)] {
		out.Unknown = append(out.Unknown, upstream.Clean(b, 60))
	}
	if m.Truncated || len(m.Unknown) > 0 {
		out.Note = "Blocks in <unknown> are not shown: too many for one answer, of a kind that has no Markdown, or not shared with the connection. Those of the first kind can be read by their ids with include_properties false."
	}
	return out, nil
}

// explained adds to a fault that a block is not read like a page.
func explained(err error) error {
	f := *fault.From(err)
	f.Message += " A block is read with include_properties false, a database by notion_query_data_source."
	return &f
}

const maxWindow = 40_000 // bytes of text in an answer

// window keeps so many characters of a text from an offset on, and no more than a model
// can take.
func (r *Read) window(markdown string, offset, most int) {
	r.Total = utf8.RuneCountInString(markdown)
	from := 0
	for range min(offset, r.Total) {
		_, n := utf8.DecodeRuneInString(markdown[from:])
		from += n
	}
	rest := markdown[from:]
	to := 0
	for n := 0; n < most && to < min(len(rest), maxWindow); n++ {
		_, size := utf8.DecodeRuneInString(rest[to:])
		to += size
	}
	if to < len(rest) {
		if cut := strings.LastIndexByte(rest[:to], '\n'); cut > to/2 { // at the end of a line, if that is near
			to = cut + 1
		}
		r.Next = min(offset, r.Total) + utf8.RuneCountInString(rest[:to])
	}
	r.Markdown = upstream.CleanLines(rest[:to], 2*most)
}
