package app

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"toolvault/audit"
	"toolvault/vault"
)

// signer is who signs a log: its key, and the name that stands in every
// checkpoint. They are sealed together, so that a log keeps its name when the
// machine gets another one.
type signer struct {
	key  ed25519.PrivateKey
	name string
}

func (s signer) verifier() (string, error) { return audit.VerifierKey(s.key, s.name) }

const signerName, signerVersion = "audit-key", 1

// signerPath is where the key lies, nextSignerPath where one lies that is about
// to take over from it.
func signerPath(dir string) string     { return filepath.Join(dir, "key.sealed") }
func nextSignerPath(dir string) string { return filepath.Join(dir, "key-next.sealed") }

// makeAuditKey opens the key that signs this folder's audit log, making one
// where there is none. It lies beside the log, sealed: each machine has its own,
// and each log a name that no other has.
func makeAuditKey(dir string, keyring *vault.Keyring) (signer, error) {
	s, err := readAuditKey(dir, keyring)
	if !errors.Is(err, fs.ErrNotExist) {
		return s, err
	}
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	var own [4]byte
	_, _ = rand.Read(own[:]) // since Go 1.24 it cannot fail
	err = sealAuditKey(signerPath(dir), signer{audit.NewKey(), "toolvault/" + host + "/" + hex.EncodeToString(own[:])}, keyring)
	if err != nil {
		return signer{}, err
	}
	return readAuditKey(dir, keyring) // of two processes one has won
}

// sealAuditKey writes a key where there is none yet.
func sealAuditKey(path string, s signer, keyring *vault.Keyring) error {
	sealed, err := keyring.Seal(append(s.key.Seed(), s.name...), signerName, signerVersion)
	if err != nil {
		return err
	}
	if err := writeNew(path, string(sealed)); err != nil {
		return fmt.Errorf("the audit key %s cannot be made: %w", path, err)
	}
	return nil
}

func readAuditKey(dir string, keyring *vault.Keyring) (signer, error) {
	return openAuditKey(signerPath(dir), keyring)
}

func openAuditKey(path string, keyring *vault.Keyring) (signer, error) {
	sealed, err := os.ReadFile(path)
	if err != nil {
		return signer{}, fmt.Errorf("the audit key %s cannot be read: %w", path, bare(err))
	}
	text, err := keyring.Open(sealed, signerName, signerVersion)
	if err != nil || len(text) <= ed25519.SeedSize {
		return signer{}, fmt.Errorf("the audit key %s does not open with the keys of this store: the log was begun with another store, or this one has lost its data; restore what belongs together, or move the folder %s away, and a new log begins", path, filepath.Dir(path))
	}
	return signer{ed25519.NewKeyFromSeed(text[:ed25519.SeedSize]), string(text[ed25519.SeedSize:])}, nil
}

// auditKeyOf returns the private key of a verifier key, for a log whose key was
// rotated, by this process or another.
func (a *App) auditKeyOf(verifier string) (ed25519.PrivateKey, error) {
	dir := AuditDir(a.Dir)
	s, err := readAuditKey(dir, a.Keyring)
	if err != nil {
		return nil, err
	}
	if v, err := s.verifier(); err == nil && v == verifier {
		return s.key, nil
	}
	next, err := openAuditKey(nextSignerPath(dir), a.Keyring)
	if err == nil {
		if v, e := next.verifier(); e != nil || v != verifier {
			err = errors.New("it is another key")
		}
	}
	if err != nil {
		return nil, fmt.Errorf("the log goes on with another key than the one in %s, which is not here: restore the folder's files that belong together", dir)
	}
	// The log says that it has taken over: what was cut short is ended here.
	return next.key, a.promoteAuditKey()
}

// promoteAuditKey puts the next key in the place of the one that it has taken
// over from. The old one is gone then: nobody can sign with it any more.
func (a *App) promoteAuditKey() error {
	dir := AuditDir(a.Dir)
	err := os.Rename(nextSignerPath(dir), signerPath(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // another process was first
	}
	if err == nil {
		err = syncDir(dir)
	}
	if err != nil {
		return fmt.Errorf("the new audit key cannot be put in place: %w", bare(err))
	}
	return nil
}

// RotateAuditKey lets a new key sign the audit log from now on, in all processes,
// and returns its verifier key. admin is who wants it. Cut short at any point, it is ended by the next
// who opens the log, or has not happened.
func (a *App) RotateAuditKey(ctx context.Context, admin string) (string, error) {
	dir := AuditDir(a.Dir)
	s, err := readAuditKey(dir, a.Keyring)
	if err != nil {
		return "", err
	}
	next, err := openAuditKey(nextSignerPath(dir), a.Keyring)
	if errors.Is(err, fs.ErrNotExist) {
		next = signer{audit.NewKey(), s.name}
		err = sealAuditKey(nextSignerPath(dir), next, a.Keyring)
	}
	if err != nil {
		return "", err
	}
	if err := a.Log.Rotate(ctx, next.key, admin); err != nil {
		return "", err
	}
	if err := a.promoteAuditKey(); err != nil {
		return "", err
	}
	if err := a.resealAuditKey(ctx); err != nil {
		return "", err
	}
	a.auditKey, err = next.verifier()
	return a.auditKey, err
}
