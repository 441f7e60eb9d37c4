package metabase

import (
	"errors"
	"net/http"
	"net/http/httptest"
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
	return against(t, toolstest.Spec(t, "metabase/metabase-trimmed.json").Guard(t, "", h, toolstest.Answers()))
}

func (w *world) client() *upstream.Client {
	return toolstest.Client(w.svc.Endpoint, w.url, toolstest.Static{Scheme: w.svc.Auth[vault.TypeServiceToken], Secret: w.key})
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

func faultOf(t *testing.T, err error) *fault.Error {
	t.Helper()
	var f *fault.Error
	if !errors.As(err, &f) {
		t.Fatalf("want a fault, got %v", err)
	}
	return f
}
