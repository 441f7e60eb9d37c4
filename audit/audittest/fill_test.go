package audittest

import (
	"encoding/json"
	"reflect"
	"slices"
	"testing"
	"time"

	"toolvault/audit"
)

func all(t *testing.T, n int, o Options) []audit.Record {
	t.Helper()
	dir := t.TempDir()
	verifier, err := Fill(t.Context(), dir, n, o)
	if err != nil {
		t.Fatal(err)
	}
	report, err := audit.Verify(t.Context(), audit.VerifyOptions{Dir: dir, Key: verifier})
	if err != nil || report.Problem != nil || report.Records != int64(n) {
		t.Fatalf("%+v, %v", report, err)
	}
	var list []audit.Record
	_, err = audit.Scan(t.Context(), dir, 0, func(r audit.Raw) error {
		rec, err := r.Record()
		list = append(list, rec)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestFillIsTheSameBySeed(t *testing.T) {
	o := Options{Start: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), Together: 1}
	first, second := all(t, 300, o), all(t, 300, o)
	if !reflect.DeepEqual(first, second) {
		t.Error("the same options gave other records")
	}
	o.Seed = 9
	if reflect.DeepEqual(first, all(t, 300, o)) {
		t.Error("another seed gave the same records")
	}
}

func TestFillHasWhatALogHas(t *testing.T) {
	start := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	list := all(t, 6000, Options{Start: start, Span: time.Hour})
	seen := map[string]bool{}
	intents := map[string]int64{}
	ended := 0
	bytes := 0
	for _, r := range list {
		if r.Time.Before(start) || !r.Time.Before(start.Add(time.Hour)) {
			t.Fatalf("record %d is of %v", r.Index, r.Time)
		}
		for _, value := range []string{string(r.Phase), r.Agent, r.Outcome, r.Tool, r.Event, r.User} {
			seen[value] = true
		}
		raw, _ := json.Marshal(r)
		bytes += len(raw)
		switch r.Phase {
		case audit.PhaseIntent:
			intents[r.CallID] = r.Index
		case audit.PhaseOutcome:
			if _, ok := intents[r.CallID]; !ok {
				t.Fatalf("outcome %d comes before its intent", r.Index)
			}
			ended++
		}
	}
	for _, want := range []string{"call", "intent", "outcome", "event", "ok", "not_permitted", "timeout", "token.refused",
		FrequentAgent, FrequentUser, FrequentTool, RareAgent, RareUser, RareTool, RareOutcome} {
		if !seen[want] {
			t.Errorf("no record has %s", want)
		}
	}
	if ended < 500 || len(intents)-ended > 200 {
		t.Errorf("%d writes, %d ended", len(intents), ended)
	}
	if mean := bytes / len(list); mean < 500 || mean > 2000 {
		t.Errorf("a record has %d bytes", mean)
	}
	if !slices.IsSortedFunc(list, func(a, b audit.Record) int { return int(a.Index - b.Index) }) {
		t.Error("not in order")
	}
}

// TestLargeLog writes the log for benchmarks where a variable asks for it.
func TestLargeLog(t *testing.T) {
	start := time.Now()
	dir, n := LargeLog(t)
	t.Logf("%s: %d records, %v", dir, n, time.Since(start))
}
