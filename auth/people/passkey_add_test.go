package people_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"toolvault/auth/people"
)

// TestWhoMayChangePasskeys: only somebody who has signed in lately, with the form of
// this browser, and for themselves.
func TestWhoMayChangePasskeys(t *testing.T) {
	w, a := withPasskey(t, 1)
	w.add("mallory")
	w.add("bob") // who has no passkey yet
	in, mallory, nobody := w.browser(), w.browser(), w.browser()
	in.must(0, "alice")
	mallory.must(0, "mallory")
	page := in.do(0, "GET", "/signin", nil).text
	id := regexp.MustCompile(`name="passkey" value="([^"]+)"`).FindStringSubmatch(page)[1]
	remove := func(b *browser) int {
		return b.do(0, "POST", "/signin/passkey/remove", url.Values{"csrf": {b.token(0)}, "passkey": {id}}).StatusCode
	}
	if got := remove(nobody); got != http.StatusForbidden {
		t.Errorf("nobody: %d", got)
	}
	if got := remove(mallory); got != http.StatusForbidden {
		t.Errorf("somebody else: %d", got)
	}
	if s := nobody.script(0, "/signin/passkey/add/begin", url.Values{}); s.status != http.StatusForbidden || !strings.HasPrefix(s.Fault, "You are not signed in") {
		t.Errorf("nobody: %+v", s)
	}
	// What was begun by one is not finished by another.
	begun := mallory.script(0, "/signin/passkey/add/begin", url.Values{})
	in.plant(mallory.cookie("passkey"))
	if s := in.script(0, "/signin/passkey/add/finish", url.Values{"response": {newAuthenticator(t).create(begun.Options)}}); s.status != http.StatusForbidden {
		t.Errorf("mallory's key for alice: %+v", s)
	}
	bob, bobsOther := w.browser(), w.browser()
	bob.must(0, "bob")
	bobsOther.must(0, "bob")
	for name, other := range map[string]*browser{"mallory's": mallory, "another session's": bobsOther} {
		begun = other.script(0, "/signin/passkey/add/begin", url.Values{})
		bob.plant(other.cookie("passkey"))
		if s := bob.script(0, "/signin/passkey/add/finish", url.Values{"response": {newAuthenticator(t).create(begun.Options)}}); s.status != http.StatusForbidden {
			t.Errorf("%s key for bob: %+v", name, s)
		}
	}
	// Nor is a challenge to sign in one to add, or the other way round.
	begun = in.script(0, "/signin/passkey/begin", url.Values{})
	if s := in.script(0, "/signin/passkey/add/finish", url.Values{"response": {newAuthenticator(t).create(begun.Options)}}); s.status != http.StatusForbidden {
		t.Errorf("a challenge to sign in: %+v", s)
	}
	begun = in.script(0, "/signin/passkey/add/begin", url.Values{})
	if s := in.script(0, "/signin/passkey/finish", url.Values{"response": {a.get(begun.Options)}}); s.status != http.StatusForbidden {
		t.Errorf("a challenge to add: %+v", s)
	}
	for _, path := range []string{"begin", "finish", "add/begin", "add/finish", "remove", "invite/look"} {
		form := url.Values{"csrf": {strings.Repeat("A", 64)}, "passkey": {id}, "response": {"{}"}}
		if got := in.do(0, "POST", "/signin/passkey/"+path, form).StatusCode; got != http.StatusForbidden {
			t.Errorf("%s without the token of a form: %d", path, got)
		}
		in.header.Set("Sec-Fetch-Site", "cross-site")
		form.Set("csrf", in.token(0))
		if got := in.do(0, "POST", "/signin/passkey/"+path, form).StatusCode; got != http.StatusForbidden {
			t.Errorf("%s from another site: %d", path, got)
		}
		in.header.Del("Sec-Fetch-Site")
	}
	w.clock.pass(10 * time.Minute)
	if got := remove(in); got != http.StatusForbidden {
		t.Errorf("ten minutes after the sign-in: %d", got)
	}
	if s := in.script(0, "/signin/passkey/add/begin", url.Values{}); s.status != http.StatusForbidden || !strings.Contains(s.Fault, "more than ten minutes") {
		t.Errorf("ten minutes after the sign-in: %+v", s)
	}
	page = in.do(0, "GET", "/signin", nil).text
	if strings.Contains(page, "Add a passkey</button>") || !strings.Contains(page, `href="/signin?again=1"`) {
		t.Error(page)
	}
	if got, _ := w.replicas[0].Get(t.Context(), "alice"); got.Passkeys != 1 {
		t.Fatalf("%+v", got)
	}
	if page := in.do(0, "GET", "/signin?again=1", nil).text; !strings.Contains(page, `name="password"`) {
		t.Error(page)
	}
	in.must(0, "alice")
	w.told()
	if got := remove(in); got != http.StatusSeeOther {
		t.Errorf("having signed in again: %d", got)
	}
	if got := w.told(); got != "passkey_removed|alice|192.0.2.1|\n" {
		t.Error(got)
	}
	if s := w.browser().usePasskey(0, a); s.Fault == "" {
		t.Error("a passkey that was removed signs in")
	}
}

