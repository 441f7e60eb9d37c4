package requeststate

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"toolvault/vault"
	"toolvault/vault/store"
	"toolvault/vault/store/storetest"
)

// shelf is a real store whose clock the test can move, and whose answers it can
// change.
type shelf struct {
	store.Store
	later atomic.Int64 // nanoseconds
	put   func(context.Context, store.Item) error
}

func (s *shelf) Now(ctx context.Context) (time.Time, error) {
	now, err := s.Store.Now(ctx)
	return now.Add(time.Duration(s.later.Load())), err
}

func (s *shelf) Put(ctx context.Context, item store.Item, l store.Lease) error {
	if s.put != nil {
		return s.put(ctx, item)
	}
	return s.Store.Put(ctx, item, l)
}

// used are the uses on record.
func (s *shelf) used(t testing.TB) []store.Item {
	t.Helper()
	items, err := s.List(context.Background(), prefix, "", 100)
	if err != nil {
		t.Fatal(err)
	}
	return items
}

func open(t testing.TB, url string) (*shelf, *vault.Keyring) {
	t.Helper()
	st, err := store.Open(context.Background(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	keyring, err := vault.OpenKeyring(context.Background(), st, master)
	if err != nil {
		t.Fatal(err)
	}
	return &shelf{Store: st}, keyring
}

var master = vault.NewSecret(base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32)))

func sqlite(t testing.TB) string { return "file:" + t.TempDir() + "/s.db" }

func eachStore(t *testing.T, test func(t *testing.T, url string)) {
	t.Run("sqlite", func(t *testing.T) { test(t, sqlite(t)) })
	t.Run("redis", func(t *testing.T) { test(t, storetest.Redis(t)) })
}

var dune = Call{Agent: "a1", User: "ada", Tool: "shelf_put", Account: "emea", Arguments: []byte(`{"title":"Dune"}`)}

func (s *States) issue(t testing.TB, c Call) string {
	t.Helper()
	state, err := s.Issue(context.Background(), c, "call-1")
	if err != nil {
		t.Fatal(err)
	}
	return state
}

// Redeem is both steps.
func (s *States) Redeem(ctx context.Context, state string, c Call, callID string) (string, error) {
	good, err := s.Verify(ctx, state, c)
	if err != nil {
		return "", err
	}
	return good.Asked, s.Use(ctx, good, callID)
}

// why redeems, and returns why that was refused; nil: it was not.
func (s *States) why(t testing.TB, state string, c Call) error {
	t.Helper()
	_, err := s.Redeem(context.Background(), state, c, "call-2")
	var refused *RefusedError
	if err != nil && !errors.As(err, &refused) {
		t.Fatal(err)
	}
	if refused == nil {
		return nil
	}
	return refused.Why
}

