//go:build unix

package app

import (
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// claim marks a temporary folder as in use for as long as this process lives.
func claim(dir string) (release func() error, err error) {
	f, err := os.OpenFile(filepath.Join(dir, "in-use"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f.Close, nil
}

// sweep removes the temporary folders of processes that were killed before they
// could: those that nobody claims any more.
func sweep(pattern string) {
	dirs, err := filepath.Glob(filepath.Join(os.TempDir(), pattern))
	if err != nil {
		return
	}
	for _, dir := range dirs {
		if _, err := os.Stat(filepath.Join(dir, "in-use")); err != nil {
			continue // somebody else's, or one that is being made
		}
		if release, err := claim(dir); err == nil {
			_ = os.RemoveAll(dir)
			_ = release()
		}
	}
}
