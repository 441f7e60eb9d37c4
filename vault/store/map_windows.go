package store

import (
	"os"
	"unsafe"

	"golang.org/x/sys/windows"
)

// mapFile puts the first bytes of a file into memory, shared with all who do the
// same.
func mapFile(f *os.File, size int) (memory []byte, unmap func() error, err error) {
	mapping, err := windows.CreateFileMapping(windows.Handle(f.Fd()), nil, windows.PAGE_READWRITE, 0, uint32(size), nil)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = windows.CloseHandle(mapping) }() // the view keeps it
	at, err := windows.MapViewOfFile(mapping, windows.FILE_MAP_WRITE, 0, 0, uintptr(size))
	if err != nil {
		return nil, nil, err
	}
	memory = unsafe.Slice(*(**byte)(unsafe.Pointer(&at)), size)
	return memory, func() error { return windows.UnmapViewOfFile(at) }, nil
}
