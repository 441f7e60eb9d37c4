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

// schemeParamNames are the keys that a credential of a type has at a service besides;
// of an unknown type, those of all types.
func (r *reader) schemeParamNames(service, typ string) []string {
	var names []string
	for t, scheme := range r.known.Schemes[service] {
		if _, known := r.known.Schemes[service][typ]; known && t != typ {
			continue
		}
		for _, p := range scheme.Params {
			names = append(names, p.Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// params reads the keys that a credential of a type has at a service; nil if there
// are none.
func (r *reader) params(service, typ string, m map[string]*node, whole Position, field string) map[string]string {
	var all map[string]string
	for _, p := range slices.Concat(vault.Params(typ), r.known.Schemes[service][typ].Params) {
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
		var err error
		switch p.Form {
		case vault.FormSecret:
			value = r.reference(value, n.at, f, kindEnv, kindFile, kindVault, kindExec)
		case vault.FormPath:
			if value, err = param(p, value); err == nil {
				value = r.absolute(value)
			}
		default:
			value, err = param(p, value)
		}
		if err != nil {
			r.fail(n.at, f, "%v", err)
			continue
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
