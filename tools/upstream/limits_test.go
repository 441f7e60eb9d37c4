package upstream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"toolvault/tools/fault"
	"toolvault/vault/store"
	"toolvault/vault/store/bucket"
)

// busy is a service that counts what arrives, and its client's pools.
type busy struct {
	endpoint Endpoint
	answer   func(n int) *http.Response // nil: 200

	mu   sync.Mutex
	seen []time.Time
}

func newBusy(limits ...Limit) *busy {
	return &busy{endpoint: Endpoint{
		Service: "acme", BaseURL: "https://acme.example",
		Limits: func(*Client, *Request) []Limit { return limits },
	}}
}

func (b *busy) RoundTrip(r *http.Request) (*http.Response, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.seen = append(b.seen, time.Now())
	if b.answer != nil {
		return b.answer(len(b.seen)), nil
	}
	return &http.Response{StatusCode: 200, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
}

func (b *busy) pool(options ...Option) *Pool { return NewPool(b, options...) }

func (b *busy) call(ctx context.Context, p *Pool) error {
	return p.Client(b.endpoint, &key{name: "k"}, "call-1").Do(ctx, Request{Path: "/x", Read: true}, nil)
}

func status(code int, header ...string) *http.Response {
	h := http.Header{}
	for i := 0; i+1 < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return &http.Response{StatusCode: code, Header: h, Body: http.NoBody}
}

func TestLimitsAreWaitedOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBusy(Limit{Key: "T07 search", Burst: 3, Every: 2 * time.Second})
		var waits []time.Duration
		p := b.pool(Waited(func(service string, d time.Duration) {
			if service != "acme" {
				t.Errorf("it is told of %s", service)
			}
			waits = append(waits, d)
		}))
		began := time.Now()
		for range 6 {
			if err := b.call(t.Context(), p); err != nil {
				t.Fatal(err)
			}
		}
		for i, want := range []int{0, 0, 0, 2, 4, 6} {
			if got := b.seen[i].Sub(began); got.Round(time.Second) != time.Duration(want)*time.Second {
				t.Errorf("request %d went after %v, want %d s", i, got, want)
			}
		}
		if len(waits) != 3 {
			t.Errorf("%d waits were told, want 3", len(waits))
		}
	})
}

// A wait for which there is no time is an answer at once, and nothing is sent or
// taken.
func TestLimitBeyondTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBusy(Limit{Key: "T07 search", Burst: 1, Every: 20 * time.Second})
		p := b.pool()
		if err := b.call(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			began := time.Now()
			f := failure(t, b.call(ctx, p))
			cancel()
			if f.Kind != fault.RateLimited || !f.Retryable || !f.NotSent || f.Status != 0 || f.RetryAfter != 20*time.Second || time.Since(began) != 0 {
				t.Errorf("after %v: %+v", time.Since(began), f)
			}
			if want := "acme takes 3 a minute such requests for this account; they are used up for now. Nothing was sent. Try again in 20 s"; !strings.HasPrefix(f.Message, want) {
				t.Errorf("it says %q", f.Message)
			}
		}
		if len(b.seen) != 1 {
			t.Errorf("%d requests were made", len(b.seen))
		}
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Second)
		defer cancel()
		if err := b.call(ctx, p); err != nil {
			t.Errorf("with time enough: %v", err)
		}
	})
}

func TestLimitInTheServicesWords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBusy(Limit{Key: "p", Burst: 1, Every: 5 * time.Minute, Says: "HubSpot takes 4 searches a second for an account"})
		p := b.pool()
		_ = b.call(t.Context(), p)
		f := failure(t, b.call(t.Context(), p))
		if want := "HubSpot takes 4 searches a second for an account; they are used up for now. Nothing was sent. Try again in 5 min, or ask for more at once."; f.Message != want {
			t.Errorf("it says %q", f.Message)
		}
	})
}

func TestPaces(t *testing.T) {
	for every, want := range map[time.Duration]string{
		250 * time.Millisecond: "4 a second", 52 * time.Millisecond: "19 a second", time.Second: "1 a second",
		1200 * time.Millisecond: "50 a minute", time.Minute: "1 a minute", 90 * time.Second: "40 an hour",
		2 * time.Hour: "12 a day", 48 * time.Hour: "1 a day", time.Microsecond: "1000000 a second",
	} {
		if got := pace(every); got != want {
			t.Errorf("%v: %q, want %q", every, got, want)
		}
	}
}

// Each attempt is a request, and costs a token.
func TestAttemptsAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBusy(Limit{Key: "p", Burst: 2, Every: 10 * time.Second})
		b.answer = func(n int) *http.Response { return status(map[bool]int{true: 500, false: 200}[n < 3]) }
		began := time.Now()
		if err := b.call(t.Context(), b.pool()); err != nil {
			t.Fatal(err)
		}
		if got := time.Since(began); got < 9*time.Second {
			t.Errorf("three attempts took %v, with two tokens and one in ten seconds", got)
		}
	})
}

