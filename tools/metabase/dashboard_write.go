package metabase

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/pattern"
	"toolvault/tools/upstream"
)

func (s *service) dashboardWriteTools() []tools.Tool {
	return []tools.Tool{
		tools.New("metabase_create_dashboard", s.createDashboard),
		tools.New("metabase_update_dashboard", s.updateDashboard),
	}
}

type createDashboardIn struct {
	Name        string `json:"name"`
	Description string `json:"description"`
	Collection  ref    `json:"collection"`
	Questions   []ref  `json:"questions"`
}

// createDashboard looks everything up first, so that nothing half is made of a
// name that is not there.
func (s *service) createDashboard(ctx context.Context, c *upstream.Client, in createDashboardIn) (Saved, error) {
	body := map[string]any{"name": in.Name}
	if in.Description != "" {
		body["description"] = in.Description
	}
	collection, err := s.into(ctx, c, in.Collection)
	if err != nil {
		return Saved{}, err
	}
	if collection > 0 {
		body["collection_id"] = collection
	}
	var cards []map[string]any
	for i, q := range in.Questions {
		id, err := s.question(ctx, c, q)
		if err != nil {
			return Saved{}, err
		}
		cards = append(cards, place(int64(-1-i), &id, i/2*6, i%2*12, 12, 6, nil))
	}
	var m dashboardModel
	if err := c.Do(ctx, upstream.Request{Path: "/api/dashboard", JSON: body}, &m); err != nil {
		return Saved{}, err
	}
	out := Saved{
		ID: m.ID, Model: "dashboard", Name: upstream.Clean(m.Name, 254), Description: upstream.CleanLines(m.Description, maxDescription),
		Collection: value(m.CollectionID), Link: link(c, "dashboard", m.ID),
	}
	if len(cards) == 0 {
		return out, nil
	}
	if err := c.Do(ctx, upstream.Request{Method: http.MethodPut, Path: dashboardPath(m.ID), JSON: map[string]any{"dashcards": cards}}, &m); err != nil {
		f := fault.From(err)
		f.Message = fmt.Sprintf("Dashboard %d was created, but its cards were not added; do not create it again, add them with metabase_edit_dashboard_cards. %s", m.ID, f.Message)
		f.Retryable, f.NotSent = false, false
		return Saved{}, f
	}
	out.Cards = len(m.DashCards)
	return out, nil
}

// place is a new dashcard as the API takes it, its id negative.
func place(id int64, card *int64, row, col, width, height int, tab *int64) map[string]any {
	return map[string]any{
		"id": id, "card_id": card, "row": row, "col": col, "size_x": width, "size_y": height, "dashboard_tab_id": tab,
		"series": []any{}, "parameter_mappings": []any{}, "visualization_settings": map[string]any{},
	}
}

type updateDashboardIn struct {
	ID          ref          `json:"id"`
	Name        *string      `json:"name"`
	Description *string      `json:"description"`
	Collection  ref          `json:"collection"` // 0: the root
	Filters     []filterEdit `json:"filters"`
}

type filterEdit struct {
	Name   string `json:"name"`
	Type   string `json:"type"`
	Remove bool   `json:"remove"`
}

// Updated is the answer of metabase_update_dashboard: the dashboard as it now is.
type Updated struct {
	ID          int64    `json:"id"`
	Name        string   `json:"name"`
	Description string   `json:"description"`
	Collection  int64    `json:"collection"`
	UpdatedAt   string   `json:"updated_at,omitempty"`
	Filters     []string `json:"filters,omitempty"` // slugs
	Link        string   `json:"link"`
}

// Text is the dashboard in a line or two.
func (u Updated) Text() string {
	s := fmt.Sprintf("Updated dashboard %d  %s  %s", u.ID, upstream.Quote(u.Name), u.Link)
	if u.Description != "" {
		s += "\n" + upstream.Quote(u.Description)
	}
	if len(u.Filters) > 0 {
		s += "\nfilters: " + upstream.Quote(strings.Join(u.Filters, ", "))
	}
	return s
}

