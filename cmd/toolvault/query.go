package main

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"toolvault/audit"
	"toolvault/audit/many"
)

func auditQueryCommand() *cobra.Command {
	var from sources
	var s selection
	var o output
	var limit int
	cmd := &cobra.Command{
		Use:   "query",
		Short: "Find calls: by agent, user, service, tool, id, credential, outcome, words, time",
		Example: "  toolvault audit query --agent support-agent-1 --outcome not_permitted --since 24h\n  toolvault audit query --credential slack/support-agent-1 -o json\n" +
			"  toolvault audit query --text acme.com --limit 0 -o json > acme.jsonl",
		Long: `Finds calls and events, newest first. What is asked for must all fit.

--outcome is one of:
  ok        it worked
  pending   a write that has begun and may still end
  unknown   a write that began and never told how it ended, because the process
            was killed or the machine went down: look at the service to see
            whether it happened
  refused   a token that was not accepted
  failed    a credential that could not be refreshed
  broken, revoked   a credential that cannot be used any more
  low, medium, high   how severe an alert is (--tool alert.raised)
or why a call failed: ` + strings.Join(kinds(), ", ") + `.

A write is pending until its deadline has passed, and then unknown.

--text finds calls with all of its words, in any order and in upper or lower case,
in what was sent, what came back, the message and the user. A word is letters and
digits: "acme.com" is two.

Where there are more than --limit, the last line on stderr says how to go on.

An index makes this fast. It lies beside the log, is built when it is missing,
and may be removed at any time. What it finds is read from the log itself.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			f, err := s.filter(cmd)
			if err != nil {
				return err
			}
			if err := pageOf(cmd, &f, limit); err != nil {
				return err
			}
			list, err := from.find(cmd)
			if err != nil {
				return err
			}
			if len(list) > 1 && f.Before > 0 {
				return misuse(cmd, "--before is a place in one log: with several, go on with --until and the time of the last entry")
			}
			out := newEntryPrinter(cmd, o, len(list) > 1)
			var logs many.Logs
			for _, l := range list {
				logs = append(logs, l.indexed(out.building))
			}
			p := page{limit: limit, print: out.print}
			err = logs.Newest(cmd.Context(), f, p.take)
			if errors.Is(err, errPageFull) {
				err = nil
			}
			if err := errors.Join(err, out.end()); err != nil {
				return err
			}
			switch {
			case p.printed == 0 && o != "json":
				say(cmd, "No record fits.")
			case p.more && len(list) == 1:
				say(cmd, "more: the same with --before %d", p.last.Index)
			case p.more:
				// The last comes again, so that none of the same time is passed over.
				say(cmd, "more: the same with --until %s", p.last.Time.Add(1).Format(timeForFlags))
			}
			return nil
		},
	}
	from.flags(cmd)
	o.flag(cmd)
	s.flags(cmd)
	cmd.Flags().IntVar(&limit, "limit", 100, "how many of the newest; 0: all")
	cmd.Flags().Int64Var(&s.Before, "before", 0, "go on where a page has ended: entries that began before this index of the log")
	return cmd
}

// pageOf puts into a filter how many are wanted, and one more, which tells whether
// there are others.
func pageOf(cmd *cobra.Command, f *audit.Filter, limit int) error {
	switch {
	case limit < 0:
		return misuse(cmd, "--limit must be at least 1, or 0 for all")
	case f.Before < 0 || f.Before == 0 && cmd.Flags().Changed("before"):
		return misuse(cmd, "--before must be an index that a page has ended with")
	case f.Text != "" && !hasWords(f.Text):
		return misuse(cmd, "--text: %q has no word", f.Text)
	case limit > 0:
		f.Limit = limit + 1
	}
	return nil
}

var errPageFull = errors.New("the page is full")

// page is what one query shows.
type page struct {
	limit   int // 0: all
	print   func(many.Entry) error
	printed int
	last    many.Entry
	more    bool
}

func (p *page) take(e many.Entry) error {
	if p.limit > 0 && p.printed == p.limit {
		p.more = true
		return errPageFull
	}
	if err := p.print(e); err != nil {
		return err
	}
	p.printed++
	p.last = e
	return nil
}
