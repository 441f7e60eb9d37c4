package metabase

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"toolvault/tools"
	"toolvault/tools/upstream"
)

func (s *service) searchTools() []tools.Tool {
	return []tools.Tool{tools.New("metabase_search", s.search)}
}

// searchModel is the answer of GET /api/search, and of a collection's items.
type searchModel struct {
	Data []struct {
		ID          json.RawMessage `json:"id"` // of some kinds it is a text
		Model       string          `json:"model"`
		Name        string          `json:"name"`
		Description string          `json:"description"`
		Database    int64           `json:"database_id"`
		Collection  struct {
			Name string `json:"name"`
		} `json:"collection"`
		TableName   string `json:"table_name"`   // of a table: as the database knows it
		TableSchema string `json:"table_schema"` // of a table
	} `json:"data"`
	Total int `json:"total"`
}

type searchIn struct {
	Query    string   `json:"query"`
	Models   []string `json:"models"`
	Database ref      `json:"database"`
	Archived bool     `json:"archived"`
	Limit    int      `json:"limit"`
	Cursor   string   `json:"cursor"`
}

// Item is something that was found.
type Item struct {
	ID          int64  `json:"id"`
	Model       string `json:"model"`
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
	Collection  string `json:"collection,omitempty"`
	Database    int64  `json:"database,omitempty"`
	Link        string `json:"link,omitempty"`
}

// Items is the answer of metabase_search.
type Items struct {
	Items []Item `json:"items"`
	Total int    `json:"total"`
	Next  string `json:"next_cursor,omitempty"`
}

// Text is one line an item.
func (l Items) Text() string {
	if len(l.Items) == 0 {
		return "Nothing found."
	}
	text := lines(l.Items) + more(len(l.Items), l.Total, l.Next)
	if link := l.Items[0].Link; link != "" {
		text += "Links are like " + link + "\n"
	}
	return text
}

func lines(items []Item) string {
	var b strings.Builder
	for _, i := range items {
		fmt.Fprintf(&b, "%s %d  %s", i.Model, i.ID, upstream.Quote(i.Name))
		if i.Collection != "" {
			fmt.Fprintf(&b, "  in %s", upstream.Quote(i.Collection))
		}
		if i.Description != "" {
			fmt.Fprintf(&b, "  %s", upstream.Quote(i.Description))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// more is the last line of a list that goes on.
func more(shown, total int, next string) string {
	if next == "" {
		return ""
	}
	return fmt.Sprintf("%d of %d. next_cursor: %s\n", shown, total, next)
}

// searchable are the kinds looked for unless the caller says which.
var searchable = []string{"dashboard", "card", "dataset", "metric", "collection", "table", "database"}

func (s *service) search(ctx context.Context, c *upstream.Client, in searchIn) (Items, error) {
	models := in.Models
	if len(models) == 0 {
		models = searchable
	}
	q := url.Values{"models": models}
	if words := strings.TrimSpace(in.Query); words != "" {
		q.Set("q", words)
	}
	if in.Archived {
		q.Set("archived", "true")
	}
	if in.Database != "" {
		id, err := s.database(ctx, c, in.Database)
		if err != nil {
			return Items{}, err
		}
		q.Set("table_db_id", strconv.FormatInt(id, 10))
	}
	return items(ctx, c, "/api/search", q, in.Limit, in.Cursor)
}

// items reads one page of a list that the API gives out by offset.
func items(ctx context.Context, c *upstream.Client, path string, q url.Values, limit int, cursor string) (Items, error) {
	query := []any{path, q}
	at, err := tools.OpenPosition(query, cursor)
	if err != nil {
		return Items{}, err
	}
	offset, _ := strconv.Atoi(at.Cursor)
	sent := url.Values{"limit": {strconv.Itoa(limit)}, "offset": {strconv.Itoa(offset + at.Skip)}}
	for k, v := range q {
		sent[k] = v
	}
	offset += at.Skip
	var answer searchModel
	if err := c.Get(ctx, path, sent, &answer); err != nil {
		return Items{}, err
	}
	out := Items{Items: []Item{}, Total: max(answer.Total, 0)}
	found := answer.Data[:min(len(answer.Data), limit)]
	next := ""
	if end := offset + len(found); end < out.Total && len(found) > 0 {
		next = strconv.Itoa(end)
	}
	var all []Item
	for _, d := range found {
		id, _ := ref(d.ID).number() // of a kind without one it stays 0
		all = append(all, Item{
			ID: id, Model: ownWord(d.Model, 40), Name: upstream.Clean(d.Name, 254), Description: upstream.Clean(d.Description, 200),
			Collection: upstream.Clean(d.Collection.Name, 100), Database: d.Database, Link: link(c, d.Model, id),
		})
	}
	page, following := tools.Page(query, tools.Position{Cursor: strconv.Itoa(offset)}, all, limit, next)
	out.Items, out.Next = append(out.Items, page...), following
	return out, nil
}
