package vault

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"toolvault/vault/store"
)

// A process is killed after the service has answered and before the answer is
// stored. The next one sees on record that a refresh never ended, and tries once
// more with the old token: some services allow that.
func TestKilledBeforeStoring(t *testing.T) {
	for name, c := range map[string]struct {
		grace bool
		want  error
	}{
		"the service allows it":  {true, nil},
		"the service forbids it": {false, ErrNeedsConsent},
	} {
		t.Run(name, func(t *testing.T) {
			url := "file:" + filepath.Join(t.TempDir(), "store.db")
			st, err := store.Open(t.Context(), url)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = st.Close() })
			master := NewMasterKey()
			k := newKitOn(t, st, master)
			k.put(t, "slack/a", Stored{Type: TypeOAuthToken, Refresh: NewSecret("refresh-0")})
			p := start(t, "resolve", url, master, k.issuer.URL)
			answered := make(chan struct{})
			k.issuer.answer = func(w http.ResponseWriter, n int) bool {
				if n == 1 {
					// The token is issued, and who asked for it is dead before it
					// gets it.
					if !c.grace {
						k.issuer.good = "refresh-1"
					}
					p.kill()
					close(answered)
					return true
				}
				return false
			}
			p.begin()
			<-answered
			if info, err := k.Show(t.Context(), "slack/a"); err != nil || info.State != StateRefreshing {
				t.Fatalf("on record: %+v, %v", info, err)
			}
			got, err := k.Resolve(t.Context(), oauth) // when the dead process's lease has ended
			if !errors.Is(err, c.want) {
				t.Fatalf("got %v, want %v", err, c.want)
			}
			if c.want == nil {
				if got := sent(t, got, "Authorization"); got != "Bearer access-1" {
					t.Errorf("got %q", got)
				}
				return
			}
			if !strings.Contains(err.Error(), "never ended") || !strings.Contains(err.Error(), "toolvault connect slack") {
				t.Errorf("it does not say what happened: %v", err)
			}
			if _, err := k.Resolve(t.Context(), oauth); !errors.Is(err, ErrNeedsConsent) {
				t.Error(err)
			}
			if _, refused, requests := k.issuer.counts(); refused != 1 || requests != 2 {
				t.Errorf("the old token was tried %d times more, %d of them refused: want once", requests-1, refused)
			}
		})
	}
}

// An answer that never came is such a gap too.
func TestAnswerLost(t *testing.T) {
	k := newKit(t)
	k.put(t, "slack/a", Stored{Type: TypeOAuthToken, Refresh: NewSecret("refresh-0")})
	k.issuer.answer = func(w http.ResponseWriter, n int) bool {
		if n == 1 {
			k.issuer.good = "refresh-1" // it is spent
			panic(http.ErrAbortHandler) // the connection breaks
		}
		return false
	}
	if _, err := k.Resolve(t.Context(), oauth); !errors.Is(err, ErrUnavailable) {
		t.Fatalf("got %v", err)
	}
	k.clock.add(time.Second)
	if _, err := k.Resolve(t.Context(), oauth); !errors.Is(err, ErrNeedsConsent) || !strings.Contains(err.Error(), "the answer was lost") {
		t.Fatalf("got %v", err)
	}
}

// A process that was stopped in the middle comes back after another has taken its
// turn, been refused, and put that on record: the tokens that it holds are good,
// and count more than a refusal.
func TestRefusalNeverTouchesTheWinnersToken(t *testing.T) {
	st := newStore(t)
	master := NewMasterKey()
	slow, quick := newKitOn(t, st, master), newKitOn(t, st, master)
	quick.Configure(nil, servicesFor(slow.issuer.URL))
	slow.put(t, "slack/a", Stored{Type: TypeOAuthToken, Refresh: NewSecret("refresh-0")})
	var once sync.Once
	slow.issuer.answer = func(w http.ResponseWriter, n int) bool {
		once.Do(func() {
			slow.issuer.good = "refresh-1" // slow's answer is on its way
			slow.issuer.n = 1
			w.Header().Set("Content-Type", "application/json")
			_, _ = fmt.Fprint(w, `{"access_token":"access-1","refresh_token":"refresh-1","expires_in":3600}`)
			// Its lease is taken away, as if it had been stopped for long.
			s, version, err := quick.read(t.Context(), "slack/a")
			if err != nil {
				t.Error(err)
			}
			s.State, s.Reason, s.Attempt = StateNeedsConsent, "refused", time.Time{}
			if err := quick.write(t.Context(), "slack/a", s, version+1, nil); err != nil {
				t.Error(err)
			}
		})
		return n == 1
	}
	if got := sent(t, slow.resolve(t, oauth), "Authorization"); got != "Bearer access-1" {
		t.Fatalf("got %q", got)
	}
	if got := sent(t, quick.resolve(t, oauth), "Authorization"); got != "Bearer access-1" {
		t.Errorf("the other gets %q", got)
	}
	if info, err := quick.Show(t.Context(), "slack/a"); err != nil || info.State != StateOK {
		t.Errorf("on record: %+v, %v", info, err)
	}
}

