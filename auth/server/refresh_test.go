package server

import (
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"toolvault/vault/store"
	"toolvault/vault/store/storetest"
)

func TestTheSameRefreshSentTwiceGetsTheSameAnswer(t *testing.T) {
	for name, url := range map[string]string{"sqlite": "", "redis": storetest.Redis(t)} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, url)
			on := []*replica{h.replica(), h.replica(), h.replica()}
			first := on[0].consent()
			got := make([]token, 8)
			var wait sync.WaitGroup
			for i := range got {
				wait.Go(func() { got[i] = on[i%3].post("", refreshing(first.Refresh)) })
			}
			wait.Wait()
			for _, g := range got {
				if g.Status != http.StatusOK || g.body != got[0].body {
					t.Fatalf("%d %s, another got %s", g.Status, g.body, got[0].body)
				}
			}
			if n := h.told(Refreshed); n != 1 {
				t.Errorf("%d rotations", n)
			}
			h.clock.pass(grace - time.Millisecond)
			if g := on[2].post("", refreshing(first.Refresh)); g.body != got[0].body {
				t.Errorf("within the grace: %s", g.body)
			}
			if g := on[1].post("", refreshing(got[0].Refresh)); g.Status != http.StatusOK {
				t.Errorf("the next one: %s", g.body)
			}
			if h.told(Replayed) != 0 {
				t.Error("a false alarm")
			}
		})
	}
}

// TestOneOfTwoRotationsOfAVersionStands: without the turns that are taken.
func TestOneOfTwoRotationsOfAVersionStands(t *testing.T) {
	r := newHouse(t, "").replica()
	first := r.consent()
	id, ok := r.familyOf(first.Refresh)
	if !ok {
		t.Fatal("no family")
	}
	one := refresh{client: r.h.clients["web"], token: first.Refresh, id: id}
	f, version, err := r.familyFor(t.Context(), one)
	must(t, err)
	if _, err := r.rotate(t.Context(), one, f, version); err != nil {
		t.Fatal(err)
	}
	if _, err := r.rotate(t.Context(), one, f, version); !errors.Is(err, store.ErrConflict) {
		t.Errorf("the second: %v", err)
	}
}

func TestAReplayedRefreshTokenEndsTheFamily(t *testing.T) {
	for name, replay := range map[string]func(h *house, r *replica, first token) (newest token){
		"after the grace": func(h *house, r *replica, first token) token {
			next := r.post("", refreshing(first.Refresh))
			h.clock.pass(grace)
			return next
		},
		"two generations old, at once": func(_ *house, r *replica, first token) token {
			return r.post("", refreshing(r.post("", refreshing(first.Refresh)).Refresh))
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, "")
			r := h.replica()
			first := r.consent()
			newest := replay(h, r, first)
			if !r.alive(newest.Access) {
				t.Fatal("no token")
			}
			if g := r.post("", refreshing(first.Refresh)); g.Error != "invalid_grant" {
				t.Errorf("the old one: %s", g.body)
			}
			if g := r.post("", refreshing(newest.Refresh)); g.Error != "invalid_grant" {
				t.Errorf("the newest: %s", g.body)
			}
			if r.alive(newest.Access) {
				t.Error("the access token is still good")
			}
			if h.told(Replayed) != 1 {
				t.Errorf("%d events", h.told(Replayed))
			}
		})
	}
}

// TestASlowClientThatProvesItselfHasMoreTime: a confidential client, or one with a key.
func TestASlowClientThatProvesItselfHasMoreTime(t *testing.T) {
	h := newHouse(t, "")
	r := h.replica()
	key := "key:" + strings.Repeat("k", 43)
	bound := r.post(key, exchange(r.code("alice", query())))
	if bound.Type != "DPoP" {
		t.Fatal(bound.body)
	}
	desk := []string{"client_id", "desk", "client_secret", "s3cret"}
	secret := r.post("", exchange(r.code("alice", query("client_id", "desk")), desk...))
	a, b := r.post(key, refreshing(bound.Refresh)), r.post("", refreshing(secret.Refresh, desk...))
	h.clock.pass(lateGrace - time.Second)
	if again := r.post(key, refreshing(bound.Refresh)); again.body != a.body {
		t.Errorf("with a key: %s", again.body)
	}
	if again := r.post("", refreshing(secret.Refresh, desk...)); again.body != b.body {
		t.Errorf("with a secret: %s", again.body)
	}
	h.clock.pass(time.Second)
	if again := r.post(key, refreshing(bound.Refresh)); again.Error != "invalid_grant" {
		t.Errorf("too late: %s", again.body)
	}
}

