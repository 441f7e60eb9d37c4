package monitor

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"toolvault/audit"
)

// feed hands made-up records to a judge, in their order.
type feed struct {
	t     testing.TB
	j     *Judge
	next  int64
	found []Finding
}

func newFeed(t testing.TB, s Settings) *feed { return &feed{t: t, j: NewJudge(s)} }

func (f *feed) add(r audit.Record) []Finding {
	f.t.Helper()
	r.Index = f.next
	f.next++
	found := f.j.Observe(rawOf(f.t, r))
	f.found = append(f.found, found...)
	return found
}

func (f *feed) call(at time.Time, agent string, change func(*audit.Record)) []Finding {
	f.t.Helper()
	r := audit.Record{
		Time: at, Phase: audit.PhaseCall, CallID: fmt.Sprint("c", f.next), Agent: agent, Service: "slack", Tool: "slack_read_channel",
		CredentialID: "slack/" + agent, ClientName: "app", Outcome: "ok",
	}
	if change != nil {
		change(&r)
	}
	return f.add(r)
}

func (f *feed) event(at time.Time, name, outcome, message string, change func(*audit.Record)) []Finding {
	f.t.Helper()
	r := audit.Record{Time: at, Phase: audit.PhaseEvent, Event: name, Outcome: outcome, Message: message}
	if change != nil {
		change(&r)
	}
	return f.add(r)
}

// events are the names of what was found of a rule.
func (f *feed) events(rule string) string {
	var names []string
	for _, x := range f.found {
		if x.Alert.Rule == rule {
			names = append(names, strings.TrimPrefix(x.Event, eventPrefix))
		}
	}
	return strings.Join(names, " ")
}

var monday = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

// TestAQuietAgentsFirstBusyDay: an agent that hardly ever calls is given much to do.
// For none of the rules is that an emergency.
func TestAQuietAgentsFirstBusyDay(t *testing.T) {
	for _, calls := range []int{20, 60, 150} { // an hour
		f := newFeed(t, Settings{})
		for day := range 40 {
			at := monday.AddDate(0, 0, day)
			if at.Weekday() == time.Saturday || at.Weekday() == time.Sunday {
				continue
			}
			f.call(at.Add(10*time.Hour), "quiet", nil)
			f.call(at.Add(15*time.Hour), "quiet", nil)
		}
		busy := monday.AddDate(0, 0, 42)
		for hour := 8; hour < 18; hour++ {
			for i := range calls {
				f.call(busy.Add(time.Duration(hour)*time.Hour+time.Duration(i)*20*time.Second), "quiet", func(r *audit.Record) { r.ResultBytes = 30_000 })
			}
		}
		for _, x := range f.found {
			t.Errorf("%d calls an hour: %s: %s (%s)", calls, x.Event, x.Alert.Saw, x.Alert.Normal)
		}
	}
}

// TestOneIncidentOneAlert: what lasts is told of when it begins, ever more seldom while
// it lasts, and when it has ended.
func TestOneIncidentOneAlert(t *testing.T) {
	f := newFeed(t, Settings{})
	refused := func(at time.Time) {
		f.call(at, "a", func(r *audit.Record) { r.Outcome, r.UpstreamStatus = "credential_invalid", 401 })
	}
	for i := range 2 * 24 * 60 { // every minute for two days
		refused(monday.Add(time.Duration(i) * time.Minute))
	}
	if got := f.events(RuleAuth); got != "raised updated updated updated updated updated" {
		t.Errorf("over two days: %s", got)
	}
	ids := map[string]bool{}
	for _, x := range f.found {
		ids[x.Alert.ID] = true
	}
	if len(ids) != 1 {
		t.Errorf("it has %d ids", len(ids))
	}
	last := f.found[len(f.found)-1].Alert
	if last.Count < 2000 || len(last.Evidence) > maxEvidence || last.Evidence[0].CallID == "" {
		t.Errorf("at the end: %d records, evidence %+v", last.Count, last.Evidence)
	}
	end := monday.AddDate(0, 0, 2)
	if found := f.j.Tick(end.Add(30 * time.Minute)); len(found) > 0 {
		t.Errorf("ended after half an hour: %+v", found)
	}
	found := f.j.Tick(end.Add(61 * time.Minute))
	if len(found) != 1 || found[0].Event != EventEnded || found[0].Alert.Open() {
		t.Fatalf("after an hour: %+v", found)
	}
	for i := range 5 {
		refused(end.Add(3*time.Hour + time.Duration(i)*time.Minute))
	}
	if got := f.events(RuleAuth); !strings.HasSuffix(got, " raised") {
		t.Errorf("when it happens again: %s", got)
	}
}

