package main

import (
	"strings"
	"testing"
)

// TestAClientCannotForgeTheTable calls a tool whose name is a row of the table.
func TestAClientCannotForgeTheTable(t *testing.T) {
	t.Parallel()
	s := serve(t, t.TempDir()+"/d", "--sandbox")
	token := s.token("--sandbox")
	name := "x\n2026-01-01 00:00:00  boss                \x1b[2A\u202eslack"
	s.must(token, name, map[string]any{})
	eventually(t, "the call is in the log", func() bool {
		return strings.Contains(commandOutput(t, s.data, "audit", "query", "-o", "json"), `"tool":"x\n`)
	})
	for _, command := range []string{"tail", "query"} {
		out := commandOutput(t, s.data, "audit", command)
		if strings.ContainsAny(out, "\x1b\u202e") || strings.Contains(out, "\n2026-01-01 00:00:00") {
			t.Errorf("audit %s shows %q", command, out)
		}
		if !strings.Contains(out, `  x\n2026-01-01 00:00:00 \x20…  `) {
			t.Errorf("audit %s does not show the name: %s", command, out)
		}
	}
}
