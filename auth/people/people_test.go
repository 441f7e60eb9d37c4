package people_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/argon2"

	"toolvault/auth/people"
	"toolvault/vault/store"
)

func TestPeopleComeAndGo(t *testing.T) {
	w := newWorld(t, 2, plain)
	ctx := t.Context()
	one, two := w.replicas[0], w.replicas[1]
	w.add("Bob")
	w.add("alice@example.com")
	if err := two.Add(ctx, "BOB", []byte(password)); err == nil || !strings.Contains(err.Error(), "Bob exists already") {
		t.Errorf("a second Bob: %v", err)
	}
	all, err := two.List(ctx)
	if err != nil || len(all) != 2 || all[0].Name != "alice@example.com" || all[1].Name != "Bob" || !all[1].Created.Equal(w.clock.Now()) {
		t.Fatalf("%+v, %v", all, err)
	}
	if err := two.Disable(ctx, "bob"); err != nil {
		t.Fatal(err)
	}
	if got, err := one.Get(ctx, "bob"); err != nil || !got.Disabled || got.Name != "Bob" {
		t.Errorf("%+v, %v", got, err)
	}
	if err := one.Enable(ctx, "Bob"); err != nil {
		t.Fatal(err)
	}
	if got, err := two.Get(ctx, "Bob"); err != nil || got.Disabled {
		t.Errorf("%+v, %v", got, err)
	}
	if err := two.Remove(ctx, "bob"); err != nil {
		t.Fatal(err)
	}
	for what, err := range map[string]error{
		"get":      func() error { _, err := one.Get(ctx, "Bob"); return err }(),
		"password": one.SetPassword(ctx, "Bob", []byte(password)),
		"disable":  one.Disable(ctx, "Bob"),
		"enable":   one.Enable(ctx, "Bob"),
		"remove":   one.Remove(ctx, "Bob"),
	} {
		if !errors.Is(err, people.ErrUnknown) {
			t.Errorf("%s of nobody: %v", what, err)
		}
	}
	want := "added|Bob||\nadded|alice@example.com||\ndisabled|Bob||\nenabled|Bob||\nremoved|Bob||\n"
	if got := w.told(); got != want {
		t.Errorf("told:\n%swant:\n%s", got, want)
	}
	w.add("Bob") // again
}

func TestAChangeThatIsAskedForAgainIsToldAgain(t *testing.T) {
	w := newWorld(t, 1, plain)
	w.add("alice")
	w.told()
	for range 2 {
		if err := w.replicas[0].Disable(t.Context(), "alice"); err != nil {
			t.Error(err)
		}
	}
	if got := w.told(); got != "disabled|alice||\ndisabled|alice||\n" {
		t.Error(got)
	}
}

// TestOfManyWhoAddOneWins, whatever the replica.
func TestOfManyWhoAddOneWins(t *testing.T) {
	w := newWorld(t, 2, plain)
	var won []error
	var mu sync.Mutex
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			err := w.replicas[i%2].Add(t.Context(), "alice", []byte(password))
			mu.Lock()
			defer mu.Unlock()
			won = append(won, err)
		})
	}
	all.Wait()
	if n := len(slices.DeleteFunc(won, func(err error) bool { return err != nil })); n != 1 {
		t.Errorf("%d made the same person", n)
	}
}

