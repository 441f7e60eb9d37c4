package scope_test

import (
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"toolvault/auth/scope"
)

func TestGrantsNameAnAccount(t *testing.T) {
	cs := catalogs()
	for text, want := range map[string]struct{ chat, crm, again string }{
		"crm@emea:contacts.read chat:channels":                         {"", "emea", "chat:channels:read crm@emea:crm.objects.contacts.read"},
		"crm@a.b-c_1:read-only crm@a.b-c_1:crm.objects.contacts.write": {"", "a.b-c_1", "crm@a.b-c_1:read-only crm@a.b-c_1:crm.objects.contacts.write"},
		"chat@x:chat:write": {"x", "", "chat@x:chat:write"},
	} {
		g, err := cs.ParseGrants(text)
		if err != nil {
			t.Fatal(err)
		}
		if g.Account("chat") != want.chat || g.Account("crm") != want.crm || g.Account("none") != "" || g.String() != want.again {
			t.Errorf("%s: %q, %q, %s", text, g.Account("chat"), g.Account("crm"), g)
		}
		if !g.Allows(scope.Need{Service: "crm", Name: "crm.objects.contacts.read"}) && want.crm != "" {
			t.Errorf("%s does not allow what it grants", text)
		}
	}
	for _, text := range []string{
		"crm@:contacts.read", "crm@EMEA:contacts.read", "crm@a@b:contacts.read", "crm@-a:contacts.read", "crm@" + strings.Repeat("a", 41) + ":contacts.read",
		"@emea:contacts.read", "crm@emea", "emea@crm:contacts.read",
		"crm@emea:contacts.read crm:contacts.read", "crm:contacts.read crm@emea:contacts.read", "crm@emea:contacts.read crm@us:crm.objects.deals.read",
	} {
		if g, err := cs.ParseGrants(text); err == nil {
			t.Errorf("%s is taken for %s", text, g)
		}
	}
	var mixed *scope.MixedAccountsError
	if _, err := cs.ParseGrants("crm@emea:contacts.read crm@us:contacts.read"); !errors.As(err, &mixed) || mixed.Service != "crm" {
		t.Errorf("%v", err)
	}
}

// What is for one account never becomes something for any, or for another.
func TestIntersectKeepsToTheAccount(t *testing.T) {
	cs := catalogs()
	need := scope.Need{Service: "crm", Name: "crm.objects.contacts.read"}
	one := rapid.Custom(func(t *rapid.T) scope.Grants {
		g, err := cs.ParseGrants("crm" + rapid.SampledFrom([]string{"", "@emea", "@us"}).Draw(t, "account") + ":" +
			rapid.SampledFrom([]string{"read-only", "read-write", "contacts.read", "crm.objects.deals.read"}).Draw(t, "scope"))
		if err != nil {
			t.Fatal(err)
		}
		return g
	})
	rapid.Check(t, func(t *rapid.T) {
		a, b := one.Draw(t, "a"), one.Draw(t, "b")
		ab := a.Intersect(b)
		again, err := cs.ParseGrants(ab.String())
		if err != nil {
			t.Fatal(err)
		}
		x, y := a.Account("crm"), b.Account("crm")
		for _, got := range []scope.Grants{ab, again} {
			switch agree := x == "" || y == "" || x == y; {
			case !agree && got.Allows(need):
				t.Fatalf("(%s) ∩ (%s) = %s", a, b, got)
			case agree && got.Allows(need) != (a.Allows(need) && b.Allows(need)):
				t.Fatalf("(%s) ∩ (%s) = %s", a, b, got)
			case agree && got.Allows(need) && got.Account("crm") != max(x, y):
				t.Fatalf("(%s) ∩ (%s) is for %q", a, b, got.Account("crm"))
			}
		}
	})
}

func TestMissingNamesTheAccount(t *testing.T) {
	cs := catalogs()
	for _, c := range []struct{ wish, have, want string }{
		{"crm@emea:contacts.read", "crm:read-only", ""},
		{"crm@emea:contacts.read", "crm@emea:read-only", ""},
		{"crm@emea:contacts.read", "crm@us:read-only", "crm@emea:crm.objects.contacts.read"},
		{"crm:contacts.read", "crm@us:read-only", "crm:crm.objects.contacts.read"},
		{"crm@emea:crm.objects.contacts.write", "crm:read-only", "crm@emea:crm.objects.contacts.write"},
	} {
		wish, _ := cs.ParseGrants(c.wish)
		have, _ := cs.ParseGrants(c.have)
		if got := strings.Join(wish.Missing(have), " "); got != c.want {
			t.Errorf("of %s, %s lacks %q", c.wish, c.have, got)
		}
	}
}
