package people_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// fails tries a wrong password from an address of its own, and returns the
// seconds to wait if it was not looked at.
func (w *world) fails(on int, name, address string) (wait int) {
	w.t.Helper()
	b := w.browser()
	b.address = address
	return b.refused(on, name)
}

func (b *browser) refused(on int, name string) (wait int) {
	b.t.Helper()
	a := b.signIn(on, name, "wrong password")
	switch a.StatusCode {
	case http.StatusForbidden:
		return 0
	case http.StatusTooManyRequests:
		wait, err := strconv.Atoi(a.Header.Get("Retry-After"))
		if err != nil || wait < 1 {
			b.t.Errorf("Retry-After %q", a.Header.Get("Retry-After"))
		}
		return wait
	}
	b.t.Fatalf("%d\n%s", a.StatusCode, a.text)
	return 0
}

// from are addresses that are not counted together.
func from(i int) string { return fmt.Sprintf("192.0.%d.%d", 2+i/200, 1+i%200) }

// TestFailuresOnANameSlowItDown on all replicas together, whatever the address:
// from the fifth failure on by a second, then twice as long each time, up to five
// minutes.
func TestFailuresOnANameSlowItDown(t *testing.T) {
	for _, name := range []string{"alice", "nobody"} { // the same for both
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 2, plain)
			w.add("alice")
			for i := range 5 {
				if wait := w.fails(i%2, name, from(i)); wait != 0 {
					t.Fatalf("failure %d has to wait %d s", i+1, wait)
				}
			}
			for i, want := range []int{1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300} {
				before := w.replicas[0].hashes.Load() + w.replicas[1].hashes.Load()
				for range 3 { // asking early makes nothing longer
					if wait := w.fails(i%2, name, from(100+i)); wait != want {
						t.Errorf("after %d failures: %d s, want %d", 5+i, wait, want)
					}
				}
				if n := w.replicas[0].hashes.Load() + w.replicas[1].hashes.Load() - before; n != 0 {
					t.Errorf("%d passwords were looked at", n)
				}
				w.clock.pass(time.Duration(want) * time.Second)
				if wait := w.fails(1-i%2, name, from(200+i)); wait != 0 {
					t.Errorf("after the wait of %d s there are %d s more", want, wait)
				}
			}
		})
	}
}

func TestTheRightPasswordWaitsTooAndThenEndsTheWait(t *testing.T) {
	w := newWorld(t, 2, plain)
	w.add("alice")
	for i := range 6 {
		w.fails(i%2, "alice", from(i))
		w.clock.pass(time.Second)
	}
	b := w.browser()
	a := b.signIn(0, "alice", password)
	if a.StatusCode != http.StatusTooManyRequests || b.who(0) != "false " || !strings.Contains(a.text, "Wait one second") {
		t.Fatalf("%d\n%s", a.StatusCode, a.text)
	}
	w.clock.pass(time.Second)
	b.must(0, "alice")
	for i := range 5 {
		if wait := w.fails(1, "alice", from(50+i)); wait != 0 {
			t.Errorf("after the success, failure %d waits %d s", i+1, wait)
		}
	}
}

func TestFailuresAreForgivenWithTime(t *testing.T) {
	w := newWorld(t, 1, plain)
	for i := range 5 {
		w.fails(0, "alice", from(i))
	}
	w.clock.pass(50 * time.Minute)
	for i := range 4 {
		if wait := w.fails(0, "alice", from(10+i)); wait != 0 {
			t.Errorf("%d s", wait)
		}
	}
	w.clock.pass(time.Hour)
	if err := w.replicas[0].Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	left, err := w.store.List(t.Context(), "throttle/", "", 1000)
	if err != nil || len(left) != 0 {
		t.Errorf("%d counts are left, %v", len(left), err)
	}
}

