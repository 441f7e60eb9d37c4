package anchor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"time"

	"toolvault/audit"
)

// Place takes checkpoints.
type Place interface {
	// Put gives a checkpoint to the place and returns when the place has taken it;
	// last is the size of the newest that it took before, 0 for none. A place may
	// get the same one again. An error may have the method RetryAfter()
	// time.Duration: how long the place wants to be left alone. A place may have the
	// method Check, which is Put that changes nothing, to be asked at the start.
	Put(ctx context.Context, c Checkpoint, last int64) error
}

// Options says what is anchored, where, and how often.
type Options struct {
	Dir   string // of the log
	Name  string // of the anchor: letters, digits and hyphens, the same after a restart
	Place Place
	Every time.Duration // the least between two checkpoints; 0: each as it comes

	// Refresh, where it is not 0, gives the place the newest checkpoint again when
	// nothing was recorded for as long: for witnesses, who sign the time too.
	Refresh time.Duration

	Now    func() time.Time // nil: time.Now
	Logger *slog.Logger     // hears once when the place fails, and once when it works again; nil: nobody

	// Report hears when the place has failed for long, and of ErrHistory at once;
	// and then again when it works: once each. It is called where the next
	// checkpoint waits for it. nil: nobody.
	Report func(ctx context.Context, r Report)

	wait func(try int) time.Duration // for tests
}

// Report is what is worth a record.
type Report struct {
	Err    error         // nil: it works again
	For    time.Duration // since it has failed
	Behind int64         // records that no checkpoint which the place has taken covers
}

// Anchor gives the checkpoints of one log to one place.
type Anchor struct {
	o      Options
	state  state // for whoever has the turn
	logged bool  // that it fails
}

// New checks nothing that Run does not find out.
func New(o Options) *Anchor {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Report == nil {
		o.Report = func(context.Context, Report) {}
	}
	if o.wait == nil {
		o.wait = backoff
	}
	o.Logger = o.Logger.With("anchor", o.Name)
	return &Anchor{o: o}
}

// backoff doubles from a second up to five minutes, and spreads by a quarter.
func backoff(try int) time.Duration {
	d := min(time.Second<<min(try, 20), 5*time.Minute)
	return d - time.Duration(rand.Int64N(int64(d)/4))
}

// overdue is how long a place may fail before that is worth a record.
func (a *Anchor) overdue() time.Duration { return max(15*time.Minute, 4*a.o.Every) }

// Run feeds the place until the context ends, and never fails: what goes wrong is
// tried again. Of all processes of the machine that run an anchor of this name
// one feeds it; the others wait until that ends.
func (a *Anchor) Run(ctx context.Context) error {
	for try := 0; ctx.Err() == nil; try++ {
		began := a.o.Now()
		err := a.feed(ctx)
		if err == nil || ctx.Err() != nil {
			return nil
		}
		if a.o.Now().Sub(began) > time.Hour {
			try = 0
		}
		a.failed(ctx, err)
		pause(ctx, a.o.wait(try))
	}
	return nil
}

// feed is Run up to the first thing that goes wrong with the log.
func (a *Anchor) feed(ctx context.Context) error {
	size, _, err := audit.Newest(a.o.Dir)
	if err != nil {
		return err
	}
	sub := audit.Subscription{Dir: a.o.Dir, Name: a.o.Name, Start: max(0, size-1)} // the newest checkpoint is enough to begin with
	position, err := sub.Position()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if position > size {
		if size, _, err = audit.Newest(a.o.Dir); err != nil { // it may have grown in between
			return err
		}
	}
	if position > size {
		return fmt.Errorf("%w (a checkpoint of %d records was anchored, and the log has %d: it was rolled back)", ErrHistory, position, size)
	}
	if err := a.check(ctx); err != nil {
		return err
	}
	for _, sub := range []string{statesDir, witnessDir} {
		sweep(filepath.Join(a.o.Dir, sub))
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	turn := make(chan struct{}, 1) // one at a time gives to the place
	go func() {
		defer close(done)
		a.refresh(ctx, turn)
	}()
	defer func() { <-done }()
	defer cancel()
	return sub.Run(ctx, func(ctx context.Context, list []audit.Raw) error {
		select {
		case turn <- struct{}{}:
			defer func() { <-turn }()
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		return a.cover(ctx, list[len(list)-1].Index+1)
	})
}

// check asks a place that can be asked whether what it has is of this history,
// before there is anything new to give to it.
func (a *Anchor) check(ctx context.Context) error {
	place, ok := a.o.Place.(interface {
		Check(ctx context.Context, c Checkpoint, last int64) error
	})
	s := a.load()
	if !ok || s.Size == 0 {
		return nil
	}
	c, err := Newest(a.o.Dir)
	if err != nil {
		return err
	}
	return place.Check(ctx, c, s.Size)
}

// cover returns when the place has a checkpoint over the first size records.
func (a *Anchor) cover(ctx context.Context, size int64) error {
	a.state = a.load()
	for a.state.Size < size {
		pause(ctx, min(a.o.Every, a.state.At.Add(a.o.Every).Sub(a.o.Now())))
		if err := a.give(ctx); err != nil {
			return err
		}
	}
	return nil
}

// give gives the newest checkpoint to the place, as often as it takes. The error
// is for a log that cannot be read, and for the context's end.
func (a *Anchor) give(ctx context.Context) error {
	doubted := false
	for try := 0; ; try++ {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		c, err := Newest(a.o.Dir)
		if err != nil {
			return err
		}
		err = a.o.Place.Put(ctx, c, a.state.Size)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err == nil {
			return a.took(ctx, c)
		}
		if errors.Is(err, ErrHistory) && !doubted {
			doubted = true // somebody else may have put a newer one since this was read
			continue
		}
		a.failed(ctx, err)
		pause(ctx, max(a.o.wait(try), retryAfterOf(err)))
	}
}

// Newest is the newest checkpoint of the log in a folder.
func Newest(dir string) (Checkpoint, error) {
	size, note, err := audit.Newest(dir)
	if err != nil {
		return Checkpoint{}, err
	}
	if size == 0 {
		return Checkpoint{}, errors.New("the audit log has no checkpoint yet")
	}
	return Parse(note)
}

// retryAfterOf is how long a place wants to be left alone, an hour at most.
func retryAfterOf(err error) time.Duration {
	var asked interface{ RetryAfter() time.Duration }
	if !errors.As(err, &asked) {
		return 0
	}
	return min(asked.RetryAfter(), time.Hour)
}

// refresh gives the place the newest checkpoint again when the log is still.
func (a *Anchor) refresh(ctx context.Context, turn chan struct{}) {
	if a.o.Refresh <= 0 {
		return
	}
	for ctx.Err() == nil {
		// Two processes of a machine are not to do it at the same time.
		pause(ctx, a.o.Refresh/8+time.Duration(rand.Int64N(int64(a.o.Refresh)/8+1)))
		select {
		case turn <- struct{}{}:
		default:
			continue // there is something to record
		}
		a.again(ctx)
		<-turn
	}
}

func (a *Anchor) again(ctx context.Context) {
	a.state = a.load()
	if a.o.Now().Sub(a.state.At) < a.o.Refresh {
		return
	}
	c, err := Newest(a.o.Dir)
	if err != nil || c.Size != a.state.Size || ctx.Err() != nil {
		return // what there is to say is said where the log is fed
	}
	if err := a.o.Place.Put(ctx, c, a.state.Size); err == nil {
		_ = a.took(ctx, c)
	} else if ctx.Err() == nil {
		a.failed(ctx, err)
	}
}

func pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
