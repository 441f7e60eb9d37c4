package scope_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"toolvault/auth/scope"
)

func catalogs() scope.Catalogs {
	return scope.Catalogs{
		"chat": scope.NewCatalog("chat",
			scope.Def{Name: "chat:write", Write: true},
			scope.Def{Name: "channels:read", Aliases: []string{"channels"}},
			scope.Def{Name: "channels:history", Implies: []string{"channels:read"}},
			scope.Def{Name: "admin", Write: true, Implies: []string{"chat:write", "channels:history"}},
		),
		"crm": scope.NewCatalog("crm",
			scope.Def{Name: "crm.objects.contacts.read", Aliases: []string{"contacts.read"}},
			scope.Def{Name: "crm.objects.contacts.write", Write: true, Implies: []string{"crm.objects.contacts.read"}},
			scope.Def{Name: "crm.objects.deals.read"},
			scope.Def{Name: "a", Implies: []string{"b"}},
			scope.Def{Name: "b", Implies: []string{"a"}},
		),
	}
}

func anyGrants(cs scope.Catalogs) *rapid.Generator[scope.Grants] {
	return rapid.Custom(func(t *rapid.T) scope.Grants {
		var words []string
		for _, service := range []string{"chat", "crm"} {
			for _, w := range rapid.SliceOfNDistinct(rapid.SampledFrom(cs[service].Spellings()), 0, 4, rapid.ID).Draw(t, service) {
				words = append(words, service+":"+w)
			}
		}
		g, err := cs.ParseGrants(strings.Join(words, " "))
		if err != nil {
			t.Fatal(err)
		}
		return g
	})
}

// needs are all that the catalogs can be asked for, with a mark on those that
// no honest tool has: a change that needs no permission to change.
func needs(cs scope.Catalogs) map[scope.Need]bool {
	all := map[scope.Need]bool{}
	for service, c := range cs {
		for _, name := range append(c.Names(), "", "unknown") {
			d, _ := c.Lookup(name)
			all[scope.Need{Service: service, Name: name}] = true
			all[scope.Need{Service: service, Name: name, Write: true}] = d.Write
		}
	}
	return all
}

func TestIntersectAllowsExactlyWhatBothAllow(t *testing.T) {
	cs := catalogs()
	all := needs(cs)
	rapid.Check(t, func(t *rapid.T) {
		g := anyGrants(cs)
		a, b, c := g.Draw(t, "a"), g.Draw(t, "b"), g.Draw(t, "c")
		ab := a.Intersect(b)
		for n := range all {
			if got, want := ab.Allows(n), a.Allows(n) && b.Allows(n); got != want {
				t.Fatalf("(%s) ∩ (%s) allows %+v: %v, want %v", a, b, n, got, want)
			}
			if got, want := ab.Intersect(c).Allows(n), ab.Allows(n) && c.Allows(n); got != want {
				t.Fatalf("(%s) ∩ (%s) ∩ (%s) allows %+v: %v, want %v", a, b, c, n, got, want)
			}
		}
	})
}

func TestIntersectAllowsAnyOnlyWhereOneNameFits(t *testing.T) {
	cs := catalogs()
	rapid.Check(t, func(t *rapid.T) {
		g := anyGrants(cs)
		a, b := g.Draw(t, "a"), g.Draw(t, "b")
		ab := a.Intersect(b)
		for _, write := range []bool{false, true} {
			template := scope.Need{Service: "crm", Name: "crm.objects.{object_type}.read", Write: write}
			want := ab.Allows(scope.Need{Service: "crm", Name: "unknown", Write: write})
			for _, object := range []string{"contacts", "deals"} {
				want = want || ab.Allows(scope.Need{Service: "crm", Name: "crm.objects." + object + ".read", Write: write})
			}
			if got := ab.AllowsAny(template); got != want {
				t.Fatalf("(%s) ∩ (%s) allows any %+v: %v, want %v", a, b, template, got, want)
			}
		}
	})
}

