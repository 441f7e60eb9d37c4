package store

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"toolvault/vault/store/bucket"
)

// checkKey holds a key or the name of a lease against the limits: 1 to MaxKey
// bytes of UTF-8 without control characters, so that every store orders and
// shows it alike.
func checkKey(what, key string) error {
	switch {
	case key == "":
		return fmt.Errorf("store: a %s must not be empty", what)
	case len(key) > MaxKey:
		return fmt.Errorf("store: a %s of %d bytes is too long: %d at most", what, len(key), MaxKey)
	case !utf8.ValidString(key) || strings.ContainsFunc(key, isControl):
		return fmt.Errorf("store: the %s %q must be printable UTF-8", what, key)
	}
	return nil
}

func isControl(r rune) bool { return r < 0x20 || r == 0x7f }

func checkItem(item Item) error {
	if err := checkKey("key", item.Key); err != nil {
		return err
	}
	if item.Version < 1 {
		return fmt.Errorf("store: %s: version %d is not one that can be written: the first is 1", item.Key, item.Version)
	}
	if len(item.Value) > MaxValue {
		return fmt.Errorf("store: %s: a value of %d bytes is too large: %d at most", item.Key, len(item.Value), MaxValue)
	}
	return nil
}

func checkList(prefix, after string, limit int) error {
	if limit < 1 || limit > 1000 {
		return fmt.Errorf("store: a page of %d records: ask for 1 to 1000", limit)
	}
	for _, s := range []string{prefix, after} {
		if s != "" {
			if err := checkKey("key", s); err != nil {
				return err
			}
		}
	}
	return nil
}

// afterPrefix is the least text above every text that begins with prefix. The
// last byte of valid UTF-8 is never 0xff, so there is one.
func afterPrefix(prefix string) string {
	if prefix == "" {
		return ""
	}
	b := []byte(prefix)
	b[len(b)-1]++
	return string(b)
}

// checkSpend bounds a request for tokens.
func checkSpend(name string, rate bucket.Rate, want int) error {
	if err := checkKey("name of a bucket", name); err != nil {
		return err
	}
	if err := rate.Check(); err != nil {
		return fmt.Errorf("store: %s: %w", name, err)
	}
	if want < 1 || want > rate.Burst {
		return fmt.Errorf("store: %s: %d tokens: ask for 1 to %d", name, want, rate.Burst)
	}
	return nil
}

// maxLease is the longest term of a lease.
const maxLease = 24 * time.Hour

// checkLease bounds how long a lease may be left behind by a process that died.
func checkLease(name string, ttl time.Duration) error {
	if err := checkKey("lease name", name); err != nil {
		return err
	}
	if ttl < time.Millisecond || ttl > maxLease {
		return fmt.Errorf("store: the lease %s cannot last %v: from a millisecond to a day", name, ttl)
	}
	return nil
}
