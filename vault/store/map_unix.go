//go:build unix

package store

import (
	"os"

	"golang.org/x/sys/unix"
)

// mapFile puts the first bytes of a file into memory, shared with all who do the
// same.
func mapFile(f *os.File, size int) (memory []byte, unmap func() error, err error) {
	memory, err = unix.Mmap(int(f.Fd()), 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, nil, err
	}
	return memory, func() error { return unix.Munmap(memory) }, nil
}
