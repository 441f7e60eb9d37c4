// Package server is the authorization server: who may get an access token, and how
// (OAuth 2.1; MCP specification, "Authorization").
//
// The protocol's parsing and routing are a library's (zitadel/oidc, op.Server); what
// it leaves open or does otherwise than MCP asks is closed here and named where it
// is done. What is ours: who is asked and what they see, what a token allows, and
// that codes and refresh tokens are taken once, whichever replica is asked.
//
// It defends against: a code or a token in the wrong hands (PKCE S256 always, exact
// redirect URIs, issuer in every answer, binding to client, resource and key),
// replay (each code and refresh token once, by compare-and-swap; a replayed one ends
// all that came from it), theft of the store (codes and refresh tokens are hashes
// there, in sealed records), consent that nobody gave (a page of ours between
// sign-in and code, for each client and agent; auth/page against forgery), and input
// that is huge, repeated or malformed.
package server

import (
	"context"
	"embed"
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"toolvault/auth"
	"toolvault/auth/client"
	"toolvault/auth/issuer"
	"toolvault/auth/page"
	"toolvault/auth/people"
	"toolvault/auth/scope"
	"toolvault/vault/store"
)

// The paths of the server.
const (
	AuthorizePath  = "/oauth/authorize"
	ConsentPath    = "/oauth/consent" // the page where a person agrees
	TokenPath      = "/oauth/token"
	IntrospectPath = "/oauth/introspect"
	RevokePath     = "/oauth/revoke"
	DeviceAuthPath = "/oauth/device_authorization"
	DevicePath     = "/oauth/device" // the page where a person enters a code
	RegisterPath   = "/oauth/register"
	KeysPath       = "/oauth/jwks"

	metadataPath   = "/.well-known/oauth-authorization-server" // RFC 8414 section 3
	openIDPath     = "/.well-known/openid-configuration"       // OpenID Connect Discovery 1.0 section 4
	ResourcePath   = "/mcp"                                    // of PublicURL: where agents' tokens are for
	AdminPath      = "/v1/admin"                               // of PublicURL: where administrators' tokens are for
	DefaultTTL     = 15 * time.Minute
	DefaultRefresh = 30 * 24 * time.Hour
)

// Sealer seals what the store keeps. Name and version are bound into the result.
type Sealer interface {
	Seal(plaintext []byte, name string, version int64) ([]byte, error)
	Open(sealed []byte, name string, version int64) ([]byte, error)
}

// Clients are those who may ask (client.Registry).
type Clients interface {
	Find(ctx context.Context, id string) (client.Client, error)
	Keys(ctx context.Context, c client.Client) (jose.JSONWebKeySet, error)
	// MarkUsed keeps a client that registered itself from being removed as unused.
	MarkUsed(ctx context.Context, id string) error
}

// People tells who sits before a browser, and who is still here (people.People).
type People interface {
	Visitor(r *http.Request) (people.Person, bool)
	SignInURL(returnTo string) string
	Get(ctx context.Context, name string) (people.Person, error)
}

// Prover checks proofs of possession (dpop.Verifier).
type Prover interface {
	auth.Prover
	Nonce() string
}

// Issuers are other people's issuers (issuer.Set).
type Issuers interface {
	Workload(ctx context.Context, token string) (issuer.Match, error)
	Assertion(ctx context.Context, token string) (issuer.Assertion, error)
}

// Rights are what people and agents may have, by the config in force.
type Rights interface {
	// Agents are those as which a person may let clients act, sorted.
	Agents(p people.Person) []string
	// Admin are the scopes that a person has as an administrator.
	Admin(p people.Person) []string
	// Grants is all that an agent can do for a user ("": for itself).
	Grants(agent, user string) (scope.Grants, error)
	// Delegates reports whether an agent may pass its right on to another.
	Delegates(from, to string) bool
}

// What an Event tells of.
const (
	Issued    = "issued"    // a token
	Refreshed = "refreshed" // a token, by a refresh token
	Refused   = "refused"   // a request for a token, or for consent
	Replayed  = "replayed"  // a code, refresh token or assertion that was used before
	Revoked   = "revoked"
	Consented = "consented" // a person agreed
	Denied    = "denied"    // a person did not
)

