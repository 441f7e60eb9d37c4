package connect

import (
	"context"
	"slices"
	"strings"

	"toolvault/vault"
)

// Kinds of grant, at a provider that tells them apart.
const (
	kindBot  = vault.GrantBot
	kindUser = vault.GrantUser
)

// slots are the records that a consent is to fill: that of the declaration, and
// where the provider gives the app's own token and the user's in one answer, that
// of the same owner's other credential, if it has nothing that works.
func (c *Connector) slots(ctx context.Context, app vault.App, d vault.Declaration, need []string) []slot {
	first := c.slot(app, d, need)
	first.Scopes = c.difference(ctx, app, first)
	all := []slot{first}
	if app.UserScopeParam == "" {
		return all
	}
	for _, other := range c.Vault.Declarations() {
		if other.Owner != d.Owner || other.Service != d.Service || other.Account != d.Account || Connectable(other) != nil {
			continue
		}
		s := c.slot(app, other, nil)
		if s.Name == first.Name || s.Kind == first.Kind || len(all) > 1 {
			continue
		}
		if info, err := c.Vault.Show(ctx, s.Name); err == nil && !info.State.Bad() {
			continue
		}
		all = append(all, s)
	}
	return all
}

// slot is what one credential has to be granted: the least that its scope stands
// for, what is needed besides, and what the provider is always asked for, as the
// provider calls it.
func (c *Connector) slot(app vault.App, d vault.Declaration, need []string) slot {
	s := slot{Name: strings.TrimPrefix(d.Source, "vault:"), Credential: d.ID}
	add := func(name string) {
		if other, ok := app.ScopeNames[name]; ok {
			name = other
		}
		if name != "" && !slices.Contains(s.Scopes, name) {
			s.Scopes = append(s.Scopes, name)
		}
	}
	for _, name := range app.Provider.Scopes {
		add(name)
	}
	for _, name := range append(c.Scopes(d), need...) {
		add(name)
	}
	if app.UserScopeParam == "" {
		return s
	}
	ofUser := func(name string) bool { return slices.Contains(app.UserScopes, name) }
	switch {
	case d.Owner.User != "", len(s.Scopes) > 0 && !slices.ContainsFunc(s.Scopes, func(n string) bool { return !ofUser(n) }):
		s.Kind = kindUser
	default:
		s.Kind = kindBot
		s.Scopes = slices.DeleteFunc(s.Scopes, ofUser) // the app's own token cannot have them
	}
	return s
}

// difference leaves out what has been granted before, where the provider keeps it
// and the grant still works.
func (c *Connector) difference(ctx context.Context, app vault.App, s slot) []string {
	if !app.Incremental {
		return s.Scopes
	}
	info, err := c.Vault.Show(ctx, s.Name)
	if err != nil || info.State.Bad() || !info.HasRefresh {
		return s.Scopes
	}
	granted := strings.Fields(info.Scope)
	var more []string
	for _, name := range s.Scopes {
		if !slices.Contains(granted, name) || slices.Contains(app.Provider.Scopes, name) {
			more = append(more, name)
		}
	}
	return more
}