// updateDashboard sends only what is to change. In particular it never sends
// dashcards or tabs: Metabase takes a list of those for the whole, and deletes
// the cards that are not in it.
func (s *service) updateDashboard(ctx context.Context, c *upstream.Client, in updateDashboardIn) (Updated, error) {
	id, err := s.dashboard(ctx, c, in.ID)
	if err != nil {
		return Updated{}, err
	}
	body := map[string]any{}
	if in.Name != nil {
		body["name"] = *in.Name
	}
	if in.Description != nil {
		body["description"] = *in.Description
	}
	if in.Collection != "" {
		collection, err := s.collection(ctx, c, in.Collection)
		if err != nil {
			return Updated{}, err
		}
		body["collection_id"] = orNull(collection)
	}
	if len(in.Filters) > 0 {
		if body["parameters"], err = s.filters(ctx, c, id, in.Filters); err != nil {
			return Updated{}, err
		}
	}
	if len(body) == 0 {
		return Updated{}, fault.Wrong("There is nothing to change: give name, description, collection or filters.")
	}
	var m dashboardModel
	err = c.Do(ctx, upstream.Request{Method: http.MethodPut, Path: dashboardPath(id), JSON: body}, &m)
	if err != nil {
		return Updated{}, err
	}
	// Other clients have shipped updates that were taken and dropped; so look.
	if in.Name != nil && strings.TrimSpace(m.Name) != strings.TrimSpace(*in.Name) || in.Description != nil && m.Description != *in.Description {
		return Updated{}, unlike("dashboard", id, "metabase_get_dashboard")
	}
	u := Updated{
		ID: m.ID, Name: upstream.Clean(m.Name, 254), Description: upstream.CleanLines(m.Description, maxDescription),
		Collection: value(m.CollectionID), UpdatedAt: m.changed(), Link: link(c, "dashboard", m.ID),
	}
	if len(in.Filters) > 0 {
		for _, p := range m.Parameters {
			u.Filters = append(u.Filters, upstream.Clean(p.Slug, 100))
		}
	}
	return u, nil
}

// filterKinds are Metabase's types of parameters, by words that people use.
var filterKinds = map[string]struct{ kind, section string }{
	"text": {"string/=", "string"}, "number": {"number/=", "number"}, "date": {"date/all-options", "date"},
	"id": {"id", "id"}, "category": {"category", "string"},
}

var notSlug = pattern.New(`[^a-z0-9]+`)

// filters are the dashboard's filters with the changes: the others stay as they
// came, with all their keys.
func (s *service) filters(ctx context.Context, c *upstream.Client, id int64, edits []filterEdit) ([]map[string]any, error) {
	var m struct {
		Parameters []json.RawMessage `json:"parameters"`
	}
	if err := c.Get(ctx, dashboardPath(id), nil, &m); err != nil {
		return nil, err
	}
	list, err := objects(m.Parameters)
	if err != nil {
		return nil, err
	}
	for _, e := range edits {
		slug := strings.Trim(notSlug.ReplaceAllString(strings.ToLower(e.Name), "_"), "_")
		at := slices.IndexFunc(list, func(p map[string]any) bool {
			n, _ := p["name"].(string)
			own, _ := p["slug"].(string)
			return strings.EqualFold(n, e.Name) || own == e.Name || own == slug
		})
		kind, known := filterKinds[e.Type]
		switch {
		case e.Remove && at < 0:
			return nil, fault.Wrong("The dashboard has no filter %q to remove.", upstream.Clean(e.Name, 80))
		case e.Remove:
			list = slices.Delete(list, at, at+1)
		case at >= 0 && known:
			list[at]["type"], list[at]["sectionId"] = kind.kind, kind.section
		case at >= 0:
		case !known:
			return nil, fault.Wrong("A new filter needs a type: text, number, date, id or category.")
		case slug == "":
			return nil, fault.Wrong("The name of a filter needs a letter or a digit.")
		default:
			list = append(list, map[string]any{"id": filterID(list, slug), "name": e.Name, "slug": slug, "type": kind.kind, "sectionId": kind.section})
		}
	}
	return list, nil
}

// filterID is a new id, unlike the others: eight hexadecimal digits, as Metabase's
// own pages make them.
func filterID(list []map[string]any, slug string) string {
	for n := 0; ; n++ {
		id := shortHash(fmt.Sprint(slug, n))
		if !slices.ContainsFunc(list, func(p map[string]any) bool { return p["id"] == id }) {
			return id
		}
	}
}

func shortHash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:4])
}

// objects are JSON objects with all their keys, their numbers as they were written.
func objects(list []json.RawMessage) ([]map[string]any, error) {
	all := make([]map[string]any, 0, len(list))
	for _, raw := range list {
		v, err := decoded(raw)
		m, ok := v.(map[string]any)
		if err != nil || !ok {
			return nil, fault.New(fault.UpstreamError, "Metabase answered with a dashboard that cannot be read, so it is not changed.")
		}
		all = append(all, m)
	}
	return all, nil
}
