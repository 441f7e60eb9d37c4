// Package connect is consent, once: the OAuth client's side of an authorization
// code (RFC 6749 section 4.1), with the pages that a person sees.
//
// A ticket asks one person to let one agent use one service. The link to it
// carries no authority: before anything is shown, whoever opens it proves to be
// the person who was asked, by being signed in, or by the code that a terminal
// shows to the person before it. Without that a stranger's link could make a
// victim give their account to the stranger's agent, or make an agent work in the
// stranger's account (both are phishing: MCP specification, "Security
// Considerations" of URL elicitation).
//
// Then the browser goes to the provider and comes back with a code. What binds the
// way back to the way there: a state of 256 random bits, of which only the hash is
// stored, which works once, within ten minutes, in the browser that was sent (a
// cookie), for the person who approved; PKCE (RFC 7636); and the issuer, where the
// provider names it (RFC 9207: mix-up). The grant is in the vault before a page
// says so.
//
// All of it lies sealed in the store, so that any replica can answer any step. No
// token, code or state is ever logged, shown or put into a link.
package connect

import (
	"context"
	"embed"
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"toolvault/auth/page"
	"toolvault/vault"
	"toolvault/vault/store"
)

// Where the pages are. A ticket's is Path plus its id.
const (
	Path         = "/connect/"
	CallbackPath = "/connect/callback"
)

// Vault is what consent needs of the vault.
type Vault interface {
	Declarations() []vault.Declaration
	OAuthApp(ctx context.Context, service string) (vault.App, error)
	Redeem(context.Context, vault.Code) ([]vault.Grant, error)
	Put(ctx context.Context, name string, s vault.Stored) (int64, error)
	Show(ctx context.Context, name string) (vault.Info, error)
	RevokeUpstream(ctx context.Context, service string, s vault.Stored) error
}

// People tells who sits before a browser.
type People interface {
	// Visitor is who is signed in with the browser that sent a request.
	Visitor(r *http.Request) (name string, ok bool)
	// SignInURL is where to send a browser to sign in and come back to a path.
	SignInURL(returnTo string) string
}

// Sealer seals what the store keeps. Name and version are bound into the result.
type Sealer interface {
	Seal(plaintext []byte, name string, version int64) ([]byte, error)
	Open(sealed []byte, name string, version int64) ([]byte, error)
}

// What an Event tells of.
const (
	Asked   = "asked"   // a person is asked
	Given   = "given"   // the provider has granted it
	Refused = "refused" // the person said no, or somebody else came
	Failed  = "failed"  // it went wrong
)

// Event is something that belongs in the audit log. It holds no token, code or
// state.
type Event struct {
	Kind       string
	Agent      string
	User       string // of a delegated credential
	Service    string
	Credential string // its id
	CallID     string // of the call that asked; "" for a person at a terminal
	Person     string // who is signed in; "" if nobody
	Address    string // of the browser, without its port; "" without one
	Account    string // of Given: whose it is, as the provider says
	Scopes     []string
	Missing    []string // of Given: scopes that were not granted
	Reason     string   // one sentence
}

// Options is what a Connector is made of. Logger and Observe may be nil, and
// People where nobody can sign in.
type Options struct {
	Vault     Vault
	Store     store.Store
	Sealer    Sealer
	People    People
	Now       func() time.Time
	PublicURL string // how browsers reach the server, without a slash at the end
	Local     bool   // the pages can be reached from this machine alone: links are for whoever is on it
	Logger    *slog.Logger

	// Scopes are the least permissions that a credential's declared scope stands
	// for, by the names of the service's catalogue.
	Scopes func(vault.Declaration) []string
	// Owners are the people who may connect an agent's own credentials.
	Owners func(agent string) []string
	// Title is a service's name for people; nil: its name.
	Title func(service string) string
	// Observe records an event and returns when that is durable. Nothing is stored
	// that cannot be recorded.
	Observe func(context.Context, Event) error
}

// Connector asks people for consent. It is safe for concurrent use; several
// processes may share a store.
type Connector struct {
	Options
	pages *page.Set
	quiet quiet
}

//go:embed templates/*.html
var templates embed.FS

// New makes a Connector.
func New(o Options) (*Connector, error) {
	if o.Vault == nil || o.Store == nil || o.Sealer == nil || o.Now == nil || o.Scopes == nil {
		return nil, errors.New("consent needs a vault, a store, a sealer, a clock and the scopes of credentials")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.People == nil {
		o.People = nobody{}
	}
	if o.Owners == nil {
		o.Owners = func(string) []string { return nil }
	}
	if o.Title == nil {
		o.Title = func(service string) string { return service }
	}
	if o.Observe == nil {
		o.Observe = func(context.Context, Event) error { return nil }
	}
	o.PublicURL = strings.TrimSuffix(o.PublicURL, "/")
	own, err := fs.Sub(templates, "templates")
	if err != nil {
		return nil, err
	}
	pages, err := page.New(own, o.PublicURL)
	if err != nil {
		return nil, err
	}
	return &Connector{Options: o, pages: pages}, nil
}

// nobody is People where nobody can sign in.
type nobody struct{}

func (nobody) Visitor(*http.Request) (string, bool) { return "", false }
func (nobody) SignInURL(string) string              { return "" }
