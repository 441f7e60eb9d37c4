package main

import (
	"github.com/spf13/cobra"

	"toolvault/audit/proof"
)

func auditProveCommand() *cobra.Command {
	var p place
	var o proof.Options
	record := int64(-1)
	cmd := &cobra.Command{
		Use:   "prove {CALL_ID | --record INDEX}",
		Short: "Write a file that proves to anybody what the log has of a call",
		Example: "  toolvault audit prove 01939f2c-… > proof.json\n" +
			"  toolvault audit verify --proof proof.json --key KEY   # anywhere, with nothing but the key",
		Long: `Writes one self-contained JSON file to stdout: the records of the call as they
stand in the log, and for each the proof that the log's signed Merkle tree holds
it. Whoever has the log's public key ('toolvault audit key') can check it without
this machine, on any other: docs/audit-proofs.md says how, also without toolvault.

Where witnesses have cosigned a checkpoint that covers the call, their signatures
go along. With --without-body arguments, result, user and message are left out,
and what remains is proved all the same.

With --record any one record is proved, by its index: also an event, such as the
revocation of a credential.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if byIndex := cmd.Flags().Changed("record"); byIndex == (len(args) == 1) {
				return misuse(cmd, "name one call by its id, or one record by --record INDEX")
			} else if byIndex && record < 0 {
				return misuse(cmd, "--record must be at least 0")
			}
			dir, err := p.auditDir()
			if err != nil {
				return err
			}
			o.Progress = progress(cmd.ErrOrStderr())
			var text []byte
			if record >= 0 {
				text, err = proof.MakeRecord(cmd.Context(), dir, record, o)
			} else {
				text, err = proof.Make(cmd.Context(), dir, args[0], o)
			}
			if err != nil {
				return err
			}
			_, err = cmd.OutOrStdout().Write(text)
			return err
		},
	}
	p.flags(cmd)
	cmd.Flags().BoolVar(&o.WithoutBody, "without-body", false, "leave out arguments, result, user and message")
	cmd.Flags().StringArrayVar(&o.Archives, "archive", nil, "a folder that segments of the log were moved to (can be given again)")
	cmd.Flags().Int64Var(&record, "record", -1, "prove the record with this index instead of a call")
	return cmd
}
