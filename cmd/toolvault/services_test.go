package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"toolvault/cmd/toolvault/internal/app"
	"toolvault/schemas"
	"toolvault/tools/sandbox"
)

// Eleven services, each with all that makes it one: tools, a page in docs, a double
// that says what it holds, requests that somebody else's word is held against, and a
// place in the demo.
func TestElevenServices(t *testing.T) {
	const root = "../.."
	read := func(path string) string {
		t.Helper()
		b, err := os.ReadFile(filepath.Join(root, path))
		if err != nil {
			t.Error(err)
		}
		return string(b)
	}
	files, err := schemas.Load()
	if err != nil {
		t.Fatal(err)
	}
	names := app.Services()
	if len(names) != 11 || !slices.Equal(names, sandbox.Services()) {
		t.Errorf("there are %d services, %v, and doubles of %v", len(names), names, sandbox.Services())
	}
	inDemo := map[string]bool{}
	for _, h := range supportDay(time.Now()) {
		for _, errand := range h.errands {
			for _, c := range errand {
				inDemo[serviceOf(files, c.tool)] = true
			}
		}
	}
	readme, page := read("README.md"), read("docs/tools.md")
	for _, name := range names {
		folder, doc := strings.ReplaceAll(name, "_", ""), "docs/"+strings.ReplaceAll(name, "_", "-")+".md"
		tools := slices.DeleteFunc(slices.Clone(files), func(f schemas.Tool) bool { return f.Service != name })
		if len(tools) < 6 {
			t.Errorf("%s has %d tools", name, len(tools))
		}
		for _, f := range tools {
			if !strings.Contains(page, "\n### "+f.Name+"\n") {
				t.Errorf("docs/tools.md does not show %s", f.Name)
			}
		}
		if !strings.Contains(read(doc), "service: "+name) {
			t.Errorf("%s shows no credential", doc)
		}
		if !strings.Contains(readme, "("+doc+")") {
			t.Errorf("the README does not lead to %s", doc)
		}
		d := sandbox.Of(name, time.Now)
		if d == nil || d.Service != name || d.Snapshot == nil || len(d.Snapshot()) == 0 || len(d.Held("http://127.0.0.1", nil)) == 0 {
			t.Errorf("%s has no double that holds something and lets somebody in", name)
		}
		if how := checkedBy(t, root, name, folder); how == "" {
			t.Errorf("nothing of the vendor's is held against the requests of %s", name)
		} else {
			t.Logf("%s: %d tools, requests checked by %s", name, len(tools), how)
		}
		if !inDemo[name] {
			t.Errorf("demo --full does nothing in %s", name)
		}
	}
}

func serviceOf(files []schemas.Tool, tool string) string {
	for _, f := range files {
		if f.Name == tool {
			return f.Service
		}
	}
	return ""
}

// checkedBy is what says whether the requests to a service are right: the official
// description that its tests load, or the vendor's own client, which says whether the
// double is; "" for nothing.
func checkedBy(t *testing.T, root, name, folder string) string {
	t.Helper()
	tests, err := filepath.Glob(filepath.Join(root, "tools", folder, "*_test.go"))
	if err != nil || len(tests) == 0 {
		t.Errorf("tools/%s has no tests: %v", folder, err)
	}
	description := regexp.MustCompile(`"((?:slack|hubspot|pinecone|metabase|notion|weaviate|segment|google|grafana)/(?:[\w.-]+\.json)?)"`)
	for _, file := range tests {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Error(err)
		}
		if m := description.FindSubmatch(b); m != nil && strings.Contains(string(b), "toolstest.") {
			return "the description " + string(m[1])
		}
	}
	client := filepath.Join(root, ".ci", "e2e", "doubles", name+".mjs")
	if b, err := os.ReadFile(client); err == nil {
		packages, _, _ := strings.Cut(strings.TrimPrefix(string(b), "// npm: "), "\n")
		return "the client " + packages
	}
	return ""
}
