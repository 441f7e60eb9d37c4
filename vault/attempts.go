package vault

import (
	"sync"
	"time"
)

const (
	// brokenFor is how long what an admin has to mend is left alone; lockedFor where
	// it is a password, which a service may lock after so many wrong ones.
	brokenFor = time.Minute
	lockedFor = 30 * time.Minute
	// restFor is how long a token endpoint that could not be reached is left
	// alone while the access token is still good, and pauseFor when calls wait.
	restFor  = 5 * time.Second
	pauseFor = 500 * time.Millisecond
	// A service that refuses what it has just issued would be asked for ever:
	// so many refreshes of one record within a minute, then none until it is
	// over.
	maxForced = 10
)

// rest is how long a credential of a type is left alone after it was refused. What
// is put in its place is tried at once.
func rest(typ string) time.Duration {
	if typ == TypeSession {
		return lockedFor
	}
	return brokenFor
}

// attempts remembers how asking a token endpoint has gone, by record, so that a
// failure does not repeat with every call.
type attempts struct {
	mu     sync.Mutex
	byName map[string]*attempt
}

type attempt struct {
	failed time.Time // zero: the last one did not
	window time.Time
	count  int
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

// resting reports whether the last attempt failed less than a while ago.
func (a *attempts) resting(name string, while time.Duration, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	t := a.byName[name]
	return t != nil && !t.failed.IsZero() && now.Sub(t.failed) < while
}

func (a *attempts) failedAt(name string, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.of(name).failed = now
}

func (a *attempts) worked(name string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if t := a.byName[name]; t != nil {
		t.failed = time.Time{}
	}
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
