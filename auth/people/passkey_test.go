package people_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"toolvault/vault/store/storetest"
)

func TestAPasskeySignsInOnEveryReplica(t *testing.T) {
	for name, at := range map[string]string{"sqlite": "file:" + t.TempDir() + "/store.db", "redis": storetest.Redis(t)} {
		t.Run(name, func(t *testing.T) {
			w := newWorldOn(t, 2, passkeyPublic, at)
			w.add("alice")
			b, a := w.browser(), newAuthenticator(t)
			b.must(0, "alice")
			w.told()
			begun := b.script(0, "/signin/passkey/add/begin", url.Values{})
			o := begun.Options.PublicKey
			if o.RP.ID != "localhost" || o.AuthenticatorSelection.ResidentKey != "required" || o.AuthenticatorSelection.UserVerification != "required" || o.Attestation != "none" || o.User.Name != "alice" {
				t.Errorf("%+v", o)
			}
			if strings.Contains(o.User.ID, "alice") || len(o.User.ID) < 40 {
				t.Errorf("the handle %s", o.User.ID)
			}
			s := b.script(1, "/signin/passkey/add/finish", url.Values{"response": {a.create(begun.Options)}, "label": {" my\tkey "}, "return": {"/x"}})
			if s.Fault != "" || s.Next != "/signin?passkey=added&return=%2Fx" {
				t.Fatalf("%+v", s)
			}
			other := w.browser()
			begun = other.script(0, "/signin/passkey/begin", url.Values{})
			if o := begun.Options.PublicKey; o.RpID != "localhost" || o.UserVerification != "required" || len(o.AllowCredentials) != 0 {
				t.Errorf("%+v", o)
			}
			s = other.script(1, "/signin/passkey/finish", url.Values{"response": {a.get(begun.Options)}, "return": {"/consent?x=1"}})
			if s.Next != "/consent?x=1" || other.who(0) != "true alice" || other.who(1) != "true alice" {
				t.Errorf("%+v, and then %s", s, other.who(0))
			}
			want := "passkey_added|alice|192.0.2.1|\nsigned_in|alice|192.0.2.1 passkey|\n"
			if got := w.told(); got != want {
				t.Errorf("told:\n%swant:\n%s", got, want)
			}
			begun = other.script(0, "/signin/passkey/begin", url.Values{})
			if s := other.script(0, "/signin/passkey/finish", url.Values{"response": {a.get(begun.Options)}, "return": {"//evil.example"}}); s.Next != "/signin" {
				t.Errorf("to another site: %+v", s)
			}
			if page := b.do(0, "GET", "/signin", nil).text; !strings.Contains(page, "<strong>my key</strong>") || !strings.Contains(page, "Last used on 24 November 2026.") {
				t.Error(page)
			}
			if got, _ := w.replicas[0].Get(t.Context(), "alice"); got.Passkeys != 1 {
				t.Errorf("%+v", got)
			}
		})
	}
}

// TestWhatIsNotAPasskeysAnswer: each way in which an answer can be wrong is refused
// with the same words, and told of.
func TestWhatIsNotAPasskeysAnswer(t *testing.T) {
	swap := func(field string) func(*authenticator, options) string {
		return func(a *authenticator, o options) string {
			return regexp.MustCompile(`"`+field+`":"[^"]*"`).ReplaceAllString(a.get(o), `"`+field+`":"`+b64([]byte(strings.Repeat("x", 40)))+`"`)
		}
	}
	for name, answer := range map[string]func(*authenticator, options) string{
		"of another site":   func(a *authenticator, o options) string { a.origin = "https://evil.example"; return a.get(o) },
		"of another port":   func(a *authenticator, o options) string { a.origin = "http://localhost:1"; return a.get(o) },
		"for another host":  func(a *authenticator, o options) string { a.rp = "evil.example"; return a.get(o) },
		"user not verified": func(a *authenticator, o options) string { a.flags = 0x01; return a.get(o) },
		"user not present":  func(a *authenticator, o options) string { a.flags = 0x04; return a.get(o) },
		"of another challenge": func(a *authenticator, o options) string {
			o.PublicKey.Challenge = b64(make([]byte, 32))
			return a.get(o)
		},
		"of a copy": func(a *authenticator, o options) string { a.count = 0; return a.get(o) },
		"with another key": func(a *authenticator, o options) string {
			id, h := a.id, a.handle
			a.create(o)
			a.id, a.handle = id, h
			return a.get(o)
		},
		"of an unknown passkey":  func(a *authenticator, o options) string { h := a.handle; a.create(o); a.handle = h; return a.get(o) },
		"of an unknown person":   swap("userHandle"),
		"with a wrong signature": swap("signature"),
		"with other data":        swap("authenticatorData"),
		"nothing":                func(*authenticator, options) string { return "" },
		"no JSON":                func(*authenticator, options) string { return "{" },
		"an empty answer":        func(*authenticator, options) string { return "{}" },
	} {
		t.Run(name, func(t *testing.T) {
			w, a := withPasskey(t, 1)
			b := w.browser()
			begun := b.script(0, "/signin/passkey/begin", url.Values{})
			s := b.script(0, "/signin/passkey/finish", url.Values{"response": {answer(a, begun.Options)}})
			if s.status != http.StatusForbidden || !strings.HasPrefix(s.Fault, "That passkey was not accepted.") || b.who(0) != "false " || b.cookie("session") != nil {
				t.Errorf("%+v, and then %s", s, b.who(0))
			}
			if got := w.told(); !strings.HasPrefix(got, "sign_in_failed|") || !strings.Contains(got, "|192.0.2.1 passkey|") || strings.Count(got, "\n") != 1 {
				t.Errorf("told %q", got)
			}
		})
	}
}

