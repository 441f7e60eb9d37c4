//go:build unix

package dpop_test

import (
	"syscall"
	"testing"
	"time"
)

// watchCPU begins the measurement; what it returns ends it, and reports the time
// that this process has spent on the processor, in microseconds a check.
func watchCPU(b *testing.B) (stop func()) {
	b.ResetTimer()
	began := cpu(b)
	return func() {
		b.ReportMetric(float64((cpu(b)-began).Nanoseconds())/1000/float64(b.N), "cpu-µs/op")
	}
}

func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