// While Run runs, calls use a token that is due and still good, and it is renewed
// behind them.
func TestRenewedAheadWithoutWaiting(t *testing.T) {
	k := newKit(t)
	k.put(t, "slack/a", withRefresh())
	k.run(t)
	k.resolve(t, oauth)
	k.issuer.delay = make(chan struct{})
	k.clock.add(55 * time.Minute)
	if got := sent(t, k.resolve(t, oauth), "Authorization"); got != "Bearer access-0" {
		t.Fatalf("got %q", got)
	}
	eventually(t, func() bool { k.issuer.mu.Lock(); defer k.issuer.mu.Unlock(); return k.issuer.arrived == 1 })
	if got := sent(t, k.resolve(t, oauth), "Authorization"); got != "Bearer access-0" {
		t.Fatalf("while it is renewed: %q", got)
	}
	close(k.issuer.delay)
	eventually(t, func() bool { return sent(t, k.resolve(t, oauth), "Authorization") == "Bearer access-1" })
	if issued, refused, _ := k.issuer.counts(); issued != 1 || refused != 0 {
		t.Errorf("%d issued, %d refused", issued, refused)
	}
	// And again, with no call in between that would be the reason.
	k.clock.add(55 * time.Minute)
	eventually(t, func() bool { issued, _, _ := k.issuer.counts(); return issued == 2 })
	// Nobody has used it since, for longer than twice its life: it is left alone.
	k.clock.add(55 * time.Minute)
	eventually(t, func() bool { issued, _, _ := k.issuer.counts(); return issued == 3 })
	k.clock.add(55 * time.Minute)
	eventually(t, func() bool { k.ahead.mu.Lock(); defer k.ahead.mu.Unlock(); return len(k.ahead.byName) == 0 })
	if issued, _, _ := k.issuer.counts(); issued != 3 {
		t.Errorf("%d issued", issued)
	}
}

// Two hundred tokens end in the same second: the service sees no more than two
// requests at once, as is configured,, and no call waits. BenchmarkStampede does it with a thousand.
func TestNoStampede(t *testing.T) {
	k, seen := stampede(t, 200, 2)
	for _, d := range k.Declarations() {
		k.resolve(t, d)
	}
	k.clock.add(59 * time.Minute) // all are due at once
	for _, d := range k.Declarations() {
		if got := sent(t, k.resolve(t, d), "Authorization"); got != "Bearer access-0" && got != "Bearer access-1" {
			t.Fatal(got)
		}
	}
	eventually(t, func() bool { asked, now, _ := seen.counts(); return asked == 200 && now == 0 })
	if _, _, most := seen.counts(); most > 2 {
		t.Errorf("%d requests at once", most)
	}
	// And if calls have to wait, since all have ended.
	k.clock.add(2 * time.Hour)
	var wg sync.WaitGroup
	for _, d := range k.Declarations() {
		wg.Go(func() { k.resolve(t, d) })
	}
	wg.Wait()
	if _, _, most := seen.counts(); most > 2 {
		t.Errorf("%d requests at once where calls wait", most)
	}
}

// BenchmarkStampede is a thousand tokens that end in the same second: the longest
// call (longest-µs), and how many requests the service saw at once.
func BenchmarkStampede(b *testing.B) {
	for b.Loop() {
		k, seen := stampede(b, 1000, 0)
		for _, d := range k.Declarations() {
			k.resolve(b, d)
		}
		k.clock.add(59 * time.Minute)
		var longest time.Duration
		for asked := 0; asked < 1000; asked, _, _ = seen.counts() {
			for _, d := range k.Declarations() {
				start := time.Now()
				k.resolve(b, d)
				longest = max(longest, time.Since(start))
			}
		}
		_, _, most := seen.counts()
		b.ReportMetric(float64(longest.Microseconds()), "longest-µs")
		b.ReportMetric(float64(most), "at-once")
	}
}

// crowd counts requests to a token endpoint that takes two milliseconds for each.
type crowd struct {
	mu               sync.Mutex
	asked, now, most int
}

