package many

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"toolvault/audit"
)

var noon = time.Date(2024, 11, 24, 12, 0, 0, 0, time.UTC)

// writeLog writes records, one after the other, and returns the folder.
func writeLog(t testing.TB, name string, records ...audit.Record) string {
	t.Helper()
	dir := t.TempDir()
	l, err := audit.Open(audit.Options{Dir: dir, Key: audit.NewKey(), Name: name})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	for _, r := range records {
		if _, err := l.Append(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func read(id string, at time.Duration) audit.Record {
	return audit.Record{Phase: audit.PhaseCall, CallID: id, Time: noon.Add(at), Agent: "a1", Tool: "t", Service: "s", Outcome: "ok", User: "ana"}
}

func intent(id string, at time.Duration) audit.Record {
	deadline := noon.Add(at + time.Minute)
	r := read(id, at)
	r.Phase, r.Write, r.Outcome, r.Deadline = audit.PhaseIntent, true, "", &deadline
	return r
}

func outcome(id string, at time.Duration, kind string) audit.Record {
	r := read(id, at)
	r.Phase, r.Write, r.Outcome = audit.PhaseOutcome, true, kind
	return r
}

// listed are the ids and statuses of what a reader gives.
func listed(t testing.TB, dir string, f audit.Filter) (list []string) {
	t.Helper()
	err := Oldest(t.Context(), dir, f, nil, func(e audit.Entry) error {
		list = append(list, fmt.Sprintf("%s:%s", e.CallID, e.Status))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// newest reads a folder from its end, as audit.Query does.
func newest(dir string) Read {
	return func(ctx context.Context, f audit.Filter, fn func(audit.Entry) error) error {
		list, err := audit.Query(ctx, dir, f)
		for _, e := range list {
			if err == nil {
				err = fn(e)
			}
		}
		return err
	}
}

func folder(name, dir string) Log {
	return Log{Name: name, Newest: newest(dir), Oldest: func(ctx context.Context, f audit.Filter, fn func(audit.Entry) error) error {
		return Oldest(ctx, dir, f, nil, fn)
	}}
}

func equal(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%q\nwant %q", got, want)
	}
}
