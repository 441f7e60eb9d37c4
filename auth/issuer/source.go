package issuer

import (
	"context"
	"crypto/sha256"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/spiffe/go-spiffe/v2/bundle/jwtbundle"
	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"golang.org/x/sync/singleflight"
)

const (
	againAfter  = 30 * time.Second // after keys were asked for, they are not again before
	emptyAgain  = 5 * time.Second  // the same, while there are none at all
	freshLeast  = 5 * time.Minute  // bounds of what an answer says of how long it holds
	freshMost   = 24 * time.Hour
	freshElse   = time.Hour   // where it says nothing
	freshFile   = time.Minute // keys in a file
	staleMost   = 24 * time.Hour
	loadFor     = 10 * time.Second // all requests for keys together
	refreshWait = time.Second      // how long a call waits for newer keys when it has some
)

// sourceKey is where keys come from. Two issuers share a source only if all of it
// is equal.
type sourceKey struct {
	url, keysURL, keysFile string
	spiffe                 bool
}

func (i Issuer) source() sourceKey { return sourceKey{i.URL, i.KeysURL, i.KeysFile, i.SPIFFE} }

// source keeps the keys of one issuer. They are asked for again when what the
// issuer said of how long they hold is over, and for a kid that is not known: at
// most every 30 s, so that made-up kids cost nothing more. While the issuer is
// away, keys that were good go on for a day.
type source struct {
	sourceKey
	now     func() time.Time
	log     *slog.Logger
	load    func(context.Context) (document, error)
	changed func()

	flights singleflight.Group
	mu      sync.Mutex
	keys    *keyset // nil: there have never been any
	sum     [sha256.Size]byte
	got     time.Time // when
	until   time.Time // fresh
	asked   time.Time // the last time
	asking  bool      // just now
	failed  error     // of the last time
}

// document is a JWKS as it was got.
type document struct {
	body  []byte
	fresh time.Duration
}

func (s *Set) newSource(key sourceKey) *source {
	src := &source{sourceKey: key, now: s.Now, log: s.Logger, changed: s.forget}
	switch {
	case key.keysFile != "":
		src.load = func(context.Context) (document, error) { return readKeys(key.keysFile) }
	case key.keysURL != "":
		src.load = func(ctx context.Context) (document, error) { return getKeys(ctx, s.HTTP, key.keysURL) }
	default:
		src.load = func(ctx context.Context) (document, error) { return s.discoverKeys(ctx, key.url) }
	}
	return src
}

// find returns the keys with a kid that are for an algorithm; without a kid the
// only one that is. None: the issuer has no such key. The error is an
// *UnavailableError.
func (src *source) find(ctx context.Context, kid string, alg jose.SignatureAlgorithm) ([]any, error) {
	keys, err := src.current(ctx)
	if err != nil {
		return nil, err
	}
	if found := keys.find(kid, alg); len(found) > 0 {
		return found, nil
	}
	// It may have a new one.
	src.mu.Lock()
	waits, failed := src.waits(src.now()), src.failed
	src.mu.Unlock()
	switch {
	case waits && failed != nil:
		return nil, src.unavailable(failed)
	case waits:
		return nil, nil
	}
	if err := src.refresh(ctx, loadFor); err != nil {
		return nil, src.unavailable(err)
	}
	src.mu.Lock()
	defer src.mu.Unlock()
	return src.keys.find(kid, alg), nil
}

// current are keys that can be used: fresh ones, or where the issuer gives none,
// those that it gave before. A call that has some waits a second at most.
func (src *source) current(ctx context.Context) (*keyset, error) {
	now := src.now()
	src.mu.Lock()
	keys, failed, waits := src.keys, src.failed, src.waits(now)
	fresh := keys != nil && now.Before(src.until) && !now.Before(src.got)
	old := keys != nil && now.Before(src.until.Add(staleMost))
	src.mu.Unlock()
	if fresh {
		return keys, nil
	}
	if !waits {
		patience := loadFor
		if old {
			patience = refreshWait
		}
		failed = src.refresh(ctx, patience)
	}
	src.mu.Lock()
	defer src.mu.Unlock()
	if src.keys == nil || !src.now().Before(src.until.Add(staleMost)) {
		return nil, src.unavailable(failed)
	}
	return src.keys, nil
}

// waits reports whether keys were asked for so lately that they are not again;
// while they are being asked for, one waits for those. The caller holds mu.
func (src *source) waits(now time.Time) bool {
	if src.asking {
		return false
	}
	least := againAfter
	if src.keys == nil {
		least = emptyAgain
	}
	since := now.Sub(src.asked)
	return !src.asked.IsZero() && since >= 0 && since < least
}

// refresh asks for keys, once for all that wait. Who waits no longer leaves it to
// go on.
func (src *source) refresh(ctx context.Context, patience time.Duration) error {
	done := src.flights.DoChan("", func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), loadFor)
		defer cancel()
		return nil, src.reload(ctx)
	})
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case r := <-done:
		return r.Err
	case <-timer.C:
		return errors.New("it takes too long")
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (src *source) reload(ctx context.Context) error {
	src.mu.Lock()
	if src.waits(src.now()) { // another flight was faster
		defer src.mu.Unlock()
		return src.failed
	}
	src.asked, src.asking = src.now(), true
	src.mu.Unlock()

	doc, err := src.load(ctx)
	var keys *keyset
	if err == nil {
		keys, err = parseKeys(doc.body, src.sourceKey)
	}
	src.mu.Lock()
	defer src.mu.Unlock()
	src.asking = false
	if src.failed = err; err != nil {
		src.log.Warn("the keys of an issuer cannot be had; those that it had are used for a day", "issuer", src.url, "error", err)
		return err
	}
	now := src.now()
	src.got, src.until = now, now.Add(doc.fresh)
	if sum := sha256.Sum256(doc.body); src.keys == nil || sum != src.sum {
		src.keys, src.sum = keys, sum
		src.changed() // a token whose key is gone must be refused
	}
	return nil
}

// bundle are the keys of a SPIFFE trust domain; nil if there are none.
func (src *source) bundle() *jwtbundle.Bundle {
	src.mu.Lock()
	defer src.mu.Unlock()
	if src.keys == nil {
		return nil
	}
	return src.keys.bundle
}

func (src *source) unavailable(cause error) error {
	return &UnavailableError{Issuer: src.url, what: "the keys", cause: cause}
}

// trustDomain is that of a SPIFFE source.
func (k sourceKey) trustDomain() (spiffeid.TrustDomain, error) {
	return spiffeid.TrustDomainFromString(k.url)
}
