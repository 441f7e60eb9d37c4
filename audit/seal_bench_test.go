package audit

import (
	"os"
	"testing"
)

// BenchmarkSeal seals one segment of the large log that audittest.EnvLog names.
func BenchmarkSeal(b *testing.B) {
	from := os.Getenv("TOOLVAULT_BENCH_LOG")
	list, err := segments(from)
	if from == "" || err != nil || len(list) < 3 || isSealed(from, list[1]) {
		b.Skip("TOOLVAULT_BENCH_LOG must name a log with segments that are not sealed")
	}
	first, records := list[1], list[2]-list[1]
	text, err := os.ReadFile(segmentPath(from, first))
	if err != nil {
		b.Fatal(err)
	}
	dir := b.TempDir()
	packed := int64(0)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		b.StopTimer()
		if err := os.WriteFile(segmentPath(dir, first), text, 0o600); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		if err := seal(dir, first, nil); err != nil {
			b.Fatal(err)
		}
		info, err := os.Stat(sealedPath(dir, first))
		if err != nil {
			b.Fatal(err)
		}
		packed = info.Size()
	}
	b.ReportMetric(float64(len(text))/float64(records), "bytes/record")
	b.ReportMetric(float64(packed)/float64(records), "packed-bytes/record")
}
