//go:build !race

package app

// share is of how many tools one is tried where much is tried of each.
const share = 1
