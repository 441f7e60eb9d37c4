package limits

import (
	"context"
	"errors"
	"testing"
	"time"

	"toolvault/vault/store"
)

func TestWithoutTheStoreWhatWasLeasedIsUsedUpAndThenNothingPasses(t *testing.T) {
	s := newMemory()
	b := s.process(0, perMinute(1000))
	calls(t, b, 10)
	s.fail(true, false)
	toll := b.Of("a1", nil, "x", "y")
	more := 0
	var err error
	for ; err == nil; more++ {
		err = toll.Call(t.Context())
	}
	if !errors.Is(err, store.ErrUnavailable) || more < 2 {
		t.Errorf("after %d calls: %v", more, err)
	}
	s.count()
	for range 100 {
		if toll.Call(t.Context()) == nil {
			t.Fatal("let through")
		}
	}
	if asked, _ := s.count(); asked != 0 {
		t.Errorf("the store that is away was asked %d times in a moment", asked)
	}
	s.fail(false, false)
	s.pass(again)
	if !call(t, b) {
		t.Error("refused when the store is back")
	}
}

func TestWithoutAFirstLookAtTheStoresClockNothingPasses(t *testing.T) {
	s := newMemory()
	s.fail(true, false)
	b := s.process(0, perMinute(1000))
	if err := b.Of("a1", nil, "x", "y").Call(t.Context()); !errors.Is(err, store.ErrUnavailable) {
		t.Error(err)
	}
	if _, err := b.Standing(t.Context(), "a1"); !errors.Is(err, store.ErrUnavailable) {
		t.Error(err)
	}
}

// What was read while the store was away is told when it is back.
func TestBytesThatCouldNotBeToldAreToldLater(t *testing.T) {
	s := newMemory()
	b := s.process(0, Limit{Kind: Bytes, Max: 1_000_000, Per: Day})
	toll := b.Of("a1", nil, "x", "y")
	must(t, toll.Open(t.Context()))
	s.fail(true, false)
	toll.Read(t.Context(), 500_000)
	s.fail(false, false)
	s.pass(again)
	b.tidy(t.Context(), false)
	if st := standing(t, s.process(0, Limit{Kind: Bytes, Max: 1_000_000, Per: Day}), "a1")[0]; st.Used < 500_000 {
		t.Errorf("another process: %s", st)
	}
}

func TestWhatIsNotUsedGoesBack(t *testing.T) {
	for _, all := range []bool{false, true} {
		s := newMemory()
		limit := Limit{Kind: Calls, Max: 1000, Per: Day}
		a, b := s.process(0, limit), s.process(0, limit)
		done := calls(t, a, 100)
		if !all {
			s.pass(2*Horizon(Day) - time.Second)
			a.tidy(t.Context(), false)
			if st := standing(t, b, "a1")[0]; st.Used == 100 {
				t.Fatal("nothing was set aside")
			}
			s.pass(time.Second)
		}
		a.tidy(t.Context(), all)
		if st := standing(t, b, "a1")[0]; st.Used != 100 {
			t.Errorf("%s", st)
		}
		if done += calls(t, b, 5000); done != 1000 {
			t.Errorf("%d calls", done)
		}
	}
}

func TestALowerLimitIsInForceWithinASecondAndAHigherOneAtOnce(t *testing.T) {
	s := newMemory()
	b := s.process(0, perMinute(100_000))
	calls(t, b, 500)
	b.Configure([]Limit{perMinute(400)}, nil)
	call(t, b)
	b.tidy(t.Context(), false)
	if call(t, b) {
		t.Error("the slice of the higher limit is still used")
	}
	b.Configure([]Limit{perMinute(600)}, nil)
	if n := calls(t, b, 5000); n < 98 || n > 100 {
		t.Errorf("%d more", n)
	}
}

func TestWhatIsRefusedIsTold(t *testing.T) {
	s := newMemory()
	var refused []Limit
	b := New(Options{Store: s, Now: s.clock, Refused: func(l Limit) { refused = append(refused, l) }})
	b.Configure([]Limit{perMinute(1)}, nil)
	calls(t, b, 3)
	if len(refused) != 1 || refused[0] != perMinute(1) {
		t.Errorf("%v", refused)
	}
}

