package store

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Each change takes the next number of seq, by which watchers find what has
// changed.
const (
	nextSeq = `(SELECT coalesce(max(seq), 0) + 1 FROM records)`

	insertSQL = `INSERT INTO records (key, version, value, seq) SELECT ?, 1, ?, ` + nextSeq +
		` WHERE true ON CONFLICT DO NOTHING`
	updateSQL = `UPDATE records SET version = version + 1, value = ?, seq = ` + nextSeq +
		` WHERE key = ? AND version = ?`
	deleteSQL = `UPDATE records SET version = version + 1, value = NULL, seq = ` + nextSeq +
		` WHERE key = ? AND version = ? AND value IS NOT NULL`
	thereSQL = `SELECT 1 FROM records WHERE key = ? AND value IS NOT NULL`

	// The last number of seq must not be given twice, or a watcher who has told of
	// it would not tell of the next. So when the record that has it is forgotten,
	// the row without a key takes it over: a deletion of nothing.
	forgetSQL = `DELETE FROM records WHERE key = ? AND version = ? AND value IS NOT NULL RETURNING seq`
	floorSQL  = `INSERT INTO records (key, version, seq) SELECT '', 0, ?1 WHERE ?1 > (SELECT coalesce(max(seq), 0) FROM records)` +
		` ON CONFLICT (key) DO UPDATE SET seq = excluded.seq`

	pingSQL = `INSERT INTO meta (name, value) VALUES ('ping', ?1) ON CONFLICT (name) DO UPDATE SET value = ?1`
)

// recordQueries are what the lane of records compiles.
var recordQueries = []string{insertSQL, updateSQL, deleteSQL, thereSQL, forgetSQL, floorSQL, pingSQL, heldSQL}

func (s *sqliteStore) Put(ctx context.Context, item Item, lease Lease) error {
	if err := checkItem(item); err != nil {
		return err
	}
	var l *sqliteLease
	if lease != nil {
		mine, ok := lease.(*sqliteLease)
		if !ok || mine.store != s {
			return fmt.Errorf("store: %s: the lease is of another store", item.Key)
		}
		l = mine
	}
	// A copy, since the caller may go, and use the bytes for something else, before
	// they are written. It is never nil: NULL is a deletion.
	value := append([]byte{}, item.Value...)
	return s.change(ctx, s.records, &change{bytes: len(value), do: func(t *turn) (refused, failed error) {
		if l != nil {
			var one int
			held, err := t.scan(heldSQL, []any{l.name, l.token, time.Now().UnixMilli()}, &one)
			if err != nil {
				return nil, err
			}
			if !held {
				return fmt.Errorf("%w: %s was not written", ErrLeaseLost, item.Key), nil
			}
		}
		var n int64
		var err error
		if item.Version == 1 {
			n, err = t.exec(insertSQL, item.Key, value)
		} else {
			n, err = t.exec(updateSQL, value, item.Key, item.Version-1)
		}
		if err == nil && n == 0 {
			return fmt.Errorf("%w: %s", ErrConflict, item.Key), nil
		}
		return nil, err
	}})
}

func (s *sqliteStore) Delete(ctx context.Context, key string, version int64) error {
	if err := checkKey("key", key); err != nil {
		return err
	}
	return s.change(ctx, s.records, &change{do: func(t *turn) (refused, failed error) {
		n, err := t.exec(deleteSQL, key, version)
		if err == nil && n == 0 {
			return t.notAt(key)
		}
		return nil, err
	}})
}

func (s *sqliteStore) Forget(ctx context.Context, key string, version int64) error {
	if err := checkKey("key", key); err != nil {
		return err
	}
	return s.change(ctx, s.records, &change{do: func(t *turn) (refused, failed error) {
		var seq int64
		found, err := t.scan(forgetSQL, []any{key, version}, &seq)
		if err == nil && !found {
			return t.notAt(key)
		}
		if err == nil {
			_, err = t.exec(floorSQL, seq)
		}
		return nil, err
	}})
}

// notAt says why there was nothing to remove.
func (t *turn) notAt(key string) (refused, failed error) {
	var one int
	there, err := t.scan(thereSQL, []any{key}, &one)
	switch {
	case err != nil:
		return nil, err
	case there:
		return fmt.Errorf("%w: %s", ErrConflict, key), nil
	}
	return ErrNotFound, nil
}

// Ping writes for real: a full disk or a file system that has become read-only
// shows only then.
func (s *sqliteStore) Ping(ctx context.Context) error {
	return s.change(ctx, s.records, &change{do: func(t *turn) (refused, failed error) {
		_, err := t.exec(pingSQL, time.Now().UnixMilli())
		return nil, err
	}})
}

// change has a lane make a change, and gives a failure its class.
func (s *sqliteStore) change(ctx context.Context, l *lane, c *change) error {
	err := l.ask(ctx, c)
	if f := (failure{}); errors.As(err, &f) {
		return s.fail(ctx, f.error)
	}
	return err
}
