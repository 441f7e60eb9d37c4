package monitor

import (
	"slices"
	"testing"
	"time"

	"toolvault/audit"
)

// month is eight weeks of a world: four from which the rules learn, and four with
// incidents.
type month struct {
	seed   uint64
	begin  time.Time // of the incidents
	list   []audit.Raw
	labels []label
}

func newMonth(t testing.TB, seed uint64) month {
	w := newWorld(seed, 8)
	w.inject()
	return month{seed, w.at(28, 0), w.raws(t), w.labels}
}

// score is how well what was raised fits the labels.
type score struct {
	raised, right int
	put, found    int
	wrong         []Alert
	missed        []label

	// Of those that hide in what is normal, which count for nothing.
	faintFound  int
	faintMissed []label
}

func (s score) precision() float64 { return float64(s.right) / float64(max(s.raised, 1)) }
func (s score) recall() float64    { return float64(s.found) / float64(s.put) }

// judge runs the rules over it. Before the incidents nothing may be raised at all.
func (m month) judge(t testing.TB, s Settings) score {
	t.Helper()
	j := NewJudge(s)
	var raised []Alert
	for _, r := range m.list {
		for _, f := range j.Observe(r) {
			if f.Event == EventRaised {
				raised = append(raised, f.Alert)
			}
		}
	}
	return m.score(raised)
}

func (m month) score(raised []Alert) score {
	out := score{raised: len(raised)}
	hit := make([]bool, len(m.labels))
	for _, a := range raised {
		right := false
		for i, l := range m.labels {
			if !l.about(a.Subject) || a.Began.Before(l.from.Add(-time.Second)) || a.Began.After(l.to.Add(time.Minute)) {
				continue
			}
			if a.Rule == l.rule {
				hit[i], right = true, true
			}
			right = right || slices.Contains(l.also, a.Rule)
		}
		if right {
			out.right++
		} else {
			out.wrong = append(out.wrong, a)
		}
	}
	for i, l := range m.labels {
		switch {
		case l.faint && hit[i]:
			out.faintFound++
		case l.faint:
			out.faintMissed = append(out.faintMissed, l)
		case hit[i]:
			out.found++
		default:
			out.missed = append(out.missed, l)
		}
	}
	out.put = out.found + len(out.missed)
	return out
}

// whole skips what runs long and in one goroutine where the race detector is on.
func whole(t *testing.T) {
	if seeds == 1 {
		t.Skip("one goroutine: the race detector has nothing to find here")
	}
}

// TestMonth states how good the rules are with their defaults.
func TestMonth(t *testing.T) {
	const least = 0.95
	var all score
	for seed := range uint64(seeds) {
		m := newMonth(t, seed+1)
		s := m.judge(t, Settings{})
		t.Logf("seed %d: %d records: %d alerts, precision %.3f; %d incidents, recall %.3f", m.seed, len(m.list), s.raised, s.precision(), s.put, s.recall())
		for _, a := range s.wrong {
			t.Logf("  wrong: %s %s: %s (%s)", a.Began.Format("Mon 02 15:04"), a.Rule, a.Saw, a.Normal)
		}
		for _, l := range s.missed {
			t.Logf("  missed: %s %s: %s", l.from.Format("Mon 02 15:04"), l.rule, l.note)
		}
		t.Logf("  of the faint ones %d of %d", s.faintFound, s.faintFound+len(s.faintMissed))
		for _, l := range s.faintMissed {
			t.Logf("  faint, and missed: %s: %s", l.rule, l.note)
		}
		all.raised, all.right, all.put, all.found = all.raised+s.raised, all.right+s.right, all.put+s.put, all.found+s.found
	}
	t.Logf("all: %d alerts, precision %.3f; %d incidents, recall %.3f", all.raised, all.precision(), all.put, all.recall())
	if all.precision() < least || all.recall() < least {
		t.Errorf("precision %.3f and recall %.3f: each must be %.2f at least", all.precision(), all.recall(), least)
	}
}

// TestEachRuleIsNeeded: the incidents of a rule are found by that rule alone, and one
// that is off says nothing.
func TestEachRuleIsNeeded(t *testing.T) {
	whole(t)
	m := newMonth(t, 1)
	for _, rule := range Rules() {
		r := Defaults()[rule]
		r.Off = true
		s := m.judge(t, Settings{All: Set{Rules: map[string]Rule{rule: r}}})
		for _, l := range m.labels {
			if l.rule == rule && !l.faint && !slices.ContainsFunc(s.missed, func(x label) bool { return x.rule == rule && x.note == l.note && x.from.Equal(l.from) }) {
				t.Errorf("without %s this is still found: %s", rule, l.note)
			}
		}
		if s.raised == 0 {
			t.Errorf("without %s nothing is found", rule)
		}
	}
}
