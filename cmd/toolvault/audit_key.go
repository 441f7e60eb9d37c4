package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"toolvault/cmd/toolvault/internal/app"
)

func auditKeyCommand() *cobra.Command {
	var p place
	var rotate bool
	cmd := &cobra.Command{
		Use:   "key",
		Short: "Print the key that the log's signatures are checked with, or rotate it",
		Long: `Prints the verifier key of the log, in the form of C2SP signed notes. It is public:
write it down where nobody who can reach this machine can change it.

With --rotate a new key signs from now on, in every process, and the old one's
secret part is destroyed. The log says so under the signature of the old key:
whoever has written down an older key can still verify with it.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if rotate {
				return p.with(cmd, func(a *app.App) error {
					key, err := a.RotateAuditKey(cmd.Context(), app.Operator())
					if err != nil {
						return err
					}
					say(cmd, "A new key signs the log from now on. Keys that were written down before are still good to verify with.")
					_, err = fmt.Fprintln(cmd.OutOrStdout(), key)
					return err
				})
			}
			e, err := p.evidence(cmd.Context())
			if err != nil {
				return err
			}
			defer func() { _ = e.Close() }()
			key, err := e.Key()
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), key)
			return err
		},
	}
	p.flags(cmd)
	cmd.Flags().BoolVar(&rotate, "rotate", false, "let a new key sign from now on")
	return cmd
}
