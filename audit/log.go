package audit

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// ErrClosed is returned by a log that has been closed.
var ErrClosed = errors.New("audit log is closed")

// ErrDamaged is in the errors of a log whose acknowledged lines were changed
// behind its back. It takes no more records, so that the traces stay as they are.
var ErrDamaged = errors.New("audit log was changed behind its back: run `toolvault audit verify`, and move the folder away to begin a new log")

// Options says where a log is and who signs it.
type Options struct {
	Dir    string             // made with mode 0700 where it is missing; may be shared by processes of one machine
	Key    ed25519.PrivateKey // signs the checkpoints; the same in all processes
	Name   string             // origin of the log, e.g. "toolvault/host"; no spaces, no plus
	Now    func() time.Time   // nil: time.Now
	Logger *slog.Logger       // hears of mended tails; nil: nobody

	// Kept hears of the newest checkpoint, at most once a second and once at
	// Close, so that it can be kept where whoever writes the folder cannot write.
	// head is for Known and for Verify. It holds up the log: return at once. nil:
	// nobody is told.
	Kept func(head []byte)
	// Known is a head that was kept. A log that does not hold it was rolled back:
	// it opens, but Kept hears nothing, so that the trace is not overwritten.
	Known []byte

	// Keys returns the private key of a verifier key: of one that has taken over
	// from Key by Rotate, perhaps in another process. nil: there is no other.
	Keys func(verifier string) (ed25519.PrivateKey, error)
	// Erased hears of records whose bodies are gone, so that what was made of them
	// can be thrown away. An error keeps the erasure from being done with: it is
	// tried again. nil: nothing was made of them.
	Erased func([]Span) error

	segmentBytes int64         // for tests; 0: 64 MiB
	headEvery    time.Duration // for tests; 0: a second
}

// Log is an open audit log. Its methods may be used by many goroutines at once.
type Log struct {
	dir    string
	now    func() time.Time
	logger *slog.Logger
	name   string // origin of the checkpoints
	erased func([]Span) error
	size   atomic.Int64

	mu     sync.Mutex
	queue  []*request
	want   int // how long the queue must be for the committer to be woken
	closed bool
	kick   chan struct{} // holds one token while the queue may be long enough
	done   chan struct{} // closed when the committer has ended
}

// request is one Append on its way to the committer, or a Ping, which has no
// record.
type request struct {
	record encoded
	state  atomic.Int32
	reply  chan reply
}

const (
	queued int32 = iota
	taken
	abandoned
)

type reply struct {
	receipt Receipt
	err     error
}

