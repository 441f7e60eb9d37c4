package app

import (
	"context"
	"time"

	"toolvault/audit/index"
	"toolvault/vault/store"
)

// keepIndex keeps the index of the audit log up to date until ctx ends. Queries do
// without, only slower: so no failure of it ends the server.
func (a *App) keepIndex(ctx context.Context) error {
	return store.Repeat(ctx, 10*time.Second, func(ctx context.Context) error {
		return index.Run(ctx, AuditDir(a.Dir))
	}, a.Logger, "the index of the audit log is not kept up to date; it is tried again")
}
