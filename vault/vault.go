// Package vault answers "with what do we call?": it holds credentials sealed,
// opens one for one request, and keeps OAuth tokens fresh.
package vault

import (
	"errors"
	"net/http"
	"time"

	"toolvault/auth/scope"
)

// Credential types, as in the config file. kinds.go says what each is.
const (
	TypeAPIKey            = "api_key"
	TypeServiceToken      = "service_token"
	TypeOAuthToken        = "oauth_token"
	TypeClientCredentials = "client_credentials"
	TypeJWTBearer         = "jwt_bearer"
	TypeIDJAG             = "id_jag"
	TypeSignedRequest     = "signed_request"
	TypeMTLS              = "mtls"
	TypeSession           = "session"
	TypeBasic             = "basic"
	TypeWriteKey          = "write_key"
	TypeProfileToken      = "profile_token"
)

// Owner is whose credential it is: an agent, or an agent acting for a user.
type Owner struct{ Agent, User string }

// Scheme is how a service wants a credential presented: in a header, in the
// query, or as the user name of HTTP Basic.
type Scheme struct {
	Header string // "Authorization", "Api-Key", "X-Api-Key"
	Prefix string // what stands before the secret in the header: "Bearer " or ""
	Query  string // instead of a header: the name of a query parameter
	Basic  bool   // instead of both: user name of Basic, with an empty password (RFC 7617)

	Login *Login // of a session: how one begins

	// Of such a credential at this service: the keys that it has in the config beside
	// those of its type, and the scopes of the service's catalogue that it can grant
	// at most; nil: all.
	Params []Param
	Scopes []string

	// Check returns what is wrong with a secret of the type at this service, or nil: it
	// is then never used. The error never holds the secret.
	Check func(secret Secret) error
}

// Bearer is RFC 6750: Authorization: Bearer SECRET.
var Bearer = Scheme{Header: "Authorization", Prefix: "Bearer "}

// Login is how a service trades a name and a password for a session token.
type Login struct {
	Path           string        // below the service's base URL: "/api/session"
	Name, Password string        // the fields of the JSON body that is posted
	Token          string        // the field of the JSON answer that holds the token
	Life           time.Duration // how long a session lasts, unless the service ends it
}

// Provider is a service's OAuth authorization server.
type Provider struct {
	Issuer                       string // where discovery begins (RFC 8414); "" where the URLs are known
	AuthURL, TokenURL, RevokeURL string
	Scopes                       []string          // asked for at every consent, besides what the tools need
	ScopeSeparator               string            // " " or ","; "" means a space
	ClientAuth                   ClientAuth        // how the app proves who it is
	PKCE                         bool              // the provider's page takes a code challenge (RFC 7636)
	AuthParams                   map[string]string // further parameters of the authorization request: access_type=offline
	UserScopeParam               string            // "user_scope" where user and bot scopes are asked for apart, as at Slack
	Incremental                  bool              // a later consent may ask for the difference alone
	AnnouncesIssuer              bool              // its answers name it (RFC 9207)
	BearerRevoke                 bool              // RevokeURL takes the token itself as bearer, as at Slack, not RFC 7009
	ScopeNames                   map[string]string // what it calls a scope of our catalogue, where that differs
	UserScopes                   []string          // scopes that only a token of a user can have, with UserScopeParam
	Optional                     []string          // scopes that not every account has: asked for under OptionalScopeParam
	OptionalScopeParam           string            // "optional_scope", as at HubSpot; "": everything is asked for alike
	Audience                     string            // of assertions that are traded for a token (RFC 7523 section 3); "": the token endpoint
	Narrow                       string            // NarrowByRefresh, NarrowByExchange, or "": a token cannot be narrowed
	Ends                         string            // why refresh tokens end there, for whoever has to consent again: "7 days after consent to an app in testing"
	Concurrency                  int               // token requests at the same time from one process; 0 means 8
}

// ClientAuth is how an OAuth client proves who it is at a token endpoint (RFC
// 6749 section 2.3.1).
type ClientAuth string

// Ways of client authentication.
const (
	ClientBasic ClientAuth = ""     // HTTP Basic, a form
	ClientBody  ClientAuth = "body" // id and secret as form fields
	ClientJSON  ClientAuth = "json" // HTTP Basic, and a JSON object instead of a form, as at Notion
)

// Declaration says that an owner has a credential for a service. It comes from
// the config file (or the sandbox) and holds no secret, only where it is.
type Declaration struct {
	ID      string // e.g. "slack/support-agent-1"; the same in the audit log
	Owner   Owner
	Service string
	Type    string // TypeAPIKey, …
	Source  string // "env:NAME", "file:PATH", "vault:NAME", "exec:PROGRAM ARGUMENT…"
	Scope   scope.Set
	Account string            // which of the owner's accounts of the service; "" where there is one
	BaseURL string            // where the service is for this credential, as an admin says; "": where it is for all
	Broker  bool              // may be released to the agent itself
	Params  map[string]string // what there is besides the secret, by config key: "username", "token_url"
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
	Account string    // whose it is, as the service says; "" where that is not known
	// Instance is where the token endpoint says that the service is for this token,
	// as Salesforce does: "https://acme.my.salesforce.com". It has the form of a base
	// URL and is otherwise not vetted; "" where nothing is said.
	Instance string
	Former   bool // it is the key before a rotated one: the service has refused the new one
	Authorizer

	decl      Declaration
	presented Secret // what goes onto requests
	further   []headed
	suspect   bool    // its service had refused it
	target    *target // how a token that was obtained is replaced; nil: it was not
	secrets   []Secret
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
	// ErrRefused is wrapped beside ErrInvalid where the service has refused what there
	// is, and nothing newer can be had.
	ErrRefused = errors.New("the service has refused it")
	// ErrUnavailable: the service's authorization server cannot be reached.
	ErrUnavailable = errors.New("the authorization server cannot be reached")
)
