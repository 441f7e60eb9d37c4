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

const acquireSQL = `INSERT INTO leases (name, token, until) VALUES (?1, 1, ?2)
	ON CONFLICT (name) DO UPDATE SET token = token + 1, until = ?2 WHERE until <= ?3 RETURNING token`

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

// acquire returns the token, or 0 where another was quicker.
func (s *sqliteStore) acquire(ctx context.Context, name string, ttl time.Duration) (int64, error) {
	bounded, cancel := context.WithTimeout(ctx, sqliteWriting)
	defer cancel()
	select {
	case s.writer <- struct{}{}:
		defer func() { <-s.writer }()
	case <-bounded.Done():
		return 0, s.fail(ctx, bounded.Err())
	}
	now := time.Now()
	var token int64
	err := s.db.QueryRowContext(bounded, acquireSQL, name, now.Add(ttl).UnixMilli(), now.UnixMilli()).Scan(&token)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, s.fail(ctx, err)
	}
	return token, nil
}

// holds reports whether the lease is still in force.
func (s *sqliteStore) holds(ctx context.Context, l sqliteLease) (bool, error) {
	var n int
	bounded, cancel := context.WithTimeout(ctx, sqliteReading)
	defer cancel()
	err := s.db.QueryRowContext(bounded, `SELECT count(*) FROM leases WHERE name = ? AND token = ? AND until > ?`,
		l.name, l.token, time.Now().UnixMilli()).Scan(&n)
	if err != nil {
		return false, s.fail(ctx, err)
	}
	return n == 1, nil
}

func (l *sqliteLease) Token() int64 { return l.token }

func (l *sqliteLease) Extend(ctx context.Context, ttl time.Duration) error {
	if err := checkLease(l.name, ttl); err != nil {
		return err
	}
	now := time.Now()
	n, err := l.store.write(ctx, `UPDATE leases SET until = ? WHERE name = ? AND token = ? AND until > ?`,
		now.Add(ttl).UnixMilli(), l.name, l.token, now.UnixMilli())
	if err != nil {
		return err
	}
	if n == 0 {
		return fmt.Errorf("%w: %s", ErrLeaseLost, l.name)
	}
	return nil
}

func (l *sqliteLease) Release(ctx context.Context) error {
	_, err := l.store.write(ctx, `UPDATE leases SET until = 0 WHERE name = ? AND token = ?`, l.name, l.token)
	return err
}
