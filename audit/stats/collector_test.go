package stats

import (
	"fmt"
	"maps"
	"runtime"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"toolvault/audit"
	"toolvault/audit/many"
)

// tallied is what a report says, for comparison.
func tallied(r *Report) map[string]string {
	m := map[string]string{}
	put := func(key string, t *Tally) {
		m[key] = fmt.Sprint(t.Calls, t.OK, t.Failures, t.Denials, t.Unknown, t.Pending, " ", t.Latency.Count(), t.Latency.Quantile(0.5), t.Latency.Max())
	}
	put("all", r.All)
	for _, t := range r.Tables {
		for _, row := range t.Rows {
			put(t.Kind+" "+row.Key, row.Tally)
		}
	}
	for _, p := range r.Points {
		put("at "+p.Time.Format(time.RFC3339), p.Tally)
	}
	return m
}

// TestTheSameAsAudit holds the quick reader against entries that the package audit
// has decoded and joined, for many filters.
func TestTheSameAsAudit(t *testing.T) {
	dir := aLog(t, 2000)
	extra(t, dir)
	for _, f := range []audit.Filter{
		{}, {Agent: "agent-3"}, {User: "user-7@example.com"}, {Service: "slack"}, {Tool: "slack_post_message"}, {Tool: "token.refused"}, {Tool: "made_up"},
		{Outcome: "not_permitted"}, {Outcome: "ok"}, {Outcome: audit.StatusUnknown}, {Outcome: audit.StatusPending}, {CredentialID: "slack/agent-2"},
		{Since: midnight.Add(5 * time.Hour), Until: midnight.Add(7 * time.Hour)}, {ToolCallID: "toolu_7"}, {CallID: "gone"}, {Agent: "nobody"}, {Text: "Dana"}, {CorrelationID: fmt.Sprintf("%032x", 9)},
	} {
		quick := New(f, time.Now())
		if err := quick.Read(t.Context(), dir, nil); err != nil {
			t.Fatal(err)
		}
		slow := New(f, time.Now())
		if err := many.Oldest(t.Context(), dir, f, nil, func(e audit.Entry) error {
			slow.TakeEntry(e)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		got, want := tallied(quick.Report()), tallied(slow.Report())
		if !maps.Equal(got, want) {
			for key := range want {
				if got[key] != want[key] {
					t.Errorf("%+v: %s: %s, want %s", f, key, got[key], want[key])
				}
			}
		}
		if f == (audit.Filter{}) && quick.all.Calls != 2003 {
			t.Errorf("%d calls", quick.all.Calls)
		}
	}
}

// extra writes what is rare: events, an unknown tool, writes without an outcome.
func extra(t testing.TB, dir string) {
	t.Helper()
	at := midnight.Add(12 * time.Hour)
	soon := time.Now().Add(time.Hour)
	appendTo(t, dir, []audit.Record{
		{Time: at, Phase: audit.PhaseEvent, Event: "token.refused", Outcome: "refused", Message: "from 1.2.3.4"},
		{Time: at, Phase: audit.PhaseEvent, Event: "credential.refreshed", Outcome: "ok", CredentialID: "slack/agent-2", Service: "slack", Agent: "agent-2"},
		{Time: at, Phase: audit.PhaseCall, CallID: "odd", Agent: "agent-3", Tool: "made_up", Outcome: "not_found"},
		{Time: at, Phase: audit.PhaseIntent, CallID: "gone", Agent: "agent-3", Tool: "slack_post_message", Service: "slack", Write: true},
		{Time: at, Phase: audit.PhaseIntent, CallID: "open", Agent: "agent-3", Tool: "slack_post_message", Service: "slack", Write: true, Deadline: &soon},
	}...)
}

// TestSeveralAreOne: what was counted in parts is what is counted at once.
func TestSeveralAreOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		whole, left, right := New(audit.Filter{}, time.Now()), New(audit.Filter{}, time.Now()), New(audit.Filter{}, time.Now())
		for i := range rapid.IntRange(0, 300).Draw(t, "calls") {
			e := audit.Entry{Status: rapid.SampledFrom([]string{"ok", "ok", Denied, "timeout", audit.StatusUnknown}).Draw(t, "status"), Record: audit.Record{
				Phase: audit.PhaseCall, Time: midnight.Add(time.Duration(rapid.IntRange(0, 5000).Draw(t, "hour")) * time.Hour),
				Agent: fmt.Sprint("a", i%5), Service: "s", Tool: "t", Millis: audit.Steps{Total: rapid.Float64Range(0, 1e5).Draw(t, "ms")},
			}}
			whole.TakeEntry(e)
			if rapid.Bool().Draw(t, "left") {
				left.TakeEntry(e)
			} else {
				right.TakeEntry(e)
			}
		}
		left.Merge(right)
		if got, want := tallied(left.Report()), tallied(whole.Report()); !maps.Equal(got, want) {
			t.Errorf("%v\nwant\n%v", got, want)
		}
	})
}

