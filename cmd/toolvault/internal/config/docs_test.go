package config_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"toolvault/auth"
	"toolvault/auth/scope"
	"toolvault/cmd/toolvault/internal/config"
	"toolvault/schemas"
	"toolvault/tools"
	"toolvault/tools/hubspot"
	"toolvault/tools/metabase"
	"toolvault/tools/pinecone"
	"toolvault/tools/slack"
	"toolvault/vault"
)

var (
	block = regexp.MustCompile("(?ms)^```(yaml|json)\n(.*?)^```$")
	begin = regexp.MustCompile(`^(#|(server|storage|keys|services|auth|notify|audit|alerts|limits|telemetry|agents|agentId):|\{\s*"(server|storage|keys|services|agents|agentId)":)`)
)

// Every config in docs/ is one that this program takes, with the services and
// the tools that it has.
func TestTheConfigsInTheDocsAreRight(t *testing.T) {
	all, err := schemas.Load()
	if err != nil {
		t.Fatal(err)
	}
	var shapes []auth.ToolShape
	for _, s := range all {
		shapes = append(shapes, auth.ToolShape{Name: s.Name, Service: s.Service, Input: s.Input})
	}
	known := config.Known{
		Catalogs: scope.Catalogs{},
		Types:    map[string][]string{},
		Rules: func(_ string, rules []auth.Rule) error {
			_, err := auth.CompilePolicy(rules, shapes)
			return err
		},
	}
	for _, s := range []tools.Service{slack.New(), hubspot.New(), pinecone.New(), metabase.New()} {
		known.Catalogs[s.Name] = s.Scopes
		known.Types[s.Name] = vault.Everywhere()
		for typ := range s.Auth {
			known.Types[s.Name] = append(known.Types[s.Name], typ)
		}
	}
	files, err := filepath.Glob("../../../../docs/*.md")
	if err != nil || len(files) == 0 {
		t.Fatalf("no docs: %v", err)
	}
	found := 0
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, at := range block.FindAllSubmatchIndex(b, -1) {
			text := string(b[at[4]:at[5]])
			if !begin.MatchString(text) {
				continue
			}
			found++
			// As many empty lines as stand above it: errors then name the line
			// of the document.
			above := strings.Repeat("\n", strings.Count(string(b[:at[4]]), "\n"))
			if _, err := config.Parse(filepath.Base(file), []byte(above+text), known); err != nil {
				t.Error(err)
			}
		}
	}
	if found < 9 {
		t.Errorf("only %d configs in the docs: is the pattern still right?", found)
	}
}
