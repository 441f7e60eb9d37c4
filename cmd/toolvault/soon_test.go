//go:build !race

package main

import (
	"testing"
	"time"
)

// soon is how quickly a change has to be in force in another process.
const soon = time.Second

// slowWithRace skips nothing: there is no race detector.
func slowWithRace(*testing.T) {}
