// Package people is the persons who can prove in a browser who they are: their
// names, passwords and sessions, and the page where they sign in. A page that
// asks for somebody's consent demands with Visitor that it has the right person
// before it.
//
// It defends against: theft of the store (passwords are argon2id hashes, sessions
// are hashes of what the browser has, and all of it is sealed), guessing
// (throttling that all replicas share), telling names apart by time or answer
// (an unknown name costs what a known one does), session fixation (a session
// begins at sign-in and nowhere else), forgery from other sites and open
// redirects (auth/page), and people who have left: who is disabled or removed,
// or gets a new password, is out everywhere with the next request, since each
// asks the store.
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
	"time"

	"golang.org/x/crypto/argon2"

	"toolvault/auth/page"
	"toolvault/vault/store"
)

// Person is somebody who may sign in.
type Person struct {
	Name     string // as an admin wrote it; two that differ only in case are one
	Created  time.Time
	Disabled bool // may not sign in until enabled
}

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
)

// Event is something that belongs in the audit log. It never holds a password,
// and of a name that nobody has only that it is unknown: people type passwords
// into the wrong field.
type Event struct {
	Kind    string
	Person  string // "" if unknown
	Address string // of the browser, without its port; "" for a change by an admin
	Reason  string // of a failure
}

// Options is what People are made of; Logger and Observe may be nil.
type Options struct {
	Store     store.Store
	Sealer    Sealer
	Now       func() time.Time
	Logger    *slog.Logger
	PublicURL string // how browsers reach the server: it decides the form of the cookies

	// Observe records an event and returns when that is durable. Nobody is
	// signed in whose sign-in cannot be recorded.
	Observe func(context.Context, Event) error
}

// People is safe for concurrent use; several processes may share a store.
type People struct {
	Options
	pages    *page.Set
	hashing  chan struct{} // one slot for each computation that may run
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
	return &People{
		Options: o, pages: pages, hashing: make(chan struct{}, hashesAtOnce), argon: argon2.IDKey,
		throttle: throttle{store: o.Store, now: o.Now},
	}, nil
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

// Get returns one person, or an error that wraps ErrUnknown.
func (p *People) Get(ctx context.Context, name string) (Person, error) {
	r, _, err := p.load(ctx, name)
	return r.person(), err
}

// List returns everybody, in order of names. A record that cannot be opened is
// left out, and is the error; the rest is there all the same.
func (p *People) List(ctx context.Context) ([]Person, error) {
	var all []Person
	var broken []error
	err := store.Each(ctx, p.Store, personPrefix, func(item store.Item) error {
		r, err := p.openPerson(item)
		if err != nil {
			broken = append(broken, err)
			return nil
		}
		all = append(all, r.person())
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("the people could not be read: %w", err)
	}
	return all, errors.Join(broken...)
}

// Add makes a person known, with a first password.
func (p *People) Add(ctx context.Context, name string, password []byte) error {
	hash, err := p.newPassword(ctx, name, password)
	if err != nil {
		return err
	}
	return p.change(ctx, name, Added, func(r *record) error {
		if r.exists() {
			return fmt.Errorf("%s exists already: choose another name, or give a new password with 'toolvault person password %[1]s'", r.Name)
		}
		*r = record{Name: name, Created: p.Now().UTC().Truncate(time.Millisecond), Password: hash, Generation: newGeneration()}
		return nil
	})
}

// SetPassword gives a person a new password and ends all of their sessions.
func (p *People) SetPassword(ctx context.Context, name string, password []byte) error {
	if _, _, err := p.load(ctx, name); err != nil {
		return err
	}
	hash, err := p.newPassword(ctx, name, password)
	if err != nil {
		return err
	}
	err = p.change(ctx, name, PasswordChanged, func(r *record) error {
		r.Password, r.Generation = hash, newGeneration()
		return nil
	})
	if err != nil {
		return err
	}
	p.throttle.clear(ctx, byName(name))
	return nil
}

// Disable keeps a person out until Enable and ends all of their sessions.
func (p *People) Disable(ctx context.Context, name string) error {
	return p.change(ctx, name, WasDisabled, func(r *record) error {
		if !r.Disabled {
			r.Disabled, r.Generation = true, newGeneration()
		}
		return nil
	})
}

// Enable lets a disabled person sign in again.
func (p *People) Enable(ctx context.Context, name string) error {
	return p.change(ctx, name, WasEnabled, func(r *record) error {
		r.Disabled = false
		return nil
	})
}

// Remove forgets a person. Their sessions end, and do not come back when somebody
// of the same name is added later.
func (p *People) Remove(ctx context.Context, name string) error {
	return p.change(ctx, name, Removed, func(r *record) error {
		*r = record{}
		return nil
	})
}
