package notion

import (
	"slices"
	"strings"
)

// hit is a page or a data source that a search found.
type hit struct {
	id    string
	title string
	show  answer
}

// search looks in titles only: every word has to be in one.
func (w *workspace) search(c *call) (answer, *refusal) {
	if refused := c.only("query", "filter", "sort", "start_cursor", "page_size"); refused != nil {
		return nil, refused
	}
	kind := ""
	if f, ok := c.body["filter"].(map[string]any); ok {
		kind, _ = f["value"].(string)
		if f["property"] != "object" || kind != "page" && kind != "data_source" {
			return nil, invalid("body failed validation: body.filter.value should be `\"page\"` or `\"data_source\"`.")
		}
	}
	words := strings.Fields(strings.ToLower(c.text("query")))
	fits := func(title string) bool {
		return !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(strings.ToLower(title), word) })
	}
	var found []hit
	pages := slices.Clone(w.pages)
	slices.SortStableFunc(pages, func(a, b *page) int { return b.edited.Compare(a.edited) })
	for _, p := range pages {
		if kind != "data_source" && !p.hidden && !p.trashed && fits(p.title) && w.now().Sub(p.created) >= w.lag {
			found = append(found, hit{p.id, p.title, w.pageJSON(p, nil)})
		}
	}
	for _, s := range w.sources {
		if kind != "page" && fits(s.title) {
			found = append(found, hit{s.id, s.title, w.sourceJSON(s)})
		}
	}
	a, refused := paged(c, "page_or_data_source", found, func(h hit) string { return h.id }, func(h hit) answer { return h.show })
	if refused == nil {
		a["request_status"] = answer{"type": "complete"}
	}
	return a, refused
}

func (w *workspace) listUsers(c *call) (answer, *refusal) {
	return paged(c, "user", w.users, func(u *user) string { return u.id }, func(u *user) answer { return u.json(true) })
}

func (w *workspace) getUser(c *call) (answer, *refusal) {
	if c.id == "me" {
		return w.user(botID).json(true), nil
	}
	u := w.user(c.id)
	switch {
	case !slices.Contains(c.can, ReadUsers):
		return nil, &refusal{403, "restricted_resource", "Insufficient permissions for this endpoint."}
	case u == nil:
		return nil, notFound("user", c.id)
	}
	return u.json(true), nil
}

func (w *workspace) listComments(c *call) (answer, *refusal) {
	id := c.query.Get("block_id")
	if !idForm.MatchString(id) {
		return nil, invalid("query failed validation: query.block_id should be a valid uuid, instead was %q.", id)
	}
	id = dashed(id)
	if b, _ := w.block(id); b == nil && w.page(id) == nil {
		return nil, notFound("block", id)
	}
	var on []*comment
	for _, one := range w.comments {
		if one.on.id == id {
			on = append(on, one)
		}
	}
	return paged(c, "comment", on, func(one *comment) string { return one.id }, w.commentJSON)
}

func (w *workspace) commentJSON(c *comment) answer {
	return answer{
		"object": "comment", "id": c.id, "discussion_id": c.discussion, "parent": c.on.json(), "created_time": stamp(c.created), "last_edited_time": stamp(c.created),
		"created_by": answer{"object": "user", "id": c.by}, "display_name": answer{"type": "user", "resolved_name": w.user(c.by).name}, "rich_text": richText(c.text),
	}
}

func (w *workspace) createComment(c *call) (answer, *refusal) {
	if refused := c.only("parent", "discussion_id", "rich_text", "markdown", "markdown_version", "attachments", "display_name"); refused != nil {
		return nil, refused
	}
	if c.body["markdown_version"] != nil && c.body["markdown"] == nil {
		return nil, invalid("body failed validation: body.markdown_version should be not present without body.markdown.")
	}
	if _, refused := markdownVersion(c.body["markdown_version"]); refused != nil {
		return nil, refused
	}
	text := plain(c.text("markdown"))
	if list, ok := c.body["rich_text"].([]any); ok {
		t, refused := w.take(&prop{name: "rich_text", kind: "rich_text"}, answer{"rich_text": list})
		if refused != nil {
			return nil, refused
		}
		text, _ = t.(string)
	}
	if strings.TrimSpace(text) == "" {
		return nil, invalid("body failed validation: body.rich_text should be defined.")
	}
	one := &comment{id: w.next("comment"), by: botID, text: text, created: w.now(), discussion: c.text("discussion_id")}
	if one.discussion == "" {
		home, refused := w.home(c.body["parent"])
		if refused != nil {
			return nil, refused
		}
		one.on, one.discussion = home, w.next("discussion")
	} else {
		i := slices.IndexFunc(w.comments, func(other *comment) bool { return other.discussion == one.discussion })
		if i < 0 {
			return nil, notFound("discussion", one.discussion)
		}
		one.on = w.comments[i].on
	}
	w.comments = append(w.comments, one)
	if !slices.Contains(c.can, ReadComments) {
		return answer{"object": "comment", "id": one.id}, nil
	}
	return w.commentJSON(one), nil
}
