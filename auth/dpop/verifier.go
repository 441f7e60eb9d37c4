package dpop

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"log/slog"
	"time"

	"toolvault/vault/store"
)

const (
	maxJTI = 256             // bytes
	window = 5 * time.Minute // by which an iat may differ from our clock
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
	Now    func() time.Time // the clocks of all who share the store agree within 5 minutes
	Logger *slog.Logger
	// RequireNonce refuses a proof that does not carry a nonce of ours: one made in
	// advance is then of no use (RFC 9449 section 11.2).
	RequireNonce bool
}

// Verifier checks proofs and gives nonces. It is safe for concurrent use, and
// several processes may share a store: of all of them, one takes a proof, and each
// takes the nonces of the others.
type Verifier struct {
	Options
	keys   keys
	seen   seen
	nonces nonces
}

// New makes a Verifier, and the secret of the nonces if the store has none yet: of
// several processes that start at once, one does. Run has to run beside it.
func New(ctx context.Context, o Options) (*Verifier, error) {
	if o.Store == nil || o.Sealer == nil || o.Now == nil {
		return nil, errors.New("proofs of possession need a store, a sealer and a clock")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	v := &Verifier{Options: o, keys: keys{byHash: map[[sha256.Size]byte]proofKey{}}}
	if err := v.renew(ctx); err != nil {
		return nil, err
	}
	return v, nil
}

// Check is auth.Prover: the list of RFC 9449 section 4.3, for proofs as they stood
// in the request's headers, its method, its URL as its sender sees it, and the
// token that came with it ("": none, as at the token endpoint; an ath is then not
// looked at). It returns the RFC 7638 thumbprint of the key, 43 characters of
// base64url; that the token is bound to that key is for the caller to see to.
//
// A proof is taken once. An *Error says why one is not; any other error is of the
// store (it wraps store.ErrUnavailable where that is away) or of ctx, and then it
// is not taken either.
func (v *Verifier) Check(ctx context.Context, proofs []string, method, url, token string) (string, error) {
	if len(proofs) != 1 {
		return "", bad("exactly one proof is sent, in one header DPoP")
	}
	key, c, err := v.open(proofs[0])
	if err != nil {
		return "", err
	}
	switch {
	case c.ID == "" || len(c.ID) > maxJTI:
		return "", bad("the proof has no jti, or too long a one")
	case c.Method != method:
		return "", bad("the proof is for another method (htm)")
	case !sameURL(c.URL, url):
		return "", bad("the proof is for another URL (htu)")
	case c.IssuedAt == nil || *c.IssuedAt < 0 || *c.IssuedAt > 1<<40:
		return "", bad("the proof has no iat")
	case token != "" && !tokenIs(c.Token, token):
		return "", bad("the proof is for another token (ath)")
	}
	if !v.nonceIsGood(ctx, c.Nonce) {
		return "", &Error{Code: UseNonce, Reason: "the proof has to carry the nonce that is given", Nonce: v.Nonce()}
	}
	issued := time.Unix(int64(*c.IssuedAt), 0)
	if age := v.Now().Sub(issued); age > window || age < -window {
		return "", bad("the proof is too old, or from the future (iat)")
	}
	first, err := v.once(ctx, key.thumbprint, c.ID, issued)
	switch {
	case err != nil:
		return "", err
	case !first:
		return "", bad("the proof was used before (jti)")
	}
	return key.thumbprint, nil
}

func bad(reason string) error { return &Error{Code: InvalidProof, Reason: reason} }

// tokenIs compares ath with the hash of a token.
func tokenIs(ath, token string) bool {
	sum := sha256.Sum256([]byte(token))
	return subtle.ConstantTimeCompare([]byte(ath), []byte(base64.RawURLEncoding.EncodeToString(sum[:]))) == 1
}
