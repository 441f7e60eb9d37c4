package login

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"time"

	"toolvault/vault/store"
)

const (
	statePrefix = "login/state/"  // and the hash of a state
	tokenPrefix = "login/logout/" // and the hash of a logout token's id
	stateCookie = "login"
	stateLife   = 10 * time.Minute
	sweepEvery  = 10 * time.Minute
)

// attempt is a sign-in under way: what lies sealed under its state.
type attempt struct {
	Browser  string    `json:"browser"` // hash of the cookie
	Nonce    string    `json:"nonce"`
	Verifier string    `json:"verifier"` // PKCE
	Return   string    `json:"return,omitempty"`
	Until    time.Time `json:"until"`
}

func random() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails: crypto/rand ends the program first
	return base64.RawURLEncoding.EncodeToString(b)
}

func hashed(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func (l *Login) keep(ctx context.Context, key string, version int64, value any) error {
	plain, err := json.Marshal(value)
	if err != nil {
		return err
	}
	defer clear(plain)
	sealed, err := l.Sealer.Seal(plain, key, version)
	if err != nil {
		return err
	}
	return l.Store.Put(ctx, store.Item{Key: key, Version: version, Value: sealed}, nil)
}

// errNoState is the answer to a state that is not open.
var errNoState = errors.New("it was never given out, has been used, or is too old")

// take takes a state out of the store: whoever gets it is the only one.
func (l *Login) take(ctx context.Context, state string) (a attempt, err error) {
	item, err := l.Store.Get(ctx, statePrefix+hashed(state))
	if errors.Is(err, store.ErrNotFound) {
		return a, errNoState
	}
	if err != nil {
		return a, err
	}
	plain, err := l.Sealer.Open(item.Value, item.Key, item.Version)
	if err != nil {
		return a, err
	}
	if err := json.Unmarshal(plain, &a); err != nil {
		return a, err
	}
	err = l.Store.Forget(ctx, item.Key, item.Version)
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrConflict) {
		return attempt{}, errNoState
	}
	if err == nil && !l.Now().Before(a.Until) {
		return attempt{}, errNoState
	}
	return a, err
}

// used is what is kept of a logout token.
type used struct {
	Until time.Time `json:"until"`
	Done  bool      `json:"done,omitempty"` // else whoever began may have died
}

// Run removes what is no longer needed until ctx ends, which is no error.
func (l *Login) Run(ctx context.Context) error {
	return store.Repeat(ctx, sweepEvery, l.Sweep, l.Logger, "old sign-ins could not be removed; they do no harm and will be tried again")
}

// Sweep is one round of Run.
func (l *Login) Sweep(ctx context.Context) error {
	now := l.Now()
	var old []store.Item
	for _, prefix := range []string{statePrefix, tokenPrefix} {
		err := store.Each(ctx, l.Store, prefix, func(item store.Item) error {
			var u used // an attempt has the same field
			plain, err := l.Sealer.Open(item.Value, item.Key, item.Version)
			if err != nil || json.Unmarshal(plain, &u) != nil || !now.Before(u.Until) {
				old = append(old, store.Item{Key: item.Key, Version: item.Version})
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	for _, item := range old {
		err := l.Store.Forget(ctx, item.Key, item.Version)
		if err != nil && !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
	return nil
}

func address(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}
