package people

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
)

// Declared is a person of the config.
type Declared struct {
	Name         string
	PasswordHash string // as CheckHash wants it; "" if they sign in with passkeys alone
	Groups       []string
}

// declarations is one state of the config. It does not change.
type declarations struct {
	people map[string]Declared // by folded name
	costs  []cost              // of the hashes: see matches
}

// Configure puts people of the config in the place of those before. They need
// nothing in the store: what is theirs there (their passkeys, that they are
// disabled) lies in a record beside. Where somebody of the store has the same name,
// the config wins: that person cannot sign in as long as it does, but for being
// disabled, which holds for whoever has the name.
//
// A session ends when the declaration goes away, or its hash changes. An error
// leaves all as it was.
func (p *People) Configure(all []Declared) error {
	next := declarations{people: make(map[string]Declared, len(all))}
	costs := map[cost]bool{ours: true}
	for _, d := range all {
		if err := CheckName(d.Name); err != nil {
			return err
		}
		if _, twice := next.people[fold(d.Name)]; twice {
			return fmt.Errorf("the config declares %s twice: names that differ only in case are one", d.Name)
		}
		if d.PasswordHash != "" {
			h, err := parseHash(d.PasswordHash)
			if err != nil {
				return fmt.Errorf("the password hash of %s: %w", d.Name, err)
			}
			costs[h.cost] = true
		}
		d.Groups = slices.Clone(d.Groups)
		slices.Sort(d.Groups)
		next.people[fold(d.Name)] = d
	}
	if len(costs) > maxCosts {
		return fmt.Errorf("the password hashes of the config have %d different sets of parameters, and each makes every sign-in slower, so that nobody can tell by the time whose name there is: use %d at most, best those of 'toolvault person hash'", len(costs), maxCosts)
	}
	for c := range costs {
		next.costs = append(next.costs, c)
	}
	slices.SortFunc(next.costs, cost.compare)
	p.declared.Store(&next)
	return nil
}

func (p *People) declares(name string) bool {
	_, ok := p.declared.Load().people[fold(name)]
	return ok
}

// view is who has a name (folded), given what the store holds under it, which may
// be nothing; ok is false if that is nobody.
func (d *declarations) view(name string, stored record) (r record, ok bool) {
	declared, ok := d.people[name]
	if !ok {
		return stored, stored.exists() && stored.Origin != FromConfig
	}
	sum := sha256.Sum256([]byte(stored.Generation + "\x00" + declared.PasswordHash + "\x00" + declared.Name))
	r = record{
		Name: declared.Name, Password: declared.PasswordHash, Groups: declared.Groups, Origin: FromConfig,
		Generation: "config " + hex.EncodeToString(sum[:16]),
		Disabled:   stored.Disabled, Keys: stored.DeclaredKeys, DeclaredKeys: stored.DeclaredKeys,
	}
	if stored.Origin == FromConfig {
		r.Created = stored.Created
	}
	return r, true
}
