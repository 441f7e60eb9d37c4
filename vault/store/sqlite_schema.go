package store

import (
	"context"
	"fmt"
	"time"

	sqlite3 "modernc.org/sqlite/lib"
)

const (
	// format is the layout of records that this program writes, in either
	// store. It grows when an older program could no longer read them.
	format = 1
	// applicationID marks the file as ours: "TVLT".
	applicationID = 0x54564c54
)

// value is NULL where the record was deleted: the row stays, so that versions go
// on. The empty key is no record: see floorSQL. until is in milliseconds since 1970.
const schema = `
CREATE TABLE records (key TEXT PRIMARY KEY, version INTEGER NOT NULL, value BLOB, seq INTEGER NOT NULL) STRICT;
CREATE UNIQUE INDEX records_seq ON records (seq);
CREATE TABLE leases (name TEXT PRIMARY KEY, token INTEGER NOT NULL, until INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
`

// prepare makes the tables in a new file and refuses one that is not ours. The
// change of a new file to write-ahead logging fails at once, whatever the
// timeout, when two processes make it together; so it is tried again.
func (s *sqliteStore) prepare(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	for wait := 2 * time.Millisecond; ; wait = min(2*wait, 50*time.Millisecond) {
		err := s.migrate(ctx)
		switch code(err) {
		case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
			if sleep(ctx, wait) != nil {
				return s.fail(ctx, err)
			}
		case sqlite3.SQLITE_NOTADB:
			return fmt.Errorf("store %s: the file is not a toolvault store; choose another path", s.path)
		case 0:
			return err
		default:
			return s.fail(ctx, err)
		}
	}
}

func (s *sqliteStore) migrate(ctx context.Context) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	var version, app, tables int
	for query, into := range map[string]*int{
		`PRAGMA user_version`:                &version,
		`PRAGMA application_id`:              &app,
		`SELECT count(*) FROM sqlite_schema`: &tables,
	} {
		if err := tx.QueryRowContext(ctx, query).Scan(into); err != nil {
			return err
		}
	}
	switch {
	case tables == 0 && version == 0:
	case app != applicationID:
		return fmt.Errorf("store %s: the file is a database of another program; choose another path", s.path)
	case version > format:
		return newer("store "+s.path, version)
	default:
		return nil
	}
	for _, stmt := range []string{
		schema,
		fmt.Sprintf(`PRAGMA application_id = %d`, applicationID),
		fmt.Sprintf(`PRAGMA user_version = %d`, format),
	} {
		if _, err := tx.ExecContext(ctx, stmt); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// newer refuses what a newer program has written.
func newer(where string, version int) error {
	return fmt.Errorf("%s was made by a newer version of toolvault (format %d, this one knows %d): run that version, or choose another place", where, version, format)
}

// sleep waits, or returns the context's error.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
