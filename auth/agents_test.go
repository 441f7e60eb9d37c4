package auth_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"toolvault/auth"
	"toolvault/vault/store"
)

func newAgents(t *testing.T, st store.Store) *auth.Agents {
	t.Helper()
	a := auth.NewAgents(st, newClock().Now)
	a.Configure([]auth.Agent{{ID: "bot"}})
	if err := a.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	return a
}

func TestAgents(t *testing.T) {
	st := openStore(t, filepath.Join(t.TempDir(), "store.db"))
	a := newAgents(t, st)
	step := func(what string, err error, says string) {
		t.Helper()
		if says == "" && err != nil || says != "" && (err == nil || !strings.Contains(err.Error(), says)) {
			t.Errorf("%s: %v, want %q", what, err, says)
		}
	}
	ctx := t.Context()
	for _, bad := range []string{"", "A", "-a", ".a", "a b", "a/b", "ä", strings.Repeat("a", 64), "a\n"} {
		step("add "+bad, a.Add(ctx, bad), "cannot be an agent's id")
	}
	step("add", a.Add(ctx, "guest-1"), "")
	step("add again", a.Add(ctx, "guest-1"), "exists already")
	step("add one of the config", a.Add(ctx, "bot"), "stands in the config already")
	step("resume nobody", a.Resume(ctx, "guest-2"), `did you mean "guest-1"?`)
	step("suspend a path", a.Suspend(ctx, "../x", ""), "cannot be an agent's id")
	step("resume a path", a.Resume(ctx, "../x"), "there is no agent")
	step("remove one of the config", a.Remove(ctx, "bot"), "take it out there")
	step("remove nobody", a.Remove(ctx, "nobody"), "there is no agent")
	var unknown *auth.UnknownAgentError
	if err := a.Remove(ctx, "nobody"); !errors.As(err, &unknown) {
		t.Errorf("%T is not an *UnknownAgentError", err)
	}

	before := a.Epoch()
	step("suspend one of the config", a.Suspend(ctx, "bot", ""), "")
	if a.Epoch() <= before {
		t.Error("the epoch did not grow")
	}
	step("suspend twice", a.Suspend(ctx, "bot", ""), "")
	if bot, ok := a.Get("bot"); !ok || !bot.Suspended || bot.Origin != auth.OriginConfig {
		t.Errorf("%+v %v", bot, ok)
	}
	a.Configure([]auth.Agent{{ID: "bot", Rules: []auth.Rule{{Tools: "*", Deny: "true"}}}})
	if bot, _ := a.Get("bot"); !bot.Suspended || len(bot.Rules) != 1 {
		t.Errorf("a new config lifted a suspension: %+v", bot)
	}
	a.Configure(nil)
	if _, ok := a.Get("bot"); ok {
		t.Error("a suspension made an agent")
	}
	step("add what was suspended", a.Add(ctx, "bot"), "resume it first")
	step("resume what has gone", a.Resume(ctx, "bot"), "")
	step("add", a.Add(ctx, "bot"), "")
	if bot, _ := a.Get("bot"); bot.Origin != auth.OriginAdded || bot.Suspended || !bot.Created.Equal(newClock().Now()) {
		t.Errorf("%+v", bot)
	}

	again := newAgents(t, st)
	var ids []string
	for _, agent := range again.List() {
		ids = append(ids, agent.ID)
	}
	if got := strings.Join(ids, " "); got != "bot guest-1" {
		t.Errorf("a process that starts later lists %q", got)
	}
	step("remove what the config now has", again.Remove(ctx, "bot"), "take it out there")
	step("remove", a.Remove(ctx, "bot"), "")
	step("remove", a.Remove(ctx, "guest-1"), "")
	if list := a.List(); len(list) != 0 {
		t.Errorf("%+v", list)
	}
	step("add what was removed", a.Add(ctx, "guest-1"), "")
}

