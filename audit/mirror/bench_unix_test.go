//go:build unix

package mirror_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"toolvault/audit/mirror"
	"toolvault/vault/store/storetest"
)

// How fast a mirror that was away catches up, from the log on disk to the place's
// acknowledgement, all on this machine.
func BenchmarkCatchUp(b *testing.B) {
	const n = 20_000
	dir := filled(b, n)
	server := storetest.StartRedis(b)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
	defer receiver.Close()
	for name, open := range map[string]func() (mirror.Sink, error){
		"redis": toRedis(b, server.URL, dir), "webhook": hook(receiver.URL), "file": toFile(filepath.Join(b.TempDir(), "audit.jsonl"), 0, 0),
		"nowhere": func() (mirror.Sink, error) { return mirror.NewFile(mirror.FileOptions{}), nil },
	} {
		b.Run(name, func(b *testing.B) {
			c := server.Client(b)
			b.ReportAllocs()
			before := cpu(b)
			for i := range b.N {
				c.FlushAll(b.Context())
				o := options(dir, fmt.Sprintf("%s-%d-%d", name, b.N, i), open)
				if name == "nowhere" { // what reading and encoding alone take
					o.Filter = mirror.Filter{Agents: []string{"nobody"}}
				}
				m, stop := start(b, o)
				caughtUp(b, m)
				stop()
			}
			b.ReportMetric(float64((cpu(b)-before).Microseconds())/float64(n*b.N), "cpu-µs/record")
			b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "records/s")
		})
	}
}

// cpu is what this process has used so far, on all cores, the receiver of webhooks
// included, and Redis not.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
