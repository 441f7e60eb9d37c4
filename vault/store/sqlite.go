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
	db      *sql.DB // for reading
	path    string
	records *lane
	leases  *lane
	buckets *buckets
	life    context.Context // ends with Close
	end     context.CancelFunc
	once    sync.Once

	mu    sync.Mutex
	kicks map[chan struct{}]bool // of each Watch: look now, this process wrote
}

// OpenSQLite opens or makes the database at path (mode 0600, and the folder
// must exist). A write is on the disk when it returns, a lease is not: see dsn. A
// file that a newer version of the program made, that others may read, or that is
// no store of ours is refused.
func OpenSQLite(ctx context.Context, path string) (Store, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	if err := makePrivate(abs); err != nil {
		return nil, err
	}
	db, err := sql.Open("sqlite", dsn(abs, "FULL"))
	if err != nil {
		return nil, fmt.Errorf("store %s: %w", path, err)
	}
	db.SetMaxOpenConns(8)
	db.SetMaxIdleConns(4)
	s := &sqliteStore{db: db, path: path, buckets: bucketsOf(abs), kicks: map[chan struct{}]bool{}}
	s.life, s.end = context.WithCancel(context.Background())
	if err := s.prepare(ctx); err != nil {
		s.end()
		_ = db.Close()
		return nil, err
	}
	turns := make(chan struct{}, 1)
	if s.records, err = newLane(ctx, s.life, dsn(abs, "FULL"), turns, s.kick, recordQueries...); err == nil {
		s.leases, err = newLane(ctx, s.life, dsn(abs, "NORMAL"), turns, func() {}, leaseQueries...)
		if err != nil {
			_ = s.records.close()
		}
	}
	if err != nil {
		err = s.fail(ctx, err)
		s.end()
		_ = db.Close()
		return nil, err
	}
	return s, nil
}

// dsn carries every pragma, because one that is set by a statement reaches only
// one connection of the pool. Transactions begin as writers: one that reads
// first and then writes would fail at once if another process wrote between.
//
// Records are written with synchronous=FULL: a commit syncs the write-ahead log.
// Leases are written with NORMAL, which does not, since there is nothing in them
// to keep: when the machine has lost its power, their holders are gone too. That
// does no harm to the records (sqlite.org/wal.html, sqlite.org/pragma.html#pragma_synchronous,
// sqlite.org/fileformat2.html#walformat, and walFrames and walCheckpoint in the source):
//
//   - Both write to one log, and the sync of a record's commit is one of the whole
//     file. So it takes with it all frames before, whoever wrote them: there is
//     never a frame on the disk that counts behind one that is missing. If power
//     fails before, recovery stops at the first frame whose checksum, which runs
//     over all frames before it, is wrong: what is lost is a tail of leases.
//   - NORMAL still syncs the log before its pages go to the database and the
//     database before the log begins anew, and the header of a log that begins
//     anew. OFF leaves all that out, and could damage the file.
func dsn(abs, synchronous string) string {
	q := url.Values{
		"_pragma": {"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(" + synchronous + ")", "trusted_schema(0)"},
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

func (s *sqliteStore) List(ctx context.Context, prefix, after string, limit int) ([]Item, error) {
	if err := checkList(prefix, after, limit); err != nil {
		return nil, err
	}
	bounded, cancel := context.WithTimeout(ctx, sqliteReading)
	defer cancel()
	// One bound at each end, so that a page is found in the index however many
	// records come before and after it.
	query, args := `SELECT key, version, value FROM records WHERE value IS NOT NULL AND key >= ? AND key <> ?`, []any{max(prefix, after), after}
	if high := afterPrefix(prefix); high != "" {
		query, args = query+` AND key < ?`, append(args, high)
	}
	rows, err := s.db.QueryContext(bounded, query+` ORDER BY key LIMIT ?`, append(args, limit)...)
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
	if s.life.Err() != nil {
		return time.Time{}, s.fail(ctx, errGone)
	}
	return time.Now(), nil
}

// Close ends every Watch and lets go of the file.
func (s *sqliteStore) Close() error {
	var err error
	s.once.Do(func() {
		s.end()
		err = errors.Join(s.records.close(), s.leases.close(), s.buckets.close(), s.db.Close())
	})
	return err
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
	if s.life.Err() != nil {
		return fmt.Errorf("%w: %s is closed", ErrUnavailable, s.path)
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