// TestSuspensionNeedsNoConfig: whoever has to stop an agent in a hurry may not
// have the config at hand in which it stands.
func TestSuspensionNeedsNoConfig(t *testing.T) {
	main, other := newPair(t)
	other.agents.Configure(nil)
	token, _ := mint(t, main, auth.Request{Agent: "bot"})
	if err := other.agents.Suspend(t.Context(), "bot", ""); err != nil {
		t.Fatal(err)
	}
	if _, known := other.agents.Get("bot"); known {
		t.Error("a suspension made an agent")
	}
	if _, err := other.agents.Lookup("bot"); err == nil {
		t.Error("Lookup found what is not known here")
	}
	if got := suspendedIDs(other.agents); got != "bot" {
		t.Errorf("suspended and unknown: %q", got)
	}
	within(t, time.Second, "its token is refused where it is known", func() bool {
		_, err := main.Authenticate(t.Context(), token)
		return reason(err) == "its agent is suspended"
	})
	if got := main.agents.Suspended(); len(got) != 0 {
		t.Errorf("known here, and listed as unknown: %q", suspendedIDs(main.agents))
	}
	if err := other.agents.Resume(t.Context(), "bot"); err != nil {
		t.Fatal(err)
	}
	if got := other.agents.Suspended(); len(got) != 0 {
		t.Errorf("resumed, and suspended: %q", suspendedIDs(other.agents))
	}
	within(t, time.Second, "it may act again", func() bool {
		_, err := main.Authenticate(t.Context(), token)
		return err == nil
	})
	// One that nobody knows yet is stopped before it appears.
	if err := other.agents.Suspend(t.Context(), "later", ""); err != nil {
		t.Fatal(err)
	}
	within(t, time.Second, "a config brings it suspended", func() bool {
		main.agents.Configure([]auth.Agent{{ID: "later"}})
		later, _ := main.agents.Get("later")
		return later.Suspended
	})
}

// TestTheSandboxAgentCanBeRemovedByAnyProcess: it is in the memory of a server,
// and in the store for all others.
func TestTheSandboxAgentCanBeRemovedByAnyProcess(t *testing.T) {
	main, other := newPair(t)
	other.agents.Configure(nil)
	enter := func(s *server) {
		t.Helper()
		if err := s.agents.Ensure(t.Context(), "demo"); err != nil {
			t.Fatal(err)
		}
		s.agents.Configure([]auth.Agent{{ID: "demo", Origin: auth.OriginSandbox, Rules: []auth.Rule{deny("*", "true")}}})
	}
	known := func(s *server, want bool) func() bool {
		return func() bool { _, ok := s.agents.Get("demo"); return ok == want }
	}
	enter(main)
	if demo, _ := main.agents.Get("demo"); demo.Origin != auth.OriginSandbox || len(demo.Rules) != 1 {
		t.Errorf("%+v", demo)
	}
	within(t, time.Second, "known to the other", known(other, true))
	token, _ := mint(t, other, auth.Request{Agent: "demo"})
	if _, err := main.Authenticate(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	main.clock.Add(time.Second)
	enter(main) // a second one starts: nothing changes
	if _, err := main.Authenticate(t.Context(), token); err != nil {
		t.Errorf("after a second start: %v", err)
	}
	if err := other.agents.Remove(t.Context(), "demo"); err != nil {
		t.Fatal(err)
	}
	within(t, time.Second, "its token is refused", func() bool {
		_, err := main.Authenticate(t.Context(), token)
		return reason(err) != ""
	})
	if known(main, true)() {
		t.Error("the server goes on knowing it")
	}
	main.clock.Add(time.Second)
	enter(main)
	within(t, time.Second, "back", known(main, true))
	if _, err := main.Authenticate(t.Context(), token); reason(err) == "" {
		t.Error("a token from before the removal is good again")
	}
	fresh, _ := mint(t, main, auth.Request{Agent: "demo"})
	if _, err := main.Authenticate(t.Context(), fresh); err != nil {
		t.Errorf("a new token: %v", err)
	}
	if err := other.agents.Suspend(t.Context(), "demo", ""); err != nil {
		t.Fatal(err)
	}
	within(t, time.Second, "suspended", func() bool { _, err := main.Authenticate(t.Context(), fresh); return reason(err) != "" })
	enter(main)
	if demo, _ := main.agents.Get("demo"); !demo.Suspended {
		t.Error("a start of the sandbox lifted a suspension")
	}
}

func TestTwoProcessesEnsureOneAgent(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	errs := make(chan error, 4)
	for range cap(errs) {
		a := newAgents(t, openStore(t, path))
		go func() { errs <- a.Ensure(t.Context(), "demo") }()
	}
	for range cap(errs) {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}

func TestAgentsFollowOtherProcesses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	a, b := newAgents(t, openStore(t, path)), newAgents(t, openStore(t, path))
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := b.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	defer wg.Wait()
	defer cancel()
	is := func(known, suspended bool) func() bool {
		return func() bool {
			agent, ok := b.Get("guest")
			return ok == known && agent.Suspended == suspended
		}
	}
	for _, step := range []struct {
		what             string
		do               func(context.Context, string) error
		known, suspended bool
	}{
		{"add", a.Add, true, false}, {"suspend", func(ctx context.Context, id string) error { return a.Suspend(ctx, id, "it ran wild") }, true, true}, {"resume", a.Resume, true, false},
		{"remove", a.Remove, false, false}, {"add again", a.Add, true, false},
	} {
		if err := step.do(t.Context(), "guest"); err != nil {
			t.Fatalf("%s: %v", step.what, err)
		}
		within(t, time.Second, step.what, is(step.known, step.suspended))
	}
}

// TestTheReasonOfASuspension is the first that was given, is known to every process and
// told to whoever has a token of the agent, and goes with the suspension.
func TestTheReasonOfASuspension(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	a, b := newAgents(t, openStore(t, path)), newAgents(t, openStore(t, path))
	for _, reason := range []string{"", "it ran\nwild " + strings.Repeat("x", 1000), "another"} {
		if err := a.Suspend(t.Context(), "bot", reason); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	bot, _ := b.Get("bot")
	if !bot.Suspended || !strings.HasPrefix(bot.Reason, "it ran wild x") || len(bot.Reason) > 303 || !strings.HasPrefix(bot.Why(), " (it ran") {
		t.Errorf("%+v", bot)
	}
	if err := b.Resume(t.Context(), "bot"); err != nil {
		t.Fatal(err)
	}
	if bot, _ := b.Get("bot"); bot.Suspended || bot.Reason != "" || bot.Why() != "" {
		t.Errorf("after it was resumed: %+v", bot)
	}
}

func TestTwoProcessesAddOneAgent(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	a, b := newAgents(t, openStore(t, path)), newAgents(t, openStore(t, path))
	errs := make(chan error, 2)
	for _, x := range []*auth.Agents{a, b} {
		go func() { errs <- x.Add(t.Context(), "guest") }()
	}
	first, second := <-errs, <-errs
	if (first == nil) == (second == nil) {
		t.Errorf("want one success and one refusal, got %v and %v", first, second)
	}
	// b may have an old view: what it does is done to what the store holds.
	if err := a.Suspend(t.Context(), "guest", ""); err != nil {
		t.Fatal(err)
	}
	if err := b.Resume(t.Context(), "guest"); err != nil {
		t.Fatal(err)
	}
	if err := a.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	if guest, _ := a.Get("guest"); guest.Suspended {
		t.Error("the resumption was lost")
	}
}

func TestARecordThatCannotBeReadSuspends(t *testing.T) {
	st := openStore(t, filepath.Join(t.TempDir(), "store.db"))
	if err := st.Put(t.Context(), store.Item{Key: "agent/bot", Version: 1, Value: []byte("{")}, nil); err != nil {
		t.Fatal(err)
	}
	if bot, ok := newAgents(t, st).Get("bot"); !ok || !bot.Suspended {
		t.Errorf("%+v %v", bot, ok)
	}
}

// brokenStore fails as long as it is told to.
type brokenStore struct {
	store.Store
	mu     sync.Mutex
	bad    bool
	failed int
}

func (b *brokenStore) fail(bad bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.bad = bad
}

func (b *brokenStore) err() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.bad {
		b.failed++
		return store.ErrUnavailable
	}
	return nil
}

func (b *brokenStore) failures() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.failed
}

