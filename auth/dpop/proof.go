package dpop

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strings"
	"sync"

	"github.com/go-jose/go-jose/v4"
	// It tells "htu" from "HTU" and takes no name twice, as the library does that
	// verifies the signature: both have to read the same.
	"github.com/go-jose/go-jose/v4/json"
)

const (
	maxProof = 8 << 10 // bytes of a proof
	minRSA   = 2048    // bits of a key
	maxKeys  = 1024    // keys that are remembered
)

// header is what a proof says of itself (RFC 9449 section 4.2).
type header struct {
	Type      string          `json:"typ"`
	Algorithm string          `json:"alg"`
	Key       json.RawMessage `json:"jwk"`
	Critical  json.RawMessage `json:"crit"`
	B64       json.RawMessage `json:"b64"` // RFC 7797: it changes what is signed
}

// claims is what a proof says of its request (RFC 9449 section 4.2).
type claims struct {
	ID       string   `json:"jti"`
	Method   string   `json:"htm"`
	URL      string   `json:"htu"`
	IssuedAt *float64 `json:"iat"`
	Token    string   `json:"ath"`
	Nonce    string   `json:"nonce"`
}

// proofKey is a public key of somebody's that was found good.
type proofKey struct {
	key        any
	thumbprint string // RFC 7638, SHA-256
}

// keys are those that were found good lately. A key says nothing of who may do
// what, so that to remember it can let nobody in.
type keys struct {
	mu     sync.Mutex
	byHash map[[sha256.Size]byte]proofKey // of the JWK as it was sent
}

// open verifies the signature with the key that the proof brings along: that
// proves no more than that whoever made it has the private one.
func (v *Verifier) open(proof string) (proofKey, claims, error) {
	if len(proof) > maxProof {
		return proofKey{}, claims{}, bad("the proof is too long")
	}
	segment, rest, _ := strings.Cut(proof, ".")
	var h header
	raw, err := base64.RawURLEncoding.DecodeString(segment)
	if err != nil || strings.Count(rest, ".") != 1 || strings.ContainsAny(proof, " \t\r\n") || json.Unmarshal(raw, &h) != nil {
		return proofKey{}, claims{}, bad("the proof is not a JWT")
	}
	switch {
	case h.Type != "dpop+jwt":
		return proofKey{}, claims{}, bad("the proof is not of the type dpop+jwt")
	case !slices.Contains(Algorithms(), h.Algorithm):
		return proofKey{}, claims{}, bad("the proof is signed with an algorithm that is not taken")
	case h.Critical != nil || h.B64 != nil:
		return proofKey{}, claims{}, bad("the proof has an extension that is not known")
	}
	key, err := v.keys.find(h.Key)
	if err != nil {
		return proofKey{}, claims{}, err
	}
	signed, err := jose.ParseSignedCompact(proof, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(h.Algorithm)})
	if err != nil {
		return proofKey{}, claims{}, bad("the proof is not a JWT")
	}
	payload, err := signed.Verify(key.key) // which also holds the algorithm against the kind and the curve of the key
	if err != nil {
		return proofKey{}, claims{}, bad("the proof's signature does not fit its key")
	}
	var c claims
	if err := json.Unmarshal(payload, &c); err != nil {
		return proofKey{}, claims{}, bad("the proof's claims are not a JSON object of the right types")
	}
	return key, c, nil
}

// find is the public key that a JWK is.
func (k *keys) find(raw json.RawMessage) (proofKey, error) {
	sum := sha256.Sum256(raw)
	k.mu.Lock()
	known, ok := k.byHash[sum]
	k.mu.Unlock()
	if ok {
		return known, nil
	}
	found, err := parseKey(raw)
	if err != nil {
		return proofKey{}, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.byHash) >= maxKeys {
		clear(k.byHash) // whoever is still here is found again
	}
	k.byHash[sum] = found
	return found, nil
}

// parseKey takes public keys only. The library refuses points that are not on
// their curve, and RSA keys of more than 4096 bits.
func parseKey(raw json.RawMessage) (proofKey, error) {
	var k jose.JSONWebKey
	if err := k.UnmarshalJSON(raw); err != nil || !k.Valid() || !k.IsPublic() {
		return proofKey{}, bad("the proof's jwk is not a public key")
	}
	switch key := k.Key.(type) {
	case *ecdsa.PublicKey, ed25519.PublicKey:
	case *rsa.PublicKey:
		if key.N.BitLen() < minRSA {
			return proofKey{}, bad("the proof's RSA key has less than 2048 bits")
		}
	default:
		return proofKey{}, bad("the proof's jwk is of a kind that is not taken")
	}
	sum, err := k.Thumbprint(crypto.SHA256)
	if err != nil {
		return proofKey{}, bad("the proof's jwk is not a public key")
	}
	return proofKey{k.Key, base64.RawURLEncoding.EncodeToString(sum)}, nil
}
