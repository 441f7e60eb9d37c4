package sandbox

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"toolvault/tools/sandbox/double"
)

type slackDocument struct{ Type, Markdown string }

// canvasSections makes sections of Markdown: headings, lists and paragraphs.
func (w *slackWorkspace) canvasSections(markdown string) []slackSection {
	var all []slackSection
	add := func(tag, text string) {
		w.made++
		all = append(all, slackSection{id: "temp:C:" + double.Fake(fmt.Sprint("section ", w.made), 28), tag: tag, text: text})
	}
	for _, part := range strings.Split(markdown, "\n\n") {
		var items, lines []string
		for _, line := range strings.Split(strings.TrimSpace(part), "\n") {
			head, text, ok := strings.Cut(line, " ")
			switch {
			case ok && len(head) <= 3 && strings.Trim(head, "#") == "":
				add(fmt.Sprintf("h%d", len(head)), text)
			case ok && (head == "-" || head == "*"):
				items = append(items, text)
			case line != "":
				lines = append(lines, line)
			}
		}
		if len(items) > 0 {
			add("ul", strings.Join(items, "\n"))
		}
		if len(lines) > 0 {
			add("p", strings.Join(lines, " "))
		}
	}
	return all
}

func (w *slackWorkspace) canvasCreate(c *slackCall) answer {
	var doc slackDocument
	if text := c.form.Get("document_content"); text != "" && (json.Unmarshal([]byte(text), &doc) != nil || doc.Type != "markdown") {
		return slackError("canvas_creation_failed")
	}
	f := &slackFile{
		id: w.next("F", "canvas"), name: c.form.Get("title"), title: c.form.Get("title"), mime: slackCanvasMIME, kind: "quip", pretty: "Canvas", user: c.token.user,
		created: w.now().Unix(), sections: w.canvasSections(doc.Markdown), shared: true,
	}
	if id := c.form.Get("channel_id"); id != "" {
		if w.visible(c, id) == nil {
			return slackError("channel_not_found")
		}
		f.channels = []string{id}
	}
	w.files = append(w.files, f)
	return answer{"canvas_id": f.id}
}

func (w *slackWorkspace) canvas(c *slackCall) *slackFile {
	if f := w.file(c, "canvas_id"); f != nil && f.mime == slackCanvasMIME {
		return f
	}
	return nil
}

// canvasEdit makes one change; Slack takes no more at once.
func (w *slackWorkspace) canvasEdit(c *slackCall) answer {
	f := w.canvas(c)
	var changes []struct {
		Operation string
		Section   string        `json:"section_id"`
		Document  slackDocument `json:"document_content"`
		Title     slackDocument `json:"title_content"`
	}
	switch {
	case f == nil:
		return slackError("canvas_not_found")
	case json.Unmarshal([]byte(c.form.Get("changes")), &changes) != nil || len(changes) != 1:
		return slackError("canvas_editing_failed")
	}
	x := changes[0]
	if x.Operation == "rename" {
		f.title = x.Title.Markdown
		return answer{}
	}
	i := slices.IndexFunc(f.sections, func(s slackSection) bool { return s.id == x.Section })
	parts := w.canvasSections(x.Document.Markdown)
	switch {
	case x.Operation == "insert_at_start":
		f.sections = append(parts, f.sections...)
	case x.Operation == "insert_at_end":
		f.sections = append(f.sections, parts...)
	case x.Operation == "replace" && x.Section == "":
		f.sections = parts
	case i < 0:
		return slackError("canvas_editing_failed")
	case x.Operation == "insert_before":
		f.sections = slices.Insert(f.sections, i, parts...)
	case x.Operation == "insert_after":
		f.sections = slices.Insert(f.sections, i+1, parts...)
	case x.Operation == "replace":
		f.sections = slices.Replace(f.sections, i, i+1, parts...)
	case x.Operation == "delete":
		f.sections = slices.Delete(f.sections, i, i+1)
	default:
		return slackError("canvas_editing_failed")
	}
	return answer{}
}

func (w *slackWorkspace) canvasLookup(c *slackCall) answer {
	f := w.canvas(c)
	var criteria struct {
		Text string `json:"contains_text"`
	}
	switch {
	case f == nil:
		return slackError("canvas_not_found")
	case json.Unmarshal([]byte(c.form.Get("criteria")), &criteria) != nil || criteria.Text == "":
		return slackError("invalid_arguments")
	}
	list := []answer{}
	for _, s := range f.sections {
		if strings.Contains(strings.ToLower(s.text), strings.ToLower(criteria.Text)) {
			list = append(list, answer{"id": s.id})
		}
	}
	return answer{"sections": list}
}
