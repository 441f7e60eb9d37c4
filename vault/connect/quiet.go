package connect

import (
	"sync"
	"time"
)

// quiet lets ten things through a second and counts the others: anybody can knock,
// and must not fill the audit log.
type quiet struct {
	mu   sync.Mutex
	last time.Time
	told int
	left int
}

const toldAtMost = 10

// next reports whether this one may be told, and how many were not since the last
// one that was.
func (q *quiet) next(now time.Time) (left int, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if since := now.Sub(q.last); since < 0 || since >= time.Second {
		q.last, q.told = now, 0
	}
	if q.told >= toldAtMost {
		q.left++
		return 0, false
	}
	q.told++
	left, q.left = q.left, 0
	return left, true
}
