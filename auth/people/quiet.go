package people

import (
	"sync"
	"time"
)

// quiet lets one thing through a second and counts the others.
type quiet struct {
	mu   sync.Mutex
	last time.Time
	left int
}

// next reports whether this one may be told, and how many since the last one were
// not.
func (q *quiet) next(now time.Time) (left int, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if since := now.Sub(q.last); since >= 0 && since < time.Second {
		q.left++
		return 0, false
	}
	left, q.left, q.last = q.left, 0, now
	return left, true
}
