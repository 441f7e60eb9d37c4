package auth

import (
	"time"

	"toolvault/auth/scope"
)

// Identity is who is calling, as proved by a bearer token or, on stdio, by the
// process that the client started.
type Identity struct {
	Agent   string       // e.g. "support-agent-1"
	User    string       // the person it acts for; may be empty
	Task    string       // the task that the token was minted for; may be empty
	Client  string       // OAuth client id, where there is one
	TokenID string       // jti; empty on stdio
	Grants  scope.Grants // what the token allows, before credential and policy
	Expires time.Time    // zero on stdio
}
