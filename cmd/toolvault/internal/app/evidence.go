package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
)

// ErrNoAuditKey is returned by Evidence.Key for a folder without one.
var ErrNoAuditKey = errors.New("there is no audit key")

// Evidence is what a log is held against: its key and the head that the store
// keeps. It only reads: nothing in the data folder is made, mended or changed, so
// that what is looked at stays as it was found.
type Evidence struct{ app *App }

// OpenEvidence opens the store of a place that exists. Close must follow.
func OpenEvidence(ctx context.Context, o Options) (_ *Evidence, err error) {
	a := &App{Options: o}
	defer func() {
		if err != nil {
			_ = a.Close()
		}
	}()
	if a.Cfg, err = loadConfig(o.Config); err != nil {
		return nil, err
	}
	if a.Dir, err = findDataDir(o.Data, a.Cfg); err != nil {
		return nil, err
	}
	if _, err := os.Stat(a.Dir); err != nil {
		return nil, fmt.Errorf("the data folder %s cannot be read: %w", a.Dir, bare(err))
	}
	if err := private(a.Dir, 0o700); err != nil {
		return nil, err
	}
	if err := checkFormat(a.Dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return &Evidence{a}, a.openStore(ctx, false)
}

// Key is the verifier key of the folder's log. Where there is none the error is
// ErrNoAuditKey.
func (e *Evidence) Key() (string, error) {
	dir := AuditDir(e.app.Dir)
	s, err := readAuditKey(dir, e.app.Keyring)
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("%w in %s: without it only '--key KEY', with the key that you have written down, can tell whether the log is intact", ErrNoAuditKey, dir)
	}
	if err != nil {
		return "", err
	}
	return s.verifier()
}

// Head is the head that the store keeps of a log, for audit.Verify; nil where it
// has none.
func (e *Evidence) Head(ctx context.Context, key string) ([]byte, error) {
	return e.app.heads().get(ctx, key)
}

// Former are the logs that the store knows beside the one with this key and that
// were once in this folder: for a store that others use too, those that have the
// same name, which may also be in another folder of the same machine.
func (e *Evidence) Former(ctx context.Context, key string) ([]Former, error) {
	list, err := e.app.heads().others(ctx, key)
	name, _, _ := strings.Cut(key, "+")
	return slices.DeleteFunc(list, func(f Former) bool { return !e.app.local && f.Log != "" && f.Log != name }), err
}

// Close lets go of the store.
func (e *Evidence) Close() error { return e.app.Close() }
