package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"toolvault/audit/history"
)

func auditShowCommand() *cobra.Command {
	var from sources
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
			list, err := from.find(cmd)
			if err != nil {
				return err
			}
			call, err := findCall(cmd.Context(), list, args[0])
			if err != nil {
				return err
			}
			if o == "json" {
				return printJSON(cmd.OutOrStdout(), call)
			}
			return tellCall(cmd.OutOrStdout(), call)
		},
	}
	from.flags(cmd)
	o.flag(cmd)
	return cmd
}

// findCall gathers the history of a call from the first log that has it.
func findCall(ctx context.Context, list []source, id string) (*history.Call, error) {
	for _, log := range list {
		call, err := history.Of(ctx, history.Find(log.log(nil).Newest), id)
		if !errors.Is(err, history.ErrNoCall) {
			return call, err
		}
	}
	if _, ok := history.Time(id); !ok {
		return nil, fmt.Errorf("there is no call %s in the %s, and it does not look like a call id of ours: 'toolvault audit query --tool-call ID' looks for a client's", cell(id, 64), together(list))
	}
	return nil, fmt.Errorf("there is no call %s in the %s", id, together(list))
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