// Of several limits each is spent, and the longest wait is waited.
func TestSeveralLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBusy(Limit{Key: "method", Burst: 2, Every: 3 * time.Second}, Limit{Key: "account", Burst: 1, Every: time.Second})
		p := b.pool()
		began := time.Now()
		for _, want := range []int{0, 1, 3, 6} { // in the second the account is the slower, then the method
			if err := b.call(t.Context(), p); err != nil {
				t.Fatal(err)
			}
			if got := time.Since(began).Round(time.Second); got != time.Duration(want)*time.Second {
				t.Errorf("it took %v, want %d s", got, want)
			}
		}
	})
}

func TestWaitForALimitEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBusy(Limit{Key: "p", Burst: 1, Every: 30 * time.Second})
		p := b.pool()
		_ = b.call(t.Context(), p)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(5*time.Second, cancel)
		began := time.Now()
		f := failure(t, b.call(ctx, p))
		if f.Kind != fault.Cancelled || !f.NotSent || time.Since(began) != 5*time.Second || len(b.seen) != 1 {
			t.Errorf("after %v and %d requests: %+v", time.Since(began), len(b.seen), f)
		}
	})
}

// Who comes first is served first, however many come later.
func TestLimitsAreFair(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBusy(Limit{Key: "p", Burst: 1, Every: time.Second})
		p := b.pool()
		var mu sync.Mutex
		var order []int
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				if err := b.call(t.Context(), p); err != nil {
					t.Error(err)
				}
				mu.Lock()
				order = append(order, i)
				mu.Unlock()
			})
			synctest.Wait()
		}
		wg.Wait()
		for i, n := range order {
			if i != n {
				t.Fatalf("served in the order %v", order)
			}
		}
	})
}

// What the service says in a 429 holds for all who share the bucket, in this pool
// and in others.
func TestRefusalIsHeededByAll(t *testing.T) {
	for name, far := range map[string]bool{"near": false, "far": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				table := &tabled{Table: bucket.NewTable(64)}
				b := newBusy(Limit{Key: "p", Burst: 100, Every: time.Second})
				one, other := b.pool(Shared(table, far, nil)), b.pool(Shared(table, far, nil))
				for range 3 { // so that each has tokens in hand where it is far
					_, _ = b.call(t.Context(), one), b.call(t.Context(), other)
				}
				refused := len(b.seen)
				b.answer = func(n int) *http.Response {
					if n == refused+1 {
						return status(429, "Retry-After", "40")
					}
					return status(200)
				}
				began := time.Now()
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				if f := failure(t, b.call(ctx, one)); f.Status != 429 || f.RetryAfter != 40*time.Second {
					t.Errorf("%+v", f)
				}
				if f := failure(t, b.call(ctx, one)); f.Status != 0 { // whatever it has in hand
					t.Errorf("%+v", f)
				}
				time.Sleep(2 * time.Second) // what the other has in hand is worth nothing then
				for _, p := range []*Pool{one, other} {
					if f := failure(t, b.call(ctx, p)); f.Status != 0 || f.Kind != fault.RateLimited || f.RetryAfter != 38*time.Second {
						t.Errorf("%+v", f)
					}
				}
				if err := b.call(t.Context(), other); err != nil {
					t.Error(err)
				}
				if got := time.Since(began).Round(time.Second); got != 40*time.Second || len(b.seen) != refused+2 {
					t.Errorf("after %v %d requests were made", got, len(b.seen)-refused)
				}
			})
		})
	}
}

// tabled is a limiter that two pools share in one process.
type tabled struct {
	*bucket.Table

	mu    sync.Mutex
	asked int
	err   error
}

func (s *tabled) ask() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	return s.err
}

func (s *tabled) Spend(ctx context.Context, name string, rate bucket.Rate, want int, most time.Duration) (int, time.Duration, error) {
	if err := errors.Join(s.ask(), ctx.Err()); err != nil {
		return 0, 0, err
	}
	got, wait := s.Table.Spend(time.Now(), name, rate, want, most)
	return got, wait, nil
}

func (s *tabled) Pause(_ context.Context, name string, d time.Duration) error {
	s.Table.Pause(time.Now(), name, d)
	return s.ask()
}

