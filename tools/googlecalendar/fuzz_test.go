package googlecalendar

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"toolvault/tools/fault"
	google "toolvault/tools/sandbox/googlecalendar"
	"toolvault/tools/upstream"
)

// Whatever is written for a start and an end, it is refused in one sentence, or is a
// span that begins before it ends and is as the API takes it.
func FuzzTimes(f *testing.F) {
	f.Add("2026-11-27 16:00", "17:00", 0, "Europe/Berlin")
	f.Add("tomorrow", "friday", 0, "Asia/Kolkata")
	f.Add("2026-03-29 02:30", "", 30, "Europe/Berlin")
	f.Add("9999-12-31", "9999-12-31", 0, "UTC")
	f.Add("next week", "1700000000", 10080, "Pacific/Apia")
	s := &service{now: func() time.Time { return today }}
	f.Fuzz(func(t *testing.T, start, end string, minutes int, zone string) {
		loc, err := zoned(zone)
		if err != nil {
			checkWrong(t, err)
			return
		}
		at, err := s.spanOf(start, end, max(0, minutes%10081), usualLength, loc)
		if err != nil {
			checkWrong(t, err)
			return
		}
		if !at.start.Before(at.end) {
			t.Fatalf("%v to %v", at.start, at.end)
		}
		for _, p := range []time.Time{at.start, at.end} {
			b, err := json.Marshal(withoutNull(ofPoint(p, at.day)))
			var m pointModel
			if err != nil || json.Unmarshal(b, &m) != nil {
				t.Fatalf("%s: %v", b, err)
			}
			back, day, ok := m.in(loc)
			if p.Year() < 10000 && (!ok || day != at.day || !back.Equal(p) && !at.day) {
				t.Fatalf("%s is %v, was %v", b, back, p)
			}
		}
	})
}

func checkWrong(t *testing.T, err error) {
	t.Helper()
	f := fault.From(err)
	if f.Kind != fault.InvalidArguments || !f.NotSent || strings.ContainsAny(f.Message, "\n\x00\x1b") || len(f.Message) > 600 {
		t.Fatalf("%+v", f)
	}
}

// Whatever is written as a recurrence, it is refused, or taken by the API's double; and
// a series that is divided has no date in both parts, none twice and none lost.
func FuzzRecurrence(f *testing.F) {
	f.Add("RRULE:FREQ=WEEKLY;BYDAY=MO,TH", "EXDATE:20261203T080000Z", uint8(3), false)
	f.Add("FREQ=DAILY;COUNT=9", "", uint8(4), true)
	f.Add("RRULE:FREQ=MONTHLY;BYDAY=-1FR;UNTIL=20271231", "", uint8(2), false)
	f.Add("RRULE:FREQ=YEARLY;INTERVAL=2", "RDATE;VALUE=DATE:20261203", uint8(1), true)
	f.Add("RRULE:FREQ=WEEKLY;INTERVAL=2;BYDAY=TU,TH,SA;COUNT=30", "", uint8(5), false)
	f.Add("rrule:freq=weekly;interval=3;until=20271231T000000Z", "EXDATE;VALUE=DATE:20261210,20261217", uint8(5), true)
	berlin, err := zoned("Europe/Berlin")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, a, b string, at uint8, day bool) {
		start := time.Date(2026, 11, 26, 9, 0, 0, 0, berlin)
		if day {
			start = time.Date(2026, 11, 26, 0, 0, 0, 0, berlin)
		}
		given := []string{a}
		if b != "" {
			given = append(given, b)
		}
		lines, err := rules(given, start, day)
		if err != nil {
			checkWrong(t, err)
			return
		}
		for _, l := range lines {
			if strings.ContainsAny(l, " \n\r\t\x00") {
				t.Fatalf("%q", l)
			}
		}
		if strings.Contains(a+b, "RDATE") || strings.Contains(a+b, "EXRULE") || strings.Contains(strings.ToUpper(a), "BYSETPOS") || strings.Contains(strings.ToUpper(a), "BYMONTH") || strings.Contains(strings.ToUpper(a), "WKST") || strings.Contains(strings.ToUpper(a), "BYHOUR") || strings.Contains(strings.ToUpper(a), "BYMINUTE") {
			return // of these the double knows too little
		}
		all, ok := google.Dates(lines, start, day)
		if !ok || len(all) == 0 {
			return
		}
		cut := all[int(at)%len(all)]
		if !cut.After(start) {
			return
		}
		whole, _ := google.Dates(withoutDates(lines), start, day)
		before := 0
		for _, d := range whole {
			if d.Before(cut) {
				before++
			}
		}
		old, ok1 := google.Dates(untilBefore(lines, cut, day), start, day)
		next, ok2 := google.Dates(fromOn(lines, cut, before), cut, day)
		if !ok1 || !ok2 {
			t.Fatalf("%q is divided into what is none: %q, %q", lines, untilBefore(lines, cut, day), fromOn(lines, cut, before))
		}
		if len(whole) > 900 {
			return // the double looks no further, and from the cut on it would
		}
		got := append(append([]time.Time{}, old...), next...)
		for i := range min(len(got), len(all), 400) {
			if !got[i].Equal(all[i]) {
				t.Fatalf("%q cut at %v: date %d is %v, was %v\n%q\n%q", lines, cut, i, got[i], all[i], untilBefore(lines, cut, day), fromOn(lines, cut, before))
			}
		}
	})
}

