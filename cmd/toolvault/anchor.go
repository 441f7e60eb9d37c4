package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/cobra"

	"toolvault/cmd/toolvault/internal/app"
)

func auditAnchorCommand() *cobra.Command {
	var p place
	var o output
	var now bool
	cmd := &cobra.Command{
		Use:   "anchor",
		Short: "Show where checkpoints are kept outside, and how far each place is",
		Long: `Shows the places of 'audit.anchor' in the config: the size of the newest checkpoint
that each has taken, when that was, how many records came later, and since when it
fails. A running server feeds them; --now gives each the newest checkpoint at once,
to try a place or before something risky. The exit code is 1 where a place fails.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			list, err := app.Anchors(app.Options{Data: p.data, Config: p.config, Logger: newLogger(os.Stderr, slog.LevelWarn)})
			if err != nil {
				return configMistake(err)
			}
			if len(list) == 0 {
				return errors.New("the config names no place for checkpoints: 'audit.anchor' in it does (docs/audit-anchors.md)")
			}
			if _, err := p.auditDir(); err != nil {
				return err
			}
			var rows []anchorRow
			failed := false
			for _, a := range list {
				row := rowOf(a)
				if now {
					row = giveNow(cmd, a)
				}
				failed = failed || row.Error != "" || row.Failing != nil && !now
				rows = append(rows, row)
			}
			if err := printAnchors(cmd.OutOrStdout(), o, rows); err != nil {
				return err
			}
			if failed {
				return &exitError{1}
			}
			return nil
		},
	}
	p.flags(cmd)
	o.flag(cmd)
	cmd.Flags().BoolVar(&now, "now", false, "give each place the newest checkpoint")
	return cmd
}

// anchorRow is what the command tells of a place.
type anchorRow struct {
	Name    string     `json:"name"` // in metrics
	Kind    string     `json:"kind"`
	Place   string     `json:"place"`
	Records int64      `json:"records"` // that the newest checkpoint covers which it has taken
	Taken   *time.Time `json:"taken,omitempty"`
	Behind  int64      `json:"behind"` // records that came later
	Failing *time.Time `json:"failing,omitempty"`
	Error   string     `json:"error,omitempty"`
}

func rowOf(a app.Anchored) anchorRow {
	s, err := a.Status()
	row := anchorRow{Name: a.Name(), Kind: a.Kind, Place: a.Place, Records: s.Size, Behind: s.Behind}
	if !s.At.IsZero() {
		row.Taken = &s.At
	}
	if !s.Failing.IsZero() {
		row.Failing = &s.Failing
	}
	if err != nil {
		row.Error = err.Error()
	}
	return row
}

// giveNow gives a place the newest checkpoint. What a server remembers of the
// place stays as it is: it may be about to do the same.
func giveNow(cmd *cobra.Command, a app.Anchored) anchorRow {
	c, err := a.Now(cmd.Context())
	row := rowOf(a)
	if err != nil {
		row.Error = err.Error()
		return row
	}
	at := time.Now().UTC()
	row.Records, row.Taken, row.Behind, row.Failing = c.Size, &at, 0, nil
	return row
}

func printAnchors(w io.Writer, o output, rows []anchorRow) error {
	if o == "json" {
		for _, row := range rows {
			if err := printJSON(w, row); err != nil {
				return err
			}
		}
		return nil
	}
	moment := func(t *time.Time) string {
		if t == nil {
			return "-"
		}
		return shortTime(*t)
	}
	var table [][]string
	for _, r := range rows {
		table = append(table, []string{r.Kind, cell(r.Place, 0), fmt.Sprint(r.Records), moment(r.Taken), fmt.Sprint(r.Behind), moment(r.Failing), orDash(cell(r.Error, 0))})
	}
	return printTable(w, []string{"KIND", "PLACE", "RECORDS", "TAKEN", "BEHIND", "FAILING SINCE", "ERROR"}, table)
}