// A limiter that cannot be reached fails no call: the process keeps to the limits
// by itself, asks again after a second, and says so once a minute.
func TestLimiterThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		table := &tabled{Table: bucket.NewTable(64), err: errors.New("connection refused")}
		b := newBusy(Limit{Key: "p", Burst: 2, Every: time.Second})
		p := b.pool(Shared(table, false, slog.New(slog.NewTextHandler(&log, nil))))
		began := time.Now()
		for range 100 {
			if err := b.call(t.Context(), p); err != nil {
				t.Fatal(err)
			}
		}
		if got := time.Since(began).Round(time.Second); got != 98*time.Second {
			t.Errorf("100 requests took %v: the limit was not kept", got)
		}
		if n := strings.Count(log.String(), "cannot be reached"); n != 2 || !strings.Contains(log.String(), "connection refused") {
			t.Errorf("in 98 s it was logged %d times:\n%s", n, log.String())
		}
		if table.asked > 99 {
			t.Errorf("it was asked %d times", table.asked)
		}
		table.err = nil
		time.Sleep(2 * limiterRest)
		asked := table.asked
		_ = b.call(t.Context(), p)
		if table.asked != asked+1 {
			t.Error("it is not asked again")
		}
	})
}

// A limiter that hangs holds up a request for a quarter of a second, and only one
// a second.
func TestLimiterThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBusy(Limit{Key: "p", Burst: 100, Every: time.Millisecond})
		p := b.pool(Shared(hanging{}, true, nil))
		began := time.Now()
		for range 10 {
			if err := b.call(t.Context(), p); err != nil {
				t.Fatal(err)
			}
		}
		if got := time.Since(began); got != farPatience {
			t.Errorf("ten requests took %v, want %v", got, farPatience)
		}
	})
}

type hanging struct{}

func (hanging) Spend(ctx context.Context, _ string, _ bucket.Rate, _ int, _ time.Duration) (int, time.Duration, error) {
	<-ctx.Done()
	return 0, 0, ctx.Err()
}

func (hanging) Pause(ctx context.Context, _ string, _ time.Duration) error {
	<-ctx.Done()
	return ctx.Err()
}

// Limits are of the service's own servers, and nobody waits for a service that is
// not called anyway.
func TestWhereLimitsDoNotHold(t *testing.T) {
	tight := Limit{Key: "p", Burst: 1, Every: time.Hour}
	for name, change := range map[string]func(*busy) *Pool{
		"private":   func(b *busy) *Pool { b.endpoint.Private = true; return b.pool() },
		"unlimited": func(b *busy) *Pool { return b.pool(Unlimited) },
		"none": func(b *busy) *Pool {
			b.endpoint.Limits = func(*Client, *Request) []Limit { return nil }
			return b.pool()
		},
	} {
		b := newBusy(tight)
		p := change(b)
		for range 3 {
			if err := b.call(within(t), p); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	synctest.Test(t, func(t *testing.T) {
		b := newBusy(Limit{Key: "p", Burst: 1, Every: 20 * time.Second})
		p := b.pool()
		_ = b.call(t.Context(), p)
		p.states.get("acme", "k").breaker.Open()
		began := time.Now()
		if f := failure(t, b.call(t.Context(), p)); f.Kind != fault.UpstreamUnavailable || time.Since(began) != 0 {
			t.Errorf("after %v: %+v", time.Since(began), f)
		}
	})
}

// A limit that can be none is a mistake of ours, and seen.
func TestLimitThatCannotBe(t *testing.T) {
	b := newBusy(Limit{Key: "p"})
	if f := failure(t, b.call(within(t), b.pool())); f.Kind != fault.Internal || len(b.seen) != 0 {
		t.Errorf("%+v", f)
	}
}

func TestBucketNames(t *testing.T) {
	long := strings.Repeat("x", 1000)
	seen := map[string]string{}
	for _, k := range []string{
		"T07 conversations.history", "workspace Acme (T07NRTHWND1) chat.postMessage", "#support", "ana@acme.example", long, long + "y",
		"with\nline", "\xff\xfe", "日本", "", "#0123456789abcdef",
	} {
		name := bucketName("slack", k)
		if other, twice := seen[name]; twice {
			t.Errorf("%q and %q are one bucket", k, other)
		}
		seen[name] = k
		if len(name) > store.MaxKey || !strings.HasPrefix(name, "slack ") || strings.ContainsAny(name, "\n@") || !utf8.ValidString(name) {
			t.Errorf("%q is %q", k, name)
		}
		if bucketName("slack", "slack "+k) != name && k != "" {
			t.Errorf("%q with the service before it is another bucket", k)
		}
	}
	if bucketName("slack", "T07 conversations.history") != "slack T07 conversations.history" {
		t.Error("a plain key is not shown as it is")
	}
	if bucketName("slack", "a") == bucketName("hubspot", "a") {
		t.Error("two services share a bucket")
	}
}

// A pool whose waits are cut short for a test lets its own limits fill as if they
// had been waited.
func TestWaitsThatAreCutShort(t *testing.T) {
	b := newBusy(Limit{Key: "p", Burst: 1, Every: 10 * time.Second})
	w := &waits{}
	p := b.pool(Sleep(w.sleep))
	began := time.Now()
	for i := range 100 {
		if err := b.call(within(t), p); err != nil {
			t.Fatalf("request %d: %v", i, err)
		}
	}
	if n := len(w.list()); n != 99 || time.Since(began) > 10*time.Second {
		t.Errorf("%d waits in %v", n, time.Since(began))
	}
}

// Tokens in hand are never more than the limit allows in any stretch of time,
// whoever has them and whenever they are spent.
func TestTokensInHand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, rate := range []bucket.Rate{
			{Burst: 10, Every: 100 * time.Millisecond}, {Burst: 190, Every: 52 * time.Millisecond}, {Burst: 8, Every: 2 * time.Second},
			{Burst: 100, Every: 10 * time.Millisecond}, {Burst: 7, Every: time.Millisecond}, {Burst: 50, Every: 1200 * time.Millisecond},
		} {
			table := &tabled{Table: bucket.NewTable(64)}
			var mu sync.Mutex
			var spent []time.Time
			var wg sync.WaitGroup
			for i := range 4 { // each a process
				a := &ahead{Limiter: table, byName: map[string]*holding{}}
				wg.Go(func() {
					for n := range 300 {
						switch got, wait, err := a.Spend(t.Context(), "p", rate, 1, 0); {
						case err != nil:
							t.Error(err)
						case got == 0:
							time.Sleep(wait / 3)
						default:
							mu.Lock()
							spent = append(spent, time.Now())
							mu.Unlock()
						}
						if n%(5+3*i) == 0 {
							time.Sleep(time.Duration(n%7) * rate.Every * time.Duration(1+i))
						}
					}
				})
			}
			wg.Wait()
			for i := range spent {
				for j := i; j < len(spent); j++ {
					// A bucket counts in whole microseconds.
					if d := spent[j].Sub(spent[i]) + time.Microsecond; j-i+1 > rate.Burst+int(d/rate.Every) {
						t.Fatalf("%+v: %d were sent within %v", rate, j-i+1, d)
					}
				}
			}
			if len(spent) < rate.Burst {
				t.Errorf("%+v: only %d were sent", rate, len(spent))
			}
		}
	})
}

