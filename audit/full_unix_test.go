//go:build unix

package audit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
)

// childLimit fills its log up to a limit of the file's size, as a full disk
// would, then gets more room.
func childLimit() {
	fail := func(format string, args ...any) {
		fmt.Printf(format+"\n", args...)
		os.Exit(1)
	}
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &old); err != nil {
		fail("%v", err)
	}
	l, err := Open(Options{Dir: os.Getenv("AUDIT_TEST_DIR"), Key: testKey(), Name: testName})
	if err != nil {
		fail("%v", err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 10_000, Max: old.Max}); err != nil {
		fail("%v", err)
	}
	kept := 0
	for ; kept < 1000; kept++ {
		if _, err = l.Append(context.Background(), call(kept)); err != nil {
			break
		}
	}
	if !errors.Is(err, syscall.EFBIG) {
		fail("error after %d records: %v", kept, err)
	}
	if r, err := Verify(context.Background(), VerifyOptions{Dir: l.Dir(), Key: verifierText()}); err != nil || r.Problem != nil || r.TornBytes != 0 || r.Records != int64(kept) {
		fail("full: %+v %v", r, err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &old); err != nil {
		fail("%v", err)
	}
	if r, err := l.Append(context.Background(), call(kept)); err != nil || r.Index() != int64(kept) {
		fail("with room again: %v", err)
	}
	if err := l.Close(); err != nil {
		fail("%v", err)
	}
	fmt.Println("kept", kept+1)
}

func verifierText() string {
	v, _ := VerifierKey(testKey(), testName)
	return v
}

func TestFullDiskFailsTheAppendAndNothingElse(t *testing.T) {
	dir := t.TempDir()
	cmd, out := child(t, "limit", dir)
	out.Scan()
	if err := cmd.Wait(); err != nil || !strings.HasPrefix(out.Text(), "kept ") {
		t.Fatalf("child: %s (%v)", out.Text(), err)
	}
	verified(t, dir, -1)
}
