package server

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"

	"toolvault/vault/store"
)

// All that the server keeps lies sealed under these prefixes.
const (
	secretKey    = "oauth/secret"
	codePrefix   = "oauth/code/"   // and the hash of a code
	familyPrefix = "oauth/family/" // and the id of a consent
	devicePrefix = "oauth/device/" // and the hash of a device code
	userPrefix   = "oauth/user-code/"
	oncePrefix   = "oauth/once/" // and the hash of what may be used once
)

// get reads and opens a record. The error wraps store.ErrNotFound where there is
// none; the version is then the one that a new one would go on from.
func (s *Server) get(ctx context.Context, key string, value any) (int64, error) {
	item, err := s.Store.Get(ctx, key)
	if err != nil {
		return item.Version, err
	}
	plain, err := s.Sealer.Open(item.Value, item.Key, item.Version)
	if err != nil {
		return 0, fmt.Errorf("the record %s cannot be opened with this master key: %w", prefixOf(key), err)
	}
	defer clear(plain)
	if err := json.Unmarshal(plain, value); err != nil {
		return 0, fmt.Errorf("the record %s is not one: %w", prefixOf(key), err)
	}
	return item.Version, nil
}

// put seals and writes a record as the version that is given.
func (s *Server) put(ctx context.Context, key string, version int64, value any) error {
	plain, err := json.Marshal(value)
	if err != nil {
		return err
	}
	defer clear(plain)
	sealed, err := s.Sealer.Seal(plain, key, version)
	if err != nil {
		return err
	}
	return s.Store.Put(ctx, store.Item{Key: key, Version: version, Value: sealed}, nil)
}

// prefixOf is a key without what is hashed into it, for errors.
func prefixOf(key string) string {
	for _, p := range []string{codePrefix, familyPrefix, devicePrefix, userPrefix, oncePrefix} {
		if len(key) > len(p) && key[:len(p)] == p {
			return p
		}
	}
	return key
}

// hashed is how a code or token is known to the store.
func hashed(value string) string {
	sum := sha256.Sum256([]byte(value))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// random is a value that nobody can guess, of n bytes.
func random(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails: crypto/rand ends the program first
	return base64.RawURLEncoding.EncodeToString(b)
}

// sharedSecret is 32 bytes that all processes on the store have, and nobody else.
// Of several that start at once, one makes it.
func (s *Server) sharedSecret(ctx context.Context) ([]byte, error) {
	for {
		var secret []byte
		version, err := s.get(ctx, secretKey, &secret)
		switch {
		case err == nil && len(secret) == 32:
			return secret, nil
		case err == nil:
			return nil, errors.New("the secret of refresh tokens is not one: restore the store")
		case !errors.Is(err, store.ErrNotFound):
			return nil, fmt.Errorf("the secret of refresh tokens could not be read: %w", err)
		}
		secret = make([]byte, 32)
		_, _ = rand.Read(secret)
		if err := s.put(ctx, secretKey, version+1, secret); err != nil && !errors.Is(err, store.ErrConflict) {
			return nil, fmt.Errorf("the secret of refresh tokens could not be stored: %w", err)
		}
	}
}
