package limits

import (
	"context"
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"

	"toolvault/vault/store"
)

// model is several processes that share a store, some of which are killed, and
// what has passed in each window.
type model struct {
	store     *memory
	limits    []Limit
	processes []*Budgets
	passed    map[[2]int64]int64 // by the limit's place and the window
	largest   int64
}

func (m *model) fresh(t *rapid.T) *Budgets {
	off := time.Duration(rapid.IntRange(-100_000, 100_000).Draw(t, "clock off by")) * time.Second
	return m.store.process(off, m.limits...)
}

func (m *model) note(i int, n int64) {
	begins := m.store.clock().Truncate(m.limits[i].Per.Length()).Unix()
	m.passed[[2]int64{int64(i), begins}] += n
}

// call makes a call as the gateway does. It does not look at the store's mood: what
// passes has to be within the limits in any.
func (m *model) call(t *rapid.T, b *Budgets) {
	ctx := context.Background()
	toll := b.Of("a1", nil, "x", "y")
	if err := toll.Call(ctx); err != nil {
		m.expected(t, err)
		return
	}
	m.note(0, 1)
	m.note(1, 1)
	if err := toll.Open(ctx); err != nil {
		m.expected(t, err)
		return
	}
	paid, err := toll.Write(ctx)
	if err != nil {
		m.expected(t, err)
		return
	}
	if rapid.Bool().Draw(t, "not sent") {
		m.store.pass(time.Duration(rapid.IntRange(0, 20).Draw(t, "seconds until then")) * time.Second)
		paid.Back()
	} else {
		m.note(2, 1)
	}
	n := int64(rapid.IntRange(0, 60_000).Draw(t, "bytes"))
	m.largest = max(m.largest, n)
	toll.Read(ctx, n)
	m.note(3, n)
}

func (m *model) expected(t *rapid.T, err error) {
	var exceeded *ExceededError
	if !errors.As(err, &exceeded) && !errors.Is(err, store.ErrUnavailable) {
		t.Fatalf("%v", err)
	}
}

func (m *model) one(t *rapid.T) int { return rapid.IntRange(0, len(m.processes)-1).Draw(t, "process") }

// Whatever happens to processes and store, no window lets pass more than its limit;
// of bytes, more than what one call of each process returns.
func TestNoWindowIsEverOverspent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &model{store: newMemory(), passed: map[[2]int64]int64{}}
		m.limits = []Limit{
			perMinute(int64(rapid.IntRange(1, 300).Draw(t, "calls a minute"))),
			{Kind: Calls, Max: int64(rapid.IntRange(1, 2000).Draw(t, "calls a day")), Per: Day},
			{Kind: Writes, Max: int64(rapid.IntRange(1, 100).Draw(t, "writes an hour")), Per: Hour},
			{Kind: Bytes, Max: int64(rapid.IntRange(1, 2_000_000).Draw(t, "bytes an hour")), Per: Hour},
		}
		ends := int64(0) // of processes that were killed or ended: each may have passed the limit by a call
		for range rapid.IntRange(1, 5).Draw(t, "processes") {
			m.processes = append(m.processes, m.fresh(t))
		}
		t.Repeat(map[string]func(*rapid.T){
			"calls": func(t *rapid.T) {
				b := m.processes[m.one(t)]
				for range rapid.IntRange(1, 80).Draw(t, "calls") {
					m.call(t, b)
				}
			},
			"time passes": func(t *rapid.T) {
				m.store.pass(time.Duration(rapid.IntRange(1, 60).Draw(t, "seconds")) * time.Second)
			},
			"hours pass": func(t *rapid.T) {
				m.store.pass(time.Duration(rapid.IntRange(1, 30).Draw(t, "hours")) * time.Hour)
			},
			"a process is killed": func(t *rapid.T) {
				m.processes[m.one(t)] = m.fresh(t)
				ends++
			},
			"a process ends": func(t *rapid.T) {
				i := m.one(t)
				m.processes[i].tidy(context.Background(), true)
				m.processes[i] = m.fresh(t)
				ends++
			},
			"upkeep": func(t *rapid.T) {
				b := m.processes[m.one(t)]
				b.tidy(context.Background(), false)
				_ = b.sweep(context.Background())
			},
			"the config is read again": func(t *rapid.T) { m.processes[m.one(t)].Configure(m.limits, nil) },
			"the store's mood changes": func(t *rapid.T) {
				mood := rapid.IntRange(0, 4).Draw(t, "mood")
				m.store.fail(mood == 1, mood == 2)
			},
			"": func(t *rapid.T) {
				for key, n := range m.passed {
					l := m.limits[key[0]]
					most := l.Max
					if l.Kind == Bytes {
						most += (int64(len(m.processes)) + ends) * m.largest
					}
					if n > most {
						t.Fatalf("%s: %d passed in the window of %s", l, n, time.Unix(key[1], 0).UTC())
					}
				}
			},
		})
	})
}

// When nothing fails, nothing is lost: all of a limit can be used, by whichever
// processes there are.
func TestAllOfALimitCanBeUsed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newMemory()
		limit := Limit{Kind: Calls, Max: int64(rapid.IntRange(1, 5000).Draw(t, "calls a day")), Per: Day}
		var processes []*Budgets
		for range rapid.IntRange(1, 6).Draw(t, "processes") {
			processes = append(processes, s.process(0, limit))
		}
		done := int64(0)
		for range rapid.IntRange(0, 20).Draw(t, "rounds") {
			b := processes[rapid.IntRange(0, len(processes)-1).Draw(t, "process")]
			for range rapid.IntRange(1, 500).Draw(t, "calls") {
				if b.Of("a1", nil, "x", "y").Call(context.Background()) == nil {
					done++
				}
			}
			s.pass(time.Second)
		}
		// Even before anything has gone back no process has set aside more than an eighth.
		last := s.process(0, limit)
		now := done
		for last.Of("a1", nil, "x", "y").Call(context.Background()) == nil {
			now++
		}
		if aside := limit.Max - now; aside > limit.Max/share*int64(len(processes)) || limit.Max < near && aside > 0 {
			t.Fatalf("%d of %d are set aside by %d processes", aside, limit.Max, len(processes))
		}
		s.pass(2 * Horizon(Day))
		for _, b := range processes {
			b.tidy(context.Background(), false)
		}
		for last.Of("a1", nil, "x", "y").Call(context.Background()) == nil {
			now++
		}
		if now != limit.Max {
			t.Fatalf("%d of %d calls", now, limit.Max)
		}
	})
}
