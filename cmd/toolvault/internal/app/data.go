package app

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"toolvault/cmd/toolvault/internal/config"
	"toolvault/vault"
)

// format is the version of the data folder's layout. A folder of a newer one is
// refused: what this program does not know it could destroy.
const format = 1

// DataDir is where data lives unless the command line says otherwise:
// $TOOLVAULT_DATA, else the user's data folder.
func DataDir() (string, error) {
	if dir := os.Getenv("TOOLVAULT_DATA"); dir != "" {
		return dir, nil
	}
	if dir := os.Getenv("XDG_DATA_HOME"); dir != "" {
		return filepath.Join(dir, "toolvault"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", errors.New("there is no home folder to keep data in: name one with --data DIR")
	}
	switch runtime.GOOS {
	case "darwin":
		return filepath.Join(home, "Library", "Application Support", "toolvault"), nil
	case "windows":
		return filepath.Join(home, "AppData", "Local", "toolvault"), nil
	}
	return filepath.Join(home, ".local", "share", "toolvault"), nil
}

// openFolder makes the data folder, or checks the one that is there: nobody but
// its owner may read it, and it must not be of a newer program.
func openFolder(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("the data folder %s cannot be made: %w", dir, bare(err))
	}
	if err := private(dir, 0o700); err != nil {
		return err
	}
	err := checkFormat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return writeNew(filepath.Join(dir, "format"), strconv.Itoa(format)+"\n")
	}
	return err
}

// checkFormat refuses a folder that a newer program has made.
func checkFormat(dir string) error {
	path := filepath.Join(dir, "format")
	b, err := os.ReadFile(path)
	switch {
	case err != nil:
		return fmt.Errorf("the data folder %s cannot be read: %w", dir, bare(err))
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(b)))
	switch {
	case err != nil:
		return fmt.Errorf("%s does not hold a number: the folder is damaged, or not a data folder", path)
	case n > format:
		return fmt.Errorf("the data folder %s was written by a newer toolvault (format %d, this one knows %d): use the newer program", dir, n, format)
	}
	return nil
}

// private refuses a file or folder that others can reach.
func private(path string, want fs.FileMode) error {
	if runtime.GOOS == "windows" {
		return nil // access is by lists there, and the user's profile is private
	}
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("%s cannot be read: %w", path, bare(err))
	}
	if open := info.Mode().Perm() &^ want; open != 0 {
		return fmt.Errorf("%s can be reached by other users (mode %04o): it holds secrets; run: chmod %o %s", path, info.Mode().Perm(), want, path)
	}
	return nil
}

// privateFiles refuses a folder with a file that others can reach.
func privateFiles(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("the folder %s cannot be read: %w", dir, bare(err))
	}
	for _, e := range entries {
		if !e.Type().IsRegular() {
			continue
		}
		err := private(filepath.Join(dir, e.Name()), 0o600)
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // another process has just removed it
			return err
		}
	}
	return nil
}

// writeNew writes a file that nobody but its owner may read, whole or not at
// all, and never over one that is there: of two processes one wins.
func writeNew(path, text string) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), ".new-*") // made with mode 0600
	if err != nil {
		return bare(err)
	}
	defer func() { _ = os.Remove(tmp.Name()) }()
	_, err = tmp.WriteString(text)
	err = errors.Join(err, tmp.Sync(), tmp.Close())
	if err != nil {
		return bare(err)
	}
	if err := os.Link(tmp.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return bare(err)
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return bare(err)
	}
	return errors.Join(d.Sync(), d.Close())
}

// masterKey reads the folder's own master key. Where there is none it makes one,
// if it may: not for a store that was sealed with another. The bool tells that it
// is new.
func masterKey(dir string, may bool) (vault.Secret, string, bool, error) {
	path := filepath.Join(dir, masterFile)
	made := false
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		if !may {
			return vault.Secret{}, path, false, fmt.Errorf("the master key file %s is gone, and the store was sealed with it: put back the copy that you kept; nothing else opens the store", path)
		}
		if err := writeNew(path, vault.NewMasterKey().Reveal()+"\n"); err != nil {
			return vault.Secret{}, path, false, fmt.Errorf("the master key file %s cannot be made: %w", path, err)
		}
		made = true
	}
	if err := private(path, 0o600); err != nil {
		return vault.Secret{}, path, false, err
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return vault.Secret{}, path, false, fmt.Errorf("the master key file %s cannot be read: %w", path, bare(err))
	}
	return vault.NewSecret(strings.TrimSpace(string(b))), path, made, nil
}

// bare strips the operation and path that Go puts before a file error, since our
// sentence has said them.
func bare(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

// FindDataDir is the data folder that a command line and a config file lead to,
// as an absolute path: the flag, else $TOOLVAULT_DATA, else the folder that the
// config's storage names, else the user's data folder.
func FindDataDir(flag, configPath string) (string, error) {
	cfg, err := loadConfig(configPath)
	if err != nil {
		return "", err
	}
	return findDataDir(flag, cfg)
}

func findDataDir(flag string, cfg *config.Config) (string, error) {
	dir := flag
	if dir == "" && os.Getenv("TOOLVAULT_DATA") == "" {
		dir, _ = strings.CutPrefix(cfg.Storage.URL, "file:")
		if dir == cfg.Storage.URL {
			dir = "" // a Redis: what stays on this machine goes to the usual place
		}
	}
	if dir == "" {
		var err error
		if dir, err = DataDir(); err != nil {
			return "", err
		}
	}
	return filepath.Abs(dir)
}
