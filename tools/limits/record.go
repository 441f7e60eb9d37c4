package limits

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"toolvault/vault/store"
)

const (
	prefix  = "budget/" // of records in the store: budget/AGENT/KIND/PERIOD/SERVICE/TOOL
	kept    = 3         // windows of a record
	tries   = 50        // of a compare-and-swap
	trusted = time.Hour // for how long a record that was read is taken for the one in the store
)

// record is what the store keeps of a limit: how much of its last windows was
// handed out. There is more than one of them since machines enter a window at
// slightly different moments, and since a clock may have been wrong.
type record struct {
	Windows []window `json:"windows"`
}

// window is what was handed out of one.
type window struct {
	Begins int64 `json:"begins"` // seconds since 1970
	Taken  int64 `json:"taken"`
}

// at is the window of the record that begins then. It takes the place of the one
// that is furthest from it, where there are too many.
func (r *record) at(begins int64) *window {
	if i := slices.IndexFunc(r.Windows, func(w window) bool { return w.Begins == begins }); i >= 0 {
		return &r.Windows[i]
	}
	r.Windows = append(r.Windows, window{Begins: begins})
	slices.SortFunc(r.Windows, func(a, b window) int {
		return int(min(max(distance(a.Begins, begins)-distance(b.Begins, begins), -1), 1))
	})
	r.Windows = r.Windows[:min(len(r.Windows), kept)]
	return &r.Windows[0]
}

func distance(a, b int64) int64 { return max(a, b) - min(a, b) }

// last is when the newest window begins.
func (r *record) last() (begins int64) {
	for _, w := range r.Windows {
		begins = max(begins, w.Begins)
	}
	return begins
}

// decode reads a record. One that is damaged is as good as none: it must not stop
// an agent for ever.
func (b *Budgets) decode(item store.Item) record {
	var r record
	if err := json.Unmarshal(item.Value, &r); err != nil && len(item.Value) > 0 {
		b.Logger.Error("a record of a budget cannot be read: it begins anew", "key", item.Key)
		r = record{}
	}
	for i := range r.Windows {
		r.Windows[i].Taken = max(r.Windows[i].Taken, 0)
	}
	return r
}

// draw takes what is owed from the window's budget, whether it has as much or not,
// and of the rest as many as wanted, up to an eighth of it; where little is left, as
// few as can be.
func (m *meter) draw(ctx context.Context, begins, owed, want int64, l Limit) (got int64, err error) {
	err = m.swap(ctx, begins, func(taken int64) int64 {
		free := l.Max - taken - owed
		most := max(free/share, l.smallest())
		if free < near*l.smallest() {
			most = l.smallest()
		}
		got = max(min(want, most, free), 0)
		return owed + got
	})
	if err != nil {
		return 0, err
	}
	return got, nil
}

// smallest is what a slice is at least, unless less is left.
func (l Limit) smallest() int64 {
	if l.Kind == Bytes {
		return least
	}
	return 1
}

// swap adds to what was taken of a window what more says, by compare-and-swap. It is
// called by one goroutine at a time. After an error nobody knows whether it was
// added; whoever takes that for added never passes a limit.
func (m *meter) swap(ctx context.Context, begins int64, more func(taken int64) int64) error {
	b := m.budgets
	fresh := m.seen.IsZero() || b.clock.now().Sub(m.seen).Abs() > trusted
	for try := range tries {
		if fresh {
			item, err := b.Store.Get(ctx, m.key)
			if err != nil && !errors.Is(err, store.ErrNotFound) {
				m.seen = time.Time{}
				return fmt.Errorf("limits: %w", err)
			}
			m.known, m.seen = item, b.clock.now()
		}
		r := b.decode(m.known)
		w := r.at(begins)
		add := more(w.Taken)
		if add == 0 {
			if fresh {
				return nil
			}
			fresh = true // others may have given something back since
			continue
		}
		w.Taken = max(w.Taken+add, 0)
		value, err := json.Marshal(r)
		if err != nil {
			return fmt.Errorf("limits: %w", err)
		}
		next := store.Item{Key: m.key, Version: m.known.Version + 1, Value: value}
		err = b.Store.Put(ctx, next, nil)
		switch {
		case err == nil:
			m.known, m.seen = next, b.clock.now()
			return nil
		case !errors.Is(err, store.ErrConflict):
			m.seen = time.Time{}
			return fmt.Errorf("limits: %w", err)
		}
		fresh = true
		if try > 2 && sleep(ctx, rand.N(time.Duration(try)*time.Millisecond)) != nil {
			break
		}
	}
	m.seen = time.Time{}
	return errBusy
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
