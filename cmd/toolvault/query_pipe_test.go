//go:build unix

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"toolvault/audit/audittest"
)

// queryProgram runs this program's `audit query` on a log.
func queryProgram(ctx context.Context, data string, args ...string) (cmd *exec.Cmd, stderr *bytes.Buffer) {
	cmd = exec.CommandContext(ctx, os.Args[0], append([]string{"audit", "query", "--data", data}, args...)...)
	cmd.Env = append(os.Environ(), "TOOLVAULT_TEST_PROGRAM=1", "TOOLVAULT_CONFIG=")
	stderr = new(bytes.Buffer)
	cmd.Stderr = stderr
	return cmd, stderr
}

// TestQueryStreams asks for all of a log that is larger than a page, through a
// pipe that is read to its end, and through one that is closed after a line.
func TestQueryStreams(t *testing.T) {
	t.Parallel()
	const records = 40_000
	data := t.TempDir()
	if _, err := audittest.Fill(t.Context(), filepath.Join(data, "audit"), records, audittest.Options{Span: 24 * time.Hour}); err != nil {
		t.Fatal(err)
	}

	cmd, stderr := queryProgram(t.Context(), data, "--limit", "0", "-o", "json")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines, last := 0, int64(records)
	in := bufio.NewScanner(out)
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		var e struct {
			Index int64 `json:"index"`
		}
		if err := json.Unmarshal(in.Bytes(), &e); err != nil || e.Index >= last {
			t.Fatalf("line %d is of index %d after %d (%v)", lines, e.Index, last, err)
		}
		last = e.Index
		lines++
	}
	if err := cmd.Wait(); err != nil || stderr.Len() > 0 {
		t.Fatalf("%v: %s", err, stderr)
	}
	if lines < records/2 || last != 0 {
		t.Errorf("%d entries down to index %d", lines, last)
	}

	cmd, stderr = queryProgram(t.Context(), data, "--limit", "0", "-o", "json")
	if out, err = cmd.StdoutPipe(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReaderSize(out, 4096).ReadString('\n'); err != nil || !strings.HasPrefix(line, "{") {
		t.Fatalf("%q, %v", line, err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Error("it did not hear that nobody reads")
	}
	if stderr.Len() > 0 {
		t.Errorf("it said: %s", stderr)
	}

	// The index that it has left is used, and says the same.
	cmd, stderr = queryProgram(t.Context(), data, "--text", "nevermentioned")
	if text, err := cmd.Output(); err != nil || len(text) > 0 || !strings.Contains(stderr.String(), "No record fits") {
		t.Errorf("%q, %s (%v)", text, stderr, err)
	}
}
