package stats

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"toolvault/audit"
)

// page makes one of calls with these names.
func page(t testing.TB, names ...string) string {
	t.Helper()
	c := New(audit.Filter{}, time.Now())
	for i, name := range names {
		for h := range 30 {
			c.TakeEntry(audit.Entry{Status: []string{"ok", Denied, "timeout", audit.StatusUnknown}[(i+h)%4], Record: audit.Record{
				Phase: audit.PhaseCall, Time: midnight.Add(time.Duration(h) * time.Hour), Agent: name, User: name, Service: name, Tool: name, CredentialID: name, Millis: audit.Steps{Total: float64(1 + h)},
			}})
		}
		c.TakeEntry(audit.Entry{Status: "ok", Record: audit.Record{Phase: audit.PhaseEvent, Time: midnight, Event: name}})
	}
	var b strings.Builder
	if err := c.Report().HTML(&b, Page{Title: "Calls", Notes: names, Made: midnight}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

var tags = regexp.MustCompile(`<[a-zA-Z!/][^>]*>`)

// TestThePageNeedsNothingElse: no script, nothing that is loaded, and a policy that
// forbids both.
func TestThePageNeedsNothingElse(t *testing.T) {
	got := page(t, "support-agent-1")
	for _, bad := range []string{"<script", "http:", "https:", "//", "url(", "@import", "src=", "href=", " style=", " on"} {
		for _, tag := range tags.FindAllString(got, -1) {
			if strings.Contains(tag, bad) {
				t.Errorf("%s is in %s", bad, tag)
			}
		}
	}
	if strings.Contains(pageCSS, "url(") || strings.Contains(pageCSS, "@import") || strings.Contains(pageCSS, "//") {
		t.Error("the style loads something")
	}
	if !strings.Contains(got, `content="default-src &#39;none&#39;; style-src &#39;sha256-`) && !strings.Contains(got, `content="default-src 'none'; style-src 'sha256-`) {
		t.Error("the page has no policy")
	}
	if strings.Count(got, "<svg class=\"chart\"") != 2 || strings.Count(got, "role=\"img\" aria-label=") != 2 || strings.Count(got, "<table") < 7 {
		t.Error("charts and tables are missing")
	}
}

// TestNamesOfStrangersAreTexts: the page has the same elements, whatever they say.
func TestNamesOfStrangersAreTexts(t *testing.T) {
	want := len(tags.FindAllString(page(t, "plain"), -1))
	for _, evil := range []string{
		`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `</title></style></svg><svg/onload=alert(1)>`, `{{.}}`, "' onmouseover='x", "--><!--", "&lt;b&gt;",
	} {
		got := page(t, evil)
		if n := len(tags.FindAllString(got, -1)); n != want {
			t.Errorf("%q: %d elements, not %d", evil, n, want)
		}
		if strings.ContainsAny(evil, "<") && strings.Contains(got, evil) {
			t.Errorf("%q stands as it is", evil)
		}
	}
}

func TestAPageOfNothing(t *testing.T) {
	if got := page(t); !strings.Contains(got, "Nothing was found.") || strings.Contains(got, "<svg class=\"chart\"") {
		t.Error(got)
	}
}

func TestManyNamesAreBehindAnother(t *testing.T) {
	var names []string
	for i := range 40 {
		names = append(names, fmt.Sprint("agent-", i))
	}
	if got := page(t, names...); !strings.Contains(got, "<summary>25 more</summary>") {
		t.Error("all at once")
	}
}

func TestScales(t *testing.T) {
	for most, want := range map[int64][2]int64{0: {1, 1}, 1: {1, 1}, 5: {5, 1}, 6: {6, 2}, 11: {15, 5}, 1359: {1500, 500}, 99_999: {100_000, 20_000}} {
		if top, step := scale(most); top != want[0] || step != want[1] {
			t.Errorf("%d: up to %d by %d, want %v", most, top, step, want)
		}
	}
}

func FuzzHTML(f *testing.F) {
	want := len(tags.FindAllString(page(f, "plain"), -1))
	f.Add("<a>")
	f.Fuzz(func(t *testing.T, name string) {
		if name == "" {
			return // no row
		}
		if n := len(tags.FindAllString(page(t, name), -1)); n != want {
			t.Fatalf("%q: %d elements, not %d", name, n, want)
		}
	})
}
