package people_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"toolvault/auth/page/pagetest"
	"toolvault/auth/people"
)

// openLocalhost serves a world where browsers have passkeys, with a provider.
func openLocalhost(t *testing.T, company *people.Company) *world {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	w := newWorldWith(t, 1, "file:"+t.TempDir()+"/store.db", people.Options{PublicURL: "http://localhost:" + port, Company: company})
	srv := &httptest.Server{Listener: l, Config: &http.Server{Handler: w.replicas[0]}}
	srv.Start()
	t.Cleanup(srv.Close)
	return w
}

// TestPasskeysInARealBrowser: an invitation, a second passkey, sign-out and sign-in,
// a copy that is found out, and removal; with the keyboard alone, on a small phone,
// and without one complaint of the browser.
func TestPasskeysInARealBrowser(t *testing.T) {
	b := pagetest.Open(t)
	w := openLocalhost(t, nil)
	if err := w.replicas[0].AddWithoutPassword(t.Context(), "alice"); err != nil {
		t.Fatal(err)
	}
	device := b.Authenticator(true)
	b.Phone(320, 640)
	shows := func(what string) {
		t.Helper()
		b.Until(what, func() bool { return strings.Contains(b.Text(), what) })
	}
	tab := func(want string) {
		t.Helper()
		b.Type(pagetest.Tab)
		if got := b.Focused(); got != want {
			t.Errorf("the focus is on %q, want %q", got, want)
		}
	}
	narrow := func() {
		t.Helper()
		if got := b.Script(`return document.documentElement.scrollWidth <= 320`); got != "true" {
			t.Errorf("%s is wider than a phone", b.URL())
		}
	}
	link, _, err := w.replicas[0].Invite(t.Context(), "alice")
	if err != nil {
		t.Fatal(err)
	}

	b.Go(link)
	shows("This invitation is for alice.")
	narrow()
	b.Picture("invite")
	tab("textbox What to call it (may be left empty)")
	b.Type("Phone")
	tab("button Add a passkey")
	b.Type(pagetest.Enter)
	shows("The passkey is added.")
	shows("signed in as alice")
	narrow()
	b.Picture("passkeys")
	b.Scheme("dark")
	b.Picture("passkeys-dark")
	b.Scheme("light")
	if keys := device.Passkeys(); len(keys) != 1 || !keys[0].Resident || keys[0].RPID != "localhost" {
		t.Fatalf("%+v", keys)
	}

	// The same device a second time.
	b.Go(w.public + "/signin")
	b.Click("#label")
	b.Type(pagetest.Tab + pagetest.Enter)
	shows("This device has a passkey of yours for this server already.")
	// Another device.
	first := device.Passkeys()[0]
	device.Clear()
	b.Type(pagetest.Enter)
	shows("The passkey is added.")
	shows("Passkey of 24 November 2026")

	b.Go(link)
	shows("This invitation does not work any more")
	b.Picture("invite-used")

	b.Go(w.public + "/signin?return=%2Fconsent")
	tab("link Continue")
	tab("button Sign out")
	b.Type(pagetest.Enter)
	shows("You are signed out.")
	shows("Sign in with a passkey")
	narrow()
	b.Picture("signin-passkey")
	tab("textbox Name")
	tab("textbox Password")
	tab("button Sign in")
	tab("button Sign in with a passkey")
	b.Type(pagetest.Enter)
	b.Until("the way back", func() bool { return strings.HasSuffix(b.URL(), "/consent") })
	if got := b.Text(); got != "true alice" {
		t.Error(got)
	}

	// A copy that was made before that, and is behind; the original goes on.
	signOut := func() {
		t.Helper()
		b.Go(w.public + "/signin")
		b.Click(`form[action="/signout"] button`)
		shows("You are signed out.")
	}
	original := device.Passkeys()[0]
	signOut()
	device.Clear()
	copied := original
	copied.SignCount = 0
	device.Put(copied)
	b.Click(`section button`)
	shows("That passkey was not accepted.")
	b.Picture("signin-passkey-refused")
	if got := w.told(); !strings.Contains(got, "sign_in_failed|alice|127.0.0.1 passkey|the passkey's counter did not grow: it may have been copied\n") {
		t.Errorf("told:\n%s", got)
	}
	device.Clear()
	device.Put(original)
	b.Click(`section button`)
	shows("signed in as alice")

	// The person at the device does not pass its check.
	signOut()
	device.Verify(false)
	b.Click(`section button`)
	shows("Your device did not give a passkey")
	device.Verify(true)
	b.Click(`section button`)
	shows("signed in as alice")

	// The first one goes; the one of this session stays.
	b.Type(pagetest.Tab + pagetest.Tab)
	if got := b.Focused(); got != "button Remove Phone" {
		t.Errorf("the focus is on %q", got)
	}
	b.Type(pagetest.Enter)
	shows("The passkey is removed.")
	if strings.Contains(b.Text(), "Phone") {
		t.Error(b.Text())
	}
	signOut()
	second := device.Passkeys()[0]
	device.Clear()
	device.Put(first)
	b.Click(`section button`)
	shows("That passkey was not accepted.")
	device.Clear()
	device.Put(second)
	w.clock.pass(time.Minute)
	b.Click(`section button`)
	shows("signed in as alice")
	w.clock.pass(10 * time.Minute)
	b.Go(w.public + "/signin")
	shows("To add or remove one, sign in again")
	narrow()
	b.Picture("passkeys-again")
	b.Click(`a.button.other`)
	shows("Sign in with a passkey")

	for _, line := range b.Complaints() {
		if !strings.Contains(line, "favicon.ico") && !strings.Contains(line, "status of 403") {
			t.Errorf("the browser complains: %s", line)
		}
	}
}

// TestWithoutScriptsInARealBrowser the form stays, and the page says what is lost.
func TestWithoutScriptsInARealBrowser(t *testing.T) {
	b := pagetest.Open(t)
	w := openLocalhost(t, &people.Company{Label: "Example Corp", Path: "/signin/company"})
	w.add("alice")
	b.Phone(320, 640)
	b.Go(w.public + "/signin?return=%2Fconsent")
	b.Until("the button", func() bool { return strings.Contains(b.Text(), "Sign in with a passkey") })
	b.Picture("signin-company")
	b.Type(pagetest.Tab)
	if got := b.Focused(); got != "link Sign in with Example Corp" {
		t.Errorf("the focus is on %q", got)
	}
	b.Scripts(false)
	b.Go(w.public + "/signin?return=%2Fconsent")
	if got := b.Text(); strings.Contains(got, "Sign in with a passkey") || !strings.Contains(got, "Passkeys need JavaScript") {
		t.Error(got)
	}
	b.Picture("signin-noscript")
	b.Type(pagetest.Tab + pagetest.Tab + "alice" + pagetest.Tab + password + pagetest.Enter)
	b.Until("the way back", func() bool { return strings.HasSuffix(b.URL(), "/consent") })
	b.Go(w.public + "/signin/passkey/invite#x")
	if got := b.Text(); !strings.Contains(got, "switch JavaScript on") {
		t.Error(got)
	}
}
