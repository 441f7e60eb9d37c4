package index

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"toolvault/audit"
)

// Forget removes what the index of a log has of some records. It must follow when
// their bodies were erased, and is done again where a crash came between: after it
// no process of the machine keeps anything of them that was read before, also
// not one that is building the index right now. The rest is built anew when it is
// needed.
func Forget(dir string, spans []audit.Span) error {
	return openShelf(dir, blockRows, false).forget(spans)
}

func (s *shelf) forget(spans []audit.Span) error {
	if _, err := os.Stat(s.dir); errors.Is(err, fs.ErrNotExist) {
		return nil // who makes the folder reads the log after
	}
	return s.locked(func() error {
		// From here on nobody puts down what he has read before.
		aside := filepath.Join(s.dir, generationName+asideSuffix)
		if err := os.WriteFile(aside, []byte(rand.Text()), 0o600); err != nil {
			return fmt.Errorf("audit index: %w", err)
		}
		if err := os.Rename(aside, filepath.Join(s.dir, generationName)); err != nil {
			return fmt.Errorf("audit index: %w", err)
		}
		err := s.remove(func(number int64) bool {
			for _, span := range spans {
				if span.First < (number+1)*s.per && span.End > number*s.per {
					return true
				}
			}
			return false
		})
		if err != nil {
			return err
		}
		return syncDir(s.dir)
	})
}

// syncDir makes it durable that names are gone; on Windows a folder cannot be
// synced, and need not.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	f, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("audit index: %w", err)
	}
	return errors.Join(f.Sync(), f.Close())
}
