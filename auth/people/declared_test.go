package people_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"golang.org/x/crypto/argon2"

	"toolvault/auth/people"
)

func declaredHash(password string) string {
	salt := []byte("0123456789abcdef")
	return people.PHC(salt, argon2.IDKey([]byte(password), salt, 1, 8, 1, 32)) // as Count computes
}

func (w *world) configure(all ...people.Declared) {
	w.t.Helper()
	for _, r := range w.replicas {
		if err := r.Configure(all); err != nil {
			w.t.Fatal(err)
		}
	}
}

func TestPeopleOfTheConfigSignInWithoutARecord(t *testing.T) {
	w := newWorld(t, 2, plain)
	w.configure(people.Declared{Name: "Alice", PasswordHash: declaredHash(password), Groups: []string{"ops", "dev"}}, people.Declared{Name: "keys-only"})
	b := w.browser()
	b.must(0, "alice")
	for on := range w.replicas {
		if got := b.who(on); got != "true Alice" {
			t.Errorf("replica %d: %s", on, got)
		}
	}
	if a := w.browser().signIn(1, "alice", "wrong password"); a.StatusCode != http.StatusForbidden {
		t.Errorf("a wrong password: %d", a.StatusCode)
	}
	if a := w.browser().signIn(1, "keys-only", ""); a.StatusCode != http.StatusForbidden {
		t.Errorf("no password: %d", a.StatusCode)
	}
	got, err := w.replicas[1].Get(t.Context(), "ALICE")
	if err != nil || got.Origin != people.FromConfig || !got.Password || !got.Local() || fmt.Sprint(got.Groups) != "[dev ops]" {
		t.Errorf("%+v, %v", got, err)
	}
	w.add("bob")
	all, err := w.replicas[0].List(t.Context())
	var names []string
	for _, p := range all {
		names = append(names, p.Name+" "+p.Origin)
	}
	if err != nil || strings.Join(names, ", ") != "Alice config, bob added, keys-only config" {
		t.Errorf("%v, %v", names, err)
	}
	if items, err := w.store.List(t.Context(), "person/", "", 10); err != nil || len(items) != 1 {
		t.Errorf("%d records of people, %v", len(items), err)
	}
}

// TestASessionEndsWithItsDeclaration, with its hash, and with being disabled.
func TestASessionEndsWithItsDeclaration(t *testing.T) {
	alice := people.Declared{Name: "alice", PasswordHash: declaredHash(password)}
	other := people.Declared{Name: "alice", PasswordHash: declaredHash("another lovely horse")}
	for name, end := range map[string]func(*world){
		"goes away": func(w *world) { w.configure() },
		"changes":   func(w *world) { w.configure(other) },
		"disabled": func(w *world) {
			if err := w.replicas[0].Disable(w.t.Context(), "Alice"); err != nil {
				w.t.Fatal(err)
			}
		},
	} {
		w := newWorld(t, 2, plain)
		w.configure(alice)
		b := w.browser()
		b.must(0, "alice")
		w.configure(alice, people.Declared{Name: "bob"})
		if got := b.who(1); got != "true alice" {
			t.Errorf("%s: another change of the config ended it: %s", name, got)
		}
		end(w)
		for on := range w.replicas {
			if got := b.who(on); got != "false " {
				t.Errorf("%s: on replica %d the session is still %s", name, on, got)
			}
		}
		if a := w.browser().signIn(1, "alice", password); a.StatusCode != http.StatusForbidden {
			t.Errorf("%s: a sign-in: %d", name, a.StatusCode)
		}
		if name == "disabled" {
			if _, ok := w.replicas[1].Current(t.Context(), "alice"); ok {
				t.Error("who is disabled is current")
			}
			if err := w.replicas[1].Enable(t.Context(), "alice"); err != nil {
				t.Fatal(err)
			}
			if got := b.who(0); got != "false " {
				t.Errorf("enabled again, the old session came back: %s", got)
			}
			w.browser().must(1, "alice")
		}
	}
}

