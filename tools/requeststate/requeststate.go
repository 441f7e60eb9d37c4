// Package requeststate makes the requestState of MCP's multi round-trip requests
// (2026-07-28, "Multi Round-Trip Requests"): the server answers a call with a
// question, and the client sends the call again with the answer and with the
// state that came with the question.
//
// A state gives its bearer nothing but the right to answer one question once. It
// is sealed, so that nobody can make or change one; it is bound to who was asked
// and about what; it ends after ten minutes; and it is good for one use, in
// whatever process that is. Nothing is kept for a question: only a use is put on
// record, in the store that all processes share, until the state has ended.
package requeststate

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"toolvault/vault"
	"toolvault/vault/store"
)

const (
	// Life is how long a state is good.
	Life = 10 * time.Minute
	// MaxSize bounds a state, in bytes. Ours have some 500.
	MaxSize = 4 << 10

	sealName    = "request-state" // what a seal binds: it opens as nothing else
	sealVersion = 1
)

// Why a state is refused. Each is in a *RefusedError.
var (
	// ErrForeign: it is none of ours, or was changed.
	ErrForeign = errors.New("the requestState is none of this server's, or was changed")
	// ErrPrincipal: somebody else was asked.
	ErrPrincipal = errors.New("the requestState was given to another agent or user")
	// ErrOther: it was about another tool, or other arguments.
	ErrOther = errors.New("the requestState belongs to a call of another tool or with other arguments")
	// ErrExpired: it is too old.
	ErrExpired = errors.New("the requestState has expired")
	// ErrUsed: it was used before.
	ErrUsed = errors.New("the requestState was used before")
)

// RefusedError says why a state is refused, and which call it came from.
type RefusedError struct {
	Why   error  // one of the above
	Asked string // id of the call that was answered with the question; empty for ErrForeign
}

func (e *RefusedError) Error() string { return e.Why.Error() }
func (e *RefusedError) Unwrap() error { return e.Why }

// Call is what a state is bound to.
type Call struct {
	Agent, User string
	Tool        string
	Account     string // of the service; empty where it has one
	Arguments   []byte // in one form for one meaning: validated, defaults filled in, keys sorted
}

// Store is what a States needs of a store. Its clock counts, not the machine's,
// so that machines whose clocks disagree agree on when a state ends.
type Store interface {
	Get(ctx context.Context, key string) (store.Item, error)
	Put(ctx context.Context, item store.Item, lease store.Lease) error
	Forget(ctx context.Context, key string, version int64) error
	List(ctx context.Context, prefix, after string, limit int) ([]store.Item, error)
	Now(ctx context.Context) (time.Time, error)
}

// Sealer seals and opens: Open wraps vault.ErrSealed for what it did not seal
// under the same name and version, and fails otherwise only if the store does.
type Sealer interface {
	Seal(plaintext []byte, name string, version int64) ([]byte, error)
	Open(sealed []byte, name string, version int64) ([]byte, error)
}

// States makes states and takes them back. It is safe for concurrent use, also by
// many processes on one store.
type States struct {
	store  Store
	sealer Sealer
}

// New returns a States.
func New(s Store, sealer Sealer) *States { return &States{s, sealer} }

// content is what is sealed.
type content struct {
	ID        []byte `json:"id"`
	Asked     string `json:"asked"` // id of the call that was answered with the question
	Principal []byte `json:"for"`   // digest of agent and user
	About     []byte `json:"about"` // digest of tool, account and arguments
	Ends      int64  `json:"ends"`  // seconds since 1970
}

// Issue makes the state of a question with which the call is answered. The error
// is the store's.
func (s *States) Issue(ctx context.Context, c Call, callID string) (string, error) {
	now, err := s.store.Now(ctx)
	if err != nil {
		return "", fmt.Errorf("make a requestState: %w", err)
	}
	id := make([]byte, 16)
	rand.Read(id) // never fails (crypto/rand)
	text, err := json.Marshal(content{
		ID: id, Asked: callID, Principal: c.principal(), About: c.about(), Ends: now.Add(Life).Unix(),
	})
	if err != nil {
		return "", fmt.Errorf("make a requestState: %w", err)
	}
	sealed, err := s.sealer.Seal(text, sealName, sealVersion)
	if err != nil {
		return "", fmt.Errorf("make a requestState: %w", err)
	}
	return encoding.EncodeToString(sealed), nil
}

// State is a state that came back and is good, but for whether it was used.
type State struct {
	Asked string // id of the call that was answered with the question

	content *content
	now     time.Time
}

// Verify looks at a state that comes back with the call which answers its
// question. The error is a *RefusedError, or the store's.
func (s *States) Verify(ctx context.Context, state string, c Call) (*State, error) {
	t, err := s.open(state)
	if err != nil {
		return nil, err
	}
	now, err := s.store.Now(ctx)
	if err != nil {
		return nil, fmt.Errorf("take a requestState: %w", err)
	}
	if why := t.check(c, now); why != nil {
		return nil, &RefusedError{why, t.Asked}
	}
	return &State{t.Asked, t, now}, nil
}

// Use uses the state up, for the call of that id. The error is a *RefusedError
// that wraps ErrUsed, or the store's: then nobody can tell whether it was used.
func (s *States) Use(ctx context.Context, state *State, callID string) error {
	switch err := s.use(ctx, state.content, callID); {
	case errors.Is(err, store.ErrConflict):
		return &RefusedError{ErrUsed, state.Asked}
	case err != nil:
		return fmt.Errorf("take a requestState: %w", err)
	}
	s.sweep(ctx, state.now)
	return nil
}

// encoding has one text for one value.
var encoding = base64.RawURLEncoding.Strict()

func (s *States) open(state string) (*content, error) {
	if len(state) > MaxSize || strings.ContainsAny(state, "\r\n") { // which base64 skips
		return nil, &RefusedError{Why: ErrForeign}
	}
	sealed, err := encoding.DecodeString(state)
	if err != nil {
		return nil, &RefusedError{Why: ErrForeign}
	}
	text, err := s.sealer.Open(sealed, sealName, sealVersion)
	switch {
	case errors.Is(err, vault.ErrSealed):
		return nil, &RefusedError{Why: ErrForeign}
	case err != nil:
		return nil, fmt.Errorf("open a requestState: %w", err)
	}
	t := &content{}
	if err := json.Unmarshal(text, t); err != nil {
		return nil, &RefusedError{Why: ErrForeign} // of another version of this program
	}
	return t, nil
}

func (t *content) check(c Call, now time.Time) error {
	switch {
	case string(t.Principal) != string(c.principal()):
		return ErrPrincipal
	case string(t.About) != string(c.about()):
		return ErrOther
	case now.Unix() >= t.Ends:
		return ErrExpired
	}
	return nil
}

func (c *Call) principal() []byte { return digest("principal", c.Agent, c.User) }

func (c *Call) about() []byte { return digest("about", c.Tool, c.Account, string(c.Arguments)) }

// digest is a hash of texts, each with its length in front, so that no two lists
// give the same bytes.
func digest(texts ...string) []byte {
	h := sha256.New()
	for _, t := range texts {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(t)))
		h.Write(n[:])
		h.Write([]byte(t))
	}
	return h.Sum(nil)
}
