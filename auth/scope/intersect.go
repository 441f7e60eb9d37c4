package scope

import (
	"cmp"
	"maps"
	"slices"
)

// Intersect returns what both grants allow: the result allows a need exactly if
// each of the two does.
func (g Grants) Intersect(other Grants) Grants {
	both := Grants{}
	for service, set := range g {
		if s := set.Intersect(other[service]); !s.Empty() {
			both[service] = s
		}
	}
	return both
}

// Intersect returns what both sets allow. Sets of different services, or of
// different accounts of one, have nothing in common.
//
// The result is exact, but its String may be narrower, never wider, since words
// cannot say everything: "read-only" and "chat:write" have in common that a tool
// which changes nothing may use chat:write, and there is no word for that. That
// the text is not wider rests on the catalog: a tool that changes something must
// need a permission that is declared with Write.
func (s Set) Intersect(other Set) Set {
	if s.service != other.service || s.account != "" && other.account != "" && s.account != other.account {
		return Set{}
	}
	c := s.catalog
	if c == nil {
		c = other.catalog
	}
	both := Set{
		service: s.service, catalog: c, account: cmp.Or(s.account, other.account),
		write: s.write && other.write,
		read:  (s.read || s.write) && (other.read || other.write),
		some:  !s.Empty() && !other.Empty(),
	}
	for _, names := range []map[string]bool{s.names, s.reads, other.names, other.reads} {
		for name := range names {
			both.keep(s, other, name)
		}
	}
	both.spell()
	return both
}

// Missing lists the words of g that other does not grant in full, in the order
// of g's text: what of a task, or of a wish, credentials cannot give.
func (g Grants) Missing(other Grants) []string {
	var missing []string
	for _, service := range slices.Sorted(maps.Keys(g)) {
		for _, word := range g[service].words() {
			narrower := other[service].account != "" && other[service].account != g[service].account
			if narrower || !other[service].covers(g[service].catalog, word) {
				missing = append(missing, g[service].spelled(service, word))
			}
		}
	}
	return missing
}

// covers reports whether the set grants all that a word of its service does.
func (s Set) covers(c *Catalog, word string) bool {
	switch word {
	case ReadWrite:
		return s.write
	case ReadOnly:
		return s.read || s.write
	}
	if c == nil {
		return false
	}
	var one Set
	one.imply(c, word)
	for name := range one.names {
		if !s.Allows(Need{Service: c.service, Name: name, Write: c.defs[name].Write}) {
			return false
		}
	}
	return true
}

func (s *Set) keep(a, b Set, name string) {
	allowed := func(write bool) bool {
		n := Need{Service: s.service, Name: name, Write: write}
		return a.Allows(n) && b.Allows(n)
	}
	switch {
	case allowed(true):
		if s.names == nil {
			s.names = map[string]bool{}
		}
		s.names[name] = true
	case allowed(false):
		if s.reads == nil {
			s.reads = map[string]bool{}
		}
		s.reads[name] = true
	}
}

// spell chooses the words for String: in the catalog's order, those that no
// other word of the set brings with it.
func (s *Set) spell() {
	if s.catalog == nil {
		return
	}
	var words []string
	for _, name := range s.catalog.order {
		if s.names[name] || s.reads[name] && !s.read && s.harmless(name) {
			words = append(words, name)
		}
	}
	for i, name := range words {
		implied := false
		for j, by := range words {
			if i == j {
				continue
			}
			// Of two that imply each other the first one stays.
			if s.implies(by, name) && (!s.implies(name, by) || j < i) {
				implied = true
				break
			}
		}
		if !implied {
			s.granted = append(s.granted, name)
		}
	}
}

// harmless reports that the word brings nothing that could change something.
func (s *Set) harmless(name string) bool {
	for implied := range s.closure(name) {
		if s.catalog.defs[implied].Write {
			return false
		}
	}
	return true
}

func (s *Set) implies(by, name string) bool { return s.closure(by)[name] }

func (s *Set) closure(name string) map[string]bool {
	var one Set
	one.imply(s.catalog, name)
	return one.names
}