// TestTheConfigWins over somebody of the store, who is there again when it no longer
// names them; but who was disabled stays out.
func TestTheConfigWins(t *testing.T) {
	w := newWorld(t, 1, plain)
	p := w.replicas[0]
	w.add("alice")
	old := w.browser()
	old.must(0, "alice")
	w.configure(people.Declared{Name: "Alice", PasswordHash: declaredHash("another lovely horse")})
	if got := old.who(0); got != "false " {
		t.Errorf("the session of the one in the store is %s", got)
	}
	if a := w.browser().signIn(0, "alice", password); a.StatusCode != http.StatusForbidden {
		t.Errorf("with the password in the store: %d", a.StatusCode)
	}
	b := w.browser()
	if a := b.signIn(0, "alice", "another lovely horse"); a.StatusCode != http.StatusSeeOther || b.who(0) != "true Alice" {
		t.Errorf("with the one of the config: %d, %s", a.StatusCode, b.who(0))
	}
	for what, err := range map[string]error{
		"add":      p.Add(t.Context(), "alice", []byte(password)),
		"password": p.SetPassword(t.Context(), "alice", []byte(password)),
		"remove":   p.Remove(t.Context(), "alice"),
	} {
		if err == nil || !strings.Contains(err.Error(), "declared in the config") {
			t.Errorf("%s: %v", what, err)
		}
	}
	all, err := p.List(t.Context())
	if err != nil || len(all) != 1 || all[0].Name != "Alice" || all[0].Origin != people.FromConfig {
		t.Errorf("%+v, %v", all, err)
	}
	w.configure()
	w.browser().must(0, "alice")
	if err := p.Disable(t.Context(), "alice"); err != nil {
		t.Fatal(err)
	}
	w.configure(people.Declared{Name: "Alice", PasswordHash: declaredHash("another lovely horse")})
	if a := w.browser().signIn(0, "alice", "another lovely horse"); a.StatusCode != http.StatusForbidden {
		t.Errorf("disabled in the store: %d", a.StatusCode)
	}
}

func TestWhatAConfigMayNotDeclare(t *testing.T) {
	w := newWorld(t, 1, plain)
	p := w.replicas[0]
	good := people.Declared{Name: "alice", PasswordHash: declaredHash(password)}
	w.configure(good)
	with := func(params string) string { return strings.Replace(good.PasswordHash, "m=65536,t=3,p=4", params, 1) }
	for name, all := range map[string][]people.Declared{
		"name":  {{Name: "a b"}},
		"twice": {{Name: "bob"}, {Name: "BOB"}},
		"hash":  {{Name: "bob", PasswordHash: "hunter2"}},
		"costs": {{Name: "a", PasswordHash: with("m=8192,t=1,p=1")}, {Name: "b", PasswordHash: with("m=8192,t=2,p=1")}, {Name: "c", PasswordHash: with("m=8192,t=3,p=1")}},
	} {
		if err := p.Configure(all); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", name, err)
		}
	}
	w.browser().must(0, "alice") // all is as it was
}

// TestForeignHashesTakeNoLongerThanOthers: with two sets of parameters in use, each
// try computes both, whoever it is for.
func TestForeignHashesTakeNoLongerThanOthers(t *testing.T) {
	w := newWorld(t, 1, plain)
	foreign := strings.Replace(declaredHash(password), "m=65536,t=3,p=4", "m=19456,t=2,p=1", 1)
	w.configure(people.Declared{Name: "foreign", PasswordHash: foreign}, people.Declared{Name: "ours", PasswordHash: declaredHash(password)})
	for i, name := range []string{"foreign", "ours", "nobody"} {
		before := w.replicas[0].hashes.Load()
		b := w.browser()
		b.address = from(i)
		a := b.signIn(0, name, password)
		if n := w.replicas[0].hashes.Load() - before; n != 2 {
			t.Errorf("%s: %d computations", name, n)
		}
		if in := a.StatusCode == http.StatusSeeOther; in != (name != "nobody") {
			t.Errorf("%s: %d", name, a.StatusCode)
		}
	}
}
