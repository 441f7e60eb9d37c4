package slack

import (
	"context"
	"fmt"
	"strings"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/pattern"
	"toolvault/tools/upstream"
)

func (s *service) canvasTools() []tools.Tool {
	return []tools.Tool{
		tools.New("slack_create_canvas", s.createCanvas),
		tools.New("slack_read_canvas", s.readCanvas),
		tools.New("slack_update_canvas", s.updateCanvas),
	}
}

// document is how Slack takes Markdown.
type document struct {
	Type     string `json:"type"`
	Markdown string `json:"markdown"`
}

func markdown(text string) *document { return &document{"markdown", text} }

type createCanvasIn struct {
	Title   string `json:"title"`
	Content string `json:"content"`
	Channel string `json:"channel"`
}

// CreatedCanvas is a canvas that is there now.
type CreatedCanvas struct {
	ID      string `json:"canvas_id"`
	Title   string `json:"title"`
	URL     string `json:"url,omitempty"`
	Channel string `json:"channel,omitempty"`
}

// Text says which.
func (r CreatedCanvas) Text() string {
	t := "Created the canvas " + upstream.Quote(r.Title) + " (" + r.ID + ")"
	if r.Channel != "" {
		t += " in " + said(r.Channel)
	}
	if r.URL != "" {
		t += ", " + r.URL
	}
	return t
}

// createCanvas makes a canvas; with a channel, in its tab.
func (s *service) createCanvas(ctx context.Context, c *upstream.Client, in createCanvasIn) (CreatedCanvas, error) {
	body := map[string]any{"title": in.Title, "document_content": markdown(in.Content)}
	out := CreatedCanvas{Title: upstream.Clean(in.Title, 250)}
	if in.Channel != "" {
		at, err := s.locate(ctx, c, in.Channel)
		if err != nil {
			return CreatedCanvas{}, err
		}
		at = s.titled(ctx, c, at)
		body["channel_id"], out.Channel = at.id, both(at.name, at.id)
	}
	var got struct {
		ID string `json:"canvas_id"`
	}
	if err := callJSON(ctx, c, "canvases.create", body, false, &got); err != nil {
		return CreatedCanvas{}, s.stale(c, in.Channel, err)
	}
	if !fileID.MatchString(got.ID) {
		return CreatedCanvas{}, fault.New(fault.UpstreamError, "Slack made the canvas and did not say which it is. Find it with slack_list_files (type canvases) before making it again.")
	}
	out.ID, out.URL = got.ID, s.canvasLink(ctx, c, got.ID)
	return out, nil
}

var teamID = pattern.New(`^T[A-Z0-9]{7,20}$`)

func (s *service) canvasLink(ctx context.Context, c *upstream.Client, id string) string {
	who := s.self(ctx, c)
	team := workspace(who.URL)
	if team == "" || !teamID.MatchString(who.TeamID) {
		return ""
	}
	return team + "docs/" + who.TeamID + "/" + id
}

type readCanvasIn struct {
	Canvas string `json:"canvas"`
	Limit  int    `json:"limit"`
	Cursor string `json:"cursor"`
}

// Canvas is a canvas, or a part of it.
type Canvas struct {
	ID       string    `json:"canvas_id"`
	Title    string    `json:"title"`
	URL      string    `json:"url,omitempty"`
	Sections []Section `json:"sections"`
	Total    int       `json:"total"` // sections
	Next     string    `json:"next_cursor,omitempty"`
}

// Text is the canvas, each section with its id.
func (r Canvas) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s (%s), %d sections", upstream.Quote(r.Title), r.ID, r.Total)
	if r.URL != "" {
		b.WriteString(", " + r.URL)
	}
	b.WriteByte('\n')
	for _, part := range r.Sections {
		if part.ID != "" {
			b.WriteString("[" + part.ID + "] ")
		}
		b.WriteString(upstream.Quote(part.Markdown) + "\n")
	}
	return ending(&b, len(r.Sections), "sections", r.Next, "")
}

// readCanvas reads a canvas, which Slack keeps as a file of HTML.
func (s *service) readCanvas(ctx context.Context, c *upstream.Client, in readCanvasIn) (Canvas, error) {
	id, err := fileWord("canvas", in.Canvas)
	if err != nil {
		return Canvas{}, err
	}
	query := []string{"canvas", id}
	from, err := tools.OpenPosition(query, in.Cursor)
	if err != nil {
		return Canvas{}, err
	}
	f, err := fileInfo(ctx, c, id)
	if err != nil {
		return Canvas{}, err
	}
	if !f.canvas() {
		return Canvas{}, fault.New(fault.InvalidArguments, "%s is no canvas, but a file (%s). Read it with slack_read_file.", id, label(f.Mime))
	}
	html, more, err := s.download(ctx, c, f, 0, maxCanvas)
	if err != nil {
		return Canvas{}, err
	}
	if more {
		return Canvas{}, fault.New(fault.UpstreamError, "The canvas %s is larger than %s, more than is read. A person can open it by its link.", id, bytesOf(maxCanvas))
	}
	all := canvasSections(string(html))
	out := Canvas{ID: id, Title: upstream.Clean(f.Title, 250), URL: link(f.Permalink), Total: len(all)}
	if out.URL == "" {
		out.URL = s.canvasLink(ctx, c, id)
	}
	out.Sections, out.Next = tools.Page(query, from, all, in.Limit, "")
	return out, nil
}

