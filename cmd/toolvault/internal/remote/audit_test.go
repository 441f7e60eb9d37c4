package remote

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"toolvault/audit"
)

// elsewhere is a toolvault that answers queries of its log.
func elsewhere(t *testing.T, answer http.HandlerFunc) *Server {
	t.Helper()
	mux := http.NewServeMux()
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	mux.HandleFunc("/.well-known/oauth-authorization-server", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintf(w, `{"issuer":%[1]q,"authorization_endpoint":"%[1]s/a","token_endpoint":"%[1]s/t","device_authorization_endpoint":"%[1]s/d"}`, s.URL)
	})
	mux.HandleFunc("/v1/admin/audit", answer)
	server, err := Discover(t.Context(), s.URL)
	if err != nil {
		t.Fatal(err)
	}
	return server
}

func fixed(token string) func(context.Context, string) (string, error) {
	return func(_ context.Context, stale string) (string, error) {
		if stale != "" {
			return "renewed", nil
		}
		return token, nil
	}
}

func TestAQueryArrivesAsItIs(t *testing.T) {
	asked := ""
	s := elsewhere(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer renewed" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		asked = r.URL.RawQuery
		w.Header().Set("Toolvault-Audit-Log", "toolvault/there")
		_, _ = fmt.Fprintln(w, `{"index":7,"phase":"call","call_id":"c","agent":"a","status":"ok"}`+"\n\n"+`{"index":6,"phase":"event","event":"x","status":"ok"}`)
	})
	log := s.Audit(fixed("old"))
	if name, err := log.Name(t.Context()); err != nil || name != "toolvault/there" {
		t.Errorf("%q %v", name, err)
	}
	var got []string
	f := audit.Filter{Agent: "a&b", Text: "x y", Since: time.Date(2026, 11, 24, 9, 0, 0, 5, time.UTC), Before: 9, Limit: 3, CredentialID: "slack/a"}
	if err := log.Newest(t.Context(), f, func(e audit.Entry) error {
		got = append(got, fmt.Sprint(e.Index, e.CallID, e.Event, e.Status))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if strings.Join(got, " ") != "7cok 6xok" {
		t.Error(got)
	}
	if asked != "agent=a%26b&before=9&credential=slack%2Fa&limit=3&order=newest&since=2026-11-24T09%3A00%3A00.000000005Z&text=x+y" {
		t.Error(asked)
	}
}

// TestAnAnswerThatIsNotWholeIsAnError: what came is not taken for all there is.
func TestAnAnswerThatIsNotWholeIsAnError(t *testing.T) {
	stop := errors.New("stop")
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		want   string
	}{
		"broken off": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = fmt.Fprintln(w, `{"index":1}`)
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}, "broke off"},
		"no entry": {func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintln(w, `<html>`) }, "no entry"},
		"endless":  {func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, strings.Repeat("x", maxEntry+1)) }, "broke off"},
		"forbidden": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(403)
			_, _ = fmt.Fprint(w, `{"error_description":"This needs audit:read."}`)
		}, "This needs audit:read."},
		"redirected": {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) }, "302"},
		"refused":    {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(401) }, "401"},
		"stopped":    {func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintln(w, `{"index":2}`) }, "stop"},
	} {
		t.Run(name, func(t *testing.T) {
			err := elsewhere(t, c.answer).Audit(fixed("t")).Oldest(t.Context(), audit.Filter{}, func(e audit.Entry) error {
				if e.Index == 2 {
					return stop
				}
				return nil
			})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %s", err, c.want)
			}
		})
	}
}
