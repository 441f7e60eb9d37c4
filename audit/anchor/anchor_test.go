package anchor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// testPlace takes checkpoints, or does not.
type testPlace struct {
	mu    sync.Mutex
	taken []int64
	times []time.Time
	tries int
	err   error
}

func (p *testPlace) Put(_ context.Context, c Checkpoint, last int64) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tries++
	if p.err != nil {
		return p.err
	}
	if n := len(p.taken); n > 0 && last != p.taken[n-1] || n == 0 && last != 0 {
		return fmt.Errorf("last is %d after %v", last, p.taken)
	}
	p.taken = append(p.taken, c.Size)
	p.times = append(p.times, time.Now())
	return nil
}

func (p *testPlace) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.err = err
}

func (p *testPlace) got() (taken []int64, tries int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.taken), p.tries
}

// reports are what an anchor finds worth a record.
type reports struct {
	mu   sync.Mutex
	list []Report
}

func (r *reports) hear(_ context.Context, one Report) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, one)
}

func (r *reports) all() []Report {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.list)
}

// run runs an anchor until the function that it returns is called.
func run(t testing.TB, o Options) (*Anchor, func()) {
	t.Helper()
	a := New(o)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	var once sync.Once
	stop := func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(stop)
	return a, stop
}

// At each interval the newest goes out, and only that; after a restart in between
// it goes on, without what was there already.
func TestNewestAtEachInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := openLog(t, t.TempDir(), keyOf(1))
		log.add(40)
		place := &testPlace{}
		o := Options{Dir: log.dir, Name: "anchor-test", Place: place, Every: 10 * time.Minute}
		a, stop := run(t, o)
		time.Sleep(time.Second)
		begin := time.Now()
		for range 30 {
			log.add(1)
			time.Sleep(time.Minute)
		}
		stop()
		taken, _ := place.got()
		if len(taken) != 4 || taken[0] != 40 || taken[1] < 49 || taken[1] > 51 || taken[3] < 69 {
			t.Fatal(taken)
		}
		for i := 1; i < len(place.times); i++ {
			if d := place.times[i].Sub(place.times[i-1]); d < 10*time.Minute {
				t.Errorf("%v between two", d)
			}
		}
		log.add(3)
		if s, err := a.Status(); err != nil || s.Size != taken[3] || s.Behind != log.Size()-taken[3] || !s.Failing.IsZero() || s.Oldest > time.Minute+time.Second || s.At.Before(begin) {
			t.Errorf("%+v %v", s, err)
		}
		_, stop = run(t, o)
		time.Sleep(9 * time.Minute)
		if again, _ := place.got(); len(again) != 4 {
			t.Error("the interval was forgotten:", again)
		}
		time.Sleep(2 * time.Minute)
		if again, _ := place.got(); len(again) != 5 || again[4] != 73 {
			t.Error(again)
		}
		time.Sleep(3 * time.Hour) // nothing is recorded: nothing is sent
		stop()
		if again, tries := place.got(); len(again) != 5 || tries != 5 {
			t.Error(again, tries)
		}
		if s, err := a.Status(); err != nil || s.Behind != 0 || s.Oldest != 0 {
			t.Errorf("%+v %v", s, err)
		}
		log.Close()
	})
}

// A place that is away for a day costs one line, one record, and nothing else;
// when it is back it gets the newest, and that is said once.
func TestPlaceThatIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := openLog(t, t.TempDir(), keyOf(1))
		log.add(1)
		place := &testPlace{}
		var out bytes.Buffer
		var heard reports
		o := Options{
			Dir: log.dir, Name: "anchor-test", Place: place, Every: time.Minute, Logger: slog.New(slog.NewTextHandler(&out, nil)),
			Report: func(ctx context.Context, r Report) {
				heard.hear(ctx, r)
				if _, err := log.Append(ctx, record("anchor failed or recovered")); err != nil {
					t.Error(err)
				}
			},
		}
		_, stop := run(t, o)
		time.Sleep(time.Second)
		place.fail(errors.New("it is away"))
		for range 24 * 60 {
			log.add(1)
			time.Sleep(time.Minute)
			if list := heard.all(); len(list) == 1 && list[0].For < 15*time.Minute {
				t.Fatal(list)
			}
		}
		stop() // a restart in the middle of it is not another incident
		_, stop = run(t, o)
		for range 60 {
			log.add(1)
			time.Sleep(time.Minute)
		}
		if list := heard.all(); len(list) != 1 || list[0].Err == nil || list[0].Behind == 0 {
			t.Fatalf("%+v", list)
		}
		if n := strings.Count(out.String(), "could not be anchored"); n != 2 { // one a process
			t.Errorf("%d lines:\n%s", n, out.String())
		}
		if _, tries := place.got(); tries > 24*60/3 {
			t.Errorf("%d tries in a day", tries)
		}
		place.fail(nil)
		time.Sleep(10 * time.Minute)
		stop()
		if taken, _ := place.got(); len(taken) < 2 || taken[1] < 24*60+60 {
			t.Error(taken)
		}
		if list := heard.all(); len(list) != 2 || list[1].Err != nil || list[1].For < 24*time.Hour {
			t.Errorf("%+v", list)
		}
		if n := strings.Count(out.String(), "anchored again"); n != 1 {
			t.Errorf("%d lines:\n%s", n, out.String())
		}
		log.Close()
	})
}

