package many

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"toolvault/audit"
	"toolvault/audit/internal/leaf"
)

const (
	// maxWaiting bounds the bytes of the records that wait behind a write that has
	// not ended: beyond, the write leaves its place and is shown when it ends.
	maxWaiting = 8 << 20
	// maxOpen bounds the writes that have not ended.
	maxOpen = 100_000

	// After its deadline, or so long after its beginning where it has none, a write
	// has no outcome any more (package audit); by clocks that do not go alike it may
	// have one in the log for a while.
	longestCall = 5 * time.Minute
	grace       = Slack
)

// Oldest calls fn for the entries of one log that the filter selects, oldest
// first by their index, which for a write is that of its intent. A write during
// which more than 8 MiB of others were written stands where it ended. Limit is
// how many of the oldest. An error of fn ends it and is returned. progress hears
// now and then how many of how many records are read; nil: nobody.
//
// It reads beside writers, as far as the log went when it began, and without the
// key.
func Oldest(ctx context.Context, dir string, f audit.Filter, progress func(done, total int64), fn func(audit.Entry) error) error {
	from, size, err := Seek(dir, f.Since)
	if err != nil {
		return err
	}
	o := ordered{filter: f, fn: fn, now: time.Now(), open: map[string]*place{}}
	f.Limit = 0
	o.all = f == audit.Filter{}
	_, err = audit.Scan(ctx, dir, from, func(r audit.Raw) error {
		if r.Index >= size {
			return errEnd
		}
		if progress != nil && (r.Index-from)%1024 == 0 {
			progress(r.Index-from, size-from)
		}
		return o.take(r)
	})
	if err == nil || errors.Is(err, errEnd) {
		err = o.end()
	}
	if errors.Is(err, errLimit) {
		return nil
	}
	return err
}

var (
	errEnd   = errors.New("what follows is not asked for")
	errLimit = errors.New("as many as were asked for")
)

// place is an entry's place in the order. What waits is kept as it stands in the
// log: that is a third of what its entry takes.
type place struct {
	raw, outcome audit.Raw // copies
	until        time.Time // of an intent: when it can have no outcome any more
	bytes        int
	ended        bool
	shown        bool // or does not fit the filter
	parted       bool // has left the queue
}

type ordered struct {
	filter  audit.Filter
	all     bool // whatever there is
	fn      func(audit.Entry) error
	now     time.Time
	queue   []*place          // in order; the first is a write that has not ended
	open    map[string]*place // by call id
	waiting int               // bytes in queue
	given   int
	n       int
}

// glance is what take has to know of a record.
type glance struct {
	phase, callID []byte
	time          time.Time
	deadline      time.Time
}

func look(line []byte) (g glance) {
	m := leaf.Of(line)
	for m.Next() {
		switch string(m.Name) {
		case "time":
			g.time = leaf.Time(m.Value)
		case "phase":
			g.phase = leaf.Text(m.Value)
			if s := string(g.phase); s != string(audit.PhaseIntent) && s != string(audit.PhaseOutcome) {
				return g
			}
		case "call_id":
			g.callID = leaf.Text(m.Value)
			if string(g.phase) == string(audit.PhaseOutcome) {
				return g
			}
		case "deadline":
			g.deadline = leaf.Time(m.Value)
		}
	}
	return g
}

func (o *ordered) take(r audit.Raw) error {
	g := look(r.Leaf)
	if !o.filter.Until.IsZero() && g.time.After(o.filter.Until.Add(Slack)) {
		return errEnd
	}
	if o.n++; o.n%1024 == 0 {
		if err := o.expire(g.time); err != nil {
			return err
		}
	}
	switch audit.Phase(g.phase) {
	case audit.PhaseIntent:
		if len(o.open) >= maxOpen {
			return o.add(r)
		}
		p := &place{raw: r.Clone(), bytes: len(r.Leaf) + len(r.Body), until: lastMoment(g)}
		o.open[string(g.callID)] = p
		o.queue = append(o.queue, p)
		o.waiting += p.bytes
		return o.flush()
	case audit.PhaseOutcome:
		if p := o.open[string(g.callID)]; p != nil {
			delete(o.open, string(g.callID))
			return o.close(p, r)
		}
	}
	return o.add(r)
}

