package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Servers that share a folder count together; what was used survives their being
// killed; a higher limit is in force without a restart.
func TestServersShareABudget(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	data, path := filepath.Join(dir, "d"), filepath.Join(dir, "toolvault.yaml")
	write := func(limit string) {
		t.Helper()
		text := "limits: [ { calls: " + limit + ", per: day } ]\nagents:\n  - agentId: support-agent-1\n    credentials:\n" +
			"      - { service: slack, type: service_token, source: \"env:NO_SUCH_VARIABLE\", scope: \"chat:write\" }\n"
		if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			t.Fatal(err)
		}
	}
	write("6")
	servers, tokens := make([]*server, 2), make([]string, 2)
	start := func() {
		for i := range servers {
			servers[i] = serve(t, data, "--config", path)
			tokens[i] = commandOutput(t, data, "agent", "token", "support-agent-1", "--config", path, "--listen", servers[i].addr)
		}
	}
	limited := func(i int) bool {
		t.Helper()
		r := servers[i].must(tokens[i], "slack_post_message", map[string]any{}) // wrong arguments: it counts
		if r.Status != http.StatusOK || !r.IsError {
			t.Fatalf("%d %s", r.Status, r.Body)
		}
		return strings.Contains(r.Body, `"kind":"rate_limited"`) && strings.Contains(r.Text, "limit of ")
	}
	start()
	for i := range 6 {
		if limited(i % 2) {
			t.Fatalf("call %d of 6 is refused", i+1)
		}
	}
	for i := range servers {
		if !limited(i) {
			t.Error("a seventh call")
		}
		if _, text := scrape(t, servers[i].addr, "", ""); !strings.Contains(text, `toolvault_limited_calls_total{kind="calls",per="day"} 1`) {
			t.Error("the refusal is not counted")
		}
		servers[i].kill()
	}
	start()
	if !limited(0) || !limited(1) {
		t.Error("a restart gives calls back")
	}
	write("7")
	eventually(t, "the higher limit is in force", func() bool { return !limited(0) })
	if !limited(1) || !limited(0) {
		t.Error("an eighth call")
	}
}
