package people_test

import (
	"strings"
	"testing"
	"time"

	"toolvault/auth/people"
)

func TestTheCompanysButtonComesFirst(t *testing.T) {
	o := people.Options{PublicURL: "https://tools.example.com/tv", Company: &people.Company{Label: "Example <Corp>", Path: "/signin/company"}}
	w := newWorldWith(t, 1, "file:"+t.TempDir()+"/store.db", o)
	page := func(query string) string { return w.browser().do(0, "GET", "/signin"+query, nil).text }
	got := page("?return=%2Fconsent%3Fa%3Db")
	if !strings.Contains(got, `<a class="button" href="/tv/signin/company?return=%2Fconsent%3Fa%3Db">Sign in with Example &lt;Corp&gt;</a>`) {
		t.Error(got)
	}
	if strings.Contains(got, `name="password"`) || strings.Contains(got, "passkey") {
		t.Errorf("nobody signs in here, and there is a form:\n%s", got)
	}
	if got := page("?return=//evil.example"); !strings.Contains(got, `href="/tv/signin/company"`) {
		t.Error(got)
	}
	w.browser().mustEnter(0, external("s1", "", "carol"))
	w.clock.pass(time.Minute)
	if got := page(""); strings.Contains(got, `name="password"`) {
		t.Error("for people of the company alone there is a form")
	}
	w.add("alice")
	w.clock.pass(10 * time.Second)
	got = page("")
	if button, form := strings.Index(got, "Sign in with Example"), strings.Index(got, `name="password"`); button < 0 || form < button {
		t.Error(got)
	}
	w.configure(people.Declared{Name: "bob"})
	if err := w.replicas[0].Remove(t.Context(), "alice"); err != nil {
		t.Fatal(err)
	}
	w.clock.pass(time.Minute)
	if got := page(""); !strings.Contains(got, `name="password"`) {
		t.Error("for somebody of the config there is no form")
	}
	if _, err := people.New(people.Options{Store: w.store, Sealer: newSealer(t), Now: time.Now, PublicURL: plain, Company: &people.Company{Label: "x", Path: "//evil.example"}}); err == nil {
		t.Error("a company elsewhere")
	}
}
