package notion

import (
	"slices"
	"strings"
)

// written is the answer to a write of a page: to a connection that may not read, the id
// only.
func (w *workspace) written(c *call, p *page) (answer, *refusal) {
	if !slices.Contains(c.can, ReadContent) {
		return answer{"object": "page", "id": p.id}, nil
	}
	return w.pageJSON(p, nil), nil
}

func (w *workspace) getPage(c *call) (answer, *refusal) {
	p := w.page(c.id)
	if p == nil {
		return nil, notFound("page", c.id)
	}
	return w.pageJSON(p, nil), nil
}

// pageJSON is a page as the API answers it; only, where it is not empty, are the ids of
// the properties that are wanted.
func (w *workspace) pageJSON(p *page, only []string) answer {
	properties := answer{"title": answer{"id": "title", "type": "title", "title": richText(p.title)}}
	if s := w.source(p.parent.id); s != nil {
		properties = answer{}
		for _, one := range s.props {
			if len(only) == 0 || slices.Contains(only, one.id) {
				properties[one.name] = w.value(p, one)
			}
		}
	}
	var icon any
	if p.icon != "" {
		icon = answer{"type": "emoji", "emoji": p.icon}
	}
	parent := p.parent.json()
	if s := w.source(p.parent.id); s != nil {
		parent["database_id"] = s.database
	}
	return answer{
		"object": "page", "id": p.id, "created_time": stamp(p.created), "last_edited_time": stamp(p.edited),
		"created_by": answer{"object": "user", "id": botID}, "last_edited_by": answer{"object": "user", "id": botID},
		"cover": nil, "icon": icon, "parent": parent, "in_trash": p.trashed, "is_locked": p.locked,
		"properties": properties, "url": address(p.id), "public_url": nil,
	}
}

// home is a parent that a request names.
func (w *workspace) home(given any) (parent, *refusal) {
	of, _ := given.(map[string]any)
	kind, _ := of["type"].(string)
	for _, k := range []string{"page_id", "data_source_id"} {
		id, ok := of[k].(string)
		if !ok || kind != "" && kind != k {
			continue
		}
		if !idForm.MatchString(id) {
			return parent{}, invalid("body failed validation: body.parent.%s should be a valid uuid, instead was %q.", k, id)
		}
		id = dashed(id)
		switch {
		case k == "page_id" && w.page(id) == nil:
			return parent{}, notFound("page", id)
		case k == "page_id" && w.page(id).trashed:
			return parent{}, invalid("Can't edit block that is archived. You must unarchive the block before editing.")
		case k == "data_source_id" && w.source(id) == nil:
			return parent{}, notFound("data source", id)
		}
		return parent{k, id}, nil
	}
	return parent{}, invalid("body failed validation: body.parent.page_id or body.parent.data_source_id should be defined.")
}

func (w *workspace) createPage(c *call) (answer, *refusal) {
	if refused := c.only("parent", "properties", "icon", "cover", "markdown", "markdown_version", "template", "position"); refused != nil {
		return nil, refused
	}
	if c.body["markdown_version"] != nil && c.body["markdown"] == nil {
		return nil, invalid("body failed validation: body.markdown_version should be not present without body.markdown.")
	}
	home, refused := w.home(c.body["parent"])
	if refused != nil {
		return nil, refused
	}
	v, refused := markdownVersion(c.body["markdown_version"])
	if refused != nil {
		return nil, refused
	}
	p := &page{id: w.next("page"), parent: home, values: answer{}, created: w.now(), edited: w.now()}
	if p.blocks, refused = w.parse(c.text("markdown"), v); refused != nil {
		return nil, refused
	}
	if refused := w.set(p, c); refused != nil {
		return nil, refused
	}
	if p.title == "" && len(p.blocks) > 0 && p.blocks[0].kind == "heading_1" {
		p.title, p.blocks = p.blocks[0].text, p.blocks[1:]
	}
	if home.kind == "page_id" {
		above := w.page(home.id)
		above.blocks = append(above.blocks, &block{id: w.next("block"), kind: "child_page", target: p.id})
	} else {
		p.number = len(w.rows(home.id)) + 1
	}
	w.pages = append(w.pages, p)
	return w.written(c, p)
}

