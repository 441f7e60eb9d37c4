package stats

import (
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"toolvault/audit"
)

// aLog writes n calls of a busy day, a third of them writes, in the form and size
// of real ones.
func aLog(t testing.TB, n int) string {
	t.Helper()
	dir := t.TempDir()
	l := open(t, dir)
	defer func() { _ = l.Close() }()
	together := max(n/500, 16) // side by side, and yet about in order of time
	for first := 0; first < n; first += together {
		var wg sync.WaitGroup
		for i := first; i < min(first+together, n); i++ {
			wg.Go(func() {
				for _, r := range oneCall(i, n) {
					if _, err := l.Append(t.Context(), r); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		wg.Wait()
	}
	return dir
}

// open opens the log of a test; its key is that of all of them.
func open(t testing.TB, dir string) *audit.Log {
	t.Helper()
	l, err := audit.Open(audit.Options{Dir: dir, Key: ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)), Name: "l"})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func appendTo(t testing.TB, dir string, records ...audit.Record) {
	t.Helper()
	l := open(t, dir)
	defer func() { _ = l.Close() }()
	for _, r := range records {
		if _, err := l.Append(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
}

var midnight = time.Date(2024, 11, 24, 0, 0, 0, 0, time.UTC)

// oneCall is the records of a call.
func oneCall(i, n int) []audit.Record {
	at := midnight.Add(time.Duration(i) * 24 * time.Hour / time.Duration(n))
	r := audit.Record{
		Time: at, Phase: audit.PhaseCall, CallID: fmt.Sprintf("019363e8-%04x-7000-8000-%012x", i>>16, i), ToolCallID: fmt.Sprint("toolu_", i),
		CorrelationID: fmt.Sprintf("%032x", i/3), Agent: fmt.Sprint("agent-", i%7), User: fmt.Sprintf("user-%d@example.com", i%50), Task: "weekly", TokenID: "0193-token",
		ClientName: "desk", ClientVersion: "1.2", Transport: "http", Service: "hubspot", Tool: "hubspot_search_objects", ToolDigest: strings.Repeat("ab", 32),
		Arguments: json.RawMessage(`{"object_type":"contacts","query":"Dana","limit":10}`), Result: json.RawMessage(`{"results":["` + strings.Repeat("x", 600) + `"]}`),
		ResultDigest: strings.Repeat("cd", 32), ResultBytes: 614, Outcome: "ok", UpstreamStatus: 200, CredentialID: fmt.Sprint("hubspot/agent-", i%7), CredentialVersion: 3,
		CredentialType: "oauth_token", Scope: "hubspot:contacts.read", Rule: "allow 1",
		Millis: audit.Steps{Total: 5 + float64(i%400), Upstream: 4 + float64(i%400), Policy: 0.03, Schema: 0.05, Vault: 0.01, Result: 0.2, Tool: 4.5},
	}
	switch {
	case i%50 == 0:
		r.Outcome, r.Result, r.Message = "not_permitted", nil, "The rule says no."
	case i%21 == 0:
		r.Outcome, r.Result, r.Message = "upstream_unavailable", nil, "It is down."
	}
	if i%3 != 0 {
		return []audit.Record{r}
	}
	r.Phase, r.Service, r.Tool, r.Write, r.CredentialID = audit.PhaseOutcome, "slack", "slack_post_message", true, fmt.Sprint("slack/agent-", i%7)
	intent := r
	deadline := at.Add(time.Minute)
	intent.Phase, intent.Outcome, intent.Result, intent.ResultDigest, intent.ResultBytes, intent.Deadline = audit.PhaseIntent, "", nil, "", 0, &deadline
	intent.Millis, intent.UpstreamStatus, intent.Message = audit.Steps{}, 0, ""
	r.Time = at.Add(time.Duration(r.Millis.Total * 1e6))
	return []audit.Record{intent, r}
}

func BenchmarkRead(b *testing.B) {
	const calls = 90_000
	dir := aLog(b, calls)
	b.ResetTimer()
	records := int64(0)
	for b.Loop() {
		c := New(audit.Filter{}, time.Now())
		if err := c.Read(b.Context(), dir, nil); err != nil {
			b.Fatal(err)
		}
		r := c.Report()
		if r.All.Calls != calls {
			b.Fatal(r.All.Calls)
		}
		records += r.Records
	}
	b.ReportMetric(float64(records)/b.Elapsed().Seconds(), "records/s")
}

func BenchmarkTake(b *testing.B) {
	dir := aLog(b, 3000)
	var all []audit.Raw
	if _, err := audit.Scan(b.Context(), dir, 0, func(r audit.Raw) error {
		all = append(all, r.Clone())
		return nil
	}); err != nil {
		b.Fatal(err)
	}
	c := New(audit.Filter{}, time.Now())
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		c.Take(all[i%len(all)])
		i++
	}
}
