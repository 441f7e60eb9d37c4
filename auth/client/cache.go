package client

import "sync"

// cache keeps the last entries that were used, up to a bound. The zero cache keeps
// maxDocuments.
type cache[T any] struct {
	mu    sync.Mutex
	by    map[string]*cached[T]
	turns uint64
}

type cached[T any] struct {
	value T
	turn  uint64 // when it was last used
}

func (c *cache[T]) get(key string) (T, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.by[key]
	if !ok {
		var none T
		return none, false
	}
	c.turns++
	e.turn = c.turns
	return e.value, true
}

func (c *cache[T]) put(key string, value T) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.by == nil {
		c.by = map[string]*cached[T]{}
	}
	if _, ok := c.by[key]; !ok && len(c.by) >= maxDocuments {
		oldest, turn := "", c.turns+1
		for k, e := range c.by {
			if e.turn < turn {
				oldest, turn = k, e.turn
			}
		}
		delete(c.by, oldest)
	}
	c.turns++
	c.by[key] = &cached[T]{value, c.turns}
}

func (c *cache[T]) drop(key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.by, key)
}
