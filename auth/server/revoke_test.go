package server

import (
	"errors"
	"net/http"
	"testing"

	"toolvault/auth/client"
)

func (p *plant) revoke(pairs ...string) told {
	p.h.t.Helper()
	return p.call(RevokePath, pairs...)
}

func TestRevokeAnAccessToken(t *testing.T) {
	p := newPlant(t, "")
	first, second := p.own("bot"), p.own("bot")
	if got := p.revoke(as("c-other", "token", first)...); got.Status != http.StatusOK || !p.alive(first) || p.h.told(Revoked) != 0 {
		t.Errorf("by another client: %d, alive %v", got.Status, p.alive(first))
	}
	if got := p.revoke(as("c-bot", "token", first, "token_type_hint", "refresh_token")...); got.Status != http.StatusOK || got.body != "" {
		t.Errorf("%d %q", got.Status, got.body)
	}
	if p.alive(first) || !p.alive(second) {
		t.Errorf("alive: %v and %v", p.alive(first), p.alive(second))
	}
	if e := p.h.last(Revoked); e.Client != "c-bot" || e.Agent != "bot" || e.TokenID == "" {
		t.Errorf("the log has %+v", e)
	}
	fresh := newPlantIn(t, p.h) // another process
	if fresh.alive(first) {
		t.Error("another process takes it")
	}
}

func TestRevokeOfASuspendedAgentHoldsWhenItIsResumed(t *testing.T) {
	p := newPlant(t, "")
	access := p.own("bot")
	if err := p.agents.Suspend(t.Context(), "bot", ""); err != nil {
		t.Fatal(err)
	}
	if got := p.revoke(as("c-bot", "token", access)...); got.Status != http.StatusOK {
		t.Fatal(got.body)
	}
	if err := p.agents.Resume(t.Context(), "bot"); err != nil {
		t.Fatal(err)
	}
	if p.alive(access) {
		t.Error("the token came back with the agent")
	}
}

func TestRevokeARefreshTokenEndsTheConsent(t *testing.T) {
	for _, hint := range []string{"", "refresh_token", "access_token", "nonsense"} {
		p := newPlant(t, "")
		got := p.consent()
		passed := p.mustPass("other", got.Access)
		if r := p.revoke("client_id", "cli", "token", got.Refresh); r.Status != http.StatusOK || !p.alive(got.Access) {
			t.Fatalf("by another client: %d", r.Status)
		}
		if r := p.revoke("client_id", "web", "token", got.Refresh, "token_type_hint", hint); r.Status != http.StatusOK {
			t.Fatal(r.body)
		}
		if p.alive(got.Access) || p.alive(passed) {
			t.Errorf("with the hint %q an access token goes on", hint)
		}
		if r := p.post("", refreshing(got.Refresh)); r.Error != "invalid_grant" {
			t.Errorf("with the hint %q the refresh token goes on: %s", hint, r.body)
		}
		if e := p.h.last(Revoked); e.Client != "web" || e.User != "alice" || e.Agent != "bot" {
			t.Errorf("the log has %+v", e)
		}
		before := p.h.told(Revoked)
		if r := p.revoke("client_id", "web", "token", got.Refresh); r.Status != http.StatusOK || p.h.told(Revoked) != before {
			t.Errorf("once more: %d", r.Status)
		}
	}
}

func TestRevokeAnythingElseDoesNothingAndSaysNothing(t *testing.T) {
	p := newPlant(t, "")
	admin := p.call(TokenPath, as("ops", "grant_type", client.GrantOwn, "resource", fixturePublic+AdminPath)...).Access
	for name, token := range map[string]string{
		"made up": "x.y.z", "a made-up refresh token": refreshPrefix + random(refreshSize), "an administrator's": admin,
		"a workload's": p.key.sign(t, nil, p.workloadClaims()),
	} {
		if got := p.revoke(as("c-bot", "token", token)...); got.Status != http.StatusOK || got.body != "" {
			t.Errorf("%s: %d %q", name, got.Status, got.body)
		}
	}
	if _, err := p.tokens.AuthenticateAdmin(t.Context(), admin); err != nil || p.h.told(Revoked) != 0 {
		t.Errorf("%v; %d events", err, p.h.told(Revoked))
	}
	if got := p.revoke(as("ops", "token", admin)...); got.Status != http.StatusOK {
		t.Fatal(got.body)
	}
	if _, err := p.tokens.AuthenticateAdmin(t.Context(), admin); err == nil {
		t.Error("an administrator's token outlives its revocation")
	}
	for name, pairs := range map[string][]string{
		"nobody": {"token", "x"}, "a wrong secret": {"token", "x", "client_id", "c-bot", "client_secret", "wrong"}, "no secret": {"token", "x", "client_id", "c-bot"},
	} {
		if got := p.revoke(pairs...); got.Status == http.StatusOK {
			t.Errorf("%s: %d", name, got.Status)
		}
	}
}

func TestRevokeIsAcknowledgedWhenItIsOnRecord(t *testing.T) {
	p := newPlant(t, "")
	access := p.own("bot")
	p.h.change(func() { p.h.deaf = errors.New("the disk is full") })
	got := p.revoke(as("c-bot", "token", access)...)
	if got.Status != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "" || p.alive(access) {
		t.Errorf("%d %s, alive %v", got.Status, got.body, p.alive(access))
	}
}
