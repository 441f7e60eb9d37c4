package proof

import (
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"testing"
	"time"

	"toolvault/audit"
)

// BenchmarkOneAmongMany proves single records and single calls of a large log,
// which $TOOLVAULT_BENCH_LOG names: a folder of segments. Every proof is made as
// the command makes it, with nothing kept from the one before. Its tiles and its
// index are made first, where they are not there.
func BenchmarkOneAmongMany(b *testing.B) {
	dir := os.Getenv("TOOLVAULT_BENCH_LOG")
	if dir == "" {
		b.Skip("SKIPPED: $TOOLVAULT_BENCH_LOG names no log, so nothing was measured")
	}
	size, _, err := audit.Newest(dir)
	if err != nil || size == 0 {
		b.Fatalf("%d records: %v", size, err)
	}
	begun := time.Now()
	if _, err := MakeRecord(b.Context(), dir, 0, Options{}); err != nil {
		b.Fatal(err)
	}
	b.Logf("%d records: the first proof, with the tiles brought up to date, took %v", size, time.Since(begun))
	r := audit.NewReader(dir)
	defer func() { _ = r.Close() }()
	var calls []audit.Record
	for len(calls) < 64 {
		raw, err := r.At(rand.Int64N(size))
		if err != nil {
			b.Fatal(err)
		}
		if rec, err := raw.Record(); err == nil && rec.Phase == audit.PhaseCall {
			calls = append(calls, rec)
		}
	}
	begun = time.Now()
	if _, err := Make(b.Context(), dir, calls[0].CallID, Options{}); err != nil {
		b.Fatal(err)
	}
	b.Logf("the first proof of a call, with the index brought up to date, took %v", time.Since(begun))
	for name, prove := range map[string]func() ([]byte, error){
		"record": func() ([]byte, error) { return MakeRecord(b.Context(), dir, rand.Int64N(size), Options{}) },
		// The ids of such a log need not tell the time, as real ones do: it is put in
		// their place.
		"call": func() ([]byte, error) {
			c := calls[rand.IntN(len(calls))]
			since := c.Time.Add(-10 * time.Minute)
			list, err := search(b.Context(), dir, audit.Filter{CallID: c.CallID, Since: since, Until: since.Add(24 * time.Hour)}, Options{})
			if err != nil {
				return nil, err
			}
			return prove(b.Context(), dir, c.CallID, list, Options{})
		},
		"call-without-time": func() ([]byte, error) {
			return Make(b.Context(), dir, calls[rand.IntN(len(calls))].CallID, Options{})
		},
	} {
		b.Run(name, func(b *testing.B) {
			var took []time.Duration
			for b.Loop() {
				begun := time.Now()
				text, err := prove()
				took = append(took, time.Since(begun))
				if err != nil || len(text) == 0 {
					b.Fatal(err)
				}
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
			b.ReportMetric(float64(took[len(took)-1].Microseconds())/1000, "max-ms")
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			b.ReportMetric(float64(m.HeapSys)/(1<<20), "heap-MB")
		})
	}
}
