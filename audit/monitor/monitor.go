package monitor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"toolvault/audit"
)

// Log is where alerts become records.
type Log interface {
	Append(context.Context, audit.Record) (audit.Receipt, error)
}

// Options are what a Monitor is made of. All but Act and Told are required.
type Options struct {
	Dir string // of the log
	Log Log
	// Settings are those in force; others are another pointer.
	Settings func() *Settings
	Now      func() time.Time
	Logger   *slog.Logger

	// Act does what the rule of an alert asks for (Alert.Action), and says what it
	// did. It may be called again for the same alert after a crash, and must not mind.
	// nil: nothing is ever done.
	Act func(context.Context, Alert) (did string, err error)
	// Told hears of each finding when it is in the log, and how many alerts last; of an
	// empty one when it begins to judge.
	Told func(f Finding, open int)
}

// Monitor judges a log as it is written. Of several on one log, in whatever
// processes, one works and the others wait.
type Monitor struct {
	Options

	mu     sync.Mutex
	using  *Settings
	judge  *Judge // nil: not loaded, or no longer ours
	book   *Book
	told   map[string]bool // findings that the log has though the state does not know
	acting map[string]attempt
	saved  time.Time // when the state was written
	every  time.Duration
	dirty  bool
}

type attempt struct {
	done  bool
	tries int
	next  time.Time
}

const (
	saveEvery = 2 * time.Second
	saveShare = 50 // of the time at least, nothing is written
	tickEvery = time.Second

	// lag is how much later than it says a record may come: what Tick tells is that
	// much before now.
	lag = 5 * time.Second

	// learnFrom is how far back the first run looks for what is normal.
	learnFrom = 42 * 24 * time.Hour
)

// New returns one. Run must be called.
func New(o Options) *Monitor {
	m := &Monitor{Options: o}
	if m.Told == nil {
		m.Told = func(Finding, int) {}
	}
	return m
}

// Lasts tells when the last record came of an incident that lasts; ok is false
// where there is none, and where another process has the log.
func (m *Monitor) Lasts(rule, key string) (last time.Time, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.judge == nil {
		return time.Time{}, false
	}
	in := m.judge.incidents[rule+"\x00"+key]
	if in == nil {
		return time.Time{}, false
	}
	return in.Alert.Last, true
}

// Works reports whether it is this process that judges.
func (m *Monitor) Works() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.judge != nil
}

// Run judges until the context ends, which is no error. An error leaves all as it
// was when the state was last written: Run again goes on from there.
func (m *Monitor) Run(ctx context.Context) error {
	inner, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	ticked := make(chan struct{})
	failed := make(chan error, 1)
	go func() { // ends with inner
		defer close(ticked)
		tick := time.NewTicker(tickEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				m.leave()
				stop()
				return
			case <-inner.Done():
				return
			case <-tick.C:
				if err := m.tick(inner); err != nil {
					failed <- err
					stop()
					return
				}
			}
		}
	}()
	err := audit.Subscription{Dir: m.Dir, Name: Name, Start: -1}.Run(inner, func(_ context.Context, list []audit.Raw) error { return m.take(ctx, inner, list) })
	stop()
	<-ticked
	m.mu.Lock()
	defer m.mu.Unlock()
	m.judge = nil
	select {
	case e := <-failed:
		err = errors.Join(err, e)
	default:
	}
	if ctx.Err() != nil && (errors.Is(err, errLeft) || errors.Is(err, context.Cause(ctx))) {
		return nil
	}
	return err
}

// leave keeps the state while the log is still ours.
func (m *Monitor) leave() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.judge != nil {
		if err := m.save(true); err != nil {
			m.Logger.Warn("monitor", "error", err)
		}
	}
	m.judge = nil
}

// errLeft ends the subscription when leave was quicker.
var errLeft = errors.New("the monitor is stopping")

