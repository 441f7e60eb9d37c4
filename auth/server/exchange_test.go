package server

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"toolvault/auth"
	"toolvault/auth/client"
)

func TestExchangeAChainOfThreeAgents(t *testing.T) {
	p := newPlant(t, "")
	first := p.consent() // alice lets web act as bot
	second := p.mustPass("other", first.Access)
	third := p.pass("third", second, "resource", fixturePublic+ResourcePath, "audience", fixturePublic+ResourcePath)
	if third.Status != http.StatusOK || third.Issued != typeAccess || third.Type != "Bearer" || third.Refresh != "" {
		t.Fatalf("%d %s", third.Status, third.body)
	}
	id := p.who(third.Access)
	if id.Agent != "third" || !slices.Equal(id.Chain, []string{"other", "bot"}) || id.User != "alice" || id.Client != "c-third" {
		t.Errorf("the token is for %+v", id)
	}
	if got := id.Grants.String(); got != "crm:contacts.read" {
		t.Errorf("it grants %q, which is more or less than all three have", got)
	}
	e := p.h.last(Issued)
	if e.Agent != "third" || !slices.Equal(e.Chain, []string{"other", "bot"}) || e.User != "alice" || e.Client != "c-third" || e.TokenID != id.TokenID || e.Grant != client.GrantExchange {
		t.Errorf("the log has %+v", e)
	}
	if id.Grant == "" || id.Grant != p.who(first.Access).Grant {
		t.Error("the consent does not carry over")
	}
}

func TestExchangeEndsWithWhatItCameFrom(t *testing.T) {
	for name, end := range map[string]func(p *plant, first token){
		"an agent in the middle is suspended": func(p *plant, _ token) {
			if err := p.agents.Suspend(t.Context(), "other", ""); err != nil {
				t.Fatal(err)
			}
		},
		"the first agent is suspended": func(p *plant, _ token) {
			if err := p.agents.Suspend(t.Context(), "bot", ""); err != nil {
				t.Fatal(err)
			}
		},
		"the consent is revoked": func(p *plant, first token) {
			if got := p.call(RevokePath, "client_id", "web", "token", first.Refresh); got.Status != http.StatusOK {
				t.Fatal(got.body)
			}
		},
		"the person is voided": func(p *plant, _ token) {
			if err := p.tokens.RevokeUser(t.Context(), "alice"); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlant(t, "")
			first := p.consent()
			last := p.mustPass("third", p.mustPass("other", first.Access))
			if !p.alive(last) {
				t.Fatal("the token is not taken from the beginning")
			}
			end(p, first)
			if p.alive(last) {
				t.Error("the token of the last agent goes on")
			}
			if got := p.pass("fourth", last); got.Status != http.StatusBadRequest {
				t.Errorf("it can be passed on: %d %s", got.Status, got.body)
			}
		})
	}
}

func TestExchangeRefusals(t *testing.T) {
	p := newPlant(t, "")
	expired := p.minted(auth.Request{Agent: "bot", TTL: time.Minute})
	p.h.clock.pass(2 * time.Minute)
	bots := p.own("bot")
	admin := p.call(TokenPath, as("ops", "grant_type", client.GrantOwn, "resource", fixturePublic+AdminPath)...).Access
	refresh := p.consent().Refresh
	bound := p.minted(auth.Request{Agent: "bot", Key: strings.Repeat("k", 43)})
	for name, c := range map[string]struct {
		agent, subject string
		pairs          []string
		want           string // error
	}{
		"delegation that the config does not have": {"third", bots, nil, "invalid_request"},
		"an expired token":                         {"other", expired, nil, "invalid_request"},
		"an administrator's token":                 {"other", admin, nil, "invalid_request"},
		"a refresh token":                          {"other", refresh, nil, "invalid_request"},
		"something else":                           {"other", "x.y.z", nil, "invalid_request"},
		"a bound token without its key":            {"other", bound, nil, "invalid_request"},
		"a bound token with another key":           {"other", bound, []string{"@Dpop", "key:" + strings.Repeat("o", 43)}, "invalid_request"},
		"a foreign audience":                       {"other", bots, []string{"audience", "https://elsewhere.example.com/mcp"}, "invalid_target"},
		"a foreign resource":                       {"other", bots, []string{"resource", "https://elsewhere.example.com/mcp"}, "invalid_target"},
		"ours and a foreign audience":              {"other", bots, []string{"resource", fixturePublic + ResourcePath, "audience", "https://elsewhere.example.com/mcp"}, "invalid_target"},
		"to administer":                            {"other", bots, []string{"resource", fixturePublic + AdminPath}, "invalid_target"},
		"an unknown scope":                         {"other", bots, []string{"scope", "crm:everything"}, "invalid_scope"},
		"a scope that the agent lacks":             {"other", bots, []string{"scope", "slack:chat:write"}, "invalid_scope"},
		"a task that the agent lacks":              {"other", bots, []string{"task", "nothing"}, "invalid_scope"},
		"an ID token wanted":                       {"other", bots, []string{"requested_token_type", "urn:ietf:params:oauth:token-type:id_token"}, "invalid_request"},
		"a refresh token wanted":                   {"other", bots, []string{"requested_token_type", "urn:ietf:params:oauth:token-type:refresh_token"}, "invalid_request"},
		"SAML wanted":                              {"other", bots, []string{"requested_token_type", "urn:ietf:params:oauth:token-type:saml2"}, "invalid_request"},
		"an actor that is another agent":           {"other", bots, []string{"actor_token", bots, "actor_token_type", typeAccess}, "invalid_request"},
		"an actor of no type":                      {"other", bots, []string{"actor_token", p.own("other")}, "invalid_request"},
		"a type of no actor":                       {"other", bots, []string{"actor_token_type", typeAccess}, "invalid_request"},
		"an actor that is no token of ours":        {"other", bots, []string{"actor_token", "x.y.z", "actor_token_type", typeAccess}, "invalid_request"},
		"an actor that acts for somebody":          {"other", bots, []string{"actor_token", p.minted(auth.Request{Agent: "other", User: "alice"}), "actor_token_type", typeAccess}, "invalid_request"},
		"an actor with a chain":                    {"other", bots, []string{"actor_token", p.minted(auth.Request{Agent: "other", Chain: []string{"bot"}}), "actor_token_type", typeAccess}, "invalid_request"},
	} {
		t.Run(name, func(t *testing.T) {
			got := p.pass(c.agent, c.subject, c.pairs...)
			if got.Status != http.StatusBadRequest || got.Error != c.want || got.Access != "" {
				t.Errorf("%d %s, want %s", got.Status, got.body, c.want)
			}
		})
	}
}

