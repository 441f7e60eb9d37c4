//go:build unix

package audit

import (
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// cpu is the process's time on the processors, in µs.
func cpu() float64 {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return float64(time.Duration(u.Utime.Nano()+u.Stime.Nano())) / 1e3
}

func BenchmarkAppend(b *testing.B) {
	for _, n := range []int{1, 16, 64} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			l := openTest(b, b.TempDir())
			r := call(1)
			r.Time = time.Now()
			b.SetParallelism((n + runtime.GOMAXPROCS(0) - 1) / runtime.GOMAXPROCS(0))
			if n == 1 {
				start := cpu()
				for b.Loop() {
					if _, err := l.Append(b.Context(), r); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric((cpu()-start)/float64(b.N), "cpu-µs/op")
				return
			}
			b.ResetTimer()
			start := cpu()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if _, err := l.Append(b.Context(), r); err != nil {
						b.Error(err)
					}
				}
			})
			b.ReportMetric((cpu()-start)/float64(b.N), "cpu-µs/op")
		})
	}
}

func BenchmarkEncode(b *testing.B) {
	r := call(1)
	r.Time = time.Now()
	for b.Loop() {
		if _, err := encodeRecord(r); err != nil {
			b.Fatal(err)
		}
	}
}

func oneKB() json.RawMessage {
	var items []any
	for i := range 8 {
		items = append(items, map[string]any{"id": fmt.Sprint(1000 + i), "name": "A customer of ours", "email": "someone@example.com", "active": true, "amount": 12.5 * float64(i)})
	}
	raw, _ := json.Marshal(map[string]any{"results": items, "next_page": "abc"})
	return raw
}

func BenchmarkRedact(b *testing.B) {
	r := NewRedactor()
	raw := oneKB()
	secrets := []string{"hubspot-refresh-0123456789-abcdef", strings.Repeat("Zx9", 12)}
	b.Run("JSON", func(b *testing.B) {
		b.SetBytes(int64(len(raw)))
		for b.Loop() {
			r.JSON(raw, []string{"/results/*/ssn"}, secrets...)
		}
	})
	b.Run("TokensJSON", func(b *testing.B) {
		b.SetBytes(int64(len(raw)))
		for b.Loop() {
			r.TokensJSON(raw, secrets...)
		}
	})
	b.Run("Text", func(b *testing.B) {
		text := string(raw)
		b.SetBytes(int64(len(raw)))
		for b.Loop() {
			r.Text(text, secrets...)
		}
	})
	b.Run("Values", func(b *testing.B) {
		text := string(raw)
		for b.Loop() {
			r.Values(text, secrets...)
		}
	})
	b.Run("Prepare", func(b *testing.B) {
		for b.Loop() {
			newNeedles(secrets)
		}
	})
}

func BenchmarkVerifyAndQuery(b *testing.B) {
	const records = 64_000
	dir := b.TempDir()
	l := openTest(b, dir)
	for from := 0; from < records; from += 16 {
		appendTogether(b, l, from, 16)
	}
	l.Close()
	b.Run("Verify", func(b *testing.B) {
		for b.Loop() {
			verified(b, dir, records)
		}
		b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/records, "µs/record")
	})
	b.Run("QueryMiss", func(b *testing.B) {
		for b.Loop() {
			if list, err := Query(b.Context(), dir, Filter{Agent: "nobody"}); err != nil || len(list) != 0 {
				b.Fatal(list, err)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/records, "µs/record")
	})
	b.Run("QueryLast20", func(b *testing.B) {
		for b.Loop() {
			if list, err := Query(b.Context(), dir, Filter{Limit: 20}); err != nil || len(list) != 20 {
				b.Fatal(list, err)
			}
		}
	})
	b.Run("Open", func(b *testing.B) {
		for b.Loop() {
			openTest(b, dir).Close()
		}
	})
}
