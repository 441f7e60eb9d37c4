package metabase

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"toolvault/tools"
	"toolvault/tools/upstream"
)

func (s *service) questionTools() []tools.Tool {
	return []tools.Tool{tools.New("metabase_get_question", s.getQuestion)}
}

// cardModel is a question, what is used of it.
type cardModel struct {
	ID           int64     `json:"id"`
	Name         string    `json:"name"`
	Description  string    `json:"description"`
	Type         string    `json:"type"` // question, model, metric
	Display      string    `json:"display"`
	Archived     bool      `json:"archived"`
	CollectionID *int64    `json:"collection_id"`
	DashboardID  *int64    `json:"dashboard_id"`
	DatabaseID   *int64    `json:"database_id"`
	TableID      *int64    `json:"table_id"`
	UpdatedAt    string    `json:"updated_at"`
	Parameters   []slot    `json:"parameters"`
	Columns      []column  `json:"result_metadata"` // of an earlier run; may be absent
	Query        cardQuery `json:"dataset_query"`
	Collection   struct {
		Name string `json:"name"`
	} `json:"collection"`
	Creator struct {
		Name string `json:"common_name"`
	} `json:"creator"`
	Settings map[string]json.RawMessage `json:"visualization_settings"`
}

// cardQuery is a question's query in either of its shapes: the old one, and
// MBQL 5, which instances since 0.57 answer, some of them even where the old one
// was asked for.
type cardQuery struct {
	Database int64           `json:"database"`
	Native   nativeModel     `json:"native"`
	Query    json.RawMessage `json:"query"`
	Stages   []stage         `json:"stages"`
	raw      json.RawMessage
}

type nativeModel struct {
	Query string                     `json:"query"`
	Tags  map[string]json.RawMessage `json:"template-tags"`
}

type stage struct {
	Kind   string                     `json:"lib/type"`
	Native string                     `json:"native"`
	Tags   map[string]json.RawMessage `json:"template-tags"`
}

// UnmarshalJSON keeps the query as it came beside what is read of it. A shape
// that is none of the two is no error: then nothing is known of the query.
func (q *cardQuery) UnmarshalJSON(b []byte) error {
	type plain cardQuery
	var p plain
	_ = json.Unmarshal(b, &p)
	*q = cardQuery(p)
	q.raw = bytes.Clone(b)
	return nil
}

// native is the SQL and its tags; false for a query without SQL.
func (q cardQuery) native() (sql string, tags map[string]json.RawMessage, ok bool) {
	if q.Native.Query != "" {
		return q.Native.Query, q.Native.Tags, true
	}
	if len(q.Stages) > 0 && q.Stages[0].Native != "" {
		return q.Stages[0].Native, q.Stages[0].Tags, true
	}
	return "", nil, false
}

// mbql is a query without SQL as JSON.
func (q cardQuery) mbql() json.RawMessage {
	if len(q.Query) > 0 && string(q.Query) != "null" {
		return q.Query
	}
	var five struct {
		Stages json.RawMessage `json:"stages"`
	}
	_ = json.Unmarshal(q.raw, &five)
	return five.Stages
}

// getCard reads a question, in the old shape where the instance has it.
func getCard(ctx context.Context, c *upstream.Client, id int64) (cardModel, error) {
	var m cardModel
	err := c.Get(ctx, cardPath(id), url.Values{"legacy-mbql": {"true"}}, &m)
	return m, err
}

// model is what the search and the addresses call the kind of question.
func (m cardModel) model() string {
	switch m.Type {
	case "model":
		return "dataset"
	case "metric":
		return "metric"
	}
	return "card"
}

// parameters are those that the question declares, and its template tags.
func (m cardModel) parameters() []slot {
	known := map[string]slot{}
	_, tags, _ := m.Query.native()
	for slug, raw := range tags {
		var t struct {
			ID      string          `json:"id"`
			Display string          `json:"display-name"`
			Type    string          `json:"type"`
			Widget  string          `json:"widget-type"`
			Needed  bool            `json:"required"`
			Default json.RawMessage `json:"default"`
		}
		if json.Unmarshal(raw, &t) != nil {
			continue
		}
		p := slot{ID: t.ID, Name: t.Display, Slug: slug, Type: t.Widget, Target: variable(slug), Default: t.Default, Needed: t.Needed}
		switch t.Type {
		case "card", "snippet":
			continue // not for values
		case "dimension":
			p.Target, _ = json.Marshal([]any{"dimension", []any{"template-tag", slug}})
		case "number":
			p.Type = "number/="
		case "date":
			p.Type = "date/single"
		}
		if p.Type == "" || p.Type == "none" {
			p.Type = "category"
		}
		known[slug] = p
	}
	for _, p := range m.Parameters {
		if old, ok := known[p.Slug]; ok {
			p.Needed = p.Needed || old.Needed
			if len(p.Target) == 0 {
				p.Target = old.Target
			}
		}
		known[p.Slug] = p
	}
	var all []slot
	for _, slug := range slices.Sorted(maps.Keys(known)) {
		all = append(all, known[slug])
	}
	return all
}

const (
	maxShownSQL  = 30_000 // bytes
	maxShownMBQL = 12_000
	maxShownSlot = 50 // parameters
)

// Parameter is what a question can be given a value for.
type Parameter struct {
	Slug    string `json:"slug"`
	Name    string `json:"name,omitempty"`
	Type    string `json:"type"`
	Needed  bool   `json:"required,omitempty"`
	Default string `json:"default,omitempty"`
}

