package store

import (
	"context"
	"database/sql"
	"errors"
	"runtime"
	"slices"
	"sync"
	"time"

	sqlite3 "modernc.org/sqlite/lib"
)

// What one transaction takes in at most, so that it stays short for the other
// processes. The first change is taken whatever its size.
const (
	groupMost  = 512     // changes
	groupBytes = 4 << 20 // of values
)

// lane is where the changes of a process wait for their turn. All that wait at
// the same time are made in one transaction, with one sync of the disk: each
// after the other, as if it were alone, and each with an answer of its own. If
// the transaction fails, all of them have failed.
//
// Whoever comes first has it begun at once and waits for nobody. The wait for
// the other processes comes before the changes are taken up, so that those that
// come meanwhile are in, and those whose callers have gone are out.
type lane struct {
	db    *sql.DB       // one connection
	turn  chan struct{} // one transaction a process: SQLite's own queue sleeps, this one does not
	wrote func()        // is called when something was changed

	life  context.Context // of the store: its end ends the wait for the file
	stmts map[string]*sql.Stmt

	mu      sync.Mutex
	queue   []*change
	serving bool
	served  sync.WaitGroup
	closed  bool
}

// change is one change that waits. do makes it and returns why it refuses to, as
// the caller is to be told, or else what failed; the caller may have gone by then.
// undo takes back what was made for one who had; nil: it may stay.
type change struct {
	do    func(*turn) (refused, failed error)
	undo  func(*turn) (refused, failed error)
	bytes int

	answer  chan error // nil, why it was refused, or a failure
	refused error
	left    bool // the caller has gone; under the lane's mutex
}

// failure is what SQLite said, as against why a change was refused.
type failure struct{ error }

// errGone is in the answer to a change that came after the store was closed.
var errGone = errors.New("closed")

// turn is the transaction in which a lane makes changes.
type turn struct {
	tx    *sql.Tx
	stmts map[string]*sql.Stmt
	rows  int64 // changed so far
}

// newLane has its own connection with the statements compiled, since each takes
// as long to compile as to run.
func newLane(ctx, life context.Context, dsn string, turn chan struct{}, wrote func(), queries ...string) (*lane, error) {
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	l := &lane{db: db, turn: turn, wrote: wrote, life: life, stmts: map[string]*sql.Stmt{}}
	for _, query := range queries {
		if l.stmts[query], err = db.PrepareContext(ctx, query); err != nil {
			_ = db.Close()
			return nil, err
		}
	}
	return l, nil
}

// ask has the change made, and waits for that as long as ctx lets it and
// sqliteWriting at most. The error is a failure if it is not a refusal. Where the
// wait ends first, the change is not made if the lane had not taken it up; if it
// had, nobody knows.
func (l *lane) ask(ctx context.Context, c *change) error {
	ctx, cancel := context.WithTimeout(ctx, sqliteWriting)
	defer cancel()
	if err := ctx.Err(); err != nil {
		return failure{err}
	}
	c.answer = make(chan error, 1)
	l.add(c)
	select {
	case err := <-c.answer:
		return err
	case <-ctx.Done():
	}
	l.leave(c)
	select {
	case err := <-c.answer: // it has both ended and answered
		return err
	default:
		return failure{ctx.Err()}
	}
}

func (l *lane) add(c *change) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		c.answer <- failure{errGone}
		return
	}
	l.queue = append(l.queue, c)
	if !l.serving {
		l.serving = true
		l.served.Go(l.serve)
	}
}

func (l *lane) leave(c *change) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c.left = true
	if i := slices.Index(l.queue, c); i >= 0 {
		l.queue = slices.Delete(l.queue, i, i+1)
	}
}

// serve makes changes until none waits.
func (l *lane) serve() {
	for l.waiting() {
		l.turn <- struct{}{} // who has it gives it back within sqliteWriting
		group, err := l.group()
		<-l.turn
		l.tell(group, err)
	}
}

func (l *lane) waiting() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.serving = len(l.queue) > 0
	return l.serving
}

// group makes one transaction, and returns whom to answer. Where another process
// has kept the file locked for the whole time, that is nobody: those who still
// wait do so by their own clocks.
func (l *lane) group() ([]*change, error) {
	ctx, cancel := context.WithCancel(l.life)
	defer cancel()
	limit := time.AfterFunc(sqliteWriting, cancel)
	tx, err := l.db.BeginTx(ctx, nil)
	if err == nil {
		defer func() { _ = tx.Rollback() }()
	}
	late := !limit.Stop() // then the transaction may be cut off at any moment
	switch {
	case l.life.Err() == nil && (late || code(err) == sqlite3.SQLITE_BUSY):
		_ = sleep(l.life, time.Millisecond)
		return nil, nil
	case err != nil:
		return l.take(), err
	}
	runtime.Gosched() // whoever is ready to run may be on its way here
	group := l.take()
	t := &turn{tx: tx, stmts: l.stmts}
	for _, c := range group {
		refused, failed := c.do(t)
		if failed != nil {
			return group, failed
		}
		c.refused = refused
	}
	if err := tx.Commit(); err != nil {
		return group, err
	}
	if t.rows > 0 {
		l.wrote()
	}
	return group, nil
}

// take takes up as many changes as one transaction may have.
func (l *lane) take() []*change {
	l.mu.Lock()
	defer l.mu.Unlock()
	n, bytes := 0, 0
	for n < len(l.queue) && n < groupMost {
		if bytes += l.queue[n].bytes; n > 0 && bytes > groupBytes {
			break
		}
		n++
	}
	group := slices.Clone(l.queue[:n])
	l.queue = slices.Delete(l.queue, 0, n)
	return group
}

// tell answers the callers, and has taken back what nobody wants any more.
func (l *lane) tell(group []*change, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range group {
		switch {
		case err != nil:
			c.answer <- failure{err}
		case c.left && c.undo != nil && c.refused == nil:
			l.queue = append(l.queue, &change{do: c.undo, answer: make(chan error, 1)})
		default:
			c.answer <- c.refused
		}
	}
}

// close comes after the end of the store's life, and waits until all are answered.
func (l *lane) close() error {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.served.Wait()
	return l.db.Close()
}

// exec runs a statement and returns how many rows it changed. It needs no
// context: the transaction has the file's lock, and waits for nobody but the disk.
func (t *turn) exec(query string, args ...any) (int64, error) {
	res, err := t.stmt(query).Exec(args...)
	if err != nil {
		return 0, err
	}
	n, err := res.RowsAffected()
	t.rows += n
	return n, err
}

// scan runs a statement that answers with one row at most, and reports whether
// there was one.
func (t *turn) scan(query string, args []any, into ...any) (bool, error) {
	err := t.stmt(query).QueryRow(args...).Scan(into...)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// stmt is one of those that the lane has compiled.
func (t *turn) stmt(query string) *sql.Stmt {
	return t.tx.Stmt(t.stmts[query])
}
