package people

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"toolvault/vault/store"
)

// Tries are counted in the store, so that replicas count together, before the
// password is looked at, so that a hundred at once are a hundred. Up to the fifth
// that fails nothing happens; after it the next must wait a second, then two,
// four, and so on up to a limit. A try that comes too early is refused without
// being tried, and makes nothing longer.
//
// They are counted for a name and for an address; and since strangers could keep
// somebody out that way by failing again and again, a browser in which that
// person has signed in before is counted by itself instead ("device cookies", as
// OWASP calls it).
const (
	throttlePrefix = "throttle/"
	freeTries      = 5
)

// limit is how long failures of one kind hold.
type limit struct {
	wait    time.Duration // the longest
	forgive time.Duration // after which one failure is forgotten
}

// Many people share an address (an office, a proxy before the server), so it is
// slowed less than a name.
func limits(kind string) limit {
	if kind == "address" {
		return limit{wait: time.Minute, forgive: time.Minute}
	}
	return limit{wait: 5 * time.Minute, forgive: 10 * time.Minute}
}

// bucket is where tries are counted. There are 65,536 of a kind, so that made-up
// names and addresses cannot fill the store, and so that an unknown name is
// counted like a known one.
type bucket struct{ kind, key string }

func newBucket(kind, of string) bucket {
	sum := sha256.Sum256([]byte(of))
	return bucket{kind, fmt.Sprintf("%s%s/%04x", throttlePrefix, kind, sum[:2])}
}

func byName(name string) bucket { return newBucket("name", fold(name)) }

func byAddress(address string) bucket { return newBucket("address", Network(address)) }

// Network is what one subscriber has of the network: an IPv4 address, or the first 64
// bits of an IPv6 one; "" for what is no address.
func Network(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return ""
	}
	ip = ip.Unmap() // a zone goes with the prefix
	if ip.Is6() {
		if net, err := ip.Prefix(64); err == nil {
			return net.Addr().String()
		}
	}
	return ip.String()
}

func byDevice(id string) bucket { return newBucket("device", id) }

// strikes is what the store keeps of a bucket. There is nothing secret in it.
type strikes struct {
	Count int       `json:"count"`
	Last  time.Time `json:"last"`  // the try that was counted last
	Until time.Time `json:"until"` // no other before
}

// at is what is left at a time, when the older failures are forgotten.
func (s strikes) at(now time.Time, l limit) strikes {
	if gone := now.Sub(s.Last) / l.forgive; gone > 0 {
		s.Count = max(0, s.Count-int(min(gone, 1<<20)))
	}
	if latest := now.Add(l.wait); s.Until.After(latest) {
		s.Until = latest // written by a clock that is ahead
	}
	return s
}

type throttle struct {
	store store.Store
	now   func() time.Time
}

func (t throttle) read(ctx context.Context, b bucket) (strikes, int64, error) {
	item, err := t.store.Get(ctx, b.key)
	if errors.Is(err, store.ErrNotFound) {
		return strikes{}, item.Version, nil
	}
	if err != nil {
		return strikes{}, 0, fmt.Errorf("the failures before could not be read: %w", err)
	}
	return decodeStrikes(item.Value), item.Version, nil
}

// decodeStrikes reads a record. One that is none counts nothing: it is written
// anew with the next try.
func decodeStrikes(value []byte) strikes {
	var s strikes
	if json.Unmarshal(value, &s) != nil {
		return strikes{}
	}
	return s
}

func (t throttle) write(ctx context.Context, b bucket, version int64, s strikes) error {
	value, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return t.store.Put(ctx, store.Item{Key: b.key, Version: version, Value: value}, nil)
}

// contended bounds how often a try competes for its place with others; who loses
// that often is one of very many, and waits.
const contended = 32

// take counts a try, or returns how long to wait for one.
func (t throttle) take(ctx context.Context, b bucket) (wait time.Duration, err error) {
	l := limits(b.kind)
	for range contended {
		s, version, err := t.read(ctx, b)
		if err != nil {
			return 0, err
		}
		now := t.now().UTC()
		s = s.at(now, l)
		if wait := s.Until.Sub(now); wait > 0 {
			return wait, nil
		}
		s.Count++
		s.Last = now
		s.Until = now.Add(delay(s.Count, l))
		err = t.write(ctx, b, version+1, s)
		if err == nil {
			return 0, nil
		}
		if !errors.Is(err, store.ErrConflict) {
			return 0, fmt.Errorf("a try could not be counted: %w", err)
		}
	}
	return time.Second, nil
}

// delay is how long the next try has to wait after so many.
func delay(count int, l limit) time.Duration {
	if count < freeTries {
		return 0
	}
	return min(l.wait, time.Second<<min(count-freeTries, 16))
}

// giveBack takes back one try that succeeded, and the wait that it caused.
func (t throttle) giveBack(ctx context.Context, b bucket) {
	for range contended {
		s, version, err := t.read(ctx, b)
		if err != nil || s.Count == 0 {
			return
		}
		s.Count--
		s.Until = s.Last.Add(delay(s.Count, limits(b.kind)))
		if err := t.write(ctx, b, version+1, s); !errors.Is(err, store.ErrConflict) {
			return
		}
	}
}

// clear forgets all failures. One that is counted at the same moment stays.
func (t throttle) clear(ctx context.Context, b bucket) {
	if _, version, err := t.read(ctx, b); err == nil && version > 0 {
		_ = t.store.Delete(ctx, b.key, version) // else they are forgotten with time
	}
}

// forgiven lists the records that hold nothing any more.
func (t throttle) forgiven(ctx context.Context) ([]store.Item, error) {
	now := t.now()
	var old []store.Item
	err := store.Each(ctx, t.store, throttlePrefix, func(item store.Item) error {
		kind, _, _ := strings.Cut(strings.TrimPrefix(item.Key, throttlePrefix), "/")
		if s := decodeStrikes(item.Value).at(now, limits(kind)); s.Count == 0 && !s.Until.After(now) {
			old = append(old, store.Item{Key: item.Key, Version: item.Version})
		}
		return nil
	})
	return old, err
}
