package config

import (
	"errors"
	"regexp"
	"slices"
	"strings"

	"toolvault/vault"
)

// accessKeyID matches the id of an AWS access key, which begins like the keys that
// tokenShape looks for and is none.
var accessKeyID = regexp.MustCompile(`^(AKIA|ASIA)[0-9A-Z]{12,128}$`)

// paramNames are the keys that a credential of a type has besides those that all
// have; of an unknown type, those of all types.
func paramNames(typ string) []string {
	var names []string
	for _, p := range vault.Params(typ) {
		names = append(names, p.Name)
	}
	if slices.Contains(vault.Types(), typ) {
		return names
	}
	for _, typ := range vault.Types() {
		names = append(names, paramNames(typ)...)
	}
	return names
}

// params reads the keys of a credential that its type has; nil if it has none.
func (r *reader) params(typ string, m map[string]*node, whole Position, field string) map[string]string {
	var all map[string]string
	for _, p := range vault.Params(typ) {
		n, f := m[p.Name], join(field, p.Name)
		if n == nil {
			if p.Required {
				r.fail(whole, field, "a credential of the type %s needs %s: %s", typ, p.Name, p.Help)
			}
			continue
		}
		value, ok := r.text(n, f)
		if !ok {
			continue
		}
		value, err := param(p, value)
		if err != nil {
			r.fail(n.at, f, "%v", err)
			continue
		}
		if p.Form == vault.FormPath {
			value = r.absolute(value)
		}
		if all == nil {
			all = map[string]string{}
		}
		all[p.Name] = value
	}
	return all
}

// param holds a value against what it is to be.
func param(p vault.Param, value string) (string, error) {
	switch {
	case len(value) > 2048 || strings.ContainsFunc(value, func(c rune) bool { return c < 0x20 || c == 0x7f }):
		return "", errors.New("this must be one line of at most 2048 characters")
	case tokenShape.MatchString(value) && (p.Form != vault.FormID || !accessKeyID.MatchString(value)):
		return "", errors.New("a secret never stands in the file, and this looks like one: the secret is what source names; here stands " + p.Help)
	case p.Form == vault.FormURL:
		return endpointURL(value)
	case p.Check != nil:
		return value, p.Check(value)
	}
	return value, nil
}

// flag reads true or false; a key that is absent is false.
func (r *reader) flag(n *node, field string) bool {
	if n == nil {
		return false
	}
	if n.kind != literal || n.text != "true" && n.text != "false" {
		r.fail(n.at, field, "this must be true or false")
	}
	return n.text == "true"
}
