package main

import (
	"errors"

	"github.com/spf13/cobra"

	"toolvault/audit"
)

func auditCheckpointCommand() *cobra.Command {
	var p place
	cmd := &cobra.Command{
		Use:     "checkpoint",
		Short:   "Print the newest signed checkpoint: a commitment to every record so far",
		Example: "  toolvault audit checkpoint > /somewhere/else/checkpoint\n  toolvault audit verify --since /somewhere/else/checkpoint   # later",
		Long: `Prints the newest checkpoint of the log, a C2SP signed note: the log's name, the
number of its records, the root of its Merkle tree, and the signature. It tells
nothing of what is in them. Keep it where whoever runs this machine cannot change
it; 'toolvault audit verify --since' later proves that the log still holds every
record that it had then.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := p.auditDir()
			if err != nil {
				return err
			}
			_, note, err := audit.Newest(dir)
			if err != nil {
				return err
			}
			if note == nil {
				return errors.New("the log is empty: it has no checkpoint yet")
			}
			_, err = cmd.OutOrStdout().Write(note)
			return err
		},
	}
	p.flags(cmd)
	return cmd
}