func TestTheSweepLeavesWaits(t *testing.T) {
	w := newWorld(t, 1, plain)
	for i := range 5 {
		w.fails(0, "alice", from(i))
	}
	if err := w.replicas[0].Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if wait := w.fails(0, "alice", from(9)); wait != 1 {
		t.Errorf("%d s", wait)
	}
}

// TestAnAddressIsSlowedDown over all names, up to a minute. What a header says of
// the address is nothing; of IPv6 a subscriber's 64 bits count as one.
func TestAnAddressIsSlowedDown(t *testing.T) {
	for kind, address := range map[string]func(i int) string{
		"IPv4":           func(int) string { return "192.0.2.7" },
		"IPv6":           func(i int) string { return fmt.Sprintf("2001:db8::%x", i+1) },
		"IPv4 in IPv6":   func(i int) string { return []string{"::ffff:192.0.2.7", "192.0.2.7"}[i%2] },
		"by header only": func(i int) string { return "192.0.2.7" },
	} {
		t.Run(kind, func(t *testing.T) {
			w := newWorld(t, 2, plain)
			try := func(i int) int {
				b := w.browser()
				b.address = address(i)
				b.header.Set("X-Forwarded-For", from(i))
				b.header.Set("Forwarded", "for="+from(i))
				b.header.Set("X-Real-Ip", from(i))
				return b.refused(i%2, fmt.Sprintf("name-%d", i))
			}
			for i := range 5 {
				if wait := try(i); wait != 0 {
					t.Fatalf("failure %d waits %d s", i+1, wait)
				}
			}
			for i, want := range []int{1, 2, 4, 8, 16, 32, 60, 60} {
				if wait := try(100 + i); wait != want {
					t.Errorf("%d s, want %d", wait, want)
				}
				w.clock.pass(time.Duration(want) * time.Second)
				want = 0
				if i < 7 {
					if wait := try(200 + i); wait != want {
						t.Errorf("after the wait: %d s more", wait)
					}
				}
			}
			if wait := w.fails(0, "somebody", "198.51.100.1"); wait != 0 {
				t.Errorf("another address waits %d s", wait)
			}
		})
	}
}

// TestASuccessGivesOneTryBack: many who sign in from one address slow nobody
// down; but who has an account cannot clear the way for guessing at others'.
func TestASuccessGivesOneTryBack(t *testing.T) {
	w := newWorld(t, 1, plain)
	for i := range 20 {
		w.add(fmt.Sprintf("person-%d", i))
	}
	for i := range 20 {
		w.browser().must(0, fmt.Sprintf("person-%d", i))
	}
	slowed := false
	for i := range 12 {
		if w.fails(0, fmt.Sprintf("victim-%d", i), "192.0.2.1") > 0 {
			slowed = true
			break
		}
		w.browser().signIn(0, fmt.Sprintf("person-%d", i), password)
	}
	if !slowed {
		t.Error("an account of one's own makes guessing free")
	}
}

// TestStrangersKeepNobodyOut: a browser in which somebody has signed in before is
// counted by itself.
func TestStrangersKeepNobodyOut(t *testing.T) {
	w := newWorld(t, 2, plain)
	w.add("alice")
	w.add("bob")
	known := w.browser()
	known.must(0, "alice")
	known.do(0, "POST", "/signout", url.Values{"csrf": {known.token(0)}})
	for i := range 12 {
		w.fails(i%2, "alice", from(i))
		w.fails(i%2, "somebody", known.address)
	}
	for what, wait := range map[string]int{"by name": w.fails(0, "alice", from(99)), "by address": w.fails(0, "anybody", known.address)} {
		if wait == 0 {
			t.Fatalf("strangers are not slowed %s", what)
		}
	}
	known.must(1, "alice")

	// It is no free pass: not for guessing there, nor for another name.
	for i := range 5 {
		if wait := known.refused(0, "alice"); wait != 0 {
			t.Errorf("failure %d waits %d s", i+1, wait)
		}
	}
	if wait := known.refused(1, "alice"); wait != 1 {
		t.Errorf("the sixth waits %d s", wait)
	}
	for i := range 10 {
		w.fails(0, "bob", from(i))
	}
	if wait := known.refused(0, "bob"); wait == 0 {
		t.Error("alice's browser may guess at bob's password")
	}

	// Nor for whoever has that name later, nor after half a year.
	w.clock.pass(time.Hour)
	other := w.browser()
	other.must(0, "bob")
	w.clock.pass(181 * 24 * time.Hour)
	for i := range 10 {
		w.fails(0, "bob", from(i))
	}
	if wait := other.refused(0, "bob"); wait == 0 {
		t.Error("after half a year the browser is still known")
	}
	w.clock.pass(24 * time.Hour)
	other.must(0, "bob")
	if err := w.replicas[0].Remove(t.Context(), "bob"); err != nil {
		t.Fatal(err)
	}
	w.add("bob")
	for i := range 10 {
		w.fails(0, "bob", from(i))
	}
	if wait := other.refused(0, "bob"); wait == 0 {
		t.Error("the browser of the bob before is known as this one's")
	}
}

