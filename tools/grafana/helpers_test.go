package grafana

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"toolvault/tools"
	"toolvault/tools/fault"
	double "toolvault/tools/sandbox/grafana"
	"toolvault/tools/toolstest"
	"toolvault/tools/upstream"
	"toolvault/vault"
)

// noon is when the tests are: a Tuesday.
var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func atNoon() time.Time { return noon }

// world is the service in front of some handler.
type world struct {
	t      testing.TB
	svc    tools.Service
	url    string
	key    string
	params map[string]string
}

// against serves a handler as it is.
func against(t testing.TB, h http.Handler) *world {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return &world{t: t, svc: newService(atNoon), url: s.URL, key: double.New(atNoon).Secret}
}

// sandboxed puts the vendor's description between the service and the double.
func sandboxed(t testing.TB) *world { return with(t, double.Options{}) }

func with(t testing.TB, options double.Options) *world {
	t.Helper()
	return against(t, guarded(t, double.With(atNoon, options)))
}

// undescribed are the parts of the API that the description leaves out: it is of
// /api alone, and not of what Prometheus, Loki and the Alertmanager take.
var undescribed = []string{"/apis/", "/api/datasources/uid/", "/api/datasources/proxy/uid/", "/render/", "/api/frontend/settings", "/api/user/orgs", "/api/prometheus/grafana/api/v1/rules", "/api/alertmanager/grafana/api/v2/silence"}

// guarded checks requests, and the double's answers, against the description. Where
// all queries fail Grafana answers a 400 with their results, and the description has
// an error of the whole.
func guarded(t testing.TB, next http.Handler) http.Handler {
	spec := toolstest.TrySpec(t, "grafana/legacy-api.trimmed.json")
	whole, requests := spec.Guard(t, "", next, toolstest.Answers()), spec.Guard(t, "", next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, prefix := range undescribed {
			if strings.HasPrefix(r.URL.Path, prefix) {
				next.ServeHTTP(w, r)
				return
			}
		}
		if r.URL.Path == "/api/ds/query" {
			requests.ServeHTTP(w, r)
			return
		}
		whole.ServeHTTP(w, r)
	})
}

func (w *world) client() *upstream.Client {
	c := toolstest.Client(w.svc.Endpoint, w.url, toolstest.Static{Scheme: w.svc.Auth[vault.TypeServiceToken], Secret: w.key})
	c.Params(w.params)
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
	var f *fault.Error
	switch {
	case err == nil:
		w.t.Errorf("%s %s: no error", name, args)
		return
	case !errors.As(err, &f):
		f = &fault.Error{Kind: fault.InvalidArguments, Message: err.Error()} // by the schema
	}
	if f.Kind != kind || !strings.Contains(f.Message, says) {
		w.t.Errorf("%s %s: got %v, want %s with %q", name, args, err, kind, says)
	}
	toolstest.Harmless(w.t, f, 1200)
}

// counted counts requests by method and path.
func counted(next http.Handler, seen *[]string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*seen = append(*seen, r.Method+" "+r.URL.Path)
		next.ServeHTTP(w, r)
	})
}

func options(legacy bool) double.Options { return double.Options{Legacy: legacy} }
