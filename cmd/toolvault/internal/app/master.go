package app

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"toolvault/vault"
	"toolvault/vault/store"
)

// masterFile is the master key that a data folder has of its own. masterNext begins
// the names of keys that are about to take its place.
const (
	masterFile = "master.key"
	masterNext = masterFile + ".next-"
)

// MasterSource says where the master key comes from: a reference of the config, or
// the path of the folder's own file.
func (a *App) MasterSource() string {
	if ref := a.Cfg.Keys.Master; ref != "" {
		return ref
	}
	return filepath.Join(a.Dir, masterFile)
}

// ErrNoNewMaster is returned by RotateMaster where the config says where the master
// key comes from, and nobody says where the new one does.
var ErrNoNewMaster = errors.New("the config says where the master key comes from, so say where the new one does")

// RotateMaster puts another master key in force: the one that a reference stands
// for, or with none a new one in the folder's own file, whose old content is kept
// in master.key.old. The store changes in one write, and the file after it: a
// process that is killed in between leaves the new key beside the file, and the
// next start takes it up.
func (a *App) RotateMaster(ctx context.Context, to string) error {
	switch {
	case to == "" && a.Cfg.Keys.Master != "":
		return ErrNoNewMaster
	case to != "":
		next, err := a.Cfg.Lookup(to)
		if err != nil {
			return err
		}
		return a.Keyring.Rewrap(ctx, next)
	}
	next := vault.NewMasterKey()
	var mark [4]byte
	_, _ = rand.Read(mark[:]) // never fails: crypto/rand ends the program first
	path := filepath.Join(a.Dir, masterNext+hex.EncodeToString(mark[:]))
	if err := writeNew(path, next.Reveal()+"\n"); err != nil {
		return fmt.Errorf("the new master key %s cannot be written: %w", path, err)
	}
	err := a.Keyring.Rewrap(ctx, next)
	switch {
	case err == nil:
		return a.adoptMaster(path)
	case errors.Is(err, store.ErrUnavailable) || ctx.Err() != nil:
		return fmt.Errorf("%w; whether the new master key is in force is not known: keep %s, the next start finds out", err, path)
	}
	_ = os.Remove(path)
	return err
}

// adoptMaster makes a new key the folder's own.
func (a *App) adoptMaster(path string) error {
	own := filepath.Join(a.Dir, masterFile)
	old := own + ".old"
	if err := os.Remove(old); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("the file %s cannot be replaced: %w", old, bare(err))
	}
	if err := os.Link(own, old); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("the old master key cannot be kept as %s: %w", old, err)
	}
	if err := os.Rename(path, own); err != nil {
		return fmt.Errorf("the new master key is in force, and its file %s cannot be made %s: %w; rename it by hand", path, own, err)
	}
	return syncDir(a.Dir)
}

// nextMaster opens the keyring with a key that was about to become the folder's
// own when its process died. wrong is why the present one does not fit.
func (a *App) nextMaster(ctx context.Context, wrong error) (*vault.Keyring, error) {
	if a.Cfg.Keys.Master != "" || !errors.Is(wrong, vault.ErrWrongMasterKey) {
		return nil, wrong
	}
	entries, err := os.ReadDir(a.Dir)
	if err != nil {
		return nil, wrong
	}
	for _, e := range entries {
		path := filepath.Join(a.Dir, e.Name())
		if !strings.HasPrefix(e.Name(), masterNext) || private(path, 0o600) != nil {
			continue
		}
		b, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		k, err := vault.OpenKeyring(ctx, a.Store, vault.NewSecret(strings.TrimSpace(string(b))))
		if err != nil {
			continue
		}
		if err := a.adoptMaster(path); err != nil {
			return nil, err
		}
		return k, nil
	}
	return nil, wrong
}
