package metabase

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"toolvault/schemas"
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

// call runs a tool as the gateway does: arguments validated and defaults filled
// in before, the result held against its schema after.
func (w *world) call(name, args string) (any, error) {
	w.t.Helper()
	files, err := schemas.Load()
	if err != nil {
		w.t.Fatal(err)
	}
	for _, f := range files {
		if f.Name != name {
			continue
		}
		valid, err := f.Validate(json.RawMessage(args))
		if err != nil {
			return nil, err
		}
		for _, tool := range w.svc.Tools {
			if tool.Name != name {
				continue
			}
			out, err := tool.Run(context.Background(), w.client(), valid.Raw)
			if err != nil {
				return nil, err
			}
			raw, err := json.Marshal(out)
			if err != nil {
				w.t.Fatal(err)
			}
			if err := f.ValidateOutput(raw); err != nil {
				w.t.Errorf("the result of %s does not fit its schema: %v\n%s", name, err, raw)
			}
			return out, nil
		}
	}
	w.t.Fatalf("there is no tool %s", name)
	return nil, nil
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
