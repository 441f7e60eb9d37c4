package googlecalendar

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"toolvault/tools/fault"
)

func TestFreeBusy(t *testing.T) {
	w := newWorld(t)
	f := must[FreeBusy](w, "free_busy", `{"calendars":["primary","`+jonas+`","`+priya+`","`+dana+`"],"from":"2026-11-25","to":"2026-11-25"}`)
	want := []Busy{
		{marta, "", []Block{{"2026-11-25T14:00:00+01:00", "2026-11-25T14:45:00+01:00"}}},
		{jonas, "", []Block{{"2026-11-25T10:00:00+01:00", "2026-11-25T11:30:00+01:00"}, {"2026-11-25T14:00:00+01:00", "2026-11-25T14:45:00+01:00"}}},
		{priya, "", []Block{{"2026-11-25T11:00:00+01:00", "2026-11-25T13:00:00+01:00"}}},
		{dana, "there is no such calendar, or it does not share free/busy with this account", []Block{}},
	}
	if got, want := fmt.Sprint(f.Calendars), fmt.Sprint(want); got != want {
		t.Errorf("got %s", got)
	}
	if text := f.Text(); !strings.Contains(text, dana+": UNKNOWN, do not take it for free") || strings.Contains(text, dana+": free") {
		t.Error(text)
	}
	w.refused(fault.InvalidArguments, "62 days", "free_busy", `{"calendars":["primary"],"from":"2026-11-25","to":"2027-11-25"}`)
}

func TestFindTime(t *testing.T) {
	w := newWorld(t)
	l := must[Slots](w, "find_time", `{"calendars":["primary","`+jonas+`","`+priya+`"],"minutes":60,"from":"2026-11-24","to":"2026-11-27","limit":6}`)
	var got []string
	for _, s := range l.Slots {
		got = append(got, s.Start[:16])
	}
	// Today it is ten past; the release notes are from 13 to 15; tomorrow somebody is
	// busy from 10 to 13 and from 14 to 14:45.
	want := "[2026-11-24T10:15 2026-11-24T11:15 2026-11-24T15:00 2026-11-24T16:00 2026-11-25T09:00 2026-11-25T13:00]"
	if fmt.Sprint(got) != want {
		t.Errorf("got %s", got)
	}
	l = must[Slots](w, "find_time", `{"calendars":["primary","`+dana+`"],"minutes":30,"from":"2026-11-28","to":"2026-11-29"}`)
	if len(l.Slots) != 0 || len(l.Unknown) != 1 || !strings.Contains(l.Text(), "UNKNOWN whether free: "+dana) {
		t.Errorf("on a weekend: %+v", l)
	}
	l = must[Slots](w, "find_time", `{"calendars":["primary"],"minutes":30,"from":"2026-11-28","to":"2026-11-29","days":["sat"],"day_start":"10:00","day_end":"11:00"}`)
	if len(l.Slots) != 2 || l.Slots[1].Start != "2026-11-28T10:30:00+01:00" {
		t.Errorf("%+v", l)
	}
	l = must[Slots](w, "find_time", `{"calendars":["`+dana+`"],"minutes":30,"from":"2026-11-25","to":"2026-11-27"}`)
	if len(l.Slots) != 0 || len(l.Unknown) != 1 {
		t.Errorf("of nobody anything is known, and it proposes %+v", l)
	}
	w.refused(fault.InvalidArguments, "do not fit", "find_time", `{"calendars":["primary"],"minutes":600,"from":"2026-11-25","to":"2026-11-27"}`)
	w.refused(fault.InvalidArguments, "is over", "find_time", `{"calendars":["primary"],"minutes":60,"from":"2026-11-20","to":"2026-11-21"}`)
	w.refused(fault.InvalidArguments, "no time of day", "find_time", `{"calendars":["primary"],"minutes":60,"from":"2026-11-25","to":"2026-11-27","day_start":"nine"}`)
	w.refused(fault.InvalidArguments, "not after day_start", "find_time", `{"calendars":["primary"],"minutes":60,"from":"2026-11-25","to":"2026-11-27","day_start":"18:00"}`)
}

// What Google does not say, or says so that it cannot be read, is unknown and never
// free.
func TestUnknownIsNotFree(t *testing.T) {
	for _, answer := range []string{
		`{}`, `{"calendars":{}}`, `{"calendars":{"` + marta + `":null}}`, `{"calendars":{"` + marta + `":{"errors":[{"reason":"internalError"}],"busy":[]}}}`,
		`{"calendars":{"` + marta + `":{"busy":[{"start":"soon","end":"later"}]}}}`, `{"calendars":{"` + marta + `":{"busy":[{"start":"2026-11-25T11:00:00Z","end":"2026-11-25T10:00:00Z"}]}}}`,
		`{"calendars":{"other":{"busy":[]}}}`,
	} {
		w := newWorld(t)
		w.between = func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
			if strings.HasSuffix(r.URL.Path, "/freeBusy") {
				rw.Header().Set("Content-Type", "application/json")
				_, _ = rw.Write([]byte(answer))
				return
			}
			next.ServeHTTP(rw, r)
		}
		f := must[FreeBusy](w, "free_busy", `{"calendars":["primary"],"from":"2026-11-25","to":"2026-11-25"}`)
		if f.Calendars[0].Unknown == "" || len(f.Calendars[0].Busy) > 0 {
			t.Errorf("%s: %+v", answer, f)
		}
		l := must[Slots](w, "find_time", `{"calendars":["primary"],"minutes":30,"from":"2026-11-25","to":"2026-11-25"}`)
		if len(l.Slots) > 0 || len(l.Unknown) != 1 {
			t.Errorf("%s: %+v", answer, l)
		}
	}
}

