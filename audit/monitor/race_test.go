//go:build race

package monitor

// seeds is how many months are judged: a judge is for one goroutine, so that the race
// detector finds nothing in it and makes it many times slower.
const seeds = 1
