package auth_test

import (
	"math"
	"testing"
	"time"

	"toolvault/auth"
)

func TestDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0 s", 24 * time.Hour: "24 h", 90 * time.Minute: "1 h 30 min", 15 * time.Minute: "15 min", time.Second: "1 s",
		-time.Hour: "-1 h", -90 * time.Second: "-1 min 30 s", 1500 * time.Millisecond: "1 s 500 ms", 1: "1 ns",
		math.MinInt64: time.Duration(math.MinInt64).String(),
	} {
		if got := auth.Duration(d); got != want {
			t.Errorf("%d: %q, want %q", d, got, want)
		}
	}
}
