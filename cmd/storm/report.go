package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// seen is what the provider counts.
type seen struct {
	Refreshes    int            `json:"refreshes"`
	Early        int            `json:"early"`
	Reused       int            `json:"reused"`
	Refused      map[string]int `json:"refused"`
	Calls        int            `json:"calls"`
	Unauthorized int            `json:"unauthorized"`
	MostAtOnce   int            `json:"most_at_once"`
}

// report says what happened, and fails where a promise was broken.
func (f *field) report(ctx context.Context, out io.Writer) error {
	var p seen
	if err := f.get(ctx, "/stats", &p); err != nil {
		return err
	}
	state, reason, err := f.state(ctx)
	if err != nil {
		return err
	}
	for _, s := range f.servers {
		s.stop()
	}
	t := &f.tally
	failed := 0
	for _, n := range t.failed {
		failed += n
	}
	line := func(name string, value any) { _, _ = fmt.Fprintf(out, "%-36s %v\n", name, value) }
	line("storage", storageName(f.storage))
	line("servers × callers", fmt.Sprintf("%d × %d", f.settings.servers, f.callers))
	line("duration, kills", fmt.Sprintf("%v, %d", f.duration, t.kills))
	line("calls answered", t.calls)
	line("calls of a killed process", t.broken)
	line("calls failed otherwise", failed)
	for what, n := range t.failed {
		line("", fmt.Sprintf("%d × %s", n, what))
	}
	line("p50, p99, longest call", fmt.Sprintf("%v, %v, %v", percentile(t.times, 0.5).Round(100*time.Microsecond),
		percentile(t.times, 0.99).Round(time.Millisecond), percentile(t.times, 1).Round(time.Millisecond)))
	line("refreshes", p.Refreshes)
	line("refreshes of a token just issued", p.Early)
	line("refresh tokens used twice", p.Reused)
	line("refused by the provider", p.Refused)
	line("401 by the API", p.Unauthorized)
	line("token requests at once, at most", p.MostAtOnce)
	line("grants lost to the one gap", t.gaps)
	line("state at the end", state+" "+reason)

	intact, verr := f.toolvault(ctx, "audit", "verify").CombinedOutput()
	line("audit log", string(firstLine(intact)))
	var errs []error
	for what, n := range map[string]int{
		"calls failed": failed, "tokens were refreshed twice": p.Early, "refresh tokens were used twice more often than the gap explains": p.Reused - t.gaps,
	} {
		if n > 0 {
			errs = append(errs, fmt.Errorf("%d %s", n, what))
		}
	}
	if state == "needs_consent" || state == "broken" {
		errs = append(errs, fmt.Errorf("the credential ends as %s", state))
	}
	if verr != nil {
		errs = append(errs, errors.New("the audit log does not verify"))
	}
	return errors.Join(errs...)
}

func storageName(s string) string {
	if s == "sqlite" {
		return s
	}
	return "redis"
}

func firstLine(b []byte) []byte {
	for i, c := range b {
		if c == '\n' {
			return b[:i]
		}
	}
	return b
}
