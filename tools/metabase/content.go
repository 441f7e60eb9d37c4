package metabase

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

// pages are where a person sees each kind of item, below the base URL.
var pages = map[string]string{
	"dashboard": "/dashboard/", "card": "/question/", "dataset": "/model/", "metric": "/metric/",
	"collection": "/collection/", "database": "/browse/databases/",
}

func link(c *upstream.Client, model string, id int64) string {
	page, ok := pages[model]
	if !ok {
		return ""
	}
	return strings.TrimSuffix(c.BaseURL(), "/") + page + strconv.FormatInt(id, 10)
}

// A cursor is an offset that a model does not count with.
func encodeCursor(offset int) string {
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.Itoa(offset)))
}

func decodeCursor(cursor, tool string) (int, error) {
	if cursor == "" {
		return 0, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(cursor)
	n, err2 := strconv.Atoi(string(b))
	if err != nil || err2 != nil || n < 0 || n > 1e6 {
		return 0, fault.New(fault.InvalidArguments, "cursor is not one that %s gave. Leave it out to begin anew.", tool)
	}
	return n, nil
}

type searchIn struct {
	Query    string   `json:"query"`
	Models   []string `json:"models"`
	Database int      `json:"database"`
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
	var b strings.Builder
	for _, i := range l.Items {
		fmt.Fprintf(&b, "%s %d  %s", i.Model, i.ID, i.Name)
		if i.Collection != "" {
			fmt.Fprintf(&b, "  in %s", i.Collection)
		}
		if i.Description != "" {
			fmt.Fprintf(&b, "  (%s)", i.Description)
		}
		b.WriteByte('\n')
	}
	if l.Next != "" {
		fmt.Fprintf(&b, "%d of %d. next_cursor: %s\n", len(l.Items), l.Total, l.Next)
	}
	return b.String()
}

// searchable are the kinds looked for unless the caller says which.
var searchable = []string{"dashboard", "card", "dataset", "metric", "collection", "table", "database"}

func search(ctx context.Context, c *upstream.Client, in searchIn) (Items, error) {
	offset, err := decodeCursor(in.Cursor, "metabase_search")
	if err != nil {
		return Items{}, err
	}
	models := in.Models
	if len(models) == 0 {
		models = searchable
	}
	q := url.Values{
		"q": {in.Query}, "models": models,
		"limit": {strconv.Itoa(in.Limit)}, "offset": {strconv.Itoa(offset)},
	}
	if in.Archived {
		q.Set("archived", "true")
	}
	if in.Database > 0 {
		q.Set("table_db_id", strconv.Itoa(in.Database))
	}
	var answer struct {
		Data []struct {
			ID          json.RawMessage `json:"id"` // of some kinds it is a text
			Model       string          `json:"model"`
			Name        string          `json:"name"`
			Description string          `json:"description"`
			Database    int64           `json:"database_id"`
			Collection  struct {
				Name string `json:"name"`
			} `json:"collection"`
		} `json:"data"`
		Total int `json:"total"`
	}
	if err := c.Get(ctx, "/api/search", q, &answer); err != nil {
		return Items{}, err
	}
	out := Items{Items: []Item{}, Total: max(answer.Total, 0)}
	for _, d := range answer.Data[:min(len(answer.Data), in.Limit)] {
		id, err := strconv.ParseInt(string(d.ID), 10, 64)
		if err != nil || !slices.Contains(searchable, d.Model) {
			continue
		}
		out.Items = append(out.Items, Item{
			ID: id, Model: d.Model, Name: upstream.Clean(d.Name, 254), Description: upstream.Clean(d.Description, 200),
			Collection: upstream.Clean(d.Collection.Name, 100), Database: d.Database, Link: link(c, d.Model, id),
		})
	}
	if next := offset + in.Limit; next < out.Total && len(answer.Data) > 0 {
		out.Next = encodeCursor(next)
	}
	return out, nil
}

type listDatabasesIn struct {
	Limit  int    `json:"limit"`
	Cursor string `json:"cursor"`
}

// Database is one that Metabase is connected to.
type Database struct {
	ID     int64  `json:"id"`
	Name   string `json:"name"`
	Engine string `json:"engine"`
	SQL    bool   `json:"sql"` // the key may run native queries there
}

// Databases is the answer of metabase_list_databases.
type Databases struct {
	Databases []Database `json:"databases"`
	Total     int        `json:"total"`
	Next      string     `json:"next_cursor,omitempty"`
}

// Text is one line a database.
func (l Databases) Text() string {
	if len(l.Databases) == 0 {
		return "No database."
	}
	var b strings.Builder
	for _, d := range l.Databases {
		fmt.Fprintf(&b, "%d  %s  %s", d.ID, d.Name, d.Engine)
		if !d.SQL {
			b.WriteString("  no SQL for this key")
		}
		b.WriteByte('\n')
	}
	if l.Next != "" {
		fmt.Fprintf(&b, "%d of %d. next_cursor: %s\n", len(l.Databases), l.Total, l.Next)
	}
	return b.String()
}

// listDatabases pages here, since the API answers all at once. Connection
// details, which the API may include for an administrator, are not even read.
func listDatabases(ctx context.Context, c *upstream.Client, in listDatabasesIn) (Databases, error) {
	offset, err := decodeCursor(in.Cursor, "metabase_list_databases")
	if err != nil {
		return Databases{}, err
	}
	var answer struct {
		Data []struct {
			ID     int64  `json:"id"`
			Name   string `json:"name"`
			Engine string `json:"engine"`
			Native string `json:"native_permissions"`
		} `json:"data"`
	}
	if err := c.Get(ctx, "/api/database", nil, &answer); err != nil {
		return Databases{}, err
	}
	out := Databases{Databases: []Database{}, Total: len(answer.Data)}
	from := min(offset, out.Total)
	to := min(from+in.Limit, out.Total)
	for _, d := range answer.Data[from:to] {
		out.Databases = append(out.Databases, Database{
			ID: d.ID, Name: upstream.Clean(d.Name, 254), Engine: upstream.Clean(d.Engine, 60), SQL: d.Native == "write",
		})
	}
	if to < out.Total {
		out.Next = encodeCursor(to)
	}
	return out, nil
}
