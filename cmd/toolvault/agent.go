package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"toolvault/auth"
	"toolvault/auth/client"
	"toolvault/cmd/toolvault/internal/app"
)

func agentCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "agent", Short: "Add, list and stop agents, and make tokens for them", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	cmd.AddCommand(
		agentAddCommand(), agentListCommand(), agentLimitsCommand(), agentTokenCommand(), agentRevokeCommand(),
		agentChangeCommand(agentChange{
			verb: "suspend", short: "Stop an agent at once, in every process", event: "agent.suspended",
			done:      "Agent %s is suspended: its tokens are refused from now on. 'toolvault agent resume %[1]s' lets it in again.",
			elsewhere: "This process knows no agent %s%s; if some config has it, it is suspended from now on. 'toolvault agent resume %[1]s' lets it in again.",
			reason:    true,
			do:        (*auth.Agents).Suspend,
		}),
		agentChangeCommand(agentChange{
			verb: "resume", short: "Let a suspended agent in again", event: "agent.resumed",
			done:      "Agent %s may act again.",
			elsewhere: "This process knows no agent %s%s; if some config has it, it may act again.",
			do:        withoutReason((*auth.Agents).Resume),
		}),
		agentChangeCommand(agentChange{
			verb: "remove", short: "Remove an agent that 'agent add' added, or the sandbox's", event: "agent.removed",
			done: "Agent %s is removed: its tokens are refused from now on.",
			do:   withoutReason((*auth.Agents).Remove),
		}),
	)
	return cmd
}

func agentAddCommand() *cobra.Command {
	var key string
	var keys client.KeySet
	cmd := agentChangeCommand(agentChange{
		verb: "add", short: "Add an agent, or give a program that is one its public key", event: "agent.added",
		done: "Agent %s is added. It has no credentials yet: register them in a config file (docs/add-a-credential.md).",
		do: func(agents *auth.Agents, ctx context.Context, id, _ string) error {
			if _, known := agents.Get(id); known && key != "" {
				return nil // of the config, or added before: it gets the key
			}
			return agents.Add(ctx, id)
		},
		after: func(cmd *cobra.Command, a *app.App, id string) error {
			if key == "" {
				return nil
			}
			err := a.Clients.Add(cmd.Context(), client.Client{ID: id, Agent: id, Auth: client.AuthKey, Keys: keys, Grants: client.AgentGrants()})
			if err != nil {
				return err
			}
			say(cmd, "The program that has the private key gets tokens at %s/oauth/token (client_credentials, private_key_jwt) as client %s.", a.PublicURL(), id)
			return nil
		},
	})
	cmd.Flags().StringVar(&key, "key", "", "file with the public keys of the program that is the agent, PEM or JWK(S)")
	cmd.Example = "  toolvault agent add support-agent-1\n  toolvault agent add support-agent-1 --key agent.pub.pem"
	cmd.PreRunE = func(*cobra.Command, []string) (err error) {
		if key != "" {
			keys, err = keysOf(key)
		}
		return err
	}
	return cmd
}

// agentChange is one change of an agent's state: done, recorded, told.
type agentChange struct {
	verb, short, event string
	done               string // what is said; %s is the agent
	elsewhere          string // what is said if this process does not know the agent; the second %s may name one that is meant
	reason             bool   // it can have one
	do                 func(agents *auth.Agents, ctx context.Context, id, reason string) error
	after              func(*cobra.Command, *app.App, string) error // what else is done, once it is recorded; nil: nothing
}

func withoutReason(do func(*auth.Agents, context.Context, string) error) func(*auth.Agents, context.Context, string, string) error {
	return func(agents *auth.Agents, ctx context.Context, id, _ string) error { return do(agents, ctx, id) }
}

func agentChangeCommand(c agentChange) *cobra.Command {
	var p place
	var reason string
	cmd := &cobra.Command{
		Use:   c.verb + " ID",
		Short: c.short,
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			id := args[0]
			return p.with(cmd, func(a *app.App) error {
				reason := a.Redactor.Text(reason)
				if err := c.do(a.Agents, cmd.Context(), id, reason); err != nil {
					return err
				}
				if err := a.Event(cmd.Context(), c.event, id, reason); err != nil {
					return err
				}
				var unknown *auth.UnknownAgentError
				if _, err := a.Agents.Lookup(id); c.elsewhere != "" && errors.As(err, &unknown) {
					meant := ""
					if unknown.Near != "" {
						meant = fmt.Sprintf(" (did you mean %q?)", unknown.Near)
					}
					say(cmd, c.elsewhere, id, meant)
					return nil
				}
				say(cmd, c.done, id)
				if c.after != nil {
					return c.after(cmd, a, id)
				}
				return nil
			})
		},
	}
	p.flags(cmd)
	if c.reason {
		cmd.Flags().StringVar(&reason, "reason", "", "why, for the record; shown to whoever asks, the agent too")
		cmd.Example = "  toolvault agent " + c.verb + ` support-agent-1 --reason "its laptop was stolen"`
	}
	return cmd
}

func agentListCommand() *cobra.Command {
	var p place
	var o output
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List agents",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.with(cmd, func(a *app.App) error {
				return printAgents(cmd, o, a)
			})
		},
	}
	p.flags(cmd)
	o.flag(cmd)
	return cmd
}

func printAgents(cmd *cobra.Command, o output, a *app.App) error {
	var rows [][]string
	for _, agent := range a.Agents.List() {
		state := "active"
		if agent.Suspended {
			state = "suspended"
		}
		services := map[string]string{}
		for _, d := range a.Vault.Declarations() {
			if d.Owner.Agent == agent.ID {
				services[d.Service] = d.Scope.String()
			}
		}
		if o == "json" {
			line := map[string]any{
				"id": agent.ID, "state": state, "from": agent.Origin, "services": services, "tasks": slices.Sorted(maps.Keys(agent.Tasks)),
			}
			if agent.Reason != "" {
				line["reason"] = agent.Reason
			}
			if err := printJSON(cmd.OutOrStdout(), line); err != nil {
				return err
			}
			continue
		}
		rows = append(rows, []string{agent.ID, because(state, agent.Reason), agent.Origin, orDash(strings.Join(slices.Sorted(maps.Keys(services)), " "))})
	}
	for _, agent := range a.Agents.Suspended() {
		if o == "json" {
			line := map[string]any{"id": agent.ID, "state": "suspended", "from": "unknown", "services": map[string]string{}, "tasks": []string{}}
			if agent.Reason != "" {
				line["reason"] = agent.Reason
			}
			if err := printJSON(cmd.OutOrStdout(), line); err != nil {
				return err
			}
			continue
		}
		rows = append(rows, []string{agent.ID, because("suspended", agent.Reason), "not known here", "-"})
	}
	if o == "json" {
		return nil
	}
	if len(rows) == 0 {
		say(cmd, "There is no agent yet. Add one with 'toolvault agent add ID', or in a config file.")
		return nil
	}
	return printTable(cmd.OutOrStdout(), []string{"AGENT", "STATE", "FROM", "CREDENTIALS"}, rows)
}

// because is a state with why it is so.
func because(state, reason string) string {
	if reason == "" {
		return state
	}
	return state + ": " + cell(reason, 60)
}
