package salesforce

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/sandbox/double"
	sandbox "toolvault/tools/sandbox/salesforce"
	"toolvault/tools/toolstest"
	"toolvault/tools/upstream"
	"toolvault/vault"
)

// moment is a Tuesday morning, the day after what the double holds.
var moment = time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)

func now() time.Time { return moment }

// world is the service in front of the double, or of some handler.
type world struct {
	t      *testing.T
	svc    tools.Service
	double *double.Double
	url    string
	token  string
	params map[string]string
	seen   []string // requests so far, as method, path and query
	paths  []string // of the last call
}

func newWorld(t *testing.T) *world {
	d := sandbox.New(now)
	w := against(t, d)
	w.double, w.token = d, d.Secret
	return w
}

func against(t *testing.T, h http.Handler) *world {
	t.Helper()
	w := &world{t: t, svc: newService(now), token: "token"}
	s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.seen = append(w.seen, r.Method+" "+r.URL.RequestURI())
		h.ServeHTTP(rw, r)
	}))
	t.Cleanup(s.Close)
	w.url = s.URL
	return w
}

func (w *world) client() *upstream.Client {
	c := toolstest.Client(w.svc.Endpoint, w.url, toolstest.Static{Scheme: vault.Bearer, Secret: w.token})
	c.Params(w.params)
	return c
}

func (w *world) call(name, args string) (any, error) {
	w.t.Helper()
	before := len(w.seen)
	out, err := toolstest.Call(w.t, w.svc, w.client(), "salesforce_"+name, args)
	w.paths = w.seen[before:]
	return out, err
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

// refused is call that has to fail with a kind and a word, and nothing changed.
func (w *world) refused(kind fault.Kind, says, name, args string) *fault.Error {
	w.t.Helper()
	_, err := w.call(name, args)
	if err == nil {
		w.t.Errorf("%s %s: no error", name, args)
		return nil
	}
	var f *fault.Error
	if !errors.As(err, &f) {
		f = &fault.Error{Kind: fault.InvalidArguments, Message: err.Error()} // by the schema
	}
	if f.Kind != kind || !strings.Contains(f.Message, says) {
		w.t.Errorf("%s %s: got %v, want %s with %q", name, args, err, kind, says)
	}
	toolstest.Harmless(w.t, f, 1200)
	return f
}
