// Package history gathers what a log tells about one call: its records, what was
// done to its credential meanwhile, what else belongs to the same trace, and of
// which call it is a repeat.
//
// It asks a reader of the log for each of these, so that it is as quick as the
// reader's index; it does not judge whether the log is true (audit.Verify).
package history

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"toolvault/audit"
)

// Find hands the entries that a filter selects to fn, newest first, until fn
// returns an error, which it returns.
type Find func(ctx context.Context, f audit.Filter, fn func(audit.Entry) error) error

// ErrNoCall is returned for an id that no record has.
var ErrNoCall = errors.New("there is no such call in the log")

const (
	maxRelated = 100              // of each kind
	around     = time.Hour        // by which clocks may differ
	longest    = 10 * time.Minute // that a call takes with all that waits for a person
	keptFor    = 24 * time.Hour   // that an idempotency key is known (tools/idempotency)
)

// Call is all that is known of one call. Its entry's members stand beside the
// others in JSON.
type Call struct {
	audit.Entry
	Begun      time.Time     `json:"begun"`                // when it arrived: the time in its id
	Ended      time.Time     `json:"ended,omitzero"`       // when its last record was made; zero: it has not
	Events     []audit.Entry `json:"events,omitempty"`     // of its credential meanwhile, and those that name the call; oldest first
	Original   *audit.Entry  `json:"original,omitempty"`   // the call that this one repeats
	Repeats    []audit.Entry `json:"repeats,omitempty"`    // calls that repeat this one, oldest first
	Correlated []audit.Entry `json:"correlated,omitempty"` // others of the same trace, oldest first
	More       bool          `json:"more,omitempty"`       // there are more correlated ones than 100
	ErasedBy   *audit.Entry  `json:"erased_by,omitempty"`  // the record of the erasure, where something was erased
}

// Of gathers the history of a call. Where there is none the error is ErrNoCall.
func Of(ctx context.Context, find Find, callID string) (*Call, error) {
	c, err := search(ctx, find, callID)
	if err != nil {
		return nil, err
	}
	for _, step := range []func(context.Context, Find) error{c.credential, c.repeated, c.correlated, c.erased} {
		if err := step(ctx, find); err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(c.Events, func(a, b audit.Entry) int { return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.Index, b.Index)) })
	return c, nil
}

// search finds the call itself, and the events that name it.
func search(ctx context.Context, find Find, callID string) (*Call, error) {
	f := audit.Filter{CallID: callID}
	begun, dated := Time(callID)
	if dated {
		f.Since = begun.Add(-around)
	}
	c := &Call{}
	found := false
	err := find(ctx, f, func(e audit.Entry) error {
		switch {
		case e.Phase == audit.PhaseEvent:
			c.Events = append(c.Events, e)
		case !found:
			c.Entry, found = e, true
		}
		if len(c.Events) > maxRelated {
			return errEnough
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return nil, err
	}
	if !found {
		return nil, fmt.Errorf("%w: %s", ErrNoCall, callID)
	}
	total := time.Duration(c.Millis.Total * float64(time.Millisecond))
	switch {
	case c.Phase == audit.PhaseIntent: // Status says whether it may still end
		c.Begun = c.Time
	case c.OutcomeIndex != 0 || c.Phase == audit.PhaseOutcome:
		c.Begun, c.Ended = c.Time, c.Time.Add(total)
	default:
		c.Begun, c.Ended = c.Time.Add(-total), c.Time
	}
	if dated && begun.Sub(c.Begun).Abs() < longest {
		c.Begun = begun
		if c.Phase != audit.PhaseCall && !c.Ended.IsZero() {
			c.Ended = begun.Add(total)
		}
	}
	return c, nil
}

var errEnough = errors.New("enough")

// credential finds what was done to the credential while the call went on.
func (c *Call) credential(ctx context.Context, find Find) error {
	if c.CredentialID == "" {
		return nil
	}
	until := c.Ended
	if until.IsZero() {
		until = c.Begun.Add(longest)
	}
	return collect(ctx, find, audit.Filter{CredentialID: c.CredentialID, Since: c.Begun, Until: until.Add(time.Millisecond)}, func(e audit.Entry) {
		if e.Phase == audit.PhaseEvent && !slices.ContainsFunc(c.Events, func(x audit.Entry) bool { return x.Index == e.Index }) {
			c.Events = append(c.Events, e)
		}
	})
}

// repeated finds the call that this one repeats, and those that repeat it: they
// have the same agent and tool, for a day.
func (c *Call) repeated(ctx context.Context, find Find) error {
	if c.RepeatOf != "" {
		first, err := search(ctx, find, c.RepeatOf)
		if err != nil && !errors.Is(err, ErrNoCall) {
			return err
		}
		if err == nil {
			c.Original = &first.Entry
		}
	}
	if !c.Write {
		return nil
	}
	f := audit.Filter{Agent: c.Agent, Tool: c.Tool, Since: c.Begun, Until: c.Begun.Add(keptFor + around)}
	err := collect(ctx, find, f, func(e audit.Entry) {
		if e.RepeatOf == c.CallID && len(c.Repeats) < maxRelated {
			c.Repeats = append(c.Repeats, e)
		}
	})
	slices.Reverse(c.Repeats)
	return err
}

// correlated finds what else belongs to the same trace.
func (c *Call) correlated(ctx context.Context, find Find) error {
	if c.CorrelationID == "" {
		return nil
	}
	err := find(ctx, audit.Filter{CorrelationID: c.CorrelationID, Limit: maxRelated + len(c.Events) + 2}, func(e audit.Entry) error {
		switch {
		case e.CallID == c.CallID:
		case len(c.Correlated) == maxRelated:
			c.More = true
			return errEnough
		default:
			c.Correlated = append(c.Correlated, e)
		}
		return nil
	})
	slices.Reverse(c.Correlated)
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// erased finds the record that says why something is not there.
func (c *Call) erased(ctx context.Context, find Find) error {
	if !c.Erased {
		return nil
	}
	for _, event := range []string{audit.EventErased, audit.EventDropped} {
		err := find(ctx, audit.Filter{Tool: event, Since: c.Begun.Add(-around)}, func(e audit.Entry) error {
			for _, s := range e.Spans {
				if s.First <= c.Index && c.Index < s.End || s.First <= c.OutcomeIndex && c.OutcomeIndex < s.End && c.OutcomeIndex != 0 {
					c.ErasedBy = &e // the oldest that is found stays: it was the first
				}
			}
			return nil
		})
		if err != nil || c.ErasedBy != nil {
			return err
		}
	}
	return nil
}

func collect(ctx context.Context, find Find, f audit.Filter, fn func(audit.Entry)) error {
	return find(ctx, f, func(e audit.Entry) error {
		fn(e)
		return nil
	})
}

// Time is when a call with this id began: our ids are UUIDs of version 7, which
// begin with the milliseconds since 1970 (RFC 9562, section 5.7). ok is false for
// what is none.
func Time(callID string) (at time.Time, ok bool) {
	digits := strings.ReplaceAll(callID, "-", "")
	if len(callID) != 36 || len(digits) != 32 || digits[12] != '7' {
		return time.Time{}, false
	}
	b, err := hex.DecodeString(digits[:12])
	if err != nil {
		return time.Time{}, false
	}
	var ms int64
	for _, x := range b {
		ms = ms<<8 | int64(x)
	}
	return time.UnixMilli(ms).UTC(), true
}
