package metabase

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/sandbox"
	"toolvault/tools/toolstest"
	"toolvault/tools/upstream"
	"toolvault/vault"
)

// world is the service in front of some handler.
type world struct {
	t   *testing.T
	svc tools.Service
	url string
	key string

	allows func(scope string) bool // nil: everything
}

// against serves a handler as it is.
func against(t *testing.T, h http.Handler) *world {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return &world{t: t, svc: New(), url: s.URL, key: sandbox.NewMetabase().Secret}
}

// sandboxed puts the vendor's description between the service and the double.
func sandboxed(t *testing.T) *world {
	t.Helper()
	return guarded(t, sandbox.NewMetabase())
}

func guarded(t *testing.T, h http.Handler) *world {
	t.Helper()
	spec := toolstest.Spec(t, "metabase/metabase-trimmed.json")
	whole, requests := spec.Guard(t, "", h, toolstest.Answers(), extra()), spec.Guard(t, "", h, extra())
	return against(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/query/csv") { // the description has JSON for the answers of all formats
			requests.ServeHTTP(rw, r)
			return
		}
		whole.ServeHTTP(rw, r)
	}))
}

func (w *world) client() *upstream.Client {
	c := toolstest.Client(w.svc.Endpoint, w.url, toolstest.Static{Scheme: w.svc.Auth[vault.TypeServiceToken], Secret: w.key})
	if w.allows != nil {
		c.Permit(w.allows)
	}
	return c
}

func (w *world) call(name, args string) (any, error) {
	w.t.Helper()
	return toolstest.Call(w.t, w.svc, w.client(), name, args)
}

// must is call where nothing may fail.
func must[Out any](w *world, name, args string) Out {
	w.t.Helper()
	out, err := w.call(name, args)
	if err != nil {
		w.t.Fatalf("%s: %v", name, err)
	}
	return out.(Out)
}

// refused calls a tool that has to fail with a kind and a word.
func (w *world) refused(kind fault.Kind, says, name, args string) {
	w.t.Helper()
	_, err := w.call(name, args)
	if err == nil {
		w.t.Errorf("%s %s: no error", name, args)
		return
	}
	var f *fault.Error
	if !errors.As(err, &f) {
		f = &fault.Error{Kind: fault.InvalidArguments, Message: err.Error()} // by the schema
	}
	if f.Kind != kind || !strings.Contains(f.Message, says) {
		w.t.Errorf("%s %s: got %v, want %s with %q", name, args, err, kind, says)
	}
	toolstest.Harmless(w.t, f, 1200)
}
