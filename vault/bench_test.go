package vault

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"toolvault/vault/store"
	"toolvault/vault/store/storetest"
)

var benchStores = map[string]func(b *testing.B) string{
	"sqlite": func(b *testing.B) string { return "file:" + filepath.Join(b.TempDir(), "store.db") },
	"redis":  func(b *testing.B) string { return storetest.Redis(b) },
}

// BenchmarkResolveCold is a resolve that has to ask the store, with the unsealing:
// the median is p50-µs.
func BenchmarkResolveCold(b *testing.B) {
	for name, at := range benchStores {
		b.Run(name, func(b *testing.B) {
			st, err := store.Open(b.Context(), at(b))
			if err != nil {
				b.Fatal(err)
			}
			defer func() { _ = st.Close() }()
			k := newKitOn(b, st, NewMasterKey()) // it does not run, so nothing is kept in memory
			k.put(b, "slack/a", Stored{Type: TypeOAuthToken, Secret: NewSecret("xoxb-0123456789-0123456789-abcdefghijklmnop"), Refresh: NewSecret("xoxe-1-abcdefghijklmnopqrstuvwxyz")})
			var times []time.Duration
			for b.Loop() {
				start := time.Now()
				if _, err := k.Resolve(b.Context(), oauth); err != nil {
					b.Fatal(err)
				}
				times = append(times, time.Since(start))
			}
			slices.Sort(times)
			b.ReportMetric(float64(times[len(times)/2].Nanoseconds())/1000, "p50-µs")
		})
	}
}

// BenchmarkManyCredentials is a vault with so many credentials, declared and
// stored: how long it takes to start (start-ms), what a resolve costs that has to
// ask the store and one that need not, and the memory that it takes (MB).
func BenchmarkManyCredentials(b *testing.B) {
	for name, at := range benchStores {
		for _, n := range []int{10, 100_000} {
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				url, master := at(b), NewMasterKey()
				st, err := store.Open(b.Context(), url)
				if err != nil {
					b.Fatal(err)
				}
				declared := fill(b, newKitOn(b, st, master), n)
				if err := st.Close(); err != nil {
					b.Fatal(err)
				}
				before := heapBytes()
				start := time.Now()
				if st, err = store.Open(b.Context(), url); err != nil {
					b.Fatal(err)
				}
				defer func() { _ = st.Close() }()
				k := newKitOn(b, st, master)
				k.Configure(declared, servicesFor(k.issuer.URL))
				k.run(b)
				k.resolve(b, declared[0])
				started := time.Since(start)
				i := 0
				b.Run("cold", func(b *testing.B) {
					for b.Loop() {
						i = (i + 7919) % n
						k.cache.drop(declared[i].ID)
						k.resolve(b, declared[i])
					}
				})
				b.Run("warm", func(b *testing.B) {
					for b.Loop() {
						k.resolve(b, declared[0])
					}
					b.ReportMetric(float64(started.Microseconds())/1000, "start-ms")
					b.ReportMetric(float64(heapBytes()-before)/1e6, "MB")
				})
			})
		}
	}
}

func heapBytes() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// fill stores credentials and declares them, each for an agent of its own.
func fill(b *testing.B, k *kit, n int) []Declaration {
	b.Helper()
	declared := make([]Declaration, n)
	g, ctx := errgroup.WithContext(b.Context())
	g.SetLimit(64)
	for i := range n {
		id := fmt.Sprintf("slack/agent-%d", i)
		declared[i] = Declaration{ID: id, Owner: Owner{Agent: fmt.Sprintf("agent-%d", i)}, Service: "slack", Type: TypeAPIKey, Source: "vault:" + id}
		g.Go(func() error {
			_, err := k.Put(ctx, id, Stored{Type: TypeAPIKey, Secret: NewSecret("xoxb-0123456789-0123456789-abcdefghijklmnop")})
			return err
		})
	}
	if err := g.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		b.Fatal(err)
	}
	return declared
}
