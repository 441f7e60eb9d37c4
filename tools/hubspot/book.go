package hubspot

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"toolvault/tools/names"
	"toolvault/tools/upstream"
)

const (
	bookTTL   = 10 * time.Minute // how long names are believed
	quietTTL  = time.Minute      // how long what failed is not asked for again
	maxShelf  = 64               // lists of properties that are kept: they are large
	separator = "\x00"
)

// books are what the account calls things, read when a name is first met, by
// credential.
type books struct {
	types      *names.Cache[[]customType]
	pipelines  *names.Cache[[]pipeline]
	owners     *names.Cache[[]names.Named]
	labels     *names.Cache[[]label]
	properties *shelf
	quiet      *names.Cache[bool]
}

func newBooks(now func() time.Time) books {
	return books{
		types:      names.NewCache[[]customType](now, bookTTL),
		pipelines:  names.NewCache[[]pipeline](now, bookTTL),
		owners:     names.NewCache[[]names.Named](now, bookTTL).AtMost(256),
		labels:     names.NewCache[[]label](now, bookTTL),
		properties: &shelf{now: now, by: map[string]shelved{}},
		quiet:      names.NewCache[bool](now, quietTTL),
	}
}

func key(c *upstream.Client, parts ...string) string {
	return c.CredentialKey() + separator + strings.Join(parts, separator)
}

var errAbsent = errors.New("not kept")

// failed reports whether what stands under the key could not be had lately: what
// only adorns an answer is not worth asking for again and again.
func (b books) failed(key string) bool {
	failed, err := b.quiet.Get(key, func() (bool, error) { return false, errAbsent })
	return err == nil && failed
}

// adorn reads what only adorns an answer; nothing where it cannot be had.
func adorn[T any](ctx context.Context, b books, key string, load func() ([]T, error)) []T {
	if ctx.Err() != nil || b.failed(key) {
		return nil
	}
	got, err := load()
	if err != nil {
		if ctx.Err() == nil {
			b.quiet.Keep(key, true)
		}
		return nil
	}
	return got
}

// shelf keeps the lists of properties that were read last. It is safe for
// concurrent use.
type shelf struct {
	now func() time.Time
	mu  sync.Mutex
	by  map[string]shelved
}

type shelved struct {
	list  []property
	until time.Time
}

func (s *shelf) get(key string, load func() ([]property, error)) ([]property, error) {
	s.mu.Lock()
	k, ok := s.by[key]
	s.mu.Unlock()
	if ok && s.now().Before(k.until) {
		return k.list, nil
	}
	got, err := load()
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.by) >= maxShelf {
		oldest := ""
		for other, k := range s.by {
			if oldest == "" || k.until.Before(s.by[oldest].until) {
				oldest = other
			}
		}
		delete(s.by, oldest)
	}
	s.by[key] = shelved{got, s.now().Add(bookTTL)}
	return got, nil
}

func (s *shelf) forget(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.by, key)
}