func TestARefreshThatDoesNotFitEndsNothing(t *testing.T) {
	h := newHouse(t, "")
	r := h.replica()
	first := r.consent()
	key := "key:" + strings.Repeat("k", 43)
	bound := r.post(key, exchange(r.code("alice", query())))
	for name, c := range map[string]struct {
		token, proof string
		change       []string
		want         string
	}{
		"another client":    {first.Refresh, "", []string{"client_id", "cli"}, "invalid_grant"},
		"another resource":  {first.Refresh, "", []string{"resource", fixturePublic + AdminPath}, "invalid_target"},
		"foreign resource":  {first.Refresh, "", []string{"resource", "https://evil.example"}, "invalid_target"},
		"wider scope":       {first.Refresh, "", []string{"scope", "slack:read-write"}, "invalid_scope"},
		"unknown scope":     {first.Refresh, "", []string{"scope", "slack:nothing"}, "invalid_scope"},
		"without its key":   {bound.Refresh, "", nil, "invalid_grant"},
		"with another key":  {bound.Refresh, "key:" + strings.Repeat("j", 43), nil, "invalid_grant"},
		"cut short":         {first.Refresh[:len(first.Refresh)-1], "", nil, "invalid_grant"},
		"its end altered":   {first.Refresh[:len(first.Refresh)-2] + "AA", "", nil, "invalid_grant"},
		"an access token":   {first.Access, "", nil, "invalid_grant"},
		"something made up": {refreshPrefix + random(refreshSize), "", nil, "invalid_grant"},
	} {
		t.Run(name, func(t *testing.T) {
			if g := r.post(c.proof, refreshing(c.token, c.change...)); g.Error != c.want {
				t.Errorf("%d %s, want %s", g.Status, g.body, c.want)
			}
		})
	}
	if g := r.post("", refreshing(first.Refresh)); g.Status != http.StatusOK {
		t.Errorf("the first family has ended: %s", g.body)
	}
	if g := r.post(key, refreshing(bound.Refresh)); g.Status != http.StatusOK || g.Type != "DPoP" {
		t.Errorf("the bound family has ended: %s", g.body)
	}
	if h.told(Replayed) != 0 {
		t.Error("a false alarm")
	}
}

func TestScopesOfARefresh(t *testing.T) {
	h := newHouse(t, "")
	r := h.replica()
	first := r.consent()
	if first.Scope != "crm:read-write slack:chat:write" {
		t.Fatalf("scope %q", first.Scope)
	}
	narrow := r.post("", refreshing(first.Refresh, "scope", "crm:contacts.read"))
	if narrow.Scope != "crm:contacts.read" {
		t.Errorf("narrower: %q", narrow.Scope)
	}
	full := r.post("", refreshing(narrow.Refresh))
	if full.Scope != first.Scope {
		t.Errorf("the consent was narrowed: %q", full.Scope)
	}
	h.change(func() { h.grants["bot"] = "crm:read-only slack:read-write" })
	if less := r.post("", refreshing(full.Refresh)); less.Scope != "crm:read-only slack:chat:write" {
		t.Errorf("after the agent lost something and got more: %q", less.Scope)
	}
}

