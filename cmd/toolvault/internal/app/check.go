package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"toolvault/auth"
	"toolvault/auth/people"
	"toolvault/auth/scope"
	"toolvault/cmd/toolvault/internal/config"
	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/upstream"
	"toolvault/vault"
	"toolvault/vault/connect"
	"toolvault/vault/store"
)

// Finding is what a check found out about one reference or credential.
type Finding struct {
	What    string // the credential's id, or the place of a reference in the config
	Agent   string
	Service string
	Detail  string
	Err     error // nil: it can be used
	Warning bool  // Detail is worth a thought
}

// Check looks at everything that the config refers to. With live it asks each
// service whether it accepts the credential.
func (a *App) Check(ctx context.Context, live bool) ([]Finding, error) {
	var found []Finding
	for _, r := range a.config().References() {
		if r.Kind == "vault" || strings.Contains(r.Where, "credentials[") {
			continue // looked at below, with its credential
		}
		f := Finding{What: r.Where, Detail: r.Kind + ":" + r.Name}
		_, f.Err = a.config().Lookup(r.Kind + ":" + r.Name)
		found = append(found, f)
	}
	services := configured(a.services, a.config())
	if a.Sandbox != nil {
		services = a.Sandbox.move(a.services)
	}
	for _, d := range a.Vault.Declarations() {
		i := slices.IndexFunc(services, func(s tools.Service) bool { return s.Name == d.Service })
		if i < 0 {
			continue
		}
		f := Finding{What: d.ID, Agent: d.Owner.Agent, Service: d.Service, Detail: d.Type + " from " + d.Source}
		if d.Owner.User != "" {
			f.Agent += " for " + d.Owner.User
		}
		f.Err = a.resolvable(ctx, d)
		if f.Err == nil && services[i].Endpoint.BaseURL == "" && d.BaseURL == "" {
			f.Err = fmt.Errorf("the address of %s is not known: set services.%s.base_url in the config, or base_url of the credential", services[i].Title, d.Service)
		}
		if f.Err == nil && live {
			f.Detail, f.Err = a.probe(ctx, services[i], d)
		}
		if f.Err != nil {
			f.Err = errors.New(a.place(d) + a.Redactor.Text(f.Err.Error()))
		}
		found = append(found, f)
	}
	for _, agent := range a.config().Agents {
		policy, err := auth.CompilePolicy(agent.Rules, shapes(a.schemas))
		if err != nil {
			return nil, fmt.Errorf("policy of agent %s: %w", agent.ID, err)
		}
		for _, w := range policy.Warnings() {
			found = append(found, Finding{What: "policy", Agent: agent.ID, Detail: w, Warning: true})
		}
		for _, name := range a.strangers(ctx, agent) {
			found = append(found, Finding{
				What: "person", Agent: agent.ID, Warning: true,
				Detail: fmt.Sprintf("%s may consent and cannot sign in: add them with 'toolvault person add %s'", name, name),
			})
		}
	}
	return found, nil
}

// strangers are the people whose consent the config names and who cannot sign in.
func (a *App) strangers(ctx context.Context, agent config.Agent) []string {
	names := slices.Clone(agent.Owners)
	for _, d := range agent.Credentials {
		if d.Owner.User != "" && connect.Connectable(d) == nil {
			names = append(names, d.Owner.User)
		}
	}
	slices.Sort(names)
	return slices.DeleteFunc(slices.Compact(names), func(name string) bool {
		_, err := a.People.Get(ctx, name)
		return !errors.Is(err, people.ErrUnknown)
	})
}

// place is where the config file declares a credential: "toolvault.yaml:12:9: ".
func (a *App) place(d vault.Declaration) string {
	for i, agent := range a.config().Agents {
		for j, c := range agent.Credentials {
			if c.ID != d.ID || c.Owner != d.Owner || c.Source != d.Source {
				continue
			}
			for _, field := range []string{fmt.Sprintf("agents[%d].credentials[%d].source", i, j), fmt.Sprintf("credentials[%d].source", j)} {
				if at := a.config().Where(field); at.Line > 0 {
					return fmt.Sprintf("%s:%d:%d: ", a.config().Path, at.Line, at.Column)
				}
			}
		}
	}
	return ""
}

