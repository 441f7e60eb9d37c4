package anchor

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"toolvault/audit"
)

// A log that lies behind what was anchored was rolled back, whatever the place says.
func TestRolledBackLogIsNotFollowed(t *testing.T) {
	log := openLog(t, t.TempDir(), keyOf(1))
	log.add(3)
	old := copyLog(t, log.dir)
	log.add(3)
	place := &testPlace{}
	o := Options{Dir: log.dir, Name: "anchor-test", Place: place, wait: func(int) time.Duration { return time.Millisecond }}
	_, stop := run(t, o)
	eventually(t, "a checkpoint", func() bool { taken, _ := place.got(); return len(taken) == 1 })
	eventually(t, "the bookmark", func() bool {
		next, err := audit.Subscription{Dir: log.dir, Name: "anchor-test"}.Position()
		return err == nil && next == 6
	})
	stop()
	for _, name := range []string{"subscribers", statesDir} {
		if err := os.CopyFS(filepath.Join(old, name), os.DirFS(filepath.Join(log.dir, name))); err != nil {
			t.Fatal(err)
		}
	}
	reported := make(chan Report, 10)
	o.Dir, o.Report = old, func(_ context.Context, r Report) { reported <- r }
	_, stop = run(t, o)
	select {
	case r := <-reported:
		if !errors.Is(r.Err, ErrHistory) || !strings.Contains(r.Err.Error(), "6 records was anchored, and the log has 3") {
			t.Error(r.Err)
		}
	case <-time.After(20 * time.Second):
		t.Error("nothing is reported")
	}
	stop()
	if taken, _ := place.got(); len(taken) != 1 {
		t.Error(taken)
	}
}

// A log that was rolled back with all that is beside it is found by the folder at
// the start, before anything new is recorded.
func TestFolderIsAskedAtTheStart(t *testing.T) {
	log := openLog(t, t.TempDir(), keyOf(1))
	folder := t.TempDir()
	o := Options{Dir: log.dir, Name: "anchor-test", Place: NewFile(folder)}
	feed := func() {
		t.Helper()
		a, stop := run(t, o)
		c := log.add(1)
		eventually(t, "a checkpoint", func() bool { s, err := a.Status(); return err == nil && s.Size == c.Size })
		stop()
	}
	feed()
	old := t.TempDir() + "/older"
	if err := os.CopyFS(old, os.DirFS(log.dir)); err != nil {
		t.Fatal(err)
	}
	feed()
	reported := make(chan Report, 10)
	o.Dir, o.Place, o.Report = old, NewFile(folder), func(_ context.Context, r Report) { reported <- r }
	_, stop := run(t, o)
	defer stop()
	select {
	case r := <-reported:
		if !errors.Is(r.Err, ErrHistory) || !strings.Contains(r.Err.Error(), "is of 2 records, and the log has 1") {
			t.Error(r.Err)
		}
	case <-time.After(20 * time.Second):
		t.Error("nothing is reported")
	}
}

// doubtful has just been given a newer checkpoint by somebody else.
type doubtful struct {
	testPlace
	once sync.Once
}

func (p *doubtful) Put(ctx context.Context, c Checkpoint, last int64) (err error) {
	p.once.Do(func() { err = ErrHistory })
	if err != nil {
		return err
	}
	return p.testPlace.Put(ctx, c, last)
}

// What a second look at the log does not confirm is no other history.
func TestSecondLook(t *testing.T) {
	log := openLog(t, t.TempDir(), keyOf(1))
	place := &doubtful{}
	a, stop := run(t, Options{Dir: log.dir, Name: "anchor-test", Place: place, Report: func(_ context.Context, r Report) { t.Error(r) }})
	log.add(1)
	eventually(t, "a checkpoint", func() bool { s, err := a.Status(); return err == nil && s.Size == 1 && s.Failing.IsZero() })
	stop()
}
