package main

import (
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"toolvault/audit"
	"toolvault/schemas/near"
)

// selection is the flags that say which entries of a log are meant.
type selection struct {
	audit.Filter
	since, until string
}

func (s *selection) flags(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringVar(&s.Agent, "agent", "", "calls of this agent")
	fl.StringVar(&s.User, "user", "", "calls on behalf of this user")
	fl.StringVar(&s.Service, "service", "", "calls to this service")
	fl.StringVar(&s.Tool, "tool", "", "calls of this tool, or events of this name: credential.revoked")
	fl.StringVar(&s.CallID, "call", "", "the call with this id of ours")
	fl.StringVar(&s.ToolCallID, "tool-call", "", "the call with this id of the client's")
	fl.StringVar(&s.CorrelationID, "correlation", "", "calls with this correlation id: a trace's")
	fl.StringVar(&s.CredentialID, "credential", "", "calls with this credential")
	fl.StringVar(&s.Outcome, "outcome", "", "ok, pending, unknown, refused, failed, or why a call failed, e.g. not_permitted")
	fl.StringVar(&s.Text, "text", "", "calls with all of these words in arguments, result, message or user")
	fl.StringVar(&s.since, "since", s.since, `from then on: "24h", "7d", or 2026-11-24T09:00:00Z`)
	fl.StringVar(&s.until, "until", "", "before then")
}

// filter is what the flags say; a mistake in them is misuse.
func (s *selection) filter(cmd *cobra.Command) (audit.Filter, error) {
	var err error
	if s.Since, err = parseTime(s.since, time.Now()); err != nil {
		return s.Filter, misuse(cmd, "--since: %w", err)
	}
	if s.Until, err = parseTime(s.until, time.Now()); err != nil {
		return s.Filter, misuse(cmd, "--until: %w", err)
	}
	if s.Outcome != "" && !slices.Contains(outcomes(), s.Outcome) {
		if m := near.Match(s.Outcome, outcomes()); m != "" {
			return s.Filter, misuse(cmd, "--outcome: there is no outcome %q; did you mean %q?", s.Outcome, m)
		}
		return s.Filter, misuse(cmd, "--outcome: there is no outcome %q; there are: %s", s.Outcome, strings.Join(outcomes(), ", "))
	}
	return s.Filter, noteUnknown(cmd, s.Filter)
}

// words are what the flags ask for, to be said above an answer.
func (s *selection) words() string {
	var list []string
	for _, c := range [...][2]string{
		{"agent", s.Agent}, {"user", s.User}, {"service", s.Service}, {"tool", s.Tool}, {"call", s.CallID}, {"tool call", s.ToolCallID},
		{"correlation", s.CorrelationID}, {"credential", s.CredentialID}, {"outcome", s.Outcome}, {"text", s.Text}, {"since", s.since}, {"until", s.until},
	} {
		if c[1] != "" {
			list = append(list, c[0]+" "+cell(c[1], 0))
		}
	}
	return strings.Join(list, ", ")
}
