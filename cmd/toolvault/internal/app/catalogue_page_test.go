package app

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"toolvault/schemas"
)

var update = flag.Bool("update", false, "write the page of all tools, docs/tools.md")

const (
	toolsPage  = "../../../../docs/tools.md"
	pageLines  = 30  // of an answer
	pageColumn = 240 // characters of a line of it
)

// TestToolsPage holds the page of all tools up to date: what is said of each, an
// example, and what a model reads in answer to it.
func TestToolsPage(t *testing.T) {
	all, err := schemas.Load()
	check(t, err)
	entries := make([]pageEntry, len(all))
	for i, tool := range all {
		if len(tool.Example) == 0 {
			t.Errorf("schemas/%s/%s.json has no example", tool.Service, tool.Name)
			continue
		}
		atMoment(t, func(t *testing.T) { entries[i] = entryOf(t, newWhole(t, tool), tool) })
	}
	page := pageOf(entries)
	if *update {
		check(t, os.WriteFile(toolsPage, page, 0o644))
		return
	}
	old, err := os.ReadFile(toolsPage)
	if err != nil || !bytes.Equal(old, page) {
		t.Errorf("docs/tools.md is not what the tools say now (%s).\nWrite it anew: go test ./cmd/toolvault/internal/app -run TestToolsPage -update", firstDifference(old, page))
	}
}

// pageEntry is a tool on the page.
type pageEntry struct {
	schemas.Tool
	service string // "Slack"
	bytes   int    // in tools/list
	text    string // what a model reads in answer to the example
}

func entryOf(t *testing.T, w *whole, tool schemas.Tool) pageEntry {
	listed := tool
	for _, l := range w.List(w.id) { // what is listed may say more
		if l.Name == tool.Name {
			listed = l
		}
	}
	e := pageEntry{Tool: tool, service: tool.Service, bytes: len(listed.Listing())}
	e.Description = listed.Description
	for _, s := range catalogue() {
		if s.Name == tool.Service {
			e.service = s.Title
		}
	}
	r, _ := w.do(t.Context(), tool.Name, tool.Example)
	// What is named after a call, as if there were one that is always the same.
	e.text = strings.ReplaceAll(r.Text, r.CallID, "01990000-0000-7000-8000-000000000000")
	if e.Name == "google_calendar_create_event" {
		e.text = madeEvent.ReplaceAllString(e.text, "$1…")
	}
	if r.Failure != nil {
		t.Errorf("the example of %s fails: %s", tool.Name, r.Failure.Message)
		e.text = r.Failure.Message
	}
	return e
}

func pageOf(entries []pageEntry) []byte {
	var b bytes.Buffer
	b.WriteString("# All tools\n\n" +
		"Every tool that there is, with what it needs, what it does, an example call and what a model reads in answer.\n" +
		"The answers come from the doubles of `toolvault serve --sandbox`; a long one is cut here.\n\n" +
		"What stands in «» was written by people in the service. In it `[!]` stands where a text looks like a model's own\n" +
		"markup or like an order to it, a head such as `(System:)` is in parentheses where a line began like a turn of a\n" +
		"conversation, and `[hidden]` stands where there were characters that nobody sees. That guards the eye and the form,\n" +
		"not the mind: it is still what somebody else wrote.\n\n" +
		"This page is written by a test: `go test ./cmd/toolvault/internal/app -run TestToolsPage -update`.\n\n" +
		"Bytes are those of the tool's entry in `tools/list`. An irreversible tool is offered only to an agent whose config\n" +
		"names it ([choose tools](choose-tools.md)).\n\n| Service | Tools | Reading | Bytes | A tool |\n| --- | --- | --- | --- | --- |\n")
	var services []string
	for _, e := range entries {
		if !slices.Contains(services, e.service) {
			services = append(services, e.service)
		}
	}
	for _, s := range services {
		n, reading, size := 0, 0, 0
		for _, e := range entries {
			if e.service == s {
				n, size = n+1, size+e.bytes
				if e.Annotations.ReadOnly {
					reading++
				}
			}
		}
		fmt.Fprintf(&b, "| [%s](#%s) | %d | %d | %d | %d |\n", s, strings.ReplaceAll(strings.ToLower(s), " ", "-"), n, reading, size, size/n)
	}
	for _, s := range services {
		fmt.Fprintf(&b, "\n## %s\n", s)
		for _, e := range entries {
			if e.service == s {
				e.write(&b)
			}
		}
	}
	return b.Bytes()
}

// madeEvent is the id of an event that a call has made, a digest of the call's, alone
// and in a link.
var madeEvent = regexp.MustCompile(`\b[0-9a-v]{32}\b|(eid=)\S+`)

func (e pageEntry) write(b *bytes.Buffer) {
	needs := "needs no scope"
	if e.Scope != "" {
		needs = "scope `" + e.Tool.Service + ":" + e.Scope + "`"
	}
	fmt.Fprintf(b, "\n### %s\n\n%s · %s · %s · %d bytes\n\n%s\n\n", e.Name, e.Title, needs, does(e.Annotations), e.bytes, e.Description)
	var example bytes.Buffer
	if json.Indent(&example, e.Example, "", "  ") == nil && example.Len() < 120 {
		example.Reset()
		_ = json.Compact(&example, e.Example)
	}
	fence := "```"
	for strings.Contains(e.text, fence) {
		fence += "`"
	}
	fmt.Fprintf(b, "```json\n%s\n```\n\n%stext\n%s\n%s\n", example.Bytes(), fence, clipped(e.text), fence)
}

// does is the annotations in words.
func does(a schemas.Annotations) string {
	var words []string
	switch {
	case a.ReadOnly:
		words = append(words, "only reads")
	case a.Destructive:
		words = append(words, "changes or removes")
	default:
		words = append(words, "adds")
	}
	if a.Irreversible {
		words = append(words, "irreversible")
	}
	if a.Idempotent && !a.ReadOnly {
		words = append(words, "idempotent")
	}
	if a.Closed {
		words = append(words, "reaches no service")
	}
	return strings.Join(words, ", ")
}

// clipped is a text as far as the page has room for it.
func clipped(text string) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	more := 0
	if len(lines) > pageLines {
		lines, more = lines[:pageLines], len(lines)-pageLines
	}
	for i, l := range lines {
		if utf8.RuneCountInString(l) > pageColumn {
			lines[i] = string([]rune(l)[:pageColumn]) + "…"
		}
	}
	if more > 0 {
		lines = append(lines, fmt.Sprintf("… (%d more lines)", more))
	}
	return strings.Join(lines, "\n")
}

// firstDifference says where two pages part.
func firstDifference(old, page []byte) string {
	was, is := strings.Split(string(old), "\n"), strings.Split(string(page), "\n")
	for i := range min(len(was), len(is)) {
		if was[i] != is[i] {
			return fmt.Sprintf("line %d: %.200q, now %.200q", i+1, was[i], is[i])
		}
	}
	return fmt.Sprintf("%d lines, now %d", len(was), len(is))
}
