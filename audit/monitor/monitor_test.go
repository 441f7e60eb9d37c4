package monitor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"toolvault/audit"
)

// lab is a log with monitors on it.
type lab struct {
	t    *testing.T
	log  *testLog
	logs bytes.Buffer
	mu   sync.Mutex
	acts []string
	plan []string // what becomes of the monitors' next appends: made, torn (made, but nobody hears of it) or lost; then all are made
}

func newLab(t *testing.T) *lab { return &lab{t: t, log: openLog(t, t.TempDir())} }

var errTorn = errors.New("torn off")

// Append is the log of the monitors.
func (l *lab) Append(ctx context.Context, r audit.Record) (audit.Receipt, error) {
	l.mu.Lock()
	next := "made"
	if len(l.plan) > 0 {
		next, l.plan = l.plan[0], l.plan[1:]
	}
	l.mu.Unlock()
	if next == "lost" {
		return audit.Receipt{}, errTorn
	}
	receipt, err := l.log.Append(ctx, r)
	if next == "torn" && err == nil {
		return audit.Receipt{}, errTorn
	}
	return receipt, err
}

func (l *lab) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.logs.Write(p)
}

func (l *lab) said() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.logs.String()
}

// run starts a monitor, and another whenever one fails, and returns what stops it.
func (l *lab) run(s Settings) func() error {
	o := Options{
		Dir: l.log.dir, Log: l, Now: time.Now, Logger: slog.New(slog.NewTextHandler(l, nil)), Settings: func() *Settings { return &s },
		Act: func(_ context.Context, a Alert) (string, error) {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.acts = append(l.acts, a.Action+" "+a.Subject.Agent)
			return "done", nil
		},
	}
	ctx, stop := context.WithCancel(l.t.Context())
	done := make(chan error, 1)
	go func() {
		for {
			err := New(o).Run(ctx)
			if ctx.Err() != nil || err != nil && !errors.Is(err, errTorn) {
				done <- err
				return
			}
		}
	}()
	var once sync.Once
	var err error
	end := func() error {
		once.Do(func() { stop(); err = <-done })
		return err
	}
	l.t.Cleanup(func() { _ = end() })
	return end
}

// probe writes what an agent does that is probed.
func (l *lab) probe(agent string) {
	l.t.Helper()
	for i := range 12 {
		l.log.add(audit.Record{
			Phase: audit.PhaseCall, CallID: fmt.Sprint(agent, i), Agent: agent, Service: "slack", Tool: fmt.Sprint("tool-", i%6), Outcome: "not_permitted",
		})
	}
}

// alerts are the records about alerts, as event and agent.
func (l *lab) alerts() (list []string) {
	l.t.Helper()
	_, err := audit.Scan(l.t.Context(), l.log.dir, 0, func(raw audit.Raw) error {
		if aboutAlert(raw.Leaf) {
			r, err := raw.Record()
			if err != nil {
				return err
			}
			list = append(list, r.Event+" "+r.Agent)
		}
		return nil
	})
	if err != nil {
		l.t.Fatal(err)
	}
	return list
}

func (l *lab) wait(what string, ok func() bool) {
	l.t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		if time.Now().After(deadline) {
			l.t.Fatalf("not within 20 s: %s\n%s\n%s", what, strings.Join(l.alerts(), "\n"), l.said())
		}
		<-tick.C
	}
}

func count(list []string, word string) (n int) {
	for _, s := range list {
		if s == word {
			n++
		}
	}
	return n
}

// settle waits until the monitor has read to the end of the log.
func (l *lab) settle() {
	l.t.Helper()
	l.wait("all is judged", func() bool {
		size, _, err := audit.Newest(l.log.dir)
		at, e := audit.Subscription{Dir: l.log.dir, Name: Name}.Position()
		return err == nil && e == nil && at >= size
	})
}

