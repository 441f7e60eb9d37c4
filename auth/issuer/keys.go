package issuer

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/json"
	"fmt"

	"github.com/go-jose/go-jose/v4"
	"github.com/spiffe/go-spiffe/v2/bundle/jwtbundle"
)

// Bounds of a JWKS.
const (
	maxDocument = 1 << 20 // bytes
	maxKeys     = 100
	minRSA      = 2048 // bits (RFC 7518 section 3.3)
	maxRSA      = 8192 // more would cost us too much
)

// keyset are the public keys of an issuer that can sign.
type keyset struct {
	keys   []jose.JSONWebKey
	bundle *jwtbundle.Bundle // of a SPIFFE trust domain
}

// parseKeys reads a JWKS. Keys that cannot be used are left out (RFC 7517 section
// 5): those of an unknown kind, for encryption, too weak or too large, with a
// private part, or secret. A document without any that can be is an error.
func parseKeys(body []byte, from sourceKey) (*keyset, error) {
	var doc struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(body, &doc); err != nil || doc.Keys == nil {
		return nil, fmt.Errorf("it gives no JSON Web Key Set (RFC 7517 section 5)")
	}
	if len(doc.Keys) > maxKeys {
		return nil, fmt.Errorf("it gives %d keys, and %d are the most", len(doc.Keys), maxKeys)
	}
	set := &keyset{}
	authorities := map[string]crypto.PublicKey{}
	for _, raw := range doc.Keys {
		var key jose.JSONWebKey
		if err := key.UnmarshalJSON(raw); err != nil || !usable(key) {
			continue
		}
		switch key.Use {
		case "", "sig":
		case "jwt-svid": // SPIFFE Trust Domain and Bundle section 4.2.2
			if !from.spiffe {
				continue
			}
		default:
			continue
		}
		if from.spiffe {
			if key.KeyID == "" || authorities[key.KeyID] != nil {
				continue
			}
			authorities[key.KeyID] = key.Key
		}
		set.keys = append(set.keys, key)
	}
	if len(set.keys) == 0 {
		return nil, fmt.Errorf("none of the %d keys that it gives can be used: public RSA keys of %d to %d bits, P-256, P-384, P-521 or Ed25519 ones can", len(doc.Keys), minRSA, maxRSA)
	}
	if from.spiffe {
		td, err := from.trustDomain()
		if err != nil {
			return nil, err
		}
		set.bundle = jwtbundle.FromJWTAuthorities(td, authorities)
	}
	return set, nil
}

func usable(key jose.JSONWebKey) bool {
	if !key.IsPublic() || !key.Valid() || len(key.KeyID) > maxValue {
		return false
	}
	if public, ok := key.Key.(*rsa.PublicKey); ok {
		bits := public.N.BitLen()
		return bits >= minRSA && bits <= maxRSA && public.E >= 3 && public.E&1 == 1
	}
	return true
}

// find returns what can check a signature that is said to be of a kid: only keys of
// the algorithm's own kind (RFC 8725 section 3.1). Without a kid there must be only
// one.
func (k *keyset) find(kid string, alg jose.SignatureAlgorithm) []any {
	var found []any
	for i := range k.keys {
		key := &k.keys[i]
		if (kid == "" || key.KeyID == kid) && (key.Algorithm == "" || key.Algorithm == string(alg)) && suits(key.Key, alg) {
			found = append(found, key.Key)
		}
	}
	if kid == "" && len(found) > 1 {
		return nil
	}
	return found
}

// suits reports whether a key is of the kind that an algorithm has (RFC 7518
// section 3.1, RFC 8037 section 3.1).
func suits(key any, alg jose.SignatureAlgorithm) bool {
	switch key := key.(type) {
	case *rsa.PublicKey:
		switch alg {
		case jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512:
			return true
		}
	case *ecdsa.PublicKey:
		switch alg {
		case jose.ES256:
			return key.Curve == elliptic.P256()
		case jose.ES384:
			return key.Curve == elliptic.P384()
		case jose.ES512:
			return key.Curve == elliptic.P521()
		}
	case ed25519.PublicKey:
		return alg == jose.EdDSA
	}
	return false
}