// TestWithAPasskeyGoTheSessionsThatItBegan, and nobody locks themselves out.
func TestWithAPasskeyGoTheSessionsThatItBegan(t *testing.T) {
	w, stolen := withPasskey(t, 2)
	in, thief := w.browser(), w.browser()
	in.must(0, "alice")
	if s := thief.usePasskey(1, stolen); s.Fault != "" || thief.who(0) != "true alice" {
		t.Fatal(s.Fault)
	}
	id := regexp.MustCompile(`name="passkey" value="([^"]+)"`).FindStringSubmatch(in.do(0, "GET", "/signin", nil).text)[1]
	in.do(0, "POST", "/signin/passkey/remove", url.Values{"csrf": {in.token(0)}, "passkey": {id}})
	if got := thief.who(1) + in.who(1); got != "false true alice" {
		t.Errorf("afterwards: %s", got)
	}

	if err := w.replicas[0].AddWithoutPassword(t.Context(), "bob"); err != nil {
		t.Fatal(err)
	}
	bob, a := w.browser(), newAuthenticator(t)
	if s := bob.addPasskey(0, a, w.invite("bob")); s.Fault != "" {
		t.Fatal(s.Fault)
	}
	id = regexp.MustCompile(`name="passkey" value="([^"]+)"`).FindStringSubmatch(bob.do(0, "GET", "/signin", nil).text)[1]
	if got := bob.do(0, "POST", "/signin/passkey/remove", url.Values{"csrf": {bob.token(0)}, "passkey": {id}}); got.StatusCode != http.StatusForbidden || !strings.Contains(got.text, "only way") {
		t.Errorf("the last way in: %d", got.StatusCode)
	}
}

func TestAPersonHasTenPasskeysAtMost(t *testing.T) {
	w := newWorld(t, 1, passkeyPublic)
	w.add("alice")
	b := w.browser()
	b.must(0, "alice")
	for range 9 {
		if s := b.addPasskey(0, newAuthenticator(t), ""); s.Fault != "" {
			t.Fatal(s.Fault)
		}
	}
	// Two at once, when there is room for one.
	second, key := w.browser(), newAuthenticator(t)
	second.must(0, "alice")
	begun := second.script(0, "/signin/passkey/add/begin", url.Values{})
	if s := b.addPasskey(0, newAuthenticator(t), ""); s.Fault != "" {
		t.Fatal(s.Fault)
	}
	if s := second.script(0, "/signin/passkey/add/finish", url.Values{"response": {key.create(begun.Options)}}); !strings.HasPrefix(s.Fault, "You have 10 passkeys") {
		t.Errorf("%+v", s)
	}
	if s := b.addPasskey(0, newAuthenticator(t), ""); !strings.HasPrefix(s.Fault, "You have 10 passkeys") {
		t.Errorf("%+v", s)
	}
	if _, _, err := w.replicas[0].Invite(t.Context(), "alice"); err == nil {
		t.Error("an invitation for an eleventh")
	}
	if page := b.do(0, "GET", "/signin", nil).text; strings.Contains(page, "Add a passkey</button>") || !strings.Contains(page, "as many as you may have") {
		t.Error(page)
	}
}

// TestPasskeysGoWithTheirPerson: who is disabled or removed does not sign in with
// one, nor does somebody of the config with one of the person in the store.
func TestPasskeysGoWithTheirPerson(t *testing.T) {
	w, a := withPasskey(t, 2)
	p := w.replicas[0]
	in := func() bool { return w.browser().usePasskey(1, a).Fault == "" }
	if err := p.Disable(t.Context(), "alice"); err != nil {
		t.Fatal(err)
	}
	if in() {
		t.Error("disabled")
	}
	if err := p.Enable(t.Context(), "alice"); err != nil {
		t.Fatal(err)
	}
	if !in() {
		t.Error("enabled")
	}
	w.configure(people.Declared{Name: "alice"})
	if in() {
		t.Error("the config has another alice")
	}
	own, b := newAuthenticator(t), w.browser()
	if s := b.addPasskey(0, own, w.invite("alice")); s.Fault != "" || b.who(1) != "true alice" {
		t.Fatalf("%+v, and then %s", s, b.who(1))
	}
	if s := w.browser().usePasskey(1, own); s.Fault != "" {
		t.Error(s.Fault)
	}
	w.configure()
	if got := b.who(1); got != "false " {
		t.Errorf("the declaration is gone, and the session is %s", got)
	}
	if s := w.browser().usePasskey(1, own); s.Fault == "" {
		t.Error("with the passkey of the declared one the other alice is in")
	}
	if !in() {
		t.Error("the one of the store is not there again")
	}
	if err := p.Remove(t.Context(), "alice"); err != nil {
		t.Fatal(err)
	}
	w.add("alice")
	if in() {
		t.Error("removed, and another of the name added")
	}
	if left, err := w.store.List(t.Context(), "passkey-handle/", "", 10); err != nil || len(left) != 0 {
		t.Errorf("%d handles are left, %v", len(left), err)
	}
}
