package auth_test

import (
	"strings"
	"testing"
	"time"

	"toolvault/auth"
)

func TestRevoke(t *testing.T) {
	a, b := newPair(t)
	token, id := mint(t, a, auth.Request{Agent: "bot"})
	other, _ := mint(t, a, auth.Request{Agent: "bot"})
	for _, s := range []*server{a, b} {
		if _, err := s.Authenticate(t.Context(), token); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // twice is no error
		if err := a.Revoke(t.Context(), id.TokenID, id.Expires); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := a.Authenticate(t.Context(), token); reason(err) != "revoked" {
		t.Errorf("here: %v", err)
	}
	within(t, time.Second, "revoked in the other process", func() bool {
		_, err := b.Authenticate(t.Context(), token)
		return reason(err) == "revoked"
	})
	if _, err := newServer(t, b.store, b.clock).Authenticate(t.Context(), token); reason(err) != "revoked" {
		t.Errorf("in a process that starts later: %v", err)
	}
	if _, err := b.Authenticate(t.Context(), other); err != nil {
		t.Errorf("another token of the agent: %v", err)
	}
	for _, bad := range []string{"", "x", "../agent/bot", "agent/bot", "6ba7b810-9dad-11d1-80b4-00c04fd430c8", "{" + id.TokenID + "}"} {
		if err := a.Revoke(t.Context(), bad, time.Time{}); err == nil {
			t.Errorf("%q was taken for the id of a token", bad)
		}
	}
}

func TestOldRevocationsAreRemoved(t *testing.T) {
	s := single(t)
	token, id := mint(t, s, auth.Request{Agent: "bot", TTL: time.Hour})
	long, longID := mint(t, s, auth.Request{Agent: "bot", TTL: 24 * time.Hour})
	for _, id := range []auth.Identity{id, longID} {
		if err := s.Revoke(t.Context(), id.TokenID, id.Expires); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.RevokeAgent(t.Context(), "idle"); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		after time.Duration
		left  int
	}{{0, 3}, {59 * time.Minute, 3}, {3 * time.Minute, 2}, {23 * time.Hour, 0}} {
		s.clock.Add(step.after)
		if err := s.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		items, err := s.store.List(t.Context(), "revoked/", "", 100)
		if err != nil || len(items) != step.left {
			t.Fatalf("after %s more %d revocations are left (%v), want %d", step.after, len(items), err, step.left)
		}
		for _, token := range []string{token, long} {
			if _, err := s.Authenticate(t.Context(), token); reason(err) == "" {
				t.Fatal("a revoked token came to life again")
			}
		}
	}
}

// Nobody tells of a revocation that was removed: each process drops its own.
func TestRevocationsRemovedElsewhereAreDropped(t *testing.T) {
	a, b := newPair(t)
	for range 3 {
		_, id := mint(t, a, auth.Request{Agent: "bot", TTL: time.Hour})
		if err := a.Revoke(t.Context(), id.TokenID, id.Expires); err != nil {
			t.Fatal(err)
		}
	}
	within(t, 2*time.Second, "known in the other process", func() bool { return b.Revocations() == 3 })
	a.clock.Add(2 * time.Hour) // it is both's
	if err := a.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := b.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if a.Revocations() != 0 || b.Revocations() != 0 {
		t.Errorf("%d and %d are still in memory, want none", a.Revocations(), b.Revocations())
	}
}

func TestRevokeAgent(t *testing.T) {
	a, b := newPair(t)
	old, _ := mint(t, a, auth.Request{Agent: "bot"})
	idle, _ := mint(t, a, auth.Request{Agent: "idle"})
	if _, err := b.Authenticate(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	if err := a.RevokeAgent(t.Context(), "bot"); err != nil {
		t.Fatal(err)
	}
	fresh, _ := mint(t, a, auth.Request{Agent: "bot"}) // in the same millisecond
	within(t, time.Second, "revoked in the other process", func() bool {
		_, err := b.Authenticate(t.Context(), old)
		return reason(err) == "revoked"
	})
	for _, s := range []*server{a, b} {
		if _, err := s.Authenticate(t.Context(), old); reason(err) != "revoked" {
			t.Errorf("the old token: %v", err)
		}
		for _, token := range []string{fresh, idle} {
			if _, err := s.Authenticate(t.Context(), token); err != nil {
				t.Errorf("a token that was not meant: %v", err)
			}
		}
	}
	if err := a.RevokeAgent(t.Context(), "nobody"); err == nil {
		t.Error("revoked the tokens of nobody")
	}
}

func TestAgentStateHoldsForItsTokens(t *testing.T) {
	a, b := newPair(t)
	if err := a.agents.Add(t.Context(), "guest"); err != nil {
		t.Fatal(err)
	}
	token, _ := mint(t, a, auth.Request{Agent: "guest"})
	check := func(what, want string) {
		t.Helper()
		if _, err := a.Authenticate(t.Context(), token); reason(err) != want {
			t.Errorf("%s: here at once: %v", what, err)
		}
		within(t, time.Second, what+" in the other process", func() bool {
			_, err := b.Authenticate(t.Context(), token)
			return reason(err) == want
		})
	}
	check("added", "")
	if err := a.agents.Suspend(t.Context(), "guest", ""); err != nil {
		t.Fatal(err)
	}
	check("suspended", "its agent is suspended")
	if _, _, err := a.Mint(t.Context(), auth.Request{Agent: "guest"}); err == nil || !strings.Contains(err.Error(), "suspended") {
		t.Errorf("minted for a suspended agent: %v", err)
	}
	if err := a.agents.Resume(t.Context(), "guest"); err != nil {
		t.Fatal(err)
	}
	check("resumed", "")
	if err := a.agents.Remove(t.Context(), "guest"); err != nil {
		t.Fatal(err)
	}
	check("removed", "its agent does not exist (any more)")
	a.clock.Add(time.Second)
	if err := a.agents.Add(t.Context(), "guest"); err != nil {
		t.Fatal(err)
	}
	check("removed and added again", "its agent does not exist (any more)")
	a.agents.Configure(nil)
	bot, _ := mint(t, b, auth.Request{Agent: "bot"})
	if _, err := a.Authenticate(t.Context(), bot); reason(err) != "its agent does not exist (any more)" {
		t.Errorf("taken out of the config: %v", err)
	}
}
