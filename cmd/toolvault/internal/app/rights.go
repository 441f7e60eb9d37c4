package app

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"toolvault/auth"
	"toolvault/auth/client"
	"toolvault/auth/issuer"
	"toolvault/auth/people"
	"toolvault/auth/scope"
	"toolvault/cmd/toolvault/internal/config"
	"toolvault/cmd/toolvault/internal/remote"
	"toolvault/vault"
)

// rights are what people and agents may have, by the config in force.
type rights struct{ app *App }

// Agents are those whose users or owners name the person. The sandbox's agent is
// anybody's.
func (r rights) Agents(p people.Person) []string {
	var ids []string
	if r.app.Sandbox != nil {
		ids = append(ids, SandboxAgent)
	}
	for _, agent := range r.app.config().Agents {
		if named(append(slices.Clone(agent.Users), agent.Owners...), p) {
			ids = append(ids, agent.ID)
		}
	}
	ids = slices.DeleteFunc(ids, func(id string) bool {
		agent, ok := r.app.Agents.Get(id)
		return !ok || agent.Suspended
	})
	slices.Sort(ids)
	return slices.Compact(ids)
}

// named reports whether a list of people, groups and "*" has the person.
func named(list []string, p people.Person) bool {
	return slices.ContainsFunc(list, func(who string) bool {
		if group, ok := strings.CutPrefix(who, "group:"); ok {
			return slices.Contains(p.Groups, group)
		}
		return who == "*" || strings.EqualFold(who, p.Name)
	})
}

func (r rights) Admin(p people.Person) []string {
	var scopes []string
	for _, a := range r.app.config().Auth.Admins {
		if named([]string{a.Who}, p) {
			scopes = append(scopes, a.Scopes...)
		}
	}
	slices.Sort(scopes)
	return slices.Compact(scopes)
}

func (r rights) Grants(agent, user string) (scope.Grants, error) { return r.app.Grants(agent, user) }

func (r rights) Delegates(from, to string) bool {
	for _, agent := range r.app.config().Agents {
		if agent.ID == from {
			return slices.Contains(agent.Delegates, to)
		}
	}
	return false
}

// identities puts the people, clients and issuers of a config in force. A secret
// that cannot be had is an error where tokens are issued, and nobody's concern where
// none are: the person, client or issuer is there without it, and cannot prove
// anything.
func (a *App) identities(cfg *config.Config) error {
	lookup := cfg.Lookup
	if a.oauth.server == nil {
		lookup = func(ref string) (vault.Secret, error) {
			secret, err := cfg.Lookup(ref)
			if err != nil {
				return vault.Secret{}, nil
			}
			return secret, nil
		}
	}
	var all []people.Declared
	for i, p := range cfg.Auth.People {
		d := people.Declared{Name: p.Name, PasswordHash: p.PasswordHash, Groups: p.Groups}
		if config.IsReference(p.PasswordHash) {
			secret, err := lookup(p.PasswordHash)
			if err == nil && secret.Reveal() != "" {
				err = people.CheckHash(secret.Reveal())
			}
			if err != nil {
				return cfg.Errorf(fmt.Sprintf("auth.people[%d].password_hash", i), "%v", err)
			}
			d.PasswordHash = secret.Reveal()
		}
		all = append(all, d)
	}
	clients, err := configuredClients(cfg, lookup)
	if err != nil {
		return err
	}
	issuers, err := configuredIssuers(cfg, lookup)
	if err != nil {
		return err
	}
	if err := a.People.Configure(all); err != nil {
		return err
	}
	if err := a.Clients.Configure(clients); err != nil {
		return err
	}
	a.Issuers.Configure(issuers)
	return nil
}

// lookup is config.Config.Lookup, or one that finds nothing where it would fail.
type lookup = func(ref string) (vault.Secret, error)

