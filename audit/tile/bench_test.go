package tile

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"toolvault/audit"
)

// BenchmarkTiles makes the tiles of a large log, which $TOOLVAULT_BENCH_LOG names,
// from nothing, as far as it is asked for by -benchtime, in a folder of its own.
func BenchmarkTiles(b *testing.B) {
	from := os.Getenv("TOOLVAULT_BENCH_LOG")
	if from == "" {
		b.Skip("SKIPPED: $TOOLVAULT_BENCH_LOG names no log, so nothing was measured")
	}
	size, _, err := audit.Newest(from)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		dir := b.TempDir()
		entries, err := os.ReadDir(from)
		if err != nil {
			b.Fatal(err)
		}
		for _, e := range entries {
			if strings.Contains(e.Name(), ".log") {
				if err := os.Symlink(filepath.Join(from, e.Name()), filepath.Join(dir, e.Name())); err != nil {
					b.Fatal(err)
				}
			}
		}
		begun := time.Now()
		tree, err := Open(b.Context(), dir, nil)
		if err != nil || tree.Kept() != nil || tree.Size() != size {
			b.Fatalf("%v, %v", err, tree.Kept())
		}
		b.ReportMetric(float64(size)/time.Since(begun).Seconds(), "records/s")
		begun = time.Now()
		if _, err := Open(b.Context(), dir, nil); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(time.Since(begun).Microseconds())/1000, "open-ms")
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	b.ReportMetric(float64(m.HeapSys)/(1<<20), "heap-MB")
}

// BenchmarkPublish is what the server does once a second, with a hundred new
// records.
func BenchmarkPublish(b *testing.B) {
	const records = 100
	w := newLog(b, 0)
	for b.Loop() {
		b.StopTimer()
		w.append(records)
		b.StartTimer()
		if _, err := Publish(b.Context(), w.dir, nil); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*records), "ns/record")
}
