//go:build !race

package app

// share is of how many tools one is tried where much is tried of each.
const share = 1

// slower is how much longer something may take here: no longer.
const slower = 1
