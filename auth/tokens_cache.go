package auth

import (
	"container/list"
	"crypto/sha256"
	"sync"
)

// verifiedCache remembers the tokens that were verified last. It is keyed by
// their digest, so it holds nothing with which anybody could call, and finding an
// entry takes the same time whatever was presented.
type verifiedCache struct {
	mu     sync.Mutex
	size   int
	era    int64      // grows with each clear
	order  *list.List // of entry; the one used last in front
	byHash map[[sha256.Size]byte]*list.Element
}

type entry struct {
	sum   [sha256.Size]byte
	token *verified
}

func newVerifiedCache(size int) *verifiedCache {
	return &verifiedCache{size: size, order: list.New(), byHash: map[[sha256.Size]byte]*list.Element{}}
}

// get returns nil for a token that is not there, and the era in which that was
// so.
func (c *verifiedCache) get(sum [sha256.Size]byte) (*verified, int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.byHash[sum]
	if !ok {
		return nil, c.era
	}
	c.order.MoveToFront(e)
	return e.Value.(*entry).token, c.era
}

// put remembers a token, unless all was cleared since the era: the key that
// vouched for the token may be gone.
func (c *verifiedCache) put(sum [sha256.Size]byte, v *verified, era int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if era != c.era {
		return
	}
	if e, ok := c.byHash[sum]; ok {
		e.Value.(*entry).token = v
		return
	}
	c.byHash[sum] = c.order.PushFront(&entry{sum, v})
	if c.order.Len() > c.size {
		last := c.order.Back()
		delete(c.byHash, last.Value.(*entry).sum)
		c.order.Remove(last)
	}
}

func (c *verifiedCache) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.era++
	c.order.Init()
	clear(c.byHash)
}
