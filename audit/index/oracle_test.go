package index

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"toolvault/audit"
	"toolvault/audit/audittest"
)

// tempDir makes a folder for one case of a property.
func tempDir(t *rapid.T) string {
	dir, err := os.MkdirTemp("", "index")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func openLog(t interface{ Fatal(...any) }, dir string, now func() time.Time) *audit.Log {
	l, err := audit.Open(audit.Options{Dir: dir, Key: audittest.Key(), Name: audittest.Name, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func add(t interface{ Fatal(...any) }, l *audit.Log, list ...audit.Record) {
	for _, r := range list {
		if _, err := l.Append(context.Background(), r); err != nil {
			t.Fatal(err)
		}
	}
}

// found runs a query with blocks of so many records.
func found(t interface{ Fatal(...any) }, dir string, per int64, f audit.Filter) []audit.Entry {
	var list []audit.Entry
	err := each(context.Background(), dir, per, f, nil, time.Now(), func(e audit.Entry) error {
		list = append(list, e)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func wanted(t interface{ Fatal(...any) }, dir string, f audit.Filter) []audit.Entry {
	list, err := audit.Query(context.Background(), dir, f)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func difference(got, want []audit.Entry) string {
	for i := range min(len(got), len(want)) {
		if !reflect.DeepEqual(got[i], want[i]) {
			return fmt.Sprintf("entry %d is\n%+v\nwant\n%+v", i, got[i], want[i])
		}
	}
	if len(got) != len(want) {
		return fmt.Sprintf("%d entries, want %d", len(got), len(want))
	}
	return ""
}

var (
	someText = []string{"", "acme.com", "Invoice 12", "the invoice of Acme", "café", "客户", "a-b_c"}
	someIDs  = []string{"c1", "c2", "c3", "c4", "c5"}
	base     = time.Now().Add(-48 * time.Hour).Truncate(time.Millisecond)
)

func pick(list ...string) *rapid.Generator[string] {
	return rapid.SampledFrom(append([]string{""}, list...))
}

// anyRecord draws one whose clock is up to twenty-five minutes wrong. Call ids come again
// and again: with several intents, several outcomes, or outcomes alone.
func anyRecord(t *rapid.T, n int) audit.Record {
	r := audit.Record{
		Time:          base.Add(time.Duration(n) * 5 * time.Minute).Add(time.Duration(rapid.IntRange(-25, 25).Draw(t, "clock")) * time.Minute),
		Phase:         rapid.SampledFrom([]audit.Phase{audit.PhaseCall, audit.PhaseIntent, audit.PhaseOutcome, audit.PhaseEvent}).Draw(t, "phase"),
		Agent:         pick("a1", "a2").Draw(t, "agent"),
		User:          pick("ana@acme.com", "Bo").Draw(t, "user"),
		Service:       pick("slack", "hubspot").Draw(t, "service"),
		CredentialID:  pick("slack/a1", "slack/a2").Draw(t, "credential"),
		ToolCallID:    pick("t1", "t\"2").Draw(t, "tool call"),
		CorrelationID: pick("x", "y").Draw(t, "correlation"),
		Message:       rapid.SampledFrom(someText).Draw(t, "message"),
		Outcome:       pick("ok", "timeout").Draw(t, "outcome"),
	}
	if text := rapid.SampledFrom(someText).Draw(t, "argument"); text != "" {
		r.Arguments, _ = json.Marshal(map[string]string{"text": text + "\nnext"})
	}
	if r.Phase == audit.PhaseEvent {
		r.Event = rapid.SampledFrom([]string{"agent.suspended", "token.refused"}).Draw(t, "event")
		return r
	}
	r.CallID = rapid.SampledFrom(someIDs).Draw(t, "call")
	r.Tool = pick("slack_post_message", "hubspot_get_object").Draw(t, "tool")
	if r.Phase == audit.PhaseOutcome {
		r.Result = json.RawMessage(rapid.SampledFrom([]string{`{"ok":true,"n":12}`, `["caf\u00e9"]`}).Draw(t, "result"))
	} else if rapid.Bool().Draw(t, "deadline") {
		deadline := time.Now().Add(time.Hour) // pending
		r.Deadline = &deadline
	}
	return r
}

func anyFilter(t *rapid.T, records int) audit.Filter {
	f := audit.Filter{Limit: rapid.SampledFrom([]int{0, 0, 1, 3, 100}).Draw(t, "limit")}
	when := func(name string) time.Time {
		return base.Add(time.Duration(rapid.IntRange(-60, 5*records+60).Draw(t, name)) * time.Minute)
	}
	for range rapid.IntRange(0, 3).Draw(t, "criteria") {
		switch rapid.IntRange(0, 11).Draw(t, "kind") {
		case 0:
			f.Agent = rapid.SampledFrom([]string{"a1", "a2", "nobody"}).Draw(t, "agent")
		case 1:
			f.User = rapid.SampledFrom([]string{"ana@acme.com", "Bo"}).Draw(t, "user")
		case 2:
			f.Service = "slack"
		case 3:
			f.Tool = rapid.SampledFrom([]string{"slack_post_message", "agent.suspended"}).Draw(t, "tool")
		case 4:
			f.CallID = rapid.SampledFrom(someIDs).Draw(t, "call")
		case 5:
			f.ToolCallID = rapid.SampledFrom([]string{"t1", "t\"2"}).Draw(t, "tool call")
		case 6:
			f.CredentialID = "slack/a1"
		case 7:
			f.CorrelationID = "x"
		case 8:
			f.Outcome = rapid.SampledFrom([]string{"ok", "timeout", audit.StatusPending, audit.StatusUnknown}).Draw(t, "outcome")
		case 9:
			f.Text = rapid.SampledFrom([]string{"ACME", "acme.com", "invoice next", "CAFÉ", "客", "12 ok", "absent", "?"}).Draw(t, "text")
		case 10:
			f.Since = when("since")
			if rapid.Bool().Draw(t, "window") {
				f.Until = when("until")
			}
		case 11:
			f.Before = int64(rapid.IntRange(1, records+1).Draw(t, "before"))
		}
	}
	return f
}

// TestEachFindsWhatQueryFinds holds the index against a reading of the whole log,
// while the log grows and bodies are erased.
func TestEachFindsWhatQueryFinds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dir := tempDir(t)
		n := 0
		l := openLog(t, dir, func() time.Time { return base.Add(time.Duration(n) * 5 * time.Minute) })
		defer func() { _ = l.Close() }()
		per := rapid.Int64Range(1, 9).Draw(t, "per block")
		for range rapid.IntRange(1, 3).Draw(t, "rounds") {
			for range rapid.IntRange(1, 16).Draw(t, "records") {
				add(t, l, anyRecord(t, n))
				n++
			}
			if rapid.IntRange(0, 2).Draw(t, "erase") == 0 {
				first := rapid.Int64Range(0, int64(n-1)).Draw(t, "first")
				span := audit.Span{First: first, End: min(first+rapid.Int64Range(1, 4).Draw(t, "erased"), int64(n))}
				if err := l.Erase(t.Context(), audit.Erasure{Spans: []audit.Span{span}, Event: audit.EventErased}); err != nil {
					t.Fatal(err)
				}
				n++ // the record of it
				if err := openShelf(dir, per, false).forget([]audit.Span{span}); err != nil && !errors.Is(err, os.ErrNotExist) {
					t.Fatal(err)
				}
			}
			for range 12 {
				f := anyFilter(t, n)
				if diff := difference(found(t, dir, per, f), wanted(t, dir, f)); diff != "" {
					_, _ = audit.Scan(t.Context(), dir, 0, func(r audit.Raw) error {
						t.Logf("%s %s", r.Leaf, r.Body)
						return nil
					})
					t.Fatalf("%d records a block, %+v: %s", per, f, diff)
				}
			}
		}
	})
}
