package config_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"toolvault/cmd/toolvault/internal/app"
	"toolvault/cmd/toolvault/internal/config"
)

var (
	block = regexp.MustCompile("(?ms)^```(yaml|json)\n(.*?)^```$")
	begin = regexp.MustCompile(`^(#|(server|storage|keys|services|auth|notify|audit|alerts|limits|telemetry|agents|agentId):|\{\s*"(server|storage|keys|services|agents|agentId)":)`)
)

// Every config in docs/ is one that this program takes, with the services and
// the tools that it has.
func TestTheConfigsInTheDocsAreRight(t *testing.T) {
	known, err := app.Known()
	if err != nil {
		t.Fatal(err)
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
