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

func (s *service) contentTools() []tools.Tool {
	return []tools.Tool{
		tools.New("notion_append_page", s.appendPage),
		tools.New("notion_edit_page", s.editPage),
		tools.New("notion_replace_page", s.replacePage),
	}
}

// maxMarkdown bounds what the service answers to a write: the whole page.
const maxMarkdown = 32 << 20

type markdownModel struct {
	Object    string   `json:"object"`
	ID        string   `json:"id"`
	Markdown  string   `json:"markdown"`
	Truncated bool     `json:"truncated"`
	Unknown   []string `json:"unknown_block_ids"`
}

// Wrote is what was written to a page.
type Wrote struct {
	ID         string `json:"id"`
	Characters int    `json:"characters"`         // of what was sent
	Requests   int    `json:"requests,omitempty"` // where it took more than one
	Whole      int    `json:"page_characters"`    // of the page afterwards
}

// Text is one line.
func (w Wrote) Text() string {
	text := fmt.Sprintf("Wrote %d characters to page %s", w.Characters, w.ID)
	if w.Requests > 1 {
		text += fmt.Sprintf(" in %d requests, in order", w.Requests)
	}
	return text + fmt.Sprintf("; it has %d now", w.Whole)
}

// change makes one change to a page's Markdown.
func change(ctx context.Context, c *upstream.Client, id, kind string, what map[string]any) (markdownModel, error) {
	var m markdownModel
	err := c.Do(ctx, upstream.Request{
		Method: http.MethodPatch, Path: "/pages/" + id + "/markdown", MaxBytes: maxMarkdown, Fault: updateContent.judge,
		JSON: map[string]any{"type": kind, kind: what, "markdown_version": markdownVersion},
	}, &m)
	if err == nil && m.Object != "page_markdown" {
		err = unseen("the page")
	}
	return m, err
}

// insert puts parts on a page, one request each. At the start the last one goes
// first, so that they stand in order. done of them were written before, of all.
func insert(ctx context.Context, c *upstream.Client, id string, parts []part, at string, done, all int) (int, error) {
	whole := 0
	for i := range parts {
		p := parts[i]
		if at == "start" {
			p = parts[len(parts)-1-i]
		}
		m, err := change(ctx, c, id, "insert_content", map[string]any{"content": p.text, "position": map[string]string{"type": at}})
		if err != nil {
			return 0, partly(err, id, p, at, done+i, all)
		}
		whole = utf8.RuneCountInString(m.Markdown)
		c.Progress(float64(done+i+1), float64(all), "parts written")
	}
	return whole, nil
}

// partly is the fault of a part that failed after others were written.
func partly(err error, id string, p part, at string, done, all int) error {
	if done == 0 {
		return err
	}
	f := *fault.From(err)
	rest := fmt.Sprintf("from byte %d of the text on", p.from)
	if at == "start" {
		rest = fmt.Sprintf("up to byte %d of the text, with at start", p.to)
	}
	f.Message = fmt.Sprintf("Of %d parts, %d are on the page %s. The next one failed: %s To go on, look at the page and write the rest, %s (%s), with notion_append_page.", all, done, id, f.Message, rest, upstream.Quote(upstream.Clean(p.text, 60)))
	f.NotSent, f.Retryable = false, false
	return &f
}

type appendIn struct {
	Page     string `json:"page"`
	Markdown string `json:"markdown"`
	At       string `json:"at"`
}

func (s *service) appendPage(ctx context.Context, c *upstream.Client, in appendIn) (Wrote, error) {
	parts, err := parted(in.Markdown)
	if err != nil {
		return Wrote{}, err
	}
	id, err := s.page(ctx, c, in.Page)
	if err != nil {
		return Wrote{}, err
	}
	whole, err := insert(ctx, c, id, parts, in.At, 0, len(parts))
	return Wrote{ID: id, Characters: utf8.RuneCountInString(in.Markdown), Requests: len(parts), Whole: whole}, err
}

