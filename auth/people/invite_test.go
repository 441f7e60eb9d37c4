package people_test

import (
	"encoding/base64"
	"net/url"
	"strings"
	"testing"
	"time"

	"toolvault/auth/people"
)

// invite returns the secret of a new invitation.
func (w *world) invite(name string) string {
	w.t.Helper()
	link, expires, err := w.replicas[0].Invite(w.t.Context(), name)
	if err != nil || !expires.Equal(w.clock.Now().Add(30*time.Minute)) {
		w.t.Fatal(link, expires, err)
	}
	_, secret, _ := strings.Cut(link, "#")
	if raw, err := base64.RawURLEncoding.DecodeString(secret); err != nil || len(raw) != 32 {
		w.t.Fatal(secret, err)
	}
	return secret
}

func TestAnInvitationLetsSomebodyInOnce(t *testing.T) {
	w := newWorld(t, 2, passkeyPublic)
	p := w.replicas[0]
	if _, _, err := p.Invite(t.Context(), "bob"); err == nil {
		t.Error("an invitation of nobody")
	}
	if err := p.AddWithoutPassword(t.Context(), "bob"); err != nil {
		t.Fatal(err)
	}
	secret := w.invite("bob")
	if got := w.told(); got != "added|bob||\ninvited|bob||\n" {
		t.Error(got)
	}
	items, err := w.store.List(t.Context(), "", "", 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, item := range items {
		if strings.Contains(item.Key+string(item.Value), secret) {
			t.Error("the store holds the secret")
		}
	}
	b, a := w.browser(), newAuthenticator(t)
	if page := b.do(0, "GET", "/signin/passkey/invite", nil); page.StatusCode != 200 || strings.Contains(page.text, "bob") {
		t.Errorf("%d %s", page.StatusCode, page.text)
	}
	if s := b.script(1, "/signin/passkey/invite/look", url.Values{"invite": {secret}}); s.Name != "bob" {
		t.Errorf("%+v", s)
	}
	// The same link in two browsers at once: one gets in.
	late, other := w.browser(), newAuthenticator(t)
	begun := late.script(1, "/signin/passkey/add/begin", url.Values{"invite": {secret}})
	if s := b.addPasskey(0, a, secret); s.Fault != "" || b.who(1) != "true bob" {
		t.Fatalf("%+v, and then %s", s, b.who(1))
	}
	if got := w.told(); got != "passkey_added|bob|192.0.2.1 invitation|\nsigned_in|bob|192.0.2.1 invitation|\n" {
		t.Error(got)
	}
	if s := late.script(1, "/signin/passkey/add/finish", url.Values{"invite": {secret}, "response": {other.create(begun.Options)}}); s.Fault == "" || late.who(0) != "false " {
		t.Errorf("a second time: %+v", s)
	}
	if s := late.script(1, "/signin/passkey/invite/look", url.Values{"invite": {secret}}); s.Name != "" || s.Fault == "" {
		t.Errorf("a link that was used: %+v", s)
	}
	if s := w.browser().usePasskey(0, a); s.Fault != "" {
		t.Error(s.Fault)
	}
	if got, _ := p.Get(t.Context(), "bob"); got.Passkeys != 1 || got.Password {
		t.Errorf("%+v", got)
	}
}

func TestAnInvitationEnds(t *testing.T) {
	for name, end := range map[string]func(w *world, p *people.People) error{
		"with time":          func(w *world, p *people.People) error { w.clock.pass(30 * time.Minute); return nil },
		"with a password":    func(w *world, p *people.People) error { return p.SetPassword(w.t.Context(), "bob", []byte(password)) },
		"when disabled":      func(w *world, p *people.People) error { return p.Disable(w.t.Context(), "bob") },
		"when removed":       func(w *world, p *people.People) error { return p.Remove(w.t.Context(), "bob") },
		"if it is another's": nil,
	} {
		w := newWorld(t, 1, passkeyPublic)
		p := w.replicas[0].People
		if err := p.AddWithoutPassword(t.Context(), "bob"); err != nil {
			t.Fatal(err)
		}
		secret := w.invite("bob")
		b, a := w.browser(), newAuthenticator(t)
		begun := b.script(0, "/signin/passkey/add/begin", url.Values{"invite": {secret}})
		if end == nil {
			secret = strings.Repeat("A", 43)
		} else if err := end(w, p); err != nil {
			t.Fatal(err)
		}
		s := b.script(0, "/signin/passkey/add/finish", url.Values{"invite": {secret}, "response": {a.create(begun.Options)}})
		if s.Fault == "" || b.who(0) != "false " {
			t.Errorf("%s: %+v, and then %s", name, s, b.who(0))
		}
		if s := w.browser().script(0, "/signin/passkey/invite/look", url.Values{"invite": {secret}}); !strings.HasPrefix(s.Fault, "This invitation does not work") || s.Name != "" {
			t.Errorf("%s: %+v", name, s)
		}
		w.clock.pass(time.Hour)
		if err := p.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		if left, err := w.store.List(t.Context(), "passkey-invite/", "", 10); err != nil || len(left) != 0 {
			t.Errorf("%s: %d are left, %v", name, len(left), err)
		}
	}
	// Nobody from the company has one.
	w := newWorld(t, 1, passkeyPublic)
	b := w.browser()
	b.mustEnter(0, external("s1", "", "alice"))
	if _, _, err := w.replicas[0].Invite(t.Context(), "alice"); err == nil {
		t.Error("an invitation of somebody from the company")
	}
	if s := b.addPasskey(0, newAuthenticator(t), ""); s.Fault == "" {
		t.Error("somebody from the company added a passkey")
	}
	if page := b.do(0, "GET", "/signin", nil).text; strings.Contains(page, "passkey") {
		t.Error(page)
	}
}
