package server

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"toolvault/auth/page/pagetest"
)

// TestDeviceInARealBrowser: with the address that the device shows, on a phone, in
// two clicks after signing in, by keyboard too, without one complaint of the browser.
func TestDeviceInARealBrowser(t *testing.T) {
	b := pagetest.Open(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := newHouse(t, "")
	h.public = "http://" + l.Addr().String()
	p := newPlantIn(t, h)
	mux := http.NewServeMux()
	mux.Handle("/oauth/", p.Handler())
	mux.HandleFunc("GET /signin", func(w http.ResponseWriter, q *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "person", Value: "alice", Path: "/"})
		http.Redirect(w, q, q.FormValue("return"), http.StatusSeeOther)
	})
	srv := &httptest.Server{Listener: l, Config: &http.Server{Handler: mux}}
	srv.Start()
	t.Cleanup(srv.Close)

	d := p.begin()
	b.Phone(320, 640)
	b.Go(d.Complete)
	b.Until("the page of codes", func() bool { return strings.Contains(b.Text(), deviceTitle) })
	b.Picture("device-code-phone")
	b.Click("button")
	b.Until("the question", func() bool { return strings.Contains(b.Text(), deviceAskTitle) })
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
	b.Picture("device-ask-phone")
	b.Type(pagetest.Tab)
	if got := b.Focused(); !strings.HasPrefix(got, "radio bot") {
		t.Errorf("the focus is on %q", got)
	}
	b.Click("button[value=allow]")
	b.Until("the end", func() bool { return strings.Contains(b.Text(), deviceInTitle) })
	b.Picture("device-done-phone")
	if got := p.poll(d); got.Status != http.StatusOK || p.who(got.Access).Agent != "bot" {
		t.Error(got.body)
	}
	if bad := b.Complaints(); len(bad) > 0 {
		t.Errorf("the browser complains: %v", bad)
	}
}
