package slack

import (
	"sync"
	"time"
)

// How long what was looked up is believed. Names change rarely; a channel that
// has just been made should be found soon.
const (
	nameTTL   = 5 * time.Minute
	absentTTL = 30 * time.Second
	selfTTL   = time.Hour

	maxBooks   = 512    // credentials
	maxEntries = 20_000 // names in one book
)

// books keeps what each credential has seen of its workspace, apart from the
// others: one may see a channel that another may not. Safe for concurrent use.
type books struct {
	now func() time.Time
	mu  sync.Mutex
	by  map[string]*book // by the credential's key
}

func newBooks(now func() time.Time) *books { return &books{now: now, by: map[string]*book{}} }

// of returns the book of a credential; when there are too many, any other goes.
func (b *books) of(key string) *book {
	b.mu.Lock()
	defer b.mu.Unlock()
	if k, ok := b.by[key]; ok {
		return k
	}
	for other := range b.by {
		if len(b.by) < maxBooks {
			break
		}
		delete(b.by, other)
	}
	k := &book{now: b.now}
	k.clear()
	b.by[key] = k
	return k
}

// book is what one credential has seen: names by id and ids by name.
type book struct {
	now func() time.Time
	mu  sync.Mutex
	ids map[string]entry // "#general" → C…, "@dana" → U…
	all map[string]entry // C… → "#general", U… → "Dana Lee"

	own      identity // whose token it is
	ownUntil time.Time
	tz       *time.Location // of that account
	tzUntil  time.Time

	kinds map[string]entry // C… → "channels", "groups", "im" or "mpim"
}

type entry struct {
	value string // "" says that there is none
	until time.Time
}

func (k *book) clear() {
	k.ids, k.all, k.kinds = map[string]entry{}, map[string]entry{}, map[string]entry{}
}

func (k *book) get(m *map[string]entry, key string) (value string, known bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	e, ok := (*m)[key]
	if !ok || !k.now().Before(e.until) {
		return "", false
	}
	return e.value, true
}

func (k *book) put(m *map[string]entry, key, value string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(*m) >= maxEntries {
		*m = map[string]entry{}
	}
	ttl := nameTTL
	if value == "" {
		ttl = absentTTL
	}
	(*m)[key] = entry{value, k.now().Add(ttl)}
}

// id is the id of a name; known and "" means that there is none.
func (k *book) id(name string) (string, bool) { return k.get(&k.ids, name) }

// name is the name of an id; known and "" means that it cannot be had.
func (k *book) name(id string) (string, bool) { return k.get(&k.all, id) }

// learn notes that a name belongs to an id.
func (k *book) learn(name, id string) {
	k.put(&k.ids, name, id)
	k.put(&k.all, id, name)
}

// absent notes that there is nothing of that name, or no name for that id.
func (k *book) absent(name string)  { k.put(&k.ids, name, "") }
func (k *book) nameless(id string)  { k.put(&k.all, id, "") }
func (k *book) call(id, who string) { k.put(&k.all, id, who) }

// kind is what kind of conversation an id stands for.
func (k *book) kind(id string) (string, bool) { return k.get(&k.kinds, id) }
func (k *book) sort(id, kind string)          { k.put(&k.kinds, id, kind) }

// forget drops a name that turned out to be wrong.
func (k *book) forget(name string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.ids, name)
}

// self is whose token it is; known and zero means that it cannot be had.
func (k *book) self() (who identity, known bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.own, k.now().Before(k.ownUntil)
}

func (k *book) setSelf(who identity) {
	k.mu.Lock()
	defer k.mu.Unlock()
	ttl := selfTTL
	if who == (identity{}) {
		ttl = absentTTL
	}
	k.own, k.ownUntil = who, k.now().Add(ttl)
}

// zone is the time zone of the token's account.
func (k *book) zone() (zone *time.Location, known bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.tz, k.tz != nil && k.now().Before(k.tzUntil)
}

func (k *book) setZone(zone *time.Location) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.tz, k.tzUntil = zone, k.now().Add(selfTTL)
}
