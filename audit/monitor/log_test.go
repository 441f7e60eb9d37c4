package monitor

import (
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"log/slog"

	"toolvault/audit"
)

func mkdirs(dir string) error { return os.MkdirAll(filepath.Join(dir, "subscribers"), 0o700) }

// testLog is a real log.
type testLog struct {
	*audit.Log
	t   testing.TB
	dir string
}

func openLog(t testing.TB, dir string) *testLog {
	t.Helper()
	l, err := audit.Open(audit.Options{Dir: dir, Key: audit.NewKey(), Name: "test", Now: time.Now, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return &testLog{l, t, dir}
}

// add writes records; those of one call become one batch.
func (l *testLog) add(list ...audit.Record) {
	l.t.Helper()
	var wg sync.WaitGroup
	for _, r := range list {
		wg.Go(func() {
			if _, err := l.Append(l.t.Context(), r); err != nil {
				l.t.Error(err)
			}
		})
	}
	wg.Wait()
}
