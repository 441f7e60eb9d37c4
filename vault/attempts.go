package vault

import (
	"sync"
	"time"
)

const (
	// deadFor is how long a refresh token that was refused is not tried again.
	deadFor = time.Minute
	// restFor is how long a token endpoint that could not be reached is left
	// alone while the access token is still good.
	restFor = 5 * time.Second
	// A service that refuses what it has just issued would be asked for ever:
	// so many refreshes of one record within a minute, then none until it is
	// over.
	maxForced = 10
)

// attempts remembers how refreshing has gone, by record, so that a failure does
// not repeat with every call.
type attempts struct {
	mu     sync.Mutex
	byName map[string]*attempt
}

type attempt struct {
	version int64 // of the record that the failure is about
	failed  time.Time
	err     error // of a dead refresh token
	window  time.Time
	count   int
}

func (a *attempts) of(name string) *attempt {
	if a.byName == nil {
		a.byName = map[string]*attempt{}
	}
	t := a.byName[name]
	if t == nil {
		t = &attempt{}
		a.byName[name] = t
	}
	return t
}

// dead returns the error of the last try if the refresh token of this version
// was refused a moment ago.
func (a *attempts) dead(name string, version int64, now time.Time) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	t := a.of(name)
	if t.err != nil && t.version == version && now.Sub(t.failed) < deadFor {
		return t.err
	}
	return nil
}

// resting reports whether a refresh of this version failed a moment ago.
func (a *attempts) resting(name string, version int64, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	t := a.of(name)
	return t.version == version && now.Sub(t.failed) < restFor
}

// failedAt notes a failure; err only where the refresh token is dead.
func (a *attempts) failedAt(name string, version int64, now time.Time, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	t := a.of(name)
	t.version, t.failed, t.err = version, now, err
}

// allow counts a refresh that is about to be asked for.
func (a *attempts) allow(name string, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	t := a.of(name)
	if now.Sub(t.window) >= time.Minute || now.Before(t.window) {
		t.window, t.count = now, 0
	}
	t.count++
	return t.count <= maxForced
}

func (a *attempts) forget() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.byName = nil
}
