package vault

import (
	"container/heap"
	"context"
	"errors"
	"sync"
	"time"
)

const (
	defaultConcurrency = 8
	// A token that could not be renewed ahead of its end is tried again after so
	// long, and twice as long each time.
	retryFirst, retryLast = 5 * time.Second, time.Minute
	// idleAfter is how long after its last use a token is still renewed ahead, or
	// twice its life where that is longer.
	idleAfter = time.Hour
)

// ahead is when tokens in use are to be renewed.
type ahead struct {
	mu      sync.Mutex
	running bool
	queue   appointments // a heap by time
	byName  map[string]*appointment
	wake    chan struct{}
}

type appointment struct {
	target target
	at     time.Time
	tries  int
	index  int // in the heap; -1: it is being kept
}

// renewAhead has a token renewed in the background when it is due. It reports
// whether somebody is there to do it.
func (v *Vault) renewAhead(t target, s Stored) bool { return v.book(t, s.due(t.name), 0) }

func (v *Vault) book(t target, at time.Time, tries int) bool {
	a := &v.ahead
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.running || at.IsZero() {
		return a.running
	}
	p := a.byName[t.name]
	switch {
	case p == nil:
		p = &appointment{target: t, at: at, tries: tries}
		a.byName[t.name] = p
		heap.Push(&a.queue, p)
	case p.index < 0: // it is being kept, and books the next one itself
		return true
	case tries == 0 && p.tries > 0 && at.Before(p.at): // it has failed: calls do not hurry it
		return true
	default:
		p.target, p.at, p.tries = t, at, tries
		heap.Fix(&a.queue, p.index)
	}
	select {
	case a.wake <- struct{}{}:
	default:
	}
	return true
}

// keepAhead keeps appointments until ctx ends.
func (v *Vault) keepAhead(ctx context.Context) {
	a := &v.ahead
	a.mu.Lock()
	a.running, a.byName, a.queue, a.wake = true, map[string]*appointment{}, nil, make(chan struct{}, 1)
	a.mu.Unlock()
	var kept sync.WaitGroup
	defer func() {
		a.mu.Lock()
		a.running = false
		a.mu.Unlock()
		kept.Wait()
	}()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		timer.Reset(a.wait(v.clock()))
		select {
		case <-ctx.Done():
			return
		case <-a.wake:
			continue
		case <-timer.C:
		}
		for _, p := range a.due(v.clock()) {
			kept.Go(func() { v.keepAppointment(ctx, p) })
		}
	}
}

// wait is how long it is to the next appointment, a second at most: the clock may
// be set.
func (a *ahead) wait(now time.Time) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.queue) == 0 {
		return time.Second
	}
	return min(time.Second, max(0, a.queue[0].at.Sub(now)))
}

func (a *ahead) due(now time.Time) []*appointment {
	a.mu.Lock()
	defer a.mu.Unlock()
	var all []*appointment
	for len(a.queue) > 0 && !a.queue[0].at.After(now) {
		all = append(all, heap.Pop(&a.queue).(*appointment))
	}
	return all
}

// over forgets an appointment that has been kept.
func (a *ahead) over(p *appointment) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.byName[p.target.name] == p {
		delete(a.byName, p.target.name)
	}
}

// keepAppointment renews one token, and books its next appointment.
func (v *Vault) keepAppointment(ctx context.Context, p *appointment) {
	t := p.target
	leave, err := v.queue(ctx, t.d.Service)
	if err != nil {
		v.ahead.over(p)
		return
	}
	defer leave()
	s, _, err := v.current(ctx, t)
	now := v.clock()
	switch {
	case err != nil || !v.inUse(t.name, s, now) || s.State.Bad():
		v.ahead.over(p)
	case s.fresh(t.name, now): // another process was quicker
		v.ahead.over(p)
		v.renewAhead(t, s)
	default:
		t.stale = s.Secret
		_, err := v.refresh(ctx, t, false)
		v.ahead.over(p)
		if err == nil { // the refresh has booked the next one, unless another process did it
			if s, _, err := v.current(ctx, t); err == nil {
				v.renewAhead(t, s)
			}
			return
		}
		if ctx.Err() == nil && (errors.Is(err, ErrUnavailable) || !errors.Is(err, ErrInvalid) && !errors.Is(err, ErrNeedsConsent)) {
			v.log.Warn("a token could not be renewed ahead of its end; it is tried again", "credential", t.d.ID, "error", err)
			wait := min(retryLast, retryFirst<<min(p.tries, 6))
			v.book(t, now.Add(wait+time.Duration(float64(wait)*spread(t.name)/2)), p.tries+1)
		}
	}
}

func (v *Vault) inUse(name string, s Stored, now time.Time) bool {
	return now.Sub(v.usage.last(name)) < max(idleAfter, 2*s.life())
}

// slot waits for the right to ask a service's token endpoint. Not more than
// Provider.Concurrency have it at a time.
func (v *Vault) slot(ctx context.Context, service string) (func(), error) {
	return v.slots.take(ctx, service, v.concurrency(service))
}

// queue is slot for what happens in the background, which leaves half of them to
// calls that wait.
func (v *Vault) queue(ctx context.Context, service string) (func(), error) {
	return v.behind.take(ctx, service, max(1, v.concurrency(service)/2))
}

func (v *Vault) concurrency(service string) int {
	if n := v.app(service).Concurrency; n > 0 {
		return n
	}
	return defaultConcurrency
}

// slots are counted rights, by service.
type slots struct {
	mu        sync.Mutex
	byService map[string]chan struct{}
}

func (s *slots) take(ctx context.Context, service string, n int) (func(), error) {
	s.mu.Lock()
	c := s.byService[service]
	if c == nil || cap(c) != n { // a new number: those who have a right of the old give it back there
		if s.byService == nil {
			s.byService = map[string]chan struct{}{}
		}
		c = make(chan struct{}, n)
		s.byService[service] = c
	}
	s.mu.Unlock()
	select {
	case c <- struct{}{}:
		return func() { <-c }, nil
	case <-ctx.Done():
		return nil, because(ErrUnavailable, "too many tokens of %s are refreshed at the same time: %w", service, ctx.Err())
	}
}

// appointments is a heap by time.
type appointments []*appointment

func (q appointments) Len() int           { return len(q) }
func (q appointments) Less(i, j int) bool { return q[i].at.Before(q[j].at) }
func (q appointments) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}
func (q *appointments) Push(x any) {
	p := x.(*appointment)
	p.index = len(*q)
	*q = append(*q, p)
}
func (q *appointments) Pop() any {
	old := *q
	p := old[len(old)-1]
	p.index = -1
	*q = old[:len(old)-1]
	return p
}
