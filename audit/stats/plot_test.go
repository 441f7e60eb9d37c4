package stats

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"toolvault/audit"
)

// aWeek is a report of calls by hour.
func aWeek(hours int, calls func(hour int) (n, wrong int)) *Report {
	c := New(audit.Filter{}, time.Now())
	for h := range hours {
		n, wrong := calls(h)
		for i := range n {
			status := "ok"
			if i < wrong {
				status = "timeout"
			}
			c.TakeEntry(audit.Entry{Status: status, Record: audit.Record{
				Phase: audit.PhaseCall, Time: midnight.Add(time.Duration(h) * time.Hour), Agent: fmt.Sprint("agent-", i%3), Service: "slack", Tool: "slack_post_message",
				Millis: audit.Steps{Total: float64(10 + i)},
			}})
		}
	}
	return c.Report()
}

func ExampleReport_Plot() {
	r := aWeek(24, func(h int) (int, int) { return h, h / 20 })
	_ = r.Plot(os.Stdout, 60, time.UTC)
	// Output:
	// Calls by hour, 2024-11-24 01:00 to 2024-11-25 00:00
	//      23 ┤                                        ▃▃▆▆██
	//         │                                  ▃▃▅▅████████
	//         │                            ▂▂▅▅██████████████
	//         │                      ▂▂▅▅▇▇██████████████████
	//         │                ▂▂▄▄▇▇████████████████████████
	//         │          ▁▁▄▄▇▇██████████████████████████████
	//         │    ▁▁▄▄▆▆████████████████████████████████████
	//         │▃▃▆▆██████████████████████████████████████████
	//       0 ┼──────────────────────────────────────────────
	//          Nov 24 01:00     Nov 24 12:30     Nov 25 00:00
	// Of them failed, denied or unknown
	//       1 ┤                                      ████████
	//         │                                      ████████
	//         │                                      ████████
	//       0 ┼──────────────────────────────────────────────
}

func TestAPlotFitsTheTerminal(t *testing.T) {
	for _, c := range []struct{ hours, width int }{{1, 80}, {24, 80}, {168, 80}, {168, 200}, {2000, 80}, {2000, 10}, {100, 40}} {
		var b strings.Builder
		if err := aWeek(c.hours, func(h int) (int, int) { return 1 + h%5, h % 2 }).Plot(&b, c.width, time.UTC); err != nil {
			t.Fatal(err)
		}
		for _, line := range strings.Split(b.String(), "\n") {
			if n := utf8.RuneCountInString(line); n > max(c.width, narrowestPlot) && !strings.HasPrefix(line, "Calls by") {
				t.Errorf("%v: a line of %d columns: %s", c, n, line)
			}
		}
		if strings.Contains(b.String(), "\x1b") {
			t.Error("an escape")
		}
	}
}

func TestAPlotOfNothing(t *testing.T) {
	var b strings.Builder
	if err := aWeek(0, nil).Plot(&b, 80, time.UTC); err != nil || b.String() != "No calls to plot.\n" {
		t.Errorf("%q %v", b.String(), err)
	}
}

func TestWords(t *testing.T) {
	for got, want := range map[string]string{
		Count(0): "0", Count(999): "999", Count(1000): "1,000", Count(1234567): "1,234,567", Count(-1234): "-1,234",
		Duration(0.002): "<0.01 ms", Duration(0): "0 ms", Duration(0.314): "0.31 ms", Duration(12.4): "12 ms", Duration(1500): "1.5 s", Duration(90_000): "1.5 min",
		Share(0, 5): "0%", Share(1, 3): "33%", Share(1, 100_000): "<0.1%", Share(1, 0): "-",
		Span(time.Hour): "hour", Span(6 * time.Hour): "6 hours", Span(24 * time.Hour): "day", Span(28 * 24 * time.Hour): "4 weeks",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
