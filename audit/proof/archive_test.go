package proof

import (
	"errors"
	"strings"
	"testing"
	"time"

	"toolvault/audit"
	"toolvault/audit/audittest"
	"toolvault/audit/tile"
)

// A segment that was moved away still proves what it has: the tiles stay.
func TestARecordThatWasMovedAwayIsProved(t *testing.T) {
	if testing.Short() || raced {
		t.Skip("SKIPPED: it writes a whole segment of a log, which takes half a minute with the race detector")
	}
	dir, to := t.TempDir(), t.TempDir()
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
	t.Cleanup(func() { _ = log.Close() })
	moved, err := log.Archive(t.Context(), to, time.Now().AddDate(10, 0, 0), "root")
	if err != nil || moved.End < 40_000 {
		t.Fatalf("moved %+v, %v", moved, err)
	}
	if _, err := MakeRecord(t.Context(), dir, 100, Options{}); !errors.Is(err, audit.ErrNoRecord) || !strings.Contains(err.Error(), "--archive DIR") {
		t.Errorf("%v", err)
	}
	o := Options{Archives: []string{to}}
	call := ""
	for _, index := range []int64{0, 1, 2, 3, 4, 5, 100, moved.End - 1, moved.End, log.Size() - 1} {
		text, err := MakeRecord(t.Context(), dir, index, o)
		if err != nil {
			t.Fatal(err)
		}
		if r := verified(t, text, key); r.Records[0].Index != index {
			t.Errorf("%d: %+v", index, r)
		} else if call == "" {
			call = r.CallID
		}
	}
	if call == "" {
		t.Fatal("all of them are events")
	}
	text, err := Make(t.Context(), dir, call, o)
	if err != nil {
		t.Fatal(err)
	}
	if r := verified(t, text, key); r.CallID != call {
		t.Errorf("%+v", r)
	}
	// The tree is whole, and so is what is published of it.
	done, err := tile.Export(t.Context(), dir, t.TempDir(), nil)
	if err != nil || done.Missing != moved.End/tile.Width+1 && done.Missing != moved.End/tile.Width {
		t.Errorf("%+v, %v", done, err)
	}
}
