// Package vault answers "with what do we call?": it holds credentials sealed,
// opens one for one request, and keeps OAuth tokens fresh.
package vault

import (
	"errors"
	"net/http"
	"time"

	"toolvault/auth/scope"
)

// Credential types, as in the config file.
const (
	TypeAPIKey       = "api_key"
	TypeServiceToken = "service_token"
	TypeOAuthToken   = "oauth_token"
)

// Owner is whose credential it is: an agent, or an agent acting for a user.
type Owner struct{ Agent, User string }

// Scheme is how a service wants a credential presented: a header and what
// stands before the secret in it.
type Scheme struct {
	Header string // "Authorization", "Api-Key", "X-Api-Key"
	Prefix string // "Bearer " or ""
}

// Bearer is RFC 6750: Authorization: Bearer SECRET.
var Bearer = Scheme{Header: "Authorization", Prefix: "Bearer "}

// Provider is a service's OAuth authorization server.
type Provider struct {
	AuthURL, TokenURL, RevokeURL string
	ScopeSeparator               string // " " or ","; "" means a space
	ClientAuthInBody             bool   // client id and secret as form fields, not Basic
	PKCE                         bool
}

// Declaration says that an owner has a credential for a service. It comes from
// the config file (or the sandbox) and holds no secret, only where it is.
type Declaration struct {
	ID      string // e.g. "slack/support-agent-1"; the same in the audit log
	Owner   Owner
	Service string
	Type    string // TypeAPIKey, …
	Source  string // "env:NAME", "file:PATH", "vault:NAME"
	Scope   scope.Set
}

// Authorizer puts a credential on a request.
type Authorizer interface {
	Authorize(*http.Request) error
}

// Credential is a credential ready for use in one call. Its secret is reached
// only through Authorize and Secrets.
type Credential struct {
	ID      string
	Version int64
	Type    string
	Scope   scope.Set
	Expires time.Time // of an access token; zero: unknown or never
	Authorizer

	decl    Declaration
	secrets []Secret
}

// Secrets are all values that must not be seen in anything that leaves the
// process: for the redaction of the call that uses the credential.
func (c *Credential) Secrets() []Secret { return c.secrets }

// Why a credential cannot be had. Each error that Resolve and Renew return wraps
// one of these, or store.ErrUnavailable where the store cannot be reached, or the
// error of the context. Its text says what is wrong and what to do; whose
// credential it is the caller knows.
var (
	// ErrNotDeclared: the owner has no credential for the service.
	ErrNotDeclared = errors.New("no credential is registered")
	// ErrScope: there is one, and it does not grant what the call needs.
	ErrScope = errors.New("the credential does not grant the scope")
	// ErrNeedsConsent: a person has to consent (again).
	ErrNeedsConsent = errors.New("a person has to consent first")
	// ErrInvalid: the secret is missing, malformed, or refused by the service.
	ErrInvalid = errors.New("the credential cannot be used")
	// ErrUnavailable: the service's authorization server cannot be reached.
	ErrUnavailable = errors.New("the authorization server cannot be reached")
)
