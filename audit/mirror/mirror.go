// Package mirror sends every record of an audit log to another place: a stream of
// Redis, a webhook, a file for a log shipper, a collector of logs.
//
// # What is promised
//
// A mirror loses nothing. It follows the log through an audit.Subscription, from
// where the place last acknowledged: after a crash, and after a day of either side
// being down. A place that is slow or gone holds up no call and no other mirror;
// what waits for it waits in the log, on disk, so the memory is one lot: at most
// 1024 records or about 1 MiB of them.
//
// Delivery is at least once. What can come twice is the last lot before a crash, and
// what a place took without saying so. Each record has an id, of the log's name and
// its index, that stays: the place tells repeats by it. For Redis and files this
// package leaves repeats out itself, as far as that is certain.
//
// What a place refuses for what it holds (HTTP 400, 422; 413 alone) is narrowed down
// to the single record, told to Options.Refused, and passed over: nobody waits
// behind it for ever. That is only done for a few in a row. A place that refuses
// everything is one that is set up wrong, as is one that refuses the mirror itself
// (401, 403, 404): then the mirror stands still, says so, tries again from time to
// time, and passes nothing over.
//
// # What it defends against
//
// A place is not trusted: what it says is bounded by its Sink, and none can hang the
// mirror for longer than its patience. Secrets stay within the sinks, and never come
// into an error.
package mirror

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"toolvault/audit"
)

// Sink is a place that records are sent to. A mirror calls it from one goroutine
// at a time.
type Sink interface {
	// Send returns nil when the place has all of a lot for good. Its Records may be
	// none, which tells only how far the log was looked at. An error may be a
	// *TooLarge, *Refused, *Partly, *Behind or *Closed; any other means that
	// the same is to be sent again after a while, for which a *Later tells how long.
	Send(ctx context.Context, lot Lot) error
	Close() error
}

// Lot is a piece of a log, in order.
type Lot struct {
	Log        string // the name of the log, which is the origin of its checkpoints
	First, End int64  // the indices of what it covers, from the first to the one before End
	Records    []Record
	Mark       Digest // of the record before End, be it among Records or not
}

// Refusal is what a place has refused for good.
type Refusal struct {
	Mirror     string
	First, End int64 // as in Lot; one record, where it is known which
	Count      int64 // how many of them
	Reason     error
}

// Options say what to mirror, and where to.
type Options struct {
	Dir    string // of the log
	Log    string // its name
	Name   string // of the mirror: letters, digits and hyphens; its bookmark is kept by it
	Filter Filter

	// Open opens the place; it is closed when Run ends. While the place refuses the
	// mirror it is opened anew from time to time, so that a secret that has changed
	// since is read again. An error is taken for such a refusal.
	Open func() (Sink, error)

	// Refused hears of what is passed over, before it is: an error means that it
	// is not yet.
	Refused  func(context.Context, Refusal) error
	Failed   func()                      // hears of each attempt that failed; nil: nobody
	Logger   *slog.Logger                // nil: none
	Wait     func(try int) time.Duration // before the next attempt, from 0; nil: Backoff
	Pause    time.Duration               // between attempts at a place that refuses us; 0: five minutes
	Patience time.Duration               // for one attempt; 0: 30 s
}

// Mirror is one place that a log is sent to.
type Mirror struct {
	Options
	subscription audit.Subscription
	sink         Sink  // nil: not open
	next         int64 // index that must come next; negative: the bookmark says
	outage       outage
	most         int     // records of a lot, since a larger one was too large; 0: any
	taken        int     // lots in a row since then
	inARow       int     // records refused since the place has taken one
	good         *Record // that it has taken last; nil: none yet
	abandoned    bool    // a Send has not ended with the context
}

const (
	patience = 30 * time.Second
	grace    = 2 * time.Second // for an attempt to end after the context has
	pause    = 5 * time.Minute
)

// New makes a mirror, which does nothing until it runs.
func New(o Options) *Mirror {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Wait == nil {
		o.Wait = Backoff
	}
	if o.Pause == 0 {
		o.Pause = pause
	}
	if o.Patience == 0 {
		o.Patience = patience
	}
	m := &Mirror{Options: o, subscription: audit.Subscription{Dir: o.Dir, Name: "mirror-" + o.Name}}
	m.outage = outage{logger: o.Logger.With("mirror", o.Name), now: time.Now}
	return m
}

