package people_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"toolvault/auth/people"
	"toolvault/vault/store/storetest"
)

const companyIssuer = "https://id.example.com"

func external(subject, session, name string, groups ...string) people.External {
	return people.External{Issuer: companyIssuer, Subject: subject, Session: session, Name: name, Groups: groups}
}

// enter comes back from the company's provider.
func (b *browser) enter(on int, e people.External) error {
	b.t.Helper()
	b.external.External = e
	b.do(on, "POST", "/external", url.Values{})
	return b.external.err
}

func (b *browser) mustEnter(on int, e people.External) {
	b.t.Helper()
	if err := b.enter(on, e); err != nil {
		b.t.Fatal(err)
	}
}

func TestWhoComesFromTheCompanyIsKnownByTheSubject(t *testing.T) {
	w := newWorld(t, 2, plain)
	b := w.browser()
	b.mustEnter(0, external("s1", "", "Alice", "ops", "dev", "ops"))
	for on := range w.replicas {
		if got := b.who(on); got != "true Alice" {
			t.Errorf("replica %d: %s", on, got)
		}
	}
	again := w.browser()
	again.mustEnter(1, external("s1", "", "alice.married", "dev"))
	if got := again.who(0); got != "true Alice" {
		t.Errorf("under another name the same subject is %s", got)
	}
	got, err := w.replicas[0].Get(t.Context(), "ALICE")
	want := people.Person{Name: "Alice", Created: got.Created, Origin: people.FromCompany, Issuer: companyIssuer, Groups: []string{"dev"}}
	if err != nil || fmt.Sprint(got) != fmt.Sprint(want) || got.Local() {
		t.Errorf("%+v, %v", got, err)
	}
	all, err := w.replicas[1].List(t.Context())
	if err != nil || len(all) != 1 {
		t.Errorf("%+v, %v", all, err)
	}
	wantTold := "added|Alice|192.0.2.1 company|in the groups [\"dev\" \"ops\"]\n" +
		"signed_in|Alice|192.0.2.1 company|\n" +
		"groups_changed|Alice|192.0.2.1 company|in the groups [\"dev\"]\n" +
		"signed_in|Alice|192.0.2.1 company|\n"
	if got := w.told(); got != wantTold {
		t.Errorf("told:\n%swant:\n%s", got, wantTold)
	}
	// There is nothing of theirs to sign in with here.
	if err := w.replicas[0].SetPassword(t.Context(), "Alice", []byte(password)); err == nil || !strings.Contains(err.Error(), "company's provider") {
		t.Errorf("a password: %v", err)
	}
	if a := w.browser().signIn(0, "Alice", password); a.StatusCode != http.StatusForbidden {
		t.Errorf("a sign-in with a password: %d", a.StatusCode)
	}
}

// TestNobodyTakesOverANameFromTheCompany: neither that of a person who signs in
// here, nor that of another subject or provider, whatever the case of its letters.
func TestNobodyTakesOverANameFromTheCompany(t *testing.T) {
	w := newWorld(t, 1, plain)
	p := w.replicas[0]
	w.add("admin")
	if err := p.AddWithoutPassword(t.Context(), "keys"); err != nil {
		t.Fatal(err)
	}
	if err := p.Configure([]people.Declared{{Name: "boss"}}); err != nil {
		t.Fatal(err)
	}
	w.browser().mustEnter(0, external("s1", "", "carol"))
	w.told()
	other := external("s1", "", "carol")
	other.Issuer = "https://other.example.com"
	for name, c := range map[string]struct {
		e      people.External
		origin string
	}{
		"of a password":         {external("s2", "", "Admin"), people.FromAdmin},
		"of passkeys":           {external("s2", "", "keys"), people.FromAdmin},
		"of the config":         {external("s2", "", "BOSS"), people.FromConfig},
		"of another subject":    {external("s2", "", "carol"), people.FromCompany},
		"of another provider's": {other, people.FromCompany},
	} {
		b := w.browser()
		var taken *people.NameTakenError
		if err := b.enter(0, c.e); !errors.As(err, &taken) || taken.Origin != c.origin {
			t.Errorf("%s: %v", name, err)
		}
		if got := b.who(0); got != "false " || b.cookie("session") != nil {
			t.Errorf("%s: %s", name, got)
		}
		if got := w.told(); !strings.HasPrefix(got, "sign_in_failed||192.0.2.1 company|the name ") {
			t.Errorf("%s: told %s", name, got)
		}
	}
	// Nor does somebody who is here take the name of one who came first from there.
	if err := p.Add(t.Context(), "Carol", []byte(password)); err == nil || !strings.Contains(err.Error(), "exists already") {
		t.Errorf("add: %v", err)
	}
	// Of the one who came first nothing has changed.
	b := w.browser()
	b.mustEnter(0, external("s1", "", "carol"))
	if got := b.who(0); got != "true carol" {
		t.Error(got)
	}
}