func TestExchangeTypesOfSubjects(t *testing.T) {
	p := newPlant(t, "")
	bots := p.own("bot")
	for kind, want := range map[string]int{
		typeAccess: http.StatusOK,
		typeJWT:    http.StatusBadRequest, // a workload's
		"urn:ietf:params:oauth:token-type:id_token":      http.StatusBadRequest,
		"urn:ietf:params:oauth:token-type:refresh_token": http.StatusBadRequest,
		"urn:ietf:params:oauth:token-type:saml2":         http.StatusBadRequest,
		"":                                               http.StatusBadRequest,
	} {
		got := p.call(TokenPath, as("c-other", "grant_type", client.GrantExchange, "subject_token", bots, "subject_token_type", kind)...)
		if got.Status != want || want == http.StatusBadRequest && got.Error != "invalid_request" {
			t.Errorf("%s: %d %s", kind, got.Status, got.body)
		}
	}
	if got := p.call(TokenPath, as("c-other", "grant_type", client.GrantExchange, "subject_token_type", typeAccess)...); got.Error != "invalid_request" {
		t.Error(got.body)
	}
	if got := p.pass("other", bots, "requested_token_type", typeJWT); got.Issued != typeJWT || !p.alive(got.Access) {
		t.Errorf("asked for a JWT: %s", got.body)
	}
	if got := p.pass("other", bots, "actor_token", p.own("other"), "actor_token_type", typeAccess); got.Status != http.StatusOK {
		t.Errorf("with the agent's own token as actor: %s", got.body)
	}
}

func TestExchangeIsForAgentsThatProveWhoTheyAre(t *testing.T) {
	p := newPlant(t, "")
	bots := p.own("bot")
	ask := []string{"grant_type", client.GrantExchange, "subject_token", bots, "subject_token_type", typeAccess}
	for name, c := range map[string]struct {
		pairs  []string
		status int
		want   string
	}{
		"nobody":                           {nil, http.StatusUnauthorized, "invalid_client"},
		"a wrong secret":                   {[]string{"client_id", "c-other", "client_secret", "wrong"}, http.StatusUnauthorized, "invalid_client"},
		"an unknown client":                {[]string{"client_id", "nobody", "client_secret", "s3cret"}, http.StatusUnauthorized, "invalid_client"},
		"an agent that proves nothing":     {[]string{"client_id", "unarmed"}, http.StatusBadRequest, "unauthorized_client"},
		"a client that people use":         {[]string{"client_id", "desk", "client_secret", "s3cret"}, http.StatusBadRequest, "unauthorized_client"},
		"a client that is no agent":        {[]string{"client_id", "nobody's", "client_secret", "s3cret"}, http.StatusBadRequest, "unauthorized_client"},
		"a client for other assertions":    {[]string{"client_id", "app", "client_secret", "s3cret"}, http.StatusBadRequest, "unauthorized_client"},
		"two ways at once":                 {[]string{"client_id", "c-other", "client_secret", "s3cret", "@Authorization", "Basic Yy1vdGhlcjpzM2NyZXQ="}, http.StatusBadRequest, "invalid_request"},
		"an Authorization of another kind": {[]string{"@Authorization", "Bearer " + bots}, http.StatusUnauthorized, "invalid_client"},
	} {
		t.Run(name, func(t *testing.T) {
			got := p.call(TokenPath, append(slices.Clone(ask), c.pairs...)...)
			if got.Status != c.status || got.Error != c.want {
				t.Errorf("%d %s", got.Status, got.body)
			}
		})
	}
}

