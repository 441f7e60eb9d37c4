package main

import (
	"time"

	"github.com/spf13/cobra"

	"toolvault/cmd/toolvault/internal/app"
	"toolvault/tools/limits"
)

func agentLimitsCommand() *cobra.Command {
	var p place
	var o output
	cmd := &cobra.Command{
		Use:   "limits ID",
		Short: "Show the limits of an agent, and how much of each is used",
		Example: "  toolvault agent limits support-agent-1 --config toolvault.yaml\n" +
			"  toolvault agent limits support-agent-1 --config toolvault.yaml -o json",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.with(cmd, func(a *app.App) error {
				if _, err := a.Agents.Lookup(args[0]); err != nil {
					return err
				}
				all, err := a.Budgets.Standing(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				return printLimits(cmd, o, args[0], all)
			})
		},
	}
	p.flags(cmd)
	o.flag(cmd)
	return cmd
}

func printLimits(cmd *cobra.Command, o output, agent string, all []limits.Standing) error {
	if o == "json" {
		for _, s := range all {
			if err := printJSON(cmd.OutOrStdout(), map[string]any{
				"agent": agent, "kind": s.Limit.Kind, "per": s.Limit.Per, "service": s.Limit.Service, "tool": s.Limit.Tool,
				"max": s.Limit.Max, "used": s.Used, "left": s.Left, "resets": s.Reset.Format(time.RFC3339),
			}); err != nil {
				return err
			}
		}
		return nil
	}
	if len(all) == 0 {
		say(cmd, "Agent %s has no limits. Set some under limits in the config file (docs/budgets.md).", agent)
		return nil
	}
	var rows [][]string
	for _, s := range all {
		rows = append(rows, []string{s.Limit.String(), s.Limit.Amount(s.Used), s.Limit.Amount(s.Left), s.Reset.Format(time.RFC3339)})
	}
	return printTable(cmd.OutOrStdout(), []string{"LIMIT", "USED", "LEFT", "RESETS"}, rows)
}
