package limits

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"toolvault/vault/store"
)

const (
	// patience is how long a call waits for the store at most.
	patience = 5 * time.Second
	// again is how soon the store is asked anew after it had nothing left, or did
	// not answer: an agent that has run wild must not run into the store.
	again = time.Second
	// share is the part of what is left that a slice is at most: one in so many.
	share = 8
	// near is how near to its end a budget is counted one by one, so that no process
	// holds what another could use: so many calls, or slices of bytes.
	near = 32
	// growth is how many times the last slice the next one may be.
	growth = 4
	// least is what a slice of bytes is at least.
	least = 16 << 10
)

// Horizon is what a slice is for: what the process is likely to use in that time,
// by how fast it used the last one. What is left of it goes back after twice that.
func Horizon(p Period) time.Duration {
	switch p {
	case Minute:
		return 10 * time.Second
	case Hour:
		return time.Minute
	}
	return 5 * time.Minute
}

// meter counts one limit of one agent in this process.
type meter struct {
	budgets *Budgets
	agent   string
	key     string

	mu     sync.Mutex
	rule   Limit
	begins time.Time // the window of what follows
	ends   time.Time
	left   int64     // of the slice; below 0: bytes that were read and not yet told to the store
	size   int64     // of the slice, as it was leased
	leased time.Time // when
	until  time.Time // the store need not be asked before, since
	cause  error     // it did not answer; nil: it had nothing left
	busy   chan struct{}

	known store.Item // the record as it was last seen
	seen  time.Time
}

func newMeter(b *Budgets, agent string, l Limit) *meter {
	parts := []string{agent, string(l.Kind), string(l.Per), l.Service, l.Tool}
	return &meter{budgets: b, agent: agent, rule: l, key: prefix + strings.Join(parts, "/")}
}

func (m *meter) limit() Limit {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.rule
}

// change puts another limit of the same sort in force.
func (m *meter) change(l Limit) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if l.Max < m.rule.Max { // a slice was a part of more: it goes back soon
		m.leased = time.Time{}
	}
	if m.rule != l {
		m.rule, m.until = l, time.Time{}
	}
}

// turn begins the window of now, if that is another. What was leased for the one
// before is gone with it; what is owed is owed still.
func (m *meter) turn(now time.Time) {
	if !now.Before(m.begins) && now.Before(m.ends) {
		return
	}
	m.begins = now.UTC().Truncate(m.rule.Per.Length()) // the zero time is the beginning of a day
	m.ends = m.begins.Add(m.rule.Per.Length())
	m.left, m.until = min(m.left, 0), time.Time{}
}

// take takes n (1, or 0 to find out whether there is anything left) of the slice,
// and leases the next one if it has to.
func (m *meter) take(ctx context.Context, n int64) error {
	for {
		m.mu.Lock()
		now := m.budgets.clock.now()
		m.turn(now)
		if m.left > 0 {
			m.left -= n
			m.mu.Unlock()
			return nil
		}
		if now.Before(m.until) {
			err, rule := m.refusal(now), m.rule
			m.mu.Unlock()
			if exceeded := new(ExceededError); errors.As(err, &exceeded) {
				m.budgets.Refused(rule)
			}
			return err
		}
		if err := m.lease(ctx); err != nil { // lets go of mu
			return err
		}
	}
}

// refusal is why nothing can be taken now.
func (m *meter) refusal(now time.Time) error {
	if m.cause != nil {
		return m.cause
	}
	return &ExceededError{Agent: m.agent, Limit: m.rule, Reset: m.ends, In: m.ends.Sub(now)}
}

// charge takes n whether there are as many or not.
func (m *meter) charge(ctx context.Context, n int64) {
	m.mu.Lock()
	now := m.budgets.clock.now()
	m.turn(now)
	m.left -= n
	if m.left >= 0 || m.cause != nil && now.Before(m.until) {
		m.mu.Unlock()
		return
	}
	_ = m.lease(ctx) // what cannot be told now is told by settle
}

func (m *meter) back(taken time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.turn(m.budgets.clock.now()); !taken.Before(m.begins) {
		m.left++
	}
}

// lease gets the next slice, or waits for whoever is at it, and reports only that
// the context has ended. It is called with mu held and lets go of it.
func (m *meter) lease(ctx context.Context) error {
	if busy := m.busy; busy != nil {
		m.mu.Unlock()
		select {
		case <-busy:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	m.begin()
	m.mu.Unlock()
	// A lease that is broken off may stand: it goes on without its caller.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	err := m.budgets.clock.look(ctx)

	m.mu.Lock()
	now := m.budgets.clock.now()
	m.turn(now)
	owed, want, begins, rule := -min(m.left, 0), m.want(now), m.begins, m.rule
	m.mu.Unlock()
	var got int64
	if err == nil {
		got, err = m.draw(ctx, begins.Unix(), owed, want, rule)
	}

	m.mu.Lock()
	defer m.mu.Unlock()
	defer m.end()
	now = m.budgets.clock.now()
	m.cause = err
	if err != nil {
		m.until = now.Add(again)
		return nil
	}
	m.left += owed // the store knows now
	if m.turn(now); m.begins.Equal(begins) {
		m.left, m.size, m.leased = m.left+got, got, now
		if m.left <= 0 && got == 0 {
			m.until = now.Add(again)
		}
	}
	return nil
}

// begin and end mark that this goroutine alone deals with the store.
func (m *meter) begin() { m.busy = make(chan struct{}) }

func (m *meter) end() {
	close(m.busy)
	m.busy = nil
}

// want is how large the next slice should be: what the last one shows to be used in
// Horizon.
func (m *meter) want(now time.Time) int64 {
	floor := m.rule.smallest()
	used := m.size - max(m.left, 0)
	if used <= 0 {
		return floor
	}
	pace := float64(used) / max(now.Sub(m.leased).Seconds(), 0.001)
	return max(floor, min(int64(pace*Horizon(m.rule.Per).Seconds()), growth*m.size))
}

var errBusy = errors.New("limits: too many processes count at the same moment")