func (c *crowd) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	c.mu.Lock()
	c.asked, c.now = c.asked+1, c.now+1
	c.most = max(c.most, c.now)
	c.mu.Unlock()
	<-time.After(2 * time.Millisecond)
	c.mu.Lock()
	c.now--
	c.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	_, _ = fmt.Fprint(w, `{"access_token":"access-1","expires_in":3600}`)
}

func (c *crowd) counts() (asked, now, most int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.asked, c.now, c.most
}

// stampede is a running vault with n grants that end together in an hour.
func stampede(t testing.TB, n, concurrency int) (*kit, *crowd) {
	k, seen := newKit(t), &crowd{}
	server := httptest.NewServer(seen)
	t.Cleanup(server.Close)
	var declared []Declaration
	for i := range n {
		d := oauth
		d.ID, d.Source = fmt.Sprintf("slack/%d", i), fmt.Sprintf("vault:slack/%d", i)
		declared = append(declared, d)
		k.put(t, d.ID, Stored{
			Type: TypeOAuthToken, Secret: NewSecret("access-0"), Refresh: NewSecret(fmt.Sprintf("many-%d", i)),
			Issued: k.clock.now(), Expires: k.clock.now().Add(time.Hour),
		})
	}
	services := servicesFor(server.URL)
	slack := services["slack"]
	slack.App.Concurrency = concurrency
	services["slack"] = slack
	k.Configure(declared, services)
	k.run(t)
	return k, seen
}

// Clocks of two machines disagree by minutes: with the store's clock neither
// renews a token too early nor uses one that has ended.
func TestClocksDisagree(t *testing.T) {
	st := newStore(t)
	master := NewMasterKey()
	right := newKitOn(t, st, master)
	for _, by := range []time.Duration{-4 * time.Minute, 4 * time.Minute} {
		wrong := newKitOn(t, st, master)
		wrong.Vault.store = st // whose clock is right
		wrong.Configure(nil, servicesFor(right.issuer.URL))
		wrong.clock.add(by)
		wrong.run(t)
		right.put(t, "slack/a", Stored{
			Type: TypeOAuthToken, Secret: NewSecret("access-0"), Refresh: NewSecret("refresh-0"),
			Issued: time.Now(), Expires: time.Now().Add(2 * time.Minute),
		})
		if got := sent(t, wrong.resolve(t, oauth), "Authorization"); got != "Bearer access-0" {
			t.Errorf("%v: a fresh token was not used: %q", by, got)
		}
		if _, _, requests := right.issuer.counts(); requests != 0 {
			t.Fatalf("%v: %d needless refreshes", by, requests)
		}
	}
}

// Whoever waits for another process gets what that one has stored, without a
// lease of its own.
func TestLoserTakesTheWinnersResult(t *testing.T) {
	st := newStore(t)
	k := newKitOn(t, st, NewMasterKey())
	k.put(t, "slack/a", Stored{Type: TypeOAuthToken, Refresh: NewSecret("refresh-0")})
	k.run(t)
	lease, err := st.Lease(t.Context(), "refresh/slack/a", time.Minute) // the winner's, which it keeps
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan string, 1)
	go func() {
		c, err := k.Resolve(context.Background(), oauth)
		if err != nil {
			got <- err.Error()
			return
		}
		r, _ := http.NewRequest(http.MethodGet, "http://x", nil)
		_ = c.Authorize(r)
		got <- r.Header.Get("Authorization")
	}()
	eventually(t, func() bool { k.changes.mu.Lock(); defer k.changes.mu.Unlock(); return len(k.changes.waiting) == 1 })
	s, version, err := k.read(t.Context(), "slack/a")
	if err != nil {
		t.Fatal(err)
	}
	s.Secret, s.Expires = NewSecret("winners"), k.clock.now().Add(time.Hour)
	if err := k.write(t.Context(), "slack/a", s, version+1, lease); err != nil {
		t.Fatal(err)
	}
	select {
	case text := <-got:
		if text != "Bearer winners" {
			t.Error(text)
		}
	case <-time.After(10 * time.Second):
		t.Error("it waits for the lease")
	}
}

func TestLastUse(t *testing.T) {
	k := newKit(t)
	k.put(t, "slack/a", Stored{Type: TypeAPIKey, Secret: NewSecret("k")})
	stop := k.run(t)
	if use, err := k.LastUse(t.Context(), "slack/a"); err != nil || !use.At.IsZero() {
		t.Errorf("before: %+v, %v", use, err)
	}
	k.resolve(t, declare(TypeAPIKey, "vault:slack/a"))
	stop()
	use, err := k.LastUse(t.Context(), "slack/a")
	if err != nil || use.Agent != "support-agent-1" || use.At.Sub(k.clock.now()).Abs() > time.Second {
		t.Errorf("after: %+v, %v", use, err)
	}
}
