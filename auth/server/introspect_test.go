package server

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"toolvault/auth"
	"toolvault/auth/client"
)

const inactive = `{"active":false}`

// about asks what a token is worth, as a client with the secret of all.
func (p *plant) about(id, token string) (string, map[string]any) {
	p.h.t.Helper()
	got := p.call(IntrospectPath, as(id, "token", token)...)
	var m map[string]any
	if err := json.Unmarshal([]byte(got.body), &m); err != nil || got.Status != http.StatusOK {
		p.h.t.Fatalf("%d %s", got.Status, got.body)
	}
	return strings.TrimSpace(got.body), m
}

func TestIntrospectSaysWhatATokenIsWorth(t *testing.T) {
	p := newPlant(t, "")
	key := strings.Repeat("k", 43)
	access := p.minted(auth.Request{Agent: "other", Chain: []string{"bot"}, User: "alice", Task: "look-up", Client: "c-other", Key: key, TTL: time.Minute, Grant: "consent-1"})
	_, m := p.about("c-third", access)
	now := float64(p.h.clock.Now().Unix())
	for name, want := range map[string]any{
		"active": true, "scope": "crm:contacts.read", "client_id": "c-other", "username": "alice", "sub": "alice", "aud": fixturePublic + ResourcePath,
		"iss": fixturePublic, "exp": now + 60, "iat": now, "nbf": now, "token_type": "DPoP", "task": "look-up",
	} {
		if got := m[name]; got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	if m["jti"] != p.who(access).TokenID {
		t.Errorf("jti is %v", m["jti"])
	}
	act, _ := json.Marshal(m["act"])
	cnf, _ := json.Marshal(m["cnf"])
	if string(act) != `{"act":{"sub":"bot"},"sub":"other"}` || string(cnf) != `{"jkt":"`+key+`"}` {
		t.Errorf("act %s, cnf %s", act, cnf)
	}
	if _, has := m["grant_id"]; has {
		t.Error("it tells the id of the consent")
	}
	if _, m := p.about("c-bot", p.own("bot")); m["sub"] != "bot" || m["token_type"] != "Bearer" || m["username"] != nil {
		t.Errorf("of an agent for itself: %v", m)
	}
}

func TestIntrospectNothingElseIsActive(t *testing.T) {
	p := newPlant(t, "")
	live := p.own("bot")
	expired := p.minted(auth.Request{Agent: "bot", TTL: time.Second})
	p.h.clock.pass(2 * time.Second)
	revoked := p.own("bot")
	if err := p.tokens.Revoke(t.Context(), p.who(revoked).TokenID, time.Time{}); err != nil {
		t.Fatal(err)
	}
	suspended := p.own("third")
	if err := p.agents.Suspend(t.Context(), "third", ""); err != nil {
		t.Fatal(err)
	}
	admin := p.call(TokenPath, as("ops", "grant_type", client.GrantOwn, "resource", fixturePublic+AdminPath)...).Access
	refresh := p.consent().Refresh
	for name, token := range map[string]string{
		"expired": expired, "revoked": revoked, "of a suspended agent": suspended, "an administrator's": admin, "another's refresh token": refresh,
		"made up": "x.y.z", "a made-up refresh token": refreshPrefix + random(refreshSize), "with a byte more": live + "A",
		"a workload's": p.key.sign(t, nil, p.workloadClaims()), "an ID-JAG": p.key.sign(t, map[string]any{"typ": typeIDJAG}, p.assertionClaims()),
		"unsigned": strings.Join(strings.Split(live, ".")[:2], ".") + ".",
	} {
		if body, _ := p.about("c-bot", token); body != inactive {
			t.Errorf("%s: %s", name, body)
		}
	}
	if _, m := p.about("ops", admin); m["active"] != true || m["aud"] != fixturePublic+AdminPath || m["sub"] != "ops" {
		t.Errorf("an administrator's, to a client that administers: %v", m)
	}
	if _, m := p.about("ops", live); m["active"] != true {
		t.Errorf("an agent's, to it: %v", m)
	}
}

func TestIntrospectRefreshTokens(t *testing.T) {
	p := newPlant(t, "")
	code := p.code("alice", query("client_id", "desk"))
	got := p.post("", exchange(code, "client_id", "desk", "client_secret", "s3cret"))
	if got.Refresh == "" {
		t.Fatal(got.body)
	}
	_, m := p.about("desk", got.Refresh)
	if m["active"] != true || m["client_id"] != "desk" || m["sub"] != "alice" || m["scope"] == "" || m["exp"] != float64(p.h.clock.Now().Add(DefaultRefresh).Unix()) {
		t.Errorf("%v", m)
	}
	for _, id := range []string{"c-bot", "ops"} {
		if body, _ := p.about(id, got.Refresh); body != inactive {
			t.Errorf("to %s: %s", id, body)
		}
	}
	next := p.post("", refreshing(got.Refresh, "client_id", "desk", "client_secret", "s3cret"))
	if body, _ := p.about("desk", got.Refresh); body != inactive {
		t.Errorf("one that was used: %s", body)
	}
	if _, m := p.about("desk", next.Refresh); m["active"] != true {
		t.Errorf("the next one: %v", m)
	}
	p.h.change(func() { alice := p.h.people["alice"]; alice.Disabled = true; p.h.people["alice"] = alice })
	if body, _ := p.about("desk", next.Refresh); body != inactive {
		t.Errorf("of a person who has left: %s", body)
	}
	p.h.change(func() { alice := p.h.people["alice"]; alice.Disabled = false; p.h.people["alice"] = alice })
	p.h.clock.pass(DefaultRefresh)
	if body, _ := p.about("desk", next.Refresh); body != inactive {
		t.Errorf("one that was not used for too long: %s", body)
	}
}

func TestIntrospectIsForClientsThatProveWhoTheyAre(t *testing.T) {
	p := newPlant(t, "")
	live := p.own("bot")
	for name, pairs := range map[string][]string{
		"nobody":                       nil,
		"a client that proves naught":  {"client_id", "web"},
		"that, with a secret":          {"client_id", "web", "client_secret", "x"},
		"a wrong secret":               {"client_id", "c-bot", "client_secret", "wrong"},
		"an unknown client":            {"client_id", "nobody", "client_secret", "s3cret"},
		"the token itself as a secret": {"client_id", "c-bot", "client_secret", live},
	} {
		got := p.call(IntrospectPath, append([]string{"token", live}, pairs...)...)
		if got.Status != http.StatusUnauthorized && got.Error != "invalid_request" || strings.Contains(got.body, "active") {
			t.Errorf("%s: %d %s", name, got.Status, got.body)
		}
	}
}
