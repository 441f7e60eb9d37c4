package main

import (
	"fmt"

	"github.com/spf13/cobra"
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
			a, err := p.open(cmd.Context())
			if err != nil {
				return err
			}
			defer func() { _ = a.Close() }()
			findings, err := a.Check(cmd.Context(), live)
			if err != nil {
				return err
			}
			bad := 0
			var rows [][]string
			for _, f := range findings {
				state := "ok"
				if f.Err != nil {
					state, bad = "FAILED", bad+1
				}
				if o == "json" {
					doc := map[string]any{"what": f.What, "agent": f.Agent, "service": f.Service, "ok": f.Err == nil, "detail": f.Detail}
					if f.Err != nil {
						doc["detail"] = f.Err.Error()
					}
					if err := printJSON(cmd.OutOrStdout(), doc); err != nil {
						return err
					}
					continue
				}
				detail := f.Detail
				if f.Err != nil {
					detail = f.Err.Error()
				}
				rows = append(rows, []string{orDash(f.Agent), orDash(f.Service), f.What, state, detail})
			}
			if o != "json" && len(rows) > 0 {
				if err := printTable(cmd.OutOrStdout(), []string{"AGENT", "SERVICE", "CREDENTIAL", "STATE", "DETAIL"}, rows); err != nil {
					return err
				}
			}
			switch {
			case bad > 0:
				return fmt.Errorf("%d of %d cannot be used", bad, len(findings))
			case len(findings) == 0:
				say(cmd, "The config is valid. It registers no credentials yet (docs/add-a-credential.md).")
			default:
				say(cmd, "All %d can be used.", len(findings))
			}
			return nil
		},
	}
	p.flags(cmd)
	p.sandboxFlag(cmd)
	o.flag(cmd)
	cmd.Flags().BoolVar(&live, "live", false, "ask each service whether it accepts the credential")
	return cmd
}
