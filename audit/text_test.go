package audit

import (
	"encoding/json"
	"testing"
)

func TestQueryFindsByTextAndCorrelation(t *testing.T) {
	dir := t.TempDir()
	l := openTest(t, dir)
	for _, r := range []Record{
		{Phase: PhaseCall, CallID: "a", CorrelationID: "trace-1", User: "Ana.Ríos@acme.com", Outcome: "ok"},
		{Phase: PhaseIntent, CallID: "b", CorrelationID: "trace-1", Arguments: json.RawMessage(`{"text":"Hello\nAcme \u00dcbersee"}`)},
		{Phase: PhaseOutcome, CallID: "b", Result: json.RawMessage(`{"sent":true,"n":4711}`), Outcome: "ok"},
		{Phase: PhaseEvent, Event: "agent.suspended", CorrelationID: "trace-2", Message: "acmeish, com"},
		{Phase: PhaseCall, CallID: "c", AccountLabel: "Acme Inc.", Outcome: "ok"},
	} {
		if _, err := l.Append(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name   string
		filter Filter
		want   []int64
	}{
		{"a word, in whatever case", Filter{Text: "ACME"}, []int64{4, 1, 0}},
		{"all words, in any order", Filter{Text: "com acme"}, []int64{0}},
		{"whole words only", Filter{Text: "acm"}, nil},
		{"letters that are not ASCII", Filter{Text: "übersee"}, []int64{1}},
		{"a word of the intent and one of the outcome", Filter{Text: "hello 4711"}, []int64{1}},
		{"the message of an event", Filter{Text: "acmeish"}, []int64{3}},
		{"no word", Filter{Text: "?!"}, []int64{4, 3, 1, 0}},
		{"a correlation id", Filter{CorrelationID: "trace-1"}, []int64{1, 0}},
		{"an absent correlation id", Filter{CorrelationID: "trace"}, nil},
		{"before an index", Filter{Before: 3}, []int64{1, 0}},
		{"text before an index", Filter{Text: "acme", Before: 4, Limit: 1}, []int64{1}},
	} {
		list, err := Query(t.Context(), dir, c.filter)
		if err != nil {
			t.Fatal(err)
		}
		var got []int64
		for _, e := range list {
			got = append(got, e.Index)
		}
		if len(got) != len(c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
			continue
		}
		for i := range got {
			if got[i] != c.want[i] {
				t.Errorf("%s: %v, want %v", c.name, got, c.want)
			}
		}
	}
}
