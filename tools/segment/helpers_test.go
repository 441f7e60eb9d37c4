package segment

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"toolvault/schemas"
	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/sandbox/double"
	sandbox "toolvault/tools/sandbox/segment"
	"toolvault/tools/toolstest"
	"toolvault/tools/upstream"
	"toolvault/vault"
)

// moment is when the tests happen.
var moment = time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)

func atMoment() time.Time { return moment }

// world is the service in front of some handler, with the credentials of a region.
type world struct {
	t      *testing.T
	svc    tools.Service
	url    string
	region string
	keys   sandbox.Credentials
	double *double.Double
	files  map[string]schemas.Tool
}

// against serves a handler; requests of the Public API are held against the vendor's
// description. That one lacks destinationConfigId, which the vendor's SDKs require,
// and has arrays without the index that its examples have.
func against(t *testing.T, h http.Handler) *world {
	t.Helper()
	spec := toolstest.TrySpec(t, "segment/public-api-73.2.0.trimmed.json")
	options := []toolstest.Option{toolstest.Answers(), toolstest.Extra("destinationConfigId", "groupBy.0", "sourceId.0", "eventName.0")}
	us, eu := spec.Guard(t, "/public", h, options...), spec.Guard(t, "/public.eu", h, options...)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasPrefix(r.URL.Path, "/public/"):
			us.ServeHTTP(w, r)
		case strings.HasPrefix(r.URL.Path, "/public.eu/"):
			eu.ServeHTTP(w, r)
		default:
			h.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(s.Close)
	w := &world{t: t, svc: newService(atMoment), url: s.URL, keys: sandbox.Of("us"), files: map[string]schemas.Tool{}}
	all, err := schemas.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range all {
		if f.Service == name {
			w.files[f.Name] = f
		}
	}
	return w
}

func sandboxed(t *testing.T) *world {
	t.Helper()
	d := sandbox.New(atMoment)
	w := against(t, d)
	w.double = d
	return w
}

// client is one with the credential that a tool of that scope gets.
func (w *world) client(scope string) *upstream.Client {
	typ, secret := vault.TypeServiceToken, w.keys.PublicToken
	switch scope {
	case "tracking.write":
		typ, secret = vault.TypeWriteKey, w.keys.WriteKey
	case "profile.read":
		typ, secret = vault.TypeProfileToken, w.keys.ProfileToken
	}
	c := toolstest.Client(w.svc.Endpoint, w.url, toolstest.Static{Scheme: w.svc.Auth[typ], Secret: secret})
	params := map[string]string{"region": w.region}
	if typ == vault.TypeProfileToken {
		params["space"] = w.keys.Space
	}
	c.Params(params)
	return c
}

func (w *world) call(tool, args string) (any, error) {
	w.t.Helper()
	return toolstest.Call(w.t, w.svc, w.client(w.files[tool].Scope), tool, args)
}

// must is call where nothing may fail.
func must[Out any](w *world, tool, args string) Out {
	w.t.Helper()
	out, err := w.call(tool, args)
	if err != nil {
		w.t.Fatalf("%s %s: %v", tool, args, err)
	}
	return out.(Out)
}

// refused is call where it must fail with a kind and some words.
func (w *world) refused(tool, args string, kind fault.Kind, words ...string) *fault.Error {
	w.t.Helper()
	_, err := w.call(tool, args)
	var f *fault.Error
	if !errors.As(err, &f) {
		w.t.Fatalf("%s %s: want a fault, got %v", tool, args, err)
	}
	if f.Kind != kind {
		w.t.Errorf("%s %s: %s, want %s: %s", tool, args, f.Kind, kind, f.Message)
	}
	for _, word := range words {
		if !strings.Contains(f.Message, word) {
			w.t.Errorf("%s %s: %q lacks %q", tool, args, f.Message, word)
		}
	}
	toolstest.Harmless(w.t, f, 2000)
	return f
}

// serve is the address of a server with that handler.
func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}
