// Package people is the persons who can prove in a browser who they are: their
// names, passwords, passkeys and sessions, and the page where they sign in. They
// are added by an admin (Add), declared in the config (Configure), or come from the
// company's OpenID provider (EnterExternal). A page that asks for somebody's consent
// demands with Visitor that it has the right person before it.
//
// It defends against: theft of the store (passwords are argon2id hashes, sessions,
// challenges and invitations are hashes of what the browser has, and all of it is
// sealed), guessing (throttling that all replicas share), telling names apart by
// time or answer (an unknown name costs what a known one does), phishing (passkeys),
// session fixation (a session begins at sign-in and nowhere else), taking over
// somebody's name (what belongs to one stays with the subject, password or
// declaration that it began with), forgery from other sites and open redirects
// (auth/page), and people who have left: who is disabled, removed or signed out by
// the provider, or gets a new password, is out everywhere with the next request,
// since each asks the store.
package people

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"regexp"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-webauthn/webauthn/webauthn"
	"golang.org/x/crypto/argon2"
	"golang.org/x/sync/semaphore"

	"toolvault/auth/page"
	"toolvault/vault/store"
)

// Person is somebody who may sign in.
type Person struct {
	Name     string    // as an admin wrote it, or the company's provider; two that differ only in case are one
	Created  time.Time // zero for one of the config of whom the store knows nothing
	Disabled bool      // may not sign in until enabled

	Origin   string   // FromAdmin, FromConfig or FromCompany
	Issuer   string   // of the company's provider; "" for a person who signs in here
	Groups   []string // by the config, or as the provider had it at the last sign-in; sorted
	Password bool     // may sign in with a password
	Passkeys int      // how many they have enrolled
}

// Local reports whether the person signs in here, not at the company's provider.
func (p Person) Local() bool { return p.Issuer == "" }

// Where a person comes from (Person.Origin).
const (
	FromAdmin   = "added"   // by Add
	FromConfig  = "config"  // by Configure
	FromCompany = "company" // by EnterExternal
)

// ErrUnknown is returned for a name that nobody has.
var ErrUnknown = errors.New("there is no such person")

// Sealer seals what the store keeps. Name and version are bound into the result:
// Open refuses anything that stood under another name or version.
type Sealer interface {
	Seal(plaintext []byte, name string, version int64) ([]byte, error)
	Open(sealed []byte, name string, version int64) ([]byte, error)
}

// What an Event tells of.
const (
	SignedIn        = "signed_in"
	SignInFailed    = "sign_in_failed"
	SignInDelayed   = "sign_in_delayed" // refused untried, since too many failed before
	SignedOut       = "signed_out"
	Added           = "added"
	PasswordChanged = "password_changed"
	WasDisabled     = "disabled"
	WasEnabled      = "enabled"
	Removed         = "removed"
	GroupsChanged   = "groups_changed" // of a person of the company's provider
	Invited         = "invited"        // a link to enrol a passkey was made
	PasskeyAdded    = "passkey_added"
	PasskeyRemoved  = "passkey_removed"
)

// How somebody signed in, or tried to (Event.How).
const (
	ByPassword = "password"
	ByPasskey  = "passkey"
	ByInvite   = "invitation" // with a link of Invite
	ByCompany  = "company"    // at the company's OpenID provider
)

// Event is something that belongs in the audit log. It never holds a password,
// and of a name that nobody has only that it is unknown: people type passwords
// into the wrong field.
type Event struct {
	Kind    string
	Person  string // "" if unknown
	Address string // of the browser, without its port; "" for a change by an admin
	How     string // of a sign-in, or of what came with one; else ""
	Reason  string // of a failure, or what has changed
}

// Options is what People are made of; Logger and Observe may be nil.
type Options struct {
	Store     store.Store
	Sealer    Sealer
	Now       func() time.Time
	Logger    *slog.Logger
	PublicURL string // how browsers reach the server: it decides the form of the cookies

	// Company is the company's OpenID provider, if people may sign in there.
	Company *Company

	// Observe records an event and returns when that is durable. Nobody is
	// signed in whose sign-in cannot be recorded.
	Observe func(context.Context, Event) error
}

// Company is the first button of the sign-in page.
type Company struct {
	Label string // "Sign in with LABEL"
	Path  string // of this server, where the way there begins; it is given ?return=, a path as a request has it
}

// People is safe for concurrent use; several processes may share a store.
type People struct {
	Options
	pages    *page.Set
	passkeys *webauthn.WebAuthn // nil where the public URL does not allow them
	declared atomic.Pointer[declarations]
	locals   atomic.Pointer[locals]
	hashing  *semaphore.Weighted // of computations that may run
	argon    func(password, salt []byte, time, memory uint32, threads uint8, keyLen uint32) []byte
	throttle throttle
	delayed  quiet
}

//go:embed templates/*.html
var templates embed.FS

// New makes People. It reads nothing: the store is asked each time.
func New(o Options) (*People, error) {
	if o.Store == nil || o.Sealer == nil || o.Now == nil {
		return nil, errors.New("people need a store, a sealer and a clock")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Observe == nil {
		o.Observe = func(context.Context, Event) error { return nil }
	}
	own, err := fs.Sub(templates, "templates")
	if err != nil {
		return nil, err
	}
	pages, err := page.New(own, o.PublicURL)
	if err != nil {
		return nil, err
	}
	if o.Company != nil && (o.Company.Label == "" || !page.Local(o.Company.Path)) {
		return nil, errors.New("the company's provider needs a label and a path of this server")
	}
	passkeys, err := newPasskeys(o.PublicURL)
	if err != nil {
		return nil, err
	}
	p := &People{
		Options: o, pages: pages, passkeys: passkeys, hashing: semaphore.NewWeighted(hashesAtOnce), argon: argon2.IDKey,
		throttle: throttle{store: o.Store, now: o.Now},
	}
	return p, p.Configure(nil)
}

var personName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._@+-]{0,127}$`)

// CheckName refuses what cannot be a person's name.
func CheckName(name string) error {
	if !personName.MatchString(name) {
		return fmt.Errorf("%q cannot be a person's name: use 1 to 128 of letters, digits, '.', '_', '@', '+' and '-', and begin with a letter or digit", clip(name, 80))
	}
	return nil
}

func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}
