package googlecalendar

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"toolvault/tools/fault"
)

// dates are those of a series, as they are in the calendar.
func (w *world) dates(event, to string) []string {
	w.t.Helper()
	return titles(must[Events](w, "list_instances", fmt.Sprintf(`{"event":%q,"from":"2026-11-20","to":%q}`, event, to)))
}

const thursday = "standup0team_20261126T080000Z"

// One date of a series is changed without the others.
func TestThisDate(t *testing.T) {
	w := newWorld(t)
	s := must[Saved](w, "update_event", `{"event":"standup0team_20261203T080000Z","start":"2026-12-04 08:30","title":"Stand-up, a day late"}`)
	if s.Start != "2026-12-04T08:30:00+01:00" || s.End != "2026-12-04T08:45:00+01:00" || s.Series != "standup0team" {
		t.Errorf("%+v", s)
	}
	want := []string{"2026-11-23T09:00 Support stand-up", "2026-11-26T10:00 Support stand-up", "2026-12-04T08:30 Stand-up, a day late", "2026-12-07T09:00 Support stand-up"}
	if got := w.dates("standup0team", "2026-12-08"); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	w.refused(fault.InvalidArguments, "a whole series", "update_event", `{"event":"standup0team","title":"x"}`)
	w.refused(fault.InvalidArguments, "a whole series", "delete_event", `{"event":"standup0team"}`)
	w.refused(fault.InvalidArguments, "cannot repeat by itself", "update_event", `{"event":"`+thursday+`","recurrence":["RRULE:FREQ=DAILY"]}`)
	if d := must[Deleted](w, "delete_event", `{"event":"`+thursday+`"}`); d.What != "date of a series" {
		t.Errorf("%+v", d)
	}
	want = slices.Delete(want, 1, 2)
	if got := w.dates("standup0team", "2026-12-08"); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

// All of a series is changed by one of its dates: it moves by as much.
func TestAllOfASeries(t *testing.T) {
	w := newWorld(t)
	s := must[Saved](w, "update_event", `{"event":"standup0team_20261203T080000Z","scope":"all","start":"2026-12-03 09:30","minutes":20}`)
	if s.ID != "standup0team" || s.Start != "2026-11-02T09:30:00+01:00" || s.End != "2026-11-02T09:50:00+01:00" || s.TimeZone != "Europe/Berlin" {
		t.Errorf("%+v", s)
	}
	w.refused(fault.InvalidArguments, "Give recurrence too", "update_event", `{"event":"standup0team_20261203T083000Z","scope":"all","start":"2026-12-04 09:30"}`)
	s = must[Saved](w, "update_event", `{"event":"standup0team_20261203T083000Z","scope":"all","start":"2026-12-04 09:30","recurrence":["RRULE:FREQ=WEEKLY;BYDAY=TU,FR"]}`)
	if s.Start != "2026-11-03T09:30:00+01:00" {
		t.Errorf("%+v", s)
	}
	if got, want := w.dates("standup0team", "2026-11-27"), []string{"2026-11-20T09:30 Support stand-up", "2026-11-24T09:30 Support stand-up", "2026-11-27T09:30 Support stand-up"}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	if d := must[Deleted](w, "delete_event", `{"event":"standup0team","scope":"all"}`); d.What != "series" || w.stored("standup0team") != "" {
		t.Errorf("%+v", d)
	}
}

// The wall clock of a series stays when the clocks change, since its zone is sent.
func TestASeriesOverTheChangeOfClocks(t *testing.T) {
	w := newWorld(t)
	w.now = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	s := must[Saved](w, "create_event", `{"title":"Retro","start":"2026-03-20 16:00","recurrence":["RRULE:FREQ=WEEKLY;COUNT=3"]}`)
	got := titles(must[Events](w, "list_instances", `{"event":"`+s.ID+`"}`))
	if want := []string{"2026-03-20T16:00 Retro", "2026-03-27T16:00 Retro", "2026-04-03T16:00 Retro"}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	l := must[Events](w, "list_instances", `{"event":"`+s.ID+`","timezone":"UTC"}`)
	if got := titles(l); got[0] != "2026-03-20T15:00 Retro" || got[2] != "2026-04-03T14:00 Retro" {
		t.Errorf("got %q", got)
	}
}

// From a date on: the old series ends before it, a new one begins there.
func TestThisAndFollowing(t *testing.T) {
	w := newWorld(t)
	s := must[Saved](w, "update_event", `{"event":"standup0team_20261203T080000Z","scope":"following","start":"2026-12-03 11:00","title":"Stand-up at eleven"}`)
	if s.ID == "standup0team" || s.Start != "2026-12-03T11:00:00+01:00" || s.End != "2026-12-03T11:15:00+01:00" || len(s.Guests) != 2 || !strings.Contains(s.Note, "standup0team ends before") {
		t.Errorf("%+v", s)
	}
	if old := w.stored("standup0team"); !strings.Contains(old, "BYDAY=MO,TH;UNTIL=20261203T075959Z") {
		t.Errorf("the old one is %s", old)
	}
	if got, want := w.dates("standup0team", "2026-12-31"), []string{"2026-11-23T09:00 Support stand-up", "2026-11-26T10:00 Support stand-up"}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	if got, want := w.dates(s.ID, "2026-12-10"), []string{"2026-12-03T11:00 Stand-up at eleven", "2026-12-07T11:00 Stand-up at eleven", "2026-12-10T11:00 Stand-up at eleven"}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	if mails := w.mails(); len(mails) > 0 {
		t.Errorf("mailed %q", mails)
	}

	// The first date and what follows is all of it.
	w = newWorld(t)
	if s := must[Saved](w, "update_event", `{"event":"standup0team_20261102T080000Z","scope":"following","title":"x"}`); s.ID != "standup0team" {
		t.Errorf("%+v", s)
	}
	w.refused(fault.InvalidArguments, "Give recurrence too", "update_event", `{"event":"standup0team_20261203T080000Z","scope":"following","start":"2026-12-04 11:00"}`)
	w.refused(fault.InvalidArguments, "Give recurrence too", "update_event", `{"event":"standup0team","scope":"all","start":"2026-11-03 09:00"}`)
	w.refused(fault.InvalidArguments, "from which date on", "update_event", `{"event":"standup0team","scope":"following","title":"x"}`)

	// Deleting what follows cuts the series off.
	d := must[Deleted](w, "delete_event", `{"event":"standup0team_20261203T080000Z","scope":"following"}`)
	if d.What != "rest of a series" || d.Start != "2026-12-03T09:00:00+01:00" || !strings.Contains(w.stored("standup0team"), "UNTIL=20261203T075959Z") {
		t.Errorf("%+v", d)
	}
}

// A series that is counted keeps its number of dates when it is divided.
func TestDividingACountedSeries(t *testing.T) {
	w := newWorld(t)
	s := must[Saved](w, "create_event", `{"title":"Training","start":"2026-12-01","recurrence":["RRULE:FREQ=WEEKLY;COUNT=6","EXDATE;VALUE=DATE:20261222"]}`)
	w.callID = "01990000-0000-7000-8000-000000000009"
	must[Deleted](w, "delete_event", `{"event":"`+s.ID+`_20261208"}`)
	next := must[Saved](w, "update_event", `{"event":"`+s.ID+`_20261215","scope":"following","title":"Training, part two"}`)
	if old := w.stored(s.ID); !strings.Contains(old, `"RRULE:FREQ=WEEKLY;UNTIL=20261214"`) || strings.Contains(old, "EXDATE") {
		t.Errorf("the old one is %s", old)
	}
	if got := next.Recurrence; !slices.Equal(got, []string{"RRULE:FREQ=WEEKLY;COUNT=4", "EXDATE;VALUE=DATE:20261222"}) {
		t.Errorf("the new one has %q", got)
	}
}

// Where the new series cannot be made, the old one is put back as it was.
func TestAFailedDivision(t *testing.T) {
	w := newWorld(t)
	before := w.stored("standup0team")
	w.between = func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Method == http.MethodPost {
			rw.WriteHeader(http.StatusForbidden)
			return
		}
		next.ServeHTTP(rw, r)
	}
	w.refused(fault.NotPermitted, "the old one is as it was", "update_event", `{"event":"standup0team_20261203T080000Z","scope":"following","title":"x"}`)
	if after := w.stored("standup0team"); after != before {
		t.Errorf("it is %s, was %s", after, before)
	}
	patches := 0
	w.between = func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Method == http.MethodPatch {
			patches++
		}
		if r.Method == http.MethodPost || patches > 1 {
			rw.WriteHeader(http.StatusForbidden)
			return
		}
		next.ServeHTTP(rw, r)
	}
	f := w.refused(fault.NotPermitted, "«RRULE:FREQ=WEEKLY;BYDAY=MO,TH»", "update_event", `{"event":"standup0team_20261203T080000Z","scope":"following","title":"x"}`)
	if f.NotSent || f.Retryable {
		t.Errorf("%+v", f)
	}
}