// TestAChallengeIsOnceAndOfOneBrowser, and for five minutes.
func TestAChallengeIsOnceAndOfOneBrowser(t *testing.T) {
	w, a := newWorldWithStatic(t) // so that no counter helps
	stale := func(what string, s said, b *browser) {
		t.Helper()
		if s.status != http.StatusForbidden || !strings.HasPrefix(s.Fault, "That took too long, or was done before.") || b.who(0) != "false " {
			t.Errorf("%s: %+v, and then %s", what, s, b.who(0))
		}
	}

	b := w.browser()
	begun := b.script(0, "/signin/passkey/begin", url.Values{})
	cookie := b.cookie("passkey")
	response := a.get(begun.Options)
	if s := b.script(1, "/signin/passkey/finish", url.Values{"response": {response}}); s.Fault != "" {
		t.Fatal(s.Fault)
	}
	replay := w.browser()
	replay.plant(cookie)
	stale("an answer again", replay.script(0, "/signin/passkey/finish", url.Values{"response": {response}}), replay)

	// One that failed is used up too.
	b = w.browser()
	begun = b.script(0, "/signin/passkey/begin", url.Values{})
	cookie = b.cookie("passkey")
	b.script(0, "/signin/passkey/finish", url.Values{"response": {"{}"}})
	b.plant(cookie)
	stale("after a failure", b.script(0, "/signin/passkey/finish", url.Values{"response": {a.get(begun.Options)}}), b)

	// The challenge of an attacker's browser, answered by the victim's.
	attacker, victim := w.browser(), w.browser()
	begun = attacker.script(0, "/signin/passkey/begin", url.Values{})
	stale("without the cookie", victim.script(0, "/signin/passkey/finish", url.Values{"response": {a.get(begun.Options)}}), victim)

	b = w.browser()
	begun = b.script(0, "/signin/passkey/begin", url.Values{})
	w.clock.pass(5 * time.Minute)
	stale("after five minutes", b.script(0, "/signin/passkey/finish", url.Values{"response": {a.get(begun.Options)}}), b)

	b.script(0, "/signin/passkey/begin", url.Values{})
	w.clock.pass(5 * time.Minute)
	if err := w.replicas[0].Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if left, err := w.store.List(t.Context(), "passkey-ceremony/", "", 10); err != nil || len(left) != 0 {
		t.Errorf("%d challenges are left, %v", len(left), err)
	}
}

// newWorldWithStatic is withPasskey with a passkey that does not count.
func newWorldWithStatic(t *testing.T) (*world, *authenticator) {
	t.Helper()
	w := newWorld(t, 2, passkeyPublic)
	w.add("alice")
	b, a := w.browser(), newAuthenticator(t)
	a.static = true
	b.must(0, "alice")
	if s := b.addPasskey(0, a, ""); s.Fault != "" {
		t.Fatal(s.Fault)
	}
	w.told()
	return w, a
}

// TestOfManyAnswersOneSignsIn, whatever the replica.
func TestOfManyAnswersOneSignsIn(t *testing.T) {
	w, a := newWorldWithStatic(t)
	b := w.browser()
	token := b.token(0)
	begun := b.script(0, "/signin/passkey/begin", url.Values{})
	response := a.get(begun.Options)
	var won atomic.Int64
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			if s := b.do(i%2, "POST", "/signin/passkey/finish", url.Values{"csrf": {token}, "response": {response}}); s.StatusCode == http.StatusOK {
				won.Add(1)
			}
		})
	}
	all.Wait()
	if won.Load() != 1 {
		t.Errorf("%d signed in", won.Load())
	}
}

func TestPasskeysAreSlowedDownLikePasswords(t *testing.T) {
	w, a := withPasskey(t, 2)
	fail := func(b *browser, on int) int {
		b.script(on, "/signin/passkey/begin", url.Values{})
		return b.script(on, "/signin/passkey/finish", url.Values{"response": {"{}"}}).status
	}
	b := w.browser()
	b.address = "192.0.2.77"
	for i := range 5 {
		if got := fail(b, i%2); got != http.StatusForbidden {
			t.Fatalf("failure %d: %d", i+1, got)
		}
	}
	if got := fail(b, 1); got != http.StatusTooManyRequests {
		t.Errorf("the sixth: %d", got)
	}
	if s := b.usePasskey(0, a); s.status != http.StatusTooManyRequests || !strings.Contains(s.Fault, "Wait one second") {
		t.Errorf("the right one waits too: %+v", s)
	}
	if wait := b.refused(0, "alice"); wait == 0 {
		t.Error("a password from there does not wait")
	}
	w.clock.pass(time.Minute)
	if s := b.usePasskey(0, a); s.Fault != "" {
		t.Errorf("after the wait: %+v", s)
	}
	// Whoever fails with alice's name does not keep her passkey out.
	for i := range 8 {
		w.fails(i%2, "alice", from(i))
	}
	if s := w.browser().usePasskey(0, a); s.Fault != "" {
		t.Errorf("strangers keep a passkey out: %+v", s)
	}
}

