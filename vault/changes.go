package vault

import "sync"

// changes tells who waits for a record that somebody has written it.
type changes struct {
	mu      sync.Mutex
	waiting map[string]map[chan struct{}]bool
}

// of returns a channel that gets a value after each change of a record, and what
// ends that.
func (c *changes) of(name string) (<-chan struct{}, func()) {
	ch := make(chan struct{}, 1)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.waiting == nil {
		c.waiting = map[string]map[chan struct{}]bool{}
	}
	if c.waiting[name] == nil {
		c.waiting[name] = map[chan struct{}]bool{}
	}
	c.waiting[name][ch] = true
	return ch, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.waiting[name], ch)
		if len(c.waiting[name]) == 0 {
			delete(c.waiting, name)
		}
	}
}

// tell wakes those who wait for the record; "" wakes all.
func (c *changes) tell(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for n, all := range c.waiting {
		if name != "" && n != name {
			continue
		}
		for ch := range all {
			select {
			case ch <- struct{}{}:
			default:
			}
		}
	}
}