// parted is a Markdown in parts for one request each.
func parted(markdown string) ([]part, error) {
	if strings.TrimSpace(markdown) == "" {
		return nil, fault.Wrong("There is nothing to write: markdown is empty.")
	}
	return split(markdown, bounds{maxPartLines, maxPartBytes})
}

type replaceIn struct {
	Page     string `json:"page"`
	Markdown string `json:"markdown"`
	Deleting bool   `json:"allow_deleting_children"`
}

func (s *service) replacePage(ctx context.Context, c *upstream.Client, in replaceIn) (Wrote, error) {
	parts, err := split(in.Markdown, bounds{maxPartLines, maxPartBytes})
	if err != nil {
		return Wrote{}, err
	}
	if len(parts) == 0 {
		parts = []part{{}} // an empty page
	}
	id, err := s.page(ctx, c, in.Page)
	if err != nil {
		return Wrote{}, err
	}
	what := map[string]any{"new_str": parts[0].text}
	if in.Deleting {
		what["allow_deleting_content"] = true
	}
	m, err := change(ctx, c, id, "replace_content", what)
	if err != nil {
		return Wrote{}, err
	}
	whole := utf8.RuneCountInString(m.Markdown)
	if len(parts) > 1 {
		if whole, err = insert(ctx, c, id, parts[1:], "end", 1, len(parts)); err != nil {
			return Wrote{}, err
		}
	}
	return Wrote{ID: id, Characters: utf8.RuneCountInString(in.Markdown), Requests: len(parts), Whole: whole}, nil
}

type editIn struct {
	Page     string       `json:"page"`
	Edits    loose[edits] `json:"edits"`
	Deleting bool         `json:"allow_deleting_children"`
}

type edits []struct {
	Old string `json:"old"`
	New string `json:"new"`
	All bool   `json:"all"`
}

// Edited is a page after its text was changed in places.
type Edited struct {
	ID    string `json:"id"`
	Edits int    `json:"edits"`
	Whole int    `json:"page_characters"`
}

// Text is one line.
func (e Edited) Text() string {
	return fmt.Sprintf("Made %d edits on page %s; it has %d characters now", e.Edits, e.ID, e.Whole)
}

const (
	maxEdits = 20
	maxEdit  = 20_000 // characters of a text in an edit
)

func (s *service) editPage(ctx context.Context, c *upstream.Client, in editIn) (Edited, error) {
	var updates []any
	lines := 0
	for _, e := range in.Edits.Value {
		switch {
		case e.Old == "":
			return Edited{}, fault.Wrong("An edit needs old, the text that is there now. To add text use notion_append_page.")
		case e.Old == e.New:
			return Edited{}, fault.Wrong("In an edit old and new are the same.")
		case utf8.RuneCountInString(e.Old) > maxEdit || utf8.RuneCountInString(e.New) > maxEdit:
			return Edited{}, fault.Wrong("A text in an edit has more than %d characters.", maxEdit)
		}
		n, _ := counted(e.New)
		lines += n
		one := map[string]any{"old_str": e.Old, "new_str": e.New}
		if e.All {
			one["replace_all_matches"] = true
		}
		updates = append(updates, one)
	}
	switch {
	case len(updates) == 0 || len(updates) > maxEdits:
		return Edited{}, fault.Wrong("Give 1 to %d edits.", maxEdits)
	case lines > maxPartLines:
		return Edited{}, fault.Wrong("The edits have more than %d lines together, which Notion does not take at once. Make them in several calls.", maxPartLines)
	}
	id, err := s.page(ctx, c, in.Page)
	if err != nil {
		return Edited{}, err
	}
	what := map[string]any{"content_updates": updates}
	if in.Deleting {
		what["allow_deleting_content"] = true
	}
	m, err := change(ctx, c, id, "update_content", what)
	return Edited{ID: id, Edits: len(updates), Whole: utf8.RuneCountInString(m.Markdown)}, err
}
