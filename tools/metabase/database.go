package metabase

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"toolvault/tools"
	"toolvault/tools/upstream"
)

func (s *service) databaseTools() []tools.Tool {
	return []tools.Tool{
		tools.New("metabase_list_databases", s.listDatabases),
		tools.New("metabase_list_tables", s.listTables),
	}
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
		fmt.Fprintf(&b, "%d  %s  %s", d.ID, upstream.Quote(d.Name), d.Engine)
		if !d.SQL {
			b.WriteString("  no SQL for this key")
		}
		b.WriteByte('\n')
	}
	return b.String() + more(len(l.Databases), l.Total, l.Next)
}

// allDatabases are those that the credential sees. Connection details, which the
// API may include for an administrator, are not even read.
func allDatabases(ctx context.Context, c *upstream.Client) ([]Database, error) {
	var answer struct {
		Data []struct {
			ID     int64  `json:"id"`
			Name   string `json:"name"`
			Engine string `json:"engine"`
			Native string `json:"native_permissions"`
		} `json:"data"`
	}
	if err := c.Get(ctx, "/api/database", nil, &answer); err != nil {
		return nil, err
	}
	all := []Database{}
	for _, d := range answer.Data {
		all = append(all, Database{ID: d.ID, Name: upstream.Clean(d.Name, 254), Engine: ownWord(d.Engine, 60), SQL: d.Native == "write"})
	}
	slices.SortStableFunc(all, func(a, b Database) int { return cmp.Compare(a.ID, b.ID) })
	return all, nil
}

// listDatabases pages here, since the API answers all at once.
func (s *service) listDatabases(ctx context.Context, c *upstream.Client, in listDatabasesIn) (Databases, error) {
	query := []any{"databases"}
	at, err := tools.OpenPosition(query, in.Cursor)
	if err != nil {
		return Databases{}, err
	}
	all, err := allDatabases(ctx, c)
	if err != nil {
		return Databases{}, err
	}
	page, next := pageOf(query, at, all, in.Limit)
	return Databases{Databases: page, Total: len(all), Next: next}, nil
}

// pageOf is a page of a list that the service gives whole.
func pageOf[T any](query any, at tools.Position, all []T, limit int) ([]T, string) {
	page, next := tools.Page(query, at, all, limit, "")
	return append([]T{}, page...), next
}

type listTablesIn struct {
	Database ref    `json:"database"`
	Schema   string `json:"schema"`
	Contains string `json:"name_contains"`
	Limit    int    `json:"limit"`
	Cursor   string `json:"cursor"`
}

// TableName is a table in a list.
type TableName struct {
	ID          int64  `json:"id"`
	Name        string `json:"name"`
	Schema      string `json:"schema,omitempty"`
	Label       string `json:"label,omitempty"` // what Metabase shows, where it is another
	Description string `json:"description,omitempty"`
}

// Tables is the answer of metabase_list_tables.
type Tables struct {
	Database Named       `json:"database"`
	Tables   []TableName `json:"tables"`
	Total    int         `json:"total"`
	Next     string      `json:"next_cursor,omitempty"`
	Note     string      `json:"note,omitempty"`
}

// Text is one line a table.
func (l Tables) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "database %d  %s\n", l.Database.ID, upstream.Quote(l.Database.Name))
	if len(l.Tables) == 0 {
		b.WriteString("No such table.\n")
	}
	for _, t := range l.Tables {
		n := t.Name
		if t.Schema != "" {
			n = t.Schema + "." + n
		}
		fmt.Fprintf(&b, "%d  %s", t.ID, upstream.Quote(n))
		if t.Label != "" {
			fmt.Fprintf(&b, "  %s", upstream.Quote(t.Label))
		}
		if t.Description != "" {
			fmt.Fprintf(&b, "  %s", upstream.Quote(t.Description))
		}
		b.WriteByte('\n')
	}
	if l.Note != "" {
		b.WriteString(l.Note + "\n")
	}
	return b.String() + more(len(l.Tables), l.Total, l.Next)
}

// maxSchemas is how many schemas of a database are looked through.
const maxSchemas = 20

type tableEntry struct {
	ID          int64  `json:"id"`
	Name        string `json:"name"`
	Schema      string `json:"schema"`
	Display     string `json:"display_name"`
	Description string `json:"description"`
}

// listTables reads schema after schema, since the one call that has all tables
// has all their fields too.
func (s *service) listTables(ctx context.Context, c *upstream.Client, in listTablesIn) (Tables, error) {
	id, err := s.database(ctx, c, in.Database)
	if err != nil {
		return Tables{}, err
	}
	query := []any{"tables", id, in.Schema, in.Contains}
	at, err := tools.OpenPosition(query, in.Cursor)
	if err != nil {
		return Tables{}, err
	}
	out := Tables{Database: Named{ID: id, Name: s.databaseName(ctx, c, id)}}
	schemas := []string{in.Schema}
	if in.Schema == "" {
		if err := c.Get(ctx, databasePath(id)+"/schemas", nil, &schemas); err != nil {
			return Tables{}, err
		}
	}
	if left := len(schemas) - maxSchemas; left > 0 {
		out.Note = fmt.Sprintf("Only the first %d schemas were looked through; give schema for one of the other %d.", maxSchemas, left)
		schemas = schemas[:maxSchemas]
	}
	var all []TableName
	for i, schema := range schemas {
		if len(schemas) > 1 {
			c.Progress(float64(i), float64(len(schemas)), "schemas read")
		}
		path := databasePath(id) + "/schema"
		if schema != "" {
			path += "/" + url.PathEscape(schema)
		}
		var found []tableEntry
		if err := c.Get(ctx, path, nil, &found); err != nil {
			return Tables{}, err
		}
		for _, t := range found {
			if !contains(t.Name, in.Contains) && !contains(t.Display, in.Contains) {
				continue
			}
			one := TableName{ID: t.ID, Name: upstream.Clean(t.Name, 254), Schema: upstream.Clean(t.Schema, 254), Description: upstream.Clean(t.Description, 200)}
			if !strings.EqualFold(strings.ReplaceAll(t.Name, "_", " "), t.Display) {
				one.Label = upstream.Clean(t.Display, 254)
			}
			all = append(all, one)
		}
	}
	out.Total = len(all)
	out.Tables, out.Next = pageOf(query, at, all, in.Limit)
	return out, nil
}

func contains(text, part string) bool {
	return strings.Contains(strings.ToLower(text), strings.ToLower(part))
}

func databasePath(id int64) string { return "/api/database/" + strconv.FormatInt(id, 10) }

// databaseName is what a database is called, for an answer; "" where that is not
// known, which is no reason to fail.
func (s *service) databaseName(ctx context.Context, c *upstream.Client, id int64) string {
	all, err := s.databases(ctx, c)
	if err != nil {
		return ""
	}
	for _, d := range all {
		if d.ID == strconv.FormatInt(id, 10) {
			return d.Name
		}
	}
	return ""
}
