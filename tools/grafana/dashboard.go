package grafana

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

const (
	maxPanels = 150
	maxRaw    = 40_000 // bytes of a dashboard's JSON that are shown at once
)

func (s *service) dashboardTools() []tools.Tool {
	return []tools.Tool{tools.New("grafana_get_dashboard", s.getDashboard)}
}

// Panel is a panel of a dashboard.
type Panel struct {
	ID          int64        `json:"panel"`
	Title       string       `json:"title,omitempty"`
	Type        string       `json:"type,omitempty"`
	Row         string       `json:"row,omitempty"` // that it is in
	Description string       `json:"description,omitempty"`
	Queries     []PanelQuery `json:"queries,omitempty"`
}

// Variable is a variable of a dashboard, such as $customer.
type Variable struct {
	Name  string `json:"name"`
	Type  string `json:"type,omitempty"`
	Value string `json:"value,omitempty"` // the current one
}

// Dashboard is the answer of grafana_get_dashboard.
type Dashboard struct {
	UID         string     `json:"uid"`
	Title       string     `json:"title"`
	Description string     `json:"description,omitempty"`
	FolderUID   string     `json:"folder_uid,omitempty"`
	Version     string     `json:"version"` // for grafana_update_dashboard
	Schema      string     `json:"schema"`  // classic, v2
	Managed     string     `json:"managed_by,omitempty"`
	Updated     string     `json:"updated,omitempty"`
	Tags        []string   `json:"tags,omitempty"`
	From        string     `json:"from,omitempty"` // what it shows at first
	To          string     `json:"to,omitempty"`
	Variables   []Variable `json:"variables,omitempty"`
	Panels      []Panel    `json:"panels,omitempty"`
	More        int        `json:"more_panels,omitempty"`
	JSON        string     `json:"json,omitempty"` // of view panel and raw
	Link        string     `json:"link"`
}

// Text is the dashboard in a few lines, and its panels below.
func (d Dashboard) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "dashboard %s  %s  version %s  %s schema  %s\n", d.UID, upstream.Quote(d.Title), d.Version, d.Schema, d.Link)
	if d.FolderUID != "" {
		fmt.Fprintf(&b, "in folder %s\n", d.FolderUID)
	}
	if d.Managed != "" {
		fmt.Fprintf(&b, "managed by %s: it cannot be changed here\n", d.Managed)
	}
	if d.Description != "" {
		b.WriteString(upstream.Quote(d.Description) + "\n")
	}
	if len(d.Tags) > 0 {
		b.WriteString("tags " + upstream.Quote(strings.Join(d.Tags, ", ")) + "\n")
	}
	if d.From != "" || d.To != "" {
		fmt.Fprintf(&b, "from %s to %s\n", upstream.Quote(d.From), upstream.Quote(d.To))
	}
	for _, v := range d.Variables {
		fmt.Fprintf(&b, "variable %s  %s  %s\n", upstream.Quote(v.Name), v.Type, upstream.Quote(v.Value))
	}
	for _, p := range d.Panels {
		fmt.Fprintf(&b, "panel %d  %s  %s", p.ID, upstream.Quote(p.Title), p.Type)
		if p.Row != "" {
			b.WriteString("  in row " + upstream.Quote(p.Row))
		}
		if p.Description != "" {
			b.WriteString("  " + upstream.Quote(p.Description))
		}
		b.WriteByte('\n')
		for _, q := range p.Queries {
			fmt.Fprintf(&b, "  query %s", upstream.Quote(q.Ref))
			if q.Datasource != "" {
				fmt.Fprintf(&b, " of %s %s", upstream.Quote(q.Datasource), q.Type)
			}
			if q.Hidden {
				b.WriteString(" (hidden)")
			}
			fmt.Fprintf(&b, ": %s\n", upstream.Quote(q.Query))
		}
	}
	if d.More > 0 {
		fmt.Fprintf(&b, "and %d more panels: name one with view \"panel\"\n", d.More)
	}
	if d.JSON != "" {
		b.WriteString(upstream.Quote(d.JSON) + "\n")
	}
	return b.String()
}

// GetArgs are those of grafana_get_dashboard.
type GetArgs struct {
	Dashboard string `json:"dashboard"`
	View      string `json:"view"`
	Panel     any    `json:"panel"`
}

