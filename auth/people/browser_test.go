package people_test

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"toolvault/auth/page/pagetest"
)

// open serves a world at a real address, and a page of another site that has the
// given markup.
func open(t *testing.T, markup string) (w *world, evil string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w = newWorld(t, 1, "http://"+l.Addr().String())
	srv := &httptest.Server{Listener: l, Config: &http.Server{Handler: w.replicas[0]}}
	srv.Start()
	t.Cleanup(srv.Close)
	other := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "text/html")
		_, _ = fmt.Fprint(rw, strings.ReplaceAll(markup, "SERVER", w.public))
	}))
	t.Cleanup(other.Close)
	return w, strings.Replace(other.URL, "127.0.0.1", "localhost", 1) // another site, not just another origin
}

// TestSigningInInARealBrowser with the keyboard alone, as a screen reader tells
// it, on a small phone, light and dark, and without one complaint of the browser.
func TestSigningInInARealBrowser(t *testing.T) {
	b := pagetest.Open(t)
	w, _ := open(t, "")
	w.add("alice")
	b.Phone(320, 640)
	b.Go(w.public + "/signin?return=%2Fconsent")
	expect := func(want string) {
		t.Helper()
		if got := b.Focused(); got != want {
			t.Errorf("the focus is on %q, want %q", got, want)
		}
	}
	b.Type(pagetest.Tab)
	expect("textbox Name")
	b.Type("alice" + pagetest.Tab)
	expect("textbox Password")
	b.Picture("signin-focus")
	b.Type("wrong password" + pagetest.Tab)
	expect("button Sign in")
	b.Type(pagetest.Enter)
	b.Until("the refusal", func() bool { return strings.Contains(b.Text(), "do not go together") })
	for what, script := range map[string]string{
		"the refusal is announced":      `return document.querySelector('[role=alert]').id === document.getElementById('name').getAttribute('aria-describedby')`,
		"the name stays":                `return document.getElementById('name').value === 'alice'`,
		"the password does not":         `return document.getElementById('password').value === ''`,
		"nothing is wider than a phone": `return document.documentElement.scrollWidth <= 320`,
		"a finger hits the button":      `return document.querySelector('button').getBoundingClientRect().height >= 44`,
		"no script":                     `return document.scripts.length === 0`,
		"no cookie is within reach":     `return document.cookie === ''`,
	} {
		if got := b.Script(script); got != "true" {
			t.Errorf("not so: %s", what)
		}
	}
	b.Picture("signin-refused")
	background := `return getComputedStyle(document.body).backgroundColor`
	b.Scheme("light")
	light := b.Script(background)
	b.Scheme("dark")
	dark := b.Script(background)
	if light != "rgb(244, 245, 247)" || dark != "rgb(20, 23, 27)" {
		t.Errorf("the stylesheet is not in force: light %s, dark %s", light, dark)
	}
	b.Picture("signin-refused-dark")

	b.Type(pagetest.Tab + pagetest.Tab + password + pagetest.Enter)
	b.Until("the way back", func() bool { return strings.HasSuffix(b.URL(), "/consent") })
	if got := b.Text(); got != "true alice" {
		t.Error(got)
	}

	b.Go(w.public + "/signin?return=%2Fconsent")
	b.Picture("signedin-dark")
	b.Type(pagetest.Tab)
	expect("link Continue")
	b.Type(pagetest.Tab)
	expect("button Sign out")
	b.Type(pagetest.Enter)
	b.Until("the sign-out", func() bool { return strings.Contains(b.Text(), "You are signed out.") })
	b.Go(w.public + "/consent")
	if got := b.Text(); got != "false " && got != "false" {
		t.Error(got)
	}
	for _, line := range b.Complaints() {
		if !strings.Contains(line, "favicon.ico") && !strings.Contains(line, "status of 403") {
			t.Errorf("the browser complains: %s", line)
		}
	}
}

// TestAnotherSiteInARealBrowser cannot sign somebody in or out, nor frame a page.
func TestAnotherSiteInARealBrowser(t *testing.T) {
	b := pagetest.Open(t)
	w, evil := open(t, `<form id="out" method="post" action="SERVER/signout"><button id="send">x</button></form>
<form method="post" action="SERVER/signin"><input name="name" value="mallory"><input name="password" value="`+password+`"><button id="in">x</button></form>
<iframe src="SERVER/signin"></iframe>`)
	w.add("alice")
	w.add("mallory")

	b.Go(evil)
	b.Click("#in")
	b.Until("the refusal", func() bool { return strings.Contains(b.Text(), "This form has ended") })
	b.Go(w.public + "/consent")
	if got := b.Text(); strings.Contains(got, "mallory") {
		t.Errorf("another site signed this browser in: %s", got)
	}

	b.Go(w.public + "/signin")
	b.Type(pagetest.Tab + "alice" + pagetest.Tab + password + pagetest.Enter)
	b.Until("the sign-in", func() bool { return strings.Contains(b.Text(), "signed in as alice") })
	b.Go(evil)
	b.Frame("iframe")
	if got := b.Text(); strings.Contains(got, "signed in") || strings.Contains(got, "Password") {
		t.Errorf("the page can be framed: %s", got)
	}
	b.Frame("")
	b.Click("#send")
	b.Until("the refusal", func() bool { return strings.Contains(b.Text(), "This form has ended") })
	b.Picture("forged")
	b.Go(w.public + "/consent")
	if got := b.Text(); got != "true alice" {
		t.Errorf("another site signed this browser out: %s", got)
	}
}