// A minute too early or too late is too much.
func TestSlotsToTheMinute(t *testing.T) {
	at := func(hour, minute int) time.Time { return time.Date(2026, 11, 25, hour, minute, 0, 0, time.UTC) }
	w, h := window{at(9, 0), at(17, 0), time.UTC}, hours{9 * 60, 17 * 60, [7]bool{time.Wednesday: true}, time.UTC}
	for _, c := range []struct {
		busy   []interval
		buffer time.Duration
		want   string
	}{
		{nil, 0, "09:00"},
		{[]interval{{at(8, 0), at(9, 0)}}, 0, "09:00"},
		{[]interval{{at(8, 0), at(9, 1)}}, 0, "09:15"},
		{[]interval{{at(10, 0), at(12, 0)}}, 0, "09:00"},
		{[]interval{{at(9, 59), at(12, 0)}}, 0, "12:00"},
		{[]interval{{at(9, 59), at(12, 1)}}, 0, "12:15"},
		{[]interval{{at(9, 30), at(9, 30)}}, 0, "09:00"},
		{[]interval{{at(10, 0), at(12, 0)}}, 10 * time.Minute, "12:15"},
		{[]interval{{at(10, 0), at(12, 0)}, {at(13, 24), at(17, 0)}}, 10 * time.Minute, ""},
		{[]interval{{at(10, 0), at(12, 0)}, {at(13, 25), at(17, 0)}}, 10 * time.Minute, "12:15"},
	} {
		got := ""
		if found := slots(c.busy, w, h, time.Hour, c.buffer, 1); len(found) > 0 {
			got = found[0].from.Format("15:04")
		}
		if got != c.want {
			t.Errorf("%v: %s, want %s", c.busy, got, c.want)
		}
	}
}

// A proposal never overlaps with what is busy, its buffer included, and never leaves the
// window, the days or their hours; and where there is none, there is none to be had.
func TestSlots(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { checkSlots(t) })
}

func FuzzSlots(f *testing.F) { f.Fuzz(rapid.MakeFuzz(checkSlots)) }

func checkSlots(t *rapid.T) {
	zone := rapid.SampledFrom([]string{"UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Apia"}).Draw(t, "zone")
	loc, err := zoned(zone)
	if err != nil {
		t.Fatal(err)
	}
	// Around the days on which clocks change.
	begin := rapid.SampledFrom([]time.Time{time.Date(2026, 3, 27, 0, 0, 0, 0, loc), time.Date(2026, 10, 23, 0, 0, 0, 0, loc), time.Date(2026, 11, 24, 0, 0, 0, 0, loc), time.Date(2026, 4, 3, 0, 0, 0, 0, loc)}).Draw(t, "begin")
	minutes := func(name string, from, to int) time.Duration {
		return time.Duration(rapid.IntRange(from, to).Draw(t, name)) * time.Minute
	}
	w := window{from: begin.Add(minutes("from", 0, 1500)), loc: loc}
	w.to = w.from.Add(minutes("long", 600, 6*24*60))
	h := hours{start: rapid.IntRange(0, 1000).Draw(t, "open"), loc: loc}
	h.end = rapid.IntRange(h.start+300, 1440).Draw(t, "shut")
	for d := range h.days {
		h.days[d] = rapid.IntRange(0, 3).Draw(t, "day") > 0
	}
	var busy []interval
	for range rapid.IntRange(0, 6).Draw(t, "busy") { // about where proposals begin and end, where mistakes show
		from := onDay(begin, h.start).Add(grid*minutes("after", -10, 100) + minutes("and", -1, 1))
		busy = append(busy, interval{from, from.Add(max(0, grid*minutes("for", 0, 12)+minutes("more", -1, 1)))})
	}
	length := rapid.SampledFrom([]time.Duration{15, 30, 45, 60, 90, 7, 25, 240}).Draw(t, "length") * time.Minute
	buffer := rapid.SampledFrom([]time.Duration{0, 15, 30, 7}).Draw(t, "buffer") * time.Minute
	limit := rapid.IntRange(5, 60).Draw(t, "limit")
	found := slots(busy, w, h, length, buffer, limit)
	if len(found) > limit {
		t.Fatalf("%d, and %d at most", len(found), limit)
	}
	fits := func(s interval) string {
		day := time.Date(s.from.Year(), s.from.Month(), s.from.Day(), 0, 0, 0, 0, loc)
		switch {
		case s.to.Sub(s.from) != length:
			return "it has another length"
		case s.from.Before(w.from) || s.to.After(w.to):
			return "it leaves the window"
		case !h.days[s.from.Weekday()]:
			return "it is on another day"
		case s.from.Before(onDay(day, h.start)) || s.to.After(onDay(day, h.end)):
			return "it leaves the hours"
		}
		for _, b := range busy {
			if b.from.Before(b.to) && b.from.Before(s.to.Add(buffer)) && b.to.After(s.from.Add(-buffer)) {
				return "it overlaps with what is busy"
			}
		}
		return ""
	}
	for i, s := range found {
		if s.from = s.from.In(loc); fits(s) != "" {
			t.Fatalf("%v: %s", s, fits(s))
		}
		if i > 0 && s.from.Before(found[i-1].to) {
			t.Fatalf("%v overlaps with %v", s, found[i-1])
		}
	}
	if len(found) > 0 {
		return
	}
	// None is said to fit: then none on the grid does.
	for day := time.Date(w.from.Year(), w.from.Month(), w.from.Day(), 0, 0, 0, 0, loc); day.Before(w.to); day = nextDay(day) {
		for at := onDay(day, h.start); at.Before(w.to) && at.Before(nextDay(day)); at = at.Add(grid * time.Minute) {
			if s := (interval{at, at.Add(length)}); fits(s) == "" {
				t.Fatalf("%v fits and was not found", s)
			}
		}
	}
}
