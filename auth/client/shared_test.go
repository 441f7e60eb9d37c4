package client_test

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"toolvault/auth/client"
	"toolvault/vault/store"
	"toolvault/vault/store/storetest"
)

// counting is a store that counts and can fail.
type counting struct {
	store.Store
	gets, puts, forgets atomic.Int64
}

func (s *counting) Forget(ctx context.Context, key string, version int64) error {
	s.forgets.Add(1)
	return s.Store.Forget(ctx, key, version)
}

func (s *counting) Get(ctx context.Context, key string) (store.Item, error) {
	s.gets.Add(1)
	return s.Store.Get(ctx, key)
}

func (s *counting) Put(ctx context.Context, item store.Item, l store.Lease) error {
	s.puts.Add(1)
	return s.Store.Put(ctx, item, l)
}

// process is a registry of its own, with its own connection.
func process(t testing.TB, url string, edit func(*client.Options)) (*client.Registry, *counting) {
	t.Helper()
	st, err := store.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	count := &counting{Store: st}
	o := client.Options{Store: count, Sealer: plain{}, Now: time.Now, Registration: true}
	if edit != nil {
		edit(&o)
	}
	r, err := client.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return r, count
}

// running runs a registry until the test ends.
func running(t testing.TB, r *client.Registry) {
	ctx, stop := context.WithCancel(t.Context())
	var group sync.WaitGroup
	group.Go(func() { _ = r.Run(ctx) })
	t.Cleanup(func() { stop(); group.Wait() })
}

// within polls a condition for a second.
func within(t testing.TB, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(time.Second); !ok(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("%s: not within a second", what)
		}
	}
}

// TestTwoProcesses see each other's additions, secrets and removals within a second.
func TestTwoProcesses(t *testing.T) {
	for name, url := range map[string]string{"sqlite": "file:" + filepath.Join(t.TempDir(), "s.db"), "redis": storetest.Redis(t)} {
		t.Run(name, func(t *testing.T) {
			a, _ := process(t, url, nil)
			b, asked := process(t, url, nil)
			running(t, a)
			running(t, b)
			ctx := t.Context()
			x := client.Client{ID: "web", Auth: client.AuthBasic, Redirects: []string{"https://a.example/cb"}, Grants: []string{client.GrantCode}}
			if err := a.Add(ctx, x); err != nil {
				t.Fatal(err)
			}
			if _, err := b.Find(ctx, "web"); err != nil {
				t.Errorf("not found at once: %v", err)
			}
			within(t, "found in memory", func() bool {
				before := asked.gets.Load()
				_, err := b.Find(ctx, "web")
				return err == nil && asked.gets.Load() == before
			})
			one, err := a.NewSecret(ctx, "web")
			if err != nil {
				t.Fatal(err)
			}
			two, err := b.NewSecret(ctx, "web")
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range []*client.Registry{a, b} {
				within(t, "both secrets", func() bool {
					c, err := r.Find(ctx, "web")
					return err == nil && c.SecretIs(one.Reveal()) && c.SecretIs(two.Reveal())
				})
			}
			if err := a.Remove(ctx, "web"); err != nil {
				t.Fatal(err)
			}
			within(t, "removed", func() bool {
				_, err := b.Find(ctx, "web")
				return errors.Is(err, client.ErrUnknown)
			})
			if err := b.Add(ctx, x); err != nil {
				t.Errorf("it cannot be added again: %v", err)
			}
			within(t, "added again", func() bool {
				c, err := a.Find(ctx, "web")
				return err == nil && len(c.Secrets) == 0
			})
		})
	}
}

