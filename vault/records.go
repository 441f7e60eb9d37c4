package vault

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"toolvault/schemas/near"
	"toolvault/vault/store"
)

// recordPrefix is where credentials lie in the store. It is part of the name
// that a record is sealed under, so that none passes for another room's.
const recordPrefix = "credential/"

// Info is what may be shown of a stored credential.
type Info struct {
	Name, Type                string
	Version                   int64
	Created, Updated, Expires time.Time
	Scope                     string
	Account                   string // whose it is, as the service says
	HasRefresh                bool
	HasOld                    bool      // a rotated key has the one before it beside it
	Refreshed, Failed         time.Time // the last refresh that worked, and that failed
	State                     State
	Reason                    string    // of a failure: one sentence
	Hint                      string    // "************cdef": only of a secret of 20 characters or more, else ""
	Fingerprint               string    // the first 8 hexadecimal digits of the secret's SHA-256, on the same terms as Hint
	Renewal                   time.Time // when it is refreshed next; zero: never, or not known
}

// Put seals and stores a credential under a name, in place of what is there, and
// returns its version. Created and Updated are set; Created stays what it was
// for a name that exists.
func (v *Vault) Put(ctx context.Context, name string, s Stored) (int64, error) {
	if err := checkName(name); err != nil {
		return 0, err
	}
	if err := s.check(v.clock()); err != nil {
		return 0, fmt.Errorf("credential %s: %w", name, err)
	}
	for {
		old, version, err := v.read(ctx, name)
		switch {
		case err == nil:
			s.Created = old.Created
		case errors.Is(err, store.ErrNotFound), errors.Is(err, ErrSealed):
			s.Created = v.clock().UTC() // what cannot be opened is replaced
		default:
			return 0, err
		}
		s.Updated = v.clock().UTC()
		err = v.write(ctx, name, s, version+1, nil)
		if errors.Is(err, store.ErrConflict) && ctx.Err() == nil {
			continue
		}
		if err != nil {
			return 0, err
		}
		if old.State == StateNeedsConsent || old.State == StateBroken {
			v.mended(ctx, name, version+1)
		}
		return version + 1, nil
	}
}

// mended tells that a credential whose bad state was told of has a new secret.
func (v *Vault) mended(ctx context.Context, name string, version int64) {
	told := map[string]bool{}
	for _, d := range v.config.Load().declarations {
		if d.Source == "vault:"+name && !told[d.ID] {
			told[d.ID] = true
			v.changed(ctx, d, version, StateOK, "a new secret was put in")
		}
	}
}

// write seals a record and stores it as the version, under the lease if there
// is one.
func (v *Vault) write(ctx context.Context, name string, s Stored, version int64, lease store.Lease) error {
	key := recordPrefix + name
	sealed, err := v.keyring.Seal(s.encode(), key, version)
	if err != nil {
		return err
	}
	err = v.store.Put(ctx, store.Item{Key: key, Version: version, Value: sealed}, lease)
	v.cache.drop(name)
	if err != nil {
		return of(name, err)
	}
	v.cache.wrote(name, version)
	v.lately.wrote(name, version, sealed)
	return nil
}

// read gets a record from the store, past the cache. For one that is not there
// (any more) the error wraps store.ErrNotFound; for one that does not open,
// ErrSealed; both come with the version that the store holds.
func (v *Vault) read(ctx context.Context, name string) (Stored, int64, error) {
	var begun uint64
	var item store.Item
	var err error
	current, rolledBack := false, false
	// A second look, because between Get and seen another goroutine may have
	// met a newer version. Rolled back is a store that has less than was seen
	// before it was asked.
	for range 2 {
		begun = v.cache.begin()
		before := v.cache.newest(name)
		item, err = v.store.Get(ctx, recordPrefix+name)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return Stored{}, 0, of(name, err)
		}
		rolledBack = item.Version < before
		if current = v.cache.seen(name, item.Version); current {
			break
		}
	}
	if !current && rolledBack {
		if s, version, ok := v.putBack(ctx, name, item.Version); ok {
			return s, version, nil
		}
		return Stored{}, item.Version, invalid("credential %s: %w", name,
			because(ErrSealed, "the store holds version %d and a later one was seen: it was rolled back; find out who changed the store, put the secret in again and restart", item.Version))
	}
	if err != nil {
		return Stored{}, item.Version, of(name, err)
	}
	r := sealedRecord{item.Version, item.Value}
	s, err := v.open(name, r)
	if err != nil {
		return Stored{}, item.Version, err
	}
	v.cache.keep(name, r, begun)
	return s, item.Version, nil
}

