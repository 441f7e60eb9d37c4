package server

import (
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"toolvault/auth/page/pagetest"
)

// TestConsentInARealBrowser: from a cold start in two clicks, on a phone and a desk,
// without one complaint of the browser, and to a client on another origin.
func TestConsentInARealBrowser(t *testing.T) {
	b := pagetest.Open(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	h := newHouse(t, "")
	h.public = "http://" + l.Addr().String()
	got := make(chan url.Values, 4)
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/cb" {
			if ref := r.Header.Get("Referer"); ref != "" {
				t.Errorf("the client is told %q", ref)
			}
			got <- r.URL.Query()
			w.Header().Set("Content-Type", "text/html")
			_, _ = w.Write([]byte("<!doctype html><title>app</title><p>The app is connected."))
		}
	}))
	t.Cleanup(app.Close)
	h.change(func() {
		for _, id := range []string{"web", "stranger"} {
			c := h.clients[id]
			c.Redirects = []string{app.URL + "/cb"}
			h.clients[id] = c
		}
	})
	r := h.replica()
	mux := http.NewServeMux()
	mux.Handle("/oauth/", r.Handler())
	mux.HandleFunc("GET /signin", func(w http.ResponseWriter, q *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte(`<!doctype html><title>x</title><form method="post" action="/signin?` + url.Values{"return": {q.FormValue("return")}}.Encode() + `"><button>Sign in</button></form>`))
	})
	mux.HandleFunc("POST /signin", func(w http.ResponseWriter, q *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "person", Value: "alice", Path: "/"})
		http.Redirect(w, q, q.URL.Query().Get("return"), http.StatusSeeOther)
	})
	srv := &httptest.Server{Listener: l, Config: &http.Server{Handler: mux}}
	srv.Start()
	t.Cleanup(srv.Close)
	ask := func(pairs ...string) string {
		return h.public + AuthorizePath + "?" + query(append([]string{"redirect_uri", "", "resource", h.public + ResourcePath}, pairs...)...).Encode()
	}

	b.Phone(320, 640)
	b.Go(ask())
	b.Click("button")
	b.Until("the consent page", func() bool { return strings.Contains(b.Text(), "Web App") })
	for what, script := range map[string]string{
		"nothing is wider than a phone": `return document.documentElement.scrollWidth <= 320`,
		"a finger hits the button":      `return document.querySelector('button').getBoundingClientRect().height >= 44`,
		"each choice has a label":       `return [...document.querySelectorAll('input:not([type=hidden])')].every(i => i.labels.length === 1)`,
		"no script":                     `return document.scripts.length === 0`,
	} {
		if b.Script(script) != "true" {
			t.Errorf("not so: %s", what)
		}
	}
	b.Picture("consent-phone")
	b.Click("button[value=allow]")
	b.Until("the app", func() bool { return strings.Contains(b.Text(), "The app is connected") })
	if q := <-got; q.Get("code") == "" || q.Get("iss") != h.public {
		t.Errorf("the app got %v", q)
	}

	b.Phone(1200, 900)
	b.Go(ask("client_id", "stranger"))
	b.Until("the choice of agents", func() bool { return strings.Contains(b.Text(), "Which agent") })
	b.Picture("consent-desk")
	b.Type(pagetest.Tab)
	if got := b.Focused(); !strings.HasPrefix(got, "radio bot") {
		t.Errorf("the focus is on %q", got)
	}
	b.Click("button[value=deny]")
	b.Until("the app", func() bool { return strings.Contains(b.Text(), "The app is connected") })
	if q := <-got; q.Get("error") != "access_denied" {
		t.Errorf("the app got %v", q)
	}
	b.Go(h.public + AuthorizePath + "?client_id=nobody")
	b.Picture("consent-error")
	for _, line := range b.Complaints() {
		if !strings.Contains(line, "favicon") && !strings.Contains(line, "400 (Bad Request)") {
			t.Errorf("the browser complains: %s", line)
		}
	}
}