func TestExchangeMakesNoCycle(t *testing.T) {
	p := newPlant(t, "")
	second := p.mustPass("other", p.own("bot"))
	if got := p.pass("bot", second); got.Status != http.StatusBadRequest || got.Error != "invalid_request" {
		t.Errorf("bot gets its own right back from other: %s", got.body)
	}
}

func TestExchangeEndsAtTheLongestChain(t *testing.T) {
	p := newPlant(t, "")
	access := p.own("bot")
	for _, agent := range chained[1 : auth.MaxChain+1] {
		access = p.mustPass(agent, access)
	}
	if id := p.who(access); len(id.Chain) != auth.MaxChain {
		t.Fatalf("the chain is %v", id.Chain)
	}
	if got := p.pass("sixth", access); got.Status != http.StatusBadRequest || got.Error != "invalid_request" {
		t.Errorf("one more: %s", got.body)
	}
}

func TestExchangeNeverWidens(t *testing.T) {
	p := newPlant(t, "")
	narrow := p.mustPass("bot", p.minted(auth.Request{Agent: "bot", User: "alice", Grants: p.parsed("crm:read-write slack:chat:write"), TTL: 5 * time.Minute, Grant: "consent-1"}),
		"scope", "crm:contacts.read")
	id := p.who(narrow)
	if id.Agent != "bot" || id.User != "alice" || len(id.Chain) != 0 || id.Grants.String() != "crm:contacts.read" || id.Grant != "consent-1" {
		t.Fatalf("narrowed to %+v", id)
	}
	for _, wish := range []string{"", "crm:read-write", "crm:contacts.read crm:contacts.write slack:chat:write", "offline_access"} {
		if got := p.who(p.mustPass("bot", narrow, "scope", wish)).Grants.String(); got != "crm:contacts.read" {
			t.Errorf("asked for %q: %q", wish, got)
		}
	}
	if got := p.pass("bot", narrow, "scope", "slack:chat:write"); got.Error != "invalid_scope" {
		t.Errorf("asked for what it does not have: %s", got.body)
	}
	p.h.clock.pass(4 * time.Minute)
	later := p.pass("bot", narrow)
	if later.In > 60 || p.who(later.Access).Expires.After(id.Expires) {
		t.Errorf("it lives %d s more, and the token that it came from 60", later.In)
	}
	p.h.clock.pass(59*time.Second + 500*time.Millisecond)
	if got := p.pass("bot", narrow); got.Error != "invalid_request" {
		t.Errorf("half a second before its end: %s", got.body)
	}
}

func TestExchangeKeepsATask(t *testing.T) {
	p := newPlant(t, "")
	wide := p.own("bot")
	looking := p.mustPass("bot", wide, "task", "look-up")
	if id := p.who(looking); id.Task != "look-up" || id.Grants.String() != "crm:contacts.read" {
		t.Fatalf("for the task: %+v", id)
	}
	if got := p.pass("bot", looking, "task", "look-again"); got.Error != "invalid_scope" {
		t.Errorf("another task: %s", got.body)
	}
	if id := p.who(p.mustPass("bot", looking)); id.Task != "look-up" {
		t.Errorf("the task is left: %+v", id)
	}
	if id := p.who(p.mustPass("other", looking, "task", "look-again")); id.Task != "look-again" || id.Agent != "other" {
		t.Errorf("another agent's own task: %+v", id)
	}
}

func TestExchangeKeepsTheKey(t *testing.T) {
	p := newPlant(t, "")
	key := strings.Repeat("k", 43)
	bound := p.minted(auth.Request{Agent: "bot", Key: key})
	for _, agent := range []string{"bot", "other"} {
		got := p.pass(agent, bound, "@Dpop", "key:"+key)
		if got.Status != http.StatusOK || got.Type != "DPoP" || p.who(got.Access).Key != key {
			t.Errorf("%s with the key: %s", agent, got.body)
		}
	}
	if got := p.pass("other", p.own("bot"), "@Dpop", "key:"+key); got.Type != "DPoP" {
		t.Errorf("a token that is free is bound where a key is shown: %s", got.body)
	}
	strict := newPlant(t, "", func(o *Options) { o.RequireDPoP = true })
	if got := strict.pass("other", strict.minted(auth.Request{Agent: "bot"})); got.Error != "invalid_dpop_proof" {
		t.Errorf("where keys are required: %s", got.body)
	}
}
