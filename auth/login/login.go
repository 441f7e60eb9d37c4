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
// is shown unescaped or read without a bound.
package login

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

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
	pages *page.Set
	http  *http.Client

	mu       sync.Mutex
	provider *described
	asked    time.Time // the last time that the provider did not describe itself
}

// described is what the provider says of itself.
type described struct {
	*oidc.Provider
	verifier        *oidc.IDTokenVerifier
	announcesIssuer bool
	at              time.Time
}

const (
	timeout     = 10 * time.Second
	maxAnswer   = 1 << 20 // bytes that the provider may answer with
	describedIn = time.Hour
	askAgain    = 2 * time.Second
)

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
	bounded := *o.HTTP
	bounded.Timeout, bounded.Transport = timeout, limited{bounded.Transport}
	bounded.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Login{Options: o, pages: pages, http: &bounded}, nil
}

// limited bounds what an answer may hold.
type limited struct{ next http.RoundTripper }

func (l limited) RoundTrip(r *http.Request) (*http.Response, error) {
	next := l.next
	if next == nil {
		next = http.DefaultTransport
	}
	resp, err := next.RoundTrip(r)
	if err == nil {
		resp.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(resp.Body, maxAnswer), resp.Body}
	}
	return resp, err
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

// describe is what the provider says of itself, an hour old at most.
func (l *Login) describe(ctx context.Context) (*described, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.Now()
	if p := l.provider; p != nil && now.Sub(p.at) < describedIn && !now.Before(p.at) {
		return p, nil
	}
	if since := now.Sub(l.asked); since >= 0 && since < askAgain {
		return l.older()
	}
	// Not the request's context: the keys are fetched with it for as long as they
	// are used.
	background := oidc.ClientContext(context.WithoutCancel(ctx), l.http)
	provider, err := oidc.NewProvider(background, l.Provider.Issuer)
	if err != nil {
		l.asked = now
		l.Logger.Warn("the company's provider does not describe itself", "issuer", l.Provider.Issuer, "error", err)
		return l.older()
	}
	var more struct {
		AnnouncesIssuer bool     `json:"authorization_response_iss_parameter_supported"`
		Algorithms      []string `json:"id_token_signing_alg_values_supported"`
	}
	if err := provider.Claims(&more); err != nil {
		return nil, fmt.Errorf("the provider's description cannot be read: %w", err)
	}
	config := &oidc.Config{ClientID: l.Provider.ClientID, SupportedSigningAlgs: asymmetric(more.Algorithms), Now: l.Now}
	l.provider = &described{provider, provider.VerifierContext(background, config), more.AnnouncesIssuer, now}
	return l.provider, nil
}

// older is a description that was good, where the provider does not answer.
func (l *Login) older() (*described, error) {
	if l.provider != nil {
		return l.provider, nil
	}
	return nil, errors.New("the company's provider does not describe itself")
}

// asymmetric are the algorithms that the provider signs with, without those that
// share a secret (RFC 8725 section 3.2).
func asymmetric(announced []string) []string {
	known := []string{oidc.RS256, oidc.RS384, oidc.RS512, oidc.ES256, oidc.ES384, oidc.ES512, oidc.PS256, oidc.PS384, oidc.PS512, oidc.EdDSA}
	var both []string
	for _, a := range known {
		for _, b := range announced {
			if a == b {
				both = append(both, a)
			}
		}
	}
	if both == nil {
		return []string{oidc.RS256}
	}
	return both
}

// client is our registration at the provider.
func (l *Login) client(p *described) *oauth2.Config {
	return &oauth2.Config{
		ClientID: l.Provider.ClientID, ClientSecret: l.Provider.ClientSecret.Reveal(), Endpoint: p.Endpoint(),
		RedirectURL: l.PublicURL + CallbackPath, Scopes: l.Provider.Scopes,
	}
}

// tell records what is not waited for.
func (l *Login) tell(ctx context.Context, r *http.Request, kind, reason string) {
	if err := l.Observe(context.WithoutCancel(ctx), Event{Kind: kind, Address: address(r), Reason: reason}); err != nil {
		l.Logger.Error("what happened at a sign-in could not be recorded", "error", err)
	}
}
