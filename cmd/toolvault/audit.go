package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"toolvault/audit"
	"toolvault/cmd/toolvault/internal/app"
)

func auditCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "audit", Short: "Read and verify the audit log", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	cmd.AddCommand(auditTailCommand(), auditQueryCommand(), auditShowCommand(), auditStatsCommand(), auditExportCommand(), auditVerifyCommand(), auditProveCommand(), auditCheckpointCommand(), auditTilesCommand(), auditAnchorCommand(), auditKeyCommand(), auditEraseCommand(), auditArchiveCommand())
	return cmd
}

// auditDir finds the folder of the log without opening the vault: reading needs
// no keys.
func (p *place) auditDir() (string, error) {
	dir, err := app.FindDataDir(p.data, p.config)
	if err != nil {
		return "", err
	}
	path := app.AuditDir(dir)
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("there is no audit log in %s: name the data folder with --data DIR", filepath.Dir(path))
	}
	return path, nil
}

func auditTailCommand() *cobra.Command {
	var p place
	var o output
	var follow bool
	var lines int
	cmd := &cobra.Command{
		Use:   "tail",
		Short: "Show the newest records, and with -f those to come",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := p.auditDir()
			if err != nil {
				return err
			}
			w := cmd.OutOrStdout()
			if o != "json" {
				_, _ = fmt.Fprintln(w, entryHeader)
			}
			err = audit.Tail(cmd.Context(), dir, lines, follow, func(e audit.Entry) error {
				if o == "json" {
					return printJSON(w, e)
				}
				_, err := fmt.Fprintln(w, entryLine(e))
				return err
			})
			if errors.Is(err, context.Canceled) {
				return nil
			}
			return err
		},
	}
	p.flags(cmd)
	o.flag(cmd)
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on with records as they come")
	cmd.Flags().IntVarP(&lines, "lines", "n", 20, "how many of the newest to begin with")
	return cmd
}