func TestTheProviderEndsSessions(t *testing.T) {
	for name, fresh := range map[string]func(*testing.T) string{
		"sqlite": func(t *testing.T) string { return "file:" + t.TempDir() + "/store.db" },
		"redis":  func(t *testing.T) string { return storetest.Redis(t) },
	} {
		t.Run(name, func(t *testing.T) {
			for _, c := range []struct {
				name, subject, session string
				persons                string
				left                   string // who is in after it: alice's laptop and phone, bob
			}{
				{"by the session", "", "laptop", "alice", "phone bob"},
				{"by both", "s1", "phone", "alice", "laptop bob"},
				{"by the subject", "s1", "", "alice", "bob"},
				{"by a session that is not known here", "s1", "elsewhere", "alice", "bob"},
				{"by a session alone that is not known", "", "elsewhere", "", "laptop phone bob"},
				{"of somebody else", "s9", "", "", "laptop phone bob"},
			} {
				w := newWorldOn(t, 2, plain, fresh(t))
				laptop, phone, bob := w.browser(), w.browser(), w.browser()
				laptop.mustEnter(0, external("s1", "laptop", "alice"))
				phone.mustEnter(1, external("s1", "phone", "alice"))
				bob.mustEnter(0, external("s2", "bob's", "bob"))
				w.told()
				persons, err := w.replicas[0].EndExternal(t.Context(), companyIssuer, c.subject, c.session)
				if err != nil || strings.Join(persons, " ") != c.persons {
					t.Errorf("%s: %v, %v", c.name, persons, err)
				}
				var left []string
				for name, b := range map[string]*browser{"laptop": laptop, "phone": phone, "bob": bob} {
					one, two := strings.HasPrefix(b.who(0), "true"), strings.HasPrefix(b.who(1), "true")
					if one != two {
						t.Errorf("%s: the replicas do not agree on %s", c.name, name)
					}
					if one {
						left = append(left, name)
					}
				}
				want := strings.Fields(c.left)
				slices.Sort(left)
				slices.Sort(want)
				if !slices.Equal(left, want) {
					t.Errorf("%s: %v are in, want %v", c.name, left, want)
				}
				told := w.told()
				if c.persons != "" && told != "signed_out|alice|company|the company's provider ended the session\n" || c.persons == "" && told != "" {
					t.Errorf("%s: told %q", c.name, told)
				}
				// The same words of another provider end nothing.
				if persons, err := w.replicas[1].EndExternal(t.Context(), "https://other.example.com", "s2", "bob's"); err != nil || len(persons) != 0 || bob.who(0) != "true bob" {
					t.Errorf("another provider ended the sessions of %v (%v)", persons, err)
				}
			}
		})
	}
}

// TestALogoutLongAfterTellsWhoseTokensToVoid: our own session has ended by then.
func TestALogoutLongAfterTellsWhoseTokensToVoid(t *testing.T) {
	w := newWorld(t, 1, plain)
	w.browser().mustEnter(0, external("s1", "sid", "alice"))
	w.clock.pass(29 * 24 * time.Hour)
	if err := w.replicas[0].Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if persons, err := w.replicas[0].EndExternal(t.Context(), companyIssuer, "", "sid"); err != nil || fmt.Sprint(persons) != "[alice]" {
		t.Errorf("%v, %v", persons, err)
	}
	w.clock.pass(31 * 24 * time.Hour)
	if err := w.replicas[0].Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if left, err := w.store.List(t.Context(), "provider-session/", "", 10); err != nil || len(left) != 0 {
		t.Errorf("%d are left, %v", len(left), err)
	}
}

// TestASignInThatALogoutOvertakes is refused: the provider let it through before.
func TestASignInThatALogoutOvertakes(t *testing.T) {
	for what, e := range map[string]people.External{"subject": external("s1", "", "alice"), "session": external("s1", "sid", "alice")} {
		w := newWorld(t, 2, plain)
		w.browser().mustEnter(0, e)
		subject := e.Subject
		if e.Session != "" {
			subject = ""
		}
		if _, err := w.replicas[0].EndExternal(t.Context(), e.Issuer, subject, e.Session); err != nil {
			t.Fatal(err)
		}
		w.clock.pass(4 * time.Second)
		b := w.browser()
		if err := b.enter(1, e); !errors.Is(err, people.ErrJustEnded) || b.who(0) != "false " {
			t.Errorf("by the %s: %v, and then %s", what, err, b.who(0))
		}
		w.clock.pass(time.Second)
		b.mustEnter(1, e)
		if got := b.who(0); got != "true alice" {
			t.Errorf("by the %s, later: %s", what, got)
		}
	}
}

