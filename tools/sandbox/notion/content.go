package notion

import (
	"fmt"
	"strings"
)

func markdownVersion(v any) (string, *refusal) {
	switch v {
	case nil, "", "v1":
		return "v1", nil
	case "v2":
		return "v2", nil
	}
	return "", invalid("body failed validation: body.markdown_version should be `\"v1\"` or `\"v2\"`.")
}

func (w *workspace) getMarkdown(c *call) (answer, *refusal) {
	v, refused := markdownVersion(c.query.Get("markdown_version"))
	if refused != nil {
		return nil, refused
	}
	if p := w.page(c.id); p != nil {
		return w.markdown(p, v), nil
	}
	if b, p := w.block(c.id); b != nil && (b.target == "" || w.page(b.target) != nil) {
		text, r := w.render(p.id, []*block{b}, v)
		return answer{"object": "page_markdown", "id": b.id, "markdown": text, "truncated": len(r.unknown) > 0, "unknown_block_ids": r.unknown}, nil
	}
	return nil, notFound("page", c.id)
}

func (w *workspace) markdown(p *page, version string) answer {
	text, r := w.render(p.id, p.blocks, version)
	return answer{"object": "page_markdown", "id": p.id, "markdown": text, "truncated": r.cut, "unknown_block_ids": r.unknown}
}

func (w *workspace) updateMarkdown(c *call) (answer, *refusal) {
	kinds := []string{"insert_content", "replace_content", "update_content"}
	if refused := c.only(append(kinds, "type", "markdown_version", "allow_async")...); refused != nil {
		return nil, refused
	}
	v, refused := markdownVersion(c.body["markdown_version"])
	if refused != nil {
		return nil, refused
	}
	p := w.page(c.id)
	if p == nil {
		return nil, notFound("page", c.id)
	}
	if p.trashed {
		return nil, invalid("Can't edit block that is archived. You must unarchive the block before editing.")
	}
	kind := c.text("type")
	what, ok := c.body[kind].(map[string]any)
	if !ok {
		return nil, invalid("body failed validation: body.%s should be defined.", kind)
	}
	switch kind {
	case "insert_content":
		refused = w.insert(p, what, v)
	case "replace_content":
		text, ok := what["new_str"].(string)
		if !ok {
			return nil, invalid("body failed validation: body.replace_content.new_str should be a string.")
		}
		refused = w.rewrite(p, text, v, what["allow_deleting_content"] == true)
	case "update_content":
		refused = w.edit(p, what, v)
	default:
		return nil, invalid("body failed validation: body.type should be one of %s.", strings.Join(kinds, ", "))
	}
	if refused != nil {
		return nil, refused
	}
	p.edited = w.now()
	return w.markdown(p, v), nil
}

func (w *workspace) insert(p *page, what answer, v string) *refusal {
	text, _ := what["content"].(string)
	if strings.TrimSpace(text) == "" {
		return invalid("body failed validation: body.insert_content.content should be not empty.")
	}
	blocks, refused := w.parse(text, v)
	if refused != nil {
		return refused
	}
	position, _ := what["position"].(map[string]any)
	switch at := position["type"]; {
	case at == "start":
		p.blocks = append(blocks, p.blocks...)
	case at == "end", what["position"] == nil:
		p.blocks = append(p.blocks, blocks...)
	default:
		return invalid("body failed validation: body.insert_content.position.type should be `\"start\"` or `\"end\"`.")
	}
	return nil
}

// edit makes all replacements or none.
func (w *workspace) edit(p *page, what answer, v string) *refusal {
	list, _ := what["content_updates"].([]any)
	if len(list) == 0 || len(list) > 100 {
		return invalid("body failed validation: body.update_content.content_updates.length should be between 1 and 100.")
	}
	text, _ := w.render(p.id, p.blocks, v)
	for i, one := range list {
		u, _ := one.(map[string]any)
		before, _ := u["old_str"].(string)
		after, _ := u["new_str"].(string)
		all := u["replace_all_matches"] == true
		switch n := strings.Count(text, before); {
		case before == "":
			return invalid("body failed validation: body.update_content.content_updates[%d].old_str should be not empty.", i)
		case n == 0:
			return invalid("content_updates[%d]: old_str did not match any content in the page.", i)
		case n > 1 && !all:
			return invalid("content_updates[%d]: old_str matches multiple locations (%d). Set replace_all_matches or give more context.", i, n)
		}
		text = strings.ReplaceAll(text, before, after)
	}
	return w.rewrite(p, text, v, what["allow_deleting_content"] == true)
}

// rewrite gives a page another text. A block that is as before keeps its id. Pages and
// databases that are gone from it go to the trash, if they may.
func (w *workspace) rewrite(p *page, text, v string, deleting bool) *refusal {
	blocks, refused := w.parse(text, v)
	if refused != nil {
		return refused
	}
	kept := map[string][]*block{}
	old := map[string]*block{}
	for _, b := range p.blocks {
		shown, _ := w.render(p.id, []*block{b}, v)
		kept[shown] = append(kept[shown], b)
		if b.target != "" && shown != "" {
			old[b.target] = b
		}
	}
	for i, b := range blocks {
		shown, _ := w.render(p.id, []*block{b}, v)
		if same := kept[shown]; len(same) > 0 {
			blocks[i], kept[shown] = same[0], same[1:]
		}
		delete(old, b.target)
	}
	if len(old) > 0 && !deleting {
		var gone []string
		for id, b := range old {
			gone = append(gone, fmt.Sprintf("%s (%s)", b.kind, id))
		}
		return invalid("This operation would delete child pages or databases: %s. Set allow_deleting_content to true to proceed.", strings.Join(gone, ", "))
	}
	for id := range old {
		if child := w.page(id); child != nil {
			child.trashed = true
		}
	}
	p.blocks = blocks
	return nil
}

func (w *workspace) listChildren(c *call) (answer, *refusal) {
	var all []*block
	if p := w.page(c.id); p != nil {
		all = p.blocks
	} else if b, _ := w.block(c.id); b != nil {
		all = b.children
	} else {
		return nil, notFound("block", c.id)
	}
	var seen []*block
	for _, b := range all {
		if b.kind == "child_page" && (w.page(b.target) == nil || w.page(b.target).trashed) {
			continue
		}
		seen = append(seen, b)
	}
	return paged(c, "block", seen, blockID, w.blockJSON)
}

// blockID is that of a block; of one that leads to a page or database, theirs.
func blockID(b *block) string {
	if b.target != "" {
		return b.target
	}
	return b.id
}

func (w *workspace) blockJSON(b *block) answer {
	of := answer{"rich_text": richText(plain(b.text)), "color": "default"}
	switch b.kind {
	case "child_page":
		of = answer{"title": w.page(b.target).title}
	case "child_database":
		of = answer{"title": b.text}
		if d := w.database(b.target); d != nil {
			of["title"] = d.title
		}
	case "to_do":
		of["checked"] = b.checked
	case "code":
		of["language"] = b.lang
	case "bookmark":
		of = answer{"url": b.text, "caption": []any{}}
	case "divider":
		of = answer{}
	case "table":
		of = answer{"table_width": strings.Count(strings.SplitN(b.text, "\n", 2)[0], "|") - 1, "has_column_header": true, "has_row_header": false}
	}
	return answer{"object": "block", "id": blockID(b), "type": b.kind, b.kind: of, "has_children": len(b.children) > 0 || b.kind == "child_page" || b.kind == "table", "in_trash": false}
}
