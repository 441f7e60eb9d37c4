package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"toolvault/audit"
	"toolvault/tools/upstream"
)

func TestCell(t *testing.T) {
	for _, c := range []struct {
		name, in, want string
		width          int
	}{
		{"plain", "slack_post_message", "slack_post_message", 28},
		{"nothing", "", "-", 28},
		{"a row of its own", "x\n2026-11-24 ok", `x\n2026-11-24 ok`, 0},
		{"carriage return and tab", "a\r\tb", `a\r\tb`, 0},
		{"terminal escapes", "\x1b[2J\x1b]0;t\x07\u009b1m\x7f", `\x1b[2J\x1b]0;t\x07\u009b1m\x7f`, 0},
		{"bidirectional", "a\u202eb\u2066\u200f", `a\u202eb\u2066\u200f`, 0},
		{"invisible", "a\u200b\ufeff\u00ad\U000e0041\u3164\u2800\ufe0f", `a\u200b\ufeff\u00ad\U000e0041\u3164\u2800\ufe0f`, 0},
		{"line separators", "a\u2028b\u0085c\u00a0d", `a\u2028b\u0085c\u00a0d`, 0},
		{"stacked marks", "a\u0301\u0489", `a\u0301\u0489`, 0},
		{"not UTF-8", "a\xffb", `a\xffb`, 0},
		{"an escape that was written", `a\nb`, `a\\nb`, 0},
		{"columns of its own", "tool   ok ", `tool \x20\x20ok\x20`, 0},
		{"exactly fits", "abcd", "abcd", 4},
		{"cut", "abcde", "abc…", 4},
		{"an escape is not cut in two", "ab\x1bcdef", "ab…", 5},
		{"wide characters", "日本語日本語", "日本…", 6},
		{"letters of all scripts", "čeština عربي ελ", "čeština عربي ελ", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := cell(c.in, c.width); got != c.want {
				t.Errorf("cell(%q, %d) = %q, want %q", c.in, c.width, got, c.want)
			}
		})
	}
}

func FuzzCell(f *testing.F) {
	f.Add("a\u202eb\x00\xff  c\n", 3)
	f.Add(`\\x`, 2)
	f.Fuzz(func(t *testing.T, s string, width int) {
		width = 1 + max(width, -width)%100
		for _, out := range []string{cell(s, 0), cell(s, width)} {
			if strings.Contains(out, "  ") || out == "" || strings.TrimSpace(out) != out {
				t.Errorf("%q looks like columns: %q", s, out)
			}
			for _, r := range out {
				if r < ' ' || r >= 0x7f && r < 0xa0 || r == 0xfffd && !strings.ContainsRune(s, r) || upstream.Invisible(r) {
					t.Errorf("%q kept %U", s, r)
				}
			}
		}
		if out := cell(s, width); columns(out) > width {
			t.Errorf("cell(%q, %d) is %d wide: %q", s, width, columns(out), out)
		}
	})
}

// forged is what a client would send to write rows of its own.
var forged = audit.Entry{Status: "not_permitted", Record: audit.Record{
	Time: time.Unix(1_700_000_000, 0), Agent: "support-agent-1", CallID: strings.Repeat("0", 36),
	Tool:         "x\n2026-01-01 00:00:00  boss  slack_post_message\x1b[1A\u202e",
	CredentialID: strings.Repeat("c", 100), Event: "",
}}

func TestARecordCannotForgeTheTable(t *testing.T) {
	line := entryLine(forged)
	if strings.ContainsAny(line, "\n\x1b\u202e") || strings.Contains(line, "ccccccccccccccccccccccccccc") {
		t.Errorf("the row is %q", line)
	}
	if columns(line) != columns(entryHeader) {
		t.Errorf("the row is %d columns wide and the header %d", columns(line), columns(entryHeader))
	}
	for _, width := range []int{0, 100} {
		var b bytes.Buffer
		s := &storyteller{w: &b, width: 88, columns: width}
		s.trail([]audit.Entry{forged, forged})
		if n := strings.Count(b.String(), "\n2026"); strings.ContainsAny(b.String(), "\x1b\u202e") || n != 0 {
			t.Errorf("the demo's table is %q", b.String())
		}
	}
}

// demoEntries are a log like the demo's, newest first.
func demoEntries(agents ...string) []audit.Entry {
	var list []audit.Entry
	for i, a := range agents {
		list = append(list, audit.Entry{Status: "upstream_unavailable", Record: audit.Record{
			Time: time.Unix(1_700_000_000, 0), Agent: a, Tool: "metabase_update_dashboard",
			CallID: fmt.Sprintf("0193b2c4-5d6e-7f80-9a1b-%012d", i), CredentialID: "metabase/support-agent-1", Millis: audit.Steps{Total: 123.4},
		}})
	}
	return list
}

func TestTheDemosTableFitsTheTerminal(t *testing.T) {
	same, several := demoEntries("support-agent-1", "support-agent-1"), demoEntries("support-agent-1", "support-agent-2")
	const call, short = "0193b2c4-5d6e-7f80-9a1b-000000000001", "000000000001"
	for _, c := range []struct {
		columns  int
		entries  []audit.Entry
		has, not []string
	}{
		{0, same, []string{"AGENT", call}, []string{"All of it"}},
		{200, same, []string{"AGENT", call}, []string{"All of it"}},
		{140, same, []string{"All of it by support-agent-1.", call}, []string{"AGENT", "last 12"}},
		{110, same, []string{"All of it by support-agent-1.", short, "last 12 characters", "metabase_update_dashboard"}, []string{"AGENT", call}},
		{100, same, []string{short, "upstream_unavailable", "…"}, []string{"AGENT", call}},
		{80, same, []string{short, "…"}, []string{"AGENT", call}},
		{120, several, []string{"AGENT", "support-agent-2", short}, []string{"All of it", call}},
	} {
		t.Run(fmt.Sprint(c.columns), func(t *testing.T) {
			var b bytes.Buffer
			s := &storyteller{w: &b, width: 88, columns: c.columns}
			s.trail(c.entries)
			for _, want := range c.has {
				if !strings.Contains(b.String(), want) {
					t.Errorf("%q is missing in\n%s", want, b.String())
				}
			}
			for _, bad := range c.not {
				if strings.Contains(b.String(), bad) {
					t.Errorf("%q is in\n%s", bad, b.String())
				}
			}
			for line := range strings.Lines(b.String()) {
				if n := columns(strings.TrimSuffix(line, "\n")); c.columns > 0 && n > c.columns {
					t.Errorf("%d columns where there are %d: %s", n, c.columns, line)
				}
			}
		})
	}
}

func TestAnEmptyTrailIsAHeader(t *testing.T) {
	var b bytes.Buffer
	(&storyteller{w: &b, width: 88, columns: 20}).trail(nil)
	if !strings.HasPrefix(b.String(), "WHEN") {
		t.Errorf("%q", b.String())
	}
}
