package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// How long one operation may take: a read waits for nobody but the disk, and a
// write for its turn among those of all processes.
const (
	sqliteReading = 2 * time.Second
	sqliteWriting = 10 * time.Second
)

// sqliteStore keeps records in one SQLite file, which several processes share
// through SQLite's own locks.
type sqliteStore struct {
	db     *sql.DB
	path   string
	writer chan struct{} // one writer a process: SQLite's own queue sleeps, this one does not
	closed chan struct{}
	once   sync.Once

	mu    sync.Mutex
	kicks map[chan struct{}]bool // of each Watch: look now, this process wrote
}

// OpenSQLite opens or makes the database at path (mode 0600, and the folder
// must exist). A write is on the disk when it returns: write-ahead log with
// synchronous=FULL. A file that a newer version of the program made, that others
// may read, or that is no store of ours is refused.
func OpenSQLite(ctx context.Context, path string) (Store, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	if err := makePrivate(abs); err != nil {
		return nil, err
	}
	db, err := sql.Open("sqlite", dsn(abs))
	if err != nil {
		return nil, fmt.Errorf("store %s: %w", path, err)
	}
	db.SetMaxOpenConns(8)
	db.SetMaxIdleConns(4)
	s := &sqliteStore{
		db: db, path: path,
		writer: make(chan struct{}, 1),
		closed: make(chan struct{}),
		kicks:  map[chan struct{}]bool{},
	}
	if err := s.prepare(ctx); err != nil {
		_ = db.Close()
		return nil, err
	}
	return s, nil
}

// dsn carries every pragma, because one that is set by a statement reaches only
// one connection of the pool. Transactions begin as writers: one that reads
// first and then writes would fail at once if another process wrote between.
func dsn(abs string) string {
	q := url.Values{
		"_pragma": {"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(FULL)", "trusted_schema(0)"},
		"_txlock": {"immediate"},
		"_dqs":    {"0"},
	}
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(abs), RawQuery: q.Encode()}).String()
}

// makePrivate makes the file before SQLite does, which would let others read it.
// The log and index beside it get the mode of the database.
func makePrivate(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("store %s: the folder does not exist: make it with mode 700", path)
	case err != nil:
		return fmt.Errorf("store %s: it cannot be opened for writing: %w", path, err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("store %s: %w", path, err)
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("store %s: it is not a file", path)
	}
	if looser(info.Mode()) {
		return fmt.Errorf("store %s: others on this machine may read or write it (mode %04o): run chmod 600 on it", path, info.Mode().Perm())
	}
	return nil
}

func (s *sqliteStore) Get(ctx context.Context, key string) (Item, error) {
	if err := checkKey("key", key); err != nil {
		return Item{}, err
	}
	item := Item{Key: key}
	var live bool
	bounded, cancel := context.WithTimeout(ctx, sqliteReading)
	defer cancel()
	err := s.db.QueryRowContext(bounded, `SELECT version, value, value IS NOT NULL FROM records WHERE key = ?`, key).
		Scan(&item.Version, &item.Value, &live)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return item, ErrNotFound
	case err != nil:
		return Item{}, s.fail(ctx, err)
	case !live:
		return item, ErrNotFound
	}
	return item, nil
}

// Each write is one statement, so it is atomic without a transaction, and takes
// the next number of seq, by which watchers find what has changed.
const (
	nextSeq = `(SELECT coalesce(max(seq), 0) + 1 FROM records)`
	held    = `(? = '' OR EXISTS (SELECT 1 FROM leases WHERE name = ? AND token = ? AND until > ?))`

	insertSQL = `INSERT INTO records (key, version, value, seq) SELECT ?, 1, ?, ` + nextSeq +
		` WHERE ` + held + ` ON CONFLICT DO NOTHING`
	updateSQL = `UPDATE records SET version = version + 1, value = ?, seq = ` + nextSeq +
		` WHERE key = ? AND version = ? AND ` + held
	deleteSQL = `UPDATE records SET version = version + 1, value = NULL, seq = ` + nextSeq +
		` WHERE key = ? AND version = ? AND value IS NOT NULL`
)

func (s *sqliteStore) Put(ctx context.Context, item Item, lease Lease) error {
	if err := checkItem(item); err != nil {
		return err
	}
	var l sqliteLease
	if lease != nil {
		mine, ok := lease.(*sqliteLease)
		if !ok || mine.store != s {
			return fmt.Errorf("store: %s: the lease is of another store", item.Key)
		}
		l = *mine
	}
	value := item.Value
	if value == nil {
		value = []byte{} // NULL is a deletion
	}
	now := time.Now().UnixMilli()
	var n int64
	var err error
	if item.Version == 1 {
		n, err = s.write(ctx, insertSQL, item.Key, value, l.name, l.name, l.token, now)
	} else {
		n, err = s.write(ctx, updateSQL, value, item.Key, item.Version-1, l.name, l.name, l.token, now)
	}
	if err != nil {
		return err
	}
	if n == 0 {
		if lease != nil {
			if held, err := s.holds(ctx, l); err != nil {
				return err
			} else if !held {
				return fmt.Errorf("%w: %s was not written", ErrLeaseLost, item.Key)
			}
		}
		return fmt.Errorf("%w: %s", ErrConflict, item.Key)
	}
	s.kick()
	return nil
}

