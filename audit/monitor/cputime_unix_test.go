//go:build unix

package monitor

import "golang.org/x/sys/unix"

// processTime is what the process has used of the processors, in nanoseconds.
func processTime() int64 {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return u.Utime.Nano() + u.Stime.Nano()
}
