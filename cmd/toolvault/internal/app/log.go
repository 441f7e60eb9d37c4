package app

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"toolvault/audit"
	"toolvault/vault"
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
	if a.auditKey, err = audit.VerifierKey(signer.key, signer.name); err != nil {
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
	})
	if err != nil {
		return err
	}
	a.closers = append(a.closers, a.Log.Close)
	return nil
}

// signer is who signs a log: its key, and the name that stands in every
// checkpoint. They are sealed together, so that a log keeps its name when the
// machine gets another one.
type signer struct {
	key  ed25519.PrivateKey
	name string
}

const signerName, signerVersion = "audit-key", 1

func signerPath(dir string) string { return filepath.Join(dir, "key.sealed") }

// makeAuditKey opens the key that signs this folder's audit log, making one
// where there is none. It lies beside the log, sealed: each machine has its own.
func makeAuditKey(dir string, keyring *vault.Keyring) (signer, error) {
	s, err := readAuditKey(dir, keyring)
	if !errors.Is(err, fs.ErrNotExist) {
		return s, err
	}
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	sealed, err := keyring.Seal(append(audit.NewKey().Seed(), "toolvault/"+host...), signerName, signerVersion)
	if err != nil {
		return signer{}, err
	}
	if err := writeNew(signerPath(dir), string(sealed)); err != nil {
		return signer{}, fmt.Errorf("the audit key %s cannot be made: %w", signerPath(dir), err)
	}
	return readAuditKey(dir, keyring) // of two processes one has won
}

func readAuditKey(dir string, keyring *vault.Keyring) (signer, error) {
	path := signerPath(dir)
	sealed, err := os.ReadFile(path)
	if err != nil {
		return signer{}, fmt.Errorf("the audit key %s cannot be read: %w", path, bare(err))
	}
	text, err := keyring.Open(sealed, signerName, signerVersion)
	if err != nil || len(text) <= ed25519.SeedSize {
		return signer{}, fmt.Errorf("the audit key %s does not open with the keys of this store: the log was begun with another store, or this one has lost its data; restore what belongs together, or move the folder %s away, and a new log begins", path, dir)
	}
	return signer{ed25519.NewKeyFromSeed(text[:ed25519.SeedSize]), string(text[ed25519.SeedSize:])}, nil
}
