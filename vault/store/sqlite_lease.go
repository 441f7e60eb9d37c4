package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// leasePoll is how often a waiter looks whether a lease has become free.
const leasePoll = 25 * time.Millisecond

// sqliteLease is a row in the table of leases. The row stays when the lease
// ends, so that its token goes on.
type sqliteLease struct {
	store *sqliteStore
	name  string
	token int64
}

// A token is a time in microseconds where that is above the last one: a lease is
// not synced to the disk, so after a loss of power the last ones may be unknown.
// They go on growing then so long as the clock is not set back by more than the
// machine was off.
const (
	acquireSQL = `INSERT INTO leases (name, token, until) VALUES (?1, ?4, ?2)
	ON CONFLICT (name) DO UPDATE SET token = max(token + 1, ?4), until = ?2 WHERE until <= ?3 RETURNING token`
	extendSQL  = `UPDATE leases SET until = ? WHERE name = ? AND token = ? AND until > ?`
	releaseSQL = `UPDATE leases SET until = 0 WHERE name = ? AND token = ?`
	heldSQL    = `SELECT 1 FROM leases WHERE name = ? AND token = ? AND until > ?`
)

// leaseQueries are what the lane of leases compiles.
var leaseQueries = []string{acquireSQL, extendSQL, releaseSQL}

func (s *sqliteStore) Lease(ctx context.Context, name string, ttl time.Duration) (Lease, error) {
	if err := checkLease(name, ttl); err != nil {
		return nil, err
	}
	for {
		free, err := s.free(ctx, name)
		if err != nil {
			return nil, err
		}
		if free {
			token, err := s.acquire(ctx, name, ttl)
			if err != nil {
				return nil, err
			}
			if token > 0 {
				return &sqliteLease{s, name, token}, nil
			}
		}
		if err := sleep(ctx, leasePoll); err != nil {
			return nil, fmt.Errorf("store: waiting for the lease %s: %w", name, err)
		}
	}
}

// free looks without a lock, so that those who wait do not hinder those who
// write.
func (s *sqliteStore) free(ctx context.Context, name string) (bool, error) {
	var until int64
	bounded, cancel := context.WithTimeout(ctx, sqliteReading)
	defer cancel()
	err := s.db.QueryRowContext(bounded, `SELECT until FROM leases WHERE name = ?`, name).Scan(&until)
	if errors.Is(err, sql.ErrNoRows) {
		return true, nil
	}
	if err != nil {
		return false, s.fail(ctx, err)
	}
	return until <= time.Now().UnixMilli(), nil
}

// acquire returns the token, or 0 where another was quicker. A lease that is
// given when whoever asked for it has gone is let go again.
func (s *sqliteStore) acquire(ctx context.Context, name string, ttl time.Duration) (int64, error) {
	var token int64
	err := s.change(ctx, s.leases, &change{
		do: func(t *turn) (refused, failed error) {
			now := time.Now()
			_, err := t.scan(acquireSQL, []any{name, now.Add(ttl).UnixMilli(), now.UnixMilli(), now.UnixMicro()}, &token)
			return nil, err
		},
		undo: func(t *turn) (refused, failed error) {
			_, err := t.exec(releaseSQL, name, token) // of 0: of nobody's
			return nil, err
		},
	})
	if err != nil {
		return 0, err // token is the lane's still
	}
	return token, nil
}

func (l *sqliteLease) Token() int64 { return l.token }

func (l *sqliteLease) Extend(ctx context.Context, ttl time.Duration) error {
	if err := checkLease(l.name, ttl); err != nil {
		return err
	}
	return l.store.change(ctx, l.store.leases, &change{do: func(t *turn) (refused, failed error) {
		now := time.Now()
		n, err := t.exec(extendSQL, now.Add(ttl).UnixMilli(), l.name, l.token, now.UnixMilli())
		if err == nil && n == 0 {
			return fmt.Errorf("%w: %s", ErrLeaseLost, l.name), nil
		}
		return nil, err
	}})
}

func (l *sqliteLease) Release(ctx context.Context) error {
	return l.store.change(ctx, l.store.leases, &change{do: func(t *turn) (refused, failed error) {
		_, err := t.exec(releaseSQL, l.name, l.token)
		return nil, err
	}})
}
