package vault

import "sync"

// sealedRecord is a record as it lies in the store.
type sealedRecord struct {
	version int64
	bytes   []byte
}

// cache keeps sealed records in memory, so that a call need not ask the store.
// It is on only while Run follows the store's changes; otherwise a revoked
// credential would live on in it.
type cache struct {
	mu      sync.RWMutex
	on      bool
	age     uint64 // grows with each drop: a record that was read before one is not kept
	records map[string]sealedRecord
	highest map[string]int64 // version ever seen, by name; never dropped
}

func newCache() *cache {
	return &cache{records: map[string]sealedRecord{}, highest: map[string]int64{}}
}

func (c *cache) get(name string) (sealedRecord, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	r, ok := c.records[name]
	return r, ok
}

// begin is called before the store is read; keep takes what it returned.
func (c *cache) begin() uint64 {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.age
}

func (c *cache) keep(name string, r sealedRecord, begun uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.on && c.age == begun && r.version >= c.highest[name] {
		c.records[name] = r
	}
}

// seen notes a version and reports whether it is no older than any before.
func (c *cache) seen(name string, version int64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if version < c.highest[name] {
		return false
	}
	if version > 0 {
		c.highest[name] = version
	}
	return true
}

// newest is the highest version that was seen of a record.
func (c *cache) newest(name string) int64 {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.highest[name]
}

// wrote notes a version that this process has written itself, on top of what
// the store held: even after a rollback it is the one to go on from.
func (c *cache) wrote(name string, version int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.highest[name] = version
}

func (c *cache) drop(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.age++
	delete(c.records, name)
}

// turn empties the cache and switches it on or off.
func (c *cache) turn(on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.age++
	c.on = on
	clear(c.records)
}

// flush empties the cache.
func (c *cache) flush() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.age++
	clear(c.records)
}
