package people

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"toolvault/vault/store"
)

const personPrefix = "person/"

// record is what lies sealed under person/<name in lower case>. For a person of the
// config it is what stands beside the declaration; declarations.view puts the two
// together.
type record struct {
	Name     string    `json:"name"`
	Created  time.Time `json:"created"`
	Disabled bool      `json:"disabled,omitempty"`
	Password string    `json:"password,omitempty"` // a PHC string
	// Generation is new with each password and each time that the person is
	// disabled or signed out by the provider. A session is good for the one in
	// which it began.
	Generation string `json:"generation,omitempty"`

	// Origin is FromCompany, FromConfig for a record that holds nothing but what
	// belongs to a declaration, or "" for FromAdmin.
	Origin  string    `json:"origin,omitempty"`
	Issuer  string    `json:"issuer,omitempty"`
	Subject string    `json:"subject,omitempty"`
	Groups  []string  `json:"groups,omitempty"`
	Ended   time.Time `json:"ended,omitzero"` // when the provider last ended all of their sessions

	Keys         keyring `json:"keys,omitzero"`
	DeclaredKeys keyring `json:"declared_keys,omitzero"` // of the person of the config who has this name
}

func (r record) exists() bool { return r.Name != "" }

func (r record) person() Person {
	origin := r.Origin
	if origin == "" && r.exists() {
		origin = FromAdmin
	}
	return Person{
		Name: r.Name, Created: r.Created, Disabled: r.Disabled, Origin: origin, Issuer: r.Issuer,
		Groups: slices.Clone(r.Groups), Password: r.Password != "", Passkeys: len(r.Keys.Passkeys),
	}
}

func newGeneration() string { return rand.Text() }

// fold is the form of a name by which it is found.
func fold(name string) string { return strings.ToLower(name) }

func compareFold(a, b string) int { return strings.Compare(fold(a), fold(b)) }

// load reads who has a name: the config, or the store, or both. The version is that
// of the store.
func (p *People) load(ctx context.Context, name string) (record, int64, error) {
	declared := *p.declared.Load() // one state of the config for all of this
	stored, version, err := p.stored(ctx, name)
	if err != nil && !errors.Is(err, ErrUnknown) {
		return record{}, 0, err
	}
	r, ok := declared.view(fold(name), stored)
	if !ok {
		return record{}, version, unknown(name)
	}
	return r, version, nil
}

// stored reads a person's record in the store. With an error that wraps ErrUnknown,
// the version is the one that a new record would go on from.
func (p *People) stored(ctx context.Context, name string) (record, int64, error) {
	if !personName.MatchString(name) {
		return record{}, 0, unknown(name)
	}
	item, err := p.Store.Get(ctx, personPrefix+fold(name))
	if errors.Is(err, store.ErrNotFound) {
		return record{}, item.Version, unknown(name)
	}
	if err != nil {
		return record{}, 0, fmt.Errorf("%s could not be read: %w", name, err)
	}
	r, err := p.openPerson(item)
	return r, item.Version, err
}

func unknown(name string) error {
	return fmt.Errorf("%w as %q: 'toolvault person list' names all", ErrUnknown, clip(name, 80))
}

func (p *People) openPerson(item store.Item) (record, error) {
	name := strings.TrimPrefix(item.Key, personPrefix)
	plain, err := p.Sealer.Open(item.Value, item.Key, item.Version)
	if err != nil {
		return record{}, fmt.Errorf("the record of %s cannot be opened with this master key: %w", clip(name, 80), err)
	}
	defer clear(plain)
	var r record
	if err := json.Unmarshal(plain, &r); err != nil || fold(r.Name) != name || r.Generation == "" && r.Origin != FromConfig {
		return record{}, fmt.Errorf("the record of %s is not one: restore the store", clip(name, 80))
	}
	return r, nil
}

// change edits one record and tells of it: event.Person is whom. It is told also
// where there was nothing to write: whoever asks again, since the store did not
// answer, must find it in the log.
func (p *People) change(ctx context.Context, event Event, edit func(*record) error) error {
	shown, err := p.edit(ctx, event.Person, event.Kind == Added, edit)
	if err != nil {
		return err
	}
	event.Person = shown
	if err := p.Observe(ctx, event); err != nil {
		return fmt.Errorf("the change of %s is in force, but could not be recorded: %w", shown, err)
	}
	return nil
}

// edit edits one record in the store and returns the name as it is shown. It reads
// the record first, and again when somebody else wrote in between, so f sees what
// is really there; it sees an empty one of a name that nobody has only if that may
// be new. f must not write into what the record points to. A record that is left as
// it was is not written, and one that is emptied is removed.
func (p *People) edit(ctx context.Context, name string, mayBeNew bool, f func(*record) error) (shown string, err error) {
	if err := CheckName(name); err != nil {
		return "", err
	}
	key := personPrefix + fold(name)
	for {
		old, version, err := p.stored(ctx, name)
		if err != nil && !errors.Is(err, ErrUnknown) {
			return "", err
		}
		if d, ok := p.declared.Load().people[fold(name)]; ok && !old.exists() && !mayBeNew {
			old = record{Name: d.Name, Created: p.Now().UTC().Truncate(time.Millisecond), Origin: FromConfig}
		} else if !mayBeNew && !ok && (!old.exists() || old.Origin == FromConfig) {
			return "", unknown(name)
		}
		next := old
		if err := f(&next); err != nil {
			return "", err
		}
		shown := next.Name
		switch {
		case reflect.DeepEqual(next, old):
			err = nil
		case next.exists():
			err = p.put(ctx, key, version+1, next)
		default:
			shown = old.Name
			err = p.Store.Delete(ctx, key, version)
		}
		switch {
		case errors.Is(err, store.ErrConflict), errors.Is(err, store.ErrNotFound):
			continue
		case errors.Is(err, store.ErrUnavailable):
			return "", fmt.Errorf("it is not known whether the change of %s is in force: ask for it again: %w", name, err)
		case err != nil:
			return "", fmt.Errorf("%s could not be changed: %w", name, err)
		}
		return shown, nil
	}
}

// put seals a value and writes it.
func (p *People) put(ctx context.Context, key string, version int64, value any) error {
	plain, err := json.Marshal(value)
	if err != nil {
		return err
	}
	defer clear(plain)
	sealed, err := p.Sealer.Seal(plain, key, version)
	if err != nil {
		return err
	}
	return p.Store.Put(ctx, store.Item{Key: key, Version: version, Value: sealed}, nil)
}

// get reads what put wrote. With an error that wraps store.ErrNotFound, the version
// is the one that a new record would go on from.
func (p *People) get(ctx context.Context, key string, value any) (version int64, err error) {
	item, err := p.Store.Get(ctx, key)
	if err != nil {
		return item.Version, err
	}
	return item.Version, p.open(item, value)
}

func (p *People) open(item store.Item, value any) error {
	plain, err := p.Sealer.Open(item.Value, item.Key, item.Version)
	if err != nil {
		return err
	}
	defer clear(plain)
	return json.Unmarshal(plain, value)
}
