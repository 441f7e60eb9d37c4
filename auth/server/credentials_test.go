package server

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"toolvault/auth"
	"toolvault/auth/client"
	"toolvault/vault/store"
)

func TestCredentialsOfAnAgent(t *testing.T) {
	p := newPlant(t, "")
	got := p.call(TokenPath, as("c-bot", "grant_type", client.GrantOwn, "scope", "crm:contacts.read", "resource", fixturePublic+ResourcePath)...)
	if got.Status != http.StatusOK || got.Type != "Bearer" || got.In != int64(DefaultTTL.Seconds()) || got.Refresh != "" || got.Scope != "crm:contacts.read" {
		t.Fatalf("%d %s", got.Status, got.body)
	}
	if got.header.Get("Cache-Control") != "no-store" {
		t.Error("it may be kept by a cache")
	}
	id := p.who(got.Access)
	if id.Agent != "bot" || id.User != "" || id.Client != "c-bot" || len(id.Chain) != 0 {
		t.Errorf("%+v", id)
	}
	if e := p.h.last(Issued); e.Agent != "bot" || e.Client != "c-bot" || e.TokenID != id.TokenID || e.Scope != "crm:contacts.read" || e.Grant != client.GrantOwn || e.Address == "" {
		t.Errorf("the log has %+v", e)
	}
	if strings.Contains(p.h.all(), got.Access) {
		t.Error("the log has the token")
	}
	if id := p.who(p.own("bot", "task", "look-up")); id.Task != "look-up" || id.Grants.String() != "crm:contacts.read" {
		t.Errorf("for a task: %+v", id)
	}
	if id := p.who(p.own("bot", "scope", "crm:read-write")); id.Grants.String() != "crm:read-write" {
		t.Errorf("all that there is of a service: %s", id.Grants)
	}
	if got := p.who(p.own("other", "scope", "crm:read-write")).Grants.String(); strings.Contains(got, "write") {
		t.Errorf("more than the agent has: %s", got)
	}
}

func TestCredentialsRefusals(t *testing.T) {
	p := newPlant(t, "")
	for name, c := range map[string]struct {
		pairs  []string
		status int
		want   string
	}{
		"a client that is no agent":   {as("ops"), http.StatusBadRequest, "unauthorized_client"},
		"a client that people use":    {as("desk"), http.StatusBadRequest, "unauthorized_client"},
		"a client that proves naught": {[]string{"client_id", "web"}, http.StatusBadRequest, "unauthorized_client"},
		"a wrong secret":              {[]string{"client_id", "c-bot", "client_secret", "wrong"}, http.StatusUnauthorized, "invalid_client"},
		"no secret":                   {[]string{"client_id", "c-bot"}, http.StatusUnauthorized, "invalid_client"},
		"an unknown client":           {[]string{"client_id", "nobody", "client_secret", "s3cret"}, http.StatusUnauthorized, "invalid_client"},
		"an agent, to administer":     {as("c-bot", "resource", fixturePublic+AdminPath), http.StatusBadRequest, "invalid_scope"},
		"another resource":            {as("c-bot", "resource", "https://elsewhere.example.com/mcp"), http.StatusBadRequest, "invalid_target"},
		"a scope that is not ours":    {as("c-bot", "scope", "crm:everything"), http.StatusBadRequest, "invalid_scope"},
		"an administrator's scope":    {as("c-bot", "scope", auth.ScopeAgents), http.StatusBadRequest, "invalid_scope"},
		"a scope of another agent":    {as("c-other", "scope", "slack:chat:write"), http.StatusBadRequest, "invalid_scope"},
		"a task that it has not":      {as("c-bot", "task", "nothing"), http.StatusBadRequest, "invalid_scope"},
		"a bad proof":                 {as("c-bot", "@Dpop", "unsigned"), http.StatusBadRequest, "invalid_dpop_proof"},
	} {
		t.Run(name, func(t *testing.T) {
			got := p.call(TokenPath, append([]string{"grant_type", client.GrantOwn}, c.pairs...)...)
			if got.Status != c.status || got.Error != c.want || got.Access != "" || got.Description == "" {
				t.Errorf("%d %s, want %d %s", got.Status, got.body, c.status, c.want)
			}
			if c.status == http.StatusUnauthorized && got.header.Get("WWW-Authenticate") == "" {
				t.Error("no WWW-Authenticate")
			}
		})
	}
	a, b := p.call(TokenPath, "grant_type", client.GrantOwn, "client_id", "c-bot", "client_secret", "wrong"), p.call(TokenPath, "grant_type", client.GrantOwn, "client_id", "nobody", "client_secret", "wrong")
	if a.body != b.body || a.Status != b.Status {
		t.Errorf("an unknown client can be told from a wrong secret: %s and %s", a.body, b.body)
	}
	if err := p.agents.Suspend(t.Context(), "bot", ""); err != nil {
		t.Fatal(err)
	}
	if got := p.call(TokenPath, as("c-bot", "grant_type", client.GrantOwn)...); got.Error != "invalid_grant" {
		t.Errorf("of a suspended agent: %s", got.body)
	}
}

func TestCredentialsOfAnAdministrator(t *testing.T) {
	p := newPlant(t, "")
	got := p.call(TokenPath, as("ops", "grant_type", client.GrantOwn, "resource", fixturePublic+AdminPath, "scope", auth.ScopeAudit)...)
	a, err := p.tokens.AuthenticateAdmin(t.Context(), got.Access)
	if err != nil || a.Name != "ops" || strings.Join(a.Scopes, " ") != auth.ScopeAudit {
		t.Errorf("%+v, %v: %s", a, err, got.body)
	}
	if p.alive(got.Access) {
		t.Error("an administrator's token calls tools")
	}
	if _, err := p.tokens.AuthenticateAdmin(t.Context(), p.own("bot")); err == nil {
		t.Error("an agent's token administers")
	}
	if e := p.h.last(Issued); e.Admin != "" && e.Agent != "" {
		t.Errorf("the log has %+v", e)
	}
}

func TestCredentialsNothingIsIssuedThatCannotBeRecorded(t *testing.T) {
	p := newPlant(t, "")
	p.h.change(func() { p.h.deaf = errors.New("the disk is full") })
	got := p.call(TokenPath, as("c-bot", "grant_type", client.GrantOwn)...)
	if got.Status != http.StatusServiceUnavailable || got.Access != "" || got.header.Get("Retry-After") == "" || strings.Contains(got.body, "disk") {
		t.Errorf("%d %s", got.Status, got.body)
	}
	p.h.change(func() { p.h.deaf, p.h.away = nil, store.ErrUnavailable })
	if got := p.call(TokenPath, as("c-bot", "grant_type", client.GrantOwn)...); got.Status != http.StatusServiceUnavailable {
		t.Errorf("while clients cannot be looked up: %d %s", got.Status, got.body)
	}
}