func (w *workspace) updatePage(c *call) (answer, *refusal) {
	if refused := c.only("properties", "icon", "cover", "in_trash", "is_locked", "erase_content", "template"); refused != nil {
		return nil, refused
	}
	p := w.page(c.id)
	if p == nil {
		return nil, notFound("page", c.id)
	}
	trash, has := c.body["in_trash"].(bool)
	if p.trashed && !(has && !trash) {
		return nil, invalid("Can't edit block that is archived. You must unarchive the block before editing.")
	}
	if refused := w.set(p, c); refused != nil {
		return nil, refused
	}
	if has {
		p.trashed = trash
	}
	if lock, ok := c.body["is_locked"].(bool); ok {
		p.locked = lock
	}
	p.edited = w.now()
	return w.written(c, p)
}

// set puts the properties and the icon of a request on a page: all or none.
func (w *workspace) set(p *page, c *call) *refusal {
	given, _ := c.body["properties"].(map[string]any)
	values, title := answer{}, p.title
	s := w.source(p.parent.id)
	for key, v := range given {
		one := &prop{id: "title", name: "title", kind: "title"}
		if s != nil {
			if one = s.prop(key); one == nil && key == "title" {
				one = s.props[0]
			}
		} else if key != "title" {
			one = nil
		}
		if one == nil {
			return invalid("%s is not a property that exists.", key)
		}
		stored, refused := w.take(one, v)
		if refused != nil {
			return refused
		}
		if one.kind == "title" {
			title, _ = stored.(string)
			continue
		}
		values[one.id] = stored
	}
	if icon, ok := c.body["icon"].(map[string]any); ok {
		emoji, _ := icon["emoji"].(string)
		if emoji == "" || strings.Trim(emoji, "abcdefghijklmnopqrstuvwxyz ") == "" {
			return invalid("body failed validation: body.icon.emoji should be an emoji.")
		}
		p.icon = emoji
	}
	for id, v := range values {
		if p.values == nil {
			p.values = answer{}
		}
		p.values[id] = v
	}
	p.title = title
	return nil
}

func (w *workspace) movePage(c *call) (answer, *refusal) {
	if refused := c.only("parent"); refused != nil {
		return nil, refused
	}
	p := w.page(c.id)
	if p == nil {
		return nil, notFound("page", c.id)
	}
	home, refused := w.home(c.body["parent"])
	if refused != nil {
		return nil, refused
	}
	for above := w.page(home.id); above != nil; above = w.page(above.parent.id) {
		if above == p {
			return nil, invalid("A page cannot be moved into itself.")
		}
	}
	if p.parent == home {
		return w.written(c, p)
	}
	link := &block{id: w.next("block"), kind: "child_page", target: p.id}
	if old := w.page(p.parent.id); old != nil {
		for i, b := range old.blocks {
			if b.target == p.id {
				link, old.blocks = b, slices.Delete(old.blocks, i, i+1)
				break
			}
		}
	}
	p.parent = home
	if above := w.page(home.id); above != nil {
		above.blocks = append(above.blocks, link)
	}
	return w.written(c, p)
}

func (w *workspace) getDatabase(c *call) (answer, *refusal) {
	d := w.database(c.id)
	if d == nil {
		return nil, notFound("database", c.id)
	}
	sources := []answer{}
	for _, id := range d.sources {
		sources = append(sources, answer{"id": id, "name": w.source(id).title})
	}
	return answer{"object": "database", "id": d.id, "title": richText(d.title), "parent": d.parent.json(), "data_sources": sources, "is_inline": false, "in_trash": false, "url": address(d.id)}, nil
}

func (w *workspace) getSource(c *call) (answer, *refusal) {
	s := w.source(c.id)
	if s == nil {
		return nil, notFound("data source", c.id)
	}
	return w.sourceJSON(s), nil
}

func (w *workspace) sourceJSON(s *source) answer {
	properties := answer{}
	for _, p := range s.props {
		of := answer{}
		for k, v := range p.extra {
			of[k] = v
		}
		if p.options != nil {
			options := []answer{}
			for _, o := range p.options {
				options = append(options, answer{"id": uid("option " + p.id + o)[:8], "name": o, "color": "default"})
			}
			of["options"] = options
		}
		properties[p.name] = answer{"id": p.shownID(), "name": p.name, "type": p.kind, p.kind: of}
	}
	d := w.database(s.database)
	return answer{
		"object": "data_source", "id": s.id, "title": richText(s.title), "description": []any{}, "parent": answer{"type": "database_id", "database_id": s.database},
		"database_parent": d.parent.json(), "properties": properties, "in_trash": false, "url": address(d.id), "is_inline": false, "last_edited_time": stamp(w.pages[0].edited),
	}
}