func TestWhenAFamilyEnds(t *testing.T) {
	for name, end := range map[string]func(t *testing.T, h *house, r *replica){
		"person removed": func(_ *testing.T, h *house, _ *replica) { h.change(func() { delete(h.people, "alice") }) },
		"person disabled": func(_ *testing.T, h *house, _ *replica) {
			h.change(func() { h.people["alice"] = disabled(h.people["alice"]) })
		},
		"agent not hers": func(_ *testing.T, h *house, _ *replica) { h.change(func() { h.agents["alice"] = []string{"other"} }) },
		"agent not the client's": func(_ *testing.T, h *house, _ *replica) {
			h.change(func() { c := h.clients["web"]; c.Agents = []string{"other"}; h.clients["web"] = c })
		},
		"agent suspended": func(t *testing.T, _ *house, r *replica) { must(t, r.agents.Suspend(t.Context(), "bot", "")) },
		"not used":        func(_ *testing.T, h *house, r *replica) { h.clock.pass(r.RefreshTTL) },
		"EndPerson":       func(t *testing.T, _ *house, r *replica) { must(t, r.EndPerson(t.Context(), "alice")) },
		"EndClient":       func(t *testing.T, _ *house, r *replica) { must(t, r.EndClient(t.Context(), "web")) },
		"EndAgent":        func(t *testing.T, _ *house, r *replica) { must(t, r.EndAgent(t.Context(), "bot")) },
		"EndConsent": func(t *testing.T, _ *house, r *replica) {
			all, err := r.Consents(t.Context())
			must(t, err)
			if len(all) != 1 || all[0].Person != "alice" || all[0].Client != "web" || all[0].Agent != "bot" {
				t.Fatalf("consents %+v", all)
			}
			must(t, r.EndConsent(t.Context(), all[0].ID))
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, "")
			r := h.replica()
			first := r.consent()
			end(t, h, r)
			if g := r.post("", refreshing(first.Refresh)); g.Error != "invalid_grant" || g.Description == "" {
				t.Errorf("%d %s", g.Status, g.body)
			}
			if r.alive(first.Access) {
				t.Error("the access token is still good")
			}
			if h.told(Revoked) == 0 {
				t.Error("no event tells of it")
			}
			if all, err := r.Consents(t.Context()); err != nil || len(all) != 0 {
				t.Errorf("consents %v, %v", all, err)
			}
		})
	}
}

func TestNothingIsIssuedThatCannotBeRecorded(t *testing.T) {
	h := newHouse(t, "")
	r := h.replica()
	first := r.consent()
	h.change(func() { h.deaf = errDeaf })
	if g := r.post("", refreshing(first.Refresh)); g.Status != http.StatusServiceUnavailable {
		t.Errorf("%d %s", g.Status, g.body)
	}
	h.change(func() { h.deaf = nil })
	if g := r.post("", refreshing(first.Refresh)); g.Status != http.StatusOK {
		t.Errorf("the token was lost: %s", g.body)
	}
}

func TestSweepRemovesWhatIsOver(t *testing.T) {
	h := newHouse(t, "")
	r := h.replica()
	r.consent()
	r.code("alice", query())
	count := func() (n int) {
		for _, prefix := range []string{codePrefix, familyPrefix} {
			items, err := r.store.List(t.Context(), prefix, "", 100)
			must(t, err)
			n += len(items)
		}
		return n
	}
	must(t, r.Sweep(t.Context()))
	if count() != 3 {
		t.Errorf("%d records before", count())
	}
	h.clock.pass(r.RefreshTTL + 2*endedKept)
	must(t, r.Sweep(t.Context()))
	if count() != 0 {
		t.Errorf("%d records after", count())
	}
}

// TestTheStoreHoldsNoToken: an answer that is kept cannot be read with the seal opened.
func TestTheStoreHoldsNoToken(t *testing.T) {
	h := newHouse(t, "")
	r := h.replica()
	first := r.consent()
	next := r.post("", refreshing(first.Refresh))
	items, err := r.store.List(t.Context(), "oauth/", "", 100)
	must(t, err)
	for _, item := range items {
		plain, err := h.sealer.Open(item.Value, item.Key, item.Version)
		must(t, err)
		for _, secret := range []string{first.Access, first.Refresh, next.Access, next.Refresh} {
			if strings.Contains(string(plain), secret) || strings.Contains(item.Key, secret) {
				t.Errorf("a token stands in %s", item.Key)
			}
		}
	}
	for _, secret := range []string{first.Access, first.Refresh, next.Access, next.Refresh} {
		if strings.Contains(h.all(), secret) {
			t.Error("a token stands in an event")
		}
	}
}

// FuzzRefreshToken: no token but one of ours names a family.
func FuzzRefreshToken(f *testing.F) {
	r := newHouse(f, "").replica()
	good, err := r.newRefresh(random(familySize))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good + "A")
	f.Add(good[:20] + "\n" + good[21:])
	f.Add(refreshPrefix)
	f.Fuzz(func(t *testing.T, guess string) {
		if _, ok := r.familyOf(guess); ok && guess != good {
			t.Errorf("%q counts", guess)
		}
	})
}

func BenchmarkRefresh(b *testing.B) {
	for _, name := range []string{"sqlite", "redis"} {
		b.Run(name, func(b *testing.B) {
			url := ""
			if name == "redis" {
				url = storetest.Redis(b)
			}
			r := newHouse(b, url).replica()
			next := r.consent()
			for b.Loop() {
				if next = r.post("", refreshing(next.Refresh)); next.Status != http.StatusOK {
					b.Fatal(next.body)
				}
			}
		})
	}
}
