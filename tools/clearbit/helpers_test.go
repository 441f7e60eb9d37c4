package clearbit

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"toolvault/tools"
	"toolvault/tools/fault"
	double "toolvault/tools/sandbox/clearbit"
	"toolvault/tools/toolstest"
	"toolvault/tools/upstream"
	"toolvault/vault"
)

// world is the service in front of some handler, and the requests that came.
type world struct {
	t    *testing.T
	svc  tools.Service
	url  string
	cred upstream.Credential

	mu    sync.Mutex
	asked []*http.Request
}

func against(t *testing.T, h http.Handler, now func() time.Time, streams time.Duration) *world {
	t.Helper()
	w := &world{t: t, svc: newService(now, streams)}
	w.cred = toolstest.Static{Scheme: w.svc.Auth[vault.TypeAPIKey], Secret: double.New(time.Now).Secret}
	s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		w.asked = append(w.asked, r.Clone(t.Context()))
		w.mu.Unlock()
		h.ServeHTTP(rw, r)
	}))
	t.Cleanup(s.Close)
	w.url = s.URL
	return w
}

func sandboxed(t *testing.T) *world {
	t.Helper()
	return against(t, double.New(time.Now), time.Now, streams)
}

// answering always answers the same.
func answering(t *testing.T, status int, body string) *world {
	t.Helper()
	return against(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}), time.Now, streams)
}

// paths are those that were asked for since the last time.
func (w *world) paths() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []string
	for _, r := range w.asked {
		all = append(all, r.URL.Path)
	}
	w.asked = nil
	return all
}

func (w *world) call(tool, args string) (any, error) {
	w.t.Helper()
	return toolstest.Call(w.t, w.svc, toolstest.Client(w.svc.Endpoint, w.url, w.cred), tool, args)
}

// must is call where nothing may fail.
func must[Out any](w *world, tool, args string) Out {
	w.t.Helper()
	out, err := w.call(tool, args)
	if err != nil {
		w.t.Fatalf("%s: %v", tool, err)
	}
	return out.(Out)
}

// refused is call where it must fail in the given way.
func (w *world) refused(kind fault.Kind, tool, args string) *fault.Error {
	w.t.Helper()
	_, err := w.call(tool, args)
	var f *fault.Error
	if !errors.As(err, &f) || f.Kind != kind {
		w.t.Fatalf("%s %s: %v, not %s", tool, args, err, kind)
	}
	return f
}

func (w *world) came(want ...string) {
	w.t.Helper()
	if got := w.paths(); !slices.Equal(got, want) {
		w.t.Errorf("asked for %q, not %q", got, want)
	}
}

// clock is a time that a test moves.
type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }

// other is the credential of somebody else.
type other struct{ toolstest.Static }

func (other) Key() string { return "other" }
