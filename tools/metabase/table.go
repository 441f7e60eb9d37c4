package metabase

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/names"
	"toolvault/tools/upstream"
)

func (s *service) tableTools() []tools.Tool {
	return []tools.Tool{tools.New("metabase_describe_table", s.describeTable)}
}

// fieldModel is a field as GET /api/table/{id}/query_metadata has it.
type fieldModel struct {
	ID          int64  `json:"id"`
	TableID     int64  `json:"table_id"`
	Name        string `json:"name"`
	Display     string `json:"display_name"`
	Base        string `json:"base_type"`
	Actual      string `json:"effective_type"`
	Semantic    string `json:"semantic_type"`
	Description string `json:"description"`
	PointsTo    *int64 `json:"fk_target_field_id"`
	Target      struct {
		Name    string `json:"name"`
		TableID int64  `json:"table_id"`
		Table   struct {
			Name string `json:"name"`
		} `json:"table"`
	} `json:"target"`
}

// kind is what the field holds: the type that Metabase reads it as.
func (f fieldModel) kind() string {
	if f.Actual != "" {
		return f.Actual
	}
	return f.Base
}

type tableModel struct {
	ID          int64        `json:"id"`
	Name        string       `json:"name"`
	Schema      string       `json:"schema"`
	Display     string       `json:"display_name"`
	Description string       `json:"description"`
	DatabaseID  int64        `json:"db_id"`
	Fields      []fieldModel `json:"fields"`
	DB          struct {
		Name string `json:"name"`
	} `json:"db"`
}

func getTable(ctx context.Context, c *upstream.Client, id int64) (tableModel, error) {
	var m tableModel
	err := c.Get(ctx, "/api/table/"+strconv.FormatInt(id, 10)+"/query_metadata", nil, &m)
	return m, err
}

// table is the id of a table: by its name as the database or as Metabase has it,
// with its schema before it where there are several, of one database or of all.
func (s *service) table(ctx context.Context, c *upstream.Client, r, database ref) (int64, error) {
	if r == "" {
		return 0, fault.Wrong("Which table? Give its id, or its name.")
	}
	if id, ok := r.number(); ok && id > 0 {
		return id, s.inDatabase(ctx, c, id, database)
	}
	if r.isURL() {
		return 0, fault.Wrong("A table is named by its id or its name, not by an address. metabase_list_tables has them.")
	}
	var db int64
	if database != "" {
		var err error
		if db, err = s.database(ctx, c, database); err != nil {
			return 0, err
		}
	}
	key := fmt.Sprintf("%s\x00table\x00%d\x00%s", c.CredentialKey(), db, strings.ToLower(string(r)))
	return s.ids.Get(key, func() (int64, error) {
		word := string(r)
		q := url.Values{"q": {word[strings.LastIndexByte(word, '.')+1:]}, "models": {"table"}, "limit": {"50"}}
		if db > 0 {
			q.Set("table_db_id", strconv.FormatInt(db, 10))
		}
		var found searchModel
		if err := c.Get(ctx, "/api/search", q, &found); err != nil {
			return 0, err
		}
		return pickTable(word, found)
	})
}

// inDatabase refuses a table that is in another database than the one that was
// named beside it: a rule may have been about that.
func (s *service) inDatabase(ctx context.Context, c *upstream.Client, table int64, database ref) error {
	if database == "" {
		return nil
	}
	m, err := getTable(ctx, c, table)
	if err != nil {
		return err
	}
	return s.sameDatabase(ctx, c, m.DatabaseID, database)
}

// sameDatabase refuses a database that is not the one that was named.
func (s *service) sameDatabase(ctx context.Context, c *upstream.Client, is int64, database ref) error {
	if database == "" {
		return nil
	}
	db, err := s.database(ctx, c, database)
	if err != nil {
		return err
	}
	if is != db {
		return fault.Wrong("That is in database %d, not in %s. Leave database out, or give the right one.", is, upstream.Clean(string(database), 80))
	}
	return nil
}

func pickTable(word string, found searchModel) (int64, error) {
	var exact, near []names.Named
	for _, d := range found.Data {
		id, ok := ref(d.ID).number()
		if !ok {
			continue
		}
		real := d.TableName
		if real == "" {
			real = d.Name
		}
		full := real
		if d.TableSchema != "" {
			full = d.TableSchema + "." + real
		}
		one := names.Named{ID: strconv.FormatInt(id, 10), Name: full}
		if d.Database > 0 {
			one.Name += fmt.Sprintf(" of database %d", d.Database)
		}
		if strings.EqualFold(word, real) || strings.EqualFold(word, full) || strings.EqualFold(word, d.Name) {
			exact = append(exact, one)
		}
		near = append(near, one)
	}
	if len(exact) == 1 {
		return strconv.ParseInt(exact[0].ID, 10, 64)
	}
	if len(exact) > 1 {
		near = exact
	}
	one, err := names.Pick("table", word, near, "metabase_list_tables")
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(one.ID, 10, 64)
}

// field is one of a table, by its id, its name or what Metabase calls it.
func (m tableModel) field(word string) (fieldModel, error) {
	if id, ok := ref(word).number(); ok {
		for _, f := range m.Fields {
			if f.ID == id {
				return f, nil
			}
		}
	}
	var list []names.Named
	for _, same := range []func(f fieldModel) bool{
		func(f fieldModel) bool { return f.Name == word },
		func(f fieldModel) bool { return strings.EqualFold(f.Name, word) },
		func(f fieldModel) bool { return strings.EqualFold(f.Display, word) },
	} {
		var found []fieldModel
		for _, f := range m.Fields {
			if same(f) {
				found = append(found, f)
			}
		}
		if len(found) == 1 {
			return found[0], nil
		}
	}
	for _, f := range m.Fields {
		list = append(list, names.Named{ID: strconv.FormatInt(f.ID, 10), Name: f.Name})
	}
	one, err := names.Pick("field", word, list, "metabase_describe_table")
	if err != nil {
		return fieldModel{}, ofTable(err, m)
	}
	for _, f := range m.Fields {
		if strconv.FormatInt(f.ID, 10) == one.ID {
			return f, nil
		}
	}
	return fieldModel{}, fault.Wrong("There is no field %q.", upstream.Clean(word, 80))
}