func (s *service) getDashboard(ctx context.Context, c *upstream.Client, in GetArgs) (Dashboard, error) {
	if in.View == "panel" && in.Panel == nil {
		return Dashboard{}, fault.Wrong("view \"panel\" needs panel: an id or a title, as view \"summary\" shows them.")
	}
	found, err := s.dashboard(ctx, c, in.Dashboard)
	if err != nil {
		return Dashboard{}, err
	}
	d, err := s.load(ctx, c, found.UID)
	if err != nil {
		return Dashboard{}, err
	}
	out := d.head(c)
	switch in.View {
	case "panel":
		p, err := d.spec.panel(fmt.Sprint(in.Panel))
		if err != nil {
			return Dashboard{}, err
		}
		out.Panels = []Panel{p.shown(true)}
		out.JSON, err = shownJSON(p.body)
		return out, err
	case "raw":
		out.JSON, err = shownJSON(d.spec)
		return out, err
	}
	out.about(d)
	room := maxRaw
	for i, p := range d.spec.panels() {
		shown := p.shown(in.View == "panels")
		raw, _ := json.Marshal(shown)
		if room -= len(raw); room < 0 || i == maxPanels {
			out.More = len(d.spec.panels()) - i
			break
		}
		out.Panels = append(out.Panels, shown)
	}
	return out, nil
}

// head is what all views have.
func (d *dashboard) head(c *upstream.Client) Dashboard {
	out := Dashboard{
		UID: d.uid, Title: upstream.Clean(text(d.spec, "title"), 200), Version: word(d.version, "unknown"), Schema: "classic",
		Managed: word(d.managed, ""), Link: c.BaseURL() + "/d/" + d.uid,
	}
	if d.managed != "" && out.Managed == "" {
		out.Managed = "another program"
	}
	if d.spec.isV2() {
		out.Schema = "v2"
	}
	if uidForm.MatchString(d.folder) {
		out.FolderUID = d.folder
	}
	return out
}

// about adds what a dashboard says of itself.
func (out *Dashboard) about(d *dashboard) {
	out.Description = upstream.CleanLines(text(d.spec, "description"), 1000)
	out.Updated = upstream.Clean(d.updated, 40)
	for _, t := range items(d.spec, "tags")[:min(len(items(d.spec, "tags")), 20)] {
		if t, ok := t.(string); ok && t != "" {
			out.Tags = append(out.Tags, upstream.Clean(t, 50))
		}
	}
	span := object(d.spec, "time")
	if d.spec.isV2() {
		span = object(d.spec, "timeSettings")
	}
	out.From, out.To = upstream.Clean(text(span, "from"), 40), upstream.Clean(text(span, "to"), 40)
	for _, v := range append(items(object(d.spec, "templating"), "list"), items(d.spec, "variables")...) {
		v, _ := v.(map[string]any)
		kind := text(v, "type")
		if inner := object(v, "spec"); inner != nil { // schema v2
			kind = strings.ToLower(strings.TrimSuffix(text(v, "kind"), "Variable"))
			v = inner
		}
		if text(v, "name") == "" || len(out.Variables) == 30 {
			continue
		}
		out.Variables = append(out.Variables, Variable{upstream.Clean(text(v, "name"), 60), word(kind, ""), currentValue(v)})
	}
}

// currentValue is what a variable is set to: one value, or several.
func currentValue(v map[string]any) string {
	switch value := object(v, "current")["value"].(type) {
	case string:
		return upstream.Clean(value, 100)
	case []any:
		var all []string
		for _, one := range value {
			if one, ok := one.(string); ok {
				all = append(all, one)
			}
		}
		return upstream.Clean(strings.Join(all, ","), 100)
	}
	return ""
}

func (p spot) shown(withQueries bool) Panel {
	out := Panel{ID: p.id, Title: upstream.Clean(p.title, 150), Type: word(p.kind, ""), Row: upstream.Clean(p.row, 100), Description: upstream.Clean(text(p.body, "description"), 300)}
	if withQueries {
		out.Queries = p.queries()
	}
	return out
}

// shownJSON is a part of a dashboard as compact JSON, for reading.
func shownJSON(v any) (string, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return "", err
	}
	if len(raw) > maxRaw {
		return "", fault.Wrong("That is %d bytes of JSON, more than the %d that are shown at once. Ask for view \"panels\", or for one panel with view \"panel\".", len(raw), maxRaw)
	}
	return upstream.CleanLines(string(raw), maxRaw), nil
}
