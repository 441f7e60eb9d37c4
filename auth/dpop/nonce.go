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
	"time"

	"toolvault/vault/store"
)

const (
	secretKey = "dpop/secret"
	nonceLife = 5 * time.Minute // that a nonce is good for
	nonceSize = 8 + 16          // bytes: when it was made, and its signature
)

// nonces are made and known without keeping any: a nonce is a time and our
// signature of it, by a key that all replicas share (RFC 9449 section 8).
type nonces struct {
	secret []byte
	now    func() time.Time
}

// Nonce is one to be sent in the header DPoP-Nonce.
func (v *Verifier) Nonce() string { return v.nonces.make() }

func (n nonces) make() string {
	b := binary.BigEndian.AppendUint64(nil, uint64(n.now().Unix()))
	return base64.RawURLEncoding.EncodeToString(append(b, n.sign(b)...))
}

func (n nonces) sign(b []byte) []byte {
	h := hmac.New(sha256.New, n.secret)
	h.Write(b)
	return h.Sum(nil)[:nonceSize-8]
}

// stale reports whether a client has to be given a new nonce. One that sends none
// need not, unless it is required.
func (n nonces) stale(nonce string, required bool) bool {
	if nonce == "" {
		return required
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(nonce)
	if err != nil || len(b) != nonceSize || !hmac.Equal(b[8:], n.sign(b[:8])) {
		return true
	}
	age := n.now().Sub(time.Unix(int64(binary.BigEndian.Uint64(b)), 0))
	return age > nonceLife || age < -time.Minute
}

// sharedSecret is 32 bytes that all processes on the store have, and nobody else.
func sharedSecret(ctx context.Context, o Options) ([]byte, error) {
	for {
		item, err := o.Store.Get(ctx, secretKey)
		if err == nil {
			plain, err := o.Sealer.Open(item.Value, item.Key, item.Version)
			if err != nil {
				return nil, fmt.Errorf("the key of the nonces cannot be opened with this master key: %w", err)
			}
			var secret []byte
			if err := json.Unmarshal(plain, &secret); err != nil || len(secret) != 32 {
				return nil, errors.New("the key of the nonces is not one: restore the store")
			}
			return secret, nil
		}
		if !errors.Is(err, store.ErrNotFound) {
			return nil, fmt.Errorf("the key of the nonces could not be read: %w", err)
		}
		secret := make([]byte, 32)
		_, _ = rand.Read(secret) // never fails: crypto/rand ends the program first
		plain, err := json.Marshal(secret)
		if err != nil {
			return nil, err
		}
		next := store.Item{Key: secretKey, Version: item.Version + 1}
		if next.Value, err = o.Sealer.Seal(plain, next.Key, next.Version); err != nil {
			return nil, err
		}
		if err := o.Store.Put(ctx, next, nil); err != nil && !errors.Is(err, store.ErrConflict) {
			return nil, fmt.Errorf("the key of the nonces could not be stored: %w", err)
		}
	}
}
