package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"toolvault/audit"
	"toolvault/schemas"
	"toolvault/schemas/near"
	"toolvault/tools/fault"
)

func auditQueryCommand() *cobra.Command {
	var p place
	var o output
	var f audit.Filter
	var since, until string
	cmd := &cobra.Command{
		Use:     "query",
		Short:   "Find calls: by agent, user, service, tool, id, credential, outcome, time",
		Example: "  toolvault audit query --agent support-agent-1 --outcome not_permitted --since 24h\n  toolvault audit query --credential slack/support-agent-1 -o json",
		Long: `Finds calls and events, newest first. What is asked for must all fit.

--outcome is one of:
  ok        it worked
  pending   a write that has begun and may still end
  unknown   a write that began and never told how it ended, because the process
            was killed or the machine went down: look at the service to see
            whether it happened
  refused   a token that was not accepted
  failed    a credential that could not be refreshed
or why a call failed: ` + strings.Join(kinds(), ", ") + `.

A write is pending until its deadline has passed, and then unknown.`,
		Args: cobra.NoArgs,
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
			if f.Outcome != "" && !slices.Contains(outcomes(), f.Outcome) {
				if m := near.Match(f.Outcome, outcomes()); m != "" {
					return misuse(cmd, "--outcome: there is no outcome %q; did you mean %q?", f.Outcome, m)
				}
				return misuse(cmd, "--outcome: there is no outcome %q; there are: %s", f.Outcome, strings.Join(outcomes(), ", "))
			}
			dir, err := p.auditDir()
			if err != nil {
				return err
			}
			if err := noteUnknown(cmd, f); err != nil {
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
	fl.StringVar(&f.Tool, "tool", "", "calls of this tool, or events of this name: credential.revoked")
	fl.StringVar(&f.CallID, "call", "", "the call with this id of ours")
	fl.StringVar(&f.ToolCallID, "tool-call", "", "the call with this id of the client's")
	fl.StringVar(&f.CredentialID, "credential", "", "calls with this credential")
	fl.StringVar(&f.Outcome, "outcome", "", "ok, pending, unknown, refused, failed, or why a call failed, e.g. not_permitted")
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

// kinds are why a call can fail.
func kinds() []string {
	var list []string
	for _, k := range []fault.Kind{
		fault.InvalidArguments, fault.NotPermitted, fault.NeedsConsent, fault.CredentialInvalid, fault.RateLimited, fault.UpstreamError,
		fault.UpstreamUnavailable, fault.Timeout, fault.NotFound, fault.Conflict, fault.Cancelled, fault.Internal,
	} {
		list = append(list, string(k))
	}
	return list
}

// outcomes are all that a record can have.
func outcomes() []string {
	return append([]string{"ok", audit.StatusPending, audit.StatusUnknown, "refused", "failed"}, kinds()...)
}

// noteUnknown says which service or tool of a filter this program does not know.
// They are searched for all the same: an old record may have an old name.
func noteUnknown(cmd *cobra.Command, f audit.Filter) error {
	all, err := schemas.Load()
	if err != nil {
		return err
	}
	var services, names []string
	for _, t := range all {
		services, names = append(services, t.Service), append(names, t.Name, t.Service+"_credential") // the second: the broker's
	}
	for _, c := range []struct {
		what, written string
		known         []string
	}{{"service", f.Service, services}, {"tool", f.Tool, names}} {
		if c.written == "" || slices.Contains(c.known, c.written) || c.what == "tool" && strings.Contains(c.written, ".") { // an event
			continue
		}
		if m := near.Match(c.written, c.known); m != "" {
			say(cmd, "There is no %s %q; did you mean %q?", c.what, c.written, m)
			continue
		}
		say(cmd, "There is no %s %q: only records of an older toolvault can have it.", c.what, c.written)
	}
	return nil
}
