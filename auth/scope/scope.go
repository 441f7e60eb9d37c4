// Package scope is the vocabulary of permission: what a service can be asked
// for, what a tool needs, and what a credential or an agent's token grants.
//
// A service has a Catalog of permissions. Its own names ("chat:write",
// "crm.objects.contacts.read"), the short forms that admins write
// ("contacts.read") and the two that stand for a whole service ("read-only",
// "read-write") are all parsed by the catalog into a Set, which then answers one
// question: does it allow this Need?
//
// It is a leaf: every room may import it, and it imports none.
package scope

import (
	"fmt"
	"slices"
	"strings"
)

// ReadOnly and ReadWrite grant every read, or everything, of a service.
const (
	ReadOnly  = "read-only"
	ReadWrite = "read-write"
)

// Def is one permission that a service knows.
type Def struct {
	Name    string   // as the service or its vendor spells it
	Aliases []string // short forms that admins write
	Write   bool     // lets its holder change something
	Implies []string // names (not aliases) of permissions that come with it
}

// Catalog holds the permissions of one service. It is immutable and safe for
// concurrent use.
type Catalog struct {
	service string
	defs    map[string]Def    // by name
	names   map[string]string // name or alias → name
	order   []string
}

// NewCatalog returns the catalog of a service. It panics on a name that is
// declared twice or an implication that leads nowhere: both are mistakes in a
// literal.
func NewCatalog(service string, defs ...Def) *Catalog {
	c := &Catalog{service: service, defs: map[string]Def{}, names: map[string]string{}}
	add := func(alias, name string) {
		if old, ok := c.names[alias]; ok && old != name {
			panic(fmt.Sprintf("scope: %s: %q means both %q and %q", service, alias, old, name))
		}
		c.names[alias] = name
	}
	for _, d := range defs {
		c.defs[d.Name] = d
		c.order = append(c.order, d.Name)
		add(d.Name, d.Name)
		for _, a := range d.Aliases {
			add(a, d.Name)
		}
	}
	for _, d := range defs {
		for _, i := range d.Implies {
			if _, ok := c.defs[i]; !ok {
				panic(fmt.Sprintf("scope: %s: %q implies the unknown %q", service, d.Name, i))
			}
		}
	}
	return c
}

// Service is the name of the service whose permissions these are.
func (c *Catalog) Service() string { return c.service }

// Names lists the permissions in the order of their declaration, without
// aliases.
func (c *Catalog) Names() []string { return slices.Clone(c.order) }

// Spellings lists every word that Parse takes, sorted: for "did you mean".
func (c *Catalog) Spellings() []string {
	all := []string{ReadOnly, ReadWrite}
	for s := range c.names {
		all = append(all, s)
	}
	slices.Sort(all)
	return all
}

// Lookup finds a permission by its name or an alias.
func (c *Catalog) Lookup(word string) (Def, bool) {
	name, ok := c.names[word]
	if !ok {
		return Def{}, false
	}
	return c.defs[name], true
}

// UnknownError says that a service has no such permission.
type UnknownError struct {
	Service, Word string
}

func (e *UnknownError) Error() string {
	return fmt.Sprintf("%s has no scope %q", e.Service, e.Word)
}

// Parse reads permissions separated by spaces or commas. An unknown word is an
// *UnknownError. An empty text is the empty set, which allows nothing.
func (c *Catalog) Parse(text string) (Set, error) {
	s := Set{service: c.service, catalog: c}
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == ',' || r == '\n' || r == '\t' }) {
		switch word {
		case ReadOnly:
			s.read = true
		case ReadWrite:
			s.read, s.write = true, true
		default:
			name, ok := c.names[word]
			if !ok {
				return Set{}, &UnknownError{c.service, word}
			}
			s.add(c, name)
		}
	}
	return s, nil
}

// Set is what a credential or a token grants within one service. The zero Set
// grants nothing.
type Set struct {
	service     string
	read, write bool // all reads; everything
	granted     []string
	names       map[string]bool // granted and all that they imply

	account string // only this account of the service; "": any

	// What only Intersect makes.
	catalog *Catalog
	reads   map[string]bool // permissions that may be used by tools that change nothing
	some    bool            // covers a need that any grant on the service covers
}

func (s *Set) add(c *Catalog, name string) {
	if !slices.Contains(s.granted, name) {
		s.granted = append(s.granted, name)
	}
	s.imply(c, name)
}

func (s *Set) imply(c *Catalog, name string) {
	if s.names[name] {
		return
	}
	if s.names == nil {
		s.names = map[string]bool{}
	}
	s.names[name] = true
	for _, i := range c.defs[name].Implies {
		s.imply(c, i)
	}
}

// Need is what one call requires.
type Need struct {
	Service string
	Name    string // a permission's canonical name; "" needs any grant on the service
	Write   bool   // the tool changes something
}

