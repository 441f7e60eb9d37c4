package metabase

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/names"
	"toolvault/tools/upstream"
)

const (
	maxCards       = 200
	maxDescription = 2000
)

func (s *service) dashboardTools() []tools.Tool {
	return []tools.Tool{tools.New("metabase_get_dashboard", s.getDashboard)}
}

type dashboardModel struct {
	ID           int64  `json:"id"`
	Name         string `json:"name"`
	Description  string `json:"description"`
	CollectionID *int64 `json:"collection_id"`
	Archived     bool   `json:"archived"`
	UpdatedAt    string `json:"updated_at"`
	LastEdit     struct {
		At string `json:"timestamp"`
	} `json:"last-edit-info"`
	Collection struct {
		Name string `json:"name"`
	} `json:"collection"`
	Parameters []slot          `json:"parameters"`
	Tabs       []tabModel      `json:"tabs"`
	DashCards  []dashcardModel `json:"dashcards"`
}

type tabModel struct {
	ID   int64  `json:"id"`
	Name string `json:"name"`
}

type dashcardModel struct {
	ID       int64  `json:"id"`
	CardID   *int64 `json:"card_id"`
	TabID    *int64 `json:"dashboard_tab_id"`
	Row      int    `json:"row"`
	Col      int    `json:"col"`
	Width    int    `json:"size_x"`
	Height   int    `json:"size_y"`
	Mappings []struct {
		Parameter string          `json:"parameter_id"`
		Target    json.RawMessage `json:"target"`
	} `json:"parameter_mappings"`
	Card struct {
		Name    string `json:"name"`
		Display string `json:"display"`
		Type    string `json:"type"`
	} `json:"card"`
	Settings struct {
		Text  string `json:"text"`
		Title string `json:"card.title"`
	} `json:"visualization_settings"`
}

// title is what a person sees above the card.
func (d dashcardModel) title() string {
	if d.Settings.Title != "" {
		return d.Settings.Title
	}
	return d.Card.Name
}

// Filter is a parameter of a dashboard.
type Filter struct {
	Slug string `json:"slug"`
	Name string `json:"name"`
	Type string `json:"type"`
}

// Card is a place on a dashboard: a question, or a text.
type Card struct {
	ID       int64    `json:"dashcard"`
	Question *int64   `json:"question,omitempty"` // for metabase_run_question
	Name     string   `json:"name,omitempty"`
	Display  string   `json:"display,omitempty"`
	Tab      string   `json:"tab,omitempty"`
	Text     string   `json:"text,omitempty"`
	Row      *int     `json:"row,omitempty"` // on a grid of 24 columns
	Col      *int     `json:"col,omitempty"`
	Width    int      `json:"width,omitempty"`
	Height   int      `json:"height,omitempty"`
	Filters  []string `json:"filters,omitempty"` // slugs of those that act on it
}

// Dashboard is the answer of metabase_get_dashboard.
type Dashboard struct {
	ID          int64    `json:"id"`
	Name        string   `json:"name"`
	Description string   `json:"description"`
	Collection  int64    `json:"collection"` // 0: the root
	CollectedIn string   `json:"collection_name,omitempty"`
	Archived    bool     `json:"archived"`
	UpdatedAt   string   `json:"updated_at,omitempty"`
	Filters     []Filter `json:"filters"`
	Tabs        []Named  `json:"tabs,omitempty"`
	Cards       []Card   `json:"cards"`
	More        int      `json:"more_cards,omitempty"`
	Next        string   `json:"next_cursor,omitempty"`
	Link        string   `json:"link"`
}

// Text is the dashboard in a line or two and its cards below.
func (d Dashboard) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "dashboard %d  %s", d.ID, upstream.Quote(d.Name))
	if d.Archived {
		b.WriteString("  (in the trash)")
	}
	fmt.Fprintf(&b, "  %s\n", d.Link)
	if d.Description != "" {
		b.WriteString(upstream.Quote(d.Description) + "\n")
	}
	for _, f := range d.Filters {
		fmt.Fprintf(&b, "filter %s  %s  %s\n", upstream.Quote(f.Slug), upstream.Quote(f.Name), f.Type)
	}
	if d.UpdatedAt != "" {
		fmt.Fprintf(&b, "updated_at %s\n", d.UpdatedAt)
	}
	b.WriteString(cardLines(d.Cards))
	if d.More > 0 {
		fmt.Fprintf(&b, "and %d more cards. next_cursor: %s\n", d.More, d.Next)
	}
	return b.String()
}

