package monitor

import (
	"context"
	"errors"
	"io/fs"
	"sort"
	"time"

	"toolvault/audit"
)

// load gets ready to judge the record with an index: with what was learned, and
// what came between that and the record.
func (m *Monitor) load(ctx context.Context, upto int64) error {
	st, err := readState(m.Dir)
	m.acting, m.told = map[string]attempt{}, map[string]bool{}
	m.saved, m.every, m.using = m.Now(), saveEvery, m.Settings()
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			m.Logger.Warn("what the monitor had learned is lost: it learns from the log anew", "error", err)
		}
		return m.learn(ctx, upto)
	}
	m.judge, m.book = st.judge(*m.using), st.Book
	if err := m.remember(ctx); err != nil {
		return m.drop(err)
	}
	_, err = audit.Scan(ctx, m.Dir, m.judge.Next(), func(r audit.Raw) error {
		if r.Index >= upto {
			return errEnough
		}
		return m.observe(ctx, r)
	})
	if err != nil && !errors.Is(err, errEnough) {
		return m.drop(err)
	}
	return nil
}

var errEnough = errors.New("that is enough")

func (m *Monitor) drop(err error) error {
	m.judge = nil
	return err
}

// remember finds what was told of before a crash and does not stand in the state.
func (m *Monitor) remember(ctx context.Context) error {
	_, err := audit.Scan(ctx, m.Dir, m.judge.Next(), func(raw audit.Raw) error {
		if !aboutAlert(raw.Leaf) {
			return nil
		}
		r, err := raw.Record()
		if err != nil {
			return nil // not of our making
		}
		switch r.Event {
		case EventRaised, EventUpdated, EventEnded:
			m.told[Finding{r.Event, alertOf(r)}.key()] = true
		case EventActed:
			if r.Outcome == "ok" {
				m.acting[r.CallID] = attempt{done: true}
			}
		}
		return nil
	})
	return err
}

// learn reads what the log has of the last weeks, and raises nothing of it.
func (m *Monitor) learn(ctx context.Context, upto int64) error {
	from, err := indexAt(m.Dir, upto, m.Now().Add(-learnFrom))
	if err != nil {
		return err
	}
	j, b := NewJudge(*m.using), NewBook()
	_, err = audit.Scan(ctx, m.Dir, from, func(r audit.Raw) error {
		if r.Index >= upto {
			return errEnough
		}
		b.Apply(r)
		j.Observe(r)
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return err
	}
	j.forget()
	j.next = max(j.next, upto)
	m.judge, m.book, m.dirty = j, b, true
	if err := m.remember(ctx); err != nil {
		return m.drop(err)
	}
	if err := m.save(true); err != nil { // else a crash would have it learn of what it has raised
		return m.drop(err)
	}
	return nil
}

// indexAt finds the first record of the first size ones that is not older than a
// time, by halving.
func indexAt(dir string, size int64, at time.Time) (int64, error) {
	reader := audit.NewReader(dir)
	defer func() { _ = reader.Close() }()
	var failed error
	i := sort.Search(int(size), func(i int) bool {
		if failed != nil {
			return true
		}
		r, err := reader.At(int64(i))
		if errors.Is(err, audit.ErrNoRecord) {
			return false // moved away: it was older
		}
		if err != nil {
			failed = err
			return true
		}
		var s seen
		return s.read(r) && !s.time.Before(at)
	})
	return int64(i), failed
}
