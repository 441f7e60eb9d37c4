package upstream

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"toolvault/tools/fault"
)

func TestRequestAsItGoesOut(t *testing.T) {
	var got *http.Request
	var body string
	c, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		got, body = r, string(b)
		w.Header().Set("X-Request-Id", "req-9")
		_, _ = io.WriteString(w, `{"id":"7"}`)
	})
	c.endpoint.Header = http.Header{"Api-Version": {"2026-07"}}
	c.endpoint.RequestIDHeader = "X-Call"
	var out struct{ ID string }
	err := c.Do(within(t), Request{
		Path:   "/things/a%2Fb",
		Query:  url.Values{"limit": {"5"}},
		JSON:   map[string]string{"text": "hi"},
		Header: http.Header{"x-extra": {"1"}},
	}, &out)
	if err != nil {
		t.Fatal(err)
	}
	if got.Method != "POST" || got.RequestURI != "/things/a%2Fb?limit=5" || body != `{"text":"hi"}` || out.ID != "7" {
		t.Errorf("sent %s %s %s, read %+v", got.Method, got.RequestURI, body, out)
	}
	for name, want := range map[string]string{
		"Authorization": "Bearer " + secret, "Content-Type": "application/json", "Accept": "application/json",
		"Api-Version": "2026-07", "X-Extra": "1", "X-Call": "call-1", "User-Agent": "toolvault",
	} {
		if v := got.Header.Get(name); v != want {
			t.Errorf("%s: %q, want %q", name, v, want)
		}
	}
	if s := c.Stats(); s.Requests != 1 || s.Retries != 0 || s.Status != 200 || s.RequestID != "req-9" || s.Millis <= 0 {
		t.Errorf("stats %+v", s)
	}
}

