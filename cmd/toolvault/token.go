package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"toolvault/auth"
	"toolvault/auth/scope"
	"toolvault/cmd/toolvault/internal/app"
	"toolvault/schemas/near"
	"toolvault/vault"
)

func agentTokenCommand() *cobra.Command {
	var p place
	var t tokenRequest
	var listen string
	cmd := &cobra.Command{
		Use:   "token ID",
		Short: "Make an access token for an agent",
		Long: `Prints one token on stdout, and nothing else; what it allows is told on stderr.
Without --scope it allows all that the agent's credentials allow; a task cuts it
to what the task needs. A scope may name one of several accounts of its service,
as slack@emea:chat:write does: then the token is good for that account alone.`,
		Example: "  toolvault agent token support-agent-1 --ttl 15m\n  toolvault agent token support-agent-1 --scope 'slack:chat:write hubspot:contacts.read'",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := t.check(cmd); err != nil {
				return err
			}
			return p.with(cmd, func(a *app.App) error {
				agent, err := a.Agent(args[0])
				if err != nil {
					return err
				}
				return t.mint(cmd, a, agent)
			}, func(o *app.Options) { o.Listen = listen })
		},
	}
	p.flags(cmd)
	p.sandboxFlag(cmd)
	cmd.Flags().StringVar(&t.task, "task", "", "cut the token to what this task of the agent needs")
	cmd.Flags().StringVar(&t.scopes, "scope", "", `cut the token to these scopes: "slack:chat:write hubspot:read-only"`)
	cmd.Flags().StringVar(&t.user, "user", "", "the person that the agent acts for")
	cmd.Flags().DurationVar(&t.ttl, "ttl", auth.DefaultTTL, "how long the token is good for, at most 24h")
	cmd.Flags().StringVar(&listen, "listen", "", "the server's address, if it was started with --listen")
	return cmd
}

// tokenRequest is what the flags of "agent token" ask for.
type tokenRequest struct {
	task, scopes, user string
	ttl                time.Duration
	asked              scope.Grants // scopes, read; nil without --scope
}

// check refuses what no agent could get. A flag that is there and empty is a
// variable that was not set, not a wish for everything.
func (t *tokenRequest) check(cmd *cobra.Command) (err error) {
	if err := auth.CheckTTL(t.ttl); err != nil {
		return misuse(cmd, "--ttl: %w", err)
	}
	for _, flag := range []string{"scope", "task"} {
		if f := cmd.Flags().Lookup(flag); f.Changed && strings.TrimSpace(f.Value.String()) == "" {
			return misuse(cmd, "--%s is empty: name one, or leave --%s out", flag, flag)
		}
	}
	if t.scopes != "" {
		if t.asked, err = app.Catalogs().ParseGrants(t.scopes); err != nil {
			return misuse(cmd, "--scope: %w", nearScope(err))
		}
	}
	return nil
}

func (t *tokenRequest) mint(cmd *cobra.Command, a *app.App, agent auth.Agent) error {
	grants, err := t.grants(cmd, a, agent)
	if err != nil {
		return err
	}
	token, id, err := a.Tokens.Mint(cmd.Context(), auth.Request{Agent: agent.ID, User: t.user, Task: t.task, Grants: grants, TTL: t.ttl})
	if err != nil {
		return err
	}
	if err := a.TokenMinted(cmd.Context(), id); err != nil {
		return err
	}
	allows := "it allows: " + id.Grants.String()
	switch known := a.HasCredentials(agent.ID); {
	case !known && t.asked == nil && t.task == "":
		allows = "it allows whatever credentials the agent has where it is used"
	case !known:
		allows = "it allows, as far as the agent has credentials where it is used: " + id.Grants.String()
	}
	say(cmd, "Token for agent %s at %s/mcp, until %s; %s", agent.ID, a.PublicURL(), shortTime(id.Expires), allows)
	say(cmd, "To void it: toolvault agent revoke %s", id.TokenID)
	_, err = fmt.Fprintln(cmd.OutOrStdout(), token)
	return err
}