func TestAForgedDeviceIsAStranger(t *testing.T) {
	w := newWorld(t, 1, plain)
	w.add("alice")
	for i := range 6 {
		w.fails(0, "alice", from(i))
	}
	for _, forged := range []string{"x", strings.Repeat("A", 200), strings.Repeat("A", 5000)} {
		b := w.browser()
		b.plant(&http.Cookie{Name: "toolvault-device", Value: forged})
		if wait := b.refused(0, "alice"); wait == 0 {
			t.Errorf("%.20s is taken for a device", forged)
		}
	}
}

// TestManyAtOnceAreCountedOneByOne: tries are counted before they are looked at.
func TestManyAtOnceAreCountedOneByOne(t *testing.T) {
	w := newWorld(t, 2, plain)
	w.add("alice")
	before := w.replicas[0].hashes.Load()
	var all sync.WaitGroup
	for i := range 40 {
		b := w.browser()
		b.address = from(i)
		token := b.token(i % 2)
		all.Go(func() {
			b.do(i%2, "POST", "/signin", url.Values{"csrf": {token}, "name": {"alice"}, "password": {"wrong password"}})
		})
	}
	all.Wait()
	if n := w.replicas[0].hashes.Load() + w.replicas[1].hashes.Load() - before; n > 5 {
		t.Errorf("of 40 at once %d were looked at, want 5 at most", n)
	}
}

// TestNamesThatNobodyHasDoNotFillTheStore: there are 65,536 places.
func TestNamesThatNobodyHasDoNotFillTheStore(t *testing.T) {
	w := newWorld(t, 1, plain)
	for i := range 50 {
		w.fails(0, strings.Repeat("x", i)+"/", from(i))
	}
	items, err := w.store.List(t.Context(), "throttle/", "", 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, item := range items {
		if _, key, ok := strings.Cut(strings.TrimPrefix(item.Key, "throttle/"), "/"); !ok || len(key) != 4 {
			t.Errorf("a place called %s", item.Key)
		}
	}
}

// TestRefusalsAreToldButDoNotFillTheLog.
func TestRefusalsAreToldButDoNotFillTheLog(t *testing.T) {
	w := newWorld(t, 1, plain)
	w.add("alice")
	for i := range 8 {
		w.fails(0, "alice", from(i))
		w.clock.pass(time.Second)
	}
	w.told()
	for i := range 20 {
		w.fails(0, "alice", from(20+i))
	}
	w.clock.pass(time.Second)
	w.fails(0, "alice", from(50))
	lines := strings.Split(strings.TrimSpace(w.told()), "\n")
	if len(lines) != 2 || !strings.HasPrefix(lines[0], "sign_in_delayed|alice|192.0.2.21|too many failures by name") || !strings.Contains(lines[1], "(19 more were not recorded one by one)") {
		t.Errorf("%d lines:\n%s", len(lines), strings.Join(lines, "\n"))
	}
}
