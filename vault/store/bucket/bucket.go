// Package bucket is the arithmetic of token buckets: so many tokens at once, and
// one more every so often. It is the generic cell rate algorithm (ITU-T I.371,
// annex A), which needs one number a bucket: when it will be full again. Whoever
// finds it empty reserves the next token and waits until it is there, so those who
// wait are served in the order in which they came.
package bucket

import (
	"fmt"
	"time"
)

// Limits. They bound how long a bucket can keep anybody waiting, whatever it holds
// and however the clock has stepped.
const (
	MaxBurst = 1_000_000
	MaxFill  = 48 * time.Hour   // in which an empty bucket fills: Burst times Every
	MaxWait  = 2 * time.Minute  // for a token
	MaxPause = 15 * time.Minute // in which a bucket gives none
)

// Rate is the size of a bucket and how it fills.
type Rate struct {
	Burst int           // tokens in a full one, 1 to MaxBurst
	Every time.Duration // in which one comes back, from a microsecond; finer is cut off
}

// Check holds a rate against the limits.
func (r Rate) Check() error {
	switch {
	case r.Burst < 1 || r.Burst > MaxBurst:
		return fmt.Errorf("a bucket of %d tokens: 1 to %d are possible", r.Burst, MaxBurst)
	case r.Every < time.Microsecond || r.Every > MaxFill/time.Duration(r.Burst):
		return fmt.Errorf("a bucket of %d tokens cannot get one every %v: from a microsecond to %v", r.Burst, r.Every, MaxFill/time.Duration(r.Burst))
	}
	return nil
}

// State is what is kept of a bucket, in microseconds since 1970. The zero State is
// a full one.
type State struct {
	Full   int64 // when it is full again, if nobody takes any
	Closed int64 // until then nobody gets any
}

// Take takes tokens at a time: as many as wanted of those that are there, or,
// where there are none, the next one, for which to wait. The wait is most or
// less, else nothing is taken, and it is how long it would have been. The rate
// has been checked, and want is 1 at least.
//
// A state from a time that is further ahead than any can be, since the clock was
// set back, counts as an empty bucket.
func (r Rate) Take(s State, now int64, want int, most time.Duration) (next State, got int, wait time.Duration) {
	every := r.Every.Microseconds()
	size := int64(r.Burst) * every
	if s.Full > now+size+MaxWait.Microseconds()+MaxPause.Microseconds() {
		s.Full = now + size
	}
	start := now
	if s.Closed > now && s.Closed <= now+MaxPause.Microseconds() {
		start = s.Closed
	}
	from := max(s.Full, start)
	got, ready := 1, start
	switch free := (start + size - from) / every; {
	case free < 1:
		ready = from + every - size
	case start == now:
		got = int(min(free, int64(want)))
	}
	wait = time.Duration(ready-now) * time.Microsecond
	if wait > min(most, MaxWait) && wait > 0 {
		return s, 0, wait
	}
	s.Full = from + int64(got)*every
	return s, got, wait
}
