package app

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"

	"toolvault/audit/tile"
	"toolvault/cmd/toolvault/internal/config"
	"toolvault/vault/store"
)

// Run follows the store and the config file until ctx ends.
func (a *App) Run(ctx context.Context) error {
	for _, w := range store.Warnings(ctx, a.Store) {
		a.Logger.Warn(w)
	}
	a.warn(ctx)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return a.Agents.Run(ctx) })
	g.Go(func() error { return a.Tokens.Run(ctx) })
	g.Go(func() error { return a.People.Run(ctx) })
	g.Go(func() error { return a.Clients.Run(ctx) })
	if a.Login != nil {
		g.Go(func() error { return a.Login.Run(ctx) })
	}
	if s, prover := a.oauth.server, a.oauth.prover; s != nil {
		g.Go(func() error { return s.Run(ctx) })
		g.Go(func() error { return prover.Run(ctx) })
	}
	g.Go(func() error { return a.Connect.Run(ctx) })
	g.Go(func() error { return a.Vault.Run(ctx) })
	g.Go(func() error { return a.keepSealed(ctx) })
	g.Go(func() error { return a.keepAudit(ctx) })
	g.Go(func() error { return a.keepIndex(ctx) })
	g.Go(func() error { return a.anchor(ctx) })
	g.Go(func() error { return a.notifier.run(ctx) })
	g.Go(func() error { return a.runMirrors(ctx) })
	if a.tracer != nil {
		g.Go(func() error { return a.tracer.Run(ctx) })
	}
	g.Go(func() error { return a.watch(ctx) })
	g.Go(func() error { return a.Ledger.Run(ctx) })
	g.Go(func() error { return tile.Run(ctx, AuditDir(a.Dir), a.Logger) })
	g.Go(func() error { return a.Budgets.Run(ctx) })
	if a.Config != "" && a.Sandbox == nil {
		g.Go(func() error {
			return config.Watch(ctx, a.Config, known(a.services, a.schemas), time.Second, func(cfg *config.Config) { a.reload(ctx, cfg) }, a.keep)
		})
	}
	if err := g.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}
