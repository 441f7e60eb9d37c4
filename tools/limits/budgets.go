// Package limits counts what agents do against budgets: so many calls a minute,
// writes a day, bytes read an hour. They are a net under an agent that has run
// wild, and a promise to whoever pays: over all processes and machines that share
// a store, and across restarts, no more than the limit passes in a window.
//
// A window's budget is kept in the store as one number: how much of it has been
// handed out. Each process leases a slice of it (a compare-and-swap), counts calls
// against the slice in memory, and leases the next one when it is used up. A slice
// is what the process uses in some seconds, and never more than an eighth of what
// is left, so that no process starves the others. What is not used goes back after
// a while, and when the process ends. What is promised:
//
//   - Calls and writes: never more than the limit in a window, whatever crashes.
//     A slice whose process was killed counts as used.
//   - Bytes: how many a call returns is known afterwards. So a call may pass the
//     limit as long as anything is left, and the calls under way at that moment
//     pass it together by what they return.
//   - A process may be told "used up" while others still hold slices that they will
//     give back: at most an eighth of what was left each, and not for longer than
//     twice Horizon.
//   - A store that fails over to a server that had not yet heard of the last slices
//     forgets those. Clocks count as far as the store's can be read: at the turn of a
//     window a call may be counted to the one before.
//
// Without the store what was leased is used up, and then calls are refused: a
// budget that nobody can count is none.
package limits

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"toolvault/vault/store"
)

// Store is what is needed of a store.
type Store interface {
	Get(ctx context.Context, key string) (store.Item, error)
	Put(ctx context.Context, item store.Item, lease store.Lease) error
	Forget(ctx context.Context, key string, version int64) error
	List(ctx context.Context, prefix, after string, limit int) ([]store.Item, error)
	Now(ctx context.Context) (time.Time, error)
}

// Options is what budgets are made of. Logger and Refused may be nil.
type Options struct {
	Store   Store
	Now     func() time.Time
	Logger  *slog.Logger
	Refused func(Limit) // for metrics: a call was refused
}

// Budgets counts. It is safe for concurrent use, also by many processes on one
// store. A nil *Budgets limits nothing.
type Budgets struct {
	Options
	clock clock
	rules atomic.Pointer[rules]

	mu     sync.Mutex
	meters map[string]*meter // by their key in the store; they outlive a change of the rules
}

// New returns budgets without a limit: Configure sets them. Run should follow,
// which gives back what is not used.
func New(o Options) *Budgets {
	o.Logger = cmp.Or(o.Logger, slog.New(slog.DiscardHandler))
	if o.Refused == nil {
		o.Refused = func(Limit) {}
	}
	b := &Budgets{Options: o, clock: clock{store: o.Store, local: o.Now}, meters: map[string]*meter{}}
	b.rules.Store(&rules{})
	return b
}

// rules are the limits in force.
type rules struct {
	any      bool
	all      []Limit
	byAgent  map[string][]Limit
	accounts sync.Map // agent → *account, made at its first call
}

// account is an agent's limits.
type account struct {
	meters []*meter
	tolls  sync.Map // tool → *Toll; the names come from the catalogue
}

// Configure puts limits in force: those of all agents, and those of some. An
// agent's own limit takes the place of the one for all that counts the same; the
// others for all stay. What was counted before still counts, by the new limit.
func (b *Budgets) Configure(all []Limit, byAgent map[string][]Limit) {
	next := &rules{all: all, byAgent: byAgent, any: len(all) > 0}
	for _, own := range byAgent {
		next.any = next.any || len(own) > 0
	}
	b.mu.Lock() // so that no account is made of the rules of before
	defer b.mu.Unlock()
	b.rules.Store(next)
}

// of are the limits of an agent, those with the longest period first: the call
// that meets several of them is told the one that holds it up longest.
func (r *rules) of(agent string) []Limit {
	own := r.byAgent[agent]
	limits := slices.Clone(own)
	for _, l := range r.all {
		if !slices.ContainsFunc(own, l.Same) {
			limits = append(limits, l)
		}
	}
	slices.SortStableFunc(limits, func(a, b Limit) int { return cmp.Compare(b.Per.Length(), a.Per.Length()) })
	return limits
}

// account is the agent's, by the rules in force.
func (b *Budgets) account(agent string) *account {
	if a, ok := b.rules.Load().accounts.Load(agent); ok {
		return a.(*account)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	r := b.rules.Load()
	if a, ok := r.accounts.Load(agent); ok {
		return a.(*account)
	}
	a := &account{}
	for _, l := range r.of(agent) {
		m := newMeter(b, agent, l)
		if before, ok := b.meters[m.key]; ok {
			m = before
			m.change(l)
		}
		b.meters[m.key] = m
		a.meters = append(a.meters, m)
	}
	r.accounts.Store(agent, a)
	return a
}

func (b *Budgets) all() []*meter {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := make([]*meter, 0, len(b.meters))
	for _, m := range b.meters {
		all = append(all, m)
	}
	return all
}

// Of is what a call of the tool has to pay: by the limits of the agent, and by
// those of the agents that passed their right on to it. It is nil where there is no
// limit. An unknown tool has no name and no service.
func (b *Budgets) Of(agent string, chain []string, tool, service string) *Toll {
	if b == nil {
		return nil
	}
	if !b.rules.Load().any {
		return nil
	}
	t := b.account(agent).toll(tool, service)
	for i, other := range chain {
		if other != agent && !slices.Contains(chain[:i], other) {
			t = t.with(b.account(other).toll(tool, service))
		}
	}
	return t
}

func (a *account) toll(tool, service string) *Toll {
	if len(a.meters) == 0 {
		return nil
	}
	if t, ok := a.tolls.Load(tool); ok {
		return t.(*Toll)
	}
	var t *Toll
	for _, m := range a.meters {
		if l := m.limit(); l.covers(tool, service) {
			t = t.with(tollOf(l.Kind, m))
		}
	}
	actual, _ := a.tolls.LoadOrStore(tool, t)
	return actual.(*Toll)
}
