package main

import (
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"toolvault/audit/tile"
	"toolvault/cmd/toolvault/internal/app"
)

func auditArchiveCommand() *cobra.Command {
	var p place
	var to, before string
	cmd := &cobra.Command{
		Use:   "archive --to DIR --before TIME",
		Short: "Move old segments of the log to another folder",
		Long: `Moves the segments of the log whose records are all older than a time to another
folder, which must be there. Each is copied, made durable and compared before it
is removed here, and that it was moved stands in the log. What is left verifies by
itself; with the archive, from the first record on:

  toolvault audit verify --archive DIR

The newest segment always stays.`,
		Example: "  toolvault audit archive --to /mnt/archive/toolvault --before 90d",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if to == "" || before == "" {
				return misuse(cmd, "say where to and what: --to DIR and --before TIME")
			}
			at, err := parseTime(before, time.Now())
			if err != nil {
				return misuse(cmd, "--before: %w", err)
			}
			if to, err = filepath.Abs(to); err != nil {
				return fmt.Errorf("--to: %w", err)
			}
			return p.with(cmd, func(a *app.App) error {
				// Made while all records are here: what is moved can be proved by them.
				if _, err := tile.Open(cmd.Context(), a.Log.Dir(), nil); err != nil {
					return err
				}
				moved, err := a.Log.Archive(cmd.Context(), to, at, app.Operator())
				if err != nil {
					return err
				}
				if moved.End == moved.First {
					say(cmd, "No full segment of the log is that old: nothing was moved.")
					return nil
				}
				say(cmd, "Moved records %d to %d to %s. Verify them there with: toolvault audit verify --archive %[3]s", moved.First, moved.End-1, to)
				return nil
			})
		},
	}
	p.flags(cmd)
	cmd.Flags().StringVar(&to, "to", "", "the folder, on another disk as a rule")
	cmd.Flags().StringVar(&before, "before", "", `older than that: "90d", or 2026-11-24`)
	return cmd
}
