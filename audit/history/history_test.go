package history

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"toolvault/audit"
)

var noon = time.Date(2024, 11, 24, 12, 0, 0, 0, time.UTC)

// id is a call id of ours, of a time.
func id(at time.Duration, n int) string {
	ms := noon.Add(at).UnixMilli()
	return fmt.Sprintf("%08x-%04x-7000-8000-%012x", ms>>16, ms&0xffff, n)
}

// aLog writes records and returns a reader of them.
func aLog(t *testing.T, records ...audit.Record) Find {
	t.Helper()
	dir := t.TempDir()
	l, err := audit.Open(audit.Options{Dir: dir, Key: audit.NewKey(), Name: "l"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	for _, r := range records {
		if _, err := l.Append(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	return func(ctx context.Context, f audit.Filter, fn func(audit.Entry) error) error {
		list, err := audit.Query(ctx, dir, f)
		for _, e := range list {
			if err == nil {
				err = fn(e)
			}
		}
		return err
	}
}

func record(phase audit.Phase, callID string, at time.Duration) audit.Record {
	r := audit.Record{Phase: phase, CallID: callID, Time: noon.Add(at), Agent: "a1", Service: "slack", Tool: "post", CredentialID: "slack/a1", CorrelationID: "trace-1"}
	if phase != audit.PhaseCall {
		r.Write = true
	}
	if phase != audit.PhaseIntent {
		r.Outcome, r.Millis.Total = "ok", 2000
	}
	return r
}

func event(name, callID string, at time.Duration) audit.Record {
	return audit.Record{Phase: audit.PhaseEvent, Event: name, Time: noon.Add(at), CredentialID: "slack/a1", Service: "slack", CallID: callID, Outcome: "ok"}
}

func indices(list []audit.Entry) (all []int64) {
	for _, e := range list {
		all = append(all, e.Index)
	}
	return all
}

func TestTheWholeStoryOfAWrite(t *testing.T) {
	call, other, repeat, later := id(0, 1), id(-time.Minute, 2), id(time.Hour, 3), id(2*time.Hour, 4)
	again := record(audit.PhaseCall, repeat, time.Hour)
	again.Write, again.RepeatOf, again.CorrelationID = true, call, "trace-2"
	elsewhere := record(audit.PhaseCall, later, 2*time.Hour)
	elsewhere.CorrelationID, elsewhere.Agent = "trace-3", "a2"
	elsewhere.RepeatOf = call // another agent's: no repeat of this one
	find := aLog(t,
		record(audit.PhaseCall, other, -time.Minute),                   // 0: the same trace
		event("credential.refreshed", "", -30*time.Second),             // 1: before
		event("consent.asked", call, -5*time.Second),                   // 2: names the call
		record(audit.PhaseIntent, call, 100*time.Millisecond),          // 3
		event("credential.refreshed", "", 500*time.Millisecond),        // 4: meanwhile, for another
		event("credential.refresh_failed", call, 600*time.Millisecond), // 5
		record(audit.PhaseOutcome, call, 2*time.Second),                // 6
		event("credential.refreshed", "", 3*time.Second),               // 7: after
		again,     // 8
		elsewhere, // 9
	)
	c, err := Of(t.Context(), find, call)
	if err != nil {
		t.Fatal(err)
	}
	if c.Index != 3 || c.OutcomeIndex != 6 || c.Status != "ok" || !c.Begun.Equal(noon) || !c.Ended.Equal(noon.Add(2*time.Second)) {
		t.Errorf("%+v", c)
	}
	if got := indices(c.Events); !slices.Equal(got, []int64{2, 4, 5}) {
		t.Errorf("events %v", got)
	}
	if got := indices(c.Repeats); !slices.Equal(got, []int64{8}) || c.Original != nil {
		t.Errorf("repeats %v", got)
	}
	if got := indices(c.Correlated); !slices.Equal(got, []int64{0}) || c.More {
		t.Errorf("correlated %v", got)
	}
	c, err = Of(t.Context(), find, repeat)
	if err != nil || c.Original == nil || c.Original.Index != 3 || len(c.Correlated) != 0 {
		t.Errorf("%+v %v", c, err)
	}
}

func TestAWriteThatNeverEnded(t *testing.T) {
	call := id(0, 1)
	c, err := Of(t.Context(), aLog(t, record(audit.PhaseIntent, call, time.Second)), call)
	if err != nil || c.Status != audit.StatusUnknown || !c.Ended.IsZero() || !c.Begun.Equal(noon) {
		t.Errorf("%+v %v", c, err)
	}
}

func TestNoCall(t *testing.T) {
	find := aLog(t, event("token.minted", "x", 0), record(audit.PhaseCall, "odd", 0))
	for _, callID := range []string{"", "x", id(0, 9)} {
		if _, err := Of(t.Context(), find, callID); callID != "" && !errors.Is(err, ErrNoCall) {
			t.Errorf("%q: %v", callID, err)
		}
	}
	if c, err := Of(t.Context(), find, "odd"); err != nil || c.Index != 1 { // an id that is not ours has no time
		t.Errorf("%+v %v", c, err)
	}
}

func TestAReaderThatFails(t *testing.T) {
	broken := errors.New("the disk is gone")
	for n := range 4 {
		call := record(audit.PhaseIntent, id(0, 1), 0)
		good := aLog(t, call)
		asked := 0
		_, err := Of(t.Context(), func(ctx context.Context, f audit.Filter, fn func(audit.Entry) error) error {
			if asked++; asked > n {
				return broken
			}
			return good(ctx, f, fn)
		}, call.CallID)
		if !errors.Is(err, broken) {
			t.Errorf("after %d answers: %v", n, err)
		}
	}
}

// TestWhatIsErasedNamesTheErasure: by the record that covers it, and the first of
// them.
func TestWhatIsErasedNamesTheErasure(t *testing.T) {
	call := audit.Entry{Record: audit.Record{Index: 5, Phase: audit.PhaseCall, CallID: id(0, 1), Time: noon, Erased: true}, Status: "ok"}
	erasure := func(index int64, spans ...audit.Span) audit.Entry {
		return audit.Entry{Record: audit.Record{Index: index, Phase: audit.PhaseEvent, Event: audit.EventErased, Spans: spans}, Status: "ok"}
	}
	find := func(_ context.Context, f audit.Filter, fn func(audit.Entry) error) error {
		var list []audit.Entry
		switch {
		case f.CallID != "":
			list = []audit.Entry{call}
		case f.Tool == audit.EventErased:
			list = []audit.Entry{erasure(9, audit.Span{First: 0, End: 8}), erasure(8, audit.Span{First: 1, End: 2}, audit.Span{First: 5, End: 6}), erasure(7, audit.Span{First: 6, End: 7})}
		}
		for _, e := range list {
			if err := fn(e); err != nil {
				return err
			}
		}
		return nil
	}
	c, err := Of(t.Context(), find, call.CallID)
	if err != nil || c.ErasedBy == nil || c.ErasedBy.Index != 8 {
		t.Errorf("%+v %v", c.ErasedBy, err)
	}
}

func TestTheTimeInAnID(t *testing.T) {
	if at, ok := Time(id(0, 1)); !ok || !at.Equal(noon) {
		t.Error(at, ok)
	}
	for _, bad := range []string{"", "x", "019363e8-0000-4000-8000-000000000001", "zzzzzzzz-zzzz-7000-8000-000000000001", "019363e800007000800000000000000100--", "----7-----------------------------7-"} {
		if at, ok := Time(bad); ok {
			t.Errorf("%q: %v", bad, at)
		}
	}
}
