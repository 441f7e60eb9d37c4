//go:build !unix

package store

import "io/fs"

// looser is false where modes do not tell who may read a file.
func looser(fs.FileMode) bool { return false }
