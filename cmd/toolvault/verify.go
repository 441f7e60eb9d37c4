package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"toolvault/audit"
	"toolvault/cmd/toolvault/internal/app"
)

func auditVerifyCommand() *cobra.Command {
	var p place
	var o output
	var key, head string
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Prove that no record was changed, removed or added",
		Long: `Recomputes every hash and checks every signature, and holds the log against the
newest checkpoint that the store keeps of it. The first record that does not fit
is named, and the exit code is 1. It only reads: the log stays as it was found.

Without --key the log is held against the key that this toolvault signs with.
With --key the log must be signed by that key; a copy of the folder can then be
verified where there is no store. With --head the log must also hold a checkpoint
that you have kept elsewhere yourself.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := p.auditDir()
			if err != nil {
				return errors.Join(p.noteGone(cmd), err)
			}
			report, err := p.verify(cmd, dir, key, head)
			if err != nil {
				return err
			}
			w := cmd.OutOrStdout()
			switch {
			case o == "json":
				if err := printJSON(w, report); err != nil {
					return err
				}
			case report.Problem != nil:
				_, _ = fmt.Fprintln(w, notIntact(report.Problem))
			case report.Records == 0:
				_, _ = fmt.Fprintln(w, "The log is empty: nothing to verify.")
			default:
				_, _ = fmt.Fprintln(w, intact(report))
			}
			if report.Problem != nil {
				return &exitError{1}
			}
			return nil
		},
	}
	p.flags(cmd)
	o.flag(cmd)
	cmd.Flags().StringVar(&key, "key", "", "verifier key to hold the log against ('toolvault audit key' prints it)")
	cmd.Flags().StringVar(&head, "head", "", "a copy of the file audit/head that was kept elsewhere: the log must hold its checkpoint")
	return cmd
}

// readHead reads a copy of a log's head, which is small.
func readHead(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("--head: %w", err)
	}
	defer func() { _ = f.Close() }()
	return io.ReadAll(io.LimitReader(f, 64<<10))
}

// verify holds the log against a key, or this place's own where none is given,
// and against what the store keeps.
func (p *place) verify(cmd *cobra.Command, dir, key, headFile string) (audit.Report, error) {
	given := key != ""
	ctx := cmd.Context()
	var kept [][]byte
	if headFile != "" {
		head, err := readHead(headFile)
		if err != nil {
			return audit.Report{}, err
		}
		kept = append(kept, head)
	}
	evidence, err := p.evidence(ctx)
	switch {
	case err == nil:
		defer func() { _ = evidence.Close() }()
		if !given {
			if key, err = evidence.Key(); err != nil {
				return audit.Report{}, errors.Join(noteFormer(cmd, evidence, ""), err)
			}
		}
		head, err := evidence.Head(ctx, key)
		if err != nil {
			return audit.Report{}, err
		}
		if head != nil {
			kept = append(kept, head)
		}
		if err := noteFormer(cmd, evidence, key); err != nil {
			return audit.Report{}, err
		}
	case given:
		say(cmd, "Not held against the checkpoint that the store keeps: %v", err)
	default:
		return audit.Report{}, err
	}
	report, err := audit.Verify(ctx, dir, key, progress(cmd.ErrOrStderr()), kept...)
	if err == nil && given && report.Checkpoints == 0 && report.Problem == nil {
		report.Problem = &audit.Problem{Reason: "no checkpoint is signed by this key: the log is empty"}
	}
	return report, err
}

// noteGone is noteFormer for a place without a log.
func (p *place) noteGone(cmd *cobra.Command) error {
	evidence, err := p.evidence(cmd.Context())
	if err != nil {
		return nil // there is nothing here at all
	}
	defer func() { _ = evidence.Close() }()
	return noteFormer(cmd, evidence, "")
}

// noteFormer tells of logs that the store knows and that are not here: whoever
// removes the folder with its key leaves nothing in it to find.
func noteFormer(cmd *cobra.Command, e *app.Evidence, key string) error {
	former, err := e.Former(cmd.Context(), key)
	for _, f := range former {
		if f.Log == "" {
			say(cmd, "The store has a checkpoint of another log that does not open: it was sealed with keys that the store has lost, or was damaged.")
			continue
		}
		say(cmd, "The store knows a log that is not here: %s, with at least %d records. If nobody has moved it away on purpose, it was removed.", cell(f.Log, 0), f.Records)
	}
	return err
}

func notIntact(x *audit.Problem) string {
	where := ""
	switch {
	case x.File != "" && x.Line > 0:
		where = fmt.Sprintf(" (%s, line %d)", cell(x.File, 0), x.Line)
	case x.File != "":
		where = fmt.Sprintf(" (%s)", cell(x.File, 0))
	}
	return fmt.Sprintf("NOT INTACT: record %d%s: %s", x.Index, where, cell(x.Reason, 0))
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

// evidence opens for reading only what a log is held against.
func (p *place) evidence(ctx context.Context) (*app.Evidence, error) {
	e, err := app.OpenEvidence(ctx, app.Options{Data: p.data, Config: p.config, Logger: newLogger(os.Stderr, slog.LevelWarn)})
	return e, configMistake(err)
}
