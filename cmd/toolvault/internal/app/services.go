package app

import (
	"strings"

	"toolvault/auth/scope"
	"toolvault/cmd/toolvault/internal/config"
	"toolvault/tools"
	"toolvault/tools/hubspot"
	"toolvault/tools/metabase"
	"toolvault/tools/pinecone"
	"toolvault/tools/slack"
	"toolvault/vault"
)

// catalogue lists the services that there are. A new one is one line.
func catalogue() []tools.Service {
	return []tools.Service{
		slack.New(),
		hubspot.New(),
		pinecone.New(),
		metabase.New(),
	}
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
		for _, t := range []string{vault.TypeAPIKey, vault.TypeServiceToken, vault.TypeOAuthToken} {
			if _, ok := s.Auth[t]; ok {
				types[s.Name] = append(types[s.Name], t)
			}
		}
	}
	return types
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
		for _, u := range []*string{&p.AuthURL, &p.TokenURL, &p.RevokeURL} {
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

// apps are the OAuth clients that the config names, by service. What they refer
// to is looked up now.
func apps(services []tools.Service, cfg *config.Config) (map[string]vault.App, error) {
	apps := map[string]vault.App{}
	for _, s := range services {
		oauth := cfg.Services[s.Name].OAuth
		if s.OAuth == nil || oauth.ClientID == "" {
			continue
		}
		a := vault.App{Provider: *s.OAuth, ClientID: oauth.ClientID}
		if config.IsReference(oauth.ClientID) {
			id, err := cfg.Lookup(oauth.ClientID)
			if err != nil {
				return nil, err
			}
			a.ClientID = id.Reveal()
		}
		if oauth.ClientSecret != "" {
			secret, err := cfg.Lookup(oauth.ClientSecret)
			if err != nil {
				return nil, err
			}
			a.ClientSecret = secret
		}
		apps[s.Name] = a
	}
	return apps, nil
}
