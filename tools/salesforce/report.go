package salesforce

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

func (s *service) reportTools() []tools.Tool {
	return []tools.Tool{tools.New("salesforce_run_report", s.runReport)}
}

type reportIn struct {
	Report  string `json:"report"`
	Limit   int    `json:"limit"`
	Summary bool   `json:"summary_only"`
}

// Report is the answer of salesforce_run_report. Values are as people see them.
type Report struct {
	ID      string       `json:"id"`
	Name    string       `json:"name"`
	Columns []string     `json:"columns"`
	Rows    [][]string   `json:"rows"`
	Totals  []ReportPart `json:"totals,omitempty"` // of each group, and of all
	Note    string       `json:"note,omitempty"`
	Link    string       `json:"link"`
}

// ReportPart is what is summed up of a group.
type ReportPart struct {
	Group  string   `json:"group"` // "": all
	Values []string `json:"values"`
}

// Text is a table. All that stands in it is somebody else's.
func (r Report) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "report %s %s | %s\n", r.ID, upstream.Quote(r.Name), r.Link)
	lines := []string{strings.Join(r.Columns, " | ")}
	for _, row := range r.Rows {
		lines = append(lines, strings.Join(row, " | "))
	}
	if len(r.Rows) > 0 {
		b.WriteString(upstream.Quote(strings.Join(lines, "\n")) + "\n")
	}
	for _, t := range r.Totals {
		group := "all"
		if t.Group != "" {
			group = upstream.Quote(t.Group)
		}
		b.WriteString(group + ": " + upstream.Quote(strings.Join(t.Values, ", ")) + "\n")
	}
	return strings.TrimSuffix(b.String(), "\n") + tail(r.Note)
}

// grouping is a group of a report and those within it.
type grouping struct {
	Key    string     `json:"key"`
	Label  string     `json:"label"`
	Within []grouping `json:"groupings"`
}

type wireReport struct {
	AllData bool `json:"allData"`
	Facts   map[string]struct {
		Aggregates []cellOf `json:"aggregates"`
		Rows       []struct {
			Cells []cellOf `json:"dataCells"`
		} `json:"rows"`
	} `json:"factMap"`
	Down     struct{ Groupings []grouping } `json:"groupingsDown"`
	Across   struct{ Groupings []grouping } `json:"groupingsAcross"`
	Metadata struct {
		Name       string   `json:"name"`
		Columns    []string `json:"detailColumns"`
		Aggregates []string `json:"aggregates"`
	} `json:"reportMetadata"`
	Extended struct {
		Columns    map[string]struct{ Label string } `json:"detailColumnInfo"`
		Aggregates map[string]struct{ Label string } `json:"aggregateColumnInfo"`
	} `json:"reportExtendedMetadata"`
}

type cellOf struct {
	Label string `json:"label"`
}