func withoutDates(lines []string) []string {
	var out []string
	for _, l := range lines {
		if !dates(l) {
			out = append(out, l)
		}
	}
	return out
}

// An address of an event leads to ids that can stand in a path, or to none.
func FuzzAddress(f *testing.F) {
	f.Add("https://www.google.com/calendar/event?eid=ZGFuYTBleHBvcnQwY2FsbCBtYXJ0YUBn")
	f.Add("https://calendar.google.com/calendar/u/0/r/eventedit/ZGFuYTBleHBvcnQwY2FsbCBtYXJ0YUBn")
	f.Add("https://x/?eid=Li4gYQ")
	f.Fuzz(func(t *testing.T, address string) {
		id, calendar, ok := addressed(address)
		if ok && (!idForm.MatchString(id) || strings.ContainsAny(id, "/.?#% ") || len(calendar) > 400) {
			t.Fatalf("%q %q", id, calendar)
		}
	})
}

func FuzzFault(f *testing.F) {
	f.Add(403, `{"error":{"message":"x","errors":[{"reason":"insufficientPermissions"}]}}`)
	f.Add(410, `{"error":{"errors":[{"reason":"fullSyncRequired"}]}}`)
	f.Add(400, `{"error":"invalid_grant"}`)
	f.Fuzz(func(t *testing.T, status int, body string) {
		if status < 300 || status > 599 {
			return
		}
		got := readFault(&upstream.Response{Service: name, Status: status, Header: http.Header{}, Body: []byte(body)})
		if got == nil || utf8.RuneCountInString(got.Message) > 1200 || strings.ContainsAny(got.Message+got.Code, "\x00\x1b\n") {
			t.Errorf("got %+v", got)
		}
	})
}

// Whatever an event holds, it becomes a line that stays one.
func FuzzEvent(f *testing.F) {
	f.Add(`{"id":"a","summary":"x","start":{"date":"2026-11-27"},"end":{"date":"2026-11-28"}}`)
	f.Add(`{"id":"a b","summary":"»\n","start":{"dateTime":"soon"},"attendees":[{"self":true}],"conferenceData":{"createRequest":{"status":{"statusCode":"pending"}}}}`)
	f.Fuzz(func(t *testing.T, text string) {
		var m eventModel
		if json.Unmarshal([]byte(text), &m) != nil {
			return
		}
		e := m.whole("primary", time.UTC)
		if line := e.line(); strings.ContainsAny(line, "\n\r\x00\x1b") || strings.Count(line, "«") != strings.Count(line, "»") {
			t.Fatalf("%q", line)
		}
		if text := e.Text(); strings.Count(text, "«") != strings.Count(text, "»") {
			t.Fatalf("%q", text)
		}
	})
}