// All that processes have in hand is sent at once, just before it is worth nothing,
// and the bucket emptied after it.
func TestTokensInHandAtTheirWorst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table := &tabled{Table: bucket.NewTable(64)}
		rate := bucket.Rate{Burst: 40, Every: 20 * time.Millisecond}
		var processes []*ahead
		for range 4 {
			a := &ahead{Limiter: table, byName: map[string]*holding{"p": {size: 10, until: time.Now().Add(time.Second)}}}
			processes = append(processes, a)
			if got, _, err := a.Spend(t.Context(), "p", rate, 1, 0); err != nil || got > 1 {
				t.Fatal(got, err)
			}
		}
		time.Sleep(10*rate.Every - time.Millisecond)
		sent := 0
		for _, a := range processes {
			for got := 1; got > 0; sent += got {
				got, _, _ = a.Spend(t.Context(), "p", rate, 1, 0)
			}
		}
		if sent > rate.Burst || sent < rate.Burst/2 {
			t.Errorf("%d were sent at once, want %d at most", sent, rate.Burst)
		}
	})
}

// A busy process asks seldom, and one that is not busy takes hardly more than it
// uses.
func TestTokensInHandFollowUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table := &tabled{Table: bucket.NewTable(64)}
		a := &ahead{Limiter: table, byName: map[string]*holding{}}
		rate := bucket.Rate{Burst: 200, Every: 10 * time.Millisecond}
		for range 1000 {
			if got, _, err := a.Spend(t.Context(), "busy", rate, 1, 0); err != nil || got != 1 {
				t.Fatal(got, err)
			}
			time.Sleep(rate.Every)
		}
		if table.asked > 60 {
			t.Errorf("for 1000 tokens it was asked %d times", table.asked)
		}
		for range 30 {
			_, _, _ = a.Spend(t.Context(), "quiet", rate, 1, 0)
			time.Sleep(2 * time.Second)
		}
		if h := a.byName["quiet"]; h.size != 1 {
			t.Errorf("one that spends a token every two seconds fetches %d", h.size)
		}
	})
}

func TestHoldingsAreBounded(t *testing.T) {
	a := &ahead{Limiter: &tabled{Table: bucket.NewTable(64)}, byName: map[string]*holding{}}
	for i := range 3 * maxHeld {
		_, _, _ = a.Spend(t.Context(), fmt.Sprint(i), bucket.Rate{Burst: 100, Every: time.Second}, 1, 0)
	}
	if n := len(a.byName); n > maxHeld {
		t.Errorf("%d are kept, want %d at most", n, maxHeld)
	}
}
