package store

import (
	"context"
	"fmt"
	"time"
)

// redisLease is a key that ends by itself. Time is the server's, so the clocks
// of those who share it need not agree.
type redisLease struct {
	store *redisStore
	name  string
	token int64
}

func (s *redisStore) Lease(ctx context.Context, name string, ttl time.Duration) (Lease, error) {
	if err := checkLease(name, ttl); err != nil {
		return nil, err
	}
	for {
		token, err := await(ctx, s, func(ctx context.Context) (int64, error) {
			return acquireScript.Run(ctx, s.client, []string{redisLeases + name, redisTokens}, name, ttl.Milliseconds()).Int64()
		})
		if err != nil {
			return nil, err
		}
		if token > 0 {
			return &redisLease{s, name, token}, nil
		}
		if err := sleep(ctx, leasePoll); err != nil {
			return nil, fmt.Errorf("store: waiting for the lease %s: %w", name, err)
		}
	}
}

func (l *redisLease) Token() int64 { return l.token }

func (l *redisLease) Extend(ctx context.Context, ttl time.Duration) error {
	if err := checkLease(l.name, ttl); err != nil {
		return err
	}
	held, err := l.set(ctx, ttl)
	if err == nil && !held {
		err = fmt.Errorf("%w: %s", ErrLeaseLost, l.name)
	}
	return err
}

func (l *redisLease) Release(ctx context.Context) error {
	_, err := l.set(ctx, 0)
	return err
}

func (l *redisLease) set(ctx context.Context, ttl time.Duration) (bool, error) {
	return await(ctx, l.store, func(ctx context.Context) (bool, error) {
		return extendScript.Run(ctx, l.store.client, []string{redisLeases + l.name}, l.token, ttl.Milliseconds()).Bool()
	})
}