func TestAnswersThatAreNoGood(t *testing.T) {
	tests := map[string]struct {
		answer http.HandlerFunc
		max    int64
		kind   fault.Kind
		status int
		says   string
	}{
		"HTML": {
			answer: func(w http.ResponseWriter, _ *http.Request) {
				_, _ = io.WriteString(w, "<html>Sign in to the hotel's network</html>")
			},
			kind: fault.UpstreamError, status: 200, says: "not the JSON it should be",
		},
		"half a JSON": {
			answer: func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"items":[{"id":`) },
			kind:   fault.UpstreamError, status: 200, says: "not the JSON it should be",
		},
		"200 MB": {
			answer: func(w http.ResponseWriter, _ *http.Request) {
				piece := bytes.Repeat([]byte("x"), 1<<20)
				for range 200 {
					if _, err := w.Write(piece); err != nil {
						return
					}
				}
			},
			kind: fault.UpstreamError, status: 200, says: "larger than 8388608 bytes",
		},
		"gzip bomb": {
			answer: func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Encoding", "gzip")
				z := gzip.NewWriter(w)
				piece := make([]byte, 1<<20)
				for range 64 {
					if _, err := z.Write(piece); err != nil {
						return
					}
				}
				_ = z.Close()
			},
			max: 1 << 20, kind: fault.UpstreamError, status: 200, says: "larger than 1048576 bytes",
		},
		"a redirect": {
			answer: func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) },
			kind:   fault.UpstreamError, status: 302, says: "redirect (HTTP 302), which is not followed",
		},
		"huge headers": {
			answer: func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X-Big", strings.Repeat("x", 80<<10)) },
			kind:   fault.UpstreamUnavailable, says: "Try again",
		},
		"a large page of an error": {
			answer: func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusNotFound)
				_, _ = w.Write(bytes.Repeat([]byte("x"), 4096))
			},
			max: 1024, kind: fault.NotFound, status: 404, says: "no such thing",
		},
		"an answer that breaks off": {
			answer: func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Length", "100")
				_, _ = io.WriteString(w, `{"a":1}`)
			},
			kind: fault.UpstreamUnavailable, status: 200, says: "Try again",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			followed := false
			c, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
				followed = followed || r.URL.Path == "/elsewhere"
				tt.answer(w, r)
			})
			// A service that looks only at its own error code must not matter.
			look := StatusFault
			c.endpoint.Fault = func(r *Response) *fault.Error {
				if r.Status == 302 {
					return nil
				}
				return look(r)
			}
			var out any
			f := failure(t, c.Do(within(t), Request{Path: "/x", Read: true, MaxBytes: tt.max}, &out))
			if f.Kind != tt.kind || f.Status != tt.status || !strings.Contains(f.Message, tt.says) || !strings.Contains(f.Message, "acme") {
				t.Errorf("got %s, status %d: %s", f.Kind, f.Status, f.Message)
			}
			if followed {
				t.Error("the redirect was followed")
			}
		})
	}
}

// counted counts what is read of a body.
type counted struct {
	io.Reader
	n int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n += int64(n)
	return n, err
}

func (*counted) Close() error { return nil }

// However much there is, no more is taken than may be kept.
func TestNoMoreIsReadThanTheLimit(t *testing.T) {
	for _, status := range []int{200, 500} {
		body := &counted{Reader: io.LimitReader(endless{}, 64<<20)}
		p := NewPool(roundTrip(func(r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: status, Header: http.Header{}, Body: body, ContentLength: 64 << 20, Request: r}, nil
		}))
		c := p.Client(Endpoint{Service: "acme", BaseURL: "https://acme.example"}, &key{}, "call-1")
		if f := failure(t, c.Do(within(t), Request{Path: "/x", MaxBytes: 1 << 20}, nil)); f.Status != status {
			t.Errorf("got %+v", f)
		}
		if body.n > 1<<20+1 {
			t.Errorf("HTTP %d: %d bytes were read", status, body.n)
		}
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func TestUpstreamThatHangs(t *testing.T) {
	for _, where := range []string{"before the header", "within the body"} {
		t.Run(where, func(t *testing.T) {
			gone := make(chan struct{})
			c, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if where == "within the body" {
					_, _ = io.WriteString(w, `{"a":`)
					w.(http.Flusher).Flush()
				}
				<-r.Context().Done() // the server sees that the connection was closed
				close(gone)
			})
			ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
			defer cancel()
			f := failure(t, c.Do(ctx, Request{Path: "/x", Read: true}, nil))
			if f.Kind != fault.Timeout || !errors.Is(f, context.DeadlineExceeded) || !strings.Contains(f.Message, "acme did not answer in time") {
				t.Errorf("got %v", f)
			}
			await(t, gone)
		})
	}
}

func TestCancelReachesTheUpstream(t *testing.T) {
	arrived, gone := make(chan struct{}), make(chan struct{})
	c, _ := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-r.Context().Done()
		close(gone)
	})
	ctx, cancel := context.WithCancel(context.Background())
	go func() { <-arrived; cancel() }()
	f := failure(t, c.Do(ctx, Request{Path: "/x", Read: true}, nil))
	if !errors.Is(f, context.Canceled) || f.Retryable {
		t.Errorf("got %v, retryable %v", f, f.Retryable)
	}
	await(t, gone)
	if n := c.Stats().Requests; n != 1 {
		t.Errorf("%d requests for a call that nobody waits for", n)
	}
}

func await(t *testing.T, done <-chan struct{}) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Fatal("the upstream was not told")
	}
}

func TestStream(t *testing.T) {
	c, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/cut" {
			w.Header().Set("Content-Length", "100")
		}
		_, _ = io.WriteString(w, "0123456789")
	})
	var got []byte
	all := func(r io.Reader) (err error) {
		got, err = io.ReadAll(r)
		return err
	}
	t.Run("is bounded", func(t *testing.T) {
		if err := c.Do(within(t), Request{Path: "/", Read: true, MaxBytes: 4, Stream: all}, nil); err != nil || string(got) != "0123" {
			t.Errorf("read %q, %v", got, err)
		}
	})
	t.Run("is not repeated once it was seen", func(t *testing.T) {
		before := c.Stats().Requests
		f := failure(t, c.Do(within(t), Request{Path: "/cut", Read: true, Stream: all}, nil))
		if n := c.Stats().Requests - before; f.Kind != fault.UpstreamUnavailable || n != 1 {
			t.Errorf("%d requests, %v", n, f)
		}
	})
}

// What fails must not say our secret, in whatever way it came to be in an error.
func TestNoSecretInErrors(t *testing.T) {
	raw := func(answer string) string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				_, _ = http.ReadRequest(bufio.NewReader(conn))
				_, _ = io.WriteString(conn, answer)
				_ = conn.Close()
			}
		}()
		return "http://" + l.Addr().String()
	}
	closed := httptest.NewServer(nil)
	closed.Close()
	query := url.Values{"token": {secret}}
	tests := map[string]struct {
		base string
		rt   http.RoundTripper
	}{
		"a status line that repeats it":       {base: raw("Bearer " + secret + "\r\n\r\n")},
		"a header line that repeats it":       {base: raw("HTTP/1.1 200 OK\r\n" + secret + "\r\n\r\n")},
		"a header line with quotes":           {base: raw("HTTP/1.1 200 OK\r\n\"" + secret + "\\\" " + secret + "\r\n\r\n")},
		"a chunk size that repeats it":        {base: raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + secret + "\r\n")},
		"a JSON that repeats it":              {base: raw("HTTP/1.1 200 OK\r\n\r\n" + `{"` + secret)},
		"nobody there, the secret in the URL": {base: closed.URL},
		"an impossible URL":                   {base: "http://[::1"},
		"a scheme that nobody speaks":         {base: "gopher://host"},
		"a transport that names the URL": {base: "http://host", rt: roundTrip(func(r *http.Request) (*http.Response, error) {
			return nil, &url.Error{Op: "Get", URL: r.URL.String(), Err: errors.New("broken")}
		})},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			p := NewPool(tt.rt, Sleep((&waits{}).sleep))
			c := p.Client(Endpoint{Service: "acme", BaseURL: tt.base}, &key{}, "call-1")
			var out struct{ A string }
			err := c.Do(within(t), Request{Path: "/x", Query: query, Read: true}, &out)
			if err == nil {
				t.Fatal("no error")
			}
			for e := err; e != nil; e = errors.Unwrap(e) {
				if s := fmt.Sprintf("%v %+v %#v", e, e, e); strings.Contains(s, secret) {
					t.Errorf("the secret is in %s", s)
				}
			}
		})
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestPathsThatLeaveTheirPlace(t *testing.T) {
	c, _ := serve(t, func(_ http.ResponseWriter, r *http.Request) { t.Errorf("%s was sent", r.RequestURI) })
	for _, path := range []string{".evil.example/x", "@evil.example", "/contacts/..", "/contacts/../owners", "/contacts/./x"} {
		if err := c.Do(within(t), Request{Path: path, Read: true}, nil); err == nil {
			t.Errorf("%s was accepted", path)
		}
	}
}

// A service can answer anything: the client returns success or a fault, and
// takes no more than it should.
func FuzzAnswer(f *testing.F) {
	for _, s := range []string{
		"HTTP/1.1 200 OK\r\n\r\n{}", "HTTP/1.1 429 X\r\nRetry-After: 99999999999999999999\r\n\r\n",
		"HTTP/1.1 503 X\r\nRetry-After: Fri, 31 Dec 9999 23:59:59 GMT\r\nContent-Length: 9999999999\r\n\r\n",
		"HTTP/1.1 302 X\r\nLocation: http://10.0.0.1/\r\n\r\n", "HTTP/1.1 999 X\r\n\r\n", "HTTP/1.1 000 X\r\n\r\n[", "HTTP/1.1 401 \r\n\r\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		p := NewPool(roundTrip(func(r *http.Request) (*http.Response, error) {
			return http.ReadResponse(bufio.NewReader(bytes.NewReader(answer)), r)
		}), Sleep((&waits{}).sleep))
		c := p.Client(Endpoint{Service: "acme", BaseURL: "https://acme.example"}, &key{}, "call-1")
		var out any
		err := c.Do(context.Background(), Request{Path: "/x", Read: true, MaxBytes: 64 << 10}, &out)
		if err == nil {
			return
		}
		if fl := failure(t, err); fl.Message == "" || fl.RetryAfter < 0 || fl.RetryAfter > maxRetryAfter {
			t.Errorf("fault %+v", fl)
		}
		if n := c.Stats().Requests; n > maxAttempts {
			t.Errorf("%d requests", n)
		}
	})
}
