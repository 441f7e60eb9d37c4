package dpop

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"toolvault/vault/store"
)

// A nonce is when it was made and our signature of that, in base64url, so none is
// kept (RFC 9449 section 8). It is signed by a secret that all processes on the
// store share and that lies sealed in one record.
const (
	secretKey  = "dpop/nonces"
	secretSize = 32                  // bytes
	secretLife = 30 * 24 * time.Hour // that a secret signs
	secretLag  = time.Hour           // that nonces of the one before are taken
	nonceTime  = 8                   // bytes of a nonce: when it was made, in seconds since 1970
	nonceSize  = nonceTime + 16      // bytes of a nonce; the rest is the signature
)

// secrets is what is sealed in the record.
type secrets struct {
	Made   time.Time `json:"made"`
	Secret []byte    `json:"secret"`
	Before []byte    `json:"before,omitempty"` // the one before; none: this is the first
}

// nonces is what a process has of the record.
type nonces struct {
	secrets atomic.Pointer[secrets]
	reading sync.Mutex
	read    time.Time // when the record was last read, under reading
}

// Nonce is a fresh one, for the header DPoP-Nonce. It is good for five minutes, in
// every process on the store.
func (v *Verifier) Nonce() string {
	b := binary.BigEndian.AppendUint64(nil, uint64(v.Now().Unix()))
	return base64.RawURLEncoding.EncodeToString(append(b, sign(v.nonces.secrets.Load().Secret, b)...))
}

func sign(secret, b []byte) []byte {
	h := hmac.New(sha256.New, secret)
	h.Write(b)
	return h.Sum(nil)[:nonceSize-nonceTime]
}

// nonceIsGood reports whether a proof may carry a nonce. One that carries none need
// not, unless it is required.
func (v *Verifier) nonceIsGood(ctx context.Context, nonce string) bool {
	if nonce == "" {
		return !v.RequireNonce
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(nonce)
	if err != nil || len(b) != nonceSize {
		return false
	}
	if age := v.Now().Sub(time.Unix(int64(binary.BigEndian.Uint64(b)), 0)); age > window || age < -window {
		return false
	}
	if v.signed(b) {
		return true
	}
	return v.reread(ctx) && v.signed(b)
}

// signed reports whether a nonce is signed by our secret, or by the one before
// while others may still sign with it.
func (v *Verifier) signed(b []byte) bool {
	s := v.nonces.secrets.Load()
	if hmac.Equal(b[nonceTime:], sign(s.Secret, b[:nonceTime])) {
		return true
	}
	return len(s.Before) > 0 && v.Now().Before(s.Made.Add(secretLag)) && hmac.Equal(b[nonceTime:], sign(s.Before, b[:nonceTime]))
}

// reread reads the record for a nonce that nobody seems to have signed: another
// process may have made a new secret. It does so once a second at most, whatever
// is made up, and nobody queues up behind a slow store.
func (v *Verifier) reread(ctx context.Context) bool {
	if !v.nonces.reading.TryLock() {
		return false
	}
	defer v.nonces.reading.Unlock()
	now := v.Now()
	if since := now.Sub(v.nonces.read); since >= 0 && since < time.Second {
		return false
	}
	v.nonces.read = now
	if err := v.renewing(ctx); err != nil {
		v.Logger.Warn("the secret of the nonces could not be looked up", "error", err)
		return false
	}
	return true
}

// renew reads the secret, and makes one where there is none or it is too old.
func (v *Verifier) renew(ctx context.Context) error {
	v.nonces.reading.Lock()
	defer v.nonces.reading.Unlock()
	return v.renewing(ctx)
}

// renewing does so for a caller that holds reading.
func (v *Verifier) renewing(ctx context.Context) error {
	for {
		item, err := v.Store.Get(ctx, secretKey)
		there := err == nil
		if !there && !errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("the secret of the nonces could not be read: %w", err)
		}
		var s secrets
		if there {
			if s, err = v.unseal(item); err != nil {
				return err
			}
			if v.Now().Before(s.Made.Add(secretLife)) {
				v.nonces.secrets.Store(&s)
				return nil
			}
		}
		next := secrets{Made: v.Now().UTC(), Secret: make([]byte, secretSize), Before: s.Secret}
		_, _ = rand.Read(next.Secret) // never fails: crypto/rand ends the program first
		switch err := v.put(ctx, item.Version+1, next); {
		case err == nil:
			v.nonces.secrets.Store(&next)
			return nil
		case !errors.Is(err, store.ErrConflict): // else another process was quicker: read what it wrote
			return fmt.Errorf("the secret of the nonces could not be stored: %w", err)
		}
	}
}

func (v *Verifier) unseal(item store.Item) (s secrets, err error) {
	plain, err := v.Sealer.Open(item.Value, item.Key, item.Version)
	if err != nil {
		return s, fmt.Errorf("the secret of the nonces cannot be opened with this master key (was the key changed, or does the store belong to another?): %w", err)
	}
	defer clear(plain)
	if json.Unmarshal(plain, &s) != nil || len(s.Secret) != secretSize || len(s.Before) != 0 && len(s.Before) != secretSize {
		return s, fmt.Errorf("the secret of the nonces is not one: remove the record %s, and a new one is made", item.Key)
	}
	return s, nil
}

func (v *Verifier) put(ctx context.Context, version int64, s secrets) error {
	plain, err := json.Marshal(s)
	if err != nil {
		return err
	}
	defer clear(plain)
	item := store.Item{Key: secretKey, Version: version}
	if item.Value, err = v.Sealer.Seal(plain, item.Key, item.Version); err != nil {
		return err
	}
	return v.Store.Put(ctx, item, nil)
}
