package notion

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
)

const workspaceName = "Northwind Support"

var (
	workspaceID = uid("workspace")
	botID       = uid("user SupportBot")
)

type user struct {
	id, name, email string
	bot             bool
}

// parent is where a page, database or source is.
type parent struct{ kind, id string } // "workspace", "page_id", "data_source_id", "database_id", "block_id"

func (p parent) json() answer {
	if p.kind == "workspace" {
		return answer{"type": "workspace", "workspace": true}
	}
	return answer{"type": p.kind, p.kind: p.id}
}

type page struct {
	id              string
	parent          parent
	title           string
	values          map[string]any // of a row: by the id of the property, as the API answers it
	blocks          []*block
	icon            string
	trashed, locked bool
	hidden          bool // not shared with the connection
	created, edited time.Time
	number          int // of a row
}

type block struct {
	id, kind string
	text     string // Markdown of the line; of code, the code; of a table, its lines
	lang     string
	checked  bool
	target   string // of child_page and child_database: its id
	children []*block
}

type database struct {
	id, title string
	parent    parent
	sources   []string
}

type source struct {
	id, title, database string
	props               []*prop
}

type prop struct {
	id, name, kind string
	options        []string
	extra          answer // what else the configuration holds
}

type comment struct {
	id, discussion, by, text string
	on                       parent
	created                  time.Time
}

// uid is an id for a label, the same in every run.
func uid(label string) string {
	sum := sha256.Sum256([]byte("toolvault sandbox notion " + label))
	sum[6], sum[8] = sum[6]&0x0f|0x40, sum[8]&0x3f|0x80
	return dashed(hex.EncodeToString(sum[:16]))
}

func dashed(id string) string {
	h := strings.ReplaceAll(id, "-", "")
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:32]
}

func address(id string) string { return "https://www.notion.so/" + strings.ReplaceAll(id, "-", "") }

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// next is an id that was not given before.
func (w *workspace) next(what string) string {
	w.made++
	return uid(fmt.Sprint(what, " ", w.made))
}

func (w *workspace) page(id string) *page {
	if i := slices.IndexFunc(w.pages, func(p *page) bool { return p.id == id }); i >= 0 && !w.pages[i].hidden {
		return w.pages[i]
	}
	return nil
}

func (w *workspace) source(id string) *source {
	if i := slices.IndexFunc(w.sources, func(s *source) bool { return s.id == id }); i >= 0 {
		return w.sources[i]
	}
	return nil
}

func (w *workspace) database(id string) *database {
	if i := slices.IndexFunc(w.databases, func(d *database) bool { return d.id == id }); i >= 0 {
		return w.databases[i]
	}
	return nil
}

func (w *workspace) user(id string) *user {
	if i := slices.IndexFunc(w.users, func(u *user) bool { return u.id == id }); i >= 0 {
		return w.users[i]
	}
	return nil
}

// block finds a block, and the page that it is on.
func (w *workspace) block(id string) (*block, *page) {
	for _, p := range w.pages {
		if b := inside(p.blocks, id); b != nil && !p.hidden {
			return b, p
		}
	}
	return nil, nil
}

func inside(all []*block, id string) *block {
	for _, b := range all {
		if b.id == id {
			return b
		}
		if c := inside(b.children, id); c != nil {
			return c
		}
	}
	return nil
}

// shownID is the id as the API answers it: as it would stand in an address.
func (p *prop) shownID() string { return url.QueryEscape(p.id) }

func (s *source) prop(word string) *prop {
	for _, p := range s.props {
		if p.id == word || p.name == word {
			return p
		}
	}
	return nil
}

// richText is a text as the API answers it, in pieces of 2,000 characters at most.
func richText(text string) []answer {
	all := []answer{}
	for runes := []rune(text); len(runes) > 0; {
		n := min(len(runes), 2000)
		t := string(runes[:n])
		all = append(all, answer{"type": "text", "text": answer{"content": t, "link": nil}, "plain_text": t, "href": nil, "annotations": answer{"bold": false, "color": "default"}})
		runes = runes[n:]
	}
	return all
}

func (u *user) json(full bool) answer {
	if !full {
		return answer{"object": "user", "id": u.id}
	}
	a := answer{"object": "user", "id": u.id, "name": u.name, "avatar_url": nil, "type": "person", "person": answer{"email": u.email}}
	if u.bot {
		delete(a, "person")
		a["type"] = "bot"
		a["bot"] = answer{"owner": answer{"type": "workspace", "workspace": true}, "workspace_id": workspaceID, "workspace_name": workspaceName}
	}
	return a
}

// snapshot is the workspace as its users see it. A block has a name of its own.
func (w *workspace) snapshot() map[string]string {
	w.mu.Lock()
	defer w.mu.Unlock()
	state := map[string]string{}
	var walk func(all []*block)
	walk = func(all []*block) {
		for _, b := range all {
			state["block "+b.id] = fmt.Sprint(b.kind, b.checked, b.lang, " ", b.text)
			walk(b.children)
		}
	}
	for _, p := range w.pages {
		values, _ := json.Marshal(p.values) // of plain values
		state["page "+p.id] = fmt.Sprint(p.title, p.parent, p.icon, p.trashed, p.locked, string(values))
		walk(p.blocks)
	}
	for _, c := range w.comments {
		state["comment "+c.id] = c.text
	}
	for _, s := range w.sources {
		for _, p := range s.props {
			state["property "+s.id+" "+p.id] = fmt.Sprint(p.name, p.options)
		}
	}
	return state
}