// warn logs what cannot be used, at the start: one bad credential is no reason
// not to serve the others.
func (a *App) warn(ctx context.Context) {
	found, err := a.Check(ctx, false)
	if err != nil {
		a.Logger.Warn("the credentials could not be checked", "error", err)
	}
	for _, f := range found {
		if f.Warning {
			a.Logger.Warn(f.What+": "+f.Detail, "agent", f.Agent)
		}
		if f.Err != nil {
			a.Logger.Warn("cannot be used: calls that need it will fail until it is mended", "what", f.What, "agent", f.Agent, "error", f.Err)
		}
	}
}

// resolvable says whether the secret is there. A grant is not used up for it.
func (a *App) resolvable(ctx context.Context, d vault.Declaration) error {
	if name, ok := strings.CutPrefix(d.Source, "vault:"); ok {
		info, err := a.Vault.Show(ctx, name)
		if errors.Is(err, store.ErrNotFound) {
			if d.Type == vault.TypeOAuthToken && a.config().Services[d.Service].OAuth.ClientID != "" {
				return fmt.Errorf("there is no vault:%s yet: a person has to consent, with '%s'", name, vault.ConnectCommand(d))
			}
			return fmt.Errorf("there is no vault:%s yet: put it in with 'toolvault credential put %s --type %s'", name, name, d.Type)
		}
		if err != nil {
			return err
		}
		switch info.State {
		case vault.StateRevoked:
			return fmt.Errorf("vault:%s was revoked at %s: 'toolvault credential show %s' tells what to do", name, info.Updated.UTC().Format(time.RFC3339), name)
		case vault.StateNeedsConsent:
			return fmt.Errorf("%s: a person has to consent, with '%s'", info.Reason, vault.ConnectCommand(d))
		}
		if info.Type != d.Type {
			return fmt.Errorf("vault:%s is stored as %s, and the config says %s: put the right one in with 'toolvault credential put %s --type %s'", name, info.Type, d.Type, name, d.Type)
		}
		if info.HasRefresh && a.Sandbox == nil && a.config().Services[d.Service].OAuth.ClientID == "" {
			return fmt.Errorf("to refresh its token an OAuth app is needed: set services.%s.oauth in the config", d.Service)
		}
	}
	return a.Vault.Check(ctx, d)
}

func (a *App) probe(ctx context.Context, s tools.Service, d vault.Declaration) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	cred, err := a.Vault.Resolve(ctx, d)
	if err != nil {
		return "", err
	}
	p := &probed{vault: a.Vault, cred: cred}
	endpoint, failure := s.At(d.BaseURL, cred.Instance)
	if failure != nil {
		return "", errors.New(failure.Message)
	}
	client := a.pool.Client(endpoint, p, "check")
	client.Params(d.Params)
	client.Permit(func(name string) bool { // so that a probe knows which API the credential is of
		def, ok := s.Scopes.Lookup(name)
		return ok && d.Scope.Allows(scope.Need{Service: s.Name, Name: def.Name, Write: def.Write})
	})
	client.Conceal(func(s string) string { return a.Redactor.Values(s, p.secrets()...) })
	who, err := s.Probe(ctx, client)
	if err != nil {
		return "", errors.New(a.Redactor.Text(fault.From(err).Message, p.secrets()...))
	}
	if p.cred.Former {
		name := strings.TrimPrefix(d.Source, "vault:")
		return "", fmt.Errorf("%s refuses the new key and takes the one before it, which is kept beside it and must not be taken back yet: make the new one known there, or put the right one in with 'toolvault credential rotate %s'", s.Title, name)
	}
	return a.Redactor.Text(who, p.secrets()...), nil
}

// probed is a credential as the upstream client uses it, outside a call.
type probed struct {
	vault *vault.Vault
	cred  *vault.Credential
}

var _ upstream.Certified = (*probed)(nil)

func (p *probed) Authorize(r *http.Request) error { return p.cred.Authorize(r) }
func (p *probed) Key() string                     { return p.cred.ID }
func (p *probed) TLS() *tls.Config                { return p.cred.TLS() }

func (p *probed) Renew(ctx context.Context) (bool, error) {
	cred, err := p.vault.Renew(ctx, p.cred)
	switch {
	case errors.Is(err, vault.ErrInvalid):
		return false, nil
	case err != nil:
		return false, err
	}
	p.cred = cred
	return true, nil
}

func (p *probed) secrets() []string {
	var all []string
	for _, s := range p.cred.Secrets() {
		all = append(all, s.Reveal())
	}
	return all
}