// TestFindRemembersNothing: what Find read of the store itself could be removed a
// moment later, and no later event would say so.
func TestFindRemembersNothing(t *testing.T) {
	url := "file:" + filepath.Join(t.TempDir(), "s.db")
	a, _ := process(t, url, nil)
	b, _ := process(t, url, nil)
	ctx := t.Context()
	if err := a.Add(ctx, client.Client{ID: "web", Auth: client.AuthNone, Redirects: []string{"https://a.example/cb"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Find(ctx, "web"); err != nil {
		t.Fatal(err)
	}
	if err := a.Remove(ctx, "web"); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Find(ctx, "web"); !errors.Is(err, client.ErrUnknown) {
		t.Errorf("it is still there: %v", err)
	}
}

// TestLoadIsNotOutrun: a change during Load is not undone by what Load has read before.
func TestLoadIsNotOutrun(t *testing.T) {
	st, err := store.Open(t.Context(), "file:"+filepath.Join(t.TempDir(), "s.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	slow := &late{Store: st}
	r, err := client.New(client.Options{Store: slow, Sealer: plain{}, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	x := client.Client{ID: "web", Auth: client.AuthBasic}
	if err := r.Add(ctx, x); err != nil {
		t.Fatal(err)
	}
	slow.then = func() {
		slow.then = nil
		if err := r.Remove(ctx, "web"); err != nil {
			t.Error(err)
		}
	}
	if err := r.Load(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Find(ctx, "web"); !errors.Is(err, client.ErrUnknown) {
		t.Errorf("what was removed is back: %v", err)
	}
}

// late does something after it has read a list, before it gives it.
type late struct {
	store.Store
	then func()
}

func (s *late) List(ctx context.Context, prefix, after string, limit int) ([]store.Item, error) {
	items, err := s.Store.List(ctx, prefix, after, limit)
	if s.then != nil {
		s.then()
	}
	return items, err
}

// TestRemovalThatBrokeOff: its client gets nothing more, is neither given a secret nor
// added anew, and the sweep ends it.
func TestRemovalThatBrokeOff(t *testing.T) {
	url := "file:" + filepath.Join(t.TempDir(), "s.db")
	var fail atomic.Bool
	var ended atomic.Int64
	observe := func(o *client.Options) {
		o.Observe = func(_ context.Context, e client.Event) error {
			if fail.Load() {
				return errors.New("the disk is full")
			}
			if e.Kind == client.Removed {
				ended.Add(1)
			}
			return nil
		}
	}
	a, _ := process(t, url, observe)
	b, _ := process(t, url, observe)
	ctx := t.Context()
	x := client.Client{ID: "bot", Agent: "bot", Auth: client.AuthBasic, Grants: client.AgentGrants()}
	if err := a.Add(ctx, x); err != nil {
		t.Fatal(err)
	}
	fail.Store(true)
	if err := a.Remove(ctx, "bot"); err == nil {
		t.Fatal("nobody knows, and it says that it is removed")
	}
	fail.Store(false)
	for _, r := range []*client.Registry{a, b} {
		if _, err := r.Find(ctx, "bot"); !errors.Is(err, client.ErrUnknown) {
			t.Errorf("it is still found: %v", err)
		}
		if err := r.Load(ctx); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Find(ctx, "bot"); !errors.Is(err, client.ErrUnknown) {
			t.Errorf("it is found after Load: %v", err)
		}
		if all, err := r.List(ctx); err != nil || len(all) != 0 {
			t.Errorf("%v %v", all, err)
		}
		if _, err := r.NewSecret(ctx, "bot"); err == nil {
			t.Error("it gets a secret")
		}
		if err := r.Add(ctx, x); err == nil {
			t.Error("it is added before its tokens are void")
		}
	}
	if err := b.Sweep(ctx); err != nil || ended.Load() != 1 {
		t.Errorf("the sweep did not end it: %d %v", ended.Load(), err)
	}
	if err := a.Add(ctx, x); err != nil {
		t.Errorf("it cannot be added anew: %v", err)
	}
	if err := b.Sweep(ctx); err != nil || ended.Load() != 1 {
		t.Error("it was removed twice")
	}
	if _, err := b.Find(ctx, "bot"); err != nil {
		t.Error(err)
	}
}

// TestSlowRemovalHitsNobodyElse: a removal that another process ended first does not
// remove who was added since under the same id.
func TestSlowRemovalHitsNobodyElse(t *testing.T) {
	url := "file:" + filepath.Join(t.TempDir(), "s.db")
	b, _ := process(t, url, nil)
	x := client.Client{ID: "bot", Agent: "bot", Auth: client.AuthBasic, Grants: client.AgentGrants()}
	a, _ := process(t, url, func(o *client.Options) {
		o.Observe = func(ctx context.Context, e client.Event) error {
			if e.Kind != client.Removed {
				return nil
			}
			return errors.Join(b.Sweep(ctx), b.Add(ctx, x))
		}
	})
	ctx := t.Context()
	if err := a.Add(ctx, x); err != nil {
		t.Fatal(err)
	}
	if err := a.Remove(ctx, "bot"); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Find(ctx, "bot"); err != nil {
		t.Errorf("it was removed with the one before: %v", err)
	}
}

// TestUnrecordedIsUndone: what nobody knows of does not stay.
func TestUnrecordedIsUndone(t *testing.T) {
	url := "file:" + filepath.Join(t.TempDir(), "s.db")
	var fail atomic.Bool
	r, _ := process(t, url, func(o *client.Options) {
		o.Observe = func(context.Context, client.Event) error {
			if fail.Load() {
				return errors.New("the disk is full")
			}
			return nil
		}
	})
	ctx := t.Context()
	if err := r.Add(ctx, client.Client{ID: "web", Auth: client.AuthBasic}); err != nil {
		t.Fatal(err)
	}
	fail.Store(true)
	c, secret, err := r.Register(ctx, "a", client.Metadata{Redirects: []string{"https://a.example/cb"}, Auth: client.AuthPost})
	if err == nil || c.ID != "" || secret.Reveal() != "" {
		t.Errorf("%+v %v", c, err)
	}
	if secret, err := r.NewSecret(ctx, "web"); err == nil || secret.Reveal() != "" {
		t.Error("a secret that is not on record")
	}
	if all, err := r.List(ctx); err != nil || len(all) != 1 {
		t.Errorf("%v %v", all, err)
	}
}

// TestSweep removes who registered itself and is not used for 30 days, in every
// process, and keeps who is used: which costs a write a day.
func TestSweep(t *testing.T) {
	url, now := "file:"+filepath.Join(t.TempDir(), "s.db"), newClock()
	at := func(o *client.Options) { o.Now = now.Now }
	a, asked := process(t, url, at)
	b, _ := process(t, url, at)
	running(t, b)
	ctx := t.Context()
	register := func() string {
		c, _, err := a.Register(ctx, "a", client.Metadata{Redirects: []string{"https://a.example/cb"}})
		if err != nil {
			t.Fatal(err)
		}
		return c.ID
	}
	used, unused := register(), register()
	if err := a.Add(ctx, client.Client{ID: "added", Auth: client.AuthNone}); err != nil {
		t.Fatal(err)
	}
	within(t, "known to the other", func() bool {
		all, err := b.List(ctx)
		return err == nil && len(all) == 3
	})
	now.pass(25 * 24 * time.Hour)
	puts := asked.puts.Load()
	if err := a.MarkUsed(ctx, used); err != nil || asked.puts.Load() != puts+1 {
		t.Fatalf("%d writes: %v", asked.puts.Load()-puts, err)
	}
	gets := asked.gets.Load()
	for range 100 {
		for _, id := range []string{used, "added", "unknown"} {
			if err := a.MarkUsed(ctx, id); err != nil {
				t.Fatal(err)
			}
		}
	}
	if asked.puts.Load() != puts+1 || asked.gets.Load() != gets {
		t.Errorf("%d reads and %d writes on one day", asked.gets.Load()-gets, asked.puts.Load()-puts)
	}
	now.pass(6 * 24 * time.Hour)
	if err := a.Sweep(ctx); err != nil {
		t.Fatal(err)
	}
	if asked.forgets.Load() != 0 {
		t.Error("watchers need not be told of what is forgotten")
	}
	if _, err := a.Find(ctx, unused); !errors.Is(err, client.ErrUnknown) {
		t.Errorf("it is still here: %v", err)
	}
	within(t, "gone in the other", func() bool {
		_, err := b.Find(ctx, unused)
		return errors.Is(err, client.ErrUnknown)
	})
	for _, id := range []string{used, "added"} {
		if _, err := a.Find(ctx, id); err != nil {
			t.Errorf("%s: %v", id, err)
		}
	}
}