func TestAStateIsGoodOnceInWhateverProcess(t *testing.T) {
	eachStore(t, func(t *testing.T, url string) {
		var replicas []*States
		for range 2 {
			st, keyring := open(t, url)
			replicas = append(replicas, New(st, keyring))
		}
		state := replicas[0].issue(t, dune)
		asked, err := replicas[1].Redeem(t.Context(), state, dune, "call-2")
		if asked != "call-1" || err != nil {
			t.Fatalf("%q %v", asked, err)
		}
		for _, r := range replicas {
			_, err := r.Redeem(t.Context(), state, dune, "call-3")
			var refused *RefusedError
			if !errors.As(err, &refused) || refused.Why != ErrUsed || refused.Asked != "call-1" {
				t.Errorf("again: %v", err)
			}
		}

		state = replicas[0].issue(t, dune)
		var good atomic.Int64
		var wg sync.WaitGroup
		for i := range 32 {
			wg.Go(func() {
				_, err := replicas[i%2].Redeem(t.Context(), state, dune, fmt.Sprint("racer-", i))
				if err == nil {
					good.Add(1)
				} else if !errors.Is(err, ErrUsed) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if good.Load() != 1 {
			t.Errorf("%d of 32 at the same time are taken", good.Load())
		}
	})
}

func TestAStateIsBoundToWhoWasAskedAndAboutWhat(t *testing.T) {
	st, keyring := open(t, sqlite(t))
	s := New(st, keyring)
	for name, c := range map[string]struct {
		change func(*Call)
		why    error
	}{
		"agent":            {func(c *Call) { c.Agent = "a2" }, ErrPrincipal},
		"user":             {func(c *Call) { c.User = "bob" }, ErrPrincipal},
		"no user":          {func(c *Call) { c.User = "" }, ErrPrincipal},
		"agent and user":   {func(c *Call) { c.Agent, c.User = "a1a", "da" }, ErrPrincipal},
		"tool":             {func(c *Call) { c.Tool = "shelf_get" }, ErrOther},
		"account":          {func(c *Call) { c.Account = "us" }, ErrOther},
		"arguments":        {func(c *Call) { c.Arguments = []byte(`{"title":"Emma"}`) }, ErrOther},
		"no arguments":     {func(c *Call) { c.Arguments = nil }, ErrOther},
		"account and args": {func(c *Call) { c.Account, c.Arguments = "emea{", []byte(`"title":"Dune"}`) }, ErrOther},
	} {
		t.Run(name, func(t *testing.T) {
			state, other := s.issue(t, dune), dune
			c.change(&other)
			if why := s.why(t, state, other); why != c.why {
				t.Errorf("%v", why)
			}
			if why := s.why(t, state, dune); why != nil {
				t.Errorf("that it was refused has used it up: %v", why)
			}
		})
	}
}

func TestAStateThatWasChangedOrMadeUpIsNone(t *testing.T) {
	st, keyring := open(t, sqlite(t))
	s := New(st, keyring)
	state := s.issue(t, dune)
	raw, err := encoding.DecodeString(state)
	if err != nil {
		t.Fatal(err)
	}
	bad := map[string]string{
		"empty": "", "short": "AA", "no base64": "§", "padded": state + "=", "line break": state[:9] + "\n" + state[9:],
		"longer": state + "A", "cut": state[:len(state)-4], "twice": state + state, "huge": strings.Repeat("A", MaxSize+1),
	}
	// The last character of a text may have bits that say nothing.
	for id := range []int{1, 2, 3} {
		ours, err := s.Issue(t.Context(), dune, "call-1"[:id])
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_" {
			if other := ours[:len(ours)-1] + string(c); other != ours {
				bad[fmt.Sprintf("%d ends in %c", id, c)] = other
			}
		}
	}
	for i := range raw {
		changed := bytes.Clone(raw)
		changed[i] ^= 1
		bad[fmt.Sprint("byte ", i)] = encoding.EncodeToString(changed)
	}
	// Sealed with our key, as something else.
	for what, name := range map[string]string{"a credential": "credential/x", "an outcome": "once/x"} {
		sealed, err := keyring.Seal([]byte(`{"for":"","about":"","ends":99999999999}`), name, 1)
		if err != nil {
			t.Fatal(err)
		}
		bad[what] = encoding.EncodeToString(sealed)
	}
	other, otherKeys := open(t, sqlite(t)) // sealed elsewhere, with keys of its own
	bad["another server's"] = New(other, otherKeys).issue(t, dune)
	for what, b := range bad {
		if why := s.why(t, b, dune); why != ErrForeign {
			t.Errorf("%s: %v", what, why)
		}
	}
	if n := len(st.used(t)); n != 0 {
		t.Errorf("%d uses are on record", n)
	}
	if why := s.why(t, state, dune); why != nil {
		t.Errorf("the true one: %v", why)
	}
}

// counting counts what is opened.
type counting struct {
	Sealer
	opened int
}

func (c *counting) Open(sealed []byte, name string, version int64) ([]byte, error) {
	c.opened++
	return c.Sealer.Open(sealed, name, version)
}

func TestNoMoreThanAStateCanBeIsLookedAt(t *testing.T) {
	st, keyring := open(t, sqlite(t))
	sealer := &counting{Sealer: keyring}
	s := New(st, sealer)
	if why := s.why(t, strings.Repeat("A", MaxSize+4), dune); why != ErrForeign || sealer.opened != 0 {
		t.Errorf("%v, opened %d times", why, sealer.opened)
	}
}

func TestAStateEnds(t *testing.T) {
	st, keyring := open(t, sqlite(t))
	s := New(st, keyring)
	state := s.issue(t, dune)
	st.later.Store(int64(Life + time.Second))
	if why := s.why(t, state, dune); why != ErrExpired {
		t.Errorf("after its end: %v", why)
	}
	st.later.Store(int64(Life - 5*time.Second))
	if why := s.why(t, state, dune); why != nil {
		t.Errorf("before its end: %v", why)
	}
}

func TestUsesAreForgottenOnceTheStatesHaveEnded(t *testing.T) {
	st, keyring := open(t, sqlite(t))
	s := New(st, keyring)
	var states []string
	for range 3 {
		states = append(states, s.issue(t, dune))
		if why := s.why(t, states[len(states)-1], dune); why != nil {
			t.Fatal(why)
		}
	}
	if n := len(st.used(t)); n != 3 {
		t.Fatalf("%d on record", n)
	}
	st.later.Store(int64(Life + sweepAfter - time.Minute))
	if why := s.why(t, s.issue(t, dune), dune); why != nil {
		t.Fatal(why)
	}
	st.later.Store(0) // the clock is set back by nearly a day
	for _, state := range states {
		if _, err := s.Redeem(t.Context(), state, dune, "call-3"); err == nil {
			t.Error("a state was used again")
		}
	}
	st.later.Store(int64(Life + sweepAfter + time.Second))
	if why := s.why(t, s.issue(t, dune), dune); why != nil {
		t.Fatal(why)
	}
	if n := len(st.used(t)); n != 2 {
		t.Errorf("%d on record, of which two can still be replayed", n)
	}
}

// The store may have written what it says that somebody else has written: it asks
// again after a broken connection.
func TestAUseOfOursIsNoReplay(t *testing.T) {
	st, keyring := open(t, sqlite(t))
	s := New(st, keyring)
	state := s.issue(t, dune)
	st.put = func(ctx context.Context, item store.Item) error {
		if err := st.Store.Put(ctx, item, nil); err != nil {
			return err
		}
		return st.Store.Put(ctx, item, nil)
	}
	if why := s.why(t, state, dune); why != nil {
		t.Error(why)
	}
}

func TestWithoutTheStoreNobodyCanTell(t *testing.T) {
	st, keyring := open(t, sqlite(t))
	s := New(st, keyring)
	state := s.issue(t, dune)
	st.put = func(context.Context, store.Item) error { return store.ErrUnavailable }
	_, err := s.Redeem(t.Context(), state, dune, "call-2")
	var refused *RefusedError
	if !errors.Is(err, store.ErrUnavailable) || errors.As(err, &refused) {
		t.Errorf("%v", err)
	}
}

func TestAStateShowsNothing(t *testing.T) {
	st, keyring := open(t, sqlite(t))
	s := New(st, keyring)
	c := dune
	c.Arguments = []byte(strings.Repeat(`{"title":"Dune"}`, 10_000))
	state := s.issue(t, c)
	if len(state) > 1000 {
		t.Errorf("%d bytes", len(state))
	}
	raw, _ := encoding.DecodeString(state)
	for _, text := range []string{"a1", "ada", "shelf", "Dune", "call-1"} {
		if bytes.Contains(raw, []byte(text)) && len(text) > 2 {
			t.Errorf("%q is in it", text)
		}
	}
	if s.issue(t, c) == state {
		t.Error("two are the same")
	}
}

// Whatever is sent as a state: no panic, and only what was issued here is taken.
func FuzzRedeem(f *testing.F) {
	st, keyring := open(f, sqlite(f))
	s := New(st, keyring)
	good := s.issue(f, dune)
	f.Add(good)
	f.Add(good[:len(good)-1])
	f.Add("")
	f.Add("AQAAAAAAAAAA")
	f.Add("////")
	f.Fuzz(func(t *testing.T, state string) {
		content, err := s.open(state)
		var refused *RefusedError
		switch {
		case err == nil && state != good:
			t.Fatalf("%q is taken for %+v", state, content)
		case err != nil && !errors.As(err, &refused):
			t.Fatalf("%q: %v", state, err)
		}
	})
}
