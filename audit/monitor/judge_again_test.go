package monitor

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"toolvault/audit"
)

// TestRestart: what was kept in the middle is what was learned, and what comes twice
// counts once.
func TestRestart(t *testing.T) {
	whole(t)
	m := newMonth(t, 2)
	plain, parted := NewJudge(Settings{}), NewJudge(Settings{})
	rnd := rand.New(rand.NewPCG(1, 2))
	next := 5000
	for i, r := range m.list {
		want, got := plain.Observe(r), parted.Observe(r)
		if len(want) != len(got) || len(want) > 0 && mustJSON(t, want) != mustJSON(t, got) {
			t.Fatalf("record %d:\n%+v\n%+v", i, want, got)
		}
		if i < next {
			continue
		}
		next += 20_000 + rnd.IntN(20_000)
		dir := t.TempDir()
		if err := mkdirs(dir); err != nil {
			t.Fatal(err)
		}
		if err := writeState(dir, parted, NewBook()); err != nil {
			t.Fatal(err)
		}
		st, err := readState(dir)
		if err != nil {
			t.Fatal(err)
		}
		parted = st.judge(Settings{})
		for _, again := range m.list[i-500 : i+1] {
			if found := parted.Observe(again); len(found) > 0 {
				t.Fatalf("a record that came twice: %+v", found)
			}
		}
		a, b := mustJSON(t, plain.agents), mustJSON(t, parted.agents)
		if a != b || !reflect.DeepEqual(plain.perHour, parted.perHour) {
			t.Fatalf("after record %d what was kept is not what was learned", i)
		}
	}
}

// TestTicksChangeNothing: what is found does not depend on how often somebody looks at
// the clock.
func TestTicksChangeNothing(t *testing.T) {
	whole(t)
	m := newMonth(t, 3)
	list := m.list[:len(m.list)*3/4]
	plain, ticked := map[string]bool{}, map[string]bool{}
	a, b := NewJudge(Settings{}), NewJudge(Settings{})
	for i, r := range list {
		for _, f := range a.Observe(r) {
			plain[mustJSON(t, f)] = true
		}
		for _, f := range b.Observe(r) {
			ticked[mustJSON(t, f)] = true
		}
		if i+1 < len(list) && i%7 == 0 {
			var s seen
			s.read(list[i+1])
			for _, f := range b.Tick(s.time) {
				ticked[mustJSON(t, f)] = true
			}
		}
	}
	if !reflect.DeepEqual(plain, ticked) || len(plain) < 50 {
		t.Errorf("%d findings without ticks, %d with", len(plain), len(ticked))
	}
}

// TestMemoryIsBounded: names that never end make no judge that never ends.
func TestMemoryIsBounded(t *testing.T) {
	whole(t)
	f := newFeed(t, Settings{})
	for i := range 3 * maxCredentials {
		at := monday.Add(time.Duration(i) * time.Second)
		f.call(at, fmt.Sprint("agent-", i), func(r *audit.Record) {
			r.CredentialID, r.ResultBytes = fmt.Sprint("k", i), 1
		})
		f.call(at, "one", func(r *audit.Record) {
			r.Tool, r.Service, r.CredentialID, r.ClientName, r.ResultBytes = fmt.Sprint("t", i), fmt.Sprint("s", i), "k", strings.Repeat("x", i%300), 1
			r.Arguments = json.RawMessage(fmt.Sprintf(`{"channel":"c%d"}`, i))
		})
		f.call(at, "two", func(r *audit.Record) { r.Tool, r.Outcome = fmt.Sprint("t", i), "not_permitted" })
		f.event(at, "token.refused", "refused", fmt.Sprintf("from 2001:db8::%x: token (x)", i), nil)
	}
	j := f.j
	one := j.agents["one"]
	for _, c := range []struct {
		what    string
		n, most int
	}{
		{"agents", len(j.agents), maxAgents}, {"credentials", len(j.credentials), maxCredentials}, {"origins", len(j.origins), maxOrigins},
		{"used", len(one.Used), maxUsed}, {"services", len(one.Reads), maxServices}, {"clients", len(j.credentials["k"].Clients), maxClients},
		{"probed", len(j.agents["two"].Denied.Tools), maxProbed}, {"incidents", len(j.incidents), maxIncidents + 3},
	} {
		if c.n > c.most || c.n == 0 {
			t.Errorf("%s: %d, at most %d", c.what, c.n, c.most)
		}
	}
	if n := len(mustJSON(t, j.agents)); n > 24<<20 {
		t.Errorf("the agents are %d MB in the state", n>>20)
	}
}

