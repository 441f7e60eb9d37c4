package app

import (
	"context"
	"fmt"

	"toolvault/auth"
	"toolvault/cmd/toolvault/internal/config"
	"toolvault/tools"
	"toolvault/vault"
)

// apply puts a config in force: agents, credentials, policies, services. It is
// all or nothing: an error leaves what was.
func (a *App) apply(cfg *config.Config) error {
	services := configured(a.services, cfg)
	upstream, err := upstreams(services, cfg)
	if err != nil {
		return err
	}
	hook, err := webhookOf(cfg)
	if err != nil {
		return err
	}
	policies, offers := map[string]*auth.Policy{}, map[string]tools.Offer{}
	var decls []vault.Declaration
	for _, agent := range cfg.Agents {
		p, err := auth.CompilePolicy(agent.Rules, shapes(a.schemas))
		if err != nil {
			return fmt.Errorf("policy of agent %s: %w", agent.ID, err)
		}
		policies[agent.ID], offers[agent.ID] = p, agent.Offer
		decls = append(decls, agent.Credentials...)
	}
	if err := a.identities(cfg); err != nil {
		return err
	}
	if err := a.Gateway.SetServices(services); err != nil {
		return err
	}
	a.limit(cfg)
	a.Gateway.SetPolicies(policies) // before the credentials: none is used under rules that are not its own
	a.Gateway.SetOffers(a.Offer, offers)
	a.Vault.Configure(decls, upstream)
	a.Agents.Configure(agents(cfg))
	a.notifier.hook.Store(hook)
	a.mirrors.set(cfg)
	a.setOwners(cfg)
	a.inForce.Store(cfg)
	return nil
}

// config is the config in force. Of Cfg, the one at the start, only the sections
// that a change does not touch are read later.
func (a *App) config() *config.Config {
	if cfg := a.inForce.Load(); cfg != nil {
		return cfg
	}
	return a.Cfg
}

// reload puts a changed config in force.
func (a *App) reload(ctx context.Context, cfg *config.Config) {
	if cfg.Digest == a.config().Digest {
		return
	}
	if err := a.apply(cfg); err != nil {
		a.keep(err)
		return
	}
	a.Logger.Info("the changed config is in force", "file", a.Config, "agents", len(cfg.Agents))
	a.warn(ctx)
}

func (a *App) keep(err error) {
	a.Logger.Error("the changed config is not in force, the old one stays", "error", err)
}
