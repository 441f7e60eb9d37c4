package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"toolvault/auth"
	"toolvault/auth/scope"
	"toolvault/cmd/toolvault/internal/app"
)

func agentCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "agent", Short: "Add, list and stop agents, and make tokens for them", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	cmd.AddCommand(
		agentAddCommand(), agentListCommand(), agentTokenCommand(),
		agentChangeCommand("suspend", "Stop an agent at once, in every process", "agent.suspended",
			"Agent %s is suspended: its tokens are refused from now on. 'toolvault agent resume %[1]s' lets it in again.",
			func(cmd *cobra.Command, a *app.App, id string) error { return a.Agents.Suspend(cmd.Context(), id) }),
		agentChangeCommand("resume", "Let a suspended agent in again", "agent.resumed",
			"Agent %s may act again.",
			func(cmd *cobra.Command, a *app.App, id string) error { return a.Agents.Resume(cmd.Context(), id) }),
		agentChangeCommand("remove", "Remove an agent that 'agent add' added", "agent.removed",
			"Agent %s is removed: its tokens are refused from now on.",
			func(cmd *cobra.Command, a *app.App, id string) error { return a.Agents.Remove(cmd.Context(), id) }),
	)
	return cmd
}

func agentAddCommand() *cobra.Command {
	return agentChangeCommand("add", "Add an agent", "agent.added",
		"Agent %s is added. It has no credentials yet: register them in a config file (docs/add-a-credential.md).",
		func(cmd *cobra.Command, a *app.App, id string) error { return a.Agents.Add(cmd.Context(), id) })
}

// agentChangeCommand is one change of an agent's state: done, recorded, told.
func agentChangeCommand(verb, short, event, done string, change func(*cobra.Command, *app.App, string) error) *cobra.Command {
	var p place
	cmd := &cobra.Command{
		Use:   verb + " ID",
		Short: short,
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.with(cmd, func(a *app.App) error {
				if err := change(cmd, a, args[0]); err != nil {
					return err
				}
				if err := a.Event(cmd.Context(), event, args[0], ""); err != nil {
					return err
				}
				say(cmd, done, args[0])
				return nil
			})
		},
	}
	p.flags(cmd)
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

func agentTokenCommand() *cobra.Command {
	var p place
	var task, scopes, user, listen string
	var ttl time.Duration
	cmd := &cobra.Command{
		Use:   "token ID",
		Short: "Make an access token for an agent",
		Long: `Prints one token on stdout, and nothing else; what it allows is told on stderr.
Without --scope it allows all that the agent's credentials allow; a task cuts it
to what the task needs.`,
		Example: "  toolvault agent token support-agent-1 --ttl 15m\n  toolvault agent token support-agent-1 --scope 'slack:chat:write hubspot:contacts.read'",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.with(cmd, func(a *app.App) error {
				agent, err := a.Agent(args[0])
				if err != nil {
					return err
				}
				grants, err := a.Grants(agent.ID)
				if err != nil {
					return err
				}
				if scopes != "" {
					asked, err := app.Catalogs().ParseGrants(scopes)
					if err != nil {
						return misuse(cmd, "--scope: %w", nearScope(err))
					}
					if grants = grants.Intersect(asked); len(grants) == 0 {
						return fmt.Errorf("the credentials of agent %s allow none of %q", agent.ID, scopes)
					}
				}
				token, id, err := a.Tokens.Mint(cmd.Context(), auth.Request{Agent: agent.ID, User: user, Task: task, Grants: grants, TTL: ttl})
				if err != nil {
					return err
				}
				if err := a.Event(cmd.Context(), "token.minted", agent.ID, fmt.Sprintf("token %s for %s, until %s", id.TokenID, id.Grants, id.Expires.UTC().Format(time.RFC3339))); err != nil {
					return err
				}
				say(cmd, "Token for agent %s at %s/mcp, until %s; it allows: %s", agent.ID, a.PublicURL(), shortTime(id.Expires), id.Grants)
				_, err = fmt.Fprintln(cmd.OutOrStdout(), token)
				return err
			}, func(o *app.Options) { o.Listen = listen })
		},
	}
	p.flags(cmd)
	p.sandboxFlag(cmd)
	cmd.Flags().StringVar(&task, "task", "", "cut the token to what this task of the agent needs")
	cmd.Flags().StringVar(&scopes, "scope", "", `cut the token to these scopes: "slack:chat:write hubspot:read-only"`)
	cmd.Flags().StringVar(&user, "user", "", "the person that the agent acts for")
	cmd.Flags().DurationVar(&ttl, "ttl", time.Hour, "how long the token is good for, at most 24h")
	cmd.Flags().StringVar(&listen, "listen", "", "the server's address, if it was started with --listen")
	return cmd
}

// nearScope adds what the service has to the error about a scope that it has not.
func nearScope(err error) error {
	if u, ok := err.(*scope.UnknownError); ok {
		return fmt.Errorf("%w; it has: %s", err, strings.Join(app.Catalogs()[u.Service].Names(), ", "))
	}
	return err
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
			if err := printJSON(cmd.OutOrStdout(), map[string]any{
				"id": agent.ID, "state": state, "from": agent.Origin, "services": services, "tasks": slices.Sorted(maps.Keys(agent.Tasks)),
			}); err != nil {
				return err
			}
			continue
		}
		rows = append(rows, []string{agent.ID, state, agent.Origin, orDash(strings.Join(slices.Sorted(maps.Keys(services)), " "))})
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
