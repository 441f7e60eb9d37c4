package audittest

import (
	"errors"
	"io/fs"
	"os"
	"strconv"
	"testing"
	"time"

	"toolvault/audit"
)

// The variables that name a large log for benchmarks: its folder, and how many
// records it has (10,000,000 unless said), which takes about a kilobyte each.
const (
	EnvLog     = "TOOLVAULT_BENCH_LOG"
	EnvRecords = "TOOLVAULT_BENCH_RECORDS"
)

// LargeLog returns the folder of the large log that EnvLog names. Where it has too
// few records, it fills it up first: that happens once. Without the variable the
// benchmark is skipped.
func LargeLog(tb testing.TB) (dir string, records int64) {
	tb.Helper()
	dir = os.Getenv(EnvLog)
	if dir == "" {
		tb.Skipf("set %s to a folder for a log of ten million records (about 12 GB)", EnvLog)
	}
	records = 10_000_000
	if text := os.Getenv(EnvRecords); text != "" {
		var err error
		if records, err = strconv.ParseInt(text, 10, 64); err != nil || records < 1 {
			tb.Fatalf("%s: %q is no number of records", EnvRecords, text)
		}
	}
	size, _, err := audit.Newest(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		tb.Fatal(err)
	}
	if size >= records {
		return dir, size
	}
	if size > 0 {
		tb.Fatalf("%s has %d records, %d are wanted: name an empty folder, or set %s", dir, size, records, EnvRecords)
	}
	tb.Logf("writing %d records to %s", records, dir)
	if _, err := Fill(tb.Context(), dir, int(records), Options{Start: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Span: 90 * 24 * time.Hour, Seal: true}); err != nil {
		tb.Fatal(err)
	}
	return dir, records
}
