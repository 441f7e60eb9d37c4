package pinecone

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

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

// against serves a handler, every request to it held against the vendor's
// descriptions.
func against(t *testing.T, h http.Handler, options ...toolstest.Option) *world {
	t.Helper()
	s := httptest.NewServer(official(t, h, options...))
	t.Cleanup(s.Close)
	return &world{t: t, svc: New(), url: s.URL, key: sandbox.NewPinecone().Secret}
}

func sandboxed(t *testing.T) *world {
	t.Helper()
	return against(t, sandbox.NewPinecone(), toolstest.Answers())
}

// official divides the requests between the two descriptions. The one of the
// data plane describes the NDJSON of an upsert as a JSON array, which no NDJSON
// can be; TestUpsertLines checks each line against the schema of a record's own.
//
// Its answers are held against the descriptions too, except where a test is about
// the plain text in which the real gateways refuse, which they do not know.
func official(t *testing.T, next http.Handler, options ...toolstest.Option) http.Handler {
	t.Helper()
	control := toolstest.Spec(t, "pinecone/db_control_2026-04.oas.yaml").Guard(t, "", next, options...)
	data := toolstest.Spec(t, "pinecone/db_data_2026-04.oas.yaml").Guard(t, "", next, options...)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("X-Pinecone-Api-Version"); got != "2026-04" {
			t.Errorf("%s %s: X-Pinecone-Api-Version is %q", r.Method, r.URL.Path, got)
		}
		switch {
		case strings.HasPrefix(r.URL.Path, "/indexes"):
			control.ServeHTTP(w, r)
		case strings.HasSuffix(r.URL.Path, "/upsert") && r.Header.Get("Content-Type") == "application/x-ndjson":
			next.ServeHTTP(w, r)
		default:
			data.ServeHTTP(w, r)
		}
	})
}

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

func faultOf(t *testing.T, err error) *fault.Error {
	t.Helper()
	var f *fault.Error
	if !errors.As(err, &f) {
		t.Fatalf("want a fault, got %v", err)
	}
	return f
}

// clock is a time that a test moves.
type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }
