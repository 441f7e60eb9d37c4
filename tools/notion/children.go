package notion

import (
	"context"
	"encoding/json"
	"net/url"
	"strings"

	"toolvault/tools"
	"toolvault/tools/upstream"
)

func (s *service) readTools() []tools.Tool {
	return []tools.Tool{
		tools.New("notion_read_page", s.readPage),
		tools.New("notion_list_children", s.listChildren),
	}
}

type childrenIn struct {
	ID     string `json:"page"`
	Pages  bool   `json:"pages_only"`
	Limit  int    `json:"limit"`
	Cursor string `json:"cursor"`
}

// Children are blocks in a page or a block, in order.
type Children struct {
	Blocks []Block `json:"blocks"`
	Next   string  `json:"next_cursor,omitempty"`
	Note   string  `json:"note,omitempty"`
}

// Block is one block in brief. A child_page's id is that of the page, a
// child_database's that of the database.
type Block struct {
	ID       string `json:"id"`
	Type     string `json:"type"`
	Text     string `json:"text,omitempty"`
	Children bool   `json:"has_children,omitempty"`
}

// Text is one line a block.
func (b Children) Text() string {
	var lines []string
	for _, one := range b.Blocks {
		line := "- " + upstream.Quote(one.Type) + " " + one.ID
		if one.Text != "" {
			line += " " + upstream.Quote(one.Text)
		}
		if one.Children {
			line += " (has children)"
		}
		lines = append(lines, line)
	}
	return listed(lines, "Nothing here.", b.Next, b.Note)
}

// blockModel is a block; what it holds is in a member of the name of its type.
type blockModel struct {
	id, kind, text string
	children       bool
}

// UnmarshalJSON implements json.Unmarshaler.
func (m *blockModel) UnmarshalJSON(b []byte) error {
	var head struct {
		ID       string `json:"id"`
		Type     string `json:"type"`
		Children bool   `json:"has_children"`
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(b, &head); err != nil {
		return err
	}
	if err := json.Unmarshal(b, &members); err != nil {
		return err
	}
	m.id, m.kind, m.children = head.ID, head.Type, head.Children
	var of struct {
		Title    string      `json:"title"`
		RichText []textModel `json:"rich_text"`
		URL      string      `json:"url"`
	}
	if raw := members[head.Type]; len(raw) > 0 && json.Unmarshal(raw, &of) == nil { // what holds something else has no text
		m.text = strings.TrimSpace(of.Title + plain(of.RichText))
		if m.text == "" {
			m.text = of.URL
		}
	}
	return nil
}

func (s *service) listChildren(ctx context.Context, c *upstream.Client, in childrenIn) (Children, error) {
	out := Children{Blocks: []Block{}}
	id, err := s.page(ctx, c, in.ID)
	if err != nil {
		return out, err
	}
	query := []any{id, in.Pages}
	at, err := tools.OpenPosition(query, in.Cursor)
	if err != nil {
		return out, err
	}
	q := url.Values{"page_size": {"100"}}
	if at.Cursor != "" {
		q.Set("start_cursor", at.Cursor)
	}
	var list pageList[blockModel]
	if err := c.Do(ctx, upstream.Request{Path: "/blocks/" + id + "/children", Query: q, Read: true, Fault: readContent.judge}, &list); err != nil {
		return out, err
	}
	all := []Block{}
	for _, b := range list.Results {
		if in.Pages && b.kind != "child_page" && b.kind != "child_database" {
			continue
		}
		all = append(all, Block{ID: upstream.Clean(b.id, 60), Type: upstream.Clean(b.kind, 40), Text: upstream.Clean(b.text, 160), Children: b.children})
	}
	out.Blocks, out.Next = tools.Page(query, at, all, in.Limit, list.next())
	if in.Pages && len(all) == 0 && out.Next != "" {
		out.Note = "There is no page or database among the first 100 blocks. Go on with the cursor."
	}
	return out, nil
}
