package stats

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"time"
)

//go:embed page.html
var pageHTML string

//go:embed page.css
var pageCSS string

// Page is what a page says besides the numbers.
type Page struct {
	Title string
	Notes []string // what was asked for, and of which logs
	Zone  *time.Location
	Made  time.Time

	// Text makes a name of a stranger's fit to be seen: without characters that hide
	// or turn around. The page escapes what HTML would act on by itself.
	Text func(string) string
}

const (
	pageColumns = 240 // of the charts over time, at most
	firstRows   = 15  // of a table, that are seen at once
)

// pageData is what the template reads.
type pageData struct {
	Title, Period, Made, Accuracy string
	Notes                         []string
	StyleHash                     string
	Style                         template.CSS
	Tiles                         []tile
	Time                          *timeChart
	Tables                        []pageTable
}

type tile struct{ Name, Value string }

// HTML writes the report as one page that needs nothing else: it has no script,
// loads nothing, and its policy forbids both to whatever should have got into it.
// Behind every chart is a table.
func (r *Report) HTML(w io.Writer, p Page) error {
	t, err := template.New("page").Parse(pageHTML)
	if err != nil {
		return fmt.Errorf("page of statistics: %w", err)
	}
	if p.Zone == nil {
		p.Zone = time.UTC
	}
	if p.Text == nil {
		p.Text = func(s string) string { return s }
	}
	sum := sha256.Sum256([]byte(pageCSS))
	data := pageData{
		Title: p.Title, Notes: p.Notes, Period: "Nothing was found.", Accuracy: "1%",
		StyleHash: "sha256-" + base64.StdEncoding.EncodeToString(sum[:]), Style: template.CSS(pageCSS),
		Made:   fmt.Sprintf("Made by toolvault at %s of %s records.", p.Made.In(p.Zone).Format("2006-01-02 15:04 MST"), Count(r.Records)),
		Tiles:  r.tiles(),
		Time:   r.timeChart(p.Zone),
		Tables: r.pageTables(p.Text),
	}
	if !r.First.IsZero() {
		const layout = "2 January 2006, 15:04"
		data.Period = r.First.In(p.Zone).Format(layout) + " to " + r.Last.In(p.Zone).Format(layout+" MST")
	}
	return t.Execute(w, data)
}

func (r *Report) tiles() []tile {
	a := r.All
	list := []tile{
		{"calls", Count(a.Calls)}, {"worked", Share(a.OK, a.Calls)},
		{"failed (" + Share(a.Failures, a.Calls) + ")", Count(a.Failures)}, {"denied (" + Share(a.Denials, a.Calls) + ")", Count(a.Denials)},
	}
	if n := a.Unknown + a.Pending; n > 0 {
		list = append(list, tile{"unknown or pending", Count(n)})
	}
	if l := &a.Latency; l.Count() > 0 {
		list = append(list, tile{"p50", Duration(l.Quantile(0.5))}, tile{"p95", Duration(l.Quantile(0.95))}, tile{"p99", Duration(l.Quantile(0.99))})
	}
	return list
}

// pageTable is the tallies of one kind, with a bar in each row.
type pageTable struct {
	Kind, Heading, Column string
	First, Rest           []pageRow
}

type pageRow struct {
	Key                                           string
	Calls, Failed, Denied, Unknown, P50, P95, P99 string
	Parts                                         []part
}

// part is a rectangle.
type part struct {
	Class      string
	X, Y, W, H string
}

func (r *Report) pageTables(text func(string) string) []pageTable {
	heads := map[string][2]string{
		"agent": {"By agent", "Agent"}, "service": {"By service", "Service"}, "tool": {"By tool", "Tool"}, "user": {"By user", "User"},
		"credential": {"By credential", "Credential"}, "outcome": {"By outcome", "Outcome"}, "event": {"Events that are no calls", "Event"},
	}
	var list []pageTable
	for _, t := range r.Tables {
		if len(t.Rows) == 0 {
			continue
		}
		p := pageTable{Kind: t.Kind, Heading: heads[t.Kind][0], Column: heads[t.Kind][1]}
		most := int64(1)
		for _, row := range t.Rows {
			most = max(most, row.Calls)
		}
		for i, row := range t.Rows {
			line := pageNumbers(text(row.Key), row.Tally)
			if row.Others > 0 {
				line.Key = fmt.Sprintf("%s others", Count(row.Others))
			}
			x := 0.0
			for _, s := range row.stack() {
				if w := 100 * float64(s.n) / float64(most); w > 0 {
					line.Parts = append(line.Parts, part{Class: s.class, X: num(x), W: num(w)})
					x += w
				}
			}
			if i < firstRows || len(t.Rows) <= firstRows+2 {
				p.First = append(p.First, line)
			} else {
				p.Rest = append(p.Rest, line)
			}
		}
		list = append(list, p)
	}
	return list
}

func pageNumbers(key string, t *Tally) pageRow {
	row := pageRow{Key: key, Calls: Count(t.Calls), Failed: blank(t.Failures), Denied: blank(t.Denials), Unknown: blank(t.Unknown + t.Pending)}
	if t.Latency.Count() > 0 {
		row.P50, row.P95, row.P99 = Duration(t.Latency.Quantile(0.5)), Duration(t.Latency.Quantile(0.95)), Duration(t.Latency.Quantile(0.99))
	}
	return row
}

// blank leaves the many zeros of a table out.
func blank(n int64) string {
	if n == 0 {
		return "–"
	}
	return Count(n)
}

// layer is a part of a bar.
type layer struct {
	class string
	n     int64
}

// stack is what a bar is made of, from the axis on.
func (t *Tally) stack() []layer {
	return []layer{{"ok", t.OK}, {"failed", t.Failures}, {"denied", t.Denials}, {"open", t.Unknown + t.Pending}}
}

func num(x float64) string { return fmt.Sprintf("%.2f", x) }
