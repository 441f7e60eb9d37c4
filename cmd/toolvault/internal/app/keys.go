package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"toolvault/vault"
)

const (
	resealLook  = 5 * time.Second // how soon a server notices new keys
	resealSpeed = 200             // records a second, beside calls
	resealLease = 15 * time.Second
)

// keepSealed seals anew what older keys have sealed, whenever the keys have
// changed, until ctx ends. Of several processes one does the work; the others see
// that there is none left.
func (a *App) keepSealed(ctx context.Context) error {
	tick := time.NewTicker(resealLook)
	defer tick.Stop()
	done := int64(0)
	for {
		// The vault follows its own keyring, which a sandbox has apart. What keeps
		// this one from being read is told where it is used.
		_ = a.Keyring.Reload(ctx)
		if version := a.Keyring.Version(); version != done {
			err := a.resealAll(ctx)
			switch {
			case err == nil:
				done = version
			case ctx.Err() != nil:
				return nil
			case !errors.Is(err, errElsewhere):
				a.Logger.Warn("records could not be sealed with the new key yet; it is tried again", "error", err)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

var errElsewhere = errors.New("another process seals records anew")

func (a *App) resealAll(ctx context.Context) error {
	if err := a.resealAuditKey(ctx); err != nil {
		return err
	}
	keys, err := a.Keyring.Keys(ctx)
	if err != nil || len(keys) == 1 {
		return err
	}
	asking, cancel := context.WithTimeout(ctx, time.Second)
	lease, err := a.Store.Lease(asking, "reseal", resealLease)
	cancel()
	if err != nil {
		return errors.Join(ctx.Err(), errElsewhere)
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		_ = lease.Release(ctx)
	}()
	extended := time.Now()
	did, err := vault.Reseal(ctx, a.Store, a.Keyring, vault.ResealOptions{
		PerSecond: resealSpeed,
		Progress: func(vault.Resealed) {
			if time.Since(extended) > resealLease/3 {
				extended = time.Now()
				_ = lease.Extend(ctx, resealLease) // lost, two do the work of one, which does no harm
			}
		},
	})
	if err == nil && did.Done > 0 {
		a.Logger.Info("what older keys have sealed is sealed with the new one", "records", did.Done)
	}
	return err
}

// resealAuditKey seals the key of this folder's audit log with the primary key,
// and puts on record with which key it is sealed.
func (a *App) resealAuditKey(ctx context.Context) error {
	dir := AuditDir(a.Dir)
	s, err := readAuditKey(dir, a.Keyring)
	if err != nil {
		return err
	}
	path := signerPath(dir)
	sealed, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("the audit key %s cannot be read: %w", path, bare(err))
	}
	if !a.Keyring.Current(sealed) {
		sealed, err = a.Keyring.Seal(append(s.key.Seed(), s.name...), signerName, signerVersion)
		if err != nil {
			return err
		}
		if err := replace(path, string(sealed)); err != nil {
			return fmt.Errorf("the audit key %s cannot be sealed anew: %w", path, err)
		}
	}
	verifier, err := s.verifier()
	if err != nil {
		return err
	}
	// Two machines may have the same name and the same folders. The key's hash, which
	// follows the name in a verifier key, tells their logs apart.
	return a.Keyring.Hold(ctx, verifier[:len(s.name)+9]+" in "+dir, sealed)
}

// replace writes a file in the place of one that is there, whole or not at all.
func replace(path, text string) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), ".new-*") // made with mode 0600
	if err != nil {
		return bare(err)
	}
	defer func() { _ = os.Remove(tmp.Name()) }()
	_, err = tmp.WriteString(text)
	if err = errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return bare(err)
	}
	if err := os.Rename(tmp.Name(), path); err != nil {
		return bare(err)
	}
	return syncDir(filepath.Dir(path))
}

// CredentialTypes are the types of credential that each service takes.
func (a *App) CredentialTypes() map[string][]string { return credentialTypes(a.services) }

// Schemes are, by service, how its types of credential are presented there.
func (a *App) Schemes() map[string]map[string]vault.Scheme { return schemes(a.services) }
