package monitor

import "testing"

func TestZZ(t *testing.T) {
	for seed := uint64(20); seed < 28; seed++ {
		m := newMonth(t, seed)
		s := m.judge(t, Settings{})
		t.Logf("seed %d p %.3f r %.3f", seed, s.precision(), s.recall())
		for _, a := range s.wrong {
			t.Logf("  wrong: %s %s: %s (%s)", a.Began.Format("Mon 02 15:04"), a.Rule, a.Saw, a.Normal)
		}
		for _, l := range s.missed {
			t.Logf("  missed: %s %s: %s", l.from.Format("Mon 02 15:04"), l.rule, l.note)
		}
		w := newWorld(seed, 16)
		q := month{list: w.raws(t)}.judge(t, Settings{})
		t.Logf("  16 weeks of nothing: %d alerts", q.raised)
		for _, a := range q.wrong {
			t.Logf("  wrong: %s %s: %s (%s)", a.Began.Format("Mon 02 15:04"), a.Rule, a.Saw, a.Normal)
		}
	}
}
