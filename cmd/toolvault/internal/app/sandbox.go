package app

import (
	"context"
	"errors"
	"os"
	"time"

	"toolvault/auth"
	"toolvault/auth/scope"
	"toolvault/tools"
	"toolvault/tools/sandbox"
	"toolvault/tools/sandbox/double"
	"toolvault/vault"
	"toolvault/vault/store"
)

// SandboxAgent is the agent that the sandbox brings.
const SandboxAgent = "support-agent-1"

// SandboxTask is the task that the demo's token is minted for.
const SandboxTask = "weekly-follow-up"

// sandboxConfig is what an admin would write for the sandbox's agent.
var sandboxConfig = struct {
	task  string
	rules []auth.Rule
}{
	task: "hubspot:read-write pinecone:read-only slack:channels:read slack:channels:history slack:chat:write metabase:read-write",
	rules: []auth.Rule{
		{Tools: "slack_post_message", Allow: `args.channel in ["#support-updates"]`},
	},
}

// Sandbox is the doubles of the services and a vault with the credentials that
// they know. The vault lives in a folder of its own that goes with the process:
// credentials of doubles are worth nothing to anybody else.
type Sandbox struct {
	Doubles map[string]*double.Double
	dir     string
	release func() error // of the claim on dir
	store   store.Store
	keyring *vault.Keyring
}

func startSandbox(ctx context.Context) (_ *Sandbox, err error) {
	s := &Sandbox{Doubles: map[string]*double.Double{}}
	defer func() {
		if err != nil {
			_ = s.Close()
		}
	}()
	for _, d := range sandbox.All(time.Now) {
		if err := d.Start(); err != nil {
			return nil, err
		}
		s.Doubles[d.Service] = d
	}
	const folders = "toolvault-sandbox-*"
	sweep(folders)
	if s.dir, err = os.MkdirTemp("", folders); err != nil {
		return nil, err
	}
	if s.release, err = claim(s.dir); err != nil {
		return nil, err
	}
	if s.store, err = store.OpenSQLite(ctx, s.dir+"/vault.db"); err != nil {
		return nil, err
	}
	s.keyring, err = vault.OpenKeyring(ctx, s.store, vault.NewMasterKey())
	return s, err
}

// move puts every service at its double.
func (s *Sandbox) move(services []tools.Service) []tools.Service {
	moved := make([]tools.Service, len(services))
	for i, service := range services {
		moved[i] = at(service, s.Doubles[service.Name].BaseURL())
	}
	return moved
}

// enter registers the sandbox's agent, its credentials and its policy.
func (s *Sandbox) enter(ctx context.Context, a *App) error {
	if err := a.Agents.Ensure(ctx, SandboxAgent); err != nil {
		return err
	}
	catalogs := Catalogs()
	tasks, err := catalogs.ParseGrants(sandboxConfig.task)
	if err != nil {
		return err
	}
	a.Agents.Configure([]auth.Agent{{
		ID: SandboxAgent, Origin: auth.OriginSandbox, Rules: sandboxConfig.rules,
		Tasks: map[string]scope.Grants{SandboxTask: tasks},
	}})
	policy, err := auth.CompilePolicy(sandboxConfig.rules, shapes(a.schemas))
	if err != nil {
		return err
	}
	a.Gateway.SetPolicies(map[string]*auth.Policy{SandboxAgent: policy})

	var decls []vault.Declaration
	upstreams := map[string]vault.Service{}
	for _, service := range s.move(a.services) {
		d := s.Doubles[service.Name]
		upstream := vault.Service{BaseURL: service.Endpoint.BaseURL, Schemes: service.Auth}
		if service.OAuth != nil {
			upstream.App = vault.App{Provider: d.Provider(*service.OAuth, d.URL()), ClientID: d.ClientID, ClientSecret: vault.NewSecret(d.ClientSecret)}
		}
		upstreams[service.Name] = upstream
		for _, held := range d.Held(d.URL(), service.Auth) {
			decl, err := s.put(ctx, a.Vault, service, held)
			if err != nil {
				return err
			}
			decls = append(decls, decl)
		}
	}
	a.Vault.Configure(decls, upstreams)
	return nil
}

// put registers a credential that a double knows.
func (s *Sandbox) put(ctx context.Context, v *vault.Vault, service tools.Service, held double.Credential) (vault.Declaration, error) {
	name := service.Name + "/" + SandboxAgent
	if len(s.Doubles[service.Name].Credentials) > 1 {
		name += "/" + held.Type
	}
	set, err := service.Grantable(held.Type, held.Scope)
	if err != nil {
		return vault.Declaration{}, err
	}
	stored := vault.Stored{Type: held.Type, Secret: vault.NewSecret(held.Secret)}
	if held.Type == vault.TypeOAuthToken {
		stored.Refresh = vault.NewSecret(held.Refresh)
	}
	_, err = v.Put(ctx, name, stored)
	return vault.Declaration{
		ID: name, Owner: vault.Owner{Agent: SandboxAgent}, Service: service.Name, Type: held.Type, Source: "vault:" + name, Scope: set, Params: held.Params,
	}, err
}

// Close stops the doubles and removes their vault.
func (s *Sandbox) Close() error {
	var errs []error
	if s.store != nil {
		errs = append(errs, s.store.Close())
	}
	for _, d := range s.Doubles {
		errs = append(errs, d.Close())
	}
	if s.dir != "" {
		errs = append(errs, os.RemoveAll(s.dir))
	}
	if s.release != nil {
		errs = append(errs, s.release())
	}
	return errors.Join(errs...)
}
