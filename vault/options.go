package vault

import (
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"

	"toolvault/audit"
	"toolvault/vault/store"
)

// App is the OAuth client that we are at a service's authorization server.
type App struct {
	Provider
	ClientID     string
	ClientSecret Secret // empty: a public client
}

// Service is what the vault knows of an upstream system.
type Service struct {
	BaseURL string            // where it is, for types that log in there
	Schemes map[string]Scheme // by credential type: how it is presented
	App     App               // our OAuth client there; zero: none
}

// Event tells of a refresh, or of a credential whose state has changed, for the
// audit log, metrics and whoever has to do something about it.
type Event struct {
	Kind    string // EventRefreshed, EventRefreshFailed, EventState
	ID      string // of the credential whose use led to it
	Owner   Owner
	Service string
	Type    string    // of the credential
	Version int64     // of the record: the new one, or the one that could not be refreshed
	Expires time.Time // of the new access token; zero: not told
	Elapsed time.Duration
	Err     error // of EventRefreshFailed: wraps one of this package's errors
	State   State // of EventState: the one it has from now on
	Reason  string
	Call    audit.Call // for which it was done, the first of several; zero: for none
}

// Kinds of events.
const (
	EventRefreshed     = "refreshed"
	EventRefreshFailed = "refresh_failed"
	EventState         = "state"
)

// Options are what a Vault needs. Store and Keyring are required.
type Options struct {
	Store   store.Store
	Keyring *Keyring
	HTTP    *http.Client // for token endpoints; redirects are not followed whatever it says
	Now     func() time.Time
	Logger  *slog.Logger

	// Observe is called after each refresh and change of state, in the goroutine
	// that did it; nil for nobody.
	Observe func(Event)
}

// Vault finds, opens and renews credentials. It is safe for concurrent use.
type Vault struct {
	store   store.Store
	keyring *Keyring
	http    *http.Client
	now     func() time.Time
	log     *slog.Logger
	observe func(Event)

	config atomic.Pointer[config]
	cache  *cache
	files  sync.Map // path → *cachedFile

	programs programs

	answered  atomic.Pointer[time.Time] // when the store last did; nil: Run does not watch it
	offset    atomic.Int64              // nanoseconds: how far the store's clock is ahead of ours
	flights   singleflight.Group
	refreshes sync.RWMutex // held for reading by each refresh under way: Run waits for them
	attempts  attempts
	found     discoveries // what providers say of themselves
	changes   changes
	lately    lately
	refusals  sync.Map // id of a credential from outside the vault that its service refuses → true
	usage     usage
	lookups   lookups
	ahead     ahead
	slots     slots // of token endpoints
	behind    slots // of those, what the background may take

	configured atomic.Pointer[time.Time]
}

// config is what Configure swaps.
type config struct {
	declarations []Declaration
	byPlace      map[place][]Declaration
	accounts     map[place][]string // the names of accounts, sorted; only where there are some
	services     map[string]Service
}

type place struct {
	owner   Owner
	service string
}

// New returns a vault with no declarations yet.
func New(o Options) *Vault {
	v := &Vault{
		store: o.Store, keyring: o.Keyring,
		now: o.Now, log: o.Logger, observe: o.Observe,
		cache: newCache(),
	}
	if v.now == nil {
		v.now = time.Now
	}
	if v.log == nil {
		v.log = slog.New(slog.DiscardHandler)
	}
	if v.observe == nil {
		v.observe = func(Event) {}
	}
	client := http.Client{}
	if o.HTTP != nil {
		client = *o.HTTP
	}
	client.Jar = nil
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	v.http = &client
	v.Configure(nil, nil)
	return v
}

// Configure puts declarations and what is known of their services in force, all
// at once, in place of what was before. Calls under way go on with what they
// have.
func (v *Vault) Configure(declarations []Declaration, services map[string]Service) {
	c := &config{
		declarations: slices.Clone(declarations),
		byPlace:      map[place][]Declaration{},
		services:     maps.Clone(services),
	}
	for _, d := range c.declarations {
		p := place{d.Owner, d.Service}
		c.byPlace[p] = append(c.byPlace[p], d)
	}
	c.accounts = accountsIn(c.byPlace)
	v.config.Store(c)
	now := v.clock()
	v.configured.Store(&now) // a mended app is a reason to try again
	v.attempts.forget()
}

// Declarations returns those in force, in their order.
func (v *Vault) Declarations() []Declaration {
	return slices.Clone(v.config.Load().declarations)
}
