package pinecone

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"toolvault/tools"
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

// against serves a handler, every request to it held against the vendor's
// descriptions.
func against(t *testing.T, h http.Handler, options ...toolstest.Option) *world {
	t.Helper()
	s := httptest.NewServer(official(t, h, options...))
	t.Cleanup(s.Close)
	return &world{t: t, svc: newService(time.Now, atOnce), url: s.URL, key: sandbox.NewPinecone().Secret}
}

func sandboxed(t *testing.T) *world {
	t.Helper()
	return against(t, sandbox.NewPinecone(), toolstest.Answers())
}

// official divides the requests between the three descriptions. The one of the
// data plane describes the NDJSON of an upsert as a JSON array, which no NDJSON
// can be; TestUpsertLines checks each line against the schema of a record's own.
// What is sent in the version of the Documents API has no description: it is held
// against the shapes in shapes_test.go.
//
// Answers are held against the descriptions too, except where a test is about the
// plain text in which the real gateways refuse, which they do not know.
func official(t *testing.T, next http.Handler, options ...toolstest.Option) http.Handler {
	t.Helper()
	restored := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		whole, _ := r.Context().Value(wholePath{}).(*url.URL)
		r.URL = whole
		next.ServeHTTP(w, r)
	})
	guards := map[string]http.Handler{"": newShapes(t, restored)}
	for _, file := range []string{"db_control", "db_data", "inference"} {
		file = "pinecone/" + file + "_2026-04.oas.yaml"
		guards[file] = toolstest.Spec(t, file).Guard(t, "", restored, options...)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("X-Pinecone-Api-Version"); got != "2026-04" && got != "2026-07" {
			t.Errorf("%s %s: X-Pinecone-Api-Version is %q", r.Method, r.URL.Path, got)
		}
		file, path := sandbox.PineconeDescribed(r)
		whole := *r.URL
		r = r.WithContext(context.WithValue(r.Context(), wholePath{}, &whole))
		below := whole
		if cut := len(whole.Path) - len(path); cut > 0 {
			below.Path = path
			if below.RawPath != "" {
				below.RawPath = whole.RawPath[cut:]
			}
		}
		r.URL = &below
		guards[file].ServeHTTP(w, r)
	})
}

type wholePath struct{}

func (w *world) client() *upstream.Client {
	return toolstest.Client(w.svc.Endpoint, w.url, toolstest.Static{Scheme: w.svc.Auth[vault.TypeAPIKey], Secret: w.key})
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

// clock is a time that a test moves.
type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }

// atOnce stands in for waiting.
func atOnce(ctx context.Context, _ time.Duration) error { return ctx.Err() }
