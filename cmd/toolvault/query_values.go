package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"toolvault/audit"
	"toolvault/audit/monitor"
	"toolvault/schemas"
	"toolvault/schemas/near"
	"toolvault/tools/fault"
	"toolvault/vault"
)

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
	others := []string{"ok", audit.StatusPending, audit.StatusUnknown, "refused", "failed", string(vault.StateBroken), string(vault.StateRevoked), monitor.Low, monitor.Medium, monitor.High}
	return append(others, kinds()...)
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
