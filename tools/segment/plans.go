package segment

import (
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

func (s *service) planTools() []tools.Tool {
	return []tools.Tool{tools.New("segment_list_tracking_plans", s.listTrackingPlans)}
}

type listTrackingPlansIn struct {
	Plan       string `json:"plan"`
	WithSchema bool   `json:"with_schema"`
	Limit      int    `json:"limit"`
	Cursor     string `json:"cursor"`
}

// TrackingPlan is a plan as it is shown.
type TrackingPlan struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	Type        string `json:"type,omitempty"` // LIVE, …
	Description string `json:"description,omitempty"`
	Updated     string `json:"updated,omitempty"`
}

// Rule is what a plan says of one event, or of all of a type.
type Rule struct {
	Type       string   `json:"type"`            // TRACK, IDENTIFY, GROUP, …
	Event      string   `json:"event,omitempty"` // of TRACK: its name
	Version    int      `json:"version,omitempty"`
	Properties []string `json:"properties,omitempty"` // "rows integer, required"
	Schema     string   `json:"schema,omitempty"`     // the JSON Schema, where it was asked for
}

// TrackingPlans is the answer of segment_list_tracking_plans: the plans, or the rules
// of one.
type TrackingPlans struct {
	Plans []TrackingPlan `json:"plans,omitempty"`
	Plan  string         `json:"plan_id,omitempty"`
	Rules []Rule         `json:"rules,omitempty"`
	Next  string         `json:"next_cursor,omitempty"`
}

// Text is one line a plan or rule.
func (l TrackingPlans) Text() string {
	var b strings.Builder
	switch {
	case l.Plan != "":
		fmt.Fprintf(&b, "Rules of the tracking plan %s:\n", l.Plan)
		if len(l.Rules) == 0 {
			b.WriteString("None.\n")
		}
	case len(l.Plans) == 0:
		b.WriteString("No tracking plan.\n")
	}
	for _, p := range l.Plans {
		fmt.Fprintf(&b, "%s  %s  %s %s\n", p.ID, upstream.Quote(p.Name), upstream.Quote(p.Type), p.Updated)
		if p.Description != "" {
			b.WriteString("  " + upstream.Quote(p.Description) + "\n")
		}
	}
	for _, r := range l.Rules {
		b.WriteString(upstream.Quote(r.Type) + " ")
		if r.Event != "" {
			b.WriteString(upstream.Quote(r.Event) + " ")
		}
		fmt.Fprintf(&b, "v%d", r.Version)
		if len(r.Properties) > 0 {
			b.WriteString("  " + upstream.Quote(strings.Join(r.Properties, "; ")))
		}
		if r.Schema != "" {
			b.WriteString("\n  " + upstream.Quote(r.Schema))
		}
		b.WriteString("\n")
	}
	return b.String() + more(l.Next)
}

type planModel struct {
	thing
	Type        string `json:"type"`
	Description string `json:"description"`
	Updated     string `json:"updatedAt"`
}

func (s *service) listTrackingPlans(ctx context.Context, c *upstream.Client, in listTrackingPlansIn) (TrackingPlans, error) {
	query := listTrackingPlansIn{Plan: in.Plan, WithSchema: in.WithSchema}
	at, err := tools.OpenPosition(query, in.Cursor)
	if err != nil {
		return TrackingPlans{}, err
	}
	if in.Plan != "" {
		return s.rules(ctx, c, query, at, in.Limit)
	}
	items, next, err := read[planModel](ctx, s, c, listing{path: "/tracking-plans", key: "trackingPlans", cursor: at.Cursor, count: in.Limit})
	if err != nil {
		return TrackingPlans{}, err
	}
	all := make([]TrackingPlan, 0, len(items))
	for _, m := range items {
		all = append(all, TrackingPlan{
			ID: upstream.Clean(m.ID, 64), Name: upstream.Clean(m.called(), 120), Type: upstream.Clean(m.Type, 40),
			Description: upstream.Clean(m.Description, 300), Updated: upstream.Clean(m.Updated, 40),
		})
	}
	var out TrackingPlans
	out.Plans, out.Next = tools.Page(query, at, all, in.Limit, next)
	return out, nil
}

const (
	maxShownProperties = 60
	maxSchema          = 20_000 // characters of a rule's schema
)

func (s *service) rules(ctx context.Context, c *upstream.Client, query listTrackingPlansIn, at tools.Position, limit int) (TrackingPlans, error) {
	found, err := s.plan(ctx, c, query.Plan)
	if err != nil {
		return TrackingPlans{}, err
	}
	items, next, err := read[struct {
		Type    string          `json:"type"`
		Key     string          `json:"key"`
		Version float64         `json:"version"`
		Schema  json.RawMessage `json:"jsonSchema"`
	}](ctx, s, c, listing{path: "/tracking-plans/" + url.PathEscape(found.ID) + "/rules", key: "rules", cursor: at.Cursor, count: limit})
	if err != nil {
		return TrackingPlans{}, err
	}
	all := make([]Rule, 0, len(items))
	for _, m := range items {
		r := Rule{Type: upstream.Clean(m.Type, 40), Event: upstream.Clean(m.Key, 200), Version: int(max(0, min(m.Version, 1<<30))), Properties: described(m.Schema)}
		if query.WithSchema {
			r.Schema = upstream.Clean(string(m.Schema), maxSchema)
		}
		all = append(all, r)
	}
	out := TrackingPlans{Plan: upstream.Clean(found.ID, 64)}
	out.Rules, out.Next = tools.Page(query, at, all, limit, next)
	return out, nil
}

// described is what a rule's schema says of properties or traits, one line for each. A rule
// is of the whole event: what a person means stands below properties.properties.
func described(schema json.RawMessage) []string {
	type shape struct {
		Type       json.RawMessage            `json:"type"`
		Required   []string                   `json:"required"`
		Properties map[string]json.RawMessage `json:"properties"`
	}
	parse := func(raw json.RawMessage) (s shape) {
		_ = decodeLoose(raw, &s)
		return s
	}
	whole := parse(schema)
	fields := whole
	for _, part := range []string{"properties", "traits"} {
		if raw, ok := whole.Properties[part]; ok {
			if inner := parse(raw); len(inner.Properties) > 0 {
				fields = inner
				break
			}
		}
	}
	var all []string
	for _, name := range slices.Sorted(maps.Keys(fields.Properties)) {
		if len(all) == maxShownProperties {
			return append(all, fmt.Sprintf("and %d more", len(fields.Properties)-len(all)))
		}
		line := upstream.Clean(name, 80)
		if types := strings.Trim(string(parse(fields.Properties[name]).Type), `"`); types != "" {
			line += " " + upstream.Clean(types, 60)
		}
		if slices.Contains(fields.Required, name) {
			line += ", required"
		}
		all = append(all, line)
	}
	return all
}

// decodeLoose decodes as much of a value as fits.
func decodeLoose(raw json.RawMessage, to any) error {
	if len(raw) == 0 {
		return nil
	}
	return json.Unmarshal(raw, to)
}