func mustJSON(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestAWrongClock: a record from the future does not wipe out what was learned, and a
// clock that was set stays set.
func TestAWrongClock(t *testing.T) {
	f := newFeed(t, Settings{})
	day := func(n int) time.Time { return monday.AddDate(0, 0, n) }
	for n := range 30 {
		for hour := 8; hour < 18; hour++ {
			for i := range 20 {
				f.call(day(n).Add(time.Duration(hour)*time.Hour+time.Duration(i)*time.Minute), "a", nil)
			}
		}
	}
	learned := f.j.agents["a"].Profile.week()
	f.call(day(2000), "a", nil)
	f.call(day(30).Add(9*time.Hour), "a", nil)
	if got := f.j.agents["a"].Profile.week(); got < learned*0.9 || f.j.clock.Now.After(day(31)) {
		t.Errorf("a week had %.0f calls, and has %.0f; it is %s", learned, got, f.j.clock.Now)
	}
	for i := range 10 {
		f.call(day(100).Add(time.Duration(i)*time.Minute), "a", nil) // it was down for long
	}
	if !f.j.clock.Now.Equal(day(100).Add(9 * time.Minute)) {
		t.Errorf("after a long time it is %s", f.j.clock.Now)
	}
	for i := range 300 {
		f.call(day(31).Add(9*time.Hour+time.Duration(i)*time.Second), "a", func(r *audit.Record) { r.ResultBytes = 1 })
	}
	if !f.j.clock.Now.Equal(day(31).Add(9*time.Hour + 299*time.Second)) {
		t.Errorf("after it was set back it is %s", f.j.clock.Now)
	}
	if got := f.events(RuleSpike); got != "raised" {
		t.Errorf("a spike after the clock was set back: %q", got)
	}
}

// TestWhatIsErasedIsErasedHereToo: the book is no second log.
func TestWhatIsErasedIsErasedHereToo(t *testing.T) {
	b := NewBook()
	raise, err := Finding{EventRaised, Alert{ID: "alert-1", Rule: RuleSignIn, Severity: High, Saw: "a secret", Subject: Subject{Address: "10.9.8.7"}, Evidence: []Evidence{{What: "a secret"}}}}.Record()
	if err != nil {
		t.Fatal(err)
	}
	raise.Index = 7
	b.Apply(rawOf(t, raise))
	if b.Alerts["alert-1"] == nil || b.Alerts["alert-1"].Saw == "" {
		t.Fatalf("%+v", b.Alerts)
	}
	b.Apply(rawOf(t, audit.Record{Index: 9, Time: monday, Phase: audit.PhaseEvent, Event: audit.EventErased, Spans: []audit.Span{{First: 7, End: 8}}}))
	if text := mustJSON(t, b); strings.Contains(text, "secret") || strings.Contains(text, "10.9.8.7") || !strings.Contains(text, "alert-1") {
		t.Errorf("left: %s", text)
	}
}

// TestErasedRecordsRaiseNothing of what is not in them any more.
func TestErasedRecordsRaiseNothing(t *testing.T) {
	j := NewJudge(Settings{})
	for i := range int64(5000) {
		raw := rawOf(t, audit.Record{Index: i, Time: monday.Add(time.Duration(i) * time.Second), Phase: audit.PhaseEvent, Event: "token.refused", Outcome: "refused", Message: "from 10.0.0.1: token (revoked)"})
		raw.Body = nil
		if found := j.Observe(raw); len(found) > 0 {
			t.Fatalf("%+v", found)
		}
	}
}

// FuzzState: whatever stands in the state file, nothing is worse than learning anew.
func FuzzState(f *testing.F) {
	f.Add([]byte(`{"version":1,"next":3,"book":{"alerts":{"x":null,"y":{}}},"agents":{"a":null,"b":{}},"credentials":{"c":{}},"incidents":{"i":null,"k":{}},"origins":{"o":{}}}`))
	f.Add([]byte(`{"version":1,"book":{},"agents":{"a":{"reads":{"s":null},"profile":{"week":"AAAA"}}}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		dir := t.TempDir()
		if err := mkdirs(dir); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(statePath(dir), text, 0o600); err != nil {
			t.Fatal(err)
		}
		st, err := readState(dir)
		if err != nil {
			return
		}
		j := st.judge(Settings{})
		for i, id := range []string{"a", "b"} {
			j.Observe(rawOf(t, audit.Record{
				Index: st.Next + int64(i), Time: monday, Phase: audit.PhaseCall, CallID: "x", Agent: id, Service: "s", Tool: "t", CredentialID: "c",
				ResultBytes: 1, Outcome: "not_permitted",
			}))
		}
		j.Tick(monday.AddDate(1, 0, 0))
		j.Due()
		st.Book.List(time.Time{}, false)
	})
}
