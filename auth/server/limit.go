package server

import (
	"container/list"
	"net/http"
	"net/url"
	"sync"
	"time"

	"toolvault/auth/people"
	"toolvault/vault/store/bucket"
)

// What fails costs a token of a bucket; what succeeds is free, so that a client can
// get as many tokens as there is time for. Where a bucket is empty, nothing is looked
// at: no client, no signature, no store, no line in the log.
//
// Failures are counted for an address, and for the client whose credential was tried.
// Since a stranger could keep a client out that way, by failing in its name, a client
// that has proved who it is from an address within the last hour is counted there by
// itself instead.
//
// Each process counts for itself, in memory: secrets, codes and tokens have 128 bits
// and more, so that no number of replicas makes them guessable. What could be guessed
// is counted for all together: user codes (device_page.go), passwords (auth/people).
const (
	limitedKeys = 16384 // buckets in memory, about 200 bytes each; the one used last goes last
	provedFor   = time.Hour
)

func addressFailures() bucket.Rate { return bucket.Rate{Burst: 100, Every: time.Second} }
func clientFailures() bucket.Rate  { return bucket.Rate{Burst: 200, Every: 500 * time.Millisecond} }

// limiter is safe for concurrent use.
type limiter struct {
	now func() time.Time

	mu    sync.Mutex
	order *list.List // of *failures; the one used last in front
	byKey map[string]*list.Element
}

// failures is one bucket.
type failures struct {
	key    string
	rate   bucket.Rate
	full   time.Time // when it is full again
	proved time.Time // when the client last proved who it is from the address
}

func newLimiter(now func() time.Time) *limiter {
	return &limiter{now: now, order: list.New(), byKey: map[string]*list.Element{}}
}

// requester is who makes a request, as far as it can be told without any work.
type requester struct {
	network string        // see network
	proving bool          // it brings a credential of a client
	client  func() string // that it says to be
}

func requesterOf(r *http.Request) requester {
	_, _, basic := r.BasicAuth()
	return requester{
		network: people.Network(addressOf(r)),
		proving: basic || r.Form.Get("client_secret") != "" || r.Form.Get("client_assertion") != "",
		client: sync.OnceValue(func() string {
			if id, _, ok := r.BasicAuth(); ok {
				id, _ = url.QueryUnescape(id)
				return clip(id, maxClient)
			}
			if id, err := assertedClient(r.Form.Get("client_assertion")); err == nil {
				return clip(id, maxClient)
			}
			return clip(r.Form.Get("client_id"), maxClient)
		}),
	}
}

const maxClient = 512 // bytes of a client's id that count

func (q requester) addressKey() string { return "a\x00" + q.network }
func (q requester) clientKey() string  { return "c\x00" + q.client() }
func pairKey(client, network string) string {
	return "p\x00" + clip(client, maxClient) + "\x00" + network
}

// buckets are those that a request is held against. The caller holds mu.
func (l *limiter) buckets(q requester, now time.Time) []*failures {
	if q.proving {
		if e, ok := l.byKey[pairKey(q.client(), q.network)]; ok {
			if f := e.Value.(*failures); now.Sub(f.proved) < provedFor {
				l.order.MoveToFront(e)
				return []*failures{f}
			}
		}
		if q.client() != "" {
			return []*failures{l.bucket(q.addressKey(), addressFailures()), l.bucket(q.clientKey(), clientFailures())}
		}
	}
	return []*failures{l.bucket(q.addressKey(), addressFailures())}
}

func (l *limiter) bucket(key string, rate bucket.Rate) *failures {
	if e, ok := l.byKey[key]; ok {
		l.order.MoveToFront(e)
		return e.Value.(*failures)
	}
	f := &failures{key: key, rate: rate}
	l.byKey[key] = l.order.PushFront(f)
	if l.order.Len() > limitedKeys {
		last := l.order.Back()
		delete(l.byKey, last.Value.(*failures).key)
		l.order.Remove(last)
	}
	return f
}

// empty is how long it is until there is a token again; 0 if there is one.
func (f *failures) empty(now time.Time) time.Duration {
	if !f.full.After(now) {
		return 0
	}
	return max(0, f.full.Sub(now)-time.Duration(f.rate.Burst-1)*f.rate.Every)
}

// wait is how long a requester has to wait before it may try again; 0: not at all.
func (l *limiter) wait(q requester) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	now, longest := l.now(), time.Duration(0)
	for _, f := range l.buckets(q, now) {
		longest = max(longest, f.empty(now))
	}
	return longest
}

// failed takes a token for something that failed, and reports whether that was the
// last one. Of many requests at once more can fail than there are tokens: those
// after them wait the longer for it, twice the bucket at most.
func (l *limiter) failed(q requester) (last bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	for _, f := range l.buckets(q, now) {
		before := f.empty(now)
		if f.full.Before(now) {
			f.full = now
		}
		f.full = f.full.Add(f.rate.Every)
		if most := now.Add(2 * time.Duration(f.rate.Burst) * f.rate.Every); f.full.After(most) {
			f.full = most
		}
		last = last || before == 0 && f.empty(now) > 0
	}
	return last
}

// proved remembers that a client has proved who it is from an address.
func (l *limiter) proved(client, network string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.bucket(pairKey(client, network), addressFailures()).proved = l.now()
}

// costs reports whether an answer is a failure: one that the requester could have
// avoided. A device that waits, or a client that is told a nonce, does nothing wrong.
// A device's request is kept for ten minutes, so it costs too.
func costs(path string, status int, code string) bool {
	switch {
	case status == http.StatusOK:
		return path == DeviceAuthPath
	case status < 400 || status >= 500:
		return false
	}
	return code != "authorization_pending" && code != "use_dpop_nonce"
}