// Open opens the log in a folder, or begins one. A tail that was torn by a crash
// is cut off; it was never acknowledged. The error is ErrDamaged where the lines
// do not fit the last checkpoint, or where another key has signed it.
func Open(o Options) (*Log, error) {
	if o.Dir == "" {
		return nil, errors.New("audit log needs a folder: set Options.Dir")
	}
	auth, err := newAuthority(o.Key, o.Name)
	if err != nil {
		return nil, err
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.segmentBytes == 0 {
		o.segmentBytes = segmentBytes
	}
	if o.headEvery == 0 {
		o.headEvery = time.Second
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("audit log: %w", err)
	}
	turns, err := openTurns(o.Dir)
	if err != nil {
		return nil, err
	}
	c := &chain{dir: o.Dir, auth: auth, keys: o.Keys, logger: o.Logger, limit: o.segmentBytes, kept: o.Kept}
	if err := turns.take(); err != nil {
		turns.close()
		return nil, err
	}
	if err = c.open(); err == nil {
		if e := c.unlock(); e != nil {
			err = fmt.Errorf("%w (%w)", ErrDamaged, e)
		}
	}
	if err == nil && o.Known != nil {
		c.compare(o.Known)
	}
	turns.release()
	if err != nil {
		c.close()
		turns.close()
		return nil, err
	}
	l := &Log{
		dir: o.Dir, now: o.Now, logger: o.Logger, name: o.Name, erased: o.Erased,
		kick: make(chan struct{}, 1), done: make(chan struct{}),
	}
	l.size.Store(c.tree.size)
	go (&committer{log: l, chain: c, turns: turns, headEvery: o.headEvery}).run() // ends with Close
	return l, nil
}

// Append adds a record and returns when it is durable. Callers at the same time
// share one write and one sync. The record must have been redacted. The errors:
// ErrRecordTooLarge, ErrClosed, ErrDamaged, the disk's (the record was not kept,
// earlier ones are whole, and a later Append may work again), or the context's:
// then the record may or may not have been kept.
func (l *Log) Append(ctx context.Context, r Record) (Receipt, error) {
	if r.Time.IsZero() {
		r.Time = l.now()
	}
	record, err := encodeRecord(r)
	if err != nil {
		return Receipt{}, err
	}
	return l.do(ctx, record)
}

// Ping reports whether the log can be written now: it takes the lock, reads what
// others have appended, and writes and removes a small file beside the segments.
func (l *Log) Ping(ctx context.Context) error {
	_, err := l.do(ctx, encoded{})
	return err
}

func (l *Log) do(ctx context.Context, record encoded) (Receipt, error) {
	if err := ctx.Err(); err != nil {
		return Receipt{}, fmt.Errorf("audit log: %w", err)
	}
	req := &request{record: record, reply: make(chan reply, 1)}
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return Receipt{}, ErrClosed
	}
	l.queue = append(l.queue, req)
	enough := len(l.queue) >= l.want
	l.mu.Unlock()
	if enough {
		l.wake()
	}
	select {
	case r := <-req.reply:
		return r.receipt, r.err
	case <-ctx.Done():
		if req.state.CompareAndSwap(queued, abandoned) {
			return Receipt{}, fmt.Errorf("audit record was not written: %w", context.Cause(ctx))
		}
		return Receipt{}, fmt.Errorf("audit record may or may not have been written: %w", context.Cause(ctx))
	}
}

func (l *Log) wake() {
	select {
	case l.kick <- struct{}{}:
	default:
	}
}

// await gives the queue a moment to become so long.
func (l *Log) await(n int, moment time.Duration) {
	l.mu.Lock()
	l.want = n
	enough := len(l.queue) >= n || l.closed
	l.mu.Unlock()
	if enough {
		return
	}
	t := time.NewTimer(moment)
	defer t.Stop()
	select {
	case <-l.kick:
	case <-t.C:
	}
}

// take removes the next batch from the queue.
func (l *Log) take() (batch []*request, closed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.want = 0
	n, bytes := 0, 0
	for _, req := range l.queue {
		if n == maxBatch || bytes > maxBatchBytes {
			break
		}
		n++
		if req.state.CompareAndSwap(queued, taken) {
			bytes += len(req.record.leaf) + len(req.record.body)
			batch = append(batch, req)
		}
	}
	if n == len(l.queue) {
		l.queue = l.queue[:0:0]
	} else {
		l.queue = l.queue[n:]
	}
	return batch, l.closed && n == 0
}

// Rotate lets another key sign what comes after: that it takes over is on record
// under the signature of the old one, and the first record under its own follows
// at once. The key must be where Options.Keys finds it, in every process. admin
// is who wants it.
func (l *Log) Rotate(ctx context.Context, key ed25519.PrivateKey, admin string) error {
	verifier, err := VerifierKey(key, l.name)
	if err != nil {
		return err
	}
	for _, event := range []string{EventKey, EventKeyBegun} {
		if _, err := l.Append(ctx, Record{Phase: PhaseEvent, Event: event, Key: verifier, Admin: admin, Outcome: "ok"}); err != nil {
			return err
		}
	}
	return nil
}

// Size is the number of records that this process knows of: all of its own, and
// those of others up to the last Append or Ping.
func (l *Log) Size() int64 { return l.size.Load() }

// Dir is the folder of the log.
func (l *Log) Dir() string { return filepath.Clean(l.dir) }

// Close writes what was queued, then ends. It waits at most ten seconds, for
// another process may hold the lock.
func (l *Log) Close() error {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.wake()
	t := time.NewTimer(10 * time.Second)
	defer t.Stop()
	select {
	case <-l.done:
		return nil
	case <-t.C:
		return fmt.Errorf("audit log %s: another process has held its lock for ten seconds; records that were queued are not written", l.dir)
	}
}
