package people

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"toolvault/vault/store"
)

const personPrefix = "person/"

// record is what lies sealed under person/<name in lower case>.
type record struct {
	Name     string    `json:"name"`
	Created  time.Time `json:"created"`
	Disabled bool      `json:"disabled,omitempty"`
	Password string    `json:"password"` // a PHC string
	// Generation is new with each password and each time that the person is
	// disabled. A session is good for the one in which it began.
	Generation string `json:"generation"`
}

func (r record) exists() bool { return r.Name != "" }

func (r record) person() Person {
	return Person{Name: r.Name, Created: r.Created, Disabled: r.Disabled}
}

func newGeneration() string { return rand.Text() }

// fold is the form of a name by which it is found.
func fold(name string) string { return strings.ToLower(name) }

// load reads a person's record. With an error that wraps ErrUnknown, the version
// is the one that a new record would go on from.
func (p *People) load(ctx context.Context, name string) (record, int64, error) {
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
	if err := json.Unmarshal(plain, &r); err != nil || fold(r.Name) != name || r.Generation == "" {
		return record{}, fmt.Errorf("the record of %s is not one: restore the store", clip(name, 80))
	}
	return r, nil
}

// change edits one record and tells of it. It reads the record first, and again
// when somebody else wrote in between, so edit sees what is really there; it sees
// an empty one of a name that nobody has only for Added. A record that is left as
// it was is not written, and one that is emptied is removed. It is told in either
// case: whoever asks again, since the store did not answer, must find it in the
// log.
func (p *People) change(ctx context.Context, name, kind string, edit func(*record) error) error {
	if err := CheckName(name); err != nil {
		return err
	}
	key := personPrefix + fold(name)
	for {
		old, version, err := p.load(ctx, name)
		if err != nil && !(kind == Added && errors.Is(err, ErrUnknown)) {
			return err
		}
		next := old
		if err := edit(&next); err != nil {
			return err
		}
		shown := next.Name
		switch {
		case next == old:
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
			return fmt.Errorf("it is not known whether the change of %s is in force: ask for it again: %w", name, err)
		case err != nil:
			return fmt.Errorf("%s could not be changed: %w", name, err)
		}
		if err := p.Observe(ctx, Event{Kind: kind, Person: shown}); err != nil {
			return fmt.Errorf("the change of %s is in force, but could not be recorded: %w", shown, err)
		}
		return nil
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
