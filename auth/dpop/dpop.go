// Package dpop checks proofs of possession (RFC 9449): that whoever presents a
// token, or asks for one, has the private key to which it is bound.
package dpop

import "fmt"

// The codes of an Error (RFC 9449 sections 5 and 8).
const (
	InvalidProof = "invalid_dpop_proof"
	UseNonce     = "use_dpop_nonce"
)

// Error says why a proof is not taken.
type Error struct {
	Code   string // InvalidProof or UseNonce
	Reason string // one short phrase, public
	Nonce  string // the one to use, for the header DPoP-Nonce; may be empty
}

func (e *Error) Error() string {
	return fmt.Sprintf("the proof of possession is refused: %s", e.Reason)
}

// Algorithms are those with which a proof may be signed (RFC 9449 section 5.1).
func Algorithms() []string {
	return []string{"ES256", "ES384", "ES512", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512", "EdDSA"}
}
