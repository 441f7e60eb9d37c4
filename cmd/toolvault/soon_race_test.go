//go:build race

package main

import "time"

// soon is more than the second that is promised: the race detector makes the
// programs several times slower.
const soon = 4 * time.Second
