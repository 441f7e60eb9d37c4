// Package store keeps sealed records: bytes under keys, with a version each.
//
// A store never sees a secret: what it holds was sealed before it came here. It
// promises four things, held to by the contract suite in storetest: a write
// that was acknowledged survives a crash; of two writers to one version exactly
// one wins; versions of a key only grow, even across a deletion; and whoever
// waits for a lease gets it when its holder lets go, ends or dies. A key that was
// forgotten begins anew.
package store

import (
	"context"
	"errors"
	"time"

	"toolvault/vault/store/bucket"
)

var (
	// ErrNotFound is returned by Get for a key that does not exist (any more).
	ErrNotFound = errors.New("store: no such record")
	// ErrConflict is returned by Put and Delete when somebody else wrote first.
	ErrConflict = errors.New("store: the record was changed by somebody else")
	// ErrLeaseLost is returned when a lease has ended or passed to another.
	ErrLeaseLost = errors.New("store: the lease was lost")
	// ErrUnavailable wraps every failure to reach the store, a deadline that
	// ends while the store is asked among them. A context that is cancelled, or
	// had ended before, is returned as that alone.
	ErrUnavailable = errors.New("store: not reachable")
)

// Limits on what a store takes.
const (
	MaxKey   = 512     // bytes
	MaxValue = 1 << 20 // bytes
)

// Item is one record.
type Item struct {
	Key     string
	Version int64 // 1 for the first write of a key, then one more for each
	Value   []byte
}

// Event tells that a record may have changed. An empty Key means: anything may
// have.
type Event struct{ Key string }

// Store is safe for concurrent use by many goroutines and processes. Each
// operation ends by itself, whatever the context allows: on Redis within two
// seconds; on SQLite a read within two, and a write within ten, since it takes
// turns with other processes. Only Lease waits for others as long as it is let.
type Store interface {
	// Get returns the record. For a key that was deleted it returns
	// ErrNotFound and an Item whose Version is that of the deletion, so that
	// the next Put can go on from there.
	Get(ctx context.Context, key string) (Item, error)

	// Put writes item.Value as version item.Version, durably, if the key now
	// stands at item.Version-1 (0: never written), else ErrConflict. The caller
	// chooses the version because it is sealed into the value. A non-nil lease
	// must still be held, else ErrLeaseLost and nothing is written.
	//
	// After ErrUnavailable, or the end of the context, nobody knows whether the
	// write stands: it may, it may come to stand a moment later, and on a Redis
	// whose URL asks for replicas it may stand on the master alone. Whoever then
	// puts the same version again gets ErrConflict if it stands, and the record
	// that Get returns is the caller's own. So an ErrConflict that follows an
	// ErrUnavailable is no proof that somebody else wrote: read, and go on from
	// what is there. What was read may still be lost by a failover, while fewer
	// replicas have it than the URL asks for; the next write that succeeds says
	// that all before it are safe too, since replicas take writes in order.
	Put(ctx context.Context, item Item, lease Lease) error

	// Delete removes the record if it stands at the version; the removal counts
	// as one more version. Deleting what is not there is ErrNotFound. As with
	// Put, it may have been done after ErrUnavailable, and asked for again is
	// then ErrNotFound.
	Delete(ctx context.Context, key string, version int64) error

	// Forget removes the record if it stands at the version, and every trace of
	// it: the key is then as if it had never been written, so that a Put of
	// version 1 works. Forgetting what is not there, or was deleted, is
	// ErrNotFound. Watchers need not be told.
	//
	// It is for keys that are random and never written again, of which a store
	// would else keep the deletion for ever. Anything else wants Delete: a writer
	// who still has the old version in hand, or a Forget that the store takes up
	// late, after ErrUnavailable, could hit a record that has come to the same
	// version anew.
	Forget(ctx context.Context, key string, version int64) error

	// List returns records whose key begins with prefix and comes after the
	// key after, in order of keys, limit at most (1 to 1000).
	List(ctx context.Context, prefix, after string, limit int) ([]Item, error)

	// Lease waits until nobody else holds the name or ctx ends. It ends by
	// itself after ttl (a millisecond to a day) unless extended.
	Lease(ctx context.Context, name string, ttl time.Duration) (Lease, error)

	// Spend takes tokens of the bucket that all who share the store have under the
	// name: as many of those wanted (1 to its burst) as are there, and no wait; where
	// there are none, the next one, for the caller to wait until it is there. Where
	// that would be longer than most, or bucket.MaxWait, nothing is taken (got is 0),
	// and wait says how long it would have been. So no more than the burst and what
	// has come since are ever given, in the order in which they were asked for.
	//
	// It goes by the clock of Now. A bucket is not kept when it is full, and need not
	// outlive a crash of the machine or a failover: it is full again then. All who
	// spend from a bucket have to name the same rate.
	Spend(ctx context.Context, name string, rate bucket.Rate, want int, most time.Duration) (got int, wait time.Duration, err error)

	// Pause closes a bucket for d, bucket.MaxPause at most: whoever spends from it
	// has to wait as long and then for those before. A longer pause stands.
	Pause(ctx context.Context, name string, d time.Duration) error

	// Watch reports changes by any process, within half a second, until ctx
	// ends and the channel closes. Events may be merged, never lost: after a
	// broken connection one with an empty key follows.
	Watch(ctx context.Context) <-chan Event

	// Now is the time by a clock that all who share the store read alike, so
	// that machines whose own clocks disagree by minutes agree on when a token
	// ends: on SQLite this machine's; on Redis that of the server which holds
	// the records, the new master's after a failover. It may step like any
	// clock, back too.
	Now(ctx context.Context) (time.Time, error)

	// Ping reports whether the store can be written.
	Ping(ctx context.Context) error

	Close() error
}

// Lease is the right to do something alone for a while.
type Lease interface {
	// Token is the fencing token: it grows with each holder of the name. A lease
	// need not be durable, so what was last given may be unknown after a crash of
	// the machine, a failover or the loss of all records. The token goes on growing
	// then so long as the clock (on Redis, that of the new master) is not behind by
	// more than that took. A Put under the lease does not depend on it.
	Token() int64
	// Extend sets the time left to ttl, or fails with ErrLeaseLost.
	Extend(ctx context.Context, ttl time.Duration) error
	// Release lets go; releasing a lost lease is no error.
	Release(ctx context.Context) error
}
