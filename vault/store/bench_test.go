package store_test

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"toolvault/vault/store"
)

// BenchmarkPut is durable writes of 1 kB to SQLite by so many goroutines at once,
// each to keys of its own.
func BenchmarkPut(b *testing.B) {
	for _, writers := range []int{1, 16, 64} {
		b.Run(fmt.Sprint(writers), func(b *testing.B) {
			st := benchStore(b)
			value := make([]byte, 1024)
			var next atomic.Int64
			var wg sync.WaitGroup
			b.ResetTimer()
			for range writers {
				wg.Go(func() {
					for {
						i := next.Add(1)
						if i > int64(b.N) {
							return
						}
						if err := st.Put(context.Background(), store.Item{Key: fmt.Sprintf("k%09d", i), Version: 1, Value: value}, nil); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "writes/s")
		})
	}
}

// BenchmarkLease is to take a lease that nobody holds and to let it go.
func BenchmarkLease(b *testing.B) {
	st := benchStore(b)
	for b.Loop() {
		l, err := st.Lease(context.Background(), "l", time.Minute)
		if err != nil {
			b.Fatal(err)
		}
		if err := l.Release(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
}

func benchStore(b *testing.B) store.Store {
	b.Helper()
	st, err := store.Open(b.Context(), "file:"+filepath.Join(b.TempDir(), "store.db"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = st.Close() })
	return st
}