// ofTable adds to what is wrong with a name in which table it was looked for.
func ofTable(err error, m tableModel) error {
	f := fault.From(err)
	f.Message = "In table " + upstream.Clean(m.Name, 80) + ": " + f.Message
	f.NotSent = true
	return f
}

type describeTableIn struct {
	Table    ref    `json:"table"`
	Database ref    `json:"database"`
	Format   string `json:"response_format"`
	Limit    int    `json:"limit"`
	Cursor   string `json:"cursor"`
}

// Field is a field of a table.
type Field struct {
	ID          int64  `json:"id"`
	Name        string `json:"name"`
	Type        string `json:"type"`                // Metabase's, e.g. "BigInteger"
	Key         string `json:"key,omitempty"`       // "primary", "foreign"
	PointsTo    string `json:"points_to,omitempty"` // table.field
	Label       string `json:"label,omitempty"`
	Semantic    string `json:"semantic,omitempty"`
	Description string `json:"description,omitempty"`
}

// Table is the answer of metabase_describe_table.
type Table struct {
	ID          int64   `json:"id"`
	Name        string  `json:"name"`
	Schema      string  `json:"schema,omitempty"`
	Label       string  `json:"label,omitempty"`
	Description string  `json:"description,omitempty"`
	Database    Named   `json:"database"`
	Fields      []Field `json:"fields"`
	Total       int     `json:"total"`
	Next        string  `json:"next_cursor,omitempty"`
	Link        string  `json:"link,omitempty"`
}

// Text is one line a field.
func (t Table) Text() string {
	var b strings.Builder
	n := t.Name
	if t.Schema != "" {
		n = t.Schema + "." + n
	}
	fmt.Fprintf(&b, "table %d  %s  of database %d %s  %s\n", t.ID, upstream.Quote(n), t.Database.ID, upstream.Quote(t.Database.Name), t.Link)
	if t.Description != "" {
		b.WriteString(upstream.Quote(t.Description) + "\n")
	}
	for _, f := range t.Fields {
		fmt.Fprintf(&b, "%d  %s  %s", f.ID, upstream.Quote(f.Name), f.Type)
		switch {
		case f.PointsTo != "":
			fmt.Fprintf(&b, "  → %s", upstream.Quote(f.PointsTo))
		case f.Key != "":
			fmt.Fprintf(&b, "  %s key", f.Key)
		}
		for _, more := range []string{f.Label, f.Semantic, f.Description} {
			if more != "" {
				b.WriteString("  " + upstream.Quote(more))
			}
		}
		b.WriteByte('\n')
	}
	return b.String() + more(len(t.Fields), t.Total, t.Next)
}

func (s *service) describeTable(ctx context.Context, c *upstream.Client, in describeTableIn) (Table, error) {
	id, err := s.table(ctx, c, in.Table, in.Database)
	if err != nil {
		return Table{}, err
	}
	query := []any{"fields", id, in.Format}
	at, err := tools.OpenPosition(query, in.Cursor)
	if err != nil {
		return Table{}, err
	}
	m, err := getTable(ctx, c, id)
	if err != nil {
		return Table{}, err
	}
	out := Table{
		ID: m.ID, Name: upstream.Clean(m.Name, 254), Schema: upstream.Clean(m.Schema, 254), Description: upstream.CleanLines(m.Description, maxDescription),
		Database: Named{ID: m.DatabaseID, Name: upstream.Clean(m.DB.Name, 254)}, Total: len(m.Fields),
		Link: fmt.Sprintf("%s/reference/databases/%d/tables/%d", home(c), m.DatabaseID, m.ID),
	}
	if !strings.EqualFold(strings.ReplaceAll(m.Name, "_", " "), m.Display) {
		out.Label = upstream.Clean(m.Display, 254)
	}
	var all []Field
	for _, f := range m.Fields {
		all = append(all, f.shown(in.Format == "detailed"))
	}
	out.Fields, out.Next = pageOf(query, at, all, in.Limit)
	return out, nil
}

func (f fieldModel) shown(detailed bool) Field {
	out := Field{ID: f.ID, Name: upstream.Clean(f.Name, 254), Type: ownWord(strings.TrimPrefix(f.kind(), "type/"), 60)}
	switch f.Semantic {
	case "type/PK":
		out.Key = "primary"
	case "type/FK":
		out.Key = "foreign"
	default:
		if detailed {
			out.Semantic = ownWord(strings.TrimPrefix(f.Semantic, "type/"), 60)
		}
	}
	switch {
	case f.PointsTo == nil:
	case f.Target.Table.Name != "":
		out.PointsTo = upstream.Clean(f.Target.Table.Name+"."+f.Target.Name, 200)
	default:
		out.PointsTo = fmt.Sprintf("field %d", *f.PointsTo)
	}
	if detailed {
		out.Description = upstream.Clean(f.Description, 300)
		if !strings.EqualFold(strings.ReplaceAll(f.Name, "_", " "), f.Display) {
			out.Label = upstream.Clean(f.Display, 254)
		}
	}
	return out
}
