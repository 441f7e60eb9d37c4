package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"toolvault/audit"
	"toolvault/audit/index"
	"toolvault/vault"
	"toolvault/vault/store"
)

// AuditDir is the folder of the audit log in a data folder.
func AuditDir(dir string) string { return filepath.Join(dir, "audit") }

// AuditKey is the verifier key of this folder's log, in the C2SP note format.
func (a *App) AuditKey() string { return a.auditKey }

func (a *App) openLog(ctx context.Context) error {
	dir := AuditDir(a.Dir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("the audit folder %s cannot be made: %w", dir, bare(err))
	}
	if err := private(dir, 0o700); err != nil {
		return err
	}
	if err := privateFiles(dir); err != nil {
		return err
	}
	signer, err := makeAuditKey(dir, a.Keyring)
	if err != nil {
		return err
	}
	if err := a.resealAuditKey(ctx); err != nil {
		return err
	}
	if a.auditKey, err = signer.verifier(); err != nil {
		return err
	}
	keeper := keepHeads(a.heads(), a.auditKey, a.Logger)
	a.closers = append(a.closers, keeper.close) // after the log's, which has the last head
	kept := keeper.hear
	known, err := a.heads().get(ctx, a.auditKey)
	if errors.Is(err, vault.ErrSealed) {
		kept = nil // what was done to it stays for `audit verify` to tell
		a.Logger.Error("the audit log cannot be held against the checkpoint in the store", "error", err)
	} else if err != nil {
		return err
	}
	a.Log, err = audit.Open(audit.Options{
		Dir: dir, Key: signer.key, Name: signer.name, Now: time.Now, Logger: a.Logger, Kept: kept, Known: known,
		Keys: a.auditKeyOf, Erased: a.forgetErased,
	})
	if err != nil {
		return err
	}
	a.closers = append(a.closers, a.Log.Close)
	return nil
}

// auditUpkeepEvery is how often full segments are sealed and old bodies dropped.
const auditUpkeepEvery = 5 * time.Minute

// keepAudit keeps the audit log in order until ctx ends.
func (a *App) keepAudit(ctx context.Context) error {
	return store.Repeat(ctx, auditUpkeepEvery, func(ctx context.Context) error {
		return a.Log.Upkeep(ctx, a.config().Audit.Keep)
	}, a.Logger, "the audit log's upkeep failed; it is tried again")
}

// forgetErased throws away what was made of records whose bodies are gone.
func (a *App) forgetErased(spans []audit.Span) error {
	return index.Forget(AuditDir(a.Dir), spans)
}
