// Package login is sign-in through a company's own OpenID provider, and the logout
// that the provider tells of. It is the provider's client (OpenID Connect Core 1.0,
// authorization code flow); who comes back is handed to auth/people.
//
// It defends against: an answer that nobody asked for, that was asked for in another
// browser, or that comes twice (state: 256 random bits, hashed in the store, bound to
// a cookie, used once within ten minutes), a stolen code (PKCE S256), an ID token of
// another sign-in (nonce), issuer or client, an answer of another provider (RFC 9207),
// open redirects (auth/page), a fixed session (it begins after the answer), and a
// provider that is away or turns bad: nobody is signed in, and nothing that it sends
// is shown unescaped or read without a bound. A stranger who begins sign-ins, or sends
// answers and logouts that are none, fills neither the store nor the audit log, and does not
// make us ask the provider more than once in two seconds.
package login

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/sync/singleflight"

	"toolvault/auth/page"
	"toolvault/auth/people"
	"toolvault/vault"
	"toolvault/vault/store"
)

// The paths of the package.
const (
	Path         = "/signin/company"          // where a browser begins; takes ?return=, a path of this server
	CallbackPath = "/signin/company/callback" // where the provider sends it back to
	LogoutPath   = "/signin/company/logout"   // where the provider tells of a logout
)

// Provider is the company's OpenID provider.
type Provider struct {
	Issuer       string
	ClientID     string
	ClientSecret vault.Secret // zero: a public client
	Scopes       []string     // nil: openid profile email
	NameClaim    string       // "": email, else preferred_username
	GroupsClaim  string       // "": groups
}

// People are those who sign in (people.People).
type People interface {
	EnterExternal(http.ResponseWriter, *http.Request, people.External) error
	EndExternal(ctx context.Context, issuer, subject, session string) (persons []string, err error)
	SignInURL(returnTo string) string
}

// Sealer seals what the store keeps. Name and version are bound into the result.
type Sealer interface {
	Seal(plaintext []byte, name string, version int64) ([]byte, error)
	Open(sealed []byte, name string, version int64) ([]byte, error)
}

// What an Event tells of. Who signed in or out, auth/people tells.
const (
	Failed  = "failed"  // the provider, or what it sent, was at fault
	Refused = "refused" // an answer or a logout that was not believed
)

// Event is something that belongs in the audit log.
type Event struct {
	Kind    string
	Address string // of the requester, without its port
	Reason  string // one sentence
}

// Options is what a Login is made of. HTTP, Logger, Observe and Ended may be nil.
type Options struct {
	Provider  Provider
	Store     store.Store
	Sealer    Sealer
	People    People
	Now       func() time.Time
	PublicURL string // how browsers reach the server, without a slash at the end
	HTTP      *http.Client
	Logger    *slog.Logger
	Observe   func(context.Context, Event) error
	// Ended voids the tokens of people whom the provider has signed out, durably.
	Ended func(ctx context.Context, persons []string) error
}

// Login is safe for concurrent use; several processes may share a store.
type Login struct {
	Options
	pages  *page.Set
	http   *http.Client
	told   tally
	asking singleflight.Group

	mu       sync.Mutex
	provider *described
	failed   time.Time // the last time that the provider did not describe itself
}

// New makes a Login. It asks the provider nothing: that is done when somebody comes.
func New(o Options) (*Login, error) {
	switch {
	case o.Store == nil || o.Sealer == nil || o.People == nil || o.Now == nil:
		return nil, errors.New("sign-in through a provider needs a store, a sealer, people and a clock")
	case o.Provider.Issuer == "" || o.Provider.ClientID == "":
		return nil, errors.New("sign-in through a provider needs its issuer and our client_id")
	}
	if o.HTTP == nil {
		o.HTTP = &http.Client{}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Observe == nil {
		o.Observe = func(context.Context, Event) error { return nil }
	}
	if o.Ended == nil {
		o.Ended = func(context.Context, []string) error { return nil }
	}
	if o.Provider.Scopes == nil {
		o.Provider.Scopes = []string{oidc.ScopeOpenID, "profile", "email"}
	}
	o.PublicURL = strings.TrimSuffix(o.PublicURL, "/")
	pages, err := page.New(nil, o.PublicURL)
	if err != nil {
		return nil, err
	}
	outgoing := *o.HTTP
	if outgoing.Transport == nil {
		outgoing.Transport = http.DefaultTransport
	}
	outgoing.Timeout, outgoing.Transport = timeout, &limited{next: outgoing.Transport, now: o.Now}
	outgoing.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Login{Options: o, pages: pages, http: &outgoing}, nil
}

// Handler answers Path, CallbackPath and LogoutPath. The server before it has to
// check the Host of requests and to bound their time.
func (l *Login) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+Path, l.begin)
	mux.HandleFunc("GET "+CallbackPath, l.callback)
	mux.HandleFunc("POST "+LogoutPath, l.logout)
	return mux
}
