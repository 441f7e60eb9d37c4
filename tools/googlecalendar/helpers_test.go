package googlecalendar

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/sandbox/double"
	google "toolvault/tools/sandbox/googlecalendar"
	"toolvault/tools/toolstest"
	"toolvault/tools/upstream"
	"toolvault/vault"
)

// today is when the tests happen: a Tuesday, ten in the morning in Berlin.
var today = time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)

const (
	marta = "marta.klein@northwind.example"
	jonas = "jonas.brekke@northwind.example"
	priya = "priya.sharma@northwind.example"
	dana  = "dana.whitfield@acme.example"
	team  = "c_northwindsupport@group.calendar.google.com"
)

// world is the service in front of the double, each request to it held against the
// discovery document and kept.
type world struct {
	t      *testing.T
	svc    tools.Service
	double *double.Double
	url    string
	key    string
	callID string
	allows func(scope string) bool
	now    time.Time

	mu      sync.Mutex
	seen    []*http.Request
	bodies  []string
	between func(w http.ResponseWriter, r *http.Request, next http.Handler) // nil: nothing
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, now: today, callID: "01990000-0000-7000-8000-000000000000"}
	clock := func() time.Time { return w.now }
	w.svc, w.double = newService(clock), google.New(clock)
	w.key = w.double.Secret
	next := toolstest.TryDiscovery(t, "google/calendar-v3-discovery.json").Guard(t, "/calendar/v3", w.double)
	s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		w.mu.Lock()
		w.seen, w.bodies = append(w.seen, r.Clone(t.Context())), append(w.bodies, string(body))
		w.mu.Unlock()
		if w.between != nil {
			w.between(rw, r, next)
			return
		}
		next.ServeHTTP(rw, r)
	}))
	t.Cleanup(s.Close)
	w.url = s.URL + "/calendar/v3"
	return w
}

func (w *world) client() *upstream.Client {
	sleep := upstream.Sleep(func(ctx context.Context, _ time.Duration) error { return ctx.Err() })
	e := w.svc.Endpoint
	e.BaseURL, e.Private = w.url, true
	c := upstream.NewPool(nil, sleep).Client(e, toolstest.Static{Scheme: w.svc.Auth[vault.TypeServiceToken], Secret: w.key}, w.callID)
	if w.allows != nil {
		c.Permit(w.allows)
	}
	return c
}

func (w *world) call(name, args string) (any, error) {
	w.t.Helper()
	return toolstest.Call(w.t, w.svc, w.client(), "google_calendar_"+name, args)
}

// must is call where nothing may fail.
func must[Out any](w *world, name, args string) Out {
	w.t.Helper()
	out, err := w.call(name, args)
	if err != nil {
		w.t.Fatalf("%s %s: %v", name, args, err)
	}
	return out.(Out)
}

// refused calls a tool that has to fail with a kind and a word.
func (w *world) refused(kind fault.Kind, says, name, args string) *fault.Error {
	w.t.Helper()
	_, err := w.call(name, args)
	var f *fault.Error
	if err == nil {
		w.t.Errorf("%s %s: no error", name, args)
		return &fault.Error{}
	}
	if !errors.As(err, &f) {
		f = &fault.Error{Kind: fault.InvalidArguments, Message: err.Error()} // by the schema
	}
	if f.Kind != kind || !strings.Contains(f.Message, says) {
		w.t.Errorf("%s %s: got %v, want %s with %q", name, args, err, kind, says)
	}
	toolstest.Harmless(w.t, f, 1500)
	return f
}

// writes are the requests so far that change something, as METHOD PATH.
func (w *world) writes() (all []*http.Request, bodies []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, r := range w.seen {
		if r.Method != http.MethodGet && !strings.HasSuffix(r.URL.Path, "/freeBusy") {
			all, bodies = append(all, r), append(bodies, w.bodies[i])
		}
	}
	return all, bodies
}

// mails are those that went out.
func (w *world) mails() []string {
	var all []string
	for k, v := range w.double.Snapshot() {
		if strings.HasPrefix(k, "mail ") {
			all = append(all, v)
		}
	}
	slices.Sort(all)
	return all
}

// stored is what the double holds of an event.
func (w *world) stored(id string) string { return w.double.Snapshot()["event "+id] }
