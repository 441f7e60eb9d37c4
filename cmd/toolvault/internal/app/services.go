package app

import (
	"slices"
	"strings"

	"toolvault/auth/scope"
	"toolvault/cmd/toolvault/internal/config"
	"toolvault/tools"
	"toolvault/tools/clearbit"
	"toolvault/tools/googlecalendar"
	"toolvault/tools/grafana"
	"toolvault/tools/hubspot"
	"toolvault/tools/metabase"
	"toolvault/tools/notion"
	"toolvault/tools/pinecone"
	"toolvault/tools/salesforce"
	"toolvault/tools/segment"
	"toolvault/tools/slack"
	"toolvault/tools/weaviate"
	"toolvault/vault"
)

// catalogue lists the services that there are. A new one is one line.
func catalogue() []tools.Service {
	return []tools.Service{
		slack.New(),
		hubspot.New(),
		pinecone.New(),
		metabase.New(),
		salesforce.New(),
		notion.New(),
		weaviate.New(),
		segment.New(),
		clearbit.New(),
		googlecalendar.New(),
		grafana.New(),
	}
}

// Services are the names of all services.
func Services() []string {
	var names []string
	for _, s := range catalogue() {
		names = append(names, s.Name)
	}
	return names
}

// Catalogs are the scopes of all services.
func Catalogs() scope.Catalogs {
	cs := scope.Catalogs{}
	for _, s := range catalogue() {
		cs[s.Name] = s.Scopes
	}
	return cs
}

// credentialTypes lists, by service, the types of credential that it takes.
func credentialTypes(services []tools.Service) map[string][]string {
	types := map[string][]string{}
	for _, s := range services {
		types[s.Name] = vault.Everywhere()
		for _, t := range vault.Types() {
			if _, ok := s.Auth[t]; ok && !slices.Contains(types[s.Name], t) {
				types[s.Name] = append(types[s.Name], t)
			}
		}
	}
	return types
}

// schemes are, by service, how its types of credential are presented there.
func schemes(services []tools.Service) map[string]map[string]vault.Scheme {
	all := map[string]map[string]vault.Scheme{}
	for _, s := range services {
		all[s.Name] = s.Auth
	}
	return all
}

// configured returns the services as the config wants them reached.
func configured(services []tools.Service, cfg *config.Config) []tools.Service {
	out := make([]tools.Service, len(services))
	for i, s := range services {
		if base := cfg.Services[s.Name].BaseURL; base != "" {
			s = at(s, base)
		}
		s.Timeout = cfg.Services[s.Name].Timeout
		out[i] = s
	}
	return out
}

// at moves a service to another base URL, which an admin has chosen and which
// may therefore be private. An OAuth server below the old base moves with it.
func at(s tools.Service, base string) tools.Service {
	base = strings.TrimSuffix(base, "/")
	if s.OAuth != nil && s.Endpoint.BaseURL != "" {
		p := *s.OAuth
		for _, u := range []*string{&p.AuthURL, &p.TokenURL, &p.RevokeURL, &p.Audience} {
			if rest, ok := strings.CutPrefix(*u, s.Endpoint.BaseURL); ok {
				*u = base + rest
			}
		}
		s.OAuth = &p
	}
	s.Endpoint.BaseURL = base
	s.Endpoint.Private = true
	return s
}

// upstreams is what the vault has to know of the services: where they are, how a
// credential is presented, and our OAuth clients as the config names them. What
// the config refers to is looked up now.
func upstreams(services []tools.Service, cfg *config.Config) (map[string]vault.Service, error) {
	all := map[string]vault.Service{}
	for _, s := range services {
		u := vault.Service{BaseURL: s.Endpoint.BaseURL, Schemes: s.Auth}
		var err error
		if u.App, err = oauthApp(s, cfg); err != nil {
			return nil, err
		}
		all[s.Name] = u
	}
	return all, nil
}

// oauthApp is our OAuth client at a service: the provider that is built in, with
// what the config says in its place. Without a client's id there is only the
// provider, for credentials that are clients of their own.
func oauthApp(s tools.Service, cfg *config.Config) (vault.App, error) {
	var a vault.App
	if s.OAuth != nil {
		a.Provider = *s.OAuth
	}
	oauth := cfg.Services[s.Name].OAuth
	if oauth.ClientID == "" {
		return a, nil
	}
	if oauth.Issuer != "" { // another provider altogether
		a.Provider = vault.Provider{Issuer: oauth.Issuer, PKCE: true}
	} else if s.OAuth == nil {
		a.PKCE = true // a provider that does not know it passes over it (RFC 6749 section 3.1)
	}
	for _, set := range []struct {
		to   *string
		from string
	}{{&a.AuthURL, oauth.AuthURL}, {&a.TokenURL, oauth.TokenURL}, {&a.RevokeURL, oauth.RevokeURL}} {
		if set.from != "" {
			*set.to = set.from
		}
	}
	if oauth.Scopes != nil {
		a.Scopes = oauth.Scopes
	}
	switch oauth.AuthStyle {
	case "basic":
		a.ClientAuth = vault.ClientBasic
	case "body", "json":
		a.ClientAuth = vault.ClientAuth(oauth.AuthStyle)
	}
	if oauth.Narrow != "" {
		a.Narrow = oauth.Narrow
	}
	if oauth.Concurrency > 0 {
		a.Concurrency = oauth.Concurrency
	}
	id, err := cfg.LookupOrLiteral(oauth.ClientID)
	if err != nil {
		return vault.App{}, err
	}
	a.ClientID = id.Reveal()
	if oauth.ClientSecret != "" {
		if a.ClientSecret, err = cfg.Lookup(oauth.ClientSecret); err != nil {
			return vault.App{}, err
		}
	}
	return a, nil
}
