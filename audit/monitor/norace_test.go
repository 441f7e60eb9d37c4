//go:build !race

package monitor

// seeds is how many months are judged.
const seeds = 3