func TestNamesAndPasswordsThatAreRefused(t *testing.T) {
	w := newWorld(t, 1, plain)
	for _, c := range []struct{ name, password, why string }{
		{"", password, "cannot be a person's name"},
		{"a/b", password, "cannot be a person's name"},
		{"a b", password, "cannot be a person's name"},
		{"-a", password, "cannot be a person's name"},
		{"ä", password, "cannot be a person's name"},
		{strings.Repeat("a", 129), password, "cannot be a person's name"},
		{"alice", "", "8 to 256 bytes"},
		{"alice", "seven77", "8 to 256 bytes"},
		{"alice", strings.Repeat("x1", 129), "8 to 256 bytes"},
		{"Alice-in-W", "alice-IN-w", "the password is the name"},
		{"alice", "Password", "tried first"},
		{"alice", "password123!", "tried first"},
		{"alice", "Welcome2026", "tried first"},
		{"alice", "12345678", "tried first"},
		{"alice", "QWERTYUIOP", "tried first"},
		{"alice", "aaaaaaaaaaaa", "tried first"},
		{"alice", "toolvault1", "tried first"},
	} {
		err := w.replicas[0].Add(t.Context(), c.name, []byte(c.password))
		if err == nil || !strings.Contains(err.Error(), c.why) {
			t.Errorf("%q with %q: %v, want %q", c.name, c.password, err, c.why)
		}
		if err != nil && c.password != "" && c.password != password && strings.Contains(err.Error(), c.password) {
			t.Errorf("the refusal tells the password: %v", err)
		}
	}
	for _, good := range []string{"password of a horse", "correct horse", strings.Repeat("x1", 128), "ünïcödé", "12345678x"} {
		if err := people.CheckPassword("alice", []byte(good)); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
}

// TestAPasswordIsKeptAsArgon2id with the parameters of RFC 9106, as a PHC string.
func TestAPasswordIsKeptAsArgon2id(t *testing.T) {
	salt := []byte("0123456789abcdef")
	sum := argon2.IDKey([]byte(password), salt, people.ArgonTime, people.ArgonMemory, people.ArgonThreads, 32)
	want := fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$MDEyMzQ1Njc4OWFiY2RlZg$", argon2.Version, people.ArgonMemory, people.ArgonTime, people.ArgonThreads)
	if got := people.PHC(salt, sum); !strings.HasPrefix(got, want) || len(got) != len(want)+43 {
		t.Errorf("%s, want it to begin with %s", got, want)
	}
	if people.ArgonMemory != 64<<10 || people.ArgonTime != 3 || people.ArgonThreads != 4 {
		t.Error("not the second recommended option of RFC 9106, section 4")
	}
}

// TestTheStoreGivesNothingAway: neither names nor passwords nor what browsers
// have can be read in it, nor be moved from one place to another.
func TestTheStoreGivesNothingAway(t *testing.T) {
	w := newWorld(t, 1, plain)
	w.add("alice")
	w.add("mallory")
	b := w.browser()
	b.must(0, "alice")
	b.signIn(0, "alice", "wrong")
	items, err := w.store.List(t.Context(), "", "", 1000)
	if err != nil || len(items) < 4 {
		t.Fatal(len(items), err)
	}
	for _, item := range items {
		for _, secret := range []string{password, "argon2id", b.cookie("session").Value, b.cookie("device").Value, "wrong"} {
			if bytes.Contains(append([]byte(item.Key), item.Value...), []byte(secret)) {
				t.Errorf("%s holds %q", item.Key, secret)
			}
		}
	}
	// Mallory's record, with a password that is known, under Alice's name.
	mallory, err := w.store.Get(t.Context(), "person/mallory")
	if err != nil {
		t.Fatal(err)
	}
	alice, err := w.store.Get(t.Context(), "person/alice")
	if err != nil {
		t.Fatal(err)
	}
	alice.Version, alice.Value = alice.Version+1, mallory.Value
	if err := w.store.Put(t.Context(), alice, nil); err != nil {
		t.Fatal(err)
	}
	if a := w.browser().signIn(0, "alice", password); a.StatusCode != 503 {
		t.Errorf("with another's record in place: %d", a.StatusCode)
	}
	if got := b.who(0); got != "false " {
		t.Errorf("a session of a person whose record was swapped: %s", got)
	}
	all, err := w.replicas[0].List(t.Context())
	if err == nil || len(all) != 1 {
		t.Errorf("the list shows %d and says %v", len(all), err)
	}
}

// TestTwoHashesAtOnceAndNoMore: each takes 64 MiB. Who waits too long, or goes
// away, is let go.
func TestTwoHashesAtOnceAndNoMore(t *testing.T) {
	w := newWorld(t, 1, plain)
	p := w.replicas[0].People
	release := make(chan struct{})
	began := people.Hold(p, release)
	var all sync.WaitGroup
	for i := range 2 {
		all.Go(func() {
			if err := p.Add(t.Context(), fmt.Sprintf("person-%d", i), []byte(password)); err != nil {
				t.Error(err)
			}
		})
	}
	<-began
	<-began
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	third := make(chan error, 1)
	all.Go(func() { third <- p.Add(ctx, "third", []byte(password)) })
	select {
	case err := <-third:
		if err == nil || !strings.Contains(err.Error(), "try again") {
			t.Errorf("a third at once: %v", err)
		}
	case <-began:
		t.Error("three are computed at once")
	}
	close(release)
	all.Wait()
	if err := p.Add(t.Context(), "third", []byte(password)); err != nil {
		t.Error(err)
	}
}

// TestGuessingTakesNoMemory: real computations, in a process whose heap may grow
// as that of the program.
func TestGuessingTakesNoMemory(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(400))
	st, err := store.Open(t.Context(), "file:"+t.TempDir()+"/store.db")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = st.Close() }()
	p, err := people.New(people.Options{Store: st, Sealer: newSealer(t), Now: time.Now, PublicURL: plain})
	if err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	var all sync.WaitGroup
	for i := range 14 {
		all.Go(func() {
			if err := p.Add(t.Context(), fmt.Sprintf("person-%d", i), []byte(password)); err != nil && !strings.Contains(err.Error(), "try again") {
				t.Error(err)
			}
		})
	}
	all.Wait()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapSys-before.HeapSys) >> 20; grown > 300 {
		t.Errorf("the heap took %d MiB more", grown)
	}
}
