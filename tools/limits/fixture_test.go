package limits

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"toolvault/vault/store"
)

// memory is a store with a clock of its own, which can fail before or after it has
// done what it was asked.
type memory struct {
	mu            sync.Mutex
	items         map[string]store.Item
	now           time.Time
	before, after bool
	asked         int // how many times
	written       int
}

func newMemory() *memory {
	return &memory{items: map[string]store.Item{}, now: time.Date(2026, 11, 25, 14, 0, 0, 0, time.UTC)}
}

var errAway = fmt.Errorf("%w: for a test", store.ErrUnavailable)

func (s *memory) ask() error {
	s.asked++
	if s.before {
		return errAway
	}
	return nil
}

func (s *memory) Get(_ context.Context, key string) (store.Item, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ask(); err != nil {
		return store.Item{}, err
	}
	item, ok := s.items[key]
	if !ok {
		return store.Item{}, store.ErrNotFound
	}
	return item, nil
}

func (s *memory) Put(_ context.Context, item store.Item, _ store.Lease) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ask(); err != nil {
		return err
	}
	if s.items[item.Key].Version != item.Version-1 {
		return store.ErrConflict
	}
	s.written++
	s.items[item.Key] = item
	if s.after {
		return errAway
	}
	return nil
}

func (s *memory) Forget(_ context.Context, key string, version int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ask(); err != nil {
		return err
	}
	switch item, ok := s.items[key]; {
	case !ok:
		return store.ErrNotFound
	case item.Version != version:
		return store.ErrConflict
	}
	delete(s.items, key)
	return nil
}

func (s *memory) List(_ context.Context, prefix, after string, limit int) ([]store.Item, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ask(); err != nil {
		return nil, err
	}
	var items []store.Item
	for key, item := range s.items {
		if strings.HasPrefix(key, prefix) && key > after {
			items = append(items, item)
		}
	}
	slices.SortFunc(items, func(a, b store.Item) int { return strings.Compare(a.Key, b.Key) })
	return items[:min(len(items), limit)], nil
}

func (s *memory) Now(context.Context) (time.Time, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ask(); err != nil {
		return time.Time{}, err
	}
	return s.now, nil
}

func (s *memory) clock() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func (s *memory) pass(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(d)
}

func (s *memory) fail(before, after bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before, s.after = before, after
}

// count is what the store was asked and told since the last count.
func (s *memory) count() (asked, written int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	asked, written = s.asked, s.written
	s.asked, s.written = 0, 0
	return asked, written
}

// process is the budgets of a process whose clock is off by so much.
func (s *memory) process(off time.Duration, all ...Limit) *Budgets {
	b := New(Options{Store: s, Now: func() time.Time { return s.clock().Add(off) }})
	b.Configure(all, nil)
	return b
}

// call makes a call of slack_post_message, and reports whether it was let through.
func call(t testing.TB, b *Budgets) bool {
	t.Helper()
	return passed(t, b.Of("a1", nil, "slack_post_message", "slack").Call(context.Background()))
}

// writes makes writes until one is refused, n at most, and returns how many went
// through.
func writes(t testing.TB, b *Budgets, n int) (done int) {
	t.Helper()
	for ; done < n; done++ {
		if _, err := b.Of("a1", nil, "slack_post_message", "slack").Write(context.Background()); !passed(t, err) {
			break
		}
	}
	return done
}

func passed(t testing.TB, err error) bool {
	t.Helper()
	var exceeded *ExceededError
	if err != nil && !errors.As(err, &exceeded) {
		t.Fatal(err)
	}
	return err == nil
}

// calls makes calls until one is refused, n at most, and returns how many went
// through.
func calls(t testing.TB, b *Budgets, n int) (done int) {
	t.Helper()
	for done < n && call(t, b) {
		done++
	}
	return done
}

func standing(t testing.TB, b *Budgets, agent string, chain ...string) []Standing {
	t.Helper()
	all, err := b.Standing(context.Background(), agent, chain...)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func perMinute(n int64) Limit { return Limit{Kind: Calls, Max: n, Per: Minute} }
