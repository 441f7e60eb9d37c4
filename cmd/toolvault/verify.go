package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"toolvault/audit"
	"toolvault/cmd/toolvault/internal/app"
)

func auditVerifyCommand() *cobra.Command {
	var from sources
	var o output
	var keys []string
	var head, proofFile, sinceFile string
	var witnesses, archives []string
	var outside outsiders
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Prove that no record was changed, removed or added",
		Long: `Recomputes every hash and checks every signature, and holds the log against the
newest checkpoint that the store keeps of it. The first record that does not fit
is named, and the exit code is 1. It only reads: the log stays as it was found.

Without --key the log is held against the key that this toolvault signs with.
With --key the log must be signed by that key; a copy of the folder can then be
verified where there is no store. With --since the log must also hold every record
that a checkpoint covers which you have kept elsewhere yourself ('toolvault audit
checkpoint' prints one); --head takes a copy of the file audit/head in its place,
and --anchor a folder or a file that 'audit.anchor' in the config has filled. With
--witness a witness must have cosigned it, --witness-age ago at most.

What was moved away is verified with the rest by --archive DIR, and by itself, with
--key, where there is no log.

With --data several times each log is proved by itself, and its verdict begins with
its name. Their keys are in the same order: --data A --key A's --data B --key B's.

With --server the log of a server is read over its administrators' interface, and all
its records are held against its newest checkpoint and --key.

With --proof nothing of this is read, but a file that 'toolvault audit prove' has
written: it is checked against --key alone, on any machine. With --witness the
witness of that key must have cosigned it.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if len(from.servers) > 0 {
				return verifyServers(cmd, o, from, keys)
			}
			if from.token != "" {
				return misuse(cmd, "--token is for --server, and there is none")
			}
			if len(from.data) > 1 || len(keys) > 1 {
				if len(archives) > 0 {
					return misuse(cmd, "--archive is of one log: with several, leave it out, or verify them one by one")
				}
				return verifyEach(cmd, o, from, keys)
			}
			p, key := place{config: from.config}, ""
			if len(from.data) > 0 {
				p.data = from.data[0]
			}
			if len(keys) > 0 {
				key = keys[0]
			}
			if cmd.Flags().Changed("proof") {
				for _, other := range []string{"data", "config", "head", "since", "anchor", "archive", "witness-age"} {
					if cmd.Flags().Changed(other) {
						return misuse(cmd, "--proof is checked against --key alone: leave out --%s", other)
					}
				}
				return verifyProof(cmd, o, proofFile, key, witnesses)
			}
			outside.witnesses = witnesses
			if err := outside.check(); err != nil {
				return misuse(cmd, "%w", err)
			}
			var seen []byte
			if sinceFile != "" {
				var err error
				if seen, err = readUpTo(cmd, "--since", sinceFile, maxNote); err != nil {
					return err
				}
			}
			dir, err := p.auditDir()
			if err != nil && len(archives) > 0 && key != "" && seen == nil {
				return verifyArchives(cmd, o, key, archives)
			}
			if err != nil {
				return errors.Join(p.noteGone(cmd), err)
			}
			kept, signed, err := outside.collect(dir, time.Now())
			if err != nil {
				return err
			}
			report, key, err := p.verify(cmd, dir, key, head, kept, archives...)
			if err != nil {
				return err
			}
			found := verdict{Report: report, Cosigned: signed}
			if seen != nil {
				s, err := holdSince(cmd.Context(), dir, seen, key, report)
				if err != nil {
					return err
				}
				found.Since = &s
			}
			if err := found.print(cmd.OutOrStdout(), o); err != nil {
				return err
			}
			if !found.good() {
				return &exitError{1}
			}
			return nil
		},
	}
	from.flags(cmd)
	o.flag(cmd)
	cmd.Flags().StringArrayVar(&keys, "key", nil, "verifier key to hold the log against ('toolvault audit key' prints it); one for each of several --data or --server")
	cmd.Flags().StringVar(&sinceFile, "since", "", "a checkpoint that was kept elsewhere: what it covers must be a prefix of the log")
	cmd.Flags().StringVar(&proofFile, "proof", "", "check this file of 'toolvault audit prove' instead of a log (- is stdin)")
	cmd.Flags().StringArrayVar(&witnesses, "witness", nil, "verifier key of a witness that must have cosigned (can be given again)")
	cmd.Flags().DurationVar(&outside.age, "witness-age", 0, "how old the newest cosignature of each --witness may be (default: any age)")
	cmd.Flags().StringArrayVar(&outside.anchors, "anchor", nil, "a folder or a file of checkpoints that were anchored: the log must hold them all (can be given again)")
	cmd.Flags().StringArrayVar(&archives, "archive", nil, "a folder that segments of the log were moved to (can be given again)")
	cmd.Flags().StringVar(&head, "head", "", "a copy of the file audit/head that was kept elsewhere: the log must hold its checkpoint")
	return cmd
}

// verifyArchives verifies what was moved away, where there is nothing else of it.
func verifyArchives(cmd *cobra.Command, o output, key string, archives []string) error {
	say(cmd, "There is no log here: only the archive is verified.")
	report, err := audit.Verify(cmd.Context(), audit.VerifyOptions{Archives: archives, Key: key, Progress: progress(cmd.ErrOrStderr())})
	if err != nil {
		return err
	}
	if report.Checkpoints == 0 && report.Problem == nil {
		report.Problem = &audit.Problem{Reason: "no checkpoint is signed by this key: the archive is empty"}
	}
	found := verdict{Report: report}
	if err := found.print(cmd.OutOrStdout(), o); err != nil {
		return err
	}
	if !found.good() {
		return &exitError{1}
	}
	return nil
}

// maxNote bounds a checkpoint, with cosignatures, and a head, in bytes.
const maxNote = 64 << 10

// verdict is what verify tells programs.
type verdict struct {
	audit.Report
	Since    *since     `json:"since,omitempty"`
	Cosigned []cosigned `json:"cosigned,omitempty"`
}

func (v *verdict) good() bool {
	unsigned := slices.ContainsFunc(v.Cosigned, func(c cosigned) bool { return c.Reason != "" })
	return v.Problem == nil && (v.Since == nil || v.Since.Finding == sinceHolds) && !unsigned
}

func (v *verdict) print(w io.Writer, o output) error {
	if o == "json" {
		return printJSON(w, v)
	}
	switch {
	case v.Problem != nil:
		_, _ = fmt.Fprintln(w, notIntact(v.Problem))
	case v.Since != nil && v.Since.Finding != sinceHolds: // said next
	case v.Records == 0:
		_, _ = fmt.Fprintln(w, "The log is empty: nothing to verify.")
	default:
		text := intact(v.Report)
		if v.Since != nil {
			text += fmt.Sprintf(" The %d records of the checkpoint are its first, as they were.", v.Since.Records)
		}
		_, _ = fmt.Fprintln(w, text)
	}
	if v.Since != nil && v.Since.Finding != sinceHolds {
		_, _ = fmt.Fprintf(w, "NOT A CONTINUATION: %s.\n", v.Since.Reason)
	}
	for _, c := range v.Cosigned {
		_, _ = fmt.Fprintln(w, c.said())
	}
	return nil
}

// verify holds the log against a key, or this place's own where none is given,
// against what was kept outside, and against what the store keeps. It returns the
// key.
func (p *place) verify(cmd *cobra.Command, dir, key, headFile string, kept [][]byte, archives ...string) (audit.Report, string, error) {
	given := key != ""
	ctx := cmd.Context()
	if headFile != "" {
		head, err := readUpTo(cmd, "--head", headFile, maxNote)
		if err != nil {
			return audit.Report{}, "", err
		}
		kept = append(kept, head)
	}
	evidence, err := p.evidence(ctx)
	switch {
	case err == nil:
		defer func() { _ = evidence.Close() }()
		if !given {
			if key, err = evidence.Key(); err != nil {
				return audit.Report{}, "", errors.Join(noteFormer(cmd, evidence, ""), err)
			}
		}
		head, err := evidence.Head(ctx, key)
		if err != nil {
			return audit.Report{}, "", err
		}
		if head != nil {
			kept = append(kept, head)
		}
		if err := noteFormer(cmd, evidence, key); err != nil {
			return audit.Report{}, "", err
		}
	case given:
		say(cmd, "Not held against the checkpoint that the store keeps: %v", err)
	default:
		return audit.Report{}, "", err
	}
	report, err := audit.Verify(ctx, audit.VerifyOptions{Dir: dir, Archives: archives, Key: key, Progress: progress(cmd.ErrOrStderr()), Kept: kept})
	if err == nil && given && report.Checkpoints == 0 && report.Problem == nil {
		report.Problem = &audit.Problem{Reason: "no checkpoint is signed by this key: the log is empty"}
	}
	return report, key, err
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
