package config

import (
	"testing"

	"toolvault/vault"
)

const twoAccounts = `
agents:
  - agentId: a
    credentials:
      - { service: hubspot, type: service_token, source: "env:H1", scope: read-only, account: emea }
      - { service: hubspot, type: oauth_token, source: "vault:hubspot/us", scope: contacts.read, account: us }
      - { service: hubspot, type: service_token, source: "env:H3", scope: read-only, account: emea, user: alice }
      - { service: hubspot, type: service_token, source: "env:H4", scope: deals.read, account: emea, user: alice, id: deals }
      - { service: slack, type: service_token, source: "env:S", scope: read-write }
    tasks:
      weekly: "hubspot@emea:contacts.read hubspot@emea:deals.read slack:chat:write"
  - agentId: b
    credentials:
      - { service: hubspot, type: service_token, source: "env:H5", scope: read-only }
`

func TestAccountsHaveTheirNamesInTheConfig(t *testing.T) {
	c, err := Parse("toolvault.yaml", []byte(twoAccounts), known())
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []vault.Declaration{
		{ID: "hubspot/a/emea", Account: "emea"},
		{ID: "hubspot/us", Account: "us"},
		{ID: "hubspot/a/alice/emea", Account: "emea"},
		{ID: "deals", Account: "emea"},
		{ID: "slack/a"},
	} {
		if got := c.Agents[0].Credentials[i]; got.ID != want.ID || got.Account != want.Account {
			t.Errorf("credential %d is %q of the account %q, want %q of %q", i, got.ID, got.Account, want.ID, want.Account)
		}
	}
	weekly := c.Agents[0].Tasks["weekly"]
	if got := weekly.Account("hubspot"); got != "emea" {
		t.Errorf("the task is for the account %q", got)
	}
	if got := weekly.Account("slack"); got != "" {
		t.Errorf("the task is for the account %q of Slack", got)
	}
}

// What two declarations are called is what caches are kept apart by, and what the
// log says: no two users have it in common.
func TestNoIDStandsForTwoUsers(t *testing.T) {
	const text = `
agents:
  - agentId: a
    credentials:
      - { service: slack, type: service_token, source: "env:S", scope: read-only }
      - { service: slack, type: service_token, source: "env:S", scope: read-only, user: alice }
      - { service: slack, type: service_token, source: "env:S", scope: read-only, user: bob }
      - { service: hubspot, type: service_token, source: "env:S", scope: read-only, account: alice }
      - { service: hubspot, type: service_token, source: "env:S", scope: read-only, account: alice, user: alice }
      - { service: hubspot, type: service_token, source: "env:S", scope: read-only, account: alice, user: bob }
`
	c, err := Parse("toolvault.yaml", []byte(text), known())
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]vault.Owner{}
	for _, d := range c.Agents[0].Credentials {
		if other, ok := ids[d.ID]; ok {
			t.Errorf("%+v and %+v are both called %s", other, d.Owner, d.ID)
		}
		ids[d.ID] = d.Owner
	}
}
