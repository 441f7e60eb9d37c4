package notion

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"toolvault/schemas/near"
	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

func (s *service) sourceTools() []tools.Tool {
	return []tools.Tool{tools.New("notion_get_data_source", s.getSource)}
}

const (
	maxProperties = 200 // of a data source, that are kept
	maxOptions    = 100 // of a property, that are shown
)

// source is a data source: a table of a database, with its schema.
type source struct {
	ID, Title, Database, URL string

	props []property // in the order of their names
}

// property is a column.
type property struct {
	id, name, kind string   // the id as it is, not escaped
	options        []string // of select, multi_select and status
	relation       string   // the data source that it leads to
	format         string   // of a number
}

type sourceModel struct {
	Object     string                     `json:"object"`
	ID         string                     `json:"id"`
	URL        string                     `json:"url"`
	Title      []textModel                `json:"title"`
	Parent     parentModel                `json:"parent"`
	Properties map[string]json.RawMessage `json:"properties"`
}

type columnModel struct {
	ID          string       `json:"id"`
	Name        string       `json:"name"`
	Type        string       `json:"type"`
	Select      optionsModel `json:"select"`
	MultiSelect optionsModel `json:"multi_select"`
	Status      optionsModel `json:"status"`
	Relation    struct {
		DataSource string `json:"data_source_id"`
	} `json:"relation"`
	Number struct {
		Format string `json:"format"`
	} `json:"number"`
}

type optionsModel struct {
	Options []struct {
		Name string `json:"name"`
	} `json:"options"`
}

func (m sourceModel) source() (*source, error) {
	if id, ok := bareID(m.ID); !ok || m.Object != "data_source" {
		return nil, strange("the data source")
	} else {
		m.ID = id
	}
	src := &source{ID: m.ID, Title: upstream.Clean(plain(m.Title), 200), Database: upstream.Clean(m.Parent.DatabaseID, 60), URL: link(m.URL)}
	for name, raw := range m.Properties {
		var p columnModel
		if json.Unmarshal(raw, &p) != nil {
			return nil, strange("a schema that can be read")
		}
		if id, err := url.PathUnescape(p.ID); err == nil { // the API answers ids as they stand in an address
			p.ID = id
		}
		col := property{id: p.ID, name: name, kind: p.Type, relation: upstream.Clean(p.Relation.DataSource, 60), format: upstream.Clean(p.Number.Format, 40)}
		for _, o := range slices.Concat(p.Select.Options, p.MultiSelect.Options, p.Status.Options) {
			col.options = append(col.options, o.Name)
		}
		src.props = append(src.props, col)
	}
	slices.SortFunc(src.props, func(a, b property) int { // the title first
		if (a.kind == "title") != (b.kind == "title") {
			return map[bool]int{true: -1, false: 1}[a.kind == "title"]
		}
		return strings.Compare(a.name, b.name)
	})
	src.props = src.props[:min(len(src.props), maxProperties)]
	return src, nil
}

// source is what a word means: the id or address of a data source, or of a database
// that has one, or a title.
func (s *service) source(ctx context.Context, c *upstream.Client, word string) (*source, error) {
	id, ok, err := parseID("data source", word)
	if err != nil {
		return nil, err
	}
	return s.sources.Get(sourceKey(c, word), func() (*source, error) {
		if !ok {
			if id, err = s.called(ctx, c, "data_source", word); err != nil {
				return nil, err
			}
		}
		src, err := getSource(ctx, c, id)
		if err == nil || !missing(err) {
			return src, err
		}
		id, err := ofDatabase(ctx, c, id)
		if err != nil {
			return nil, err
		}
		return getSource(ctx, c, id)
	})
}

func sourceKey(c *upstream.Client, word string) string {
	if id, ok, _ := parseID("", word); ok {
		word = id
	}
	return c.CredentialKey() + "\x00" + word
}

func getSource(ctx context.Context, c *upstream.Client, id string) (*source, error) {
	var m sourceModel
	if err := c.Do(ctx, upstream.Request{Path: "/data_sources/" + id, Read: true, Fault: readContent.judge}, &m); err != nil {
		return nil, err
	}
	return m.source()
}

// ofDatabase is the only data source of a database. Several are an
// invalid_arguments that names them.
func ofDatabase(ctx context.Context, c *upstream.Client, id string) (string, error) {
	var db struct {
		Object  string `json:"object"`
		Sources []struct {
			ID   string `json:"id"`
			Name string `json:"name"`
		} `json:"data_sources"`
	}
	if err := c.Do(ctx, upstream.Request{Path: "/databases/" + id, Read: true, Fault: readContent.judge}, &db); err != nil {
		return "", err
	}
	var shown []string
	for _, d := range db.Sources[:min(len(db.Sources), 20)] {
		shown = append(shown, upstream.Quote(upstream.Clean(d.Name, 80))+" "+upstream.Clean(d.ID, 60))
	}
	if len(shown) > 1 {
		return "", fault.Wrong("That database has several data sources: %s. Give the id of one.", strings.Join(shown, ", "))
	}
	if len(shown) == 1 {
		if id, ok := bareID(db.Sources[0].ID); ok {
			return id, nil
		}
	}
	if db.Object == "database" && len(shown) == 0 {
		return "", fault.New(fault.NotFound, "That database has no data source that this connection can see. A person has to share it.")
	}
	return "", strange("the data sources of the database")
}

