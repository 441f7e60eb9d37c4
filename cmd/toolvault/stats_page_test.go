package main

import (
	"fmt"
	"io"
	"path/filepath"
	"testing"
	"time"

	"toolvault/audit"
	"toolvault/audit/stats"
	"toolvault/auth/page/pagetest"
)

// TestThePageOfStatisticsInARealBrowser: its own policy lets its style in, and a
// name that is markup does nothing.
func TestThePageOfStatisticsInARealBrowser(t *testing.T) {
	t.Parallel()
	b := pagetest.Open(t)
	names := []string{"support-agent-1", "billing-bot", `<script>document.title="owned"</script>`, `"><img src=x onerror='document.title="owned"'>`, "evil\u202etxt.exe"}
	c := stats.New(audit.Filter{}, time.Now())
	begin := time.Now().Truncate(time.Hour).Add(-5 * 24 * time.Hour)
	for h := range 100 {
		for i := range 3 + (h%24)*(h%24)/20 {
			name := names[i*i%len(names)]
			c.TakeEntry(audit.Entry{Status: []string{"ok", "ok", "ok", "ok", stats.Denied, "ok", "timeout"}[(h+i)%7], Record: audit.Record{
				Phase: audit.PhaseCall, Time: begin.Add(time.Duration(h) * time.Hour), Agent: name, User: name, Service: "slack", Tool: "slack_post_message",
				CredentialID: "slack/" + name, Millis: audit.Steps{Total: float64(20 + h*i)},
			}})
		}
	}
	path := filepath.Join(t.TempDir(), "page.html")
	page := stats.Page{Title: "Audit: calls of agents", Notes: []string{names[2]}, Zone: time.Local, Made: time.Now(), Text: func(s string) string { return cell(s, 0) }}
	if err := writeAtomically(path, func(w io.Writer) error { return c.Report().HTML(w, page) }); err != nil {
		t.Fatal(err)
	}
	for _, scheme := range []string{"light", "dark"} {
		b.Scheme(scheme)
		b.Go("file://" + path)
		b.Picture("stats-" + scheme)
		if title := b.Script("return document.title"); title != page.Title {
			t.Errorf("the title is %q", title)
		}
		if lines := b.Complaints(); lines != nil {
			t.Errorf("the browser complains: %q", lines)
		}
	}
	// The style is in force, by its hash, and dark is dark.
	if got := b.Script("return getComputedStyle(document.body).backgroundColor"); got != "rgb(20, 23, 26)" {
		t.Errorf("the page is %s in the dark", got)
	}
	if got := b.Script("return document.querySelectorAll('img,script,iframe,object,link').length"); got != "0" {
		t.Errorf("%s elements that a page of ours does not have", got)
	}
	if got := b.Script("return document.querySelectorAll('svg.chart[role=img][aria-label]').length + ' ' + document.querySelectorAll('table').length"); got != "2 7" {
		t.Errorf("charts and tables: %s", got)
	}
	b.Phone(360, 800)
	b.Go("file://" + path)
	b.Picture("stats-phone")
	if got := b.Script("return document.documentElement.scrollWidth <= 360"); got != fmt.Sprint(true) {
		t.Error("a phone has to scroll sideways: " + b.Script("return document.documentElement.scrollWidth"))
	}
}