// TestKeysAreBounded: whoever makes up names fills no table, and the frequent keep
// their place.
func TestKeysAreBounded(t *testing.T) {
	c := New(audit.Filter{}, time.Now())
	const strangers = 5000
	for i := range strangers {
		for _, agent := range []string{"frequent", fmt.Sprint("stranger-", i)} {
			c.TakeEntry(audit.Entry{Status: "ok", Record: audit.Record{Phase: audit.PhaseCall, Time: midnight, Agent: agent, Service: "s", Tool: "t"}})
		}
		if n := len(c.tables[byAgent].byKey); n > 2*maxKeys {
			t.Fatalf("%d keys", n)
		}
	}
	rows := c.Report().Table("agent")
	last := rows[len(rows)-1]
	sum := int64(0)
	for _, r := range rows {
		sum += r.Calls
	}
	if rows[0].Key != "frequent" || rows[0].Calls != strangers || len(rows) != maxKeys+1 || last.Key != "" || last.Others != strangers+1-maxKeys || sum != 2*strangers {
		t.Errorf("%d rows, %+v … %+v, sum %d", len(rows), rows[0], last, sum)
	}
}

// TestNamesOfNoToolAreOne: a caller chooses them.
func TestNamesOfNoToolAreOne(t *testing.T) {
	c := New(audit.Filter{}, time.Now())
	for i := range 10 {
		c.TakeEntry(audit.Entry{Status: "not_found", Record: audit.Record{Phase: audit.PhaseCall, Time: midnight, Agent: "a", Tool: fmt.Sprint("x", i)}})
	}
	if rows := c.Report().Table("tool"); len(rows) != 1 || rows[0].Key != UnknownTool || rows[0].Calls != 10 {
		t.Errorf("%+v", rows)
	}
}

// TestSlotsBecomeLonger, and nothing is lost by it.
func TestSlotsBecomeLonger(t *testing.T) {
	for _, c := range []struct {
		hours int
		step  time.Duration
	}{{100, time.Hour}, {maxSlots, time.Hour}, {maxSlots + 1, 24 * time.Hour}, {24 * 3000, 7 * 24 * time.Hour}} {
		var s series
		for _, h := range []int{1, 0} { // out of order too
			for i := h; i < c.hours; i += 2 {
				s.of(midnight.Add(time.Duration(i) * time.Hour)).add("ok")
			}
		}
		sum := int64(0)
		for _, p := range s.points() {
			sum += p.Calls
		}
		if steps[s.step] != c.step || sum != int64(c.hours) || len(s.bySlot) > maxSlots {
			t.Errorf("%d hours: %d in %d slots of %v", c.hours, sum, len(s.bySlot), steps[s.step])
		}
	}
	var s series // times that somebody has made up
	for year := range 9999 {
		if x := s.of(time.Date(year, 6, 1, 0, 0, 0, 0, time.UTC)); x != nil {
			x.add("ok")
		}
	}
	if len(s.bySlot) > maxSlots {
		t.Errorf("%d slots", len(s.bySlot))
	}
	if slot(time.Unix(-1, 0), time.Hour) != -1 || slot(time.Unix(0, 0), time.Hour) != 0 {
		t.Error("slots before 1970")
	}
}

// TestMemoryIsFlat counts as many records as make a difference if any were kept.
func TestMemoryIsFlat(t *testing.T) {
	dir := aLog(t, 1500)
	var all []audit.Raw
	if _, err := audit.Scan(t.Context(), dir, 0, func(r audit.Raw) error {
		all = append(all, r.Clone())
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	c := New(audit.Filter{}, time.Now())
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	rounds := func(n int) {
		for range n {
			for _, r := range all {
				c.Take(r)
			}
		}
	}
	rounds(2)
	before := heap()
	rounds(40)
	if grown := int64(heap()) - int64(before); grown > 1<<20 {
		t.Errorf("%d bytes more after %d records", grown, 40*len(all))
	}
	if c.all.Calls != 42*1500 {
		t.Error(c.all.Calls)
	}
}

// FuzzTake: a log that somebody has written to is no reason to fail.
func FuzzTake(f *testing.F) {
	f.Add([]byte(`{"index":1,"time":"2024-11-24T00:00:00Z","phase":"call","agent":"a","ms":{"total":1}}`), []byte(`{"salt":"x","user":"u"}`))
	f.Add([]byte(`{"phase":"intent","call_id":"x","ms":{"total":1e999}}`), []byte(nil))
	f.Fuzz(func(t *testing.T, line, body []byte) {
		c := New(audit.Filter{}, time.Now())
		c.Take(audit.Raw{Leaf: slices.Clone(line), Body: slices.Clone(body)})
		c.Report()
	})
}
