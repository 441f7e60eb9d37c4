package app

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"toolvault/audit"
	"toolvault/auth"
	"toolvault/cmd/toolvault/internal/config"
	"toolvault/schemas/near"
	"toolvault/vault"
)

// Agent finds an agent that may act.
func (a *App) Agent(id string) (auth.Agent, error) {
	agent, ok := a.Agents.Get(id)
	if !ok {
		var ids []string
		for _, x := range a.Agents.List() {
			ids = append(ids, x.ID)
		}
		switch m := near.Match(id, ids); {
		case m != "":
			return auth.Agent{}, fmt.Errorf("there is no agent %q; did you mean %q?", id, m)
		case len(ids) == 0:
			return auth.Agent{}, fmt.Errorf("there is no agent %q: add it with 'toolvault agent add %s', or name the config file with --config F", id, id)
		}
		return auth.Agent{}, fmt.Errorf("there is no agent %q (there are: %s)", id, strings.Join(ids, ", "))
	}
	if agent.Suspended {
		return auth.Agent{}, fmt.Errorf("agent %s is suspended%s: 'toolvault agent resume %s' lets it in again", id, agent.Why(), id)
	}
	return agent, nil
}

// HasCredentials reports whether any credential is declared for the agent here.
// One that has none may have some in a process with another config.
func (a *App) HasCredentials(agent string) bool {
	return slices.ContainsFunc(a.Vault.Declarations(), func(d vault.Declaration) bool { return d.Owner.Agent == agent })
}

// TokenMinted records that a token was made: for whom, which task, until when.
func (a *App) TokenMinted(ctx context.Context, id auth.Identity) error {
	_, err := a.Log.Append(ctx, typed(audit.Record{
		Phase: audit.PhaseEvent, Event: "token.minted", Outcome: "ok",
		Agent: id.Agent, User: a.Redactor.Text(id.User), Task: id.Task, TokenID: id.TokenID,
		Message: a.Redactor.Text(fmt.Sprintf("token %s for %s, until %s", id.TokenID, id.Grants, id.Expires.UTC().Format(time.RFC3339))),
	}))
	return err
}

// agents are those of a config.
func agents(cfg *config.Config) []auth.Agent {
	var list []auth.Agent
	for _, c := range cfg.Agents {
		list = append(list, auth.Agent{ID: c.ID, Tasks: c.Tasks, Rules: c.Rules, Origin: "config"})
	}
	return list
}
