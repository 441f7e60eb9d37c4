package client

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/sync/singleflight"
)

// KeySet is a set of public keys.
type KeySet = jose.JSONWebKeySet

const (
	maxKeys      = 20
	maxKeySet    = 64 << 10 // bytes
	keysGoodFor  = 5 * time.Minute
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
		var one jose.JSONWebKey
		if err := json.Unmarshal([]byte(text), &set); err != nil {
			return KeySet{}, invalid("this is no JWK Set: it must be JSON, with nothing cut off")
		}
		if set.Keys == nil {
			if err := json.Unmarshal([]byte(text), &one); err != nil {
				return KeySet{}, invalid("this is no JWK: it must be JSON, with nothing cut off")
			}
			set.Keys = []jose.JSONWebKey{one}
		}
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

func checkKeys(set KeySet) error {
	if len(set.Keys) == 0 || len(set.Keys) > maxKeys {
		return invalid(fmt.Sprintf("there must be 1 to %d public keys, in PEM or as JWKs", maxKeys))
	}
	for _, k := range set.Keys {
		switch key := k.Key.(type) {
		case *ecdsa.PublicKey, ed25519.PublicKey:
		case *rsa.PublicKey:
			if key.N.BitLen() < 2048 || key.N.BitLen() > 8192 {
				return invalid("an RSA key has to have 2048 to 8192 bits (RFC 7518 section 3.3)")
			}
		case *ecdsa.PrivateKey, *rsa.PrivateKey, ed25519.PrivateKey:
			return invalid("this is a private key, and the server needs the public one; make a new pair, since this one has been shown")
		default:
			return invalid("a client proves itself with an RSA, ECDSA or Ed25519 key")
		}
	}
	return nil
}

// fetchedKeys are the keys of clients that say where theirs are.
type fetchedKeys struct {
	mu     sync.Mutex
	by     map[string]fetchedSet // by URL
	flight singleflight.Group
}

type fetchedSet struct {
	keys  KeySet
	err   error
	until time.Time
}

// Keys are the keys with which a client can prove itself; those that it keeps
// elsewhere are five minutes old at most.
func (r *Registry) Keys(ctx context.Context, c Client) (KeySet, error) {
	if c.KeysURL == "" {
		return c.Keys, nil
	}
	now := r.Now()
	r.fetched.mu.Lock()
	known, ok := r.fetched.by[c.KeysURL]
	r.fetched.mu.Unlock()
	if ok && now.Before(known.until) {
		return known.keys, known.err
	}
	done := r.fetched.flight.DoChan(c.KeysURL, func() (any, error) {
		set := fetchedSet{until: now.Add(keysGoodFor)}
		get := r.get
		if c.Origin == OriginConfig {
			get = r.getConfigured
		}
		body, _, err := get(context.WithoutCancel(ctx), c.KeysURL, maxKeySet)
		if err == nil {
			set.keys, err = ParseKeys(body)
		}
		if set.err = err; err != nil {
			set.until = now.Add(keysAskAgain)
		}
		r.fetched.mu.Lock()
		defer r.fetched.mu.Unlock()
		if r.fetched.by == nil || len(r.fetched.by) >= maxDocuments {
			r.fetched.by = map[string]fetchedSet{}
		}
		r.fetched.by[c.KeysURL] = set
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

// Digest is what a person agrees to when they let the client act: its id, its name
// and where the answer goes.
func (c Client) Digest() string {
	parts := append([]string{c.ID, c.Name}, slices.Sorted(slices.Values(c.Redirects))...)
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:])
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
