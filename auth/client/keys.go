package client

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/sync/singleflight"

	"toolvault/vault/store"
)

// KeySet is a set of public keys.
type KeySet = jose.JSONWebKeySet

const (
	maxKeys      = 20
	maxKeySet    = 64 << 10 // bytes
	keysGoodFor  = 5 * time.Minute
	keysKept     = time.Hour        // where they cannot be had again
	keysAskAgain = 30 * time.Second // where they could not be had
)

// ParseKeys reads public keys: PEM (SubjectPublicKeyInfo or a certificate), a JWK, or
// a JWK Set (RFC 7517).
func ParseKeys(b []byte) (KeySet, error) {
	var set KeySet
	text := strings.TrimSpace(string(b))
	switch {
	case len(b) > maxKeySet:
		return set, invalid("the keys have more than 64 KiB")
	case strings.HasPrefix(text, "{"):
		return parseJWKs([]byte(text))
	default:
		for rest := []byte(text); ; {
			var block *pem.Block
			if block, rest = pem.Decode(rest); block == nil {
				break
			}
			if strings.Contains(block.Type, "PRIVATE") {
				return KeySet{}, invalid("this is a private key, and the server needs the public one: 'openssl pkey -in KEY -pubout' writes it")
			}
			key, err := x509.ParsePKIXPublicKey(block.Bytes)
			if cert, e := x509.ParseCertificate(block.Bytes); err != nil && e == nil {
				key, err = cert.PublicKey, nil
			}
			if err != nil {
				return KeySet{}, invalid("the PEM holds no public key: it must begin with -----BEGIN PUBLIC KEY-----, with nothing cut off")
			}
			set.Keys = append(set.Keys, jose.JSONWebKey{Key: key})
		}
	}
	return set, checkKeys(set)
}

// parseJWKs reads a JWK, or a JWK Set, of which it leaves out the keys that are not
// ours to understand (RFC 7517 section 5).
func parseJWKs(b []byte) (KeySet, error) {
	var raw struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(b, &raw); err != nil {
		return KeySet{}, invalid("this is no JWK Set: it must be JSON, with nothing cut off")
	}
	if raw.Keys == nil {
		raw.Keys = []json.RawMessage{b}
	}
	if len(raw.Keys) > maxKeys {
		return KeySet{}, errKeyCount()
	}
	var set KeySet
	var left error
	for _, text := range raw.Keys {
		var k jose.JSONWebKey
		if err := json.Unmarshal(text, &k); err != nil {
			left = invalid("this is no JWK that can be used here: it must be an RSA, ECDSA or Ed25519 key, with nothing cut off")
			continue
		}
		err := checkKey(k)
		switch {
		case errors.Is(err, errPrivate):
			return KeySet{}, err
		case err != nil:
			left = err
		default:
			set.Keys = append(set.Keys, k)
		}
	}
	if len(set.Keys) == 0 && left != nil {
		return KeySet{}, left
	}
	return set, checkKeys(set)
}

func errKeyCount() error {
	return invalid(fmt.Sprintf("there must be 1 to %d public keys, in PEM or as JWKs", maxKeys))
}

func checkKeys(set KeySet) error {
	if len(set.Keys) == 0 || len(set.Keys) > maxKeys {
		return errKeyCount()
	}
	for _, k := range set.Keys {
		if err := checkKey(k); err != nil {
			return err
		}
	}
	return nil
}

var errPrivate = invalid("this is a private key, and the server needs the public one; make a new pair, since this one has been shown")

func checkKey(k jose.JSONWebKey) error {
	switch key := k.Key.(type) {
	case *ecdsa.PublicKey, ed25519.PublicKey:
	case *rsa.PublicKey:
		if key.N.BitLen() < 2048 || key.N.BitLen() > 8192 {
			return invalid("an RSA key has to have 2048 to 8192 bits (RFC 7518 section 3.3)")
		}
	case *ecdsa.PrivateKey, *rsa.PrivateKey, ed25519.PrivateKey:
		return errPrivate
	default:
		return invalid("a client proves itself with an RSA, ECDSA or Ed25519 key")
	}
	if k.Use != "" && k.Use != "sig" {
		return invalid("a client proves itself with a key for signing: this one has another use")
	}
	return nil
}

// fetchedKeys are the keys of clients that say where theirs are.
type fetchedKeys struct {
	cache[fetchedSet] // by URL and by who named it
	flight            singleflight.Group
}

type fetchedSet struct {
	keys  KeySet
	err   error
	got   time.Time // when the keys were had
	until time.Time // when they are asked for again
}

// Keys are the keys with which a client can prove itself; those that it keeps
// elsewhere are five minutes old at most, or an hour where they cannot be had again.
func (r *Registry) Keys(ctx context.Context, c Client) (KeySet, error) {
	if c.KeysURL == "" {
		return c.Keys, nil
	}
	now := r.Now()
	// An admin's URL may be private, a stranger's may not: what is refused to one must
	// not be refused to the other.
	get, key := r.get, "s "+c.KeysURL
	if c.Origin == OriginConfig {
		get, key = r.getConfigured, "c "+c.KeysURL
	}
	known, ok := r.fetched.get(key)
	if ok && now.Before(known.until) {
		return known.keys, known.err
	}
	done := r.fetched.flight.DoChan(key, func() (any, error) {
		set := fetchedSet{got: now, until: now.Add(keysGoodFor)}
		body, _, err := get(context.WithoutCancel(ctx), c.KeysURL, maxKeySet)
		if err == nil {
			set.keys, err = ParseKeys(body)
		}
		if err != nil {
			r.Logger.Info("a client's keys could not be had", "client_id", c.ID, "error", err)
			if known.err == nil && now.Before(known.got.Add(keysKept)) {
				set = known
			} else {
				set = fetchedSet{err: fmt.Errorf("the client's keys could not be had: %w", err)}
			}
			set.until = now.Add(keysAskAgain)
		}
		if !errors.Is(set.err, store.ErrUnavailable) { // that was not asked at all
			r.fetched.put(key, set)
		}
		return set, nil
	})
	select {
	case <-ctx.Done():
		return KeySet{}, ctx.Err()
	case res := <-done:
		set := res.Val.(fetchedSet)
		return set.keys, set.err
	}
}

// AddSecret adds a secret that somebody else chose: one that can be guessed is
// refused.
func (c *Client) AddSecret(secret string) error {
	if len(secret) < 16 || len(secret) > 512 {
		return invalid("a client's secret has 16 to 512 characters: 'toolvault client secret' makes one")
	}
	c.Secrets = append(c.Secrets, sha256.Sum256([]byte(secret)))
	return nil
}

// AgentGrants are those of a program that is an agent.
func AgentGrants() []string { return []string{GrantOwn, GrantExchange, GrantAssertion} }

func hashedID(id string) string {
	sum := sha256.Sum256([]byte(id))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
