package client

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"slices"
)

// Digest is what a person agrees to when they let the client act: its id, its name,
// where it comes from, and where answers are sent, in any order. Whoever agreed to
// another digest is asked again. It has 43 characters of base64url.
func (c Client) Digest() string {
	text, _ := json.Marshal(append([]string{c.ID, c.Name, c.Origin}, slices.Sorted(slices.Values(c.Redirects))...)) // strings always can be
	sum := sha256.Sum256(text)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