// using does something with a data source, and once more with a schema that is read
// anew where something was not found in the one that was kept.
func (s *service) using(ctx context.Context, c *upstream.Client, word string, do func(*source) error) error {
	before := c.Stats().Requests
	src, err := s.source(ctx, c, word)
	if err != nil {
		return err
	}
	kept := c.Stats().Requests == before
	err = do(src)
	if err == nil || !kept || !missing(err) || fault.From(err).Status != 0 {
		return err
	}
	s.sources.Forget(sourceKey(c, word))
	if src, err = s.source(ctx, c, word); err != nil {
		return err
	}
	return do(src)
}

// column is the property of a name, or of its id. One that does not exist is a
// not_found with what is near.
func (src *source) column(word string) (property, error) {
	for _, same := range []func(p property) bool{
		func(p property) bool { return p.name == word },
		func(p property) bool { return strings.EqualFold(strings.TrimSpace(p.name), strings.TrimSpace(word)) },
		func(p property) bool { return p.id != "" && p.id == word },
	} {
		if i := slices.IndexFunc(src.props, same); i >= 0 {
			return src.props[i], nil
		}
	}
	var all []string
	for _, p := range src.props {
		all = append(all, p.name)
	}
	return property{}, fault.New(fault.NotFound, "The data source %s has no property %q.%s", upstream.Quote(src.Title), upstream.Clean(word, 80), choice(word, all, "notion_get_data_source shows them"))
}

// titleColumn is the property that is the title.
func (src *source) titleColumn() property {
	for _, p := range src.props {
		if p.kind == "title" {
			return p
		}
	}
	return property{id: "title", name: "title", kind: "title"}
}

// option is the name of an option as it is spelt.
func (p property) option(word string) (string, error) {
	for _, o := range p.options {
		if o == word {
			return o, nil
		}
	}
	for _, o := range p.options {
		if strings.EqualFold(strings.TrimSpace(o), strings.TrimSpace(word)) {
			return o, nil
		}
	}
	return "", fault.New(fault.NotFound, "%s has no option %q.%s A person adds options in Notion.", upstream.Quote(upstream.Clean(p.name, 80)), upstream.Clean(word, 80), choice(word, p.options, "notion_get_data_source shows them"))
}

// choice says what there is in place of a word that is not.
func choice(word string, all []string, where string) string {
	if m := near.Match(word, all); m != "" {
		return " Did you mean " + upstream.Quote(upstream.Clean(m, 80)) + "?"
	}
	if len(all) == 0 || len(all) > 25 {
		return " " + strings.ToUpper(where[:1]) + where[1:] + "."
	}
	var shown []string
	for _, a := range all {
		shown = append(shown, upstream.Quote(upstream.Clean(a, 60)))
	}
	return " There are " + strings.Join(shown, ", ") + "."
}

type sourceIn struct {
	ID string `json:"data_source"`
}

// Schema is a data source and its columns.
type Schema struct {
	ID         string   `json:"id"`
	Title      string   `json:"title"`
	Database   string   `json:"database,omitempty"`
	URL        string   `json:"url,omitempty"`
	Properties []Column `json:"properties"`
	Note       string   `json:"note,omitempty"`
}

// Column is a property, as query and create_page take it.
type Column struct {
	Name     string   `json:"name"`
	Type     string   `json:"type"`
	Options  []string `json:"options,omitempty"`
	Relation string   `json:"relation,omitempty"` // the data source that it leads to
	Format   string   `json:"format,omitempty"`
	ReadOnly bool     `json:"read_only,omitempty"`
}

// Text is one line a property.
func (d Schema) Text() string {
	lines := []string{"Data source " + upstream.Quote(d.Title) + " " + d.ID}
	if d.Database != "" {
		lines[0] += ", of database " + d.Database
	}
	for _, p := range d.Properties {
		line := "- " + upstream.Quote(p.Name) + " " + upstream.Quote(p.Type)
		if len(p.Options) > 0 {
			line += ": " + upstream.Quote(strings.Join(p.Options, " | "))
		}
		if p.Relation != "" {
			line += " → " + p.Relation
		}
		if p.Format != "" && p.Format != "number" {
			line += " (" + upstream.Quote(p.Format) + ")"
		}
		if p.ReadOnly {
			line += ", read only"
		}
		lines = append(lines, line)
	}
	return listed(lines, "", "", d.Note)
}

func (s *service) getSource(ctx context.Context, c *upstream.Client, in sourceIn) (Schema, error) {
	s.sources.Forget(sourceKey(c, in.ID)) // who asks for the schema wants it as it is now
	src, err := s.source(ctx, c, in.ID)
	if err != nil {
		return Schema{}, err
	}
	out := Schema{ID: src.ID, Title: src.Title, Database: src.Database, URL: src.URL, Properties: []Column{}}
	cut := 0
	for _, p := range src.props {
		col := Column{Name: upstream.Clean(p.name, 100), Type: upstream.Clean(p.kind, 40), Relation: p.relation, Format: p.format, ReadOnly: p.readOnly()}
		for _, o := range p.options[:min(len(p.options), maxOptions)] {
			col.Options = append(col.Options, upstream.Clean(o, 100))
		}
		cut += max(0, len(p.options)-maxOptions)
		out.Properties = append(out.Properties, col)
	}
	page, _ := tools.Page(in, tools.Position{}, out.Properties, maxProperties, "")
	if left := len(src.props) - len(page); left > 0 || len(src.props) == maxProperties {
		out.Note = fmt.Sprintf("%d properties or more are left out.", max(left, 1))
	}
	out.Properties = page
	if cut > 0 {
		out.Note = strings.TrimSpace(out.Note + fmt.Sprintf(" %d options are left out.", cut))
	}
	return out, nil
}
