package connect

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"toolvault/vault/store"
)

const (
	prefix       = "connect/" // of all that lies in the store
	ticketPrefix = prefix + "ticket/"
	statePrefix  = prefix + "state/"
	linkPrefix   = prefix + "link/"

	ticketFor   = 10 * time.Minute // until it is approved
	stateFor    = 10 * time.Minute // from then until the browser is back
	maxTries    = 5                // of typing a pairing code
	maxApproved = 5                // times that a browser is sent to the provider
	keptFor     = time.Hour        // after its end, so that a late browser is told how it went
)

// ErrEnded: there is no such ticket, or it is too old.
var ErrEnded = errors.New("the link has ended: ask for a new one")

// Outcome is how asking a person has ended.
type Outcome string

// Outcomes.
const (
	OutcomeGiven   Outcome = "given"
	OutcomeRefused Outcome = "refused" // the person said no
	OutcomeFailed  Outcome = "failed"
	OutcomeExpired Outcome = "expired" // nobody answered in time
)

// Result is how asking a person has ended.
type Result struct {
	Outcome    Outcome   `json:"outcome"`
	Reason     string    `json:"reason,omitempty"` // one sentence, unless it was given
	Todo       string    `json:"todo,omitempty"`   // and what to do about it
	Connected  []Granted `json:"connected,omitempty"`
	Missing    []string  `json:"missing,omitempty"` // scopes that were asked for and not granted
	Person     string    `json:"person,omitempty"`  // who consented; "" if that is known only by the code or the machine
	EndedAfter time.Time `json:"ended_after,omitzero"`
}

// Granted is a credential that has been stored.
type Granted struct {
	Name      string    `json:"name"` // of the record in the vault
	Version   int64     `json:"version"`
	Account   string    `json:"account,omitempty"` // whose it is, as the provider says
	Before    string    `json:"before,omitempty"`  // whose it was until now, if that was another
	Scopes    []string  `json:"scopes,omitempty"`  // as the provider says
	Expires   time.Time `json:"expires,omitzero"`
	Renewable bool      `json:"renewable"` // there is a refresh token
}

// slot is one record that a consent fills.
type slot struct {
	Name       string   `json:"name"`
	Credential string   `json:"credential"`
	Kind       string   `json:"kind,omitempty"` // which grant of several
	Scopes     []string `json:"scopes"`
}

// ticket is what a person is asked. It lies sealed under ticketPrefix and its id.
type ticket struct {
	ID      string    `json:"id"`
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires"`

	Agent   string `json:"agent"`
	User    string `json:"user,omitempty"`
	Service string `json:"service"`
	Account string `json:"account,omitempty"`
	CallID  string `json:"call,omitempty"`
	Slots   []slot `json:"slots"` // the first is the one that was asked for

	Redirect string   `json:"redirect"`
	People   []string `json:"people,omitempty"` // any of whom may; empty: who has the code, or is on this machine
	Local    bool     `json:"local,omitempty"`  // the first browser that comes is the right one
	Code     string   `json:"code,omitempty"`   // hash of the pairing code
	Tries    int      `json:"tries,omitempty"`
	Browser  string   `json:"browser,omitempty"` // hash of the cookie of the browser that is the right one
	State    string   `json:"state,omitempty"`   // key of the state under way
	Approved int      `json:"approved,omitempty"`

	Result *Result `json:"result,omitempty"`
}

// attempt is one way to the provider and back. It lies sealed under statePrefix
// and the hash of its state.
type attempt struct {
	Ticket   string    `json:"ticket"`
	Expires  time.Time `json:"expires"`
	Browser  string    `json:"browser"` // hash of the cookie that the browser got
	Person   string    `json:"person,omitempty"`
	Verifier string    `json:"verifier,omitempty"`
	Nonce    string    `json:"nonce,omitempty"`
}

// link finds the live ticket of a credential.
type link struct {
	Ticket  string    `json:"ticket"`
	Expires time.Time `json:"expires"`
}

func (t *ticket) open(now time.Time) bool { return t.Result == nil && now.Before(t.Expires) }

func (t *ticket) scopes(user bool) []string {
	var all []string
	for _, s := range t.Slots {
		if (s.Kind == kindUser) != user {
			continue
		}
		for _, name := range s.Scopes {
			if !slices.Contains(all, name) {
				all = append(all, name)
			}
		}
	}
	return all
}

// allScopes are those of all slots, for people and the log.
func (t *ticket) allScopes() []string {
	all := t.scopes(false)
	for _, s := range t.scopes(true) {
		if !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	return all
}

// random is n random bytes as text for a URL.
func random(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails: crypto/rand ends the program first
	return base64.RawURLEncoding.EncodeToString(b)
}

func hashed(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// fits holds a text against a hash in constant time.
func fits(text, hash string) bool {
	return text != "" && hash != "" && subtle.ConstantTimeCompare([]byte(hashed(text)), []byte(hash)) == 1
}

// isRandom reports whether a text may be one that random(n) made.
func isRandom(text string, n int) bool {
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	return err == nil && len(b) == n
}

const (
	idSize    = 16
	stateSize = 32
)

// get reads one sealed value.
func (c *Connector) get(ctx context.Context, key string, into any) (version int64, err error) {
	item, err := c.Store.Get(ctx, key)
	if err != nil {
		return item.Version, err
	}
	return item.Version, c.unseal(item, into)
}

func (c *Connector) unseal(item store.Item, into any) error {
	plain, err := c.Sealer.Open(item.Value, item.Key, item.Version)
	if err != nil {
		return err
	}
	defer clear(plain)
	return json.Unmarshal(plain, into)
}

// put writes one value, sealed, as a version.
func (c *Connector) put(ctx context.Context, key string, version int64, value any) error {
	plain, err := json.Marshal(value)
	if err != nil {
		return err
	}
	defer clear(plain)
	sealed, err := c.Sealer.Seal(plain, key, version)
	if err != nil {
		return err
	}
	return c.Store.Put(ctx, store.Item{Key: key, Version: version, Value: sealed}, nil)
}

// ticket finds a ticket of this server's. For an unknown one the error is
// ErrEnded.
func (c *Connector) ticket(ctx context.Context, id string) (*ticket, int64, error) {
	if !isRandom(id, idSize) {
		return nil, 0, ErrEnded
	}
	t := &ticket{}
	version, err := c.get(ctx, ticketPrefix+id, t)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, 0, ErrEnded
	case err != nil:
		return nil, 0, fmt.Errorf("the link could not be looked up: %w", err)
	case !strings.HasPrefix(t.Redirect, c.PublicURL+"/"):
		return nil, 0, ErrEnded // another server's, on the same store
	}
	return t, version, nil
}

// change edits a ticket, again where somebody else was quicker.
func (c *Connector) change(ctx context.Context, id string, edit func(*ticket) error) (*ticket, error) {
	for {
		t, version, err := c.ticket(ctx, id)
		if err != nil {
			return nil, err
		}
		if err := edit(t); err != nil {
			return t, err
		}
		err = c.put(ctx, ticketPrefix+id, version+1, t)
		if errors.Is(err, store.ErrConflict) && ctx.Err() == nil {
			continue
		}
		return t, err
	}
}

// remove deletes a key, whatever version it has.
func (c *Connector) remove(ctx context.Context, key string) error {
	for {
		item, err := c.Store.Get(ctx, key)
		if err == nil {
			err = c.Store.Forget(ctx, key, item.Version)
		}
		switch {
		case errors.Is(err, store.ErrConflict) && ctx.Err() == nil:
			continue
		case errors.Is(err, store.ErrNotFound):
			return nil
		}
		return err
	}
}
