//go:build race

package app

// share is of how many tools one is tried where much is tried of each: with the
// race detector it takes several times as long, and the code between the tools is
// the same.
const share = 8

// slower is how much longer something may take with the race detector.
const slower = 5