// TestARepairEndsAnAlert: nobody waits for what has been mended.
func TestARepairEndsAnAlert(t *testing.T) {
	f := newFeed(t, Settings{})
	about := func(r *audit.Record) { r.CredentialID, r.Service = "hubspot/a", "hubspot" }
	f.event(monday, "credential.state", "needs_consent", "gone", about)
	f.event(monday.Add(time.Hour), "credential.state", "ok", "", about)
	if got := f.events(RuleRefresh); got != "raised ended" {
		t.Errorf("%s", got)
	}
	if f.found[0].Alert.Severity != High {
		t.Errorf("severity %s of a credential that works no more", f.found[0].Alert.Severity)
	}
}

// TestNoStorm: a thousand incidents in an hour are told of thirty times, and once that
// there were more.
func TestNoStorm(t *testing.T) {
	f := newFeed(t, Settings{})
	for i := range 1000 {
		for k := range 5 {
			f.call(monday.Add(time.Duration(i)*time.Second), fmt.Sprint("agent-", i), func(r *audit.Record) {
				r.Outcome, r.CallID = "credential_invalid", fmt.Sprint(i, "/", k)
			})
		}
	}
	raised := map[string]int{}
	for _, x := range f.found {
		if x.Event == EventRaised {
			raised[x.Alert.Rule]++
		}
	}
	if raised[RuleAuth] != DefaultPerHour || raised[RuleCap] != 1 {
		t.Fatalf("raised: %v", raised)
	}
	f.found = append(f.found[:0], f.j.Tick(monday.Add(3*time.Hour))...)
	ended := f.found[len(f.found)-1]
	for _, x := range f.found {
		if x.Alert.Rule == RuleCap {
			ended = x
		}
	}
	if ended.Event != EventEnded || ended.Alert.Count != 1000-DefaultPerHour {
		t.Errorf("the last word: %s of %d (%s)", ended.Event, ended.Alert.Count, ended.Alert.Saw)
	}
	if n := len(f.found); n != DefaultPerHour+1 {
		t.Errorf("%d alerts end", n)
	}
}

// TestAnActionIsNeverSuppressed: whoever floods the alerts does not hide behind them.
func TestAnActionIsNeverSuppressed(t *testing.T) {
	rule := Defaults()[RuleAuth]
	rule.Action = ActionSuspend
	f := newFeed(t, Settings{Agents: map[string]Set{"thief": {Rules: map[string]Rule{RuleAuth: rule}}}})
	for i := range 100 {
		for range 5 {
			f.call(monday.Add(time.Duration(i)*time.Second), fmt.Sprint("agent-", i), func(r *audit.Record) { r.Outcome = "credential_invalid" })
		}
	}
	for range 5 {
		f.call(monday.Add(200*time.Second), "thief", func(r *audit.Record) { r.Outcome = "credential_invalid" })
	}
	due := f.j.Due()
	if len(due) != 1 || due[0].Subject.Agent != "thief" || due[0].Action != ActionSuspend {
		t.Fatalf("due: %+v", due)
	}
}

// TestAnActionIsTakenOnce: not again for an incident of which the log says that it was
// taken, nor when a person has let the agent in again.
func TestAnActionIsTakenOnce(t *testing.T) {
	rule := Defaults()[RuleDenials]
	rule.Action = ActionSuspend
	start := func() *feed {
		f := newFeed(t, Settings{All: Set{Rules: map[string]Rule{RuleDenials: rule}}})
		for i := range 12 {
			f.call(monday.Add(time.Duration(i)*time.Second), "a", func(r *audit.Record) { r.Tool, r.Outcome, r.CredentialID = fmt.Sprint("t", i), "not_permitted", "" })
		}
		if len(f.j.Due()) != 1 {
			t.Fatalf("due: %v", f.j.Due())
		}
		return f
	}
	more := func(f *feed) {
		for i := range 500 {
			f.call(monday.Add(time.Duration(30+i)*time.Second), "a", func(r *audit.Record) { r.Tool, r.Outcome, r.CredentialID = fmt.Sprint("t", i%9), "not_permitted", "" })
		}
		if due := f.j.Due(); len(due) != 0 {
			t.Errorf("due again: %+v", due)
		}
	}
	f := start()
	f.event(monday.Add(20*time.Second), EventActed, "failed", "", func(r *audit.Record) { r.CallID = f.found[0].Alert.ID })
	if len(f.j.Due()) != 1 {
		t.Errorf("an action that failed is not tried again")
	}
	f.event(monday.Add(20*time.Second), EventActed, "ok", "", func(r *audit.Record) { r.CallID = f.found[0].Alert.ID })
	more(f)
	f = start()
	f.event(monday.Add(20*time.Second), "agent.resumed", "ok", "", func(r *audit.Record) { r.Agent = "a" })
	more(f)
}