func (s *sqliteStore) Delete(ctx context.Context, key string, version int64) error {
	if err := checkKey("key", key); err != nil {
		return err
	}
	n, err := s.write(ctx, deleteSQL, key, version)
	if err != nil {
		return err
	}
	if n == 0 {
		if _, err := s.Get(ctx, key); err != nil {
			return err
		}
		return fmt.Errorf("%w: %s", ErrConflict, key)
	}
	s.kick()
	return nil
}

func (s *sqliteStore) List(ctx context.Context, prefix, after string, limit int) ([]Item, error) {
	if err := checkList(prefix, after, limit); err != nil {
		return nil, err
	}
	bounded, cancel := context.WithTimeout(ctx, sqliteReading)
	defer cancel()
	rows, err := s.db.QueryContext(bounded, `SELECT key, version, value FROM records
		WHERE value IS NOT NULL AND key >= ?1 AND key > ?2 AND (?3 = '' OR key < ?3) ORDER BY key LIMIT ?4`,
		prefix, after, afterPrefix(prefix), limit)
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	defer func() { _ = rows.Close() }()
	var items []Item
	for rows.Next() {
		var item Item
		if err := rows.Scan(&item.Key, &item.Version, &item.Value); err != nil {
			return nil, s.fail(ctx, err)
		}
		items = append(items, item)
	}
	if err := rows.Err(); err != nil {
		return nil, s.fail(ctx, err)
	}
	return items, nil
}

// Now is this machine's time: all who share the file are on it.
func (s *sqliteStore) Now(ctx context.Context) (time.Time, error) {
	if err := ctx.Err(); err != nil {
		return time.Time{}, s.fail(ctx, err)
	}
	select {
	case <-s.closed:
		return time.Time{}, s.fail(ctx, errors.New("closed"))
	default:
		return time.Now(), nil
	}
}

// Ping writes for real: a full disk or a file system that has become read-only
// shows only then.
func (s *sqliteStore) Ping(ctx context.Context) error {
	_, err := s.write(ctx, `INSERT INTO meta (name, value) VALUES ('ping', ?1)
		ON CONFLICT (name) DO UPDATE SET value = ?1`, time.Now().UnixMilli())
	return err
}

// Close ends every Watch and lets go of the file.
func (s *sqliteStore) Close() error {
	var err error
	s.once.Do(func() {
		close(s.closed)
		err = s.db.Close()
	})
	return err
}

// write runs one statement that changes the file and returns how many rows it
// changed.
func (s *sqliteStore) write(ctx context.Context, query string, args ...any) (int64, error) {
	bounded, cancel := context.WithTimeout(ctx, sqliteWriting)
	defer cancel()
	select {
	case s.writer <- struct{}{}:
		defer func() { <-s.writer }()
	case <-bounded.Done():
		return 0, s.fail(ctx, bounded.Err())
	}
	res, err := s.db.ExecContext(bounded, query, args...)
	if err != nil {
		return 0, s.fail(ctx, err)
	}
	n, err := res.RowsAffected()
	if err != nil {
		return 0, s.fail(ctx, err)
	}
	return n, nil
}

// fail gives an error of SQLite its class and says what to do. A cancelled
// context stays what it is; a time that is up means that it is unavailable.
func (s *sqliteStore) fail(ctx context.Context, err error) error {
	switch ended := ctx.Err(); {
	case errors.Is(ended, context.Canceled):
		return fmt.Errorf("store %s: %w", s.path, ended)
	case ended != nil:
		return fmt.Errorf("%w: %s did not answer in time: %w", ErrUnavailable, s.path, ended)
	}
	select {
	case <-s.closed:
		return fmt.Errorf("%w: %s is closed", ErrUnavailable, s.path)
	default:
	}
	hint := "see whether the disk and the file are in order"
	if errors.Is(err, context.DeadlineExceeded) || code(err) == sqlite3.SQLITE_INTERRUPT {
		return fmt.Errorf("%w: %s has not answered in time: another process keeps it locked, or the disk hangs", ErrUnavailable, s.path)
	}
	switch code(err) {
	case sqlite3.SQLITE_BUSY:
		hint = "another process has kept it locked for too long; try again"
	case sqlite3.SQLITE_FULL:
		hint = "the disk is full; make room"
	case sqlite3.SQLITE_READONLY:
		hint = "the file cannot be written; see its owner and mode"
	case sqlite3.SQLITE_CORRUPT:
		hint = "the file is damaged; restore it from a backup"
	}
	return fmt.Errorf("%w: %s: %s: %w", ErrUnavailable, s.path, hint, err)
}

// code is SQLite's primary result code of an error; 0 if it has none.
func code(err error) int {
	var e *sqlite.Error
	if errors.As(err, &e) {
		return e.Code() & 0xff
	}
	return 0
}
