package app

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
)

type prometheusFamily = dto.MetricFamily

// dashboard is what is looked at of docs/grafana-dashboard.json.
type dashboard struct {
	Title         string
	UID           string
	SchemaVersion int
	Panels        []struct {
		ID          int
		Type, Title string
		GridPos     struct{ H, W, X, Y int }
		Datasource  struct{ UID string }
		Targets     []struct {
			RefID, Expr string
			Datasource  struct{ UID string }
		}
	}
	Templating struct {
		List []struct {
			Name       string
			Definition string
		}
	}
}

func readDashboard(t *testing.T) dashboard {
	t.Helper()
	b, err := os.ReadFile("../../../../docs/grafana-dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	var d dashboard
	if err := json.Unmarshal(b, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

type query struct{ panel, expr string }

func (d dashboard) queries() []query {
	var all []query
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			all = append(all, query{p.Title, target.Expr})
		}
	}
	for _, v := range d.Templating.List {
		if v.Definition != "" {
			all = append(all, query{"variable " + v.Name, v.Definition})
		}
	}
	return all
}

var (
	inQuotes   = regexp.MustCompile(`"[^"]*"`)
	metricName = regexp.MustCompile(`\b(?:toolvault|process|go|promhttp)_[a-z0-9_]+`)
	ofHisto    = regexp.MustCompile(`_(?:bucket|sum|count)$`)
	matcher    = regexp.MustCompile(`([a-z_]+)\s*(?:=~|!~|!=|=)`)
	grouping   = regexp.MustCompile(`\b(?:by|without)\s*\(([^)]*)\)`)
)

// metrics are the names in the query, as they are registered.
func (q query) metrics() []string {
	var names []string
	for _, name := range metricName.FindAllString(inQuotes.ReplaceAllString(q.expr, ""), -1) {
		names = append(names, ofHisto.ReplaceAllString(name, ""))
	}
	return names
}

// labels are those that the query matches or groups by.
func (q query) labels() []string {
	bare := inQuotes.ReplaceAllString(q.expr, "")
	var names []string
	for _, m := range matcher.FindAllStringSubmatch(bare, -1) {
		names = append(names, m[1])
	}
	for _, m := range grouping.FindAllStringSubmatch(bare, -1) {
		for name := range strings.SplitSeq(m[1], ",") {
			names = append(names, strings.TrimSpace(name))
		}
	}
	return names
}

func TestTheDashboardIsWhole(t *testing.T) {
	d := readDashboard(t)
	if d.Title != "toolvault" || d.UID == "" || d.SchemaVersion < 41 {
		t.Errorf("%s, %s, schema %d", d.Title, d.UID, d.SchemaVersion)
	}
	ids := map[int]bool{}
	taken := map[[2]int]string{}
	for _, p := range d.Panels {
		if ids[p.ID] || p.ID == 0 || p.Title == "" {
			t.Errorf("panel %d %q", p.ID, p.Title)
		}
		ids[p.ID] = true
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other := taken[[2]int{x, y}]; other != "" || x >= 24 {
					t.Fatalf("%q lies over %q", p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
		if p.Type == "row" {
			continue
		}
		if len(p.Targets) == 0 || p.Datasource.UID != "${datasource}" {
			t.Errorf("%q asks nobody", p.Title)
		}
		for _, target := range p.Targets {
			if target.Expr == "" || strings.Count(target.Expr, "(") != strings.Count(target.Expr, ")") || strings.Count(target.Expr, "{") != strings.Count(target.Expr, "}") ||
				target.Datasource.UID != "${datasource}" {
				t.Errorf("%q asks %q", p.Title, target.Expr)
			}
		}
	}
}
