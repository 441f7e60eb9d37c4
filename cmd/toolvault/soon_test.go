//go:build !race

package main

import "time"

// soon is how quickly a change has to be in force in another process.
const soon = time.Second