// runReport runs a report as it was saved. The API gives 2,000 rows at most, by the keys
// of the groups that they are in: "0_1!T" is the second within the first
// (developer.salesforce.com/docs, "Reports and Dashboards REST API", fact map).
func (s *service) runReport(ctx context.Context, c *upstream.Client, in reportIn) (Report, error) {
	id, err := s.report(ctx, c, in.Report)
	if err != nil {
		return Report{}, err
	}
	var w wireReport
	details := map[bool]string{true: "false", false: "true"}[in.Summary]
	if err := c.Get(ctx, path(c, "analytics", "reports", id), url.Values{"includeDetails": {details}}, &w); err != nil {
		return Report{}, err
	}
	if w.Facts == nil {
		return Report{}, lacking("the result of the report")
	}
	out := Report{ID: id, Name: upstream.Clean(w.Metadata.Name, 150), Columns: []string{}, Rows: [][]string{}, Link: link(c, "Report", id)}
	grouped := len(w.Down.Groupings)+len(w.Across.Groupings) > 0
	if grouped {
		out.Columns = append(out.Columns, "group")
	}
	for _, name := range w.Metadata.Columns[:min(len(w.Metadata.Columns), 100)] {
		label := w.Extended.Columns[name].Label
		if label == "" {
			label = name
		}
		out.Columns = append(out.Columns, upstream.Clean(label, 80))
	}
	labels := map[string]string{}
	named(w.Down.Groupings, "", "!T", labels)
	named(w.Across.Groupings, "", "", labels)
	room, left := 40_000, 0
	for _, fact := range w.ordered() {
		f := w.Facts[fact]
		group := w.groupOf(fact, labels)
		for _, r := range f.Rows {
			var line []string
			if grouped {
				line = append(line, group)
			}
			size := 0
			for _, cell := range r.Cells[:min(len(r.Cells), 100)] {
				line = append(line, upstream.Clean(cell.Label, 200))
				size += len(line[len(line)-1]) + 4
			}
			if room -= size; len(out.Rows) >= in.Limit || room < 0 {
				left++
				continue
			}
			out.Rows = append(out.Rows, line)
		}
		var values []string
		for i, a := range f.Aggregates[:min(len(f.Aggregates), 20)] {
			label := ""
			if i < len(w.Metadata.Aggregates) {
				label = w.Extended.Aggregates[w.Metadata.Aggregates[i]].Label
			}
			values = append(values, upstream.Clean(strings.TrimPrefix(label+": "+a.Label, ": "), 120))
		}
		if values != nil && len(out.Totals) < 200 {
			out.Totals = append(out.Totals, ReportPart{group, values})
		}
	}
	switch {
	case left > 0:
		out.Note = fmt.Sprintf("%d more rows were left out.", left)
	case !w.AllData:
		out.Note = "The report has more rows than the API gives (2,000); the totals are of all."
	}
	return out, nil
}

// named writes down the labels of groups by their keys, those within after a slash.
func named(all []grouping, above, end string, labels map[string]string) {
	for _, g := range all[:min(len(all), 2000)] {
		label := upstream.Clean(g.Label, 80)
		if above != "" {
			label = above + " / " + label
		}
		labels[g.Key+end] = label
		if strings.Count(label, " / ") < 4 {
			named(g.Within, label, end, labels)
		}
	}
}

// ordered are the keys of the facts in the order of their groups, the whole at the end.
func (w wireReport) ordered() []string {
	var keys []string
	for k := range w.Facts {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b string) int {
		if last := (a == "T!T"); last != (b == "T!T") {
			return map[bool]int{true: 1, false: -1}[last]
		}
		return strings.Compare(padded(a), padded(b))
	})
	return keys[:min(len(keys), 5000)]
}

// padded is a key in which numbers are all of one length.
func padded(key string) string {
	var b strings.Builder
	for part := range strings.FieldsFuncSeq(key, func(r rune) bool { return r == '_' || r == '!' }) {
		b.WriteString(strings.Repeat("0", max(0, 6-len(part))) + part + "_")
	}
	return b.String()
}

// groupOf is what a key stands for: the group down, and the one across.
func (w wireReport) groupOf(key string, labels map[string]string) string {
	down, across, _ := strings.Cut(key, "!")
	group := labels[down+"!T"]
	if across != "T" && labels[across] != "" {
		group = strings.TrimPrefix(group+" × "+labels[across], " × ")
	}
	return group
}

// report is the id of the report that a word means.
func (s *service) report(ctx context.Context, c *upstream.Client, word string) (string, error) {
	if strings.HasPrefix(word, "00O") && idForm.MatchString(word) {
		return word, nil
	}
	o, err := s.object(ctx, c, "Report")
	if f := fault.From(err); f != nil && f.Kind == fault.NotFound {
		return "", fault.Wrong("report: give the id, which begins with 00O; this user may not look for reports by name.")
	}
	if err != nil {
		return "", err
	}
	return s.recordID(ctx, c, o, "report", word)
}
