package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"toolvault/audit/tile"
)

func auditTilesCommand() *cobra.Command {
	var p place
	var o output
	cmd := &cobra.Command{
		Use:   "tiles DIR",
		Short: "Write the log as a static tiled log, for a web server or a mirror",
		Long: `Writes the log into DIR in the layout of C2SP tlog-tiles: the newest signed
checkpoint, the hash tiles, and the entries, which are the records without
arguments, result, user and message. Any static web server can serve it, and
others' tools can read, mirror and check it.

What is there already is only brought up to date, so run it from a timer. What the
checkpoint in DIR covers is taken to be whole: to have all of it written again,
remove that checkpoint.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, err := p.auditDir()
			if err != nil {
				return err
			}
			done, err := tile.Export(cmd.Context(), dir, args[0], progress(cmd.ErrOrStderr()))
			if err != nil {
				return err
			}
			if done.Missing > 0 {
				say(cmd, "%d bundles of entries cannot be written: their records were moved away. The tree is whole without them.", done.Missing)
			}
			if o == "json" {
				return printJSON(cmd.OutOrStdout(), done)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s is a tiled log of %d records; %d tiles and %d bundles of entries are new.\n", cell(args[0], 0), done.Records, done.Tiles, done.Bundles)
			return err
		},
	}
	p.flags(cmd)
	o.flag(cmd)
	return cmd
}