// Backoff is how long to wait after a failed attempt: a second, doubled up to a
// minute, and spread by a quarter, so that those who failed together do not come
// back together.
func Backoff(try int) time.Duration {
	d := time.Minute
	if try < 6 {
		d = time.Second << try
	}
	return d - time.Duration(rand.Int64N(int64(d)/4))
}

// Run mirrors until the context ends, which is no error. It waits while another
// process of the machine does the same.
func (m *Mirror) Run(ctx context.Context) error {
	defer m.close()
	for try := 0; ; try++ {
		m.next = -1
		err := m.subscription.Run(ctx, m.take)
		if ctx.Err() != nil {
			return nil
		}
		// Only the log's folder is left as the reason: the rest is tried again below.
		m.outage.begin(fmt.Errorf("the log cannot be read: %w", err))
		m.failed()
		if !sleep(ctx, m.Wait(try)) {
			return nil
		}
	}
}

// Lag is how many records of the log the place has not acknowledged, whichever
// process sends them.
func (m *Mirror) Lag() (int64, error) {
	size, _, err := audit.Newest(m.Dir)
	if err != nil {
		return 0, fmt.Errorf("mirror %s: %w", m.Name, err)
	}
	at, err := m.subscription.Position()
	if err != nil {
		at = 0 // it has never run
	}
	return max(size-at, 0), nil
}

// take delivers what the subscription hands out. It returns only when all of it
// is where it belongs, or the context has ended.
func (m *Mirror) take(ctx context.Context, list []audit.Raw) error {
	if err := m.gap(ctx, list[0].Index); err != nil {
		return err
	}
	lot, err := m.lot(ctx, list)
	if err != nil {
		return err
	}
	m.next = lot.End
	for try := 0; ; try++ {
		err := m.deliver(ctx, lot)
		var behind *Behind
		if errors.As(err, &behind) {
			err = m.catchUp(ctx, behind, lot.First)
			if err == nil {
				continue
			}
		}
		if err == nil || ctx.Err() != nil {
			return err
		}
		m.outage.begin(fmt.Errorf("the log cannot be read again: %w", err))
		if !sleep(ctx, m.Wait(try)) {
			return context.Cause(ctx)
		}
	}
}

// gap tells of records that were moved out of the log before they were sent. For a
// mirror that begins there is none: it is sent what is there.
func (m *Mirror) gap(ctx context.Context, first int64) error {
	if m.next < 0 {
		m.next, _ = m.subscription.Position() // 0 where it cannot be read
	}
	if m.next <= 0 || first <= m.next {
		return nil
	}
	return m.refuse(ctx, Refusal{m.Name, m.next, first, first - m.next, errors.New("they were moved out of the log before they were sent")}, nil)
}

// catchUp sends again what a place has lost. Should it lose more meanwhile, take
// hears of it again.
func (m *Mirror) catchUp(ctx context.Context, behind *Behind, end int64) error {
	m.outage.logger.Warn("the mirror has lost records that it had acknowledged: they are sent again", "from", behind.Next, "to", end-1)
	var list []audit.Raw
	bytes := 0
	flush := func() error {
		if len(list) == 0 {
			return nil
		}
		lot, err := m.lot(ctx, list)
		if err == nil {
			err = m.deliver(ctx, lot)
		}
		list, bytes = list[:0], 0
		return err
	}
	_, err := audit.Scan(ctx, m.Dir, behind.Next, func(r audit.Raw) error {
		if r.Index >= end {
			return errEnd
		}
		list = append(list, r.Clone())
		if bytes += len(r.Leaf) + len(r.Body); len(list) < 1024 && bytes < 1<<20 {
			return nil
		}
		return flush()
	})
	if err == nil || errors.Is(err, errEnd) {
		err = flush()
	}
	if again := (*Behind)(nil); errors.As(err, &again) && ctx.Err() == nil {
		return nil
	}
	return err
}

var errEnd = errors.New("end")

// close lets go of the place; not of one that is still at work.
func (m *Mirror) close() {
	if m.sink != nil && !m.abandoned {
		_ = m.sink.Close()
	}
	m.sink = nil
}

func (m *Mirror) failed() {
	if m.Failed != nil {
		m.Failed()
	}
}

// sleep reports whether the time has passed before the context ended.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
