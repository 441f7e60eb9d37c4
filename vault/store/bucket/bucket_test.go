package bucket

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var noon = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

func TestRates(t *testing.T) {
	for _, c := range []struct {
		rate Rate
		good bool
	}{
		{Rate{1, time.Microsecond}, true},
		{Rate{500_000, 172_800 * time.Microsecond}, true}, // a day's allowance
		{Rate{MaxBurst, MaxFill / MaxBurst}, true},
		{Rate{0, time.Second}, false},
		{Rate{-1, time.Second}, false},
		{Rate{MaxBurst + 1, time.Microsecond}, false},
		{Rate{1, 999 * time.Nanosecond}, false},
		{Rate{1, -time.Second}, false},
		{Rate{2, MaxFill/2 + 1}, false},
	} {
		if err := c.rate.Check(); (err == nil) != c.good {
			t.Errorf("%+v: %v", c.rate, err)
		}
	}
}

// In any stretch of time no more tokens come to be spent than the burst and what
// comes back in it, and whoever waits is served in order and in time.
func TestNeverMoreThanTheRate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := Rate{rapid.IntRange(1, 40).Draw(t, "burst"), time.Duration(rapid.IntRange(1, 5_000_000).Draw(t, "every")) * time.Microsecond}
		var s State
		var spent []int64 // when each token may be spent
		now := noon.UnixMicro()
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			now += rapid.Int64Range(0, 3*r.Every.Microseconds()).Draw(t, "passes")
			most := time.Duration(rapid.Int64Range(0, 2*int64(MaxWait)).Draw(t, "most"))
			want := rapid.IntRange(1, r.Burst).Draw(t, "want")
			next, got, wait := r.Take(s, now, want, most)
			switch {
			case wait < 0, got < 0, got > want, got > 1 && wait > 0:
				t.Fatalf("got %d of %d after %v", got, want, wait)
			case got == 0 && (next != s || wait <= min(most, MaxWait)):
				t.Fatalf("nothing was taken, for a wait of %v where %v is allowed; %+v is now %+v", wait, most, s, next)
			case got > 0 && wait > min(most, MaxWait):
				t.Fatalf("a wait of %v where %v is allowed", wait, most)
			}
			s = next
			for range got {
				at := now + wait.Microseconds()
				if n := len(spent); n > 0 && at < spent[n-1] {
					t.Fatalf("a later request is served before an earlier one")
				}
				spent = append(spent, at)
			}
		}
		for i := range spent {
			for j := i; j < len(spent); j++ {
				if most := int64(r.Burst) + (spent[j]-spent[i])/r.Every.Microseconds(); int64(j-i+1) > most {
					t.Fatalf("%d tokens within %d µs, want %d at most", j-i+1, spent[j]-spent[i], most)
				}
			}
		}
	})
}

// What is left behind by a clock that was set back, or by anything else, keeps
// nobody out: at the worst the bucket is empty.
func TestNoStateLocksUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := Rate{rapid.IntRange(1, 1000).Draw(t, "burst"), time.Duration(rapid.IntRange(1, 10_000_000).Draw(t, "every")) * time.Microsecond}
		s := State{rapid.Int64().Draw(t, "full"), rapid.Int64().Draw(t, "closed")}
		s.Full, s.Closed = s.Full/4, s.Closed/4 // no time of a clock overflows
		now := noon.UnixMicro()
		_, _, wait := r.Take(s, now, 1, MaxWait)
		if limit := MaxWait + 2*MaxPause + r.Every; wait > limit {
			t.Fatalf("%+v keeps everybody out for %v, want %v at most", s, wait, limit)
		}
	})
}

func TestClockSetBack(t *testing.T) {
	table, r := NewTable(64), Rate{4, time.Second}
	for range 4 {
		table.Spend(noon, "b", r, 1, 0)
	}
	table.Pause(noon, "b", time.Minute)
	before := noon.Add(-time.Hour)
	got, wait := table.Spend(before, "b", r, 1, time.Minute)
	if got != 1 || wait > r.Every {
		t.Errorf("after the clock was set back by an hour: got %d after %v, want 1 within %v", got, wait, r.Every)
	}
	got, wait = table.Spend(before.Add(10*time.Second), "b", r, 4, 0)
	if got != 4 || wait != 0 {
		t.Errorf("ten seconds later: got %d after %v, want a full bucket", got, wait)
	}
}

