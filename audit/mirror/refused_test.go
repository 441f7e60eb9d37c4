package mirror_test

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"toolvault/audit"
	"toolvault/audit/mirror"
)

// Where a place says what it can take, that is what it gets, and what it will never
// take is told of by its index and passed over, all the rest being sent.
func TestRefusals(t *testing.T) {
	const n = 1500
	dir := filled(t, n)
	poison := []string{mirror.ID(logName, 0), mirror.ID(logName, 700), mirror.ID(logName, 701), mirror.ID(logName, n-1)}
	for name, answer := range map[string]func(ids []string, body []byte) int{
		"400 for a record": func(ids []string, _ []byte) int { return refuse(ids, poison, http.StatusBadRequest) },
		"422 for a record": func(ids []string, _ []byte) int { return refuse(ids, poison, http.StatusUnprocessableEntity) },
		"413 for more than 100, and for a record": func(ids []string, _ []byte) int {
			if len(ids) > 100 {
				return http.StatusRequestEntityTooLarge
			}
			return refuse(ids, poison, http.StatusRequestEntityTooLarge)
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newReceiver(t)
			r.set(answer)
			var mu sync.Mutex
			var told []string
			o := options(dir, "refused-"+name[:3], hook(r.URL))
			again := false
			o.Refused = func(_ context.Context, what mirror.Refusal) error {
				mu.Lock()
				defer mu.Unlock()
				if again = !again; again {
					return errHere // that it cannot be told is no reason to pass it over
				}
				if what.Count != 1 || what.End != what.First+1 || what.Mirror != o.Name || what.Reason == nil {
					t.Errorf("told of %+v", what)
				}
				told = append(told, mirror.ID(logName, what.First))
				return nil
			}
			m, stop := start(t, o)
			caughtUp(t, m)
			stop()
			if !slices.Equal(told, poison) {
				t.Errorf("told of %v, not %v", told, poison)
			}
			ids, _ := should(t, dir)
			ids = slices.DeleteFunc(ids, func(id string) bool { return slices.Contains(poison, id) })
			if !slices.Equal(ids, r.ids) {
				t.Errorf("%d records arrived, not %d in order", len(r.ids), len(ids))
			}
			if asked := r.asked(); asked > 200 {
				t.Errorf("%d requests for %d records", asked, n)
			}
		})
	}
}

func refuse(ids, poison []string, status int) int {
	if slices.ContainsFunc(ids, func(id string) bool { return slices.Contains(poison, id) }) {
		return status
	}
	return http.StatusOK
}

// A place that refuses the mirror itself, or everything, is one to mend: nothing is
// passed over, and once it is mended it goes on by itself, with a secret that is
// read again.
func TestAPlaceToMend(t *testing.T) {
	for _, status := range []int{401, 403, 404, 405, 301} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			dir := filled(t, 300)
			r := newReceiver(t)
			r.set(func([]string, []byte) int { return status })
			var out lines
			var opened atomic.Int32
			o := options(dir, "hook", nil)
			o.Open = func() (mirror.Sink, error) {
				if opened.Add(1); opened.Load() == 3 {
					return nil, errHere
				}
				return hook(r.URL)()
			}
			o.Logger, o.Refused = out.logger(), func(_ context.Context, what mirror.Refusal) error {
				t.Errorf("passed over %+v", what)
				return nil
			}
			m, _ := start(t, o)
			until(t, "opened again", func() bool { return opened.Load() > 5 })
			if n := out.count("stands still"); n != 1 {
				t.Errorf("%d lines:\n%s", n, out.buf.String())
			}
			r.set(nil)
			caughtUp(t, m)
			r.check(t, dir, 0)
		})
	}
}

// 400 for everything is a mistake of the place, not of what it is sent.
func TestEverythingRefused(t *testing.T) {
	dir := filled(t, 300)
	r := newReceiver(t)
	r.set(func([]string, []byte) int { return http.StatusBadRequest })
	var out lines
	var told atomic.Int32
	o := options(dir, "hook", hook(r.URL))
	o.Logger, o.Refused = out.logger(), func(context.Context, mirror.Refusal) error { told.Add(1); return nil }
	m, _ := start(t, o)
	until(t, "still", func() bool { return out.count("stands still") > 0 })
	asked := r.asked()
	until(t, "tried again", func() bool { return r.asked() > asked+5 })
	if n := told.Load(); n != 16 {
		t.Errorf("%d records were passed over", n)
	}
	r.set(nil)
	caughtUp(t, m)
	if n := r.len() + int(told.Load()); n != 300 {
		t.Errorf("%d of 300 records have arrived or are told of", n)
	}
}

