package app

import (
	"fmt"
	"strings"

	"toolvault/auth"
	"toolvault/schemas/near"
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
		return auth.Agent{}, fmt.Errorf("agent %s is suspended: 'toolvault agent resume %s' lets it in again", id, id)
	}
	return agent, nil
}
