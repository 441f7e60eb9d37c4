package dpop

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"toolvault/vault/store"
)

const (
	maxProof = 8 << 10         // bytes of a proof
	maxJTI   = 256             // bytes of its jti
	window   = 5 * time.Minute // by which its iat may differ from our clock
	maxKeys  = 1024            // keys whose thumbprint is remembered
)

// Sealer seals what the store keeps. Name and version are bound into the result.
type Sealer interface {
	Seal(plaintext []byte, name string, version int64) ([]byte, error)
	Open(sealed []byte, name string, version int64) ([]byte, error)
}

// Options is what a Verifier is made of. Logger may be nil.
type Options struct {
	Store  store.Store
	Sealer Sealer
	Now    func() time.Time
	Logger *slog.Logger
	// RequireNonce refuses a proof that does not carry a nonce of ours: one made in
	// advance is then of no use (RFC 9449 section 11.2).
	RequireNonce bool
}

// Verifier is safe for concurrent use; several processes may share a store.
type Verifier struct {
	Options
	nonces nonces
	seen   seen

	mu   sync.Mutex
	keys map[[sha256.Size]byte]proofKey // by the hash of the JWK as it was sent
}

// proofKey is a public key of somebody's that was found good.
type proofKey struct {
	key        any
	thumbprint string
}

