package people

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"toolvault/vault/store"
)

// Get returns one person, or an error that wraps ErrUnknown.
func (p *People) Get(ctx context.Context, name string) (Person, error) {
	r, _, err := p.load(ctx, name)
	return r.person(), err
}

// Current is a person who is still here and not disabled: what a consent of theirs
// is worth something by. While the store cannot be asked it is nobody, and what
// went wrong is in the log; whoever has to tell the two apart calls Get.
func (p *People) Current(ctx context.Context, name string) (Person, bool) {
	r, _, err := p.load(ctx, name)
	if err != nil && !errors.Is(err, ErrUnknown) && ctx.Err() == nil {
		p.Logger.Warn("a person could not be read; they are taken for gone", "person", clip(name, 80), "error", err)
	}
	return r.person(), err == nil && !r.Disabled
}

// List returns everybody, in order of names. A record that cannot be opened is
// left out, and is the error; the rest is there all the same.
func (p *People) List(ctx context.Context) ([]Person, error) {
	var all []Person
	var broken []error
	declared := *p.declared.Load()
	seen := map[string]bool{}
	err := store.Each(ctx, p.Store, personPrefix, func(item store.Item) error {
		r, err := p.openPerson(item)
		if err != nil {
			broken = append(broken, err)
			return nil
		}
		if r, ok := declared.view(fold(r.Name), r); ok {
			seen[fold(r.Name)] = true
			all = append(all, r.person())
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("the people could not be read: %w", err)
	}
	for name := range declared.people {
		if r, ok := declared.view(name, record{}); ok && !seen[name] {
			all = append(all, r.person())
		}
	}
	slices.SortFunc(all, func(a, b Person) int { return compareFold(a.Name, b.Name) })
	return all, errors.Join(broken...)
}

// Add makes a person known, with a first password.
func (p *People) Add(ctx context.Context, name string, password []byte) error {
	hash, err := p.newPassword(ctx, name, password)
	if err != nil {
		return err
	}
	return p.add(ctx, name, hash)
}

// AddWithoutPassword makes a person known who signs in with passkeys alone. The
// first one is enrolled with the link of Invite.
func (p *People) AddWithoutPassword(ctx context.Context, name string) error {
	return p.add(ctx, name, "")
}

func (p *People) add(ctx context.Context, name, hash string) error {
	return p.change(ctx, Event{Kind: Added, Person: name}, func(r *record) error {
		if p.declares(name) {
			return fmt.Errorf("%s is declared in the config already: choose another name", name)
		}
		if r.exists() && r.Origin != FromConfig {
			return fmt.Errorf("%s exists already: choose another name, or give a new password with 'toolvault person password %[1]s'", r.Name)
		}
		*r = record{Name: name, Created: p.Now().UTC().Truncate(time.Millisecond), Password: hash, Generation: newGeneration()}
		return nil
	})
}

// SetPassword gives a person a new password and ends all of their sessions.
func (p *People) SetPassword(ctx context.Context, name string, password []byte) error {
	r, _, err := p.load(ctx, name)
	switch {
	case err != nil:
		return err
	case r.Origin == FromConfig:
		return fmt.Errorf("%s is declared in the config: put another hash there, which 'toolvault person hash' makes", r.Name)
	case r.Origin == FromCompany:
		return fmt.Errorf("%s signs in at the company's provider and has no password here", r.Name)
	}
	hash, err := p.newPassword(ctx, name, password)
	if err != nil {
		return err
	}
	err = p.change(ctx, Event{Kind: PasswordChanged, Person: name}, func(r *record) error {
		if r.Issuer != "" || p.declares(name) {
			return fmt.Errorf("somebody else changed %s at the same time: ask again", name)
		}
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
	return p.change(ctx, Event{Kind: WasDisabled, Person: name}, func(r *record) error {
		if !r.Disabled {
			r.Disabled, r.Generation = true, newGeneration()
		}
		return nil
	})
}

// Enable lets a disabled person sign in again.
func (p *People) Enable(ctx context.Context, name string) error {
	return p.change(ctx, Event{Kind: WasEnabled, Person: name}, func(r *record) error {
		r.Disabled = false
		return nil
	})
}

// Remove forgets a person. Their sessions end, and do not come back when somebody
// of the same name is added later. A person of the company's provider is made anew
// when they sign in there again: Disable keeps them out. One of the config has to
// be taken out there.
func (p *People) Remove(ctx context.Context, name string) error {
	before, _, err := p.stored(ctx, name)
	if err != nil {
		if p.declares(name) {
			return errDeclared(name)
		}
		return err
	}
	// As it is now: one that is written after this belongs to somebody new.
	index, err := p.Store.Get(ctx, subjectKey(before.Issuer, before.Subject))
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("%s could not be read: %w", name, err)
	}
	var was record
	err = p.change(ctx, Event{Kind: Removed, Person: name}, func(r *record) error {
		if p.declares(name) {
			return errDeclared(r.Name)
		}
		was = *r
		*r = record{}
		return nil
	})
	if err != nil {
		return err
	}
	p.forgetIndexes(ctx, was, index.Version)
	return nil
}

func errDeclared(name string) error {
	return fmt.Errorf("%s is declared in the config: take the name out there, or keep them out with 'toolvault person disable %[1]s'", name)
}
