package limits

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"toolvault/vault/store"
)

// Standing is how a limit stands.
type Standing struct {
	Agent string
	Limit Limit
	Used  int64     // in this window, with what other processes have set aside
	Left  int64     // 0 at least
	Reset time.Time // when the next window begins, UTC
}

// Standing tells how each limit of the agent stands, and those of the agents that
// passed their right on to it. The error is why the store could not be asked.
func (b *Budgets) Standing(ctx context.Context, agent string, chain ...string) ([]Standing, error) {
	if b == nil {
		return nil, nil
	}
	var all []Standing
	for i, a := range append([]string{agent}, chain...) {
		if i > 0 && (a == agent || slices.Contains(chain[:i-1], a)) {
			continue
		}
		for _, m := range b.account(a).meters {
			s, err := m.standing(ctx)
			if err != nil {
				return nil, err
			}
			all = append(all, s)
		}
	}
	return all, nil
}

func (m *meter) standing(ctx context.Context) (Standing, error) {
	b := m.budgets
	if err := b.clock.look(ctx); err != nil {
		return Standing{}, fmt.Errorf("limits: %w", err)
	}
	item, err := b.Store.Get(ctx, m.key)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return Standing{}, fmt.Errorf("limits: %w", err)
	}
	record := b.decode(item)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.turn(b.clock.now())
	used := max(record.at(m.begins.Unix()).Taken-m.left, 0)
	return Standing{Agent: m.agent, Limit: m.rule, Used: used, Left: max(m.rule.Max-used, 0), Reset: m.ends}, nil
}

// String is one line: "60 calls a minute: 12 used, 48 left until 2026-11-25T14:05:00Z".
func (s Standing) String() string {
	used, left := fmt.Sprint(s.Used), fmt.Sprint(s.Left)
	if s.Limit.Kind == Bytes {
		used, left = FormatSize(s.Used), FormatSize(s.Left)
	}
	return fmt.Sprintf("%s: %s used, %s left until %s", s.Limit, used, left, s.Reset.Format(time.RFC3339))
}
