package store

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"
)

// redisLease is a key that ends by itself. Time is the server's, so the clocks
// of those who share it need not agree. The key holds the mark of its holder,
// a random text.
//
// What a failover does to a lease, since a new master may lack the last writes
// of the old one: it may not know the lease, and then a Put under it fails with
// ErrLeaseLost, as if it had ended, even if nobody else has it; or it may not
// know that it was let go, and then others wait until its term ends. Two never
// write under it: each Put is held against the one mark that the master has.
type redisLease struct {
	store *redisStore
	name  string
	mark  string
	token int64
}

// Lease asks again and again until the lease is free. Each time it comes with
// the same mark, so that an answer that was lost on the way costs nothing.
func (s *redisStore) Lease(ctx context.Context, name string, ttl time.Duration) (Lease, error) {
	if err := checkLease(name, ttl); err != nil {
		return nil, err
	}
	mark := rand.Text()
	for {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("store: %w", err) // nothing was asked
		}
		token, err := await(ctx, s, func(ctx context.Context) (int64, error) {
			return s.write(ctx, acquireScript, []string{s.names.lease + name, s.names.tokens}, name, ttl.Milliseconds(), s.highest.Load(), mark).Int64()
		})
		if err != nil {
			s.orphans.add(name, mark)
			return nil, err
		}
		if token > 0 {
			s.seen(token)
			return &redisLease{s, name, mark, token}, nil
		}
		if err := sleep(ctx, leasePoll); err != nil {
			return nil, fmt.Errorf("store: waiting for the lease %s: %w", name, err)
		}
	}
}

// seen notes a token, so that a new master whose clock is behind gives this
// process none that is lower.
func (s *redisStore) seen(token int64) {
	for {
		old := s.highest.Load()
		if token <= old || s.highest.CompareAndSwap(old, token) {
			return
		}
	}
}

func (l *redisLease) Token() int64 { return l.token }

func (l *redisLease) Extend(ctx context.Context, ttl time.Duration) error {
	if err := checkLease(l.name, ttl); err != nil {
		return err
	}
	answer, err := await(ctx, l.store, func(ctx context.Context) (string, error) {
		return l.store.write(ctx, extendScript, []string{l.store.names.lease + l.name}, ttl.Milliseconds(), l.mark).Text()
	})
	if err == nil && answer != "ok" {
		err = fmt.Errorf("%w: %s", ErrLeaseLost, l.name)
	}
	return err
}

// Release that fails is tried again in the background.
func (l *redisLease) Release(ctx context.Context) error {
	err := l.store.release(ctx, l.name, l.mark)
	if err != nil {
		l.store.orphans.add(l.name, l.mark)
	}
	return err
}

func (s *redisStore) release(ctx context.Context, name, mark string) error {
	_, err := await(ctx, s, func(ctx context.Context) (string, error) {
		return s.write(ctx, releaseScript, []string{s.names.lease + name}, mark).Text()
	})
	return err
}
