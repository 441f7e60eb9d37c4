package metabase

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

const (
	maxCards       = 200
	maxDescription = 2000
)

type dashboardModel struct {
	ID           int64  `json:"id"`
	Name         string `json:"name"`
	Description  string `json:"description"`
	CollectionID *int64 `json:"collection_id"`
	Archived     bool   `json:"archived"`
	UpdatedAt    string `json:"updated_at"`
	Collection   struct {
		Name string `json:"name"`
	} `json:"collection"`
	Parameters []struct {
		Name string `json:"name"`
		Slug string `json:"slug"`
		Type string `json:"type"`
	} `json:"parameters"`
	Tabs []struct {
		ID   int64  `json:"id"`
		Name string `json:"name"`
	} `json:"tabs"`
	DashCards []struct {
		ID     int64  `json:"id"`
		CardID *int64 `json:"card_id"`
		TabID  *int64 `json:"dashboard_tab_id"`
		Card   struct {
			Name    string `json:"name"`
			Display string `json:"display"`
		} `json:"card"`
		Settings struct {
			Text string `json:"text"`
		} `json:"visualization_settings"`
	} `json:"dashcards"`
}

// Filter is a parameter of a dashboard.
type Filter struct {
	Slug string `json:"slug"`
	Name string `json:"name"`
	Type string `json:"type"`
}

// Card is a place on a dashboard: a question, or a text.
type Card struct {
	ID       int64  `json:"dashcard"`
	Question *int64 `json:"question,omitempty"` // for metabase_run_question
	Name     string `json:"name,omitempty"`
	Display  string `json:"display,omitempty"`
	Tab      string `json:"tab,omitempty"`
	Text     string `json:"text,omitempty"`
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
	Cards       []Card   `json:"cards"`
	More        int      `json:"more_cards,omitempty"`
	Link        string   `json:"link"`
}

// Text is the dashboard in a line or two and its cards below.
func (d Dashboard) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "dashboard %d  %s", d.ID, d.Name)
	if d.Archived {
		b.WriteString("  (in the trash)")
	}
	fmt.Fprintf(&b, "  %s\n", d.Link)
	if d.Description != "" {
		b.WriteString(d.Description + "\n")
	}
	for _, f := range d.Filters {
		fmt.Fprintf(&b, "filter %s  %s  %s\n", f.Slug, f.Name, f.Type)
	}
	for _, c := range d.Cards {
		switch {
		case c.Question != nil:
			fmt.Fprintf(&b, "question %d  %s  %s", *c.Question, c.Name, c.Display)
		default:
			fmt.Fprintf(&b, "text: %s", upstream.Clean(c.Text, 500))
		}
		if c.Tab != "" {
			fmt.Fprintf(&b, "  on tab %s", c.Tab)
		}
		b.WriteByte('\n')
	}
	if d.More > 0 {
		fmt.Fprintf(&b, "and %d more cards\n", d.More)
	}
	return b.String()
}

type getDashboardIn struct {
	ID int64 `json:"id"`
}

func getDashboard(ctx context.Context, c *upstream.Client, in getDashboardIn) (Dashboard, error) {
	var m dashboardModel
	if err := c.Get(ctx, dashboardPath(in.ID), nil, &m); err != nil {
		return Dashboard{}, err
	}
	d := Dashboard{
		ID: m.ID, Name: upstream.Clean(m.Name, 254), Description: upstream.CleanLines(m.Description, maxDescription),
		CollectedIn: upstream.Clean(m.Collection.Name, 254), Archived: m.Archived, UpdatedAt: stamp(m.UpdatedAt),
		Filters: []Filter{}, Cards: []Card{}, Link: link(c, "dashboard", m.ID),
	}
	if m.CollectionID != nil {
		d.Collection = *m.CollectionID
	}
	for _, p := range m.Parameters[:min(len(m.Parameters), 50)] {
		d.Filters = append(d.Filters, Filter{upstream.Clean(p.Slug, 100), upstream.Clean(p.Name, 100), upstream.Clean(p.Type, 60)})
	}
	tabs := map[int64]string{}
	for _, t := range m.Tabs {
		tabs[t.ID] = upstream.Clean(t.Name, 100)
	}
	for _, dc := range m.DashCards[:min(len(m.DashCards), maxCards)] {
		card := Card{ID: dc.ID, Question: dc.CardID}
		if dc.CardID != nil {
			card.Name, card.Display = upstream.Clean(dc.Card.Name, 254), upstream.Clean(dc.Card.Display, 40)
		} else {
			card.Text = upstream.CleanLines(dc.Settings.Text, 500)
		}
		if dc.TabID != nil {
			card.Tab = tabs[*dc.TabID]
		}
		d.Cards = append(d.Cards, card)
	}
	d.More = len(m.DashCards) - len(d.Cards)
	return d, nil
}

type updateDashboardIn struct {
	ID          int64   `json:"id"`
	Name        *string `json:"name"`
	Description *string `json:"description"`
	Collection  *int64  `json:"collection"` // 0: the root
}

// Updated is the answer of metabase_update_dashboard: the dashboard as it now is.
type Updated struct {
	ID          int64  `json:"id"`
	Name        string `json:"name"`
	Description string `json:"description"`
	Collection  int64  `json:"collection"`
	UpdatedAt   string `json:"updated_at,omitempty"`
	Link        string `json:"link"`
}

// Text is the dashboard in a line or two.
func (u Updated) Text() string {
	s := fmt.Sprintf("Updated dashboard %d  %s  %s", u.ID, u.Name, u.Link)
	if u.Description != "" {
		s += "\n" + u.Description
	}
	return s
}

// updateDashboard sends only what is to change. In particular it never sends
// dashcards or tabs: Metabase takes a list of those for the whole, and deletes
// the cards that are not in it.
func updateDashboard(ctx context.Context, c *upstream.Client, in updateDashboardIn) (Updated, error) {
	body := map[string]any{}
	if in.Name != nil {
		body["name"] = *in.Name
	}
	if in.Description != nil {
		body["description"] = *in.Description
	}
	if in.Collection != nil {
		body["collection_id"] = in.Collection
		if *in.Collection == 0 {
			body["collection_id"] = nil
		}
	}
	if len(body) == 0 {
		f := fault.New(fault.InvalidArguments, "There is nothing to change: give name, description or collection.")
		f.NotSent = true
		return Updated{}, f
	}
	var m dashboardModel
	err := c.Do(ctx, upstream.Request{Method: http.MethodPut, Path: dashboardPath(in.ID), JSON: body}, &m)
	if err != nil {
		return Updated{}, err
	}
	// Other clients have shipped updates that were taken and dropped; so look.
	if in.Name != nil && strings.TrimSpace(m.Name) != strings.TrimSpace(*in.Name) || in.Description != nil && m.Description != *in.Description {
		return Updated{}, fault.New(fault.UpstreamError, "Metabase took the change of dashboard %d and shows other values than were sent. Look at it with metabase_get_dashboard.", in.ID)
	}
	u := Updated{
		ID: m.ID, Name: upstream.Clean(m.Name, 254), Description: upstream.CleanLines(m.Description, maxDescription),
		UpdatedAt: stamp(m.UpdatedAt), Link: link(c, "dashboard", m.ID),
	}
	if m.CollectionID != nil {
		u.Collection = *m.CollectionID
	}
	return u, nil
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
