package upstream

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"toolvault/tools/fault"
)

func TestWhatIsRepeated(t *testing.T) {
	tests := map[string]struct {
		read, write int // requests for a read, and for a write
	}{
		"200": {1, 1}, "400": {1, 1}, "403": {1, 1}, "404": {1, 1}, "409": {1, 1},
		"401": {1, 1}, // the credential of this test cannot be renewed
		"429": {3, 3}, // nothing was done
		"500": {3, 1}, "502": {3, 1}, "503": {3, 1}, "504": {3, 1},
		"closed after reading the request": {3, 1},
	}
	for name, tt := range tests {
		for _, read := range []bool{true, false} {
			kind, want := "write", tt.write
			if read {
				kind, want = "read", tt.read
			}
			t.Run(name+"/"+kind, func(t *testing.T) {
				var seen atomic.Int64
				c, waited := serve(t, func(w http.ResponseWriter, r *http.Request) {
					seen.Add(1)
					_, _ = io.Copy(io.Discard, r.Body)
					status := 0
					for _, d := range name[:3] {
						status = status*10 + int(d-'0')
					}
					if strings.HasPrefix(name, "closed") {
						conn, _, _ := w.(http.Hijacker).Hijack()
						_ = conn.Close()
						return
					}
					w.WriteHeader(status)
				})
				err := c.Do(within(t), Request{Method: "POST", Path: "/x", Body: []byte("hello"), Read: read}, nil)
				if int(seen.Load()) != want {
					t.Errorf("%d requests, want %d", seen.Load(), want)
				}
				if s := c.Stats(); s.Requests != want || s.Retries != want-1 || len(waited.list()) != want-1 {
					t.Errorf("stats %+v, waited %v", s, waited.list())
				}
				for i, d := range waited.list() {
					if full := firstBackoff << i; d < full/2 || d > full {
						t.Errorf("wait %d was %s, want %s to %s", i+1, d, full/2, full)
					}
				}
				if err == nil {
					return
				}
				f := failure(t, err)
				doubt := strings.Contains(f.Message, "may have been done")
				ambiguous := !read && (name[0] == '5' || name[0] == 'c')
				if doubt != ambiguous || ambiguous && f.Retryable {
					t.Errorf("retryable %v: %s", f.Retryable, f.Message)
				}
			})
		}
	}
}

func TestRepeatedUntilItWorks(t *testing.T) {
	var seen atomic.Int64
	c, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if b, _ := io.ReadAll(r.Body); string(b) != `{"q":1}` {
			t.Errorf("body %q", b)
		}
		if seen.Add(1) < 3 {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		w.Header().Set("X-Request-Id", "third")
		_, _ = io.WriteString(w, `{"ok":true}`)
	})
	var out struct{ OK bool }
	if err := c.Do(within(t), Request{Path: "/search", JSON: map[string]int{"q": 1}, Read: true}, &out); err != nil || !out.OK {
		t.Fatalf("%v, %+v", err, out)
	}
	if s := c.Stats(); s.Requests != 3 || s.Retries != 2 || s.Status != 200 || s.RequestID != "third" {
		t.Errorf("stats %+v", s)
	}
}

// A write whose connection was refused has not been sent: it may be repeated.
func TestWriteThatWasNotSent(t *testing.T) {
	s := httptest.NewServer(nil)
	s.Close()
	p := NewPool(nil, Sleep((&waits{}).sleep))
	c := p.Client(Endpoint{Service: "acme", BaseURL: s.URL}, &key{}, "call-1")
	f := failure(t, c.Do(within(t), Request{Path: "/x", JSON: 1}, nil))
	if n := c.Stats().Requests; n != 3 || f.Kind != fault.UpstreamUnavailable || !f.NotSent || !f.Retryable || strings.Contains(f.Message, "may have been done") {
		t.Errorf("%d requests, %+v", n, f)
	}
}

