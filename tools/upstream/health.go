package upstream

import (
	"container/list"
	"context"
	"errors"
	"math"
	"sync"
	"time"

	"github.com/failsafe-go/failsafe-go/bulkhead"
	"github.com/failsafe-go/failsafe-go/circuitbreaker"

	"toolvault/tools/fault"
)

// What is known of one credential at one service, and its bounds. A state takes
// about a kilobyte.
const (
	maxStates  = 4096 // (service, credential) pairs that are remembered
	maxAtOnce  = 32   // requests under way for one pair
	openFor    = 10 * time.Second
	openJitter = 0.1

	// The breaker opens when at least half of the last half minute's requests
	// failed, and there were at least six: two calls with all their attempts.
	failureRate   = 0.5
	failureSample = 6
	failureWindow = 30 * time.Second
)

// health is how one service treats one credential: whether it fails, and how
// many requests are under way. Nothing of it is shared with another service or
// another credential, so neither can be slowed by this one.
type health struct {
	breaker circuitbreaker.CircuitBreaker[any]
	slots   bulkhead.Bulkhead[any]
}

func newHealth() *health {
	return &health{
		breaker: circuitbreaker.NewBuilder[any]().
			WithFailureRateThreshold(failureRate, failureSample, failureWindow).
			WithSuccessThreshold(1).
			WithDelay(openFor).
			WithJitterFactor(openJitter).
			Build(),
		slots: bulkhead.New[any](maxAtOnce),
	}
}

// enter waits for a free slot, for at most half of what is left of the context,
// and returns a fault if the request must not be made. If it returns nil, leave
// has to be called.
func (h *health) enter(ctx context.Context, service string) *fault.Error {
	// The slot comes first: a breaker that is half open counts its permits, and
	// one that waited in a queue would keep the others out.
	switch err := h.slots.AcquirePermitWithMaxWait(ctx, patience(ctx)); {
	case err == nil:
	case errors.Is(err, context.Canceled):
		return fault.From(err)
	default:
		f := fault.New(fault.RateLimited, "%d requests to %s with this credential are under way, and none ended in time. Try again, with fewer calls at once.", maxAtOnce, service)
		f.NotSent = true
		return f
	}
	if h.breaker.TryAcquirePermit() {
		return nil
	}
	h.slots.ReleasePermit()
	wait := max(h.breaker.RemainingDelay(), time.Second).Round(time.Second)
	f := fault.New(fault.UpstreamUnavailable, "%s has failed most of the latest requests with this credential, so no more are sent for now. Try again in %d s; other services are not affected.", service, int(math.Ceil(wait.Seconds())))
	f.RetryAfter = wait
	f.NotSent = true
	return f
}

// mayEnter reports whether a request could be made just now: it is not worth
// waiting for anything else where it could not.
func (h *health) mayEnter() bool { return !h.breaker.IsOpen() || h.breaker.RemainingDelay() <= 0 }

// leave frees the slot and tells the breaker how the request ended. Only
// failures of the service count: it could not be reached, broke off, took too
// long, or answered 5xx. What it answered in the 4xx is its answer.
func (h *health) leave(f *fault.Error) {
	h.slots.ReleasePermit()
	switch {
	case f == nil:
		h.breaker.RecordSuccess()
	case errors.Is(f.Cause, context.Canceled):
		h.abandon()
	case f.Status >= 500, f.Kind == fault.UpstreamUnavailable, f.Kind == fault.Timeout:
		h.breaker.RecordFailure()
	case f.Status > 0:
		h.breaker.RecordSuccess()
	default: // nothing was sent
		h.abandon()
	}
}

// abandon ends a request that tells nothing of the service. A probe of a breaker
// that is half open has to give its permit back, and the only way is to count as
// something: the cautious way.
func (h *health) abandon() {
	if h.breaker.IsHalfOpen() {
		h.breaker.RecordFailure()
	}
}

// patience is how long a call may wait for something other than the answer:
// half of what is left of its deadline, so that there is time for the request
// itself.
func patience(ctx context.Context) time.Duration {
	deadline, ok := ctx.Deadline()
	if !ok {
		return defaultTimeout / 2
	}
	return time.Until(deadline) / 2
}

// states remembers health by service and credential, the latest used.
type states struct {
	mu    sync.Mutex
	byKey map[stateKey]*list.Element
	order *list.List // of *state, the latest used first
	limit int
}

type stateKey struct{ service, credential string }

type state struct {
	key    stateKey
	health *health
}

func newStates(limit int) *states {
	return &states{byKey: map[stateKey]*list.Element{}, order: list.New(), limit: limit}
}

// get returns the state of a service and a credential. Where there are too many
// the least recently used is forgotten; requests under way keep theirs.
func (s *states) get(service, credential string) *health {
	key := stateKey{service, credential}
	s.mu.Lock()
	defer s.mu.Unlock()
	if e, ok := s.byKey[key]; ok {
		s.order.MoveToFront(e)
		return e.Value.(*state).health
	}
	if s.order.Len() >= s.limit {
		oldest := s.order.Back()
		s.order.Remove(oldest)
		delete(s.byKey, oldest.Value.(*state).key)
	}
	h := newHealth()
	s.byKey[key] = s.order.PushFront(&state{key, h})
	return h
}