func TestWhoIsDisabledDoesNotEnterFromTheCompany(t *testing.T) {
	w := newWorld(t, 1, plain)
	p := w.replicas[0]
	b := w.browser()
	b.mustEnter(0, external("s1", "", "alice"))
	if err := p.Disable(t.Context(), "alice"); err != nil {
		t.Fatal(err)
	}
	w.told()
	if got := b.who(0); got != "false " {
		t.Error(got)
	}
	if person, ok := p.Current(t.Context(), "alice"); ok || !person.Disabled {
		t.Errorf("current: %+v", person)
	}
	if err := b.enter(0, external("s1", "", "alice")); !errors.Is(err, people.ErrDisabled) || b.who(0) != "false " {
		t.Errorf("%v, and then %s", err, b.who(0))
	}
	if got := w.told(); !strings.HasPrefix(got, "sign_in_failed|alice|192.0.2.1 company|this person is disabled") {
		t.Error(got)
	}
	if err := p.Enable(t.Context(), "alice"); err != nil {
		t.Fatal(err)
	}
	b.mustEnter(0, external("s1", "", "alice"))
	if person, ok := p.Current(t.Context(), "Alice"); !ok || person.Name != "alice" {
		t.Errorf("current: %+v", person)
	}
	if _, ok := p.Current(t.Context(), "nobody"); ok {
		t.Error("nobody is current")
	}
}

// TestWhoWasRemovedComesBackAnew: the sessions from before do not, and the name is
// free for others until then.
func TestWhoWasRemovedComesBackAnew(t *testing.T) {
	w := newWorld(t, 1, plain)
	p := w.replicas[0]
	old := w.browser()
	old.mustEnter(0, external("s1", "sid", "alice"))
	if err := p.Remove(t.Context(), "alice"); err != nil {
		t.Fatal(err)
	}
	b := w.browser()
	b.mustEnter(0, external("s1", "sid2", "alice"))
	if got := old.who(0) + b.who(0); got != "false true alice" {
		t.Error(got)
	}
	if err := p.Remove(t.Context(), "alice"); err != nil {
		t.Fatal(err)
	}
	w.add("alice")
	var taken *people.NameTakenError
	if err := b.enter(0, external("s1", "", "alice")); !errors.As(err, &taken) {
		t.Error(err)
	}
	b.mustEnter(0, external("s1", "", "alice2"))
	if got := b.who(0); got != "true alice2" {
		t.Error(got)
	}
}

// TestManyFirstSignInsMakeOnePerson, also where the provider cannot agree on a name.
func TestManyFirstSignInsMakeOnePerson(t *testing.T) {
	w := newWorld(t, 2, plain)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			r := httptest.NewRequest("POST", plain+"/external", nil)
			if err := w.replicas[i%2].EnterExternal(httptest.NewRecorder(), r, external("s1", "sid", fmt.Sprint("alice", i%2))); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if all, err := w.replicas[0].List(t.Context()); err != nil || len(all) != 1 {
		t.Errorf("%+v, %v", all, err)
	}
	if n := strings.Count(w.told(), "added|"); n != 1 {
		t.Errorf("%d times it was told that a person was added", n)
	}
}

func TestWhatIsRefusedFromAProvider(t *testing.T) {
	w := newWorld(t, 1, plain)
	many := make([]string, 1001)
	for name, e := range map[string]people.External{
		"no subject":   external("", "", "alice"),
		"a long one":   external(strings.Repeat("x", 256), "", "alice"),
		"no issuer":    {Subject: "s", Name: "alice"},
		"a long sid":   external("s", strings.Repeat("x", 513), "alice"),
		"no name":      external("s", "", ""),
		"another name": external("s", "", "Alice Smith\r\n"),
		"many groups":  external("s", "", "alice", many...),
		"a long group": external("s", "", "alice", strings.Repeat("x", 257)),
	} {
		b := w.browser()
		if err := b.enter(0, e); err == nil || b.who(0) != "false " {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := w.replicas[0].EndExternal(t.Context(), companyIssuer, "", ""); err == nil {
		t.Error("a logout of nobody")
	}
	if items, err := w.store.List(t.Context(), "", "", 10); err != nil || len(items) != 0 {
		t.Errorf("the store holds %d records, %v", len(items), err)
	}
}

// TestNoRecordNoEntry: what cannot be written to the audit log does not happen; and
// a session that was there before is not adopted.
func TestNoRecordNoEntry(t *testing.T) {
	w := newWorld(t, 1, plain)
	b := w.browser()
	b.plant(&http.Cookie{Name: "toolvault-session", Value: strings.Repeat("A", 43)})
	b.mustEnter(0, external("s1", "", "alice"))
	if b.cookie("session").Value == strings.Repeat("A", 43) {
		t.Error("a planted session was adopted")
	}
	w.deaf = errors.New("the disk is full")
	other := w.browser()
	if err := other.enter(0, external("s1", "", "alice")); err == nil || other.who(0) != "false " {
		t.Errorf("%v, and then %s", err, other.who(0))
	}
	if _, err := w.replicas[0].EndExternal(t.Context(), companyIssuer, "s1", ""); err == nil {
		t.Error("a logout that cannot be recorded is no error")
	}
	if got := b.who(0); got != "false " {
		t.Errorf("the sessions were not ended all the same: %s", got)
	}
}