// A server that takes the whole request and closes, and one that closes as soon
// as it has accepted: the second is as ambiguous, for the client cannot tell.
func TestWriteIsNotRepeatedAfterAConnection(t *testing.T) {
	for _, reads := range []bool{true, false} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = l.Close() }()
		var seen atomic.Int64
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				seen.Add(1)
				if reads {
					if r, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
						_, _ = io.Copy(io.Discard, r.Body)
					}
				}
				_ = conn.Close()
			}
		}()
		p := NewPool(nil, Sleep((&waits{}).sleep))
		c := p.Client(Endpoint{Service: "acme", BaseURL: "http://" + l.Addr().String()}, &key{}, "call-1")
		f := failure(t, c.Do(within(t), Request{Path: "/x", JSON: 1}, nil))
		if seen.Load() != 1 || f.NotSent || f.Retryable || f.Kind != fault.UpstreamUnavailable {
			t.Errorf("reads %v: %d connections, %+v", reads, seen.Load(), f)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	tests := map[string]struct {
		header   string
		deadline time.Duration
		requests int
		waited   time.Duration
		after    time.Duration
	}{
		"it fits":         {header: "7", deadline: time.Minute, requests: 2, waited: 7 * time.Second},
		"it does not fit": {header: "45", deadline: time.Minute, requests: 1, after: 45 * time.Second},
		"a day":           {header: "999999999", deadline: time.Minute, requests: 1, after: 24 * time.Hour},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var seen atomic.Int64
			c, waited := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				if seen.Add(1) == 1 {
					w.Header().Set("Retry-After", tt.header)
					w.WriteHeader(http.StatusTooManyRequests)
				}
			})
			ctx, cancel := context.WithTimeout(context.Background(), tt.deadline)
			defer cancel()
			err := c.Do(ctx, Request{Path: "/x", JSON: 1}, nil) // a write: nothing was done
			if int(seen.Load()) != tt.requests {
				t.Errorf("%d requests, want %d", seen.Load(), tt.requests)
			}
			if tt.after == 0 {
				if w := waited.list(); err != nil || len(w) != 1 || w[0] != tt.waited {
					t.Errorf("waited %v, %v", w, err)
				}
				return
			}
			if f := failure(t, err); f.Kind != fault.RateLimited || f.RetryAfter != tt.after || !f.Retryable || len(waited.list()) != 0 {
				t.Errorf("waited %v, %+v", waited.list(), f)
			}
		})
	}
}

func TestRetryAfterHeader(t *testing.T) {
	in := func(d time.Duration) string { return time.Now().Add(d).UTC().Format(http.TimeFormat) }
	tests := map[string]struct{ least, most time.Duration }{
		"": {}, "soon": {}, "-5": {}, "99999999999999999999999": {},
		"0": {}, "3": {3 * time.Second, 3 * time.Second},
		in(time.Minute): {50 * time.Second, time.Minute},
		in(-time.Hour):  {}, in(1000 * time.Hour): {maxRetryAfter, maxRetryAfter},
	}
	for text, tt := range tests {
		if d := RetryAfter(http.Header{"Retry-After": {text}}); d < tt.least || d > tt.most {
			t.Errorf("%q: %s", text, d)
		}
	}
}

func TestRefusedCredentialIsRenewedOnce(t *testing.T) {
	for _, read := range []bool{true, false} {
		for _, accepts := range []string{"fresh", "nothing"} {
			var seen atomic.Int64
			c, waited := serve(t, func(w http.ResponseWriter, r *http.Request) {
				seen.Add(1)
				if r.Header.Get("Authorization") != "Bearer "+accepts {
					w.WriteHeader(http.StatusUnauthorized)
				}
			})
			k := &key{fresh: "fresh"}
			c.cred = k
			err := c.Do(within(t), Request{Path: "/x", JSON: 1, Read: read}, nil)
			if seen.Load() != 2 || k.renewed != 1 || c.Stats().Retries != 1 || len(waited.list()) != 0 {
				t.Errorf("read %v, accepts %s: %d requests, %d renewals, waited %v", read, accepts, seen.Load(), k.renewed, waited.list())
			}
			if accepts == "fresh" && err != nil {
				t.Error(err)
			}
			if accepts == "nothing" && failure(t, err).Kind != fault.CredentialInvalid {
				t.Error(err)
			}
			// Once a call, not once a request.
			if accepts == "nothing" {
				_ = c.Do(within(t), Request{Path: "/y", Read: true}, nil)
				if k.renewed != 1 {
					t.Errorf("renewed %d times in one call", k.renewed)
				}
			}
		}
	}
}

type unrenewable struct{ key }

var errConsent = errors.New("a person has to consent first")

func (*unrenewable) Renew(context.Context) (bool, error) { return false, errConsent }

func TestFailedRenewalEndsTheCall(t *testing.T) {
	c, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) })
	c.cred = &unrenewable{}
	if err := c.Do(within(t), Request{Path: "/x", Read: true}, nil); !errors.Is(err, errConsent) {
		t.Errorf("got %v", err)
	}
}

func TestCancelledWhileItWaits(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	c, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	c.pool.sleep = func(ctx context.Context, _ time.Duration) error {
		cancel()
		return sleep(ctx, time.Hour)
	}
	if err := c.Do(ctx, Request{Path: "/x", Read: true}, nil); !errors.Is(err, context.Canceled) || c.Stats().Requests != 1 {
		t.Errorf("%d requests, %v", c.Stats().Requests, err)
	}
}