// Many records in a row that a place does not take hold up nobody, as long as it
// takes others.
func TestARunOfRefused(t *testing.T) {
	dir := filled(t, 300)
	ids, _ := should(t, dir)
	poison := ids[50:130]
	r := newReceiver(t)
	r.set(func(ids []string, _ []byte) int { return refuse(ids, poison, http.StatusBadRequest) })
	var told atomic.Int32
	o := options(dir, "hook", hook(r.URL))
	o.Refused = func(context.Context, mirror.Refusal) error { told.Add(1); return nil }
	m, stop := start(t, o)
	caughtUp(t, m)
	stop()
	if told.Load() != 80 {
		t.Errorf("told of %d", told.Load())
	}
	if n := r.len(); n < 220 || n > 230 {
		t.Errorf("%d records arrived", n)
	}
	slices.Sort(r.ids)
	if n := len(slices.Compact(r.ids)); n != 220 {
		t.Errorf("%d different records arrived", n) // some came again, to see whether it takes any
	}
}

// That a record was refused is a record, and it may be refused as well: there is an
// end to it.
func TestRefusedRefusals(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir)
	add(t, l, call(0))
	r := newReceiver(t)
	r.set(func(ids []string, body []byte) int {
		if strings.Contains(string(body), mirror.EventRefused) || strings.Contains(string(body), "0190-call-0") {
			return http.StatusBadRequest
		}
		return http.StatusOK
	})
	o := options(dir, "hook", hook(r.URL))
	o.Refused = func(ctx context.Context, what mirror.Refusal) error {
		_, err := l.Append(ctx, audit.Record{Phase: audit.PhaseEvent, Event: mirror.EventRefused, Spans: []audit.Span{{First: what.First, End: what.End}}})
		return err
	}
	m, _ := start(t, o)
	until(t, "told", func() bool { return l.Size() == 2 })
	caughtUp(t, m)
	add(t, l, call(1))
	caughtUp(t, m)
	if l.Size() != 3 || r.len() != 1 {
		t.Errorf("%d records in the log, %d arrived", l.Size(), r.len())
	}
}

// Records that were moved to an archive before they were sent are told of; a mirror
// that begins after that is sent what is there.
func TestMovedAwayUnsent(t *testing.T) {
	dir := filled(t, 100)
	r := newReceiver(t)
	m, stop := start(t, options(dir, "hook", hook(r.URL)))
	caughtUp(t, m)
	stop()
	l := open(t, dir)
	size := l.Size()
	var all sync.WaitGroup
	for i := range 8 { // together more than a segment
		all.Go(func() {
			big := call(i)
			big.Arguments = json.RawMessage(`"` + strings.Repeat("x", 250_000) + `"`)
			for range 36 {
				add(t, l, big)
			}
		})
	}
	all.Wait()
	// Archive waits for those who have not read it; a bookmark that was put back later
	// it cannot see.
	bookmarks := filepath.Join(dir, "subscribers")
	if err := os.Rename(bookmarks, bookmarks+".away"); err != nil {
		t.Fatal(err)
	}
	moved, err := l.Archive(t.Context(), t.TempDir(), time.Now().Add(time.Hour), "root")
	if err := os.Rename(bookmarks+".away", bookmarks); err != nil {
		t.Fatal(err)
	}
	if err != nil || moved.First != 0 || moved.End <= size {
		t.Fatalf("moved %v: %v", moved, err)
	}
	var told []mirror.Refusal
	o := options(dir, "hook", hook(r.URL))
	o.Refused = func(_ context.Context, what mirror.Refusal) error { told = append(told, what); return nil }
	m, stop = start(t, o)
	caughtUp(t, m)
	stop()
	if len(told) != 1 || told[0].First != size || told[0].End != moved.End || told[0].Count != moved.End-size {
		t.Errorf("told of %+v, %d to %d were moved", told, size, moved.End)
	}
	told = nil
	o.Name = "new"
	m, stop = start(t, o)
	caughtUp(t, m)
	stop()
	if len(told) > 0 {
		t.Errorf("told of %+v", told)
	}
}
