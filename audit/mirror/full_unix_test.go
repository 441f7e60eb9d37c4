//go:build unix

package mirror_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"toolvault/audit/mirror"
)

// childFull writes a file up to a limit of its size, as on a full disk, then gets
// more room. Its errors go to standard output.
func childFull() {
	dir, path := os.Getenv("MIRROR_TEST_DIR"), os.Getenv("MIRROR_TEST_FILE")
	var old syscall.Rlimit
	err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &old)
	if err == nil {
		err = syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 100_000, Max: old.Max})
	}
	if err != nil {
		fmt.Println(err)
		return
	}
	t := &testing.T{}
	ids, texts := should(t, dir)
	send := func(sink mirror.Sink, begin int) error {
		for ; begin < len(ids); begin += 10 {
			if err := sink.Send(context.Background(), lotOf(ids, texts, begin, min(begin+10, len(ids)))); err != nil {
				return fmt.Errorf("%d: %w", begin, err)
			}
		}
		return nil
	}
	sink, _ := toFile(path, 0, 0)()
	for range 3 {
		err = send(sink, 0)
		if !errors.Is(err, syscall.EFBIG) {
			fmt.Println("full, and:", err)
		}
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &old); err != nil {
		fmt.Println(err)
	}
	var begin int
	_, _ = fmt.Sscanf(err.Error(), "%d:", &begin)
	if err := send(sink, begin); err != nil {
		fmt.Println("with room again:", err)
	}
}

// A full disk fails the lot and leaves no half of it; with room again it goes on.
func TestFileOnAFullDisk(t *testing.T) {
	dir, path := filled(t, 300), filepath.Join(t.TempDir(), "audit.jsonl")
	cmd := childCommand(t, "full")
	cmd.Env = append(cmd.Env, "MIRROR_TEST_DIR="+dir, "MIRROR_TEST_FILE="+path)
	cmd.Stdout = nil
	out, err := cmd.Output()
	if err != nil || len(out) > 0 {
		t.Fatalf("%s: %v", out, err)
	}
	s := inFiles(t, path)
	ids, _ := should(t, dir)
	if n := len(slices.Compact(slices.Clone(s.ids))); n != len(s.ids) {
		t.Errorf("of %d lines %d are repeats", len(s.ids), len(s.ids)-n)
	}
	for _, id := range ids {
		if !slices.Contains(s.ids, id) {
			t.Errorf("%s is missing", id)
		}
	}
}
