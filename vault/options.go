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

	"toolvault/vault/store"
)

// App is the OAuth client that we are at a service's authorization server.
type App struct {
	Provider
	ClientID     string
	ClientSecret Secret // empty: a public client
}

// Event tells of a refresh, for the audit log and metrics.
type Event struct {
	Kind    string // EventRefreshed, EventRefreshFailed
	ID      string // of the credential whose use led to it
	Owner   Owner
	Service string
	Version int64     // of the record: the new one, or the one that could not be refreshed
	Expires time.Time // of the new access token; zero: not told
	Elapsed time.Duration
	Err     error // wraps one of this package's errors; nil for EventRefreshed
}

// Kinds of events.
const (
	EventRefreshed     = "refreshed"
	EventRefreshFailed = "refresh_failed"
)

// Options are what a Vault needs. Store and Keyring are required.
type Options struct {
	Store   store.Store
	Keyring *Keyring
	Schemes map[string]map[string]Scheme // service → credential type → how it is presented
	Apps    map[string]App               // by service
	HTTP    *http.Client                 // for token endpoints; redirects are not followed whatever it says
	Now     func() time.Time
	Logger  *slog.Logger

	// Observe is called after each refresh, in the goroutine that did it; nil
	// for nobody.
	Observe func(Event)
}

// Vault finds, opens and renews credentials. It is safe for concurrent use.
type Vault struct {
	store   store.Store
	keyring *Keyring
	schemes map[string]map[string]Scheme
	http    *http.Client
	now     func() time.Time
	log     *slog.Logger
	observe func(Event)

	config atomic.Pointer[config]
	cache  *cache
	files  sync.Map // path → *cachedFile

	answered  atomic.Pointer[time.Time] // when the store last did; nil: Run does not watch it
	flights   singleflight.Group
	refreshes sync.RWMutex // held for reading by each refresh under way: Run waits for them
	attempts  attempts
}

// config is what Configure swaps.
type config struct {
	declarations []Declaration
	byPlace      map[place][]Declaration
	apps         map[string]App
}

type place struct {
	owner   Owner
	service string
}

// New returns a vault with no declarations yet.
func New(o Options) *Vault {
	v := &Vault{
		store: o.Store, keyring: o.Keyring, schemes: o.Schemes,
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
	v.Configure(nil, o.Apps)
	return v
}

// Configure puts declarations and OAuth apps in force, all at once, in place of
// those before. Calls under way go on with what they have.
func (v *Vault) Configure(declarations []Declaration, apps map[string]App) {
	c := &config{
		declarations: slices.Clone(declarations),
		byPlace:      map[place][]Declaration{},
		apps:         maps.Clone(apps),
	}
	for _, d := range c.declarations {
		p := place{d.Owner, d.Service}
		c.byPlace[p] = append(c.byPlace[p], d)
	}
	v.config.Store(c)
	v.attempts.forget() // a mended app is a reason to try again
}

// Declarations returns those in force, in their order.
func (v *Vault) Declarations() []Declaration {
	return slices.Clone(v.config.Load().declarations)
}
