//go:build !linux

package audit

import "os"

// syncData makes a file's bytes and length durable; on macOS os.File.Sync also
// asks the drive to empty its cache.
func syncData(f *os.File) error { return f.Sync() }
