package weaviate

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/sandbox/double"
	sandbox "toolvault/tools/sandbox/weaviate"
	"toolvault/tools/toolstest"
	"toolvault/tools/upstream"
)

// world is the service in front of some server.
type world struct {
	t    *testing.T
	svc  tools.Service
	url  string
	cred upstream.Credential
}

// bearer is an API key, and the keys of providers beside it; without a key nothing is
// put on requests.
type bearer struct {
	key      string
	provider http.Header
}

func (b bearer) Authorize(r *http.Request) error {
	if b.key != "" {
		r.Header.Set("Authorization", "Bearer "+b.key)
	}
	for k, v := range b.provider {
		r.Header[k] = v
	}
	return nil
}

func (bearer) Renew(context.Context) (bool, error) { return false, nil }
func (b bearer) Key() string                       { return "test " + b.key }

var moment = time.Date(2026, 11, 25, 9, 0, 0, 0, time.UTC)

func now() time.Time { return moment }

// against serves a handler, every request to it held against the vendor's description.
// Answers are not: a real server answers null in many places where its description
// does not let it.
func against(t *testing.T, h http.Handler) *world {
	t.Helper()
	d := toolstest.TrySpec(t, "weaviate/weaviate-1.39.1-schema.min.json")
	s := httptest.NewServer(noBaseURL(t, d.Guard(t, "", h)))
	t.Cleanup(s.Close)
	return &world{t: t, svc: newService(now), url: s.URL}
}

// noBaseURL fails the test where a request says where a provider is: its key would go
// there.
func noBaseURL(t *testing.T, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name := range r.Header {
			if strings.Contains(strings.ToLower(name), "baseurl") {
				t.Errorf("%s %s: the header %s was sent", r.Method, r.URL.Path, name)
			}
		}
		next.ServeHTTP(w, r)
	})
}

func sandboxed(t *testing.T) (*world, *double.Double) {
	t.Helper()
	d := sandbox.New(now)
	w := against(t, d)
	w.cred = bearer{key: d.Secret}
	return w, d
}

// as is the same world with another credential.
func (w *world) as(key string) *world {
	other := *w
	other.cred = bearer{key: key}
	return &other
}

func (w *world) client() *upstream.Client { return toolstest.Client(w.svc.Endpoint, w.url, w.cred) }

func (w *world) call(name, args string) (any, error) {
	w.t.Helper()
	return toolstest.Call(w.t, w.svc, w.client(), "weaviate_"+name, args)
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

// fails is a call that has to fail with the kind and the words.
func (w *world) fails(name, args string, kind fault.Kind, words ...string) *fault.Error {
	w.t.Helper()
	out, err := w.call(name, args)
	f := toolstest.FaultOf(w.t, err)
	if f == nil {
		w.t.Fatalf("%s %s: no fault, %+v", name, args, out)
	}
	if f.Kind != kind {
		w.t.Errorf("%s %s: %s: %s, want %s", name, args, f.Kind, f.Message, kind)
	}
	for _, word := range words {
		if !strings.Contains(f.Message, word) {
			w.t.Errorf("%s %s: %q lacks %q", name, args, f.Message, word)
		}
	}
	return f
}
