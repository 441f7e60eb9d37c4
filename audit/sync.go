package audit

import (
	"os"
	"runtime"
)

// syncDir makes the names in a folder durable; on Windows a folder cannot be
// synced, and need not.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}