type updateCanvasIn struct {
	Canvas  string         `json:"canvas"`
	Changes []canvasChange `json:"changes"`
}

type canvasChange struct {
	Action  string `json:"action"`
	Section string `json:"section"`
	Content string `json:"content"`
}

// ChangedCanvas is a canvas that is different now.
type ChangedCanvas struct {
	ID   string `json:"canvas_id"`
	Done int    `json:"done"` // steps
	URL  string `json:"url,omitempty"`
}

// Text says which.
func (r ChangedCanvas) Text() string {
	t := fmt.Sprintf("Changed the canvas %s in %d steps", r.ID, r.Done)
	if r.URL != "" {
		t += ", " + r.URL
	}
	return t
}

// operations are Slack's words for the steps.
var operations = map[string]string{
	"append": "insert_at_end", "prepend": "insert_at_start", "insert_before": "insert_before", "insert_after": "insert_after",
	"replace": "replace", "delete": "delete", "rename": "rename",
}

// check says what is wrong with a step before any is made.
func (x canvasChange) check(n int) error {
	wrong := func(what string) error {
		return fault.New(fault.InvalidArguments, "changes[%d]: %s %s.", n, x.Action, what)
	}
	switch {
	case x.Action != "delete" && strings.TrimSpace(x.Content) == "":
		return wrong("needs content")
	case x.Section == "" && (x.Action == "delete" || x.Action == "insert_before" || x.Action == "insert_after"):
		return wrong("needs section: its id, or a text in it")
	case x.Section != "" && (x.Action == "append" || x.Action == "prepend" || x.Action == "rename"):
		return wrong("takes no section; use insert_after or insert_before")
	case x.Action == "rename" && (strings.Contains(x.Content, "\n") || len([]rune(x.Content)) > 250):
		return wrong("takes a title: one line, at most 250 characters")
	}
	return nil
}

// updateCanvas changes a canvas. Slack takes one step a request.
func (s *service) updateCanvas(ctx context.Context, c *upstream.Client, in updateCanvasIn) (ChangedCanvas, error) {
	id, err := fileWord("canvas", in.Canvas)
	if err != nil {
		return ChangedCanvas{}, err
	}
	for i, x := range in.Changes {
		if err := x.check(i); err != nil {
			return ChangedCanvas{}, err
		}
	}
	for i, x := range in.Changes {
		if err := s.changeCanvas(ctx, c, id, x); err != nil {
			f := *fault.From(err)
			if i > 0 {
				f.Message = fmt.Sprintf("%d of %d steps were done; changes[%d] was not: %s", i, len(in.Changes), i, f.Message)
				f.Retryable, f.NotSent = false, false
			}
			return ChangedCanvas{}, &f
		}
		c.Progress(float64(i+1), float64(len(in.Changes)), "steps done")
	}
	return ChangedCanvas{ID: id, Done: len(in.Changes), URL: s.canvasLink(ctx, c, id)}, nil
}

func (s *service) changeCanvas(ctx context.Context, c *upstream.Client, id string, x canvasChange) error {
	change := map[string]any{"operation": operations[x.Action]}
	switch x.Action {
	case "delete":
	case "rename":
		change["title_content"] = markdown(x.Content)
	default:
		change["document_content"] = markdown(x.Content)
	}
	if x.Section != "" {
		section, err := canvasSection(ctx, c, id, x.Section)
		if err != nil {
			return err
		}
		change["section_id"] = section
	}
	return callJSON(ctx, c, "canvases.edit", map[string]any{"canvas_id": id, "changes": []any{change}}, false, nil)
}

var sectionID = pattern.New(`^temp:[A-Za-z]:[A-Za-z0-9_-]{5,100}$`)

// canvasSection is the id of the section that has a text in it.
func canvasSection(ctx context.Context, c *upstream.Client, id, word string) (string, error) {
	word = strings.TrimSpace(word)
	if sectionID.MatchString(word) {
		return word, nil
	}
	var got struct {
		Sections []struct {
			ID string `json:"id"`
		} `json:"sections"`
	}
	body := map[string]any{"canvas_id": id, "criteria": map[string]any{"contains_text": word}}
	if err := callJSON(ctx, c, "canvases.sections.lookup", body, true, &got); err != nil {
		return "", err
	}
	var ids []string
	for _, part := range got.Sections {
		if sectionForm.MatchString(part.ID) {
			ids = append(ids, part.ID)
		}
	}
	switch len(ids) {
	case 0:
		return "", fault.New(fault.NotFound, "No section of the canvas has the text %q in it. Read it with slack_read_canvas.", upstream.Clean(word, 80))
	case 1:
		return ids[0], nil
	}
	return "", fault.New(fault.InvalidArguments, "%d sections have the text %q in them: %s. Give more of the text, or the id (slack_read_canvas shows which is which).", len(ids), upstream.Clean(word, 80), strings.Join(ids[:min(len(ids), 8)], ", "))
}