func cardLines(cards []Card) string {
	var b strings.Builder
	for _, c := range cards {
		fmt.Fprintf(&b, "card %d  ", c.ID)
		switch {
		case c.Question != nil:
			fmt.Fprintf(&b, "question %d  %s  %s", *c.Question, upstream.Quote(c.Name), c.Display)
		default:
			fmt.Fprintf(&b, "text %s", upstream.Quote(upstream.Clean(c.Text, 500)))
		}
		if c.Tab != "" {
			fmt.Fprintf(&b, "  on tab %s", upstream.Quote(c.Tab))
		}
		if c.Row != nil {
			fmt.Fprintf(&b, "  at row %d col %d, %d x %d", *c.Row, *c.Col, c.Width, c.Height)
		}
		if len(c.Filters) > 0 {
			fmt.Fprintf(&b, "  filtered by %s", upstream.Quote(strings.Join(c.Filters, ", ")))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

type getDashboardIn struct {
	ID     ref    `json:"id"`
	Tab    ref    `json:"tab"`
	Format string `json:"response_format"`
	Cursor string `json:"cursor"`
}

func (s *service) getDashboard(ctx context.Context, c *upstream.Client, in getDashboardIn) (Dashboard, error) {
	id, err := s.dashboard(ctx, c, in.ID)
	if err != nil {
		return Dashboard{}, err
	}
	query := []any{"cards", id, in.Tab, in.Format}
	at, err := tools.OpenPosition(query, in.Cursor)
	if err != nil {
		return Dashboard{}, err
	}
	var m dashboardModel
	if err := c.Get(ctx, dashboardPath(id), nil, &m); err != nil {
		return Dashboard{}, err
	}
	var only *int64
	if in.Tab != "" {
		tab, err := m.tab(in.Tab)
		if err != nil {
			return Dashboard{}, err
		}
		only = &tab
	}
	d := Dashboard{
		ID: m.ID, Name: upstream.Clean(m.Name, 254), Description: upstream.CleanLines(m.Description, maxDescription),
		Collection: value(m.CollectionID), CollectedIn: upstream.Clean(m.Collection.Name, 254), Archived: m.Archived,
		UpdatedAt: m.changed(), Filters: []Filter{}, Link: link(c, "dashboard", m.ID),
	}
	for _, p := range m.Parameters[:min(len(m.Parameters), 50)] {
		d.Filters = append(d.Filters, Filter{upstream.Clean(p.Slug, 100), upstream.Clean(p.Name, 100), ownWord(p.Type, 60)})
	}
	for _, t := range m.Tabs[:min(len(m.Tabs), 50)] {
		d.Tabs = append(d.Tabs, Named{t.ID, upstream.Clean(t.Name, 100)})
	}
	all := m.cards(in.Format == "detailed", only)
	d.Cards, d.Next = pageOf(query, at, all, maxCards)
	d.More = len(all) - min(at.Skip, len(all)) - len(d.Cards)
	return d, nil
}

// cards are those of the dashboard, or of one tab.
func (m dashboardModel) cards(detailed bool, only *int64) []Card {
	tabs, slugs := map[int64]string{}, map[string]string{}
	for _, t := range m.Tabs {
		tabs[t.ID] = upstream.Clean(t.Name, 100)
	}
	for _, p := range m.Parameters {
		slugs[p.ID] = upstream.Clean(p.Slug, 100)
	}
	cards := []Card{}
	for _, dc := range m.DashCards {
		if only != nil && value(dc.TabID) != *only {
			continue
		}
		card := Card{ID: dc.ID, Question: dc.CardID}
		if dc.CardID != nil {
			card.Name, card.Display = upstream.Clean(dc.title(), 254), ownWord(dc.Card.Display, 40)
		} else {
			card.Text = upstream.CleanLines(dc.Settings.Text, 500)
		}
		if dc.TabID != nil {
			card.Tab = tabs[*dc.TabID]
		}
		if detailed {
			card.Row, card.Col, card.Width, card.Height = &dc.Row, &dc.Col, dc.Width, dc.Height
			for _, mapping := range dc.Mappings {
				if slug := slugs[mapping.Parameter]; slug != "" {
					card.Filters = append(card.Filters, slug)
				}
			}
		}
		cards = append(cards, card)
	}
	return cards
}

// tab is the id of a tab, by its id or its name.
func (m dashboardModel) tab(r ref) (int64, error) {
	var all []names.Named
	for _, t := range m.Tabs {
		all = append(all, names.Named{ID: strconv.FormatInt(t.ID, 10), Name: t.Name})
	}
	if len(all) == 0 {
		return 0, fault.Wrong("The dashboard has no tabs. Leave tab out.")
	}
	one, err := names.Pick("tab", string(r), all, "metabase_get_dashboard")
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(one.ID, 10, 64)
}

// dashcard is one card, by its id, its title, or the id of its question.
func (m dashboardModel) dashcard(r ref) (dashcardModel, error) {
	if id, ok := r.number(); ok {
		for _, dc := range m.DashCards {
			if dc.ID == id {
				return dc, nil
			}
		}
		for _, dc := range m.DashCards {
			if value(dc.CardID) == id && id > 0 {
				return dc, nil
			}
		}
	}
	var all []names.Named
	for _, dc := range m.DashCards {
		all = append(all, names.Named{ID: strconv.FormatInt(dc.ID, 10), Name: dc.label()})
	}
	one, err := names.Pick("card", string(r), all, "metabase_get_dashboard")
	if err != nil {
		return dashcardModel{}, err
	}
	for _, dc := range m.DashCards {
		if strconv.FormatInt(dc.ID, 10) == one.ID {
			return dc, nil
		}
	}
	return dashcardModel{}, fault.Wrong("There is no card %q.", upstream.Clean(string(r), 80))
}

// label is what a card is called: its title, or the beginning of its text.
func (d dashcardModel) label() string {
	if d.CardID == nil {
		return upstream.Clean(d.Settings.Text, 60)
	}
	return d.title()
}

// changed is when the dashboard or its cards were changed last. The first does not
// move when only cards do, so the last edit counts too.
func (m dashboardModel) changed() string {
	return max(stamp(m.UpdatedAt), stamp(m.LastEdit.At))
}

func dashboardPath(id int64) string { return "/api/dashboard/" + strconv.FormatInt(id, 10) }

// stamp is a time of the vendor's in RFC 3339, or nothing.
func stamp(s string) string {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