func (v *Vault) open(name string, r sealedRecord) (Stored, error) {
	plain, err := v.keyring.Open(r.bytes, recordPrefix+name, r.version)
	if err != nil {
		if errors.Is(err, ErrSealed) {
			return Stored{}, invalid("credential %s: %w", name, err)
		}
		return Stored{}, of(name, err)
	}
	s, err := decodeStored(plain)
	clear(plain)
	if err != nil {
		return Stored{}, invalid("credential %s: %w", name, err)
	}
	return s, nil
}

// of says of which record an error of the store is.
func of(name string, err error) error { return fmt.Errorf("credential %s: %w", name, err) }

// List returns what may be shown of every stored credential, in order of names.
// Where some cannot be opened, it returns the others and an error that names
// those.
func (v *Vault) List(ctx context.Context) ([]Info, error) {
	var infos []Info
	var broken []error
	err := store.Each(ctx, v.store, recordPrefix, func(item store.Item) error {
		name := strings.TrimPrefix(item.Key, recordPrefix)
		if strings.HasPrefix(name, obtainedPrefix) {
			return nil
		}
		s, err := v.open(name, sealedRecord{item.Version, item.Value})
		if err != nil {
			broken = append(broken, err)
			return nil
		}
		infos = append(infos, v.info(name, item.Version, s))
		return nil
	})
	if err != nil {
		return infos, fmt.Errorf("list credentials: %w", err)
	}
	traded := v.traded()
	for i := range infos {
		if all := traded[infos[i].Name]; len(all) > 0 {
			if info, err := v.shown(ctx, infos[i].Name, all); err == nil { // else it has just gone
				infos[i] = info
			}
		}
	}
	return infos, errors.Join(broken...)
}

// Show returns what may be shown of one. For a name that is not there the error
// wraps store.ErrNotFound.
func (v *Vault) Show(ctx context.Context, name string) (Info, error) {
	if err := checkName(name); err != nil {
		return Info{}, err
	}
	return v.shown(ctx, name, v.traded()[name])
}

// shown is Show of a name whose secret these declarations trade for a token.
func (v *Vault) shown(ctx context.Context, name string, all []Declaration) (Info, error) {
	s, version, err := v.read(ctx, name)
	if errors.Is(err, store.ErrNotFound) {
		return Info{}, v.absent(ctx, name)
	}
	if err != nil {
		return Info{}, err
	}
	return v.withObtained(ctx, v.info(name, version, s), s, all), nil
}

// Delete revokes a credential: within a second no process resolves it. For a
// name that is not there the error wraps store.ErrNotFound.
func (v *Vault) Delete(ctx context.Context, name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	for {
		item, err := v.store.Get(ctx, recordPrefix+name)
		if err == nil {
			err = v.store.Delete(ctx, item.Key, item.Version)
		}
		v.cache.drop(name)
		switch {
		case errors.Is(err, store.ErrConflict) && ctx.Err() == nil:
			continue
		case errors.Is(err, store.ErrNotFound):
			return v.absent(ctx, name)
		case err != nil:
			return of(name, err)
		}
		v.cache.wrote(name, item.Version+1)
		v.lately.forget(name)
		return nil
	}
}

// absent says of a name that is not there which one may have been meant. Of a
// great many it looks at a thousand: of those that begin alike, then of the
// service's, then of all.
func (v *Vault) absent(ctx context.Context, name string) error {
	for _, prefix := range []string{name[:len(name)/2], name[:strings.IndexByte(name, '/')+1], ""} {
		items, err := v.store.List(ctx, recordPrefix+prefix, "", 1000)
		if err != nil {
			break
		}
		var names []string
		for _, item := range items {
			if name := strings.TrimPrefix(item.Key, recordPrefix); !strings.HasPrefix(name, obtainedPrefix) {
				names = append(names, name)
			}
		}
		if meant := near.Match(name, names); meant != "" {
			return because(store.ErrNotFound, "there is no credential %s in the vault; did you mean %s?", name, meant)
		}
	}
	return because(store.ErrNotFound, "there is no credential %s in the vault: toolvault credential list shows those that there are", name)
}

func (v *Vault) info(name string, version int64, s Stored) Info {
	if ends := kinds[s.Type].ends; ends != nil && s.Expires.IsZero() {
		s.Expires = ends(s.Secret)
	}
	i := Info{
		Name: name, Type: s.Type, Version: version,
		Created: s.Created, Updated: s.Updated, Expires: s.Expires,
		Scope: s.Scope, Account: s.Account, HasRefresh: !s.Refresh.Empty(), HasOld: !s.Old.Empty(),
		Refreshed: s.Refreshed, Failed: s.Failed, State: s.state(v.clock()), Reason: s.Reason,
	}
	if i.State.Bad() && i.Reason == "" && !s.State.Bad() {
		i.Reason = "it ended at " + s.Expires.UTC().Format(time.RFC3339) + ", and nothing here can renew it"
	}
	i.Hint, i.Fingerprint = s.looks()
	if i.HasRefresh && !s.State.Bad() {
		i.Renewal = s.due(name)
	}
	return i
}
