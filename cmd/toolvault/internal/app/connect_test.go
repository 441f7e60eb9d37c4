package app

import (
	"slices"
	"testing"

	"toolvault/schemas"
	"toolvault/vault"
)

// A credential asks for what its scope stands for and no more; a whole service
// stands for what the tools there need.
func TestLeastScopes(t *testing.T) {
	all, err := schemas.Load()
	if err != nil {
		t.Fatal(err)
	}
	a := &App{services: catalogue(), schemas: all}
	for _, c := range []struct {
		service, scope string
		want           []string // exactly, in any order; nil: see not
		not            []string
	}{
		{"slack", "chat:write channels:read", []string{"chat:write", "channels:read"}, nil},
		{"slack", "public:read", []string{"channels:read"}, nil},
		{"slack", "read-only", nil, []string{"chat:write", "files:write", "channels:manage"}},
		{"hubspot", "contacts.read", []string{"crm.objects.contacts.read"}, nil},
		{"hubspot", "read-only", nil, []string{"crm.objects.contacts.write", "tickets"}},
	} {
		set, err := Catalogs()[c.service].Parse(c.scope)
		if err != nil {
			t.Fatal(err)
		}
		got := a.leastScopes(vault.Declaration{Service: c.service, Scope: set})
		slices.Sort(got)
		slices.Sort(c.want)
		if c.want != nil && !slices.Equal(got, c.want) {
			t.Errorf("%s %q asks for %v, not %v", c.service, c.scope, got, c.want)
		}
		for _, not := range c.not {
			if slices.Contains(got, not) || len(got) == 0 {
				t.Errorf("%s %q asks for %v", c.service, c.scope, got)
			}
		}
	}
}

// What a built-in provider is asked for are scopes that it has: what stands for
// another is known as such.
func TestProvidersKnowTheirScopes(t *testing.T) {
	for _, s := range catalogue() {
		if s.OAuth == nil {
			continue
		}
		for from, to := range s.OAuth.ScopeNames {
			if _, ok := s.Scopes.Lookup(from); !ok {
				t.Errorf("%s: %s stands for %s and is no scope of ours", s.Name, from, to)
			}
		}
		for _, name := range append(slices.Clone(s.OAuth.UserScopes), s.OAuth.Optional...) {
			if _, ok := s.Scopes.Lookup(name); !ok {
				t.Errorf("%s has no scope %s", s.Name, name)
			}
		}
	}
}