// A moment of trouble is a line in the log of the program, and no record.
func TestPlaceThatStumbles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := openLog(t, t.TempDir(), keyOf(1))
		place := &testPlace{err: errors.New("it stumbles")}
		var heard reports
		_, stop := run(t, Options{Dir: log.dir, Name: "anchor-test", Place: place, Every: time.Minute, Report: heard.hear})
		log.add(1)
		time.Sleep(5 * time.Minute)
		place.fail(nil)
		time.Sleep(5 * time.Minute)
		stop()
		if taken, _ := place.got(); !slices.Equal(taken, []int64{1}) || len(heard.all()) != 0 {
			t.Error(taken, heard.all())
		}
		log.Close()
	})
}

type later struct{ error }

func (later) RetryAfter() time.Duration { return 40 * time.Minute }

func TestPlaceIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := openLog(t, t.TempDir(), keyOf(1))
		place := &testPlace{err: fmt.Errorf("busy: %w", later{errors.New("later")})}
		_, stop := run(t, Options{Dir: log.dir, Name: "anchor-test", Place: place})
		log.add(1)
		time.Sleep(2 * time.Hour)
		stop()
		if _, tries := place.got(); tries != 3 && tries != 4 {
			t.Error(tries)
		}
		log.Close()
	})
}

// That the history is another is worth a record at once, but only one, and only
// when a second look says the same.
func TestAnotherHistoryIsReportedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := openLog(t, t.TempDir(), keyOf(1))
		place := &testPlace{err: fmt.Errorf("%w (fork)", ErrHistory)}
		var heard reports
		_, stop := run(t, Options{Dir: log.dir, Name: "anchor-test", Place: place, Report: heard.hear})
		log.add(1)
		time.Sleep(500 * time.Millisecond)
		if list := heard.all(); len(list) != 1 || !errors.Is(list[0].Err, ErrHistory) {
			t.Errorf("%+v", list)
		}
		time.Sleep(time.Hour)
		stop()
		if _, tries := place.got(); len(heard.all()) != 1 || tries < 10 {
			t.Errorf("%+v after %d", heard.all(), tries)
		}
		log.Close()
	})
}

// A witness signs the time, so it is asked again when nothing happens; others are
// not.
func TestRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := openLog(t, t.TempDir(), keyOf(1))
		log.add(5)
		place := &testPlace{}
		a, stop := run(t, Options{Dir: log.dir, Name: "anchor-test", Place: place, Every: time.Minute, Refresh: time.Hour})
		time.Sleep(6 * time.Hour)
		taken, _ := place.got()
		if len(taken) < 5 || len(taken) > 7 {
			t.Errorf("%d in six hours", len(taken))
		}
		if s, err := a.Status(); err != nil || time.Since(s.At) > 90*time.Minute {
			t.Error(s, err)
		}
		log.add(1)
		time.Sleep(2 * time.Minute)
		stop()
		if again, _ := place.got(); again[len(again)-1] != 6 {
			t.Error(again)
		}
		log.Close()
	})
}

// Of several processes that share a log one feeds the place; when it ends another
// goes on.
func TestOneOfSeveralFeedsThePlace(t *testing.T) {
	log := openLog(t, t.TempDir(), keyOf(1))
	place := &testPlace{}
	o := Options{Dir: log.dir, Name: "anchor-test", Place: place}
	_, stopOne := run(t, o)
	_, stopTwo := run(t, o)
	log.add(1)
	eventually(t, "the first", func() bool { taken, _ := place.got(); return len(taken) == 1 })
	stopOne()
	log.add(1)
	eventually(t, "the second", func() bool { taken, _ := place.got(); return len(taken) == 2 })
	stopTwo()
	if taken, tries := place.got(); !slices.Equal(taken, []int64{1, 2}) || tries != 2 {
		t.Error(taken, tries)
	}
}

// What was put there by hand in between is no other history.
func TestNow(t *testing.T) {
	log := openLog(t, t.TempDir(), keyOf(1))
	dir := t.TempDir()
	o := Options{Dir: log.dir, Name: "anchor-test", Place: NewFile(dir)}
	a, stop := run(t, o)
	log.add(1)
	eventually(t, "the first", func() bool { s, err := a.Status(); return err == nil && s.Size == 1 })
	log.add(1)
	if c, err := New(Options{Dir: log.dir, Name: "anchor-test", Place: NewFile(dir)}).Now(t.Context()); err != nil || c.Size != 2 {
		t.Error(c.Size, err)
	}
	log.add(1)
	eventually(t, "the third", func() bool { s, err := a.Status(); return err == nil && s.Size == 3 && s.Failing.IsZero() })
	stop()
}
