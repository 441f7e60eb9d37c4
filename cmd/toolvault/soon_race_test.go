//go:build race

package main

import (
	"testing"
	"time"
)

// soon is more than the second that is promised: the race detector makes the
// programs several times slower.
const soon = 4 * time.Second

// slowWithRace skips a test that starts many programs, each of which the race
// detector slows down, and that has no goroutines which others do not have too.
func slowWithRace(t *testing.T) {
	t.Helper()
	t.Skip("SKIPPED: too slow with the race detector; it runs without")
}