// New makes a Verifier. Of several processes that start at once on a store, one
// makes the key of the nonces.
func New(ctx context.Context, o Options) (*Verifier, error) {
	if o.Store == nil || o.Sealer == nil || o.Now == nil {
		return nil, errors.New("proofs of possession need a store, a sealer and a clock")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	v := &Verifier{Options: o, keys: map[[sha256.Size]byte]proofKey{}}
	v.seen.until = map[[sha256.Size]byte]time.Time{}
	secret, err := sharedSecret(ctx, o)
	if err != nil {
		return nil, err
	}
	v.nonces = nonces{secret: secret, now: o.Now}
	return v, nil
}

// header is what a proof says of itself.
type header struct {
	Type      string          `json:"typ"`
	Algorithm string          `json:"alg"`
	Key       json.RawMessage `json:"jwk"`
	Critical  json.RawMessage `json:"crit"`
	B64       json.RawMessage `json:"b64"`
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

// Check is auth.Prover: the list of RFC 9449 section 4.3.
func (v *Verifier) Check(ctx context.Context, proofs []string, method, target, token string) (string, error) {
	if len(proofs) != 1 {
		return "", bad("exactly one proof is sent, in one header DPoP")
	}
	proof := proofs[0]
	if len(proof) > maxProof {
		return "", bad("the proof is too long")
	}
	key, payload, err := v.open(proof)
	if err != nil {
		return "", err
	}
	var c claims
	if err := json.Unmarshal(payload, &c); err != nil {
		return "", bad("the proof's claims are not JSON")
	}
	now := v.Now()
	switch {
	case c.ID == "" || len(c.ID) > maxJTI:
		return "", bad("the proof has no jti, or too long a one")
	case c.Method != method:
		return "", bad("the proof is for another method (htm)")
	case !sameURL(c.URL, target):
		return "", bad("the proof is for another URL (htu)")
	case c.IssuedAt == nil || *c.IssuedAt < 0 || *c.IssuedAt > 1<<40:
		return "", bad("the proof has no iat")
	case token != "" && !tokenIs(c.Token, token):
		return "", bad("the proof is for another token (ath)")
	}
	if fresh := v.nonces.stale(c.Nonce, v.RequireNonce); fresh {
		return "", &Error{Code: UseNonce, Reason: "the proof has to carry the nonce that is given", Nonce: v.Nonce()}
	}
	issued := time.Unix(int64(*c.IssuedAt), 0)
	if age := now.Sub(issued); age > window || age < -window {
		return "", bad("the proof is too old, or from the future (iat)")
	}
	first, err := v.once(ctx, key.thumbprint, c.ID, issued.Add(2*window))
	switch {
	case err != nil:
		return "", err
	case !first:
		return "", bad("the proof was used before (jti)")
	}
	return key.thumbprint, nil
}

func bad(reason string) error { return &Error{Code: InvalidProof, Reason: reason} }

// open verifies the signature with the key that the proof brings along: it proves
// nothing but that its maker has the private one.
func (v *Verifier) open(proof string) (proofKey, []byte, error) {
	segment, rest, ok := strings.Cut(proof, ".")
	raw, err := base64.RawURLEncoding.DecodeString(segment)
	var h header
	if !ok || strings.Count(rest, ".") != 1 || err != nil || json.Unmarshal(raw, &h) != nil {
		return proofKey{}, nil, bad("the proof is not a JWT")
	}
	switch {
	case h.Type != "dpop+jwt":
		return proofKey{}, nil, bad("the proof is not of the type dpop+jwt")
	case !slices.Contains(Algorithms(), h.Algorithm):
		return proofKey{}, nil, bad("the proof is signed with an algorithm that is not taken")
	case h.Critical != nil || h.B64 != nil:
		return proofKey{}, nil, bad("the proof has an extension that is not known")
	}
	key, err := v.key(h.Key)
	if err != nil {
		return proofKey{}, nil, err
	}
	signed, err := jose.ParseSignedCompact(proof, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(h.Algorithm)})
	if err != nil {
		return proofKey{}, nil, bad("the proof is not a JWT")
	}
	payload, err := signed.Verify(key.key)
	if err != nil {
		return proofKey{}, nil, bad("the proof's signature does not fit its key")
	}
	return key, payload, nil
}

// key is the public key in a proof's header.
func (v *Verifier) key(raw json.RawMessage) (proofKey, error) {
	sum := sha256.Sum256(raw)
	v.mu.Lock()
	known, ok := v.keys[sum]
	v.mu.Unlock()
	if ok {
		return known, nil
	}
	var k jose.JSONWebKey
	if err := json.Unmarshal(raw, &k); err != nil || !k.Valid() || !k.IsPublic() {
		return proofKey{}, bad("the proof's jwk is not a public key")
	}
	switch key := k.Key.(type) {
	case *ecdsa.PublicKey, ed25519.PublicKey:
	case *rsa.PublicKey:
		if key.N.BitLen() < 2048 || key.N.BitLen() > 8192 {
			return proofKey{}, bad("the proof's RSA key has to have 2048 to 8192 bits")
		}
	default:
		return proofKey{}, bad("the proof's jwk is not a public key")
	}
	thumbprint, err := k.Thumbprint(crypto.SHA256)
	if err != nil {
		return proofKey{}, bad("the proof's jwk is not a public key")
	}
	found := proofKey{k.Key, base64.RawURLEncoding.EncodeToString(thumbprint)}
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.keys) >= maxKeys {
		clear(v.keys) // whoever is still here is found again
	}
	v.keys[sum] = found
	return found, nil
}

// tokenIs compares ath with the hash of a token.
func tokenIs(ath, token string) bool {
	sum := sha256.Sum256([]byte(token))
	return subtle.ConstantTimeCompare([]byte(ath), []byte(base64.RawURLEncoding.EncodeToString(sum[:]))) == 1
}

// sameURL compares what a proof is for with where the request came, after the
// normalisation of RFC 3986 sections 6.2.2 and 6.2.3, without query and fragment.
func sameURL(a, b string) bool {
	x, ok := normal(a)
	y, fine := normal(b)
	return ok && fine && x == y
}

func normal(raw string) (string, bool) {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.User != nil || u.Opaque != "" {
		return "", false
	}
	scheme, host, port := strings.ToLower(u.Scheme), strings.ToLower(u.Hostname()), u.Port()
	switch scheme + port {
	case "http80", "https443":
		port = ""
	}
	path := u.EscapedPath()
	if path == "" {
		path = "/"
	}
	return scheme + "://" + host + ":" + port + path, true
}