func lastMoment(g glance) time.Time {
	if g.deadline.IsZero() {
		return g.time.Add(longestCall + grace)
	}
	return g.deadline.Add(grace)
}

// add gives what is not a write that has begun its place behind what waits.
func (o *ordered) add(r audit.Raw) error {
	if len(o.queue) == 0 || !o.all {
		e, ok := o.join(r, audit.Raw{})
		switch {
		case !ok:
			return nil
		case len(o.queue) == 0:
			return o.give(e)
		}
	}
	o.queue = append(o.queue, &place{raw: r.Clone(), ended: true, bytes: len(r.Leaf) + len(r.Body)})
	o.waiting += len(r.Leaf) + len(r.Body)
	return o.flush()
}

// close ends a write.
func (o *ordered) close(p *place, outcome audit.Raw) error {
	p.ended = true
	if p.parted || o.queue[0] == p {
		p.outcome = outcome // lent, and shown at once
	} else if o.all || o.fits(p.raw, outcome) {
		p.outcome = outcome.Clone()
	} else {
		p.shown = true
	}
	if p.parted {
		return o.show(p)
	}
	return o.flush()
}

func (o *ordered) fits(r, outcome audit.Raw) bool {
	_, ok := o.join(r, outcome)
	return ok
}

// join makes an entry; ok is false for what the filter does not select, and for
// what cannot be read, which is for Verify to name.
func (o *ordered) join(r, outcome audit.Raw) (audit.Entry, bool) {
	e, err := audit.Join(r, outcome, o.now)
	return e, err == nil && o.filter.Match(&e)
}

// flush shows what waits no longer.
func (o *ordered) flush() error {
	for len(o.queue) > 0 {
		p := o.queue[0]
		if !p.ended && o.waiting <= maxWaiting {
			return nil
		}
		o.queue[0] = nil
		o.queue = o.queue[1:]
		o.waiting -= p.bytes
		if p.parted = true; !p.ended {
			continue
		}
		if err := o.show(p); err != nil {
			return err
		}
	}
	return nil
}

func (o *ordered) show(p *place) error {
	if p.shown {
		return nil
	}
	p.shown = true
	e, ok := o.join(p.raw, p.outcome)
	if p.raw, p.outcome = (audit.Raw{}), (audit.Raw{}); !ok {
		return nil
	}
	return o.give(e)
}

func (o *ordered) give(e audit.Entry) error {
	if err := o.fn(e); err != nil {
		return err
	}
	if o.given++; o.filter.Limit > 0 && o.given >= o.filter.Limit {
		return errLimit
	}
	return nil
}

// expire ends the writes that can have no outcome any more, by the time of the
// records.
func (o *ordered) expire(now time.Time) error {
	var ids []string
	for id, p := range o.open {
		if now.After(p.until) {
			ids = append(ids, id)
		}
	}
	for _, id := range o.inOrder(ids) {
		p := o.open[id]
		delete(o.open, id)
		if err := o.close(p, audit.Raw{}); err != nil {
			return err
		}
	}
	return nil
}

// inOrder sorts ids of open writes by their places in the log.
func (o *ordered) inOrder(ids []string) []string {
	slices.SortFunc(ids, func(a, b string) int { return cmp.Compare(o.open[a].raw.Index, o.open[b].raw.Index) })
	return ids
}

// end shows what has no outcome.
func (o *ordered) end() error {
	left := o.inOrder(slices.Collect(maps.Keys(o.open)))
	for len(o.queue) > 0 {
		p := o.queue[0]
		p.ended, p.parted = true, true
		o.queue = o.queue[1:]
		if err := o.show(p); err != nil {
			return err
		}
	}
	for _, id := range left { // those that have left the queue
		if err := o.show(o.open[id]); err != nil {
			return err
		}
	}
	return nil
}
