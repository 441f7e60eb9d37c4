package when

import (
	"strings"
	"testing"
	"time"

	"toolvault/tools/fault"
)

func TestParse(t *testing.T) {
	berlin := time.FixedZone("Berlin", 3600)
	now := time.Date(2026, 11, 25, 12, 30, 0, 0, time.UTC) // a Wednesday, 13:30 in Berlin
	for _, c := range []struct {
		word  string
		ahead bool
		want  string // UTC; "": refused
	}{
		{"2026-11-24T10:00:00Z", false, "2026-11-24T10:00:00Z"},
		{"2026-11-24T10:00:00+02:00", false, "2026-11-24T08:00:00Z"},
		{"2026-11-24 10:00", false, "2026-11-24T09:00:00Z"},
		{"2026-11-24", false, "2026-11-23T23:00:00Z"},
		{"24h", false, "2026-11-24T12:30:00Z"},
		{"24h", true, "2026-11-26T12:30:00Z"},
		{"+2d", false, "2026-11-27T12:30:00Z"},
		{"-1w", true, "2026-11-18T12:30:00Z"},
		{"in 90 minutes", false, "2026-11-25T14:00:00Z"},
		{"3 days ago", true, "2026-11-22T12:30:00Z"},
		{"now", false, "2026-11-25T12:30:00Z"},
		{"today", false, "2026-11-24T23:00:00Z"},
		{"Yesterday 9:00", false, "2026-11-24T08:00:00Z"},
		{"tomorrow at 5pm", false, "2026-11-26T16:00:00Z"},
		{"9:15", false, "2026-11-25T08:15:00Z"},
		{"12am", false, "2026-11-24T23:00:00Z"},
		{"monday", false, "2026-11-22T23:00:00Z"},
		{"monday 8:00", true, "2026-11-30T07:00:00Z"},
		{"last friday", true, "2026-11-19T23:00:00Z"},
		{"next wednesday", false, "2026-12-01T23:00:00Z"},
		{"this week", false, "2026-11-22T23:00:00Z"},
		{"Last week", false, "2026-11-15T23:00:00Z"},
		{"next  week", true, "2026-11-29T23:00:00Z"},
		{"this month", false, "2026-10-31T23:00:00Z"},
		{"last month", false, "2026-09-30T23:00:00Z"},
		{"next month", true, "2026-11-30T23:00:00Z"},
		{"week", false, ""},
		{"next weekend", true, ""},
		{"1795600800", false, "2026-11-25T10:00:00Z"},
		{"1795600800123", false, "2026-11-25T10:00:00.123Z"},
		{"", false, ""},
		{"24", false, ""},
		{"13pm", false, ""},
		{"25:00", false, ""},
		{"soon", false, ""},
		{"next 9:00", false, ""},
		{"in -2h", false, ""},
		{"yesterday yesterday", false, ""},
		{"99999w", false, ""},
		{"0001-01-01", false, ""},
	} {
		got, err := Parse("since", c.word, Clock{now, berlin, c.ahead})
		if c.want == "" {
			if f := fault.From(err); f == nil || f.Kind != fault.InvalidArguments || !strings.HasPrefix(f.Message, "since: ") {
				t.Errorf("%q: %v, %v", c.word, got, err)
			}
			continue
		}
		if err != nil || got.UTC().Format(time.RFC3339Nano) != c.want {
			t.Errorf("%q: got %v, %v; want %s", c.word, got.UTC(), err, c.want)
		}
	}
	if got, err := Parse("since", "today", Clock{Now: now}); err != nil || !got.Equal(time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC)) {
		t.Error(got, err)
	}
}

// The clocks change on that day: nine is nine all the same.
func TestTheDayOnWhichTheClocksChange(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skip("no time zones here:", err)
	}
	got, err := Parse("at", "yesterday 9:00", Clock{Now: time.Date(2026, 3, 30, 1, 0, 0, 0, time.UTC), Zone: zone})
	if want := time.Date(2026, 3, 29, 7, 0, 0, 0, time.UTC); err != nil || !got.Equal(want) {
		t.Error(got.UTC(), err)
	}
}