// Question is the answer of metabase_get_question.
type Question struct {
	ID          int64       `json:"id"`
	Name        string      `json:"name"`
	Description string      `json:"description,omitempty"`
	Type        string      `json:"type"` // question, model, metric
	Display     string      `json:"display"`
	Archived    bool        `json:"archived,omitempty"`
	Collection  int64       `json:"collection"` // 0: the root
	CollectedIn string      `json:"collection_name,omitempty"`
	Dashboard   int64       `json:"dashboard,omitempty"` // where it lives only on one
	Database    int64       `json:"database,omitempty"`
	Table       int64       `json:"table,omitempty"`
	SQL         string      `json:"sql,omitempty"`
	Query       string      `json:"query,omitempty"` // MBQL, as JSON
	Parameters  []Parameter `json:"parameters,omitempty"`
	Columns     []Column    `json:"columns,omitempty"`    // when it last ran
	Dashboards  []Named     `json:"dashboards,omitempty"` // that it is on
	Creator     string      `json:"creator,omitempty"`
	UpdatedAt   string      `json:"updated_at,omitempty"`
	Link        string      `json:"link"`
}

// Text is the question, its query below.
func (q Question) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %d  %s  shown as %s", q.Type, q.ID, upstream.Quote(q.Name), q.Display)
	if q.Archived {
		b.WriteString("  (in the trash)")
	}
	fmt.Fprintf(&b, "  %s\n", q.Link)
	if q.Description != "" {
		b.WriteString(upstream.Quote(q.Description) + "\n")
	}
	if q.CollectedIn != "" {
		fmt.Fprintf(&b, "in collection %d %s\n", q.Collection, upstream.Quote(q.CollectedIn))
	}
	if q.Database > 0 {
		fmt.Fprintf(&b, "of database %d\n", q.Database)
	}
	for _, p := range q.Parameters {
		fmt.Fprintf(&b, "parameter %s  %s", upstream.Quote(p.Slug), p.Type)
		if p.Needed {
			b.WriteString("  required")
		}
		if p.Default != "" {
			b.WriteString("  default " + upstream.Quote(p.Default))
		}
		b.WriteByte('\n')
	}
	for _, query := range []string{q.SQL, q.Query} {
		if query != "" {
			b.WriteString(upstream.Quote(query) + "\n")
		}
	}
	for _, d := range q.Dashboards {
		fmt.Fprintf(&b, "on dashboard %d %s\n", d.ID, upstream.Quote(d.Name))
	}
	if len(q.Columns) > 0 {
		var all []string
		for _, c := range q.Columns {
			all = append(all, c.Name+" "+c.Type)
		}
		b.WriteString("columns: " + upstream.Quote(strings.Join(all, ", ")) + "\n")
	}
	return b.String()
}

type getQuestionIn struct {
	ID ref `json:"id"`
}

func (s *service) getQuestion(ctx context.Context, c *upstream.Client, in getQuestionIn) (Question, error) {
	id, err := s.question(ctx, c, in.ID)
	if err != nil {
		return Question{}, err
	}
	m, err := getCard(ctx, c, id)
	if err != nil {
		return Question{}, err
	}
	q := Question{
		ID: m.ID, Name: upstream.Clean(m.Name, 254), Description: upstream.CleanLines(m.Description, maxDescription),
		Type: kindOf(m.Type), Display: ownWord(m.Display, 40), Archived: m.Archived, Collection: value(m.CollectionID),
		CollectedIn: upstream.Clean(m.Collection.Name, 254), Dashboard: value(m.DashboardID), Database: value(m.DatabaseID),
		Table: value(m.TableID), Creator: upstream.Clean(m.Creator.Name, 100), UpdatedAt: stamp(m.UpdatedAt), Link: link(c, m.model(), m.ID),
	}
	if sql, _, ok := m.Query.native(); ok {
		q.SQL = shortened(sql, maxShownSQL)
	} else {
		q.Query = shortened(compact(m.Query.mbql()), maxShownMBQL)
	}
	slots := m.parameters()
	for _, p := range slots[:min(len(slots), maxShownSlot)] {
		one := Parameter{Slug: upstream.Clean(p.Slug, 100), Type: ownWord(p.Type, 60), Needed: p.Needed}
		if !strings.EqualFold(p.Name, p.Slug) {
			one.Name = upstream.Clean(p.Name, 100)
		}
		if v := upstream.CleanJSON(p.Default, 200); v != nil {
			one.Default = fmt.Sprint(v)
		}
		q.Parameters = append(q.Parameters, one)
	}
	for _, col := range m.Columns[:min(len(m.Columns), maxColumns)] {
		q.Columns = append(q.Columns, col.clean())
	}
	q.Dashboards = shownOn(ctx, c, id)
	return q, nil
}

// shownOn are the dashboards that a question is on. Not to know them is no reason
// to show nothing.
func shownOn(ctx context.Context, c *upstream.Client, id int64) []Named {
	var found []struct {
		ID   int64  `json:"id"`
		Name string `json:"name"`
	}
	if c.Get(ctx, cardPath(id)+"/dashboards", nil, &found) != nil {
		return nil
	}
	var all []Named
	for _, d := range found[:min(len(found), 50)] {
		all = append(all, Named{d.ID, upstream.Clean(d.Name, 100)})
	}
	return all
}

// shortened is a text of several lines of at most so many bytes.
func shortened(text string, most int) string {
	clean := upstream.CleanLines(text, most)
	for n := most; len(clean) > most; n /= 2 {
		clean = upstream.CleanLines(text, n)
	}
	return clean
}

func kindOf(kind string) string {
	if kind == "" {
		return "question"
	}
	return ownWord(kind, 40)
}

// compact is JSON on one line; "" where there is none.
func compact(raw json.RawMessage) string {
	var b bytes.Buffer
	if len(raw) == 0 || json.Compact(&b, raw) != nil {
		return ""
	}
	return b.String()
}
