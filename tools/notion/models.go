package notion

import (
	"encoding/json"
	"strings"

	"toolvault/tools"
	"toolvault/tools/upstream"
)

// textModel is one piece of rich text.
type textModel struct {
	Plain string `json:"plain_text"`
}

func plain(pieces []textModel) string {
	var b strings.Builder
	for _, p := range pieces {
		b.WriteString(p.Plain)
	}
	return b.String()
}

type parentModel struct {
	Type         string `json:"type"`
	PageID       string `json:"page_id"`
	DataSourceID string `json:"data_source_id"`
	DatabaseID   string `json:"database_id"`
	BlockID      string `json:"block_id"`
}

// place is a parent in one text: "page 3a91…", "data_source …", "workspace".
func (p parentModel) place() string {
	for _, one := range []struct{ kind, id string }{{"data_source", p.DataSourceID}, {"page", p.PageID}, {"database", p.DatabaseID}, {"block", p.BlockID}} {
		if one.id != "" {
			return one.kind + " " + upstream.Clean(one.id, 60)
		}
	}
	if p.Type == "workspace" {
		return "workspace"
	}
	return ""
}

// pageModel is a page. Of a connection that may not read, the answer to a write has
// its id only.
type pageModel struct {
	Object     string                `json:"object"`
	ID         string                `json:"id"`
	URL        string                `json:"url"`
	Parent     parentModel           `json:"parent"`
	Edited     string                `json:"last_edited_time"`
	Created    string                `json:"created_time"`
	Trashed    *bool                 `json:"in_trash"`
	Locked     bool                  `json:"is_locked"`
	Properties map[string]valueModel `json:"properties"`
}

// title is the value of the property that is the title, whatever it is called.
func (p pageModel) title() string {
	for _, v := range p.Properties {
		if v.Type == "title" {
			return upstream.Clean(plain(v.Title), 300)
		}
	}
	return ""
}

// Page is a page in brief.
type Page struct {
	ID     string `json:"id"`
	Title  string `json:"title"`
	URL    string `json:"url,omitempty"`
	Parent string `json:"parent,omitempty"`
	Edited string `json:"edited,omitempty"` // RFC 3339
	Trash  bool   `json:"in_trash,omitempty"`
	Locked bool   `json:"locked,omitempty"`
}

func (p pageModel) brief() Page {
	return Page{
		ID: upstream.Clean(p.ID, 60), Title: p.title(), URL: link(p.URL), Parent: p.Parent.place(),
		Edited: upstream.Clean(p.Edited, 40), Trash: p.Trashed != nil && *p.Trashed, Locked: p.Locked,
	}
}

func (p Page) line() string {
	text := upstream.Quote(p.Title) + " " + p.ID
	if p.Parent != "" {
		text += ", in " + p.Parent
	}
	if p.Edited != "" {
		text += ", edited " + p.Edited
	}
	if p.Trash {
		text += ", in the trash"
	}
	if p.Locked {
		text += ", locked"
	}
	return text
}

// pageList is one page of a list, whatever it holds.
type pageList[T any] struct {
	Results []T    `json:"results"`
	Next    string `json:"next_cursor"`
	More    bool   `json:"has_more"`
	Request struct {
		Type string `json:"type"` // "incomplete" where the service stopped by itself
	} `json:"request_status"`
}

// next is the cursor of the next page, "" at the end.
func (l pageList[T]) next() string {
	if !l.More {
		return ""
	}
	return l.Next
}

// size is how many items to ask for, from where a page begins: no more than are shown.
func size(at tools.Position, limit int) int { return min(at.Skip+limit, most) }

// loose takes a value, or a text that is the JSON of it: some clients write nested
// arguments so.
type loose[T any] struct{ Value T }

// UnmarshalJSON implements json.Unmarshaler.
func (l *loose[T]) UnmarshalJSON(b []byte) error {
	var text string
	if len(b) > 0 && b[0] == '"' {
		if err := json.Unmarshal(b, &text); err != nil {
			return err
		}
		if b = []byte(strings.TrimSpace(text)); len(b) == 0 {
			return nil
		}
	}
	dec := json.NewDecoder(strings.NewReader(string(b)))
	dec.UseNumber()
	dec.DisallowUnknownFields()
	return dec.Decode(&l.Value)
}