// TestWhoKnowsIsNotTold again while it lasts, but when it has ended.
func TestWhoKnowsIsNotTold(t *testing.T) {
	f := newFeed(t, Settings{})
	for i := range 3000 {
		f.call(monday.Add(time.Duration(i)*time.Minute), "a", func(r *audit.Record) { r.Outcome = "credential_invalid" })
		if i == 10 {
			f.event(monday.Add(time.Duration(i)*time.Minute), EventAcknowledged, "ok", "", func(r *audit.Record) { r.CallID = f.found[0].Alert.ID })
		}
	}
	f.found = append(f.found, f.j.Tick(monday.AddDate(0, 0, 4))...)
	if got := f.events(RuleAuth); got != "raised ended" {
		t.Errorf("%s", got)
	}
}

// TestWhatWeDoRaisesNoAlert: a suspended agent that goes on calling is refused at the
// door, and that is as it should be.
func TestWhatWeDoRaisesNoAlert(t *testing.T) {
	f := newFeed(t, Settings{})
	for i := range 1000 {
		f.event(monday.Add(time.Duration(i)*time.Second), "token.refused", "refused", "from 10.0.0.1: token (its agent is suspended)", nil)
		f.event(monday.Add(time.Duration(i)*time.Second), EventRaised, High, "", func(r *audit.Record) { r.CallID, r.Agent = "alert-x", "a" })
	}
	if len(f.found) > 0 {
		t.Errorf("%+v", f.found)
	}
}

func TestHoursThatAreGiven(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	office := &Hours{From: 8 * time.Hour, To: 18 * time.Hour, Zone: berlin}
	night := &Hours{From: 22 * time.Hour, To: 4 * time.Hour}
	for day := time.Monday; day <= time.Friday; day++ {
		office.Days[day], night.Days[day] = true, true
	}
	for _, c := range []struct {
		name  string
		hours *Hours
		at    time.Time
		want  bool // within them
	}{
		{"in the morning in Berlin", office, monday.Add(7*time.Hour + 30*time.Minute), true},
		{"before that", office, monday.Add(6*time.Hour + 30*time.Minute), false},
		{"in summer an hour earlier", office, monday.AddDate(0, 0, 35).Add(6*time.Hour + 30*time.Minute), true},
		{"on a Sunday", office, monday.Add(-14 * time.Hour), false},
		{"over night", night, monday.Add(23 * time.Hour), true},
		{"after midnight", night, monday.AddDate(0, 0, 5).Add(3 * time.Hour), true},
		{"after the night before Monday", night, monday.Add(3 * time.Hour), false},
		{"at noon", night, monday.Add(12 * time.Hour), false},
	} {
		f := newFeed(t, Settings{Agents: map[string]Set{"a": {Hours: c.hours}}})
		for i := range 10 {
			f.call(c.at.Add(time.Duration(i)*time.Second), "a", nil)
		}
		if got := f.events(RuleHours) == ""; got != c.want {
			t.Errorf("%s: %q", c.name, f.events(RuleHours))
		}
	}
}

// TestReplays: one code that comes twice is told of; of proofs of possession three, since
// networks send requests again.
func TestReplays(t *testing.T) {
	proof := "from 10.0.0.1: proof (the proof was used before (jti))"
	for _, c := range []struct {
		event, message string
		n              int
		want           string
	}{
		{"token.replayed", "from 10.0.0.1: by authorization_code: a code was used twice", 1, "raised"},
		{"token.refused", proof, 2, ""},
		{"token.refused", proof, 3, "raised"},
		{"token.refused", "from 10.0.0.1: proof (the proof is for another URL (htu))", 20, ""},
	} {
		f := newFeed(t, Settings{})
		for i := range c.n {
			f.event(monday.Add(time.Duration(i)*time.Second), c.event, "refused", c.message, nil)
		}
		if got := f.events(RuleReplayed); got != c.want {
			t.Errorf("%d of %s: %q, want %q", c.n, c.message, got, c.want)
		}
	}
}
