package upstream

import (
	"context"
	"sync"
	"time"

	"toolvault/vault/store/bucket"
)

const (
	maxHeld     = 4096                   // limits of which tokens are in hand
	holdFor     = time.Second            // at most, from when they were asked for
	farPatience = 250 * time.Millisecond // for the answer of a limiter that is far away
)

// ahead fetches tokens a few at a time, so that not every request costs a round
// trip: up to a quarter of the burst, and as many as the last few were used.
//
// A token that is in hand is spent later than it was taken. So that all the same
// no more is sent in any stretch of time than the limit allows, the bucket is made
// smaller by what comes back while tokens may be in hand: what is spent in a time
// W was taken in W and that time before. All who share the bucket do so alike.
type ahead struct {
	Limiter

	mu     sync.Mutex
	byName map[string]*holding
}

// holding is what is in hand of one limit.
type holding struct {
	left  int
	until time.Time // then what is left is worth nothing
	size  int       // that was fetched the last time
}

func (a *ahead) Spend(ctx context.Context, name string, rate bucket.Rate, _ int, most time.Duration) (int, time.Duration, error) {
	share := rate.Burst / 4
	hold := min(holdFor, time.Duration(share)*rate.Every)
	now, want := time.Now(), 1
	if share > 1 {
		rate.Burst -= int((hold + rate.Every - 1) / rate.Every)
		if want = a.take(name, now, share); want == 0 {
			return 1, 0, nil
		}
	}
	ctx, cancel := context.WithTimeout(ctx, farPatience)
	defer cancel()
	got, wait, err := a.Limiter.Spend(ctx, name, rate, want, most)
	if got > 1 {
		a.put(name, got-1, now.Add(hold), want)
		got = 1
	}
	return got, wait, err
}

// Pause gives up what is in hand.
func (a *ahead) Pause(ctx context.Context, name string, d time.Duration) error {
	a.mu.Lock()
	delete(a.byName, name)
	a.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, farPatience)
	defer cancel()
	return a.Limiter.Pause(ctx, name, d)
}

// take takes a token that is in hand and returns 0, or how many to fetch: twice as
// many as the last time where those were used up in time, else as many as were
// used.
func (a *ahead) take(name string, now time.Time, share int) (want int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	h := a.byName[name]
	switch {
	case h == nil:
		if len(a.byName) >= maxHeld {
			a.sweep(now)
		}
		a.byName[name] = &holding{size: 1, until: now.Add(holdFor)}
		return 1
	case now.Before(h.until) && h.left > 0:
		h.left--
		return 0
	case now.Before(h.until):
		h.size = min(2*h.size, share)
	default:
		h.size = max(1, min((h.size-h.left)/2, share))
	}
	h.left, h.until = 0, now.Add(holdFor)
	return h.size
}

// put takes in what was fetched.
func (a *ahead) put(name string, n int, until time.Time, size int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	h := a.byName[name]
	if h == nil { // a pause has come between
		return
	}
	if h.left > 0 && h.until.Before(until) { // of two who fetched at once
		until = h.until
	}
	h.left, h.until, h.size = h.left+n, until, size
}

// sweep makes room.
func (a *ahead) sweep(now time.Time) {
	for name, h := range a.byName {
		if !now.Before(h.until) {
			delete(a.byName, name)
		}
	}
	if len(a.byName) >= maxHeld {
		clear(a.byName)
	}
}