// configuredClients are the clients of a config: those of auth.clients, and the
// programs that are agents.
func configuredClients(cfg *config.Config, lookup lookup) ([]client.Client, error) {
	all := []client.Client{{
		ID: remote.ClientID, Name: "toolvault on the command line", Origin: client.OriginConfig, Auth: client.AuthNone,
		Grants: []string{client.GrantDevice, client.GrantRefresh}, Admin: auth.AdminScopes(),
	}}
	for i, c := range cfg.Auth.Clients {
		x, err := proved(cfg, lookup, c, fmt.Sprintf("auth.clients[%d]", i))
		if err != nil {
			return nil, err
		}
		x.Name, x.Redirects, x.Agents, x.Admin, x.Trusted = c.Name, c.Redirects, c.Agents, c.Admin, c.Trusted
		if len(c.Redirects) > 0 {
			x.Grants = []string{client.GrantCode, client.GrantRefresh, client.GrantDevice}
		}
		if x.Auth != client.AuthNone {
			x.Grants = append(x.Grants, client.GrantAssertion)
			if len(c.Admin) > 0 && len(c.Redirects) == 0 {
				x.Grants = append(x.Grants, client.GrantOwn)
			}
		}
		all = append(all, x)
	}
	for i, agent := range cfg.Agents {
		if agent.Client == nil {
			continue
		}
		x, err := proved(cfg, lookup, *agent.Client, fmt.Sprintf("agents[%d].client", i))
		if err != nil {
			return nil, err
		}
		x.Agent, x.Grants = agent.ID, client.AgentGrants()
		all = append(all, x)
	}
	return all, nil
}

// proved is a client with what it proves itself with.
func proved(cfg *config.Config, lookup lookup, c config.OAuthClient, field string) (client.Client, error) {
	x := client.Client{ID: c.ID, Origin: client.OriginConfig, Auth: client.AuthNone, KeysURL: c.KeysURL}
	switch {
	case len(c.Secrets) > 0:
		x.Auth = client.AuthBasic
		for _, ref := range c.Secrets {
			secret, err := lookup(ref)
			if err == nil && secret.Reveal() == "" {
				continue
			}
			if err != nil {
				return x, cfg.Errorf(field+".secret", "%v", err)
			}
			if err := x.AddSecret(secret.Reveal()); err != nil {
				return x, cfg.Errorf(field+".secret", "%v", err)
			}
		}
	case c.Key != "":
		x.Auth = client.AuthKey
		b, err := os.ReadFile(strings.TrimPrefix(c.Key, "file:"))
		if err == nil {
			x.Keys, err = client.ParseKeys(b)
		}
		if err != nil {
			return x, cfg.Errorf(field+".key", "%v", err)
		}
	case c.KeysURL != "":
		x.Auth = client.AuthKey
	}
	return x, nil
}

func configuredIssuers(cfg *config.Config, lookup lookup) ([]issuer.Issuer, error) {
	var all []issuer.Issuer
	for i, x := range cfg.Auth.Issuers {
		if x.Introspect != nil {
			asked := *x.Introspect
			for _, part := range []struct {
				ref string
				to  func(vault.Secret)
			}{
				{x.IntrospectionID, func(s vault.Secret) { asked.ClientID = s.Reveal() }},
				{x.IntrospectionSecret, func(s vault.Secret) { asked.ClientSecret = s }},
			} {
				if !config.IsReference(part.ref) {
					continue
				}
				secret, err := lookup(part.ref)
				if err != nil {
					return nil, cfg.Errorf(fmt.Sprintf("auth.issuers[%d].introspection", i), "%v", err)
				}
				part.to(secret)
			}
			x.Introspect = &asked
		}
		all = append(all, x.Issuer)
	}
	return all, nil
}

// resourceScopes are the words that clients read in the metadata: few, since some
// ask for all that they find there. The person who consents narrows them.
func (a *App) resourceScopes() []string {
	var all []string
	for _, s := range a.services {
		all = append(all, s.Name+":"+scope.ReadOnly, s.Name+":"+scope.ReadWrite)
	}
	return all
}

var _ auth.Foreign = (*issuer.Set)(nil)