func TestADamagedRecordStopsNobody(t *testing.T) {
	s := newMemory()
	b := s.process(0, perMinute(5))
	s.items[prefix+"a1/calls/minute//"] = store.Item{Key: prefix + "a1/calls/minute//", Version: 7, Value: []byte("\x00{")}
	if n := calls(t, b, 100); n != 5 {
		t.Errorf("%d calls", n)
	}
}

// Whatever stands in the store, nobody gets more than the limit by it.
func FuzzRecord(f *testing.F) {
	f.Add([]byte(`{"windows":[{"begins":1795615200,"taken":3}]}`))
	f.Add([]byte(`{"windows":[{"begins":1795615200,"taken":-9223372036854775808},{"begins":1795615200,"taken":9223372036854775807},{},{}]}`))
	f.Add([]byte(`{"windows":{}}`))
	f.Fuzz(func(t *testing.T, value []byte) {
		s := newMemory()
		b := s.process(0, perMinute(40))
		key := prefix + "a1/calls/minute//"
		s.items[key] = store.Item{Key: key, Version: 7, Value: value}
		if n := calls(t, b, 100); n > 40 {
			t.Errorf("%d calls", n)
		}
		if st := standing(t, b, "a1")[0]; st.Used < 0 || st.Left != 0 {
			t.Errorf("%s", st)
		}
	})
}

// A clock that was far ahead for a while leaves windows that are yet to come. They
// take no place from those of now.
func TestAClockThatWasAheadDoesNotStopTheCount(t *testing.T) {
	s := newMemory()
	for _, ahead := range []time.Duration{90 * 24 * time.Hour, 60 * 24 * time.Hour, 30 * 24 * time.Hour, 24 * time.Hour} {
		s.pass(ahead)
		calls(t, s.process(0, perMinute(2)), 9)
		s.pass(-ahead)
	}
	a, b := s.process(0, perMinute(2)), s.process(0, perMinute(2))
	for range 3 {
		if n := calls(t, a, 9) + calls(t, b, 9); n != 2 {
			t.Errorf("%d calls in a minute", n)
		}
		s.pass(time.Minute)
	}
}

// At the turn of a window one process may be in the next while another is still in
// the one before. Each window has its budget once.
func TestProcessesMayBeInNeighbouringWindows(t *testing.T) {
	s := newMemory()
	behind := New(Options{Store: behind{s}, Now: s.clock})
	behind.Configure([]Limit{perMinute(40)}, nil)
	ahead := s.process(0, perMinute(40))
	var old, now int
	for range 100 {
		old, now = old+calls(t, behind, 1), now+calls(t, ahead, 1)
	}
	if old != 40 || now != 40 {
		t.Errorf("%d calls in the one window, %d in the other", old, now)
	}
}

// behind reads a clock that is in the minute before.
type behind struct{ *memory }

func (s behind) Now(ctx context.Context) (time.Time, error) {
	now, err := s.memory.Now(ctx)
	return now.Add(-time.Second), err
}

func TestRecordsThatCountNoMoreAreRemoved(t *testing.T) {
	s := newMemory()
	b := s.process(0, perMinute(5), Limit{Kind: Calls, Max: 5, Per: Day})
	calls(t, b, 1)
	s.pass(33 * time.Hour) // a day after the end of the day
	must(t, b.sweep(t.Context()))
	if len(s.items) != 2 {
		t.Errorf("%d records: removed too early", len(s.items))
	}
	s.pass(16 * time.Hour)
	must(t, b.sweep(t.Context()))
	if len(s.items) != 0 {
		t.Errorf("%d records are left", len(s.items))
	}
	if n := calls(t, b, 9); n != 5 {
		t.Errorf("%d calls after that", n)
	}
}

func TestACallerWhoGoesDoesNotWait(t *testing.T) {
	s := newMemory()
	b := s.process(0, perMinute(5))
	m := func() *meter { call(t, b); return b.all()[0] }()
	m.mu.Lock()
	m.left = 0
	m.begin() // another goroutine asks the store, and gets no answer
	m.mu.Unlock()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.Of("a1", nil, "x", "y").Call(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
