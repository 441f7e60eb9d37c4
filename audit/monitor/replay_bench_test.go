package monitor

import (
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"toolvault/audit"
)

// BenchmarkReplay is how quickly a log is judged, read from disk and all.
func BenchmarkReplay(b *testing.B) {
	l := openLog(b, b.TempDir())
	const n, writers = 50_000, 64
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := w; i < n; i += writers {
				_, err := l.Append(b.Context(), audit.Record{
					Time: time.Now().Add(time.Duration(i-n) * 20 * time.Second), Phase: audit.PhaseCall, CallID: fmt.Sprint(i), Agent: fmt.Sprint("agent-", i%20),
					User: "ada@example.com", ClientName: "claude-ai", Service: "hubspot", Tool: "hubspot_search_objects", ResultBytes: 900, Outcome: "ok",
					CredentialID: fmt.Sprint("hubspot/agent-", i%20), Arguments: json.RawMessage(`{"object_type":"contacts","query":"acme","limit":20}`),
					Result: json.RawMessage(`{"results":[{"id":"101","email":"a@example.com","name":"Ada"},{"id":"102","email":"b@example.com","name":"Bo"}]}`),
				})
				if err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	begun, i := processTime(), 0
	for b.Loop() {
		judged, err := Replay(b.Context(), l.dir, Settings{}, time.Now().Add(-30*24*time.Hour), time.Time{}, func(Finding) error { return nil }, nil)
		if err != nil || judged != n {
			b.Fatal(judged, err)
		}
		i += n
	}
	b.ReportMetric(float64(i)/b.Elapsed().Seconds(), "records/s")
	b.ReportMetric(float64(processTime()-begun)/float64(i), "cpu-ns/record")
}