// grants is what the token will be made of. What was asked for and cannot be had
// is told; if nothing is left, that is an error.
func (t *tokenRequest) grants(cmd *cobra.Command, a *app.App, agent auth.Agent) (scope.Grants, error) {
	grants, err := a.Grants(agent.ID, t.user)
	if err != nil {
		return nil, err
	}
	switch {
	case grants.String() != "":
	case t.user == "":
		return nil, fmt.Errorf("agent %s has credentials of persons only: name the one that it acts for, with --user", agent.ID)
	default:
		return nil, fmt.Errorf("agent %s has no credential that a call for %q can be made with: they are other people's", agent.ID, t.user)
	}
	task, hasTask := agent.Tasks[t.task]
	if hasTask {
		if grants.Intersect(task).String() == "" {
			return nil, fmt.Errorf("the credentials of agent %s grant nothing of task %s: it needs %s", agent.ID, t.task, task)
		}
		leftOut(cmd, task.Missing(grants), fmt.Sprintf("task %s needs it and the agent's credentials do not grant it", t.task))
	}
	if t.asked == nil {
		return grants, nil
	}
	if err := t.checkAccounts(a, agent.ID); err != nil {
		return nil, err
	}
	asked := grants.Intersect(t.asked)
	if asked.String() == "" {
		return nil, fmt.Errorf("--scope: the credentials of agent %s do not grant %s: they grant %s", agent.ID, strings.Join(t.asked.Missing(grants), ", "), grants)
	}
	leftOut(cmd, t.asked.Missing(grants), "the agent's credentials do not grant it")
	if hasTask {
		leftOut(cmd, asked.Missing(task), fmt.Sprintf("task %s does not need it", t.task))
	}
	return asked, nil
}

// checkAccounts refuses a wish for an account that the agent does not have, as far
// as that is known here: such a token would be good for nothing.
func (t *tokenRequest) checkAccounts(a *app.App, agent string) error {
	for _, service := range slices.Sorted(maps.Keys(t.asked)) {
		account := t.asked.Account(service)
		names := a.Vault.Accounts(vault.Owner{Agent: agent, User: t.user}, service)
		if account == "" || slices.Contains(names, account) || !a.HasCredentials(agent) {
			continue
		}
		switch meant := near.Match(account, names); {
		case meant != "":
			return fmt.Errorf("--scope: agent %s has no account %q of %s; did you mean %q?", agent, account, service, meant)
		case len(names) == 0:
			return fmt.Errorf("--scope: agent %s has no account %q of %s: its credentials there name no account", agent, account, service)
		}
		return fmt.Errorf("--scope: agent %s has no account %q of %s: it has %s", agent, account, service, strings.Join(names, ", "))
	}
	return nil
}

// leftOut tells what of a wish will not be in the token.
func leftOut(cmd *cobra.Command, missing []string, why string) {
	if len(missing) > 0 {
		say(cmd, "Not in the token, or not all of it, because %s: %s", why, strings.Join(missing, ", "))
	}
}

// nearScope adds to the error about a scope or service that there is not which
// one may be meant, or which there are.
func nearScope(err error) error {
	catalogs := app.Catalogs()
	var noScope *scope.UnknownError
	var noService *scope.UnknownServiceError
	switch {
	case errors.As(err, &noScope):
		c := catalogs[noScope.Service]
		if meant := near.Match(noScope.Word, c.Spellings()); meant != "" {
			return fmt.Errorf("%w; did you mean %q?", err, noScope.Service+":"+meant)
		}
		names := append([]string{scope.ReadOnly, scope.ReadWrite}, c.Names()...)
		if more := len(names) - 8; more > 0 {
			names = append(names[:8:8], fmt.Sprintf("and %d more", more))
		}
		return fmt.Errorf("%w; it has: %s", err, strings.Join(names, ", "))
	case errors.As(err, &noService):
		services := slices.Sorted(maps.Keys(catalogs))
		if meant := near.Match(noService.Service, services); meant != "" {
			return fmt.Errorf("%w; did you mean %q?", err, meant)
		}
		return fmt.Errorf("%w: write SERVICE:SCOPE, such as slack:chat:write; the services are %s", err, strings.Join(services, ", "))
	}
	return err
}
