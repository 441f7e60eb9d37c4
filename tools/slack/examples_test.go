package slack

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"toolvault/schemas"
	"toolvault/tools"
)

// files are the service's schema files.
func files(t *testing.T) []schemas.Tool {
	t.Helper()
	all, err := schemas.Load()
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(all, func(f schemas.Tool) bool { return f.Service != name })
}

// Every tool's example works on the double as it starts, and does there what the
// annotations say.
func TestExamplesDoWhatTheAnnotationsSay(t *testing.T) {
	for _, f := range files(t) {
		t.Run(f.Name, func(t *testing.T) {
			w := newWorld(t)
			before := w.double.Snapshot()
			out := w.must(f.Name, string(f.Example))
			after := w.double.Snapshot()
			a := f.Annotations
			if changed := !maps.Equal(before, after); changed == a.ReadOnly {
				t.Errorf("readOnly is %v, and something changed: %v", a.ReadOnly, changed)
			}
			destroyed := false
			for k, v := range before {
				if after[k] != v {
					destroyed = true
					t.Logf("%s: was %s, is %s", k, v, after[k])
				}
			}
			if destroyed != a.Destructive {
				t.Errorf("destructive is %v, and something was changed or removed: %v", a.Destructive, destroyed)
			}
			text := ""
			if s, ok := out.(tools.Texter); ok {
				text = s.Text()
			}
			t.Logf("%s\n%s", f.Example, text)
			if text == "" {
				t.Error("there is no text")
			}
			if a.ReadOnly {
				return
			}
			_, err := w.call(f.Name, string(f.Example))
			if same := maps.Equal(after, w.double.Snapshot()); same != a.Idempotent && (same || err == nil) && !(same && err != nil) {
				t.Errorf("idempotent is %v; the same again left everything as it was: %v (%v)", a.Idempotent, same, err)
			}
		})
	}
}

func TestSchemaFilesAreComplete(t *testing.T) {
	n, total := 0, 0
	for _, f := range files(t) {
		size := len(f.Listing())
		n, total = n+1, total+size
		if len(f.Words) == 0 || len(f.Words) > 200 || len(f.Example) == 0 || len(f.Output) == 0 || f.Title == "" {
			t.Errorf("%s: words (200 bytes at most), example, output and title have to be there", f.Name)
		}
		if size > 1400 {
			t.Errorf("%s: %d bytes", f.Name, size)
		}
		if !strings.HasPrefix(f.Name, "slack_") {
			t.Error(f.Name)
		}
	}
	t.Logf("%d tools, %d bytes, %d on average", n, total, total/n)
	if total/n > 600 {
		t.Errorf("%d bytes a tool on average", total/n)
	}
	if len(New().Tools) != n {
		t.Errorf("%d handlers, %d schema files", len(New().Tools), n)
	}
}

// The double's own token has what every tool needs.
func TestTheSandboxGrantsWhatTheToolsNeed(t *testing.T) {
	w := newWorld(t)
	granted := w.must("slack_whoami", `{}`).(Account).Scopes
	for _, f := range files(t) {
		if f.Scope != "" && !strings.Contains(f.Scope, "{") && !slices.Contains(granted, f.Scope) {
			t.Errorf("%s needs %s", f.Name, f.Scope)
		}
	}
}

// Each tool of the servers that the page compares with stands there.
func TestThePageNamesEveryToolOfSlacksOwnServer(t *testing.T) {
	page, err := os.ReadFile("../../docs/slack.md")
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile("../../../shared/specs/slack/official-mcp-tools.json")
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("SKIPPED: it needs the list of Slack's own tools, slack/official-mcp-tools.json")
	}
	names := regexp.MustCompile(`"name": ?"(slack_[a-z_]+)"`).FindAllStringSubmatch(string(b), -1)
	if err != nil || len(names) < 19 {
		t.Fatalf("%d tools, %v", len(names), err)
	}
	for _, n := range names {
		if !strings.Contains(string(page), "| `"+n[1]+"` |") {
			t.Errorf("docs/slack.md says nothing of %s", n[1])
		}
	}
	own := regexp.MustCompile("`(slack_[a-z_]+)`")
	for _, line := range strings.Split(string(page), "\n") {
		cells := strings.Split(line, "|")
		for _, m := range own.FindAllStringSubmatch(cells[len(cells)-min(2, len(cells))], -1) {
			if !slices.ContainsFunc(New().Tools, func(tool tools.Tool) bool { return tool.Name == m[1] }) {
				t.Errorf("docs/slack.md names %s, which there is not: %s", m[1], line)
			}
		}
	}
}
