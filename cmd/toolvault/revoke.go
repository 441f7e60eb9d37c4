package main

import (
	"time"

	"github.com/spf13/cobra"

	"toolvault/cmd/toolvault/internal/app"
)

func agentRevokeCommand() *cobra.Command {
	var p place
	cmd := &cobra.Command{
		Use:   "revoke TOKEN_ID",
		Short: "Void one token, in every process within a second",
		Long: `Voids the token with this id and no other. 'agent token' tells a token's id when
it makes it, and the audit log has it with every call (token_id in 'audit show').
To void all tokens of an agent, suspend it.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.with(cmd, func(a *app.App) error {
				if err := a.Tokens.Revoke(cmd.Context(), args[0], time.Time{}); err != nil {
					return err
				}
				if err := a.Event(cmd.Context(), "token.revoked", "", args[0]); err != nil {
					return err
				}
				say(cmd, "Token %s is void from now on.", args[0])
				return nil
			})
		},
	}
	p.flags(cmd)
	return cmd
}
