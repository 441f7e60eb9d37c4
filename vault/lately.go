package vault

import (
	"context"
	"sync"
	"time"
)

const (
	latelyFor  = 2 * time.Minute
	latelyMost = 4096
)

// lately remembers, sealed, what this process has written within two minutes. A
// store may lose what it has acknowledged: a Redis that fails over to a replica
// which lags behind. A token that a service has just issued must not go with it.
type lately struct {
	mu     sync.Mutex
	byName map[string]written
}

type written struct {
	version int64
	sealed  []byte
	at      time.Time
}

func (l *lately) wrote(name string, version int64, sealed []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.byName == nil {
		l.byName = map[string]written{}
	}
	if len(l.byName) >= latelyMost {
		for other, w := range l.byName {
			if time.Since(w.at) > latelyFor {
				delete(l.byName, other)
			}
		}
		if len(l.byName) >= latelyMost {
			return
		}
	}
	l.byName[name] = written{version, sealed, time.Now()}
}

// changed is told that somebody has written a record: if it was not this process a
// moment ago, what this process wrote counts no more.
func (l *lately) changed(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if w, ok := l.byName[name]; ok && time.Since(w.at) > time.Second {
		delete(l.byName, name)
	}
}

func (l *lately) forget(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.byName, name)
}

func (l *lately) of(name string) (written, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	w, ok := l.byName[name]
	return w, ok && time.Since(w.at) < latelyFor
}

// putBack mends a record of which the store holds an older version than it has
// acknowledged, if the newest that was ever seen is what this process wrote
// lately. False: it is not, and somebody has rolled the store back.
func (v *Vault) putBack(ctx context.Context, name string, held int64) (Stored, int64, bool) {
	w, ok := v.lately.of(name)
	if !ok || v.cache.newest(name) != w.version {
		return Stored{}, 0, false
	}
	s, err := v.open(name, sealedRecord{w.version, w.sealed})
	if err != nil {
		return Stored{}, 0, false
	}
	// Up to the version that was lost, one by one: others have seen it, and would
	// take less for a rollback.
	for version := held + 1; version <= w.version; version++ {
		if err := v.write(ctx, name, s, version, nil); err != nil {
			return Stored{}, 0, false
		}
	}
	v.log.Warn("the store had lost a record that it had acknowledged; it was put back", "credential", name, "version", w.version, "held", held)
	return s, w.version, true
}
