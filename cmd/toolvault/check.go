package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"toolvault/cmd/toolvault/internal/app"
)

func checkCommand() *cobra.Command {
	var p place
	var o output
	var live bool
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Check the config, and whether each credential can be used",
		Long: `Reads the config file, and says for each agent and credential whether it can be
resolved: the environment variable is set, the file can be read, the vault has
the record. With --live each service is asked whether it accepts the credential.
Secrets are never printed. The exit code is 1 if anything is wrong.`,
		Example: "  toolvault check --config toolvault.yaml --live",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.with(cmd, func(a *app.App) error {
				findings, err := a.Check(cmd.Context(), live)
				if err != nil {
					return err
				}
				return report(cmd, o, findings)
			})
		},
	}
	p.flags(cmd)
	p.sandboxFlag(cmd)
	o.flag(cmd)
	cmd.Flags().BoolVar(&live, "live", false, "ask each service whether it accepts the credential")
	return cmd
}

// report shows what a check found; anything that cannot be used is an error.
func report(cmd *cobra.Command, o output, findings []app.Finding) error {
	w, bad, used := cmd.OutOrStdout(), 0, 0
	var rows [][]string
	for _, f := range findings {
		state, detail := "ok", f.Detail
		switch {
		case f.Warning:
			state = "warning"
		case f.Err != nil:
			state, detail = "FAILED", f.Err.Error()
			bad++
			used++
		default:
			used++
		}
		if o == "json" {
			if err := printJSON(w, map[string]any{"what": f.What, "agent": f.Agent, "service": f.Service, "state": state, "ok": f.Err == nil, "detail": detail}); err != nil {
				return err
			}
			continue
		}
		rows = append(rows, []string{orDash(f.Agent), orDash(f.Service), f.What, state, detail})
	}
	if len(rows) > 0 {
		if err := printTable(w, []string{"AGENT", "SERVICE", "WHAT", "STATE", "DETAIL"}, rows); err != nil {
			return err
		}
	}
	switch {
	case bad > 0:
		return fmt.Errorf("%d of %d cannot be used", bad, used)
	case used == 0:
		say(cmd, "The config is valid. It registers no credentials yet (docs/add-a-credential.md).")
	default:
		say(cmd, "All %d can be used.", used)
	}
	return nil
}
