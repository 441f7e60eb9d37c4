//go:build unix

package index

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/metrics"
	"slices"
	"syscall"
	"testing"
	"time"

	"toolvault/audit"
	"toolvault/audit/audittest"
)

// peak measures the largest live heap of the process while something runs.
func peak(b *testing.B, do func()) {
	b.Helper()
	runtime.GC()
	stop, done := make(chan struct{}), make(chan uint64)
	go func() {
		sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		highest := uint64(0)
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			metrics.Read(sample)
			highest = max(highest, sample[0].Value.Uint64())
			select {
			case <-stop:
				done <- highest
				return
			case <-tick.C:
			}
		}
	}()
	do()
	close(stop)
	b.ReportMetric(float64(<-done)/1e6, "peak-heap-MB")
}

// cpu is what the process has used of the processors so far.
func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkRebuild throws the index of the large log away and builds it again.
func BenchmarkRebuild(b *testing.B) {
	dir, records := audittest.LargeLog(b)
	begun := cpu()
	for b.Loop() {
		if err := os.RemoveAll(filepath.Join(dir, folder)); err != nil {
			b.Fatal(err)
		}
		peak(b, func() {
			if err := Build(b.Context(), dir, nil); err != nil {
				b.Fatal(err)
			}
		})
	}
	b.ReportMetric(float64(records)*float64(b.N)/b.Elapsed().Seconds(), "records/s")
	b.ReportMetric(float64((cpu()-begun).Microseconds())/float64(b.N)/float64(records), "cpu-µs/record")
	size := int64(0)
	names, err := os.ReadDir(filepath.Join(dir, folder))
	if err != nil {
		b.Fatal(err)
	}
	for _, e := range names {
		if info, err := e.Info(); err == nil {
			size += info.Size()
		}
	}
	b.ReportMetric(float64(size)/float64(records), "index-bytes/record")
}

// BenchmarkFirstPage asks the large log for a hundred entries of each kind.
func BenchmarkFirstPage(b *testing.B) {
	dir, records := audittest.LargeLog(b)
	if err := Build(b.Context(), dir, nil); err != nil {
		b.Fatal(err)
	}
	first, middle := recordAt(b, dir, 0), recordAt(b, dir, records/2)
	for _, c := range []struct {
		name   string
		filter audit.Filter
	}{
		{"everything", audit.Filter{}},
		{"agent frequent", audit.Filter{Agent: audittest.FrequentAgent}},
		{"agent rare", audit.Filter{Agent: audittest.RareAgent}},
		{"agent absent", audit.Filter{Agent: "nobody"}},
		{"user frequent", audit.Filter{User: audittest.FrequentUser}},
		{"user one of many", audit.Filter{User: middle.User}},
		{"user rare", audit.Filter{User: audittest.RareUser}},
		{"user absent", audit.Filter{User: "nobody@acme.example"}},
		{"service frequent", audit.Filter{Service: "slack"}},
		{"service absent", audit.Filter{Service: "smtp"}},
		{"tool frequent", audit.Filter{Tool: audittest.FrequentTool}},
		{"tool rare", audit.Filter{Tool: audittest.RareTool}},
		{"event", audit.Filter{Tool: "agent.suspended"}},
		{"outcome frequent", audit.Filter{Outcome: "ok"}},
		{"outcome rare", audit.Filter{Outcome: audittest.RareOutcome}},
		{"outcome unknown", audit.Filter{Outcome: audit.StatusUnknown}},
		{"outcome absent", audit.Filter{Outcome: "cancelled"}},
		{"credential frequent", audit.Filter{CredentialID: audittest.FrequentCredential}},
		{"credential rare", audit.Filter{CredentialID: audittest.RareCredential}},
		{"credential absent", audit.Filter{CredentialID: "slack/nobody"}},
		{"one call, old", audit.Filter{CallID: first.CallID}},
		{"one call of the client", audit.Filter{ToolCallID: middle.ToolCallID}},
		{"correlation", audit.Filter{CorrelationID: middle.CorrelationID}},
		{"call absent", audit.Filter{CallID: "019c0000-0000-7000-8000-000000000000"}},
		{"an hour, old", audit.Filter{Since: first.Time, Until: first.Time.Add(time.Hour)}},
		{"a day of an agent", audit.Filter{Since: middle.Time, Until: middle.Time.Add(24 * time.Hour), Agent: "ops-agent"}},
		{"before all", audit.Filter{Until: first.Time.Add(-time.Hour)}},
		{"text frequent", audit.Filter{Text: audittest.FrequentWord}},
		{"text of two", audit.Filter{Text: "acme.example " + audittest.FrequentWord}},
		{"text an address", audit.Filter{Text: middle.User}},
		{"text rare", audit.Filter{Text: audittest.RareWord}},
		{"text absent", audit.Filter{Text: "nevermentioned"}},
		{"all of them", audit.Filter{
			Agent: audittest.FrequentAgent, Service: "slack", Outcome: "timeout", Text: audittest.FrequentWord, User: audittest.FrequentUser,
			Since: middle.Time, Until: middle.Time.Add(30 * 24 * time.Hour)}},
	} {
		c.filter.Limit = 100
		b.Run(c.name, func(b *testing.B) {
			var took []time.Duration
			found := 0
			begun := cpu()
			peak(b, func() {
				for b.Loop() {
					start := time.Now()
					found = 0
					err := Each(b.Context(), dir, c.filter, nil, func(audit.Entry) error { found++; return nil })
					if err != nil {
						b.Fatal(err)
					}
					took = append(took, time.Since(start))
				}
			})
			b.ReportMetric(float64((cpu()-begun).Microseconds())/1e3/float64(len(took)), "cpu-ms")
			slices.Sort(took)
			for _, p := range []int{50, 99} {
				b.ReportMetric(float64(took[(len(took)-1)*p/100].Microseconds())/1e3, fmt.Sprintf("p%d-ms", p))
			}
			b.ReportMetric(float64(found), "found")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// BenchmarkAll streams the whole of the large log.
func BenchmarkAll(b *testing.B) {
	dir, records := audittest.LargeLog(b)
	if err := Build(b.Context(), dir, nil); err != nil {
		b.Fatal(err)
	}
	n := 0
	for b.Loop() {
		peak(b, func() {
			if err := Each(b.Context(), dir, audit.Filter{}, nil, func(audit.Entry) error { n++; return nil }); err != nil {
				b.Fatal(err)
			}
		})
	}
	b.ReportMetric(float64(records)*float64(b.N)/b.Elapsed().Seconds(), "records/s")
	b.ReportMetric(float64(n)/float64(b.N), "entries")
}

func recordAt(b *testing.B, dir string, index int64) audit.Record {
	b.Helper()
	r := audit.NewReader(dir)
	defer func() { _ = r.Close() }()
	for ; ; index++ {
		raw, err := r.At(index)
		if err != nil {
			b.Fatal(err)
		}
		rec, err := raw.Record()
		if err != nil {
			b.Fatal(err)
		}
		if rec.User != "" && rec.CallID != "" {
			return rec
		}
	}
}
