// Package names finds what a person means by a name: of a list of things with
// ids and labels, the one that a word stands for. It keeps lists that services
// have given for a while, so that a name costs a request once and nothing is
// loaded ahead.
package names

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"toolvault/schemas/near"
	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

// Named is a thing that has an id and is called something.
type Named struct{ ID, Name string }

const maxCandidates = 8

// Pick returns the one of all that word means: by its id, by its name, by its
// name whatever the case, or as the only one whose name contains the word. what
// names the kind of thing ("pipeline stage"), and list is where to find the right
// one ("hubspot_list_pipelines"). Several that fit are an invalid_arguments with
// the candidates; none is a not_found with near names.
func Pick(what, word string, all []Named, list string) (Named, error) {
	word = strings.TrimSpace(word)
	shown := upstream.Clean(word, 80)
	for _, n := range all {
		if n.ID == word {
			return n, nil
		}
	}
	for _, fits := range []func(name string) bool{
		func(name string) bool { return name == word },
		func(name string) bool { return strings.EqualFold(strings.TrimSpace(name), word) },
		func(name string) bool {
			return len(word) >= 3 && strings.Contains(strings.ToLower(name), strings.ToLower(word))
		},
	} {
		var found []Named
		for _, n := range all {
			if n.Name != "" && fits(n.Name) {
				found = append(found, n)
			}
		}
		switch {
		case len(found) == 1:
			return found[0], nil
		case len(found) > 1:
			return Named{}, fault.New(fault.InvalidArguments, "%q could be several of the %ss here: %s. Give the id.", shown, what, some(found))
		}
	}
	var labels []string
	for _, n := range all {
		labels = append(labels, n.Name)
	}
	if m := near.Match(word, labels); m != "" {
		return Named{}, fault.New(fault.NotFound, "There is no %s %q here. Did you mean %s?", what, shown, upstream.Quote(upstream.Clean(m, 80)))
	}
	if len(all) > 0 && len(all) <= maxCandidates {
		return Named{}, fault.New(fault.NotFound, "There is no %s %q here. There are: %s.", what, shown, some(all))
	}
	return Named{}, fault.New(fault.NotFound, "There is no %s %q that this credential can see. Find the right one with %s.", what, shown, list)
}

func some(all []Named) string {
	var parts []string
	for _, n := range all[:min(len(all), maxCandidates)] {
		parts = append(parts, fmt.Sprintf("%s (%s)", upstream.Quote(upstream.Clean(n.Name, 60)), upstream.Clean(n.ID, 60)))
	}
	if more := len(all) - len(parts); more > 0 {
		parts = append(parts, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(parts, ", ")
}

const maxKept = 2048 // values of one cache, unless it says otherwise

// Cache keeps values for a while. A key has to begin with that of the credential
// (upstream.Client.CredentialKey), since one may see what another may not. It is
// safe for concurrent use.
type Cache[T any] struct {
	now  func() time.Time
	ttl  time.Duration
	most int
	mu   sync.Mutex
	by   map[string]kept[T]
}

type kept[T any] struct {
	value T
	until time.Time
}

// NewCache returns a cache whose values are believed for ttl.
func NewCache[T any](now func() time.Time, ttl time.Duration) *Cache[T] {
	return &Cache[T]{now: now, ttl: ttl, most: maxKept, by: map[string]kept[T]{}}
}

// AtMost sets how many values are kept, for a cache whose values are large.
func (c *Cache[T]) AtMost(n int) *Cache[T] {
	c.most = n
	return c
}

// Get returns the value of the key: the one that is kept, or that of load, whose
// errors are not kept. Two that load the same at once both do.
func (c *Cache[T]) Get(key string, load func() (T, error)) (T, error) {
	c.mu.Lock()
	k, ok := c.by[key]
	c.mu.Unlock()
	if ok && c.now().Before(k.until) {
		return k.value, nil
	}
	value, err := load()
	if err != nil {
		return value, err
	}
	c.Keep(key, value)
	return value, nil
}

// Keep sets the value of a key.
func (c *Cache[T]) Keep(key string, value T) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for other := range c.by {
		if len(c.by) < c.most {
			break
		}
		if other != key {
			delete(c.by, other)
		}
	}
	c.by[key] = kept[T]{value, c.now().Add(c.ttl)}
}

// Forget drops the value of a key, which turned out to be wrong or was changed.
func (c *Cache[T]) Forget(key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.by, key)
}
