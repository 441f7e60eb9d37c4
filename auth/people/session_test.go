package people_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"toolvault/auth/people"
)

func TestCookiesOfASession(t *testing.T) {
	for public, want := range map[string]struct {
		prefix string
		secure bool
	}{"https://tools.example.com": {"__Host-", true}, plain: {"", false}} {
		w := newWorld(t, 1, public)
		w.add("alice")
		a := w.browser().signIn(0, "alice", password)
		seen := map[string]bool{}
		for _, c := range a.Cookies() {
			seen[strings.TrimPrefix(c.Name, want.prefix)] = true
			if !strings.HasPrefix(c.Name, want.prefix+"toolvault-") || c.Secure != want.secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" {
				t.Errorf("%s: %s", public, c.Raw)
			}
		}
		if !seen["toolvault-session"] || !seen["toolvault-csrf"] || !seen["toolvault-device"] || len(seen) != 3 {
			t.Errorf("%s: %v", public, seen)
		}
	}
}

// TestASessionIsNeverTheOneThatWasThereBefore (session fixation): neither one
// that an attacker made up, nor their own, nor the visitor's earlier one.
func TestASessionIsNeverTheOneThatWasThereBefore(t *testing.T) {
	w := newWorld(t, 1, plain)
	w.add("alice")
	w.add("mallory")
	mallory := w.browser()
	mallory.must(0, "mallory")
	first := *mallory.cookie("session")

	for name, planted := range map[string]string{"made up": strings.Repeat("A", 43), "an attacker's": first.Value, "junk": "x"} {
		victim := w.browser()
		victim.plant(&http.Cookie{Name: "toolvault-session", Value: planted})
		victim.must(0, "alice")
		if got := victim.cookie("session").Value; got == planted {
			t.Errorf("%s session was adopted", name)
		}
		if got := victim.who(0); got != "true alice" {
			t.Errorf("%s: %s", name, got)
		}
		thief := w.browser()
		thief.plant(&http.Cookie{Name: "toolvault-session", Value: planted})
		if got := thief.who(0); got != "false " {
			t.Errorf("who planted %s session is %s", name, got)
		}
	}

	b := w.browser()
	b.must(0, "alice")
	old := *b.cookie("session")
	oldToken := b.token(0)
	b.must(0, "alice")
	copied := w.browser()
	copied.plant(&old)
	if got := copied.who(0); got != "false " {
		t.Errorf("the session from before the renewal is %s", got)
	}
	if a := b.do(0, "POST", "/signout", url.Values{"csrf": {oldToken}}); a.StatusCode != http.StatusForbidden {
		t.Errorf("a token from before the sign-in: %d", a.StatusCode)
	}
}

func TestSignOutEndsTheSessionForWhoeverHasIt(t *testing.T) {
	w := newWorld(t, 2, plain)
	w.add("alice")
	b := w.browser()
	b.must(0, "alice")
	copied := w.browser()
	copied.plant(b.cookie("session"))
	if got := copied.who(1); got != "true alice" {
		t.Fatal(got)
	}
	w.told()
	a := b.do(1, "POST", "/signout", url.Values{"csrf": {b.token(1)}, "return": {"/consent"}})
	if a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != "/signin?signed=out&return=%2Fconsent" || b.cookie("session") != nil {
		t.Errorf("%d to %s, cookie %v", a.StatusCode, a.Header.Get("Location"), b.cookie("session"))
	}
	if got := copied.who(0); got != "false " {
		t.Errorf("a copy of the cookie is still %s", got)
	}
	if got := w.told(); got != "signed_out|alice|192.0.2.1|\n" {
		t.Error(got)
	}
	if page := b.do(0, "GET", "/signin?signed=out", nil).text; !strings.Contains(page, "You are signed out.") {
		t.Error(page)
	}
	// A second time there is nothing to end, and nothing to tell.
	b.do(1, "POST", "/signout", url.Values{"csrf": {b.token(1)}})
	if got := w.told(); got != "" {
		t.Error(got)
	}
}