// TestAnAlertIsARecord of which the log, the book and the logger know.
func TestAnAlertIsARecord(t *testing.T) {
	l := newLab(t)
	stop := l.run(Settings{})
	l.wait("the monitor is there", func() bool {
		_, err := audit.Subscription{Dir: l.log.dir, Name: Name}.Position()
		return err == nil
	})
	l.probe("a")
	l.wait("an alert", func() bool { return len(l.alerts()) > 0 })
	l.settle()
	book, err := LoadBook(t.Context(), l.log.dir, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	list := book.List(time.Time{}, true)
	if len(list) != 1 || list[0].Rule != RuleDenials || list[0].Subject.Agent != "a" || len(list[0].Evidence) == 0 || list[0].Normal == "" {
		t.Fatalf("the book: %+v", list)
	}
	if !strings.Contains(l.said(), list[0].ID) {
		t.Errorf("the logger: %s", l.said())
	}
	reader := audit.NewReader(l.log.dir)
	defer func() { _ = reader.Close() }()
	e := list[0].Evidence[len(list[0].Evidence)-1]
	raw, err := reader.At(e.Index)
	if err != nil {
		t.Fatal(err)
	}
	if r, err := raw.Record(); err != nil || r.CallID != e.CallID || r.Outcome != "not_permitted" {
		t.Errorf("the evidence %+v is %+v, %v", e, r, err)
	}
	if a, err := Find(t.Context(), l.log.dir, strings.TrimPrefix(list[0].ID, "alert-")[:6]); err != nil || a.ID != list[0].ID {
		t.Errorf("found by the begin of its id: %+v, %v", a, err)
	}
	if _, err := Find(t.Context(), l.log.dir, "alert-none"); !errors.Is(err, ErrNoAlert) {
		t.Errorf("none: %v", err)
	}
	l.log.add(audit.Record{Phase: audit.PhaseEvent, Event: EventAcknowledged, CallID: list[0].ID, Admin: "ada", Message: "my test"})
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if a, err := Find(t.Context(), l.log.dir, list[0].ID); err != nil || a.Acknowledged == nil || a.Acknowledged.By != "ada" {
		t.Errorf("acknowledged: %+v, %v", a, err)
	}
}

// TestACrashLosesNoAlertAndRaisesNoneTwice tears the monitor off behind each of its
// writes in turn: before the log has the record, and just after.
func TestACrashLosesNoAlertAndRaisesNoneTwice(t *testing.T) {
	rule := Defaults()[RuleDenials]
	rule.Action = ActionSuspend
	s := Settings{All: Set{Rules: map[string]Rule{RuleDenials: rule}}}
	l := newLab(t)
	l.log.add(audit.Record{Phase: audit.PhaseEvent, Event: "client.added"})
	stop := l.run(s)
	l.settle()
	plans := []string{"made", "torn", "lost", "made torn", "made lost", "torn torn", "lost lost made torn torn", "torn lost torn lost"}
	for i, plan := range plans {
		agent := fmt.Sprint("agent-", i)
		l.mu.Lock()
		l.plan = strings.Fields(plan)
		l.mu.Unlock()
		l.probe(agent)
		l.wait("the alert and the action after "+plan, func() bool { return count(l.alerts(), "alert.acted "+agent) > 0 })
		l.settle()
	}
	_ = stop()
	stop = l.run(s)
	l.log.add(audit.Record{Phase: audit.PhaseEvent, Event: "client.added"})
	l.settle()
	list := l.alerts()
	for i := range plans {
		agent := fmt.Sprint("agent-", i)
		if n := count(list, "alert.raised "+agent); n != 1 {
			t.Errorf("%s: raised %d times", agent, n)
		}
		if n := count(list, "alert.acted "+agent); n != 1 {
			t.Errorf("%s: acted %d times", agent, n)
		}
	}
	// What it counted is what a judge counts that was never interrupted.
	_ = stop()
	j := NewJudge(s)
	if _, err := audit.Scan(t.Context(), l.log.dir, 0, func(r audit.Raw) error { j.Observe(r); return nil }); err != nil {
		t.Fatal(err)
	}
	st, err := readState(l.log.dir)
	if err != nil {
		t.Fatal(err)
	}
	if got := st.judge(s); mustJSON(t, got.agents) != mustJSON(t, j.agents) || got.next != j.next {
		t.Errorf("it has counted otherwise than one that was never torn off:\n%s\n%s", mustJSON(t, got.agents), mustJSON(t, j.agents))
	}
}

// TestTheFirstRunLearns from what the log has, and raises nothing of it.
func TestTheFirstRunLearns(t *testing.T) {
	l := newLab(t)
	l.probe("old")
	l.log.add(audit.Record{Phase: audit.PhaseCall, CallID: "x", Agent: "old", Tool: "t", Outcome: "ok"})
	stop := l.run(Settings{})
	l.settle()
	l.log.add(audit.Record{Phase: audit.PhaseCall, CallID: "y", Agent: "old", Tool: "t", Outcome: "ok"})
	l.settle()
	if list := l.alerts(); len(list) > 0 {
		t.Errorf("%v", list)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	st, err := readState(l.log.dir)
	if err != nil || st.Agents["old"] == nil || st.Agents["old"].Calls != 14 {
		t.Errorf("learned: %+v, %v", st, err)
	}
}

// TestALostStateIsLearnedAnew: a file that cannot be read stops nothing.
func TestALostStateIsLearnedAnew(t *testing.T) {
	l := newLab(t)
	stop := l.run(Settings{})
	l.log.add(audit.Record{Phase: audit.PhaseCall, CallID: "x", Agent: "a", Tool: "t", Outcome: "ok"})
	l.settle()
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(statePath(l.log.dir), []byte(`{"version":1,"next":`), 0o600); err != nil {
		t.Fatal(err)
	}
	l.run(Settings{})
	l.probe("a")
	l.wait("an alert", func() bool { return count(l.alerts(), "alert.raised a") == 1 })
	if !strings.Contains(l.said(), "learns from the log anew") {
		t.Errorf("nobody is told: %s", l.said())
	}
}

// TestOneOfSeveralJudges: monitors of several processes raise each alert once, and one
// takes over from another.
func TestOneOfSeveralJudges(t *testing.T) {
	l := newLab(t)
	first, second := l.run(Settings{}), l.run(Settings{})
	l.probe("a")
	l.wait("an alert", func() bool { return count(l.alerts(), "alert.raised a") > 0 })
	for range 2 {
		if err := first(); err != nil {
			t.Fatal(err)
		}
		first = l.run(Settings{})
		if err := second(); err != nil {
			t.Fatal(err)
		}
		second = l.run(Settings{})
	}
	l.probe("b")
	l.wait("another", func() bool { return count(l.alerts(), "alert.raised b") > 0 })
	l.settle()
	if list := l.alerts(); len(list) != 2 {
		t.Errorf("%v", list)
	}
}

// TestDeliverGoesOn where it was, also when what it does failed.
func TestDeliverGoesOn(t *testing.T) {
	l := newLab(t)
	var mu sync.Mutex
	var got []string
	take := func(fail bool) func() error {
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			done <- Deliver(ctx, l.log.dir, "out", func(_ context.Context, n Notice) error {
				if fail {
					return errTorn
				}
				mu.Lock()
				defer mu.Unlock()
				got = append(got, n.Type+" "+n.Alert.ID)
				return nil
			})
		}()
		return func() error { stop(); return <-done }
	}
	stop := take(false)
	l.wait("it is there", func() bool {
		_, err := audit.Subscription{Dir: l.log.dir, Name: "out"}.Position()
		return err == nil
	})
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	raise := func(id string) {
		l.log.add(audit.Record{Phase: audit.PhaseEvent, Event: EventRaised, CallID: id, Rule: RuleSpike, Outcome: High})
		l.log.add(audit.Record{Phase: audit.PhaseEvent, Event: "client.added"})
	}
	raise("one")
	stop = take(true)
	raise("two")
	l.settleOf("out", false)
	if err := stop(); !errors.Is(err, errTorn) {
		t.Fatalf("%v", err)
	}
	stop = take(false)
	raise("three")
	l.wait("all three", func() bool { mu.Lock(); defer mu.Unlock(); return len(got) == 3 })
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if s := strings.Join(got, ", "); s != "alert.raised one, alert.raised two, alert.raised three" {
		t.Errorf("%s", s)
	}
}

// settleOf gives a subscriber that fails the time to have failed.
func (l *lab) settleOf(name string, there bool) {
	l.t.Helper()
	before, _ := audit.Subscription{Dir: l.log.dir, Name: name}.Position()
	deadline := time.NewTimer(300 * time.Millisecond)
	defer deadline.Stop()
	<-deadline.C
	after, _ := audit.Subscription{Dir: l.log.dir, Name: name}.Position()
	if (after > before) != there {
		l.t.Errorf("the bookmark went from %d to %d", before, after)
	}
}

// TestReplay finds what a monitor would have found, and changes nothing.
func TestReplay(t *testing.T) {
	l := newLab(t)
	l.probe("a")
	size, _, err := audit.Newest(l.log.dir)
	if err != nil {
		t.Fatal(err)
	}
	var raised []string
	take := func(f Finding) error { raised = append(raised, f.Event+" "+f.Alert.Subject.Agent); return nil }
	n, err := Replay(t.Context(), l.log.dir, Settings{}, time.Now().Add(-time.Hour), time.Time{}, take, nil)
	if err != nil || n != 12 || strings.Join(raised, " ") != "alert.raised a" {
		t.Errorf("%d records: %v, %v", n, raised, err)
	}
	raised = nil
	if n, err := Replay(t.Context(), l.log.dir, Settings{}, time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour), take, nil); err != nil || n != 0 || raised != nil {
		t.Errorf("before: %d records: %v, %v", n, raised, err)
	}
	raised = nil
	if n, err := Replay(t.Context(), l.log.dir, Settings{}, time.Now(), time.Time{}, take, nil); err != nil || n != 0 || raised != nil {
		t.Errorf("after: %d records: %v, %v", n, raised, err)
	}
	if again, _, err := audit.Newest(l.log.dir); err != nil || again != size {
		t.Errorf("the log had %d records, and has %d", size, again)
	}
	if _, err := os.Stat(statePath(l.log.dir)); !os.IsNotExist(err) {
		t.Errorf("it has left a state: %v", err)
	}
}
