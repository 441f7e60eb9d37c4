package anchor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"toolvault/audit"
)

const statesDir = "anchors"

// state is what is remembered of a place across restarts, in anchors/NAME.json in
// the folder of the log.
type state struct {
	Size     int64     `json:"size"`              // of the newest checkpoint that it took
	At       time.Time `json:"at"`                // when
	Failing  time.Time `json:"failing,omitzero"`  // since when; zero: it does not
	Reported bool      `json:"reported,omitzero"` // that it does
}

func statePath(dir, name string) string { return filepath.Join(dir, statesDir, name+".json") }

func (a *Anchor) load() state {
	var s state
	text, err := os.ReadFile(statePath(a.o.Dir, a.o.Name))
	if err != nil || json.Unmarshal(text, &s) != nil || s.Size < 0 {
		return state{} // the place gets the newest checkpoint once more
	}
	return s
}

// save keeps the state; it need not be durable.
func (a *Anchor) save() error {
	text, err := json.Marshal(a.state)
	if err != nil {
		return err
	}
	dir := filepath.Join(a.o.Dir, statesDir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, "."+a.o.Name+".*"+newSuffix)
	if err != nil {
		return err
	}
	_, err = f.Write(append(text, '\n'))
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), statePath(a.o.Dir, a.o.Name))
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

// took notes that the place has a checkpoint.
func (a *Anchor) took(ctx context.Context, c Checkpoint) error {
	now := a.o.Now()
	was := a.state
	a.state = state{Size: max(c.Size, was.Size), At: now}
	if a.logged || was.Reported {
		a.logged = false
		a.o.Logger.Info("the audit log's checkpoints are anchored again", "records", c.Size)
	}
	err := a.save()
	if was.Reported {
		a.o.Report(ctx, Report{For: now.Sub(was.Failing)})
	}
	return err
}

// failed notes that the place, or the log, has failed once more.
func (a *Anchor) failed(ctx context.Context, err error) {
	now := a.o.Now()
	if a.state.Failing.IsZero() {
		a.state = a.load()
	}
	if a.state.Failing.IsZero() {
		a.state.Failing = now
	}
	grave := errors.Is(err, ErrHistory)
	if errors.Is(err, ErrLost) {
		err = fmt.Errorf("%w; if it was moved away on purpose, remove %s to begin anew", err, statePath(a.o.Dir, a.o.Name))
	}
	if !a.logged || grave && !a.state.Reported {
		a.logged = true
		a.o.Logger.Error("the audit log's newest checkpoint could not be anchored; it is tried again", "error", err)
	}
	long := now.Sub(a.state.Failing)
	if !a.state.Reported && (grave || long >= a.overdue()) {
		a.state.Reported = true
		status, _ := a.Status()
		a.o.Report(ctx, Report{Err: err, For: long, Behind: status.Behind})
	}
	if err := a.save(); err != nil {
		a.o.Logger.Debug("the state of an anchor is not kept", "error", err)
	}
}

// Status tells how far a place is. It may be asked for in any process, and while
// Run runs.
type Status struct {
	Size    int64         // of the newest checkpoint that the place has taken; 0: none
	At      time.Time     // when it took it
	Failing time.Time     // since when it fails; zero: it does not
	Behind  int64         // records that came later
	Oldest  time.Duration // how long ago the first of them came
}

// Status reads how far the place is.
func (a *Anchor) Status() (Status, error) {
	size, _, err := audit.Newest(a.o.Dir)
	if err != nil {
		return Status{}, err
	}
	from := a.load()
	s := Status{Size: from.Size, At: from.At, Failing: from.Failing, Behind: max(0, size-from.Size)}
	if s.Behind == 0 {
		return s, nil
	}
	r := audit.NewReader(a.o.Dir)
	raw, err := r.At(s.Size)
	if err == nil {
		var rec audit.Record
		rec, err = raw.Record()
		s.Oldest = max(0, a.o.Now().Sub(rec.Time))
	}
	return s, errors.Join(err, r.Close())
}

// Name is the anchor's.
func (a *Anchor) Name() string { return a.o.Name }

// Now gives the place the newest checkpoint at once, whether it is its turn or
// not, and once. It may be called while another process runs the anchor.
func (a *Anchor) Now(ctx context.Context) (Checkpoint, error) {
	c, err := Newest(a.o.Dir)
	if err != nil {
		return c, err
	}
	return c, a.o.Place.Put(ctx, c, a.load().Size)
}
