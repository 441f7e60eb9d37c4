package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"toolvault/audit/stats"
	"toolvault/schemas/near"
)

// countedBy are what --by takes: the kinds of the package, and time.
func countedBy() []string { return append(stats.Kinds(), "hour") }

func auditStatsCommand() *cobra.Command {
	var from sources
	var o output
	s := selection{since: "7d"}
	var by, page string
	var plot bool
	cmd := &cobra.Command{
		Use:     "stats",
		Short:   "Count calls, failures and denials, and how long they took, by agent, service, tool and hour",
		Example: "  toolvault audit stats --since 24h --plot\n  toolvault audit stats --service slack --by agent\n  toolvault audit stats --since 30d --html report.html",
		Long: `Counts the calls of the last seven days, or of what the flags say.

A call that failed was denied (not_permitted), has failed for any other reason,
or is unknown: a write that never told how it ended. P50, P95 and P99 are how
long the half, 95 and 99 in a hundred of the calls took at most; they are within
one percent of the exact numbers. Of agents, tools and so on beyond 500 those
with the fewest calls are summed up in one line.

Where hours are more than 2,400, days are counted, and then weeks; they begin at
midnight UTC.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			f, err := s.filter(cmd)
			if err != nil {
				return err
			}
			if by != "" && !slices.Contains(countedBy(), by) {
				if m := near.Match(by, countedBy()); m != "" {
					return misuse(cmd, "--by: there is no %q; did you mean %q?", by, m)
				}
				return misuse(cmd, "--by: there is no %q; there are: %s", by, strings.Join(countedBy(), ", "))
			}
			list, err := from.find(cmd)
			if err != nil {
				return err
			}
			total := stats.New(f, time.Now())
			for _, log := range list {
				c := stats.New(f, time.Now())
				step, end := readMeter(cmd)
				err := log.count(cmd.Context(), c, f, step)
				end()
				if err != nil {
					return err
				}
				total.Merge(c)
			}
			report := total.Report()
			if page != "" {
				made := stats.Page{
					Title: "Audit: calls of agents", Notes: []string{"Of the " + together(list) + "."}, Zone: time.Local, Made: time.Now(), Text: func(s string) string { return cell(s, 0) },
				}
				if words := s.words(); words != "" {
					made.Notes = append(made.Notes, "Asked for: "+words+".")
				}
				if err := writeAtomically(page, func(w io.Writer) error { return report.HTML(w, made) }); err != nil {
					return fmt.Errorf("--html: %w", err)
				}
				say(cmd, "Wrote %s.", page)
				return nil
			}
			w := cmd.OutOrStdout()
			switch {
			case o == "json":
				return printStats(w, report, by)
			case report.First.IsZero():
				say(cmd, "No record fits.")
				return nil
			case plot:
				if err := report.Plot(w, terminalWidth(w), time.Local); err != nil || by == "" {
					return err
				}
				_, _ = fmt.Fprintln(w)
			}
			return showStats(w, report, by)
		},
	}
	from.flags(cmd)
	o.flag(cmd)
	s.flags(cmd)
	fl := cmd.Flags()
	fl.StringVar(&by, "by", "", "only the numbers by this, and all of them: "+strings.Join(countedBy(), ", "))
	fl.BoolVar(&plot, "plot", false, "draw the calls over time")
	fl.StringVar(&page, "html", "", "write a page with charts to this file")
	return cmd
}

// terminalWidth is that of the terminal, of $COLUMNS elsewhere, or 80.
func terminalWidth(w io.Writer) int {
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
			return width
		}
	}
	if n, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && n > 0 {
		return min(n, 1000)
	}
	return 80
}

// briefRows are the rows of each table where not only one was asked for.
const briefRows = 10

// showStats prints tables: all that are of interest, or the one that was asked for.
func showStats(w io.Writer, r *stats.Report, by string) error {
	all := r.All
	_, _ = fmt.Fprintf(w, "%s calls from %s to %s: %s worked, %s failed, %s denied, %s unknown, %s pending",
		stats.Count(all.Calls), shortTime(r.First), shortTime(r.Last), stats.Count(all.OK), stats.Count(all.Failures), stats.Count(all.Denials), stats.Count(all.Unknown), stats.Count(all.Pending))
	if l := &all.Latency; l.Count() > 0 {
		_, _ = fmt.Fprintf(w, "; p50 %s, p95 %s, p99 %s", stats.Duration(l.Quantile(0.5)), stats.Duration(l.Quantile(0.95)), stats.Duration(l.Quantile(0.99)))
	}
	_, _ = fmt.Fprintln(w, ".")
	tables := []string{"agent", "service", "tool", "event"}
	limit := briefRows
	if by != "" {
		tables, limit = []string{by}, -1
	}
	for _, kind := range tables {
		rows := statsRows(r, kind)
		if len(rows) == 0 {
			if by != "" {
				_, _ = fmt.Fprintf(w, "None of them has to do with a %s.\n", by)
			}
			continue
		}
		_, _ = fmt.Fprintln(w)
		rest := 0
		if limit > 0 && len(rows) > limit {
			rest, rows = len(rows)-limit, rows[:limit]
		}
		if err := printTable(w, []string{strings.ToUpper(heading(r, kind)), "CALLS", "FAILED", "DENIED", "UNKNOWN", "P50", "P95", "P99"}, rows); err != nil {
			return err
		}
		if rest > 0 {
			_, _ = fmt.Fprintf(w, "and %d more: --by %s shows them\n", rest, kind)
		}
	}
	return nil
}

// heading names the first column: hours may have become days.
func heading(r *stats.Report, kind string) string {
	if kind == "hour" {
		return stats.Span(r.Step)
	}
	return kind
}

func statsRows(r *stats.Report, kind string) [][]string {
	var rows [][]string
	line := func(key string, t *stats.Tally) {
		row := []string{key, stats.Count(t.Calls), stats.Count(t.Failures), stats.Count(t.Denials), stats.Count(t.Unknown)}
		for _, q := range []float64{0.5, 0.95, 0.99} {
			text := "-"
			if t.Latency.Count() > 0 {
				text = stats.Duration(t.Latency.Quantile(q))
			}
			row = append(row, text)
		}
		rows = append(rows, row)
	}
	if kind == "hour" {
		for _, p := range r.Points {
			line(p.Time.Local().Format("2006-01-02 15:04"), p.Tally)
		}
		return rows
	}
	for _, row := range r.Table(kind) {
		key := cell(row.Key, 60)
		if row.Others > 0 {
			key = fmt.Sprintf("(%d others)", row.Others)
		}
		line(key, row.Tally)
	}
	return rows
}

// statsLine is a line of -o json.
type statsLine struct {
	By       string     `json:"by"`            // "all", a kind, or "hour"
	Key      string     `json:"key,omitempty"` // the agent, tool and so on
	From     *time.Time `json:"from,omitempty"`
	Hours    int        `json:"hours,omitempty"`  // how long the slot is that begins at From
	Others   int64      `json:"others,omitempty"` // the line sums up so many keys, and has none
	Calls    int64      `json:"calls"`
	OK       int64      `json:"ok"`
	Failures int64      `json:"failures"`
	Denials  int64      `json:"denials"`
	Unknown  int64      `json:"unknown"`
	Pending  int64      `json:"pending"`
	P50      float64    `json:"p50_ms"`
	P95      float64    `json:"p95_ms"`
	P99      float64    `json:"p99_ms"`
	Max      float64    `json:"max_ms"`
	Mean     float64    `json:"mean_ms"`
	Timed    int64      `json:"timed"` // calls that told how long they took
}

func printStats(w io.Writer, r *stats.Report, by string) error {
	line := func(l statsLine, t *stats.Tally) error {
		l.Calls, l.OK, l.Failures, l.Denials, l.Unknown, l.Pending = t.Calls, t.OK, t.Failures, t.Denials, t.Unknown, t.Pending
		s := &t.Latency
		l.P50, l.P95, l.P99, l.Max, l.Mean, l.Timed = s.Quantile(0.5), s.Quantile(0.95), s.Quantile(0.99), s.Max(), s.Mean(), s.Count()
		return printJSON(w, l)
	}
	if by == "" {
		if err := line(statsLine{By: "all"}, r.All); err != nil {
			return err
		}
	}
	for _, t := range r.Tables {
		if by != "" && by != t.Kind {
			continue
		}
		for _, row := range t.Rows {
			if err := line(statsLine{By: t.Kind, Key: row.Key, Others: row.Others}, row.Tally); err != nil {
				return err
			}
		}
	}
	if by != "" && by != "hour" {
		return nil
	}
	for _, p := range r.Points {
		if err := line(statsLine{By: "hour", From: &p.Time, Hours: int(r.Step / time.Hour)}, p.Tally); err != nil {
			return err
		}
	}
	return nil
}