// TestChallengesDoNotFillTheStore: there are so many a second for one address.
func TestChallengesDoNotFillTheStore(t *testing.T) {
	w := newWorld(t, 1, passkeyPublic)
	b := w.browser()
	token := b.token(0)
	refused := 0
	for range 100 {
		if a := b.do(0, "POST", "/signin/passkey/begin", url.Values{"csrf": {token}}); a.StatusCode == http.StatusTooManyRequests {
			refused++
		}
	}
	if refused < 20 {
		t.Errorf("of 100 at once %d were refused", refused)
	}
}

func TestPasskeysOnlyWhereBrowsersHaveThem(t *testing.T) {
	for public, want := range map[string]bool{
		"https://tools.example.com":         true,
		"https://tools.example.com:8443/tv": true,
		"http://localhost:8765":             true,
		"http://tv.localhost:8765":          true,
		"http://127.0.0.1:8765":             false,
		"https://192.0.2.1":                 false,
		"https://[2001:db8::1]:8443":        false,
		"http://tools.example.com":          false,
	} {
		w := newWorld(t, 1, public)
		b := w.browser()
		a := b.do(0, "GET", "/signin", nil)
		if got := strings.Contains(a.text, "Sign in with a passkey"); got != want {
			t.Errorf("%s: a button: %v", public, got)
		}
		csp := a.Header.Get("Content-Security-Policy")
		if got := strings.Contains(csp, "script-src 'self'"); got != want || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: %s", public, csp)
		}
		if got := b.do(0, "GET", "/signin/passkey.js", nil).StatusCode; (got == 200) != want {
			t.Errorf("%s: the script: %d", public, got)
		}
		w.add("alice")
		if _, _, err := w.replicas[0].Invite(t.Context(), "alice"); (err == nil) != want {
			t.Errorf("%s: an invitation: %v", public, err)
		}
		if csp := b.do(0, "GET", "/signin/x", nil).Header.Get("Content-Security-Policy"); strings.Contains(csp, "script-src") {
			t.Errorf("%s: a page without a script may run one: %s", public, csp)
		}
	}
}

func TestBehindHTTPSAndBelowAPath(t *testing.T) {
	w := newWorld(t, 1, "https://tools.example.com")
	w.add("alice")
	b, a := w.browser(), newAuthenticator(t)
	a.origin, a.rp = "https://tools.example.com", "tools.example.com"
	b.must(0, "alice")
	if s := b.addPasskey(0, a, ""); s.Fault != "" {
		t.Fatal(s.Fault)
	}
	if s := w.browser().usePasskey(0, a); s.Fault != "" {
		t.Error(s.Fault)
	}
	w = newWorld(t, 1, "https://tools.example.com/tv/")
	w.add("alice")
	link, _, err := w.replicas[0].Invite(t.Context(), "alice")
	if err != nil || !strings.HasPrefix(link, "https://tools.example.com/tv/signin/passkey/invite#") {
		t.Errorf("%s, %v", link, err)
	}
}

// FuzzPasskeyAnswer sends any answers: there is always one back, and never a session.
func FuzzPasskeyAnswer(f *testing.F) {
	w, a := withPasskey(f, 1)
	b := w.browser()
	begun := b.script(0, "/signin/passkey/begin", url.Values{})
	f.Add(a.get(begun.Options))
	f.Add(newAuthenticator(f).create(begun.Options))
	f.Add("{}")
	token, cookie := b.token(0), b.cookie("csrf")
	f.Fuzz(func(t *testing.T, response string) {
		if len(response) > 4000 {
			return
		}
		w.clock.pass(2 * time.Minute) // nobody is slowed
		var challenge []*http.Cookie
		for _, path := range []string{"begin", "finish", "add/begin", "add/finish"} {
			form := url.Values{"csrf": {token}, "response": {response}, "invite": {response}, "label": {response}}
			r := httptest.NewRequest("POST", passkeyPublic+"/signin/passkey/"+path, strings.NewReader(form.Encode()))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.AddCookie(cookie)
			for _, c := range challenge {
				r.AddCookie(c)
			}
			rec := httptest.NewRecorder()
			w.replicas[0].ServeHTTP(rec, r)
			if path == "begin" {
				challenge = rec.Result().Cookies()
			}
			if rec.Code >= 500 || path != "begin" && rec.Code < 400 || strings.Contains(fmt.Sprint(rec.Header()), "session") {
				t.Errorf("%s: %d %v %s", path, rec.Code, rec.Header(), rec.Body)
			}
		}
	})
}