// Days and times are changed into each other, and what is not given stays.
func TestUpdateTimes(t *testing.T) {
	for _, c := range []struct{ args, start, end string }{
		{`"start":"2026-11-25 15:00"`, "2026-11-25T15:00:00+01:00", "2026-11-25T15:45:00+01:00"},
		{`"end":"15:30"`, "2026-11-25T14:00:00+01:00", "2026-11-25T15:30:00+01:00"},
		{`"minutes":15`, "2026-11-25T14:00:00+01:00", "2026-11-25T14:15:00+01:00"},
		{`"start":"2026-11-25"`, "2026-11-25", "2026-11-25"},
		{`"timezone":"America/New_York"`, "2026-11-25T14:00:00+01:00", "2026-11-25T14:45:00+01:00"},
		{`"timezone":"America/New_York","start":"2026-11-25 14:00"`, "2026-11-25T20:00:00+01:00", "2026-11-25T20:45:00+01:00"},
	} {
		w := newWorld(t)
		if s := must[Saved](w, "update_event", `{"event":"dana0csv0call",`+c.args+`}`); s.Start != c.start || s.End != c.end {
			t.Errorf("%s: %s to %s", c.args, s.Start, s.End)
		}
	}
	w := newWorld(t)
	if s := must[Saved](w, "update_event", `{"event":"offsite0december","start":"2026-12-08"}`); s.Start != "2026-12-08" || s.End != "2026-12-09" {
		t.Errorf("%+v", s)
	}
	if s := must[Saved](w, "update_event", `{"event":"offsite0december","start":"2026-12-08 10:00","location":""}`); s.End != "2026-12-08T10:30:00+01:00" || s.Location != "" {
		t.Errorf("%+v", s)
	}
	w.refused(fault.InvalidArguments, "Nothing to change", "update_event", `{"event":"dana0csv0call"}`)
}
