package audit_test

import (
	"runtime"
	"testing"
	"time"

	"toolvault/audit"
	"toolvault/audit/audittest"
)

// BenchmarkVerifyLarge verifies the large log that audittest.EnvLog names.
func BenchmarkVerifyLarge(b *testing.B) {
	dir, records := audittest.LargeLog(b)
	key, err := audit.VerifierKey(audittest.Key(), audittest.Name)
	if err != nil {
		b.Fatal(err)
	}
	peak := uint64(0)
	for b.Loop() {
		begun := time.Now()
		r, err := audit.Verify(b.Context(), audit.VerifyOptions{Dir: dir, Key: key, Progress: func(int64) {
			var m runtime.MemStats
			if time.Since(begun) > time.Second {
				begun = time.Now()
				runtime.ReadMemStats(&m)
				peak = max(peak, m.HeapInuse)
			}
		}})
		if err != nil || r.Problem != nil || r.Records != records {
			b.Fatal(r, r.Problem, err)
		}
	}
	b.ReportMetric(float64(records)*float64(b.N)/b.Elapsed().Seconds(), "records/s")
	b.ReportMetric(float64(peak)/1e6, "heap-MB")
}
