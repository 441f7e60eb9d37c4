package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"toolvault/audit"
	"toolvault/audit/history"
	"toolvault/audit/index"
)

func auditShowCommand() *cobra.Command {
	var p place
	var o output
	cmd := &cobra.Command{
		Use:   "show CALL_ID",
		Short: "Tell the whole story of one call",
		Long: `Tells who called, on whose behalf, what let the call pass or refused it, with
which credential, what was done to that meanwhile, how long each step took, what
came of it, and what else belongs to the same trace.

With -o json all of it is one document on one line: the members of the record,
and besides events, original, repeats, correlated and erased_by.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, err := p.auditDir()
			if err != nil {
				return err
			}
			find := func(ctx context.Context, f audit.Filter, fn func(audit.Entry) error) error {
				return index.Each(ctx, dir, f, nil, fn)
			}
			call, err := history.Of(cmd.Context(), find, args[0])
			if errors.Is(err, history.ErrNoCall) {
				if _, ok := history.Time(args[0]); !ok {
					return fmt.Errorf("there is no call %s in this log, and it does not look like a call id of ours: 'toolvault audit query --tool-call ID' looks for a client's", cell(args[0], 64))
				}
				return fmt.Errorf("there is no call %s in this log", args[0])
			}
			if err != nil {
				return err
			}
			if o == "json" {
				return printJSON(cmd.OutOrStdout(), call)
			}
			return tellCall(cmd.OutOrStdout(), call)
		},
	}
	p.flags(cmd)
	o.flag(cmd)
	return cmd
}

// tellCall tells a call's story in plain words and in the order of time. Whatever
// strangers wrote goes through cell.
func tellCall(w io.Writer, c *history.Call) error {
	t := &callTeller{w: w, c: c, story: newStoryteller(w)}
	t.head()
	t.who()
	t.permission()
	t.credential()
	t.happened()
	t.steps()
	t.said()
	t.related()
	t.proof()
	return t.err
}