// A table whose places are all in use takes new buckets all the same, and gives
// those that are full away first.
func TestMoreBucketsThanPlaces(t *testing.T) {
	table, r := NewTable(reach), Rate{2, time.Minute}
	name := func(i int) string { return fmt.Sprint("bucket ", i) }
	for i := range reach {
		if got, _ := table.Spend(noon.Add(time.Duration(i)*time.Second), name(i), r, 2, 0); got != 2 {
			t.Fatalf("bucket %d is not full at the beginning", i)
		}
	}
	// All are in use: the one that is the first to be full gives way, and the new
	// one begins with what was taken from it.
	later := noon.Add(time.Minute)
	if got, wait := table.Spend(later, "another", r, 2, 0); got != 1 || wait != 0 {
		t.Errorf("got %d after %v, want the one that had come back", got, wait)
	}
	for i := 1; i < reach; i++ {
		if got, _ := table.Spend(noon.Add(time.Minute-time.Second), name(i), r, 1, 0); got != 0 {
			t.Errorf("bucket %d has forgotten what was taken", i)
		}
	}
	// After they have filled again there is room for as many new ones.
	for i := range reach {
		if got, _ := table.Spend(noon.Add(time.Hour), name(1000+i), r, 2, 0); got != 2 {
			t.Errorf("new bucket %d gave %d, want a full one", i, got)
		}
	}
}

// New names come at the same time from many sides: each is one bucket.
func TestOneBucketAName(t *testing.T) {
	for round := range 50 {
		table, r := NewTable(reach), Rate{10, time.Hour}
		var wg sync.WaitGroup
		var mu sync.Mutex
		total := map[string]int{}
		for range 8 {
			wg.Go(func() {
				for i := range 8 {
					name := fmt.Sprint("b", i)
					got, _ := table.Spend(noon, name, r, 3, 0)
					mu.Lock()
					total[name] += got
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		for name, n := range total {
			if n != 10 {
				t.Fatalf("round %d: %s gave %d, want its 10", round, name, n)
			}
		}
	}
}

func TestOverMemory(t *testing.T) {
	memory := make([]byte, 64*slotSize)
	a, b := Over(memory), Over(memory)
	r := Rate{3, time.Minute}
	a.Spend(noon, "b", r, 2, 0)
	if got, _ := b.Spend(noon, "b", r, 3, 0); got != 1 {
		t.Errorf("got %d, want the one that the other has left", got)
	}
	if len(a.slots) != 64 {
		t.Errorf("%d places, want 64", len(a.slots))
	}
}

// FuzzOver: a file may hold anything.
func FuzzOver(f *testing.F) {
	f.Add(make([]byte, 2*slotSize), "name", int64(0))
	f.Add([]byte("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f\xff\xff\xff\xff\xff\xff\xff\x7f________"), "", noon.UnixMicro())
	f.Fuzz(func(t *testing.T, content []byte, name string, now int64) {
		memory := make([]byte, max(1, len(content)/slotSize)*slotSize) // aligned
		copy(memory, content)
		table, r := Over(memory), Rate{5, time.Second}
		at := time.UnixMicro(now % noon.UnixMicro()).Add(time.Hour)
		got, wait := table.Spend(at, name, r, 2, MaxWait)
		if got < 0 || got > 2 || wait < 0 {
			t.Errorf("got %d after %v", got, wait)
		}
		table.Pause(at, name, time.Second)
		if got, wait := table.Spend(at, name, r, 1, 0); got != 0 || wait > 2*MaxPause+MaxWait {
			t.Errorf("while it is closed: got %d, wait %v", got, wait)
		}
	})
}

func BenchmarkSpend(b *testing.B) {
	table, r := NewTable(4096), Rate{1000, time.Microsecond}
	for b.Loop() {
		table.Spend(time.Now(), "slack T0123456789 conversations.history", r, 1, 0)
	}
}
