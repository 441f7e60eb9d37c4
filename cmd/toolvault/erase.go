package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"toolvault/audit"
	"toolvault/cmd/toolvault/internal/app"
)

func auditEraseCommand() *cobra.Command {
	var p place
	var who, call, reason string
	var yes bool
	cmd := &cobra.Command{
		Use:   "erase (--user U | --call ID)",
		Short: "Erase a person's data, or one call's, without breaking the proof",
		Long: `Erases what a person may demand to have erased: the arguments, the results, the
messages and the user of the records of a user or of a call. What remains (when,
which agent, which tool, with which credential, how it ended) and all hashes stay,
so that the log verifies as before. The erasure is itself a record.

Copies elsewhere are not reached: mirrors (which get the record of the erasure),
exports, proofs that were handed out, backups, and what the services themselves
keep.`,
		Example: "  toolvault audit erase --user ana@example.com --reason \"request 4711\"\n  toolvault audit erase --call 019a… --yes",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if (who == "") == (call == "") {
				return misuse(cmd, "say whose data: either --user U or --call ID")
			}
			dir, err := p.auditDir()
			if err != nil {
				return err
			}
			size, _, err := audit.Newest(dir)
			if err != nil {
				return err
			}
			report := newMeter(cmd.ErrOrStderr(), "records looked at", int(size))
			spans, found, err := recordsOf(cmd.Context(), dir, who, call, report.step)
			report.end()
			if err != nil {
				return err
			}
			if found == 0 {
				say(cmd, "No record of that has anything to erase.")
				return nil
			}
			if !yes {
				if err := confirmErasure(cmd, found); err != nil {
					return err
				}
			}
			return p.with(cmd, func(a *app.App) error {
				e := audit.Erasure{Spans: spans, Event: audit.EventErased, Admin: app.Operator(), Message: why(a.Redactor.Text(reason))}
				if err := a.Log.Erase(cmd.Context(), e); err != nil {
					return err
				}
				say(cmd, "Erased the arguments, results, messages and user of %d records. That it was done stands in the log: 'toolvault audit query --tool %s'.", found, audit.EventErased)
				return nil
			})
		},
	}
	p.flags(cmd)
	fl := cmd.Flags()
	fl.StringVar(&who, "user", "", "erase what was done on behalf of this user")
	fl.StringVar(&call, "call", "", "erase the call with this id")
	fl.StringVar(&reason, "reason", "", "why: it stands in the record of the erasure, so name nobody in it")
	fl.BoolVar(&yes, "yes", false, "do not ask")
	return cmd
}

// recordsOf finds the records of a user or of a call that have a body.
func recordsOf(ctx context.Context, dir, who, call string, progress func(int)) (spans []audit.Span, found int64, err error) {
	seen := 0
	_, err = audit.Scan(ctx, dir, 0, func(r audit.Raw) error {
		if seen++; seen%10_000 == 0 {
			progress(seen)
		}
		if r.Body == nil || !concerns(r, who, call) {
			return nil
		}
		found++
		if n := len(spans); n > 0 && spans[n-1].End == r.Index {
			spans[n-1].End++
		} else {
			spans = append(spans, audit.Span{First: r.Index, End: r.Index + 1})
		}
		return nil
	})
	return spans, found, err
}

func concerns(r audit.Raw, who, call string) bool {
	var id struct {
		User   string `json:"user"`
		CallID string `json:"call_id"`
	}
	text, want := r.Body, who
	if call != "" {
		text, want = r.Leaf, call
	}
	if !strings.Contains(string(text), want) && !strings.Contains(string(text), `\`) {
		return false // not worth decoding
	}
	if json.Unmarshal(text, &id) != nil {
		return false
	}
	return call != "" && id.CallID == call || who != "" && id.User == who
}

// confirmErasure asks on a terminal; elsewhere --yes has to be said.
func confirmErasure(cmd *cobra.Command, found int64) error {
	in, ok := cmd.InOrStdin().(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return misuse(cmd, "%d records would lose their arguments, results, messages and user for good: say --yes", found)
	}
	_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "%d records lose their arguments, results, messages and user for good. Type \"erase\" to go on: ", found)
	line, err := bufio.NewReader(in).ReadString('\n')
	if err != nil || strings.TrimSpace(line) != "erase" {
		return errors.New("nothing was erased")
	}
	return nil
}

func why(reason string) string {
	if reason == "" {
		return ""
	}
	return "Reason: " + reason
}