func (b *brokenStore) Get(ctx context.Context, key string) (store.Item, error) {
	if err := b.err(); err != nil {
		return store.Item{}, err
	}
	return b.Store.Get(ctx, key)
}

func (b *brokenStore) List(ctx context.Context, prefix, after string, limit int) ([]store.Item, error) {
	if err := b.err(); err != nil {
		return nil, err
	}
	return b.Store.List(ctx, prefix, after, limit)
}

func TestWhatHappenedDuringAnOutageIsNotMissed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	c := newClock()
	a := newServer(t, openStore(t, path), c)
	broken := &brokenStore{Store: openStore(t, path)}
	b := newServer(t, broken, c)
	b.run(t)
	token, id := mint(t, a, auth.Request{Agent: "bot"})
	idle, _ := mint(t, a, auth.Request{Agent: "idle"})
	if _, err := b.Authenticate(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	broken.fail(true)
	if err := b.agents.Suspend(t.Context(), "bot", ""); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("a suspension that could not be stored: %v", err)
	}
	if err := b.Revoke(t.Context(), id.TokenID, time.Time{}); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("a revocation that could not be stored: %v", err)
	}
	if err := a.Revoke(t.Context(), id.TokenID, time.Time{}); err != nil {
		t.Fatal(err)
	}
	if err := a.agents.Suspend(t.Context(), "idle", ""); err != nil {
		t.Fatal(err)
	}
	start := broken.failures()
	within(t, 3*time.Second, "both fail to read", func() bool { return broken.failures() > start+4 })
	broken.fail(false)
	within(t, 3*time.Second, "revoked after the outage", func() bool {
		_, err := b.Authenticate(t.Context(), token)
		return reason(err) == "revoked"
	})
	within(t, 3*time.Second, "suspended after the outage", func() bool {
		_, err := b.Authenticate(t.Context(), idle)
		return reason(err) == "its agent is suspended"
	})
}

func suspendedIDs(a *auth.Agents) string {
	var ids []string
	for _, agent := range a.Suspended() {
		ids = append(ids, agent.ID)
	}
	return strings.Join(ids, " ")
}
