package store

import (
	"context"
	"time"
)

const (
	watchPoll  = 200 * time.Millisecond
	watchBatch = 256 // more changes than that at once are told as one: anything may have changed
)

// Watch looks five times a second, and at once after a write of this process,
// for records with a higher seq than the last it told of. One look is a search
// in an index, about 20 µs.
func (s *sqliteStore) Watch(ctx context.Context) <-chan Event {
	events := make(chan Event, watchBatch)
	kick := make(chan struct{}, 1)
	s.mu.Lock()
	s.kicks[kick] = true
	s.mu.Unlock()
	last, err := s.lastSeq(ctx)
	known := err == nil

	go func() {
		defer close(events)
		defer func() {
			s.mu.Lock()
			delete(s.kicks, kick)
			s.mu.Unlock()
		}()
		tick := time.NewTicker(watchPoll)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-s.life.Done():
				return
			case <-kick:
			case <-tick.C:
			}
			var keys []string
			keys, last, known = s.changes(ctx, last, known)
			for _, key := range keys {
				select {
				case events <- Event{Key: key}:
				case <-ctx.Done():
					return
				case <-s.life.Done():
					return
				}
			}
		}
	}()
	return events
}

// changes returns what to tell and where the file then stands. known is false
// while that could not be read, after which anything may have changed.
func (s *sqliteStore) changes(ctx context.Context, last int64, known bool) ([]string, int64, bool) {
	ctx, cancel := context.WithTimeout(ctx, sqliteReading)
	defer cancel()
	top, err := s.lastSeq(ctx)
	switch {
	case err != nil:
		return nil, last, false
	case !known, top < last, top-last > watchBatch: // top falls when a backup is put in the file's place
		return []string{""}, top, true
	case top == last:
		return nil, last, true
	}
	rows, err := s.db.QueryContext(ctx, `SELECT key FROM records WHERE seq > ? AND seq <= ? AND key <> '' ORDER BY seq`, last, top)
	if err != nil {
		return nil, last, false
	}
	defer func() { _ = rows.Close() }()
	var keys []string
	for rows.Next() {
		var key string
		if rows.Scan(&key) != nil {
			return nil, last, false
		}
		keys = append(keys, key)
	}
	if rows.Err() != nil {
		return nil, last, false
	}
	return keys, top, true
}

func (s *sqliteStore) lastSeq(ctx context.Context) (int64, error) {
	var seq int64
	err := s.db.QueryRowContext(ctx, `SELECT coalesce(max(seq), 0) FROM records`).Scan(&seq)
	return seq, err
}

// kick wakes the watchers of this process.
func (s *sqliteStore) kick() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.kicks {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}
