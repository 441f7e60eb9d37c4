package server

import (
	"net/http"
	"testing"

	"toolvault/auth"
	"toolvault/auth/client"
	"toolvault/vault/store/storetest"
)

// TestRevokeEndsWhatWasExchanged: of a token that no consent stands behind, so that
// nothing but the token itself, or its client, says what belongs together (RFC 7009
// section 2.1).
func TestRevokeEndsWhatWasExchanged(t *testing.T) {
	for on, open := range map[string]func(testing.TB) string{"sqlite": func(testing.TB) string { return "" }, "redis": storetest.Redis} {
		for name, c := range map[string]struct {
			end  func(p *plant, first, second string)
			left int // of the three, from the first
		}{
			"the first is revoked":              {func(p *plant, first, _ string) { p.mustRevoke("c-bot", first) }, 0},
			"one in the middle is":              {func(p *plant, _, second string) { p.mustRevoke("c-other", second) }, 1},
			"the first one's client is removed": {func(p *plant, _, _ string) { p.mustRemove("c-bot") }, 0},
			"the client in the middle is":       {func(p *plant, _, _ string) { p.mustRemove("c-other") }, 1},
			"a client of nobody here is":        {func(p *plant, _, _ string) { p.mustRemove("c-fourth") }, 3},
		} {
			t.Run(on+": "+name, func(t *testing.T) {
				p := newPlant(t, open(t))
				first := p.own("bot")
				narrow := p.mustPass("bot", first, "scope", "crm:contacts.read")
				second := p.mustPass("other", narrow)
				third := p.mustPass("third", second)
				c.end(p, first, second)
				elsewhere := newPlantIn(t, p.h)
				for _, q := range []*plant{p, elsewhere} {
					for i, token := range []string{first, second, third} {
						if q.alive(token) != (i < c.left) {
							t.Errorf("token %d goes on: %v", i, q.alive(token))
						}
					}
					if q.alive(narrow) != (c.left > 0) {
						t.Errorf("the narrower one goes on: %v", q.alive(narrow))
					}
				}
				if c.left < 3 {
					if got := p.pass("fourth", third); got.Status != http.StatusBadRequest || got.Error != "invalid_request" {
						t.Errorf("it can be passed on: %d %s", got.Status, got.body)
					}
				}
			})
		}
	}
}

// TestRemovingAClientWithoutRefreshEndsWhatWasExchanged: it leaves no consent that could
// be ended.
func TestRemovingAClientWithoutRefreshEndsWhatWasExchanged(t *testing.T) {
	p := newPlant(t, "")
	web := p.h.clients["web"]
	web.Grants = []string{client.GrantCode}
	p.h.clients["web"] = web
	first := p.post("", exchange(p.code("alice", query())))
	if first.Status != http.StatusOK || first.Refresh != "" {
		t.Fatal(first.body)
	}
	passed := p.mustPass("other", first.Access)
	p.mustRemove("web")
	if p.alive(first.Access) || p.alive(passed) {
		t.Error("its tokens go on")
	}
}

func TestExchangeHasAnEnd(t *testing.T) {
	p := newPlant(t, "")
	token := p.own("bot")
	for range auth.MaxSources {
		token = p.mustPass("bot", token)
	}
	if got := p.pass("bot", token); got.Status != http.StatusBadRequest || got.Error != "invalid_request" {
		t.Errorf("%d %s", got.Status, got.body)
	}
}

func (p *plant) mustRevoke(client, token string) {
	p.h.t.Helper()
	if got := p.revoke(as(client, "token", token)...); got.Status != http.StatusOK {
		p.h.t.Fatal(got.body)
	}
}

// mustRemove does what is done when a client is removed.
func (p *plant) mustRemove(id string) {
	p.h.t.Helper()
	if err := p.tokens.RevokeClient(p.h.t.Context(), id); err != nil {
		p.h.t.Fatal(err)
	}
	if err := p.EndClient(p.h.t.Context(), id); err != nil {
		p.h.t.Fatal(err)
	}
}
