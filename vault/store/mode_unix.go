//go:build unix

package store

import "io/fs"

// looser reports whether anybody but the owner may do something with a file.
func looser(m fs.FileMode) bool { return m.Perm()&0o077 != 0 }
