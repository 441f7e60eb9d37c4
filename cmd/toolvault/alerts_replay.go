package main

import (
	"time"

	"github.com/spf13/cobra"

	"toolvault/audit"
	"toolvault/audit/monitor"
	"toolvault/cmd/toolvault/internal/app"
)

func alertsReplayCommand() *cobra.Command {
	var p place
	var o output
	var from, to string
	cmd := &cobra.Command{
		Use:   "replay",
		Short: "Run the rules over what is in the log: what would have been alerts?",
		Long: `Runs the rules over the records between two times, as they would have run then:
what is normal is learned from the six weeks before. Nothing is changed, and
nobody is told. With --config F the rules of that file are tried.`,
		Example: "  toolvault alerts replay --from 30d\n  toolvault alerts replay --from 2026-11-01 --to 2026-11-08 --config stricter.yaml -o json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			now := time.Now()
			begin, err := parseTime(from, now)
			if err != nil {
				return misuse(cmd, "--from: %w", err)
			}
			end, err := parseTime(to, now)
			if err != nil {
				return misuse(cmd, "--to: %w", err)
			}
			if !end.IsZero() && !begin.Before(end) {
				return misuse(cmd, "--from must be before --to")
			}
			settings, err := app.AlertSettings(p.config)
			if err != nil {
				return configMistake(err)
			}
			dir, err := p.auditDir()
			if err != nil {
				return err
			}
			size, _, err := audit.Newest(dir)
			if err != nil {
				return err
			}
			book := monitor.NewBook()
			m := newMeter(cmd.ErrOrStderr(), "records", int(size))
			judged, err := monitor.Replay(cmd.Context(), dir, settings, begin, end, func(f monitor.Finding) error {
				book.Take(f)
				return nil
			}, func(next int64) { m.step(int(next)) })
			m.end()
			if err != nil {
				return err
			}
			list := book.List(time.Time{}, false)
			if err := printAlerts(cmd, o, list); err != nil {
				return err
			}
			if o != "json" {
				say(cmd, "%d records were judged; %d alerts would have been raised.", judged, len(list))
			}
			return nil
		},
	}
	p.flags(cmd)
	o.flag(cmd)
	cmd.Flags().StringVar(&from, "from", "7d", `judge from then on: "24h", "7d", or 2026-11-24T09:00:00Z`)
	cmd.Flags().StringVar(&to, "to", "", "up to then (default: the end of the log)")
	return cmd
}
