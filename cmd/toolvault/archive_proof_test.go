package main

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"toolvault/audit"
	"toolvault/audit/audittest"
	"toolvault/audit/tile"
)

// TestWhatWasMovedAwayIsVerifiedAndProved: with its archive a log is whole, and the
// archive is worth something alone.
func TestWhatWasMovedAwayIsVerifiedAndProved(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("SKIPPED: it writes a whole segment of a log")
	}
	data, to, empty := t.TempDir(), t.TempDir(), t.TempDir()
	dir := filepath.Join(data, "audit")
	key, err := audittest.Fill(t.Context(), dir, 56_000, audittest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tile.Open(t.Context(), dir, nil); err != nil {
		t.Fatal(err)
	}
	log, err := audit.Open(audit.Options{Dir: dir, Key: audittest.Key(), Name: audittest.Name})
	if err != nil {
		t.Fatal(err)
	}
	moved, err := log.Archive(t.Context(), to, time.Now().AddDate(10, 0, 0), "root")
	if err != nil || moved.End == 0 {
		t.Fatalf("%+v, %v", moved, err)
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	for name, args := range map[string][]string{
		"the log alone":     {"--data", data},
		"with its archive":  {"--data", data, "--archive", to},
		"the archive alone": {"--data", empty, "--archive", to},
	} {
		if out := commandOutput(t, empty, append([]string{"audit", "verify", "--key", key}, args...)...); !strings.HasPrefix(out, "Intact: ") {
			t.Errorf("%s: %s", name, out)
		}
	}
	if out, err := program(t, empty, "audit", "verify", "--key", key, "--archive", t.TempDir()).CombinedOutput(); err == nil {
		t.Errorf("an empty archive: %s", out)
	}
	if out, err := program(t, empty, "audit", "prove", "--record", "7", "--data", data).CombinedOutput(); err == nil || !strings.Contains(string(out), "--archive DIR") {
		t.Errorf("without the archive: %s", out)
	}
	if out := commandOutput(t, empty, "audit", "prove", "--record", "7", "--data", data, "--archive", to); !strings.Contains(out, `\"index\":7,`) {
		t.Errorf("with the archive: %s", out)
	}
}
