package issuer

import (
	"container/list"
	"crypto/sha256"
	"sync"
	"time"

	"toolvault/auth"
)

const (
	cachedTokens = 4096        // about 1 kB each
	recheck      = time.Minute // what was verified is verified again after
)

// cache remembers what was found out of tokens lately: that they are good, or
// that their issuer said they are not. It is keyed by their digest, so it holds
// nothing with which anybody could call.
type cache struct {
	mu     sync.Mutex
	size   int
	era    int64      // grows with each clear
	order  *list.List // of *entry; the one used last in front
	byHash map[[sha256.Size]byte]*list.Element
}

type entry struct {
	sum      [sha256.Size]byte
	identity auth.Identity
	issued   time.Time
	err      error // not nil: it was refused
	made     time.Time
	until    time.Time
}

func newCache(size int) *cache {
	return &cache{size: size, order: list.New(), byHash: map[[sha256.Size]byte]*list.Element{}}
}

// get returns nil for a token of which nothing is known, and the era in which that
// was so. An entry is never changed.
func (c *cache) get(sum [sha256.Size]byte, now time.Time) (*entry, int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.byHash[sum]
	if !ok {
		return nil, c.era
	}
	known := e.Value.(*entry)
	if !now.Before(known.until) || now.Before(known.made) {
		c.order.Remove(e)
		delete(c.byHash, sum)
		return nil, c.era
	}
	c.order.MoveToFront(e)
	return known, c.era
}

// put remembers, unless all was cleared since the era: the key or the rule that
// decided may be gone.
func (c *cache) put(e *entry, era int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if era != c.era {
		return
	}
	if old, ok := c.byHash[e.sum]; ok {
		old.Value = e
		c.order.MoveToFront(old)
		return
	}
	c.byHash[e.sum] = c.order.PushFront(e)
	if c.order.Len() > c.size {
		last := c.order.Back()
		delete(c.byHash, last.Value.(*entry).sum)
		c.order.Remove(last)
	}
}

func (c *cache) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.era++
	c.order.Init()
	clear(c.byHash)
}
