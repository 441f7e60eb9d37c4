package login

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"toolvault/vault/store/bucket"
)

const (
	timeout    = 10 * time.Second
	maxAnswer  = 1 << 20 // bytes that the provider may answer with
	toldAtOnce = 10      // events a second
)

// begun bounds how many sign-ins an address may begin, since each is kept for ten
// minutes: three thousand at most. A company may share one address.
func begun() bucket.Rate { return bucket.Rate{Burst: 300, Every: 200 * time.Millisecond} }

// limited bounds what the provider's answers hold, and how often it is asked for the
// same: a token that names an unknown key has its keys fetched, and anybody can send
// such a token.
type limited struct {
	next http.RoundTripper
	now  func() time.Time

	mu  sync.Mutex
	got map[string]answer // by URL: what anybody may see, three at most
}

type answer struct {
	status string
	code   int
	header http.Header
	body   []byte
	at     time.Time
}

func (l *limited) RoundTrip(r *http.Request) (*http.Response, error) {
	public := r.Method == http.MethodGet && r.Header.Get("Authorization") == ""
	if a, ok := l.recent(r.URL.String()); ok && public {
		return a.response(r), nil
	}
	resp, err := l.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if !public {
		resp.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(resp.Body, maxAnswer), resp.Body}
		return resp, nil
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, err
	}
	a := answer{resp.Status, resp.StatusCode, resp.Header, body, l.now()}
	l.keep(r.URL.String(), a)
	return a.response(r), nil
}

func (l *limited) recent(url string) (answer, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a, ok := l.got[url]
	since := l.now().Sub(a.at)
	return a, ok && since >= 0 && since < askAgain
}

func (l *limited) keep(url string, a answer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, ok := l.got[url]; !ok && len(l.got) >= 3 {
		clear(l.got)
	}
	if l.got == nil {
		l.got = map[string]answer{}
	}
	l.got[url] = a
}

func (a answer) response(r *http.Request) *http.Response {
	return &http.Response{
		Status: a.status, StatusCode: a.code, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
		Header: a.header.Clone(), Body: io.NopCloser(bytes.NewReader(a.body)), ContentLength: int64(len(a.body)),
	}
}

// tally bounds how many events a second are told of: anybody can cause one.
type tally struct {
	mu      sync.Mutex
	second  time.Time
	n, left int
}

// admit counts an event, and reports whether it is told of, and how many were not
// since the last one that was.
func (t *tally) admit(now time.Time) (left int, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if since := now.Sub(t.second); since < 0 || since >= time.Second {
		t.second, t.n = now, 0
	}
	if t.n >= toldAtOnce {
		t.left++
		return 0, false
	}
	t.n++
	left, t.left = t.left, 0
	return left, true
}

// tell records what is not waited for.
func (l *Login) tell(ctx context.Context, r *http.Request, kind, reason string) {
	left, ok := l.told.admit(l.Now())
	if !ok {
		return
	}
	if left > 0 {
		reason = fmt.Sprintf("%s (%d more were not recorded one by one)", reason, left)
	}
	if err := l.Observe(context.WithoutCancel(ctx), Event{Kind: kind, Address: address(r), Reason: reason}); err != nil {
		l.Logger.Error("what happened at a sign-in could not be recorded", "error", err)
	}
}
