package auth

import (
	"time"

	"toolvault/auth/scope"
)

// Identity is who is calling, as proved by a bearer token or, on stdio, by the
// process that the client started.
type Identity struct {
	Agent   string // e.g. "support-agent-1"
	User    string // the person it acts for; may be empty
	Task    string // the task that the token was minted for; may be empty
	Client  string // OAuth client id, where there is one
	TokenID string // jti; empty on stdio

	// Chain are the agents that passed the right to act on, from the nearest to the
	// first (RFC 8693 section 4.1): the rules of each hold too.
	Chain []string
	// Key is the thumbprint of the key that the token is bound to (RFC 9449 section
	// 6.1); empty for one that whoever has it can use.
	Key string
	// Grant is the consent that the token comes from (Request.Grant); may be empty.
	Grant string
	// From are the tokens for which this one was exchanged, from the nearest to the
	// first (Sources).
	From []Source
	// Issuer is the authorization server of a token that is not ours.
	Issuer string

	Grants  scope.Grants // what the token allows, before credential and policy
	Expires time.Time    // zero on stdio
}
