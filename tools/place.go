package tools

import (
	"net/url"
	"strings"
	"unicode/utf8"

	"toolvault/auth/scope"
	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

// At is where the service is for one credential: at base, which an admin has
// set for it, or, of a service in which each customer has a part of its own, at the
// instance that the token endpoint named. Either may be "".
//
// What a token endpoint says is not believed: an instance is taken if it is https
// at a host of Instances, and there only. Where an admin has put something in the
// place of such a host, a proxy or a double, calls stay there. A service that then is
// nowhere is an upstream_unavailable.
func (s Service) At(base, instance string) (upstream.Endpoint, *fault.Error) {
	e := s.Endpoint
	if base != "" {
		e.BaseURL, e.Private = base, true
	}
	switch {
	case len(s.Instances) == 0 || e.Private && !s.ofInstances(e.BaseURL):
	case instance != "":
		if !s.ofInstances(instance) {
			f := fault.New(fault.CredentialInvalid, "The %s token is for an instance that is not one of the service's own, so nothing was sent there. An admin has to look where the credential comes from; trying again will not help.", s.Title)
			f.NotSent = true
			return e, f
		}
		e.BaseURL, e.Private = instance, false
	case !e.Private: // what is built in is for signing in only
		e.BaseURL = ""
	}
	if e.BaseURL == "" {
		f := fault.New(fault.UpstreamUnavailable, "It is not known where %s is. An admin has to set services.%s.base_url in the config, or base_url of the credential; trying again will not help.", s.Title, s.Name)
		f.Retryable, f.NotSent = false, true
		return e, f
	}
	return e, nil
}

// Grantable is what a scope comes to for a credential of a type: what one of that
// type can grant at most.
func (s Service) Grantable(typ, text string) (scope.Set, error) {
	set, err := s.Scopes.Parse(text)
	most := s.Auth[typ].Scopes
	if err != nil || most == nil {
		return set, err
	}
	can, err := s.Scopes.Parse(strings.Join(most, " "))
	return set.Intersect(can), err
}

// ofInstances reports whether a base URL is https, at its port, at a host of the
// service's customers, and nothing more.
func (s Service) ofInstances(base string) bool {
	u, err := url.Parse(base)
	if err != nil || u.Scheme != "https" || u.Port() != "" || u.User != nil || strings.Trim(u.Path, "/") != "" || strings.ContainsFunc(u.Host, func(r rune) bool { return r >= utf8.RuneSelf }) {
		return false
	}
	host := strings.ToLower(u.Hostname())
	for _, domain := range s.Instances {
		if name, ok := strings.CutSuffix(host, domain); ok && name != "" {
			return true
		}
	}
	return false
}
