package upstream

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"toolvault/tools/fault"
)

const secret = "xoxb-very-secret-token"

// key is a credential that can be renewed once.
type key struct {
	name  string
	fresh string // the secret after a renewal; "" for none

	mu      sync.Mutex
	now     string
	renewed int
}

func (k *key) Authorize(r *http.Request) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.now == "" {
		k.now = secret
	}
	r.Header.Set("Authorization", "Bearer "+k.now)
	return nil
}

func (k *key) Renew(context.Context) (bool, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.renewed++
	if k.fresh == "" {
		return false, nil
	}
	k.now = k.fresh
	return true, nil
}

func (k *key) Key() string { return k.name }

// waits records what a pool would have slept.
type waits struct {
	mu  sync.Mutex
	all []time.Duration
}

func (w *waits) sleep(ctx context.Context, d time.Duration) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all = append(w.all, d)
	return ctx.Err()
}

func (w *waits) list() []time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.all
}

// serve starts a server and returns a client for a call to it, and what its pool
// would have slept.
func serve(t *testing.T, h http.HandlerFunc) (*Client, *waits) {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	w := &waits{}
	p := NewPool(nil, Sleep(w.sleep))
	t.Cleanup(p.transport.(*http.Transport).CloseIdleConnections)
	e := Endpoint{Service: "acme", BaseURL: s.URL, ResponseIDHeader: "X-Request-Id"}
	return p.Client(e, &key{name: "acme/agent"}, "call-1"), w
}

// within gives a context that ends a broken test, not a working one.
func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// failure is the fault in an error, which must be one.
func failure(t *testing.T, err error) *fault.Error {
	t.Helper()
	var f *fault.Error
	if !errors.As(err, &f) {
		t.Fatalf("got %v, want a fault", err)
	}
	return f
}