// String spells the need as in an agent's token: "slack:chat:write".
func (n Need) String() string {
	if n.Name == "" {
		return n.Service + ":" + ReadOnly
	}
	return n.Service + ":" + n.Name
}

// Empty reports whether the set grants nothing.
func (s Set) Empty() bool {
	return !s.read && !s.write && len(s.names) == 0 && len(s.reads) == 0 && !s.some
}

// Allows reports whether the set covers the need.
func (s Set) Allows(n Need) bool {
	if s.service != n.Service {
		return false
	}
	if s.write || s.read && !n.Write {
		return true
	}
	if n.Name == "" {
		return !s.Empty()
	}
	return s.names[n.Name] || !n.Write && s.reads[n.Name]
}

// AllowsAny reports whether the set covers the need for some permission that
// fits the template ("crm.objects.{object_type}.read"); a name without a
// placeholder fits only itself.
func (s Set) AllowsAny(n Need) bool {
	prefix, rest, ok := strings.Cut(n.Name, "{")
	if !ok || s.write || s.read && !n.Write {
		return s.Allows(n)
	}
	if s.service != n.Service {
		return false
	}
	_, suffix, _ := strings.Cut(rest, "}")
	fits := func(names map[string]bool) bool {
		for name := range names {
			if len(name) > len(prefix)+len(suffix) && strings.HasPrefix(name, prefix) && strings.HasSuffix(name, suffix) {
				return true
			}
		}
		return false
	}
	return fits(s.names) || !n.Write && fits(s.reads)
}

// String is the set as Parse reads it, canonical names in the order given.
func (s Set) String() string {
	return strings.Join(s.words(), " ")
}

func (s Set) words() []string {
	var words []string
	switch {
	case s.write:
		words = append(words, ReadWrite)
	case s.read:
		words = append(words, ReadOnly)
	}
	return append(words, s.granted...)
}

// Names are the fewest permissions that say what the set grants: for a whole service
// all of its catalogue, or those that change nothing, without what another brings with
// it. An empty set, and one without a catalogue, has none.
func (s Set) Names() []string {
	if s.catalog == nil {
		return nil
	}
	var all []string
	for _, name := range s.catalog.order {
		if s.Allows(Need{Service: s.service, Name: name, Write: s.catalog.defs[name].Write}) {
			all = append(all, name)
		}
	}
	return slices.DeleteFunc(slices.Clone(all), func(name string) bool {
		return slices.ContainsFunc(all, func(by string) bool { return s.implies(by, name) && !s.implies(name, by) })
	})
}

// Catalogs are the catalogs of all services, by service.
type Catalogs map[string]*Catalog

// Grants is what an agent's token carries: a Set for each service. The zero
// Grants allow nothing.
type Grants map[string]Set

// ParseGrants reads "hubspot:contacts.read slack:chat:write pinecone:read-only":
// permissions prefixed by their service, separated by spaces. A service may be
// followed by one of its accounts, "hubspot@emea:contacts.read": then all that is
// granted of the service is for that account, and each of its words names it.
func (cs Catalogs) ParseGrants(text string) (Grants, error) {
	byService, accounts := map[string][]string{}, map[string]string{}
	for _, word := range strings.Fields(text) {
		service, account, name, ok := Split(word)
		switch {
		case !ok:
			return nil, fmt.Errorf("scope %q has no service: write it as SERVICE:%s", word, word)
		case cs[service] == nil:
			return nil, &UnknownServiceError{Service: service}
		case strings.Contains(word[:len(word)-len(name)], "@") && !IsAccount(account):
			return nil, fmt.Errorf("scope %q names no account: write it as %s@ACCOUNT:%s, and the account as in the config", word, service, name)
		case byService[service] != nil && accounts[service] != account:
			return nil, &MixedAccountsError{Service: service, Word: word}
		}
		accounts[service] = account
		byService[service] = append(byService[service], name)
	}
	g := Grants{}
	for service, words := range byService {
		set, err := cs[service].Parse(strings.Join(words, " "))
		if err != nil {
			return nil, err
		}
		set.account = accounts[service]
		g[service] = set
	}
	return g, nil
}

// UnknownServiceError says that there is no such service.
type UnknownServiceError struct{ Service string }

func (e *UnknownServiceError) Error() string { return fmt.Sprintf("there is no service %q", e.Service) }

// Allows reports whether the grants cover the need.
func (g Grants) Allows(n Need) bool { return g[n.Service].Allows(n) }

// AllowsAny is Set.AllowsAny over the need's service.
func (g Grants) AllowsAny(n Need) bool { return g[n.Service].AllowsAny(n) }

// String is the form that ParseGrants reads, services in order of their names.
func (g Grants) String() string {
	services := make([]string, 0, len(g))
	for s := range g {
		services = append(services, s)
	}
	slices.Sort(services)
	var words []string
	for _, s := range services {
		for _, w := range g[s].words() {
			words = append(words, g[s].spelled(s, w))
		}
	}
	return strings.Join(words, " ")
}