// Event is something that belongs in the audit log. It holds no token and no code.
type Event struct {
	Kind    string
	Grant   string // of the request: "authorization_code", …; "" if there is none
	Client  string // its id
	Agent   string
	Chain   []string
	User    string // for whom, or who agreed
	Admin   string // the administrator, of a token of theirs
	Task    string
	TokenID string
	Scope   string
	Address string // of the requester, without its port
	Issuer  string // of a token or assertion that was exchanged
	Reason  string // one sentence
}

// Options is what a Server is made of. Issuers, Register, Title, Logger and Observe
// may be nil.
type Options struct {
	Store    store.Store
	Sealer   Sealer
	Tokens   *auth.Tokens
	Agents   *auth.Agents
	Catalogs scope.Catalogs
	Clients  Clients
	People   People
	Prover   Prover
	Issuers  Issuers
	Rights   Rights
	Register http.Handler // of RegisterPath; nil: clients cannot register themselves
	Metadata bool         // clients may be URLs that describe them

	PublicURL   string        // the issuer, without a slash at the end
	TTL         time.Duration // of access tokens; 0: DefaultTTL
	RefreshTTL  time.Duration // in which a refresh token has to be used; 0: DefaultRefresh
	RequireDPoP bool          // no token without a key

	Title  func(service string) string // for people; nil: its name
	Now    func() time.Time
	Logger *slog.Logger
	// Observe records an event and returns when that is durable. Nothing is issued
	// that cannot be recorded.
	Observe func(context.Context, Event) error
}

// Server is safe for concurrent use; several processes may share a store.
type Server struct {
	Options
	public  *url.URL
	pages   *page.Set
	secret  []byte // of refresh tokens: see refresh.go
	handler http.Handler
}

//go:embed templates/*.html
var templates embed.FS

// New makes a Server.
func New(ctx context.Context, o Options) (*Server, error) {
	if o.Store == nil || o.Sealer == nil || o.Tokens == nil || o.Agents == nil || o.Clients == nil || o.People == nil || o.Prover == nil || o.Rights == nil || o.Now == nil {
		return nil, errors.New("the authorization server needs a store, a sealer, tokens, agents, clients, people, a prover, rights and a clock")
	}
	if o.TTL == 0 {
		o.TTL = DefaultTTL
	}
	if o.RefreshTTL == 0 {
		o.RefreshTTL = DefaultRefresh
	}
	if o.Title == nil {
		o.Title = func(service string) string { return service }
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Observe == nil {
		o.Observe = func(context.Context, Event) error { return nil }
	}
	o.PublicURL = strings.TrimSuffix(o.PublicURL, "/")
	public, err := url.Parse(o.PublicURL)
	if err != nil || public.Scheme != "http" && public.Scheme != "https" || public.Host == "" {
		return nil, errors.New("the authorization server needs a public URL: http or https, and a host")
	}
	own, err := fs.Sub(templates, "templates")
	if err != nil {
		return nil, err
	}
	s := &Server{Options: o, public: public}
	if s.pages, err = page.New(own, o.PublicURL); err != nil {
		return nil, err
	}
	if s.secret, err = s.sharedSecret(ctx); err != nil {
		return nil, err
	}
	s.handler = s.routes()
	return s, nil
}

// Handler answers all paths of the server, those of the well-known documents among
// them. The server before it has to check the Host of requests and to bound their
// time.
func (s *Server) Handler() http.Handler { return s.handler }

// Paths are what Handler answers, for a mux.
func (s *Server) Paths() []string {
	below := strings.TrimRight(s.public.Path, "/")
	paths := []string{metadataPath, openIDPath, "/oauth/"}
	if below != "" {
		paths = append(paths, metadataPath+below, openIDPath+below, below+openIDPath)
	}
	return paths
}

func (s *Server) resource() string { return s.PublicURL + ResourcePath }
func (s *Server) admin() string    { return s.PublicURL + AdminPath }
