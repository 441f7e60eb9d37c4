package main

import (
	"bytes"
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"toolvault/audit"
	"toolvault/tools/sandbox"
)

// planned are the entries and systems of a day that goes as planned.
func planned(plan []hour) ([]audit.Entry, []*system) {
	var entries []audit.Entry
	for _, h := range plan {
		for _, errand := range h.errands {
			for _, c := range errand {
				status := c.fails
				if status == "" {
					status = "ok"
				}
				entries = append(entries, audit.Entry{Record: audit.Record{Tool: c.tool}, Status: status})
			}
		}
	}
	var days []*system
	for i, name := range sandbox.Services() {
		days = append(days, &system{name: name, kinds: map[string]bool{string(rune('a' + i)): true}})
	}
	return entries, days
}

func TestOnlyThePlannedFailuresAreTaken(t *testing.T) {
	plan := supportDay(time.Now())
	fails := 0
	for _, h := range plan {
		for _, errand := range h.errands {
			for _, c := range errand {
				if c.fails != "" {
					fails++
				}
			}
		}
	}
	if fails != 3 {
		t.Errorf("%d failures are planned", fails)
	}
	for _, c := range []struct {
		name   string
		change func(entries *[]audit.Entry, days *[]*system)
		says   string // "": as planned
	}{
		{"as planned", func(*[]audit.Entry, *[]*system) {}, ""},
		{"one more failure", func(e *[]audit.Entry, _ *[]*system) { (*e)[0].Status = "timeout" }, "google_calendar_list_events timeout: 1, and none was planned"},
		{"a failure that did not come", func(e *[]audit.Entry, _ *[]*system) {
			for i := range *e {
				if (*e)[i].Status == "not_permitted" {
					(*e)[i].Status = "ok"
				}
			}
		}, "google_calendar_create_event not_permitted: 0 of 1"},
		{"another kind", func(e *[]audit.Entry, _ *[]*system) {
			for i := range *e {
				if (*e)[i].Status == "needs_consent" {
					(*e)[i].Status = "internal"
				}
			}
		}, "notion_read_page internal"},
		{"a call that left no record", func(e *[]audit.Entry, _ *[]*system) { *e = (*e)[1:] }, "google_calendar_list_events ok: 0 of 1"},
		{"a call twice", func(e *[]audit.Entry, _ *[]*system) { *e = append(*e, (*e)[0]) }, "google_calendar_list_events ok: 2 of 1"},
		{"a system without a call", func(_ *[]audit.Entry, d *[]*system) { *d = (*d)[1:] }, sandbox.Services()[0] + " was not called"},
		{"few kinds", func(_ *[]audit.Entry, d *[]*system) {
			for _, s := range *d {
				s.kinds = map[string]bool{"api_key": true}
			}
		}, "1 kinds of credential"},
	} {
		t.Run(c.name, func(t *testing.T) {
			entries, days := planned(plan)
			c.change(&entries, &days)
			err := asPlanned(plan, entries, days)
			if c.says == "" && err != nil || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
				t.Errorf("%v, not %q", err, c.says)
			}
		})
	}
}

// A failure that nobody has planned stops nothing either, and is told by the exit
// code.
func TestAnUnplannedFailureStopsNothing(t *testing.T) {
	var out bytes.Buffer
	cmd := &cobra.Command{}
	cmd.SetOut(&out)
	cmd.SetContext(t.Context())
	err := playDemo(cmd, place{data: filepath.Join(t.TempDir(), "data")}, func(d *demo, ctx context.Context, p place) error {
		plan := supportDay(d.started)
		plan[0].before = func(_ context.Context, d *demo) error {
			d.app.Sandbox.Doubles["salesforce"].Down(true)
			return nil
		}
		plan[3].before = func(_ context.Context, d *demo) error {
			d.app.Sandbox.Doubles["hubspot"].Down(true) // the note then has no contact to stand at
			return nil
		}
		return d.play(ctx, p, plan)
	})
	if err == nil || !strings.Contains(err.Error(), "salesforce_find_records upstream_unavailable: 1, and none was planned") || !strings.Contains(err.Error(), "salesforce_update_record ok: 0 of 1") {
		t.Errorf("%v", err)
	}
	if err == nil || strings.Contains(err.Error(), "slack") || !strings.Contains(err.Error(), "hubspot_create_note ok: 0 of 1") {
		t.Errorf("others failed too: %v", err)
	}
	for _, s := range []string{"11 systems, 24 calls", "✗ hubspot_create_note not made", "Intact: ", "salesforce       2 "} {
		if !strings.Contains(out.String(), s) {
			t.Errorf("the story does not have %q:\n%s", s, out.String())
		}
	}
}
