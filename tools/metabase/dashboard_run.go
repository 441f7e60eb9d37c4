package metabase

import (
	"context"
	"encoding/json"
	"fmt"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

func (s *service) dashboardRunTools() []tools.Tool {
	return []tools.Tool{tools.New("metabase_run_dashboard_card", s.runDashboardCard)}
}

type runDashboardCardIn struct {
	Dashboard ref                        `json:"dashboard"`
	Card      ref                        `json:"card"`
	Filters   map[string]json.RawMessage `json:"filters"`
	Limit     int                        `json:"limit"`
	Cursor    string                     `json:"cursor"`
}

// runDashboardCard gives the filters' values by the filters' ids; Metabase applies
// them to the card as the dashboard maps them.
func (s *service) runDashboardCard(ctx context.Context, c *upstream.Client, in runDashboardCardIn) (Rows, error) {
	id, err := s.dashboard(ctx, c, in.Dashboard)
	if err != nil {
		return Rows{}, err
	}
	query := []any{"dashcard", id, in.Card, in.Filters}
	want, err := openRows(query, in.Cursor, in.Limit)
	if err != nil {
		return Rows{}, err
	}
	var m dashboardModel
	if err := c.Get(ctx, dashboardPath(id), nil, &m); err != nil {
		return Rows{}, err
	}
	dc, err := m.dashcard(in.Card)
	if err != nil {
		return Rows{}, err
	}
	if dc.CardID == nil {
		return Rows{}, fault.Wrong("Card %d is a text, and not a question.", dc.ID)
	}
	for i := range m.Parameters {
		m.Parameters[i].Target = nil // the dashboard has it, by card
	}
	settings, err := s.settings(ctx, c, "dashboard", m.Parameters, in.Filters)
	if err != nil {
		return Rows{}, err
	}
	path := fmt.Sprintf("%s/dashcard/%d/card/%d/query", dashboardPath(id), dc.ID, *dc.CardID)
	rows, err := run(ctx, c, path, map[string]any{"parameters": settings}, true, want)
	if err != nil {
		return Rows{}, err
	}
	out := rows.answer(query, want, nil)
	out.Question, out.Link = upstream.Clean(dc.title(), 254), link(c, "dashboard", id)
	var idle []string
	for _, set := range settings {
		if !dc.mapped(set.ID) {
			for _, p := range m.Parameters {
				if p.ID == set.ID {
					idle = append(idle, p.Slug)
				}
			}
		}
	}
	if len(idle) > 0 {
		out.Note = "Not connected to this card, so without effect: " + clipped(idle) + ". " + out.Note
	}
	return out, nil
}

// mapped reports whether a filter acts on the card.
func (d dashcardModel) mapped(parameter string) bool {
	for _, m := range d.Mappings {
		if m.Parameter == parameter {
			return true
		}
	}
	return false
}
