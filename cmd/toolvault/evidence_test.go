package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// harmed runs "audit verify", which has to find something, and returns what it
// says.
func harmed(t *testing.T, data string, args ...string) string {
	t.Helper()
	cmd := program(t, data, append([]string{"audit", "verify"}, args...)...)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 || !strings.Contains(string(out), "NOT INTACT") {
		t.Fatalf("audit verify ended with %v: %s", err, out)
	}
	return string(out)
}

// TestTheNewestCheckpointLivesInRedis cuts a log and removes every trace of it
// in the folder of the machine.
func TestTheNewestCheckpointLivesInRedis(t *testing.T) {
	t.Parallel()
	redis := startRedis(t)
	dir := t.TempDir()
	data, config := filepath.Join(dir, "d"), filepath.Join(dir, "toolvault.yaml")
	if err := os.WriteFile(config, fmt.Appendf(nil, "storage: { url: \"redis://127.0.0.1:%s\" }\n", redis.port), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, agent := range []string{"a1", "a2", "a3"} {
		commandOutput(t, data, "agent", "add", agent, "--config", config)
	}
	if out := commandOutput(t, data, "audit", "verify", "--config", config); !strings.HasPrefix(out, "Intact: 3 records") {
		t.Fatal(out)
	}
	for _, pattern := range []string{"*.log", "head"} {
		names, err := filepath.Glob(filepath.Join(data, "audit", pattern))
		if err != nil || len(names) != 1 {
			t.Fatalf("%v %v", names, err)
		}
		if err := os.Remove(names[0]); err != nil {
			t.Fatal(err)
		}
	}
	if out := harmed(t, data, "--config", config); !strings.Contains(out, "records 0 to 2 are missing") {
		t.Error(out)
	}
}

// TestALogOfAKilledServerIsIntactAndItsCutIsFound kills a server in its work: the
// store's checkpoint is never ahead of the log, and is there within a second.
func TestALogOfAKilledServerIsIntactAndItsCutIsFound(t *testing.T) {
	t.Parallel()
	data := t.TempDir() + "/d"
	s := serve(t, data, "--sandbox")
	token := s.token("--sandbox")
	for range 20 {
		if r := s.must(token, "hubspot_search_objects", map[string]any{"object_type": "contacts", "query": "Dana"}); r.IsError {
			t.Fatal(r.Text)
		}
	}
	s.kill()
	out := commandOutput(t, data, "audit", "verify")
	if !strings.HasPrefix(out, "Intact: ") {
		t.Fatal(out)
	}
	log := filepath.Join(data, "audit", "00000000000000000000.log")
	if err := os.Truncate(log, 0); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(data, "audit", "head")); err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	harmed(t, data)
}