func TestIntersectIsNeverWiderInWords(t *testing.T) {
	cs := catalogs()
	all := needs(cs)
	rapid.Check(t, func(t *rapid.T) {
		g := anyGrants(cs)
		a, b := g.Draw(t, "a"), g.Draw(t, "b")
		again, err := cs.ParseGrants(a.Intersect(b).String())
		if err != nil {
			t.Fatal(err)
		}
		for n, honest := range all {
			if honest && again.Allows(n) && !(a.Allows(n) && b.Allows(n)) {
				t.Fatalf("(%s) ∩ (%s) is written %q, which allows %+v", a, b, again, n)
			}
		}
	})
}

func TestIntersectInWords(t *testing.T) {
	cs := catalogs()
	for _, c := range []struct{ a, b, want string }{
		{"chat:read-write", "chat:chat:write", "chat:chat:write"},
		{"chat:read-write", "chat:read-only", "chat:read-only"},
		{"chat:read-only", "chat:channels", "chat:channels:read"},
		{"chat:read-only", "chat:chat:write", ""},
		{"chat:admin", "chat:channels:history chat:chat:write", "chat:chat:write chat:channels:history"},
		{"chat:admin", "chat:admin", "chat:admin"},
		{"chat:read-only chat:chat:write", "chat:read-write", "chat:read-only chat:chat:write"},
		{"chat:chat:write", "crm:read-write", ""},
		{"chat:chat:write crm:contacts.read", "crm:crm.objects.contacts.write", "crm:crm.objects.contacts.read"},
		{"crm:a", "crm:b", "crm:a"},
		{"", "crm:read-write", ""},
	} {
		a, err := cs.ParseGrants(c.a)
		if err != nil {
			t.Fatal(err)
		}
		b, err := cs.ParseGrants(c.b)
		if err != nil {
			t.Fatal(err)
		}
		if got := a.Intersect(b).String(); got != c.want {
			t.Errorf("(%s) ∩ (%s) = %q, want %q", c.a, c.b, got, c.want)
		}
		if got := b.Intersect(a).String(); got != c.want {
			t.Errorf("(%s) ∩ (%s) = %q, want %q", c.b, c.a, got, c.want)
		}
	}
}

func TestMissing(t *testing.T) {
	cs := catalogs()
	for _, c := range []struct{ want, have, missing string }{
		{"chat:chat:write chat:channels:read", "chat:chat:write", "chat:channels:read"},
		{"chat:read-write", "chat:admin", "chat:read-write"},
		{"chat:read-only", "chat:read-write", ""},
		{"chat:chat:write", "chat:read-only", "chat:chat:write"},
		{"chat:channels", "chat:read-only", ""},
		{"chat:channels:read", "chat:channels:history", ""},
		{"chat:admin", "chat:chat:write chat:channels:read", "chat:admin"}, // a part of it is not all of it
		{"crm:a", "crm:b", ""},
		{"chat:chat:write crm:contacts.read", "", "chat:chat:write crm:crm.objects.contacts.read"},
		{"", "crm:read-only", ""},
	} {
		want, err := cs.ParseGrants(c.want)
		if err != nil {
			t.Fatal(err)
		}
		have, err := cs.ParseGrants(c.have)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(want.Missing(have), " "); got != c.missing {
			t.Errorf("of (%s) (%s) lacks %q, want %q", c.want, c.have, got, c.missing)
		}
	}
}

func TestWhereNothingIsMissingNothingIsRefused(t *testing.T) {
	cs := catalogs()
	all := needs(cs)
	rapid.Check(t, func(t *rapid.T) {
		g := anyGrants(cs)
		want, have := g.Draw(t, "want"), g.Draw(t, "have")
		if len(want.Missing(have)) > 0 {
			return
		}
		for n, honest := range all {
			if honest && want.Allows(n) && !have.Allows(n) {
				t.Fatalf("nothing of (%s) is missing in (%s), which refuses %+v", want, have, n)
			}
		}
	})
}
