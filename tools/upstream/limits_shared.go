package upstream

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"toolvault/vault/store/bucket"
)

const (
	// ownBuckets is how many buckets of limits a process keeps for itself.
	ownBuckets = 4096

	limiterRest    = time.Second // after a failure, before the shared limiter is asked again
	limiterSilence = time.Minute // between two lines in the log about its failures
)

// Shared has the known limits of services spent from buckets that other processes
// spend from too. far says that to ask for a token takes a round trip: then they
// are fetched a few at a time, where the limit allows. While the buckets cannot be reached, which is logged once a minute, each
// process keeps to the limits by itself: to know them is a courtesy to the service,
// not a permission.
func Shared(limiter Limiter, far bool, logger *slog.Logger) Option {
	return func(p *Pool) {
		p.limits.shared, p.limits.logger = limiter, logger
		if far {
			p.limits.shared = &ahead{Limiter: limiter, byName: map[string]*holding{}}
		}
	}
}

// Waited sets who hears that a request waits for a known limit.
func Waited(hear func(service string, d time.Duration)) Option {
	return func(p *Pool) { p.waited = hear }
}

// Unlimited lets requests go without regard to known limits, for a benchmark
// against something that has none.
func Unlimited(p *Pool) { p.unlimited = true }

// limits spends known limits.
type limits struct {
	shared Limiter // nil: there is only this process
	logger *slog.Logger
	own    func() *bucket.Table // made when it is needed
	cut    atomic.Int64         // by how much waits were cut short, in tests; nanoseconds

	mu     sync.Mutex
	rests  time.Time // until when the shared limiter is not asked
	silent time.Time // until when its failures are not logged
}

func newLimits() *limits {
	return &limits{own: sync.OnceValue(func() *bucket.Table { return bucket.NewTable(ownBuckets) })}
}

// now is the time by which this process's own buckets fill.
func (l *limits) now() time.Time { return time.Now().Add(time.Duration(l.cut.Load())) }

// spend takes one token, for which to wait for most at most, or none.
func (l *limits) spend(ctx context.Context, name string, rate bucket.Rate, most time.Duration) (got int, wait time.Duration) {
	if l.asks() {
		got, wait, err := l.shared.Spend(ctx, name, rate, 1, most)
		if err == nil {
			return got, wait
		}
		l.failed(ctx, err)
	}
	return l.own().Spend(l.now(), name, rate, 1, most)
}

func (l *limits) pause(ctx context.Context, name string, d time.Duration) {
	l.own().Pause(l.now(), name, d)
	if !l.asks() {
		return
	}
	if err := l.shared.Pause(ctx, name, d); err != nil {
		l.failed(ctx, err)
	}
}

// asks reports whether the shared limiter is asked.
func (l *limits) asks() bool {
	if l.shared == nil {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.rests.IsZero() || time.Now().After(l.rests)
}

// failed lets the shared limiter rest, unless it is the call that has ended.
func (l *limits) failed(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	l.rests = now.Add(limiterRest)
	if l.logger != nil && !now.Before(l.silent) {
		l.silent = now.Add(limiterSilence)
		l.logger.WarnContext(ctx, "the buckets of rate limits cannot be reached: until they can, each process keeps to the limits by itself", "error", err)
	}
}
