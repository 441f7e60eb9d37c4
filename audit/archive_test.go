package audit

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestSegmentsAreMovedAwayAndVerifiedThere(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	dir, away := t.TempDir(), t.TempDir()
	l := openTest(t, dir, small, func(o *Options) { o.Now = func() time.Time { return now } })
	for i := range 500 {
		now = now.Add(time.Minute)
		appendN(t, l, i, 1)
	}
	old := now.Add(-200 * time.Minute) // record 299 is of then
	moved, err := l.Archive(t.Context(), away, old, "root")
	if err != nil || moved.First != 0 || moved.End < 200 || moved.End > 299 {
		t.Fatalf("%+v, %v", moved, err)
	}
	if nothing, err := l.Archive(t.Context(), away, old, "root"); err != nil || nothing != (Span{}) {
		t.Fatalf("%+v, %v", nothing, err)
	}
	appendN(t, l, 501, 1)
	check := func(o VerifyOptions, records, archived int64, problem string) {
		t.Helper()
		o.Key = testVerifier(t)
		r, err := Verify(t.Context(), o)
		switch {
		case err != nil:
			t.Fatal(err)
		case problem == "" && (r.Problem != nil || r.Records != records || r.Archived != archived):
			t.Fatalf("%+v, %v", r, r.Problem)
		case problem != "" && (r.Problem == nil || !strings.Contains(r.Problem.Reason, problem)):
			t.Fatalf("found %v, want %s", r.Problem, problem)
		}
	}
	check(VerifyOptions{Dir: dir}, 502, moved.End, "")
	check(VerifyOptions{Dir: dir, Archives: []string{away}}, 502, 0, "")
	check(VerifyOptions{Archives: []string{away}}, moved.End, 0, "")

	// What a subscriber has not read stays.
	behind := Subscription{Dir: dir, Name: "mirror-slow"}
	os.MkdirAll(filepath.Join(dir, subscribersDir), 0o700)
	if _, err := behind.bookmark(moved.End); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Archive(t.Context(), away, now, "root"); err == nil || !strings.Contains(err.Error(), "mirror-slow has read only") {
		t.Fatal(err)
	}
	l.Close()
	openTest(t, dir, small) // it opens without them

	// What is missing without a record of it is found, here and there.
	list, _ := segments(dir)
	os.Rename(sealedPath(dir, list[0]), sealedPath(t.TempDir(), list[0]))
	check(VerifyOptions{Dir: dir}, 0, 0, "no record says that they were moved away")
	list, _ = segments(away)
	os.Remove(sealedPath(away, list[1]))
	check(VerifyOptions{Archives: []string{away}}, 0, 0, "are missing")
	if _, err := l.Archive(t.Context(), dir, now, "root"); err == nil {
		t.Fatal("the log was archived into itself")
	}
}