func TestWhoIsKeptOutIsOutEverywhereAtOnce(t *testing.T) {
	for name, c := range map[string]struct {
		do, undo func(*people.People, *world) error
	}{
		"disabled": {
			func(p *people.People, w *world) error { return p.Disable(w.t.Context(), "alice") },
			func(p *people.People, w *world) error { return p.Enable(w.t.Context(), "alice") },
		},
		"removed": {
			func(p *people.People, w *world) error { return p.Remove(w.t.Context(), "alice") },
			func(p *people.People, w *world) error { return p.Add(w.t.Context(), "alice", []byte(password)) },
		},
		"given a new password": {
			func(p *people.People, w *world) error {
				return p.SetPassword(w.t.Context(), "alice", []byte("another lovely horse"))
			},
			func(p *people.People, w *world) error { return p.SetPassword(w.t.Context(), "alice", []byte(password)) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 2, plain)
			w.add("alice")
			b := w.browser()
			b.must(1, "alice")
			if err := c.do(w.replicas[0].People, w); err != nil {
				t.Fatal(err)
			}
			if got := b.who(1); got != "false " {
				t.Errorf("the session is still %s", got)
			}
			if a := w.browser().signIn(1, "alice", password); a.StatusCode != http.StatusForbidden {
				t.Errorf("a sign-in: %d", a.StatusCode)
			}
			if err := c.undo(w.replicas[0].People, w); err != nil {
				t.Fatal(err)
			}
			if got := b.who(1); got != "false " {
				t.Errorf("undone, the old session came back: %s", got)
			}
			b.must(1, "alice")
		})
	}
}

func TestASessionEnds(t *testing.T) {
	w := newWorld(t, 2, plain)
	w.add("alice")

	idle := w.browser()
	idle.must(0, "alice")
	w.clock.pass(time.Hour - time.Second)
	if got := idle.who(1); got != "true alice" {
		t.Errorf("after 59:59: %s", got)
	}
	w.clock.pass(time.Hour)
	if got := idle.who(0); got != "false " {
		t.Errorf("after an hour without use: %s", got)
	}

	busy := w.browser()
	busy.must(0, "alice")
	for range 23 {
		w.clock.pass(30 * time.Minute)
		if got := busy.who(1); got != "true alice" {
			t.Fatal(got)
		}
	}
	w.clock.pass(30 * time.Minute)
	if got := busy.who(0); got != "false " {
		t.Errorf("after twelve hours: %s", got)
	}

	if err := w.replicas[1].Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	left, err := w.store.List(t.Context(), "session/", "", 1000)
	if err != nil || len(left) != 0 {
		t.Errorf("%d sessions are left after the sweep, %v", len(left), err)
	}
	if all, err := w.replicas[0].List(t.Context()); err != nil || len(all) != 1 {
		t.Errorf("the sweep took people away: %v, %v", all, err)
	}
}

func TestTheSweepLeavesWhatIsInUse(t *testing.T) {
	w := newWorld(t, 1, plain)
	w.add("alice")
	b := w.browser()
	b.must(0, "alice")
	if err := w.replicas[0].Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := b.who(0); got != "true alice" {
		t.Error(got)
	}
}

func TestUseIsWrittenOnceAMinute(t *testing.T) {
	w := newWorld(t, 1, plain)
	w.add("alice")
	b := w.browser()
	b.must(0, "alice")
	version := func() int64 {
		items, err := w.store.List(t.Context(), "session/", "", 10)
		if err != nil || len(items) != 1 {
			t.Fatal(items, err)
		}
		return items[0].Version
	}
	for range 100 {
		b.who(0)
		w.clock.pass(599 * time.Millisecond)
	}
	if v := version(); v != 1 {
		t.Errorf("in the first minute it was written %d times", v-1)
	}
	w.clock.pass(time.Second)
	for range 100 {
		b.who(0)
	}
	if v := version(); v != 2 {
		t.Errorf("after a minute it was written %d times", v-1)
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	w := newWorld(t, 1, plain)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- w.replicas[0].Run(ctx) }()
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
