package main

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"toolvault/audit"
	"toolvault/audit/monitor"
	"toolvault/cmd/toolvault/internal/app"
)

func alertsCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "alerts", Short: "See what looked wrong, and say that you know", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	cmd.AddCommand(alertsListCommand(), alertsShowCommand(), alertsAckCommand(), alertsReplayCommand(), alertsTestCommand())
	return cmd
}

func alertsListCommand() *cobra.Command {
	var p place
	var o output
	var open bool
	var since string
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List alerts, the newest first",
		Example: "  toolvault alerts list --open\n  toolvault alerts list --since 30d -o json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			from, err := parseTime(since, time.Now())
			if err != nil {
				return misuse(cmd, "--since: %w", err)
			}
			dir, err := p.auditDir()
			if err != nil {
				return err
			}
			book, err := monitor.LoadBook(cmd.Context(), dir, from)
			if err != nil {
				return err
			}
			return printAlerts(cmd, o, book.List(from, open))
		},
	}
	p.flags(cmd)
	o.flag(cmd)
	cmd.Flags().BoolVar(&open, "open", false, "only what lasts, however long")
	cmd.Flags().StringVar(&since, "since", "7d", `what began or lasted since then: "24h", "7d", or 2026-11-24T09:00:00Z`)
	return cmd
}

func printAlerts(cmd *cobra.Command, o output, list []monitor.Alert) error {
	var rows [][]string
	for _, a := range list {
		if o == "json" {
			if err := printJSON(cmd.OutOrStdout(), a); err != nil {
				return err
			}
			continue
		}
		rows = append(rows, []string{shortTime(a.Began), a.ID, a.Severity, a.Rule, alertState(&a), cell(a.Saw, 100)})
	}
	if o == "json" {
		return nil
	}
	if len(rows) == 0 {
		say(cmd, "There is no alert.")
		return nil
	}
	return printTable(cmd.OutOrStdout(), []string{"BEGAN", "ALERT", "SEVERITY", "RULE", "STATE", "WHAT"}, rows)
}

func alertState(a *monitor.Alert) string {
	state := "open"
	if !a.Open() {
		state = "ended"
	}
	if a.Acknowledged != nil {
		state += ", known"
	}
	return state
}

func alertsShowCommand() *cobra.Command {
	var p place
	var o output
	cmd := &cobra.Command{
		Use:   "show ID",
		Short: "Show one alert: what was seen, how normal looks, and which records tell it",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			a, _, err := p.alert(cmd, args[0])
			if err != nil {
				return err
			}
			if o == "json" {
				return printJSON(cmd.OutOrStdout(), a)
			}
			_, err = fmt.Fprint(cmd.OutOrStdout(), alertText(&a))
			return err
		},
	}
	p.flags(cmd)
	o.flag(cmd)
	return cmd
}

// alert finds one, and the log that it is in.
func (p *place) alert(cmd *cobra.Command, id string) (monitor.Alert, string, error) {
	dir, err := p.auditDir()
	if err != nil {
		return monitor.Alert{}, "", err
	}
	a, err := monitor.Find(cmd.Context(), dir, id)
	if errors.Is(err, monitor.ErrNoAlert) {
		return a, dir, fmt.Errorf("there is no alert %s in this log: 'toolvault alerts list' shows those there are", cell(id, 60))
	}
	return a, dir, err
}

// alertText is an alert for people.
func alertText(a *monitor.Alert) string {
	var b strings.Builder
	line := func(word, text string) {
		if text != "" {
			fmt.Fprintf(&b, "%-10s %s\n", word, cell(text, 0))
		}
	}
	line("Alert", a.ID)
	line("Rule", a.Rule+", severity "+a.Severity)
	line("About", a.Subject.String())
	line("State", alertState(a))
	line("Began", shortTime(a.Began))
	line("Last", shortTime(a.Last))
	if !a.Open() {
		line("Ended", shortTime(a.Ended))
	}
	line("Seen", a.Saw)
	line("Normal", a.Normal)
	line("Records", fmt.Sprint(a.Count))
	line("Action", a.Action)
	for _, n := range a.Actions {
		line("Done", shortTime(n.Time)+" "+n.Text)
	}
	if n := a.Acknowledged; n != nil {
		line("Known", strings.TrimSpace(shortTime(n.Time)+" "+cmp.Or(n.By, "somebody")+" "+n.Text))
	}
	if len(a.Evidence) > 0 {
		b.WriteString("\n")
		var rows [][]string
		for _, e := range a.Evidence {
			rows = append(rows, []string{fmt.Sprint(e.Index), shortTime(e.Time), orDash(cell(e.CallID, 40)), cell(e.What, 60)})
		}
		_ = printTable(&b, []string{"RECORD", "WHEN", "CALL ID", "WHAT"}, rows) // a Builder takes all
	}
	return b.String()
}

func alertsAckCommand() *cobra.Command {
	var p place
	var note string
	cmd := &cobra.Command{
		Use:   "ack ID",
		Short: "Say that you know of an alert: nobody is told of it again until it has ended",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			alert, _, err := p.alert(cmd, args[0])
			if err != nil {
				return err
			}
			return p.with(cmd, func(a *app.App) error {
				_, err := a.Log.Append(cmd.Context(), audit.Record{
					Phase: audit.PhaseEvent, Event: monitor.EventAcknowledged, CallID: alert.ID, Rule: alert.Rule, Agent: alert.Subject.Agent,
					Outcome: "ok", Transport: "cli", Admin: app.Operator(), Message: a.Redactor.Text(note),
				})
				if err != nil {
					return err
				}
				say(cmd, "Alert %s is acknowledged.", alert.ID)
				return nil
			})
		},
	}
	p.flags(cmd)
	cmd.Flags().StringVar(&note, "note", "", "what you know of it")
	return cmd
}

func alertsTestCommand() *cobra.Command {
	var p place
	cmd := &cobra.Command{
		Use:   "test",
		Short: "Raise an alert that means nothing, to see that it arrives",
		Long:  "Writes a test alert to the audit log. A server that runs sends it to the webhook and to Slack, as the config says.",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.with(cmd, func(a *app.App) error {
				f := monitor.TestAlert(time.Now())
				r, err := f.Record()
				if err != nil {
					return err
				}
				if _, err := a.Log.Append(cmd.Context(), r); err != nil {
					return err
				}
				say(cmd, "Test alert %s is raised. A running server sends it within seconds to whom the config names under alerts.", f.Alert.ID)
				return nil
			})
		},
	}
	p.flags(cmd)
	return cmd
}
