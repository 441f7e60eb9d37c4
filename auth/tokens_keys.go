package auth

import (
	"cmp"
	"context"
	"crypto"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"toolvault/vault/store"
)

const keyPrefix = "token-key/"

// keyID is the form of a kid: the RFC 7638 thumbprint of the key. Nothing else
// ever reaches the store as part of a name.
var keyID = regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`)

// keyring holds every key of the store.
type keyring struct {
	public map[string]ed25519.PublicKey // by kid
	keys   []tokenKey                   // the one that signs last in front
}

// tokenKey is one key.
type tokenKey struct {
	kid    string
	from   time.Time // when it begins to sign
	signer jose.Signer
}

// signing is the key that signs at a time: the newest that has begun, or the one
// that begins first.
func (k *keyring) signing(now time.Time) tokenKey {
	for _, key := range k.keys {
		if !key.from.After(now) {
			return key
		}
	}
	if len(k.keys) == 0 {
		return tokenKey{}
	}
	return k.keys[len(k.keys)-1]
}

func (t *Tokens) signer() jose.Signer { return t.keys.Load().signing(t.Now()).signer }

// keyRecord is what lies sealed under token-key/<kid>.
type keyRecord struct {
	Created time.Time `json:"created"`
	From    time.Time `json:"from,omitzero"` // when it begins to sign; zero: when it was made
	Seed    []byte    `json:"seed"`          // RFC 8032, section 5.1.5: 32 bytes
}

// header is the one JWS header that tokens have, as the signer writes it.
const (
	headerStart = `{"alg":"EdDSA","kid":"`
	headerEnd   = `","typ":"at+jwt"}`
)

// headerKey returns the kid of a JWS header in base64url, if the header has
// exactly the form that Mint gives it.
func headerKey(segment string) (kid string, ok bool) {
	if len(segment) != base64.RawURLEncoding.EncodedLen(len(headerStart)+43+len(headerEnd)) {
		return "", false
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(segment)
	if err != nil {
		return "", false
	}
	kid, ok = strings.CutPrefix(string(raw), headerStart)
	if !ok {
		return "", false
	}
	kid, ok = strings.CutSuffix(kid, headerEnd)
	return kid, ok && keyID.MatchString(kid)
}

func thumbprint(public ed25519.PublicKey) (string, error) {
	sum, err := (&jose.JSONWebKey{Key: public}).Thumbprint(crypto.SHA256)
	return base64.RawURLEncoding.EncodeToString(sum), err
}

func newSigner(kid string, key ed25519.PrivateKey) (jose.Signer, error) {
	return jose.NewSigner(
		jose.SigningKey{Algorithm: jose.EdDSA, Key: jose.JSONWebKey{Key: key, KeyID: kid}},
		(&jose.SignerOptions{}).WithType("at+jwt"))
}

// loadKeys reads all keys. A record that cannot be opened is left out with a
// warning, so that junk in the store stops nobody; but if none can be opened the
// master key is the wrong one, and that is an error.
func (t *Tokens) loadKeys(ctx context.Context) error {
	t.reload.Lock()
	defer t.reload.Unlock()
	return t.readKeys(ctx)
}

// readKeys does so for a caller that holds reload.
func (t *Tokens) readKeys(ctx context.Context) error {
	next := &keyring{public: map[string]ed25519.PublicKey{}}
	var broken error
	err := store.Each(ctx, t.Store, keyPrefix, func(item store.Item) error {
		kid, from, key, err := t.openKey(item)
		if err != nil {
			broken = err
			t.Logger.Warn("a token signing key was left out", "error", err)
			return nil
		}
		signer, err := newSigner(kid, key)
		if err != nil {
			broken = err
			return nil
		}
		next.public[kid] = key.Public().(ed25519.PublicKey)
		next.keys = append(next.keys, tokenKey{kid, from, signer})
		return nil
	})
	slices.SortFunc(next.keys, func(a, b tokenKey) int { return cmp.Or(b.from.Compare(a.from), strings.Compare(b.kid, a.kid)) })
	switch {
	case err != nil:
		return fmt.Errorf("the token signing keys could not be read: %w", err)
	case len(next.keys) == 0 && broken != nil:
		return broken
	}
	old := t.keys.Swap(next)
	if !slices.Equal(slices.Sorted(maps.Keys(old.public)), slices.Sorted(maps.Keys(next.public))) {
		t.verified.clear() // a token whose key is gone must be refused
	}
	return nil
}

func (t *Tokens) openKey(item store.Item) (kid string, from time.Time, key ed25519.PrivateKey, err error) {
	kid = strings.TrimPrefix(item.Key, keyPrefix)
	plain, err := t.Sealer.Open(item.Value, item.Key, item.Version)
	if err != nil {
		return "", time.Time{}, nil, fmt.Errorf("the token signing key %.8s… cannot be opened with this master key (was the key changed, or does the store belong to another?): %w", kid, err)
	}
	defer clear(plain)
	var r keyRecord
	if err := json.Unmarshal(plain, &r); err != nil || len(r.Seed) != ed25519.SeedSize {
		return "", time.Time{}, nil, fmt.Errorf("the token signing key %.8s… is not one: remove the record %s", kid, clip(item.Key, 80))
	}
	defer clear(r.Seed)
	key = ed25519.NewKeyFromSeed(r.Seed)
	if want, err := thumbprint(key.Public().(ed25519.PublicKey)); err != nil || want != kid {
		return "", time.Time{}, nil, fmt.Errorf("the token signing key %.8s… stands under the wrong name: remove the record %s", kid, clip(item.Key, 80))
	}
	if r.From.IsZero() {
		r.From = r.Created
	}
	return kid, r.From, key, nil
}

// publicKey finds the key that a token names. A kid that is not known may belong
// to a key that another process has just made, so the store is asked, but at most
// once a second, whatever is asked for: made-up kids cost nothing more.
func (t *Tokens) publicKey(ctx context.Context, kid string) (ed25519.PublicKey, bool) {
	if key, ok := t.keys.Load().public[kid]; ok {
		return key, true
	}
	if !t.reload.TryLock() {
		return nil, false // somebody reads them already; nobody queues up behind a slow store
	}
	defer t.reload.Unlock()
	if key, ok := t.keys.Load().public[kid]; ok {
		return key, true
	}
	now := t.Now()
	if since := now.Sub(t.reloaded); since >= 0 && since < time.Second {
		return nil, false
	}
	t.reloaded = now
	if err := t.readKeys(ctx); err != nil {
		t.Logger.Warn("an unknown token signing key could not be looked up", "error", err)
		return nil, false
	}
	key, ok := t.keys.Load().public[kid]
	return key, ok
}
