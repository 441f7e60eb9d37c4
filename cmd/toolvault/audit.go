package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"toolvault/audit"
	"toolvault/cmd/toolvault/internal/app"
)

func auditCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "audit", Short: "Read and verify the audit log", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	cmd.AddCommand(auditTailCommand(), auditQueryCommand(), auditShowCommand(), auditVerifyCommand(), auditKeyCommand())
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

func auditQueryCommand() *cobra.Command {
	var p place
	var o output
	var f audit.Filter
	var since, until string
	cmd := &cobra.Command{
		Use:     "query",
		Short:   "Find calls: by agent, user, service, tool, id, credential, outcome, time",
		Example: "  toolvault audit query --agent support-agent-1 --outcome not_permitted --since 24h\n  toolvault audit query --credential slack/support-agent-1 -o json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if f.Since, err = parseTime(since, time.Now()); err != nil {
				return misuse(cmd, "--since: %w", err)
			}
			if f.Until, err = parseTime(until, time.Now()); err != nil {
				return misuse(cmd, "--until: %w", err)
			}
			if f.Limit < 1 {
				return misuse(cmd, "--limit must be at least 1")
			}
			dir, err := p.auditDir()
			if err != nil {
				return err
			}
			entries, err := audit.Query(cmd.Context(), dir, f)
			if err != nil {
				return err
			}
			if len(entries) == 0 && o != "json" {
				say(cmd, "No record fits.")
				return nil
			}
			return printEntries(cmd.OutOrStdout(), o, entries)
		},
	}
	p.flags(cmd)
	o.flag(cmd)
	fl := cmd.Flags()
	fl.StringVar(&f.Agent, "agent", "", "calls of this agent")
	fl.StringVar(&f.User, "user", "", "calls on behalf of this user")
	fl.StringVar(&f.Service, "service", "", "calls to this service")
	fl.StringVar(&f.Tool, "tool", "", "calls of this tool")
	fl.StringVar(&f.CallID, "call", "", "the call with this id of ours")
	fl.StringVar(&f.ToolCallID, "tool-call", "", "the call with this id of the client's")
	fl.StringVar(&f.CredentialID, "credential", "", "calls with this credential")
	fl.StringVar(&f.Outcome, "outcome", "", "ok, unknown, or a kind of failure such as not_permitted")
	fl.StringVar(&since, "since", "", `from then on: "24h", "7d", or 2026-11-24T09:00:00Z`)
	fl.StringVar(&until, "until", "", "before then")
	fl.IntVar(&f.Limit, "limit", 100, "how many of the newest")
	return cmd
}

// parseTime reads a time, or how long ago it was.
func parseTime(s string, now time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02 15:04:05", "2006-01-02"} {
		if t, err := time.ParseInLocation(layout, s, time.Local); err == nil {
			return t, nil
		}
	}
	text := s
	if days, ok := strings.CutSuffix(s, "d"); ok {
		var n int
		if _, err := fmt.Sscanf(days, "%d", &n); err == nil && fmt.Sprint(n) == days {
			text = fmt.Sprintf("%dh", n*24)
		}
	}
	if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	return time.Time{}, fmt.Errorf("%q is no time: write 24h, 7d, 2026-11-24 or 2026-11-24T09:00:00Z", s)
}

func auditShowCommand() *cobra.Command {
	var p place
	cmd := &cobra.Command{
		Use:   "show CALL_ID",
		Short: "Show all that is known of one call",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, err := p.auditDir()
			if err != nil {
				return err
			}
			entries, err := audit.Query(cmd.Context(), dir, audit.Filter{CallID: args[0], Limit: 1})
			if err != nil {
				return err
			}
			if len(entries) == 0 {
				return fmt.Errorf("there is no call %s in this log", args[0])
			}
			return printIndented(cmd, entries[0])
		},
	}
	p.flags(cmd)
	return cmd
}

func auditVerifyCommand() *cobra.Command {
	var p place
	var o output
	var key string
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Prove that no record was changed, removed or added",
		Long: `Recomputes every hash and checks every signature. The first record that does not
fit is named, and the exit code is 1. Without --key the log is held against the
key that this toolvault signs with.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := p.auditDir()
			if err != nil {
				return err
			}
			if key == "" {
				if key, err = p.verifierKey(cmd.Context()); err != nil {
					return err
				}
			}
			report, err := audit.Verify(cmd.Context(), dir, key, progress(cmd.ErrOrStderr()))
			if err != nil {
				return err
			}
			if o == "json" {
				if err := printJSON(cmd.OutOrStdout(), report); err != nil {
					return err
				}
			}
			if x := report.Problem; x != nil {
				if o != "json" {
					_, _ = fmt.Fprintf(cmd.OutOrStdout(), "NOT INTACT: record %d (%s, line %d): %s\n", x.Index, x.File, x.Line, x.Reason)
				}
				return &exitError{1}
			}
			if o != "json" {
				_, _ = fmt.Fprintln(cmd.OutOrStdout(), intact(report))
			}
			return nil
		},
	}
	p.flags(cmd)
	o.flag(cmd)
	cmd.Flags().StringVar(&key, "key", "", "verifier key to hold the log against ('toolvault audit key' prints it)")
	return cmd
}

func intact(r audit.Report) string {
	text := fmt.Sprintf("Intact: %d records under %d signed checkpoints, root %s.", r.Records, r.Checkpoints, r.Root)
	if r.Unknown > 0 {
		text += fmt.Sprintf(" %d writes were begun and have no outcome: 'toolvault audit query --outcome unknown' lists them.", r.Unknown)
	}
	if r.TornBytes > 0 {
		text += fmt.Sprintf(" %d bytes at the end belong to a write that was never acknowledged.", r.TornBytes)
	}
	return text
}

// progress shows how far a long piece of work has come, on a terminal.
func progress(w io.Writer) func(int64) {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return nil
	}
	last := time.Now()
	return func(done int64) {
		if now := time.Now(); now.Sub(last) > 500*time.Millisecond {
			last = now
			_, _ = fmt.Fprintf(f, "\r%d records checked\033[K\r", done)
		}
	}
}

func auditKeyCommand() *cobra.Command {
	var p place
	cmd := &cobra.Command{
		Use:   "key",
		Short: "Print the key that the log's signatures are checked with",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			key, err := p.verifierKey(cmd.Context())
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), key)
			return err
		},
	}
	p.flags(cmd)
	return cmd
}

func (p *place) verifierKey(ctx context.Context) (string, error) {
	a, err := p.open(ctx)
	if err != nil {
		return "", err
	}
	defer func() { _ = a.Close() }()
	return a.AuditKey(), nil
}