// take judges some records. Getting ready may take long, and ends at once when it
// must, with outer; what has begun is written with ctx, which ends later.
func (m *Monitor) take(outer, ctx context.Context, list []audit.Raw) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if outer.Err() != nil {
		return errLeft
	}
	if m.judge == nil {
		if err := m.load(outer, list[0].Index); err != nil {
			return err
		}
		m.Told(Finding{}, m.judge.Open())
	}
	if s := m.Settings(); s != m.using {
		m.using = s
		m.judge.Set(*s)
	}
	for _, r := range list {
		if err := m.observe(ctx, r); err != nil {
			return err
		}
	}
	if err := m.act(ctx); err != nil {
		return err
	}
	return m.save(false)
}

func (m *Monitor) observe(ctx context.Context, r audit.Raw) error {
	m.book.Apply(r)
	found := m.judge.Observe(r)
	m.dirty = true
	return m.tell(ctx, found)
}

// tell writes findings to the log, and tells of them.
func (m *Monitor) tell(ctx context.Context, found []Finding) error {
	for _, f := range found {
		if m.told[f.key()] {
			continue
		}
		r, err := f.Record()
		if err != nil {
			return err
		}
		if _, err := m.Log.Append(ctx, r); err != nil {
			return fmt.Errorf("an alert could not be recorded: %w", err)
		}
		a := f.Alert
		level := slog.LevelWarn
		if f.Event == EventEnded {
			level = slog.LevelInfo
		}
		m.Logger.Log(ctx, level, f.Event, "id", a.ID, "rule", a.Rule, "severity", a.Severity, "about", a.Subject.String(), "saw", a.Saw, "records", a.Count)
		m.Told(f, m.judge.Open())
		m.dirty = true
	}
	return nil
}

// act does what alerts ask for.
func (m *Monitor) act(ctx context.Context) error {
	if m.Act == nil {
		return nil
	}
	for _, a := range m.judge.Due() {
		try := m.acting[a.ID]
		if try.done || m.Now().Before(try.next) {
			continue
		}
		r := audit.Record{
			Phase: audit.PhaseEvent, Event: EventActed, CallID: a.ID, Rule: a.Rule, Agent: a.Subject.Agent, Outcome: "ok",
		}
		did, err := m.Act(ctx, a)
		try.tries++
		if r.Message = did; err != nil {
			m.Logger.Error("what an alert asks for could not be done, and is tried again", "alert", a.ID, "action", a.Action, "agent", a.Subject.Agent, "error", err)
			r.Outcome, r.Message = "failed", err.Error()
			try.next = m.Now().Add(min(time.Second<<min(try.tries-1, 6), time.Minute))
			m.acting[a.ID] = try
			if try.tries > 1 {
				continue
			}
		} else {
			try.done = true
			m.acting[a.ID] = try
			m.Logger.Warn(EventActed, "id", a.ID, "rule", a.Rule, "agent", a.Subject.Agent, "did", did)
		}
		if _, err := m.Log.Append(ctx, r); err != nil {
			return fmt.Errorf("what was done about an alert could not be recorded: %w", err)
		}
	}
	return nil
}

// tick does what does not wait for records.
func (m *Monitor) tick(ctx context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.judge == nil || ctx.Err() != nil {
		return nil
	}
	if err := m.act(ctx); err != nil {
		return err
	}
	size, _, err := audit.Newest(m.Dir)
	if err != nil {
		return err
	}
	if size == m.judge.Next() { // nothing older is to come
		if err := m.tell(ctx, m.judge.Tick(m.Now().Add(-lag))); err != nil {
			return err
		}
	}
	return m.save(false)
}

// save writes the state, now and then: what is lost by a crash is read again.
func (m *Monitor) save(now bool) error {
	if !m.dirty || !now && m.Now().Sub(m.saved) < m.every {
		return nil
	}
	begun := m.Now()
	if err := writeState(m.Dir, m.judge, m.book); err != nil {
		return err
	}
	m.saved, m.dirty = m.Now(), false
	m.every = max(saveEvery, saveShare*m.saved.Sub(begun))
	return nil
}
