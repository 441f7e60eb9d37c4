// Package idempotency makes a write that is sent twice happen once.
//
// A client that got no answer sends its call again, under the same idempotency
// key. The ledger keeps, for each key, what became of the first call: a claim,
// durable before the request leaves, and in its place the outcome, durable
// before the caller gets it. Whoever comes with the same key gets that outcome;
// while the first call is under way, he waits for it, in whatever process it is.
// A claim whose call can no longer be alive means that nobody knows what
// happened, and that is what is said: it is never taken over in silence.
//
// What is kept is sealed, and stands under a hash of agent, user and key, so
// that the store shows neither keys nor answers, and no agent can reach another
// one's. It counts for 24 hours.
package idempotency

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"toolvault/vault/store"
)

const (
	// Kept is how long an outcome counts.
	Kept = 24 * time.Hour
	// MaxKey is how long a key may be, in characters.
	MaxKey = 200
	// MaxOutcome is how large an outcome may be, in bytes. Of a larger one only
	// that it was is kept.
	MaxOutcome = 200 << 10

	prefix = "once/" // of records in the store
	// grace is for a call that ends at the last moment to write its outcome.
	grace = 5 * time.Second
)

// Store is what the ledger needs of a store.
type Store interface {
	Get(ctx context.Context, key string) (store.Item, error)
	Put(ctx context.Context, item store.Item, lease store.Lease) error
	Delete(ctx context.Context, key string, version int64) error
	Forget(ctx context.Context, key string, version int64) error
	List(ctx context.Context, prefix, after string, limit int) ([]store.Item, error)
}

// Sealer seals what the store keeps. Name and version are bound into the result:
// Open refuses anything that stood under another name or version.
type Sealer interface {
	Seal(plaintext []byte, name string, version int64) ([]byte, error)
	Open(sealed []byte, name string, version int64) ([]byte, error)
}

// Options is what a ledger is made of; Logger alone may be nil.
type Options struct {
	Store  Store
	Sealer Sealer
	Now    func() time.Time
	Logger *slog.Logger
}

// Ledger knows what became of writes. It is safe for concurrent use, also by
// many processes on one store.
type Ledger struct {
	Options
	mu      sync.Mutex
	bells   map[string]*bell // by name in the store: rings when the call of this process has ended
	pending map[string]ending
}

// New returns a ledger. Run should follow, which removes what no longer counts.
func New(o Options) *Ledger {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Ledger{Options: o, bells: map[string]*bell{}, pending: map[string]ending{}}
}

// ValidKey reports whether the text may be a key: 1 to 200 printable characters.
func ValidKey(key string) bool {
	if key == "" || len(key) > MaxKey*utf8.UTFMax || !utf8.ValidString(key) {
		return false
	}
	n := 0
	for _, r := range key {
		if !unicode.IsPrint(r) {
			return false
		}
		n++
	}
	return n <= MaxKey
}

// Write is a call that changes something and carries a key.
type Write struct {
	Key         string // see ValidKey
	Agent, User string // whose key it is
	CallID      string // of this attempt

	// What is done. The same key with anything else here is another call.
	Tool       string
	Credential string // its id: whose account acts
	Arguments  []byte // in one form for one meaning: validated, defaults filled in, keys sorted

	// Deadline is the last moment at which the call may still be alive, and have
	// an outcome to keep.
	Deadline time.Time
}

// name is where the record of the key stands.
func (w *Write) name() string {
	return prefix + hash("key", w.Agent, w.User, w.Key)
}

// digest tells what is done from anything else.
func (w *Write) digest() string {
	return hash("call", w.Tool, w.Credential, string(w.Arguments))
}

// hash is SHA-256 over texts, each with its length before it, so that no two
// lists of texts give the same bytes.
func hash(texts ...string) string {
	h := sha256.New()
	h.Write([]byte("toolvault idempotency\x00"))
	for _, t := range texts {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(t)))
		h.Write(n[:])
		h.Write([]byte(t))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// entry is one record: a claim, and once Done, an outcome.
type entry struct {
	Digest   string    `json:"digest"`
	CallID   string    `json:"call_id"`
	Begun    time.Time `json:"begun"`
	Deadline time.Time `json:"deadline"`
	Done     bool      `json:"done,omitempty"`
	TooLarge int       `json:"too_large,omitempty"` // bytes of an outcome that is not kept

	outcome []byte // follows the JSON, after a line feed: it is not ours to read
}

// expired reports whether the entry no longer counts. A call that can be alive
// counts whatever its age.
func (e *entry) expired(now time.Time) bool {
	return !now.Before(e.Begun.Add(Kept)) && (e.Done || e.dead(now))
}

// dead reports whether the call can no longer be alive.
func (e *entry) dead(now time.Time) bool { return now.After(e.Deadline.Add(grace)) }

// ErrUnreadable is in the error of a key whose record does not open: damaged,
// put back from an older state, or sealed with a key that is gone. Whether its
// call was made is not known.
var ErrUnreadable = errors.New("what was kept for the idempotency key cannot be read")

func (l *Ledger) seal(e *entry, name string, version int64) (store.Item, error) {
	head, err := json.Marshal(e)
	if err != nil {
		return store.Item{}, fmt.Errorf("idempotency: %w", err)
	}
	plain := append(append(head, '\n'), e.outcome...)
	sealed, err := l.Sealer.Seal(plain, name, version)
	if err != nil {
		return store.Item{}, fmt.Errorf("idempotency: %w", err)
	}
	return store.Item{Key: name, Version: version, Value: sealed}, nil
}

func (l *Ledger) open(item store.Item) (*entry, error) {
	plain, err := l.Sealer.Open(item.Value, item.Key, item.Version)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	head, outcome, _ := bytes.Cut(plain, []byte{'\n'})
	e := &entry{outcome: outcome}
	if err := json.Unmarshal(head, e); err != nil {
		return nil, fmt.Errorf("%w: it is no record of this kind", ErrUnreadable)
	}
	return e, nil
}
